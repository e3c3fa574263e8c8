/**
 * Transactions of forty megabytes in a built server: whenever it is killed, stopped or told to give one up, all of it
 * is there afterwards or nothing, and what the client was told; and the process stays below its memory limit. The moments
 * are such that the commit is mostly under way: whichever they are, what is expected holds.
 */
import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { expect, test } from 'vitest'
import { Clients } from './clients.ts'
import { runPolylog, ServerProcess, withFolder } from './server-process.ts'

const rows = 4_000
const limitMib = 400

function insert(client: pg.Client, count = rows): Promise<unknown> {
  return client.query(`INSERT INTO t SELECT g, g, repeat(md5(g::text), 320) FROM generate_series(1, ${count}) g`)
}

/** Of all of it at once; how the commit ends, or that nobody has heard. */
async function commit(client: pg.Client): Promise<{ readonly outcome: Promise<string> }> {
  await client.query('BEGIN')
  await insert(client)
  const outcome = client.query('COMMIT').then(
    ({ command }) => command,
    (error: unknown) => (error as { code?: string }).code ?? 'lost',
  )
  return { outcome }
}

async function rowsIn(client: pg.Client): Promise<number> {
  const { rows: found } = await client.query('SELECT count(*)::int AS n, sum(length(s))::int AS bytes FROM t')
  const { n, bytes } = found[0] as { n: number; bytes: number | null }
  expect([0, rows]).toContain(n)
  expect(bytes ?? 0).toBe(n * 10_240)
  return n
}

/** As a driver asks for it, by a connection of its own. */
function cancel(client: pg.Client): Promise<void> {
  const { processID, secretKey, port } = client as unknown as { processID: number; secretKey: number; port: number }
  const request = Buffer.alloc(16)
  for (const [at, number] of [16, 80_877_102, processID, secretKey].entries()) request.writeInt32BE(number, at * 4)
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(request))
    socket.resume()
    socket.on('close', () => resolve())
  })
}

function peakMib(pid: number): number {
  const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}

interface World {
  readonly server: ServerProcess
  readonly client: pg.Client
  readonly other: pg.Client
}

/** With a server on the folder, which is verified once that has ended. */
async function withServer<T>(folder: string, use: (world: World) => Promise<T>): Promise<T> {
  const server = await ServerProcess.start('--data', folder, '--memory-limit', `${limitMib}MB`)
  const clients = new Clients(server.port)
  let result: T
  try {
    result = await use({ server, client: await clients.postgres(), other: await clients.postgres() })
    expect(!server.isRunning || peakMib(server.pid) < limitMib).toBe(true)
  } finally {
    await clients.close()
    await server.stop()
  }
  expect((await runPolylog('verify', '--data', folder)).stdout).toMatch(/ 0 differences\n$/)
  return result
}

const inFolder = (use: (folder: string) => Promise<void>) => () => withFolder((outer) => use(join(outer, 'data')))
const onLinux = test.runIf(existsSync('/proc/self/status'))

onLinux(
  'a large transaction that is given up leaves nothing, one that is killed all or nothing',
  inFolder(async (folder) => {
    await withServer(folder, async ({ client, other }) => {
      await client.query('CREATE TABLE t (id int PRIMARY KEY, n int, s text)')
      const { outcome } = await commit(client)
      await sleep(100)
      await cancel(client)
      const told = await outcome
      expect(['57014', 'COMMIT']).toContain(told)
      expect(await rowsIn(other)).toBe(told === 'COMMIT' ? rows : 0)
      await other.query('DELETE FROM t')
    })
    await withServer(folder, async ({ server, client }) => {
      await commit(client)
      await sleep(300)
      await server.kill()
    })
    await withServer(folder, async ({ server, client, other }) => {
      if ((await rowsIn(other)) > 0) await other.query('DELETE FROM t')
      expect(await (await commit(client)).outcome).toBe('COMMIT')
      await server.kill()
    })
    await withServer(folder, async ({ other }) => expect(await rowsIn(other)).toBe(rows))
  }),
)

onLinux(
  'a stop while a large transaction is committed is heard of, and kept to',
  inFolder(async (folder) => {
    const told = await withServer(folder, async ({ server, client }) => {
      await client.query('CREATE TABLE t (id int PRIMARY KEY, n int, s text)')
      const { outcome } = await commit(client)
      await sleep(100)
      expect((await server.stop()).status).toBe(0)
      return outcome
    })
    const found = await withServer(folder, ({ other }) => rowsIn(other))
    if (told === 'COMMIT') expect(found).toBe(rows)
    else if (told !== 'lost') expect([told, found]).toEqual([expect.stringMatching(/^57/), 0])
  }),
)

onLinux(
  'a transaction that cannot be stored is refused before the process is as large as that',
  inFolder((folder) =>
    withServer(folder, async ({ client, other }) => {
      await client.query('CREATE TABLE t (id int PRIMARY KEY, n int, s text)')
      await expect(insert(client, 30_000)).rejects.toMatchObject({ code: '53200' })
      expect(await rowsIn(other)).toBe(0)
      // Each of the two has room by itself, and the second one beside what the first one holds.
      await client.query('BEGIN')
      await insert(client, rows * 2.5)
      await other.query('CREATE TABLE u (id int PRIMARY KEY, n int, s text)')
      await other.query(`INSERT INTO u SELECT g, g, repeat(md5(g::text), 320) FROM generate_series(1, ${rows * 1.1}) g`)
      await expect(client.query('COMMIT')).rejects.toMatchObject({ code: '53200' })
      expect(await rowsIn(other)).toBe(0)
    }),
  ),
)
