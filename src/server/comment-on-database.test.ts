/** COMMENT ON DATABASE of another one: it lies in that one's log, so that no transaction of this one takes it back. */
import pg from 'pg'
import { expect, test } from 'vitest'
import { Instance } from '../database/instance.ts'
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { Sessions } from '../session/sessions.ts'
import { Server } from './server.ts'

test('is done there, durably, by itself, whether that one is open or not', async () => {
  const host = { ...createRealHost(), disk: createMemoryDisk() }
  const clients: pg.Client[] = []
  const start = async (): Promise<{ instance: Instance; server: Server }> => {
    const instance = await Instance.open({ host, directory: 'data' }, 'polylog')
    const options = { defaultDatabase: 'polylog', catalog: instance }
    const sessions = new Sessions(host, () => instance.databases, options)
    return { instance, server: await Server.listen(host, sessions, { port: 0 }) }
  }
  const connect = async ({ port }: Server, database: string): Promise<pg.Client> => {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'me', database })
    await client.connect()
    clients.push(client)
    return client
  }
  const end = async ({ instance, server }: { instance: Instance; server: Server }): Promise<void> => {
    for (const client of clients.splice(0)) await client.end()
    await server.close()
    await instance.close()
  }
  const commentOf = async (client: pg.Client): Promise<unknown> => {
    const sql =
      "SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = current_database()"
    return (await client.query(sql)).rows[0].comment
  }
  let running = await start()
  let own = await connect(running.server, 'polylog')
  await own.query('CREATE DATABASE other')
  await end(running)
  running = await start()
  own = await connect(running.server, 'polylog')
  expect(running.instance.databases.has('other')).toBe(false)
  expect((await own.query("COMMENT ON DATABASE other IS 'for others'")).command).toBe('COMMENT')
  await own.query("COMMENT ON DATABASE polylog IS 'our own'")
  await own.query('BEGIN')
  await expect(own.query("COMMENT ON DATABASE other IS 'x'")).rejects.toMatchObject({ code: '25001' })
  await own.query('ROLLBACK')
  await own.query('BEGIN')
  await own.query("COMMENT ON DATABASE polylog IS 'x'")
  await own.query('ROLLBACK')
  await own.query('BEGIN READ ONLY')
  await expect(own.query("COMMENT ON DATABASE other IS 'x'")).rejects.toMatchObject({ code: '25006' })
  await own.query('ROLLBACK')
  expect(await commentOf(own)).toBe('our own')
  await end(running)
  running = await start()
  own = await connect(running.server, 'polylog')
  const other = await connect(running.server, 'other')
  expect(await commentOf(other)).toBe('for others')
  await own.query('COMMENT ON DATABASE other IS NULL')
  expect(await commentOf(other)).toBe(null)
  await end(running)
})
