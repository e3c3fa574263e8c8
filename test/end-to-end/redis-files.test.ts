/** Files of Redis in and out, by the command: what redis-server has written, where it is installed, and what it loads. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { redisVersion } from '../differential/redis/redis-server.ts'
import { runPolylog, ServerProcess, withFolder } from './server-process.ts'

const isInstalled = redisVersion() !== undefined

let server: ServerProcess
let ours: Redis

beforeAll(async () => {
  server = await ServerProcess.start('--memory')
  ours = new Redis(server.port)
})

afterAll(async () => {
  ours.disconnect()
  await server.stop()
})

const url = (): string => `redis://127.0.0.1:${server.port}`

/** A redis-server in a folder. */
class RealRedis {
  readonly client: Redis
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, path: string) {
    this.#child = child
    this.client = new Redis({ path, retryStrategy: () => 20, maxRetriesPerRequest: 200 })
    this.client.on('error', () => undefined)
  }

  static async start(folder: string, ...options: string[]): Promise<RealRedis> {
    const path = join(folder, 'redis.sock')
    const args = ['--port', '0', '--unixsocket', path, '--dir', folder, '--save', '', ...options]
    const real = new RealRedis(spawn('redis-server', args, { stdio: 'ignore' }), path)
    while ((await real.client.ping().catch(() => '')) !== 'PONG') await sleep(20)
    return real
  }

  async stop(): Promise<void> {
    this.client.disconnect()
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}

/** Keys of every type and encoding. */
async function fill(redis: Redis): Promise<void> {
  const names = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => prefix + i)
  for (const database of [0, 5]) {
    await redis.select(database)
    await redis.mset(
      'text',
      'value',
      'integer',
      '12345',
      'negative',
      '-70000',
      'long',
      'long '.repeat(30_000),
      '',
      '\0',
    )
    await redis.set('expires', 'v', 'PXAT', 4_000_000_000_000)
    await redis.rpush('list', ...names('item ', 3_000))
    await redis.rpush('long items', 'a', 'b'.repeat(20_000), 'c'.repeat(100_000))
    await redis.sadd('integers', ...names('', 100))
    await redis.sadd('members', ...names('m', 600))
    await redis.zadd(
      'scores',
      ...names('m', 50).flatMap((name, i) => [`${i * 1.5}`, name]),
      'inf',
      'top',
      '-inf',
      'low',
    )
    await redis.zadd('many scores', ...names('m', 500).flatMap((name, i) => [`${i / 7}`, name]))
    for (let i = 1; i <= 300; i++)
      await redis.xadd('stream', `${i}-1`, 'f', `${i}`, ...(i % 7 === 0 ? ['g', 'more'] : []))
    await redis.xdel('stream', '5-1', '300-1')
    await redis.xgroup('CREATE', 'stream', 'readers', '10-1')
    await redis.xreadgroup('GROUP', 'readers', 'ada', 'COUNT', 3, 'STREAMS', 'stream', '>')
    await redis.xgroup('CREATECONSUMER', 'stream', 'readers', 'bob')
    await redis.xadd('empty stream', '9-9', 'f', 'v')
    await redis.xdel('empty stream', '9-9')
    await redis.hset('hash', ...names('f', 20).flatMap((name, i) => [name, `${i}`]))
    await redis.hset('many fields', ...names('f', 500).flatMap((name, i) => [name, 'v'.repeat(i)]))
  }
  await redis.select(0)
}

async function streamOf(redis: Redis, key: string): Promise<unknown> {
  const groups = (await redis.xinfo('GROUPS', key)) as unknown[]
  const pending = groups.length === 0 ? [] : await redis.xpending(key, 'readers', '-', '+', 100)
  const facts = ((await redis.xinfo('STREAM', key)) as unknown[]).flatMap((value, at, all) =>
    ['length', 'last-generated-id', 'max-deleted-entry-id', 'entries-added'].includes(all[at - 1] as string)
      ? [value]
      : [],
  )
  // How long ago it was delivered is no part of it.
  const owned = (pending as unknown[][]).map(([id, consumer, , count]) => [id, consumer, count])
  return [facts, await redis.xrange(key, '-', '+'), groups, owned]
}

