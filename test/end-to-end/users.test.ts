/** Users as people make them: by the command, by the environment of a first start, and what a kill leaves of them. */
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { open, openFollower, serve } from '../../src/polylog.ts'
import { runPolylog, runPolylogWith, ServerProcess, withFolder } from './server-process.ts'

async function whoAmI(port: number, user: string, password: string): Promise<string> {
  const client = new pg.Client({ host: '127.0.0.1', port, user, password, database: 'polylog' })
  await client.connect()
  const { rows } = await client.query<{ me: string }>('SELECT current_user AS me')
  await client.end()
  return rows[0]!.me
}

describe('polylog user', () => {
  test('makes users in a directory, and of a server that runs', () =>
    withFolder(async (outer) => {
      const folder = join(outer, 'data')
      const add = await runPolylogWith({ input: 'one\n' }, 'user', 'add', 'ada', '--admin', '--data', folder)
      expect(add).toMatchObject({ status: 0, stdout: '', stderr: '' })
      const listed = await runPolylog('user', 'list', '--data', folder)
      expect(listed.stdout).toBe('ada (admin)\n')
      let server = await ServerProcess.start('--data', folder)
      expect(await whoAmI(server.port, 'ada', 'one')).toBe('ada')
      await expect(whoAmI(server.port, 'ada', 'two')).rejects.toMatchObject({ code: '28P01' })
      const locked = await runPolylogWith({ input: 'x\n' }, 'user', 'add', 'bob', '--admin', '--data', folder)
      expect(locked.status).toBe(3)
      expect(locked.stderr).toContain('--url')
      const url = `postgres://ada:one@127.0.0.1:${server.port}`
      const online = await runPolylogWith({ input: "it's\n" }, 'user', 'add', 'Bob "b"', '--admin', '--url', url)
      expect(online).toMatchObject({ status: 0, stderr: '' })
      await runPolylogWith({ input: 'three\n' }, 'user', 'password', 'ada', '--url', url)
      // What was answered is there, whatever happens to the process.
      await server.kill()
      server = await ServerProcess.start('--data', folder)
      expect(await whoAmI(server.port, 'ada', 'three')).toBe('ada')
      expect(await whoAmI(server.port, 'Bob "b"', "it's")).toBe('Bob "b"')
      const other = `postgres://ada:three@127.0.0.1:${server.port}`
      expect(await runPolylog('user', 'remove', 'Bob "b"', '--url', other)).toMatchObject({ status: 0 })
      expect((await runPolylog('user', 'list', '--url', other)).stdout).toBe('ada (admin)\n')
      expect((await runPolylog('user', 'list', '--url', url.replace(/\d+$/, String(server.port)))).stderr).toContain(
        'password authentication failed',
      )
      const verified = await runPolylog('verify', '--url', other)
      expect(verified).toMatchObject({ status: 0, stdout: 'polylog: 0 differences\n' })
      await server.stop()
      expect((await runPolylog('verify', '--data', folder)).stdout).toMatch(/^system: .* 0 differences$/m)
    }))

  test('says what is missing', async () => {
    const say = async (...args: string[]): Promise<string> => (await runPolylogWith({}, 'user', ...args)).stderr
    expect(await say()).toContain('polylog user takes')
    expect(await say('add')).toContain('polylog user takes')
    expect(await say('add', 'ada', '--admin', '--data', '/nowhere/x', '--url', 'postgres://x')).toContain('exclude')
    await withFolder(async (folder) => {
      expect(await say('add', 'ada', '--admin', '--data', folder)).toContain('a password is needed')
      const { stderr } = await runPolylogWith({ input: 'one\n' }, 'user', 'add', 'ada', '--data', folder)
      expect(stderr).toContain('--admin')
    })
  })
})

test('the environment of a first start makes the first user, and no other', () =>
  withFolder(async (folder) => {
    const env = { POLYLOG_USER: 'ada', POLYLOG_PASSWORD: 'one' }
    let server = await ServerProcess.startIn(env, '--data', folder)
    const redis = new Redis(server.port, { username: 'ada', password: 'one', protocol: 2 })
    expect(await redis.ping()).toBe('PONG')
    redis.disconnect()
    await server.stop()
    server = await ServerProcess.startIn({ POLYLOG_USER: 'bob', POLYLOG_PASSWORD: 'two' }, '--data', folder)
    await expect(whoAmI(server.port, 'bob', 'two')).rejects.toMatchObject({ code: '28P01' })
    await server.stop()
    server = await ServerProcess.startIn(env, '--memory')
    expect(await whoAmI(server.port, 'ada', 'one')).toBe('ada')
    await server.stop()
    await expect(ServerProcess.startIn({ POLYLOG_USER: 'ada' }, '--memory')).rejects.toThrow('POLYLOG_PASSWORD')
  }))

describe('who follows a server with users', () => {
  test('asks for the same passwords, also of the first user that comes later, and once it leads', () =>
    withFolder(async (folder) => {
      const leader = await ServerProcess.start('--data', folder)
      const follower = await openFollower(folder)
      let server = await serve(follower, { port: 0 })
      expect(await whoAmI(server.port, 'anybody', '')).toBe('anybody')
      const url = `postgres://127.0.0.1:${leader.port}`
      await runPolylogWith({ input: 'one\n' }, 'user', 'add', 'ada', '--admin', '--url', url)
      const tryIt = (): Promise<unknown> => whoAmI(server.port, 'anybody', 'x').catch((error: unknown) => error)
      // It looks for it now and then.
      let refused = await tryIt()
      for (let tries = 0; tries < 100 && refused === 'anybody'; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 100))
        refused = await tryIt()
      }
      expect(refused).toMatchObject({ code: '28P01' })
      expect(await whoAmI(server.port, 'ada', 'one')).toBe('ada')
      await server.close()
      await leader.kill()
      await follower.promote()
      server = await serve(follower, { port: 0 })
      await expect(whoAmI(server.port, 'anybody', 'x')).rejects.toMatchObject({ code: '28P01' })
      expect(await whoAmI(server.port, 'ada', 'one')).toBe('ada')
      await server.close()
      await follower.close()
    }))

  test('so does one that is opened afterwards, and a fork', () =>
    withFolder(async (folder) => {
      await runPolylogWith({ input: 'one\n' }, 'user', 'add', 'ada', '--admin', '--data', folder)
      const database = await open(folder)
      const follower = await openFollower(folder)
      const fork = await database.fork()
      for (const each of [database, follower, fork]) {
        const server = await serve(each, { port: 0 })
        await expect(whoAmI(server.port, 'anybody', 'x')).rejects.toMatchObject({ code: '28P01' })
        expect(await whoAmI(server.port, 'ada', 'one')).toBe('ada')
        await server.close()
      }
      await fork.close()
      await follower.close()
      await database.close()
    }))
})