async function everything(redis: Redis): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  for (const database of [0, 5]) {
    await redis.select(database)
    for (const key of (await redis.keys('*')).toSorted()) {
      const type = await redis.type(key)
      let value: unknown
      if (type === 'string') value = await redis.get(key)
      else if (type === 'list') value = await redis.lrange(key, 0, -1)
      else if (type === 'set') value = (await redis.smembers(key)).toSorted()
      else if (type === 'zset') value = (await redis.zrange(key, '0', '-1', 'WITHSCORES')).map(String)
      else if (type === 'stream') value = await streamOf(redis, key)
      else value = Object.fromEntries(Object.entries(await redis.hgetall(key)).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      found[`${database} ${key}`] = [type, await redis.pexpiretime(key), value]
    }
  }
  await redis.select(0)
  return found
}

describe.runIf(isInstalled)('with redis-server', () => {
  test('its RDB file and its folder of commands come in whole, and what goes out it loads', () =>
    withFolder(async (folder) => {
      const real = await RealRedis.start(folder, '--appendonly', 'yes')
      await fill(real.client)
      await real.client.save()
      const expected = await everything(real.client)
      await real.stop()

      await ours.flushall()
      await ours.rpush('text', 'is replaced')
      const imported = await runPolylog('import', 'redis', join(folder, 'dump.rdb'), '--url', url())
      expect(imported).toMatchObject({ status: 0, stdout: 'imported 32 keys and 0 commands; 0 keys had expired\n' })
      expect(await everything(ours)).toEqual(expected)

      await ours.flushall()
      const commands = await runPolylog('import', 'redis', join(folder, 'appendonlydir'), '--url', url())
      expect(commands).toMatchObject({ status: 0 })
      expect(await everything(ours)).toEqual(expected)

      await withFolder(async (other) => {
        const exported = await runPolylog('export', 'redis', join(other, 'dump.rdb'), '--url', url())
        expect(exported).toMatchObject({ status: 0, stdout: 'exported 32 keys\n' })
        const loaded = await RealRedis.start(other)
        expect(await everything(loaded.client)).toEqual(expected)
        await loaded.stop()
        expect(spawnSync('redis-check-rdb', [join(other, 'dump.rdb')], { encoding: 'utf8' }).stdout).toContain(
          'looks OK',
        )
      })
    }))
})

test.runIf(!isInstalled)('redis-server is not installed: files of the real one are not tried', () => undefined)

test('what goes out comes back in, and a file that is there is left alone', () =>
  withFolder(async (folder) => {
    await ours.flushall()
    await fill(ours)
    const expected = await everything(ours)
    const path = join(folder, 'out.rdb')
    expect(await runPolylog('export', 'redis', path, '--url', url())).toMatchObject({ status: 0 })
    expect(await runPolylog('export', 'redis', path, '--url', url())).toMatchObject({ status: 1 })
    await ours.flushall()
    expect(await runPolylog('import', 'redis', path, '--url', url())).toMatchObject({ status: 0 })
    expect(await everything(ours)).toEqual(expected)
  }))

test('damage is told, with its place', () =>
  withFolder(async (folder) => {
    await ours.flushall()
    await ours.mset('a', 'some text', 'b', 'other text')
    const path = join(folder, 'out.rdb')
    await runPolylog('export', 'redis', path, '--url', url())
    const bytes = readFileSync(path)
    const damaged = Buffer.from(bytes)
    damaged[damaged.indexOf('other')]! ^= 1
    for (const [content, told] of [
      [damaged, 'checksum'],
      [bytes.subarray(0, 60), 'ends too early'],
      [Buffer.from('garbage\n'), 'a command is none'],
    ] as const) {
      writeFileSync(join(folder, 'damaged'), content)
      const run = await runPolylog('import', 'redis', join(folder, 'damaged'), '--url', url())
      expect(run.status).toBe(4)
      expect(run.stderr).toContain(told)
      expect(run.stderr).toContain('at byte')
    }
    expect(await runPolylog('import', 'redis', join(folder, 'none'), '--url', url())).toMatchObject({ status: 1 })
    expect(await runPolylog('import', 'mongodb', path)).toMatchObject({ status: 2 })
  }))
