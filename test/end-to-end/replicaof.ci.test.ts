/** A redis-server that is followed while it is written to, by a server that is killed meanwhile; where it is installed. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { freePort } from '../free-port.ts'
import { redisVersion } from '../differential/redis/redis-server.ts'
import { ServerProcess, withFolder } from './server-process.ts'

const isInstalled = redisVersion() !== undefined
const ends: (() => unknown)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function connect(port: number, password?: string): Redis {
  const options = { retryStrategy: () => 20, maxRetriesPerRequest: 200, ...(password !== undefined && { password }) }
  const client = new Redis(port, '127.0.0.1', options)
  client.on('error', () => undefined)
  ends.push(() => client.disconnect())
  return client
}

async function startMaster(folder: string, password: string): Promise<{ client: Redis; port: number }> {
  const port = await freePort()
  const own = ['--port', `${port}`, '--dir', folder, '--save', '', '--requirepass', password]
  // However much is written while the other side is away, it is told the rest.
  const args = [...own, '--repl-backlog-size', '256mb']
  const child: ChildProcess = spawn('redis-server', args, { stdio: 'ignore' })
  ends.push(async () => {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  })
  const client = connect(port, password)
  while ((await client.ping().catch(() => '')) !== 'PONG') await sleep(20)
  return { client, port }
}

async function fill(master: Redis): Promise<void> {
  const many = Array.from({ length: 300 }, (_, i) => `${i}`)
  await master.mset(many.flatMap((i) => [`key:${i}`, 'x'.repeat(Number(i))]))
  await master.set('long', 'y'.repeat(200_000))
  await master.set('expires', 'v', 'PXAT', 9_999_999_999_000)
  await master.hset('hash', ...many.flatMap((i) => [i, `value ${i}`]))
  await master.rpush('list', ...many)
  await master.zadd('zset', ...many.flatMap((i) => [Number(i), `member ${i}`]))
  await master.sadd('set', ...many)
  await master.xadd('stream', '1-1', 'f', 'v')
  await master.xgroup('CREATE', 'stream', 'group', '0')
  await master.select(3)
  await master.set('elsewhere', '3')
  await master.select(0)
  await master.call('FUNCTION', 'LOAD', "#!lua name=lib\nredis.register_function('f', function() return 7 end)")
}

/** Everything that a client can see, in order. */
async function contents(client: Redis): Promise<unknown> {
  const found: unknown[] = []
  for (const database of [0, 3]) {
    await client.select(database)
    const keys = await client.keys('*')
    for (const key of keys.sort()) {
      const type = await client.type(key)
      const value =
        type === 'string'
          ? await client.get(key)
          : type === 'hash'
            ? Object.entries(await client.hgetall(key)).sort(([a], [b]) => (a < b ? -1 : 1))
            : type === 'list'
              ? await client.lrange(key, 0, -1)
              : type === 'set'
                ? (await client.smembers(key)).sort()
                : type === 'zset'
                  ? await client.call('ZRANGE', key, 0, -1, 'WITHSCORES')
                  : [await client.xrange(key, '-', '+'), await client.xpending(key, 'group')]
      found.push([database, key, type, await client.pexpiretime(key), value])
    }
  }
  await client.select(0)
  return found
}

const field = async (client: Redis, name: string): Promise<string | undefined> =>
  new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(await client.info('replication'))?.[1]

async function caughtUp(master: Redis, replica: Redis): Promise<void> {
  for (;;) {
    const wanted = Number(await field(master, 'master_repl_offset'))
    if ((await field(replica, 'master_link_status')) === 'up') {
      // PINGs of the master's are not remembered.
      await master.set('reached', wanted)
      while ((await replica.get('reached')) !== `${wanted}`) await sleep(20)
      return
    }
    await sleep(20)
  }
}

test.skipIf(!isInstalled)(
  'what a redis-server has comes over under writes, and over kills, and then it stands alone',
  () =>
    withFolder(async (folder) => {
      const { client: master, port } = await startMaster(folder, 'secret')
      await fill(master)
      const data = join(folder, 'data')
      let server = await ServerProcess.start('--data', data)
      ends.push(() => server.kill())
      let replica = connect(server.port)
      await replica.set('gone', 'after the first synchronisation')
      await replica.config('SET', 'masterauth', 'secret')
      await replica.call('REPLICAOF', '127.0.0.1', port)

      const end = { isReached: false }
      const writer = connect(port, 'secret')
      const writing = (async () => {
        for (let i = 0; !end.isReached; i++) {
          await writer.multi().incr('first').incr('second').exec()
          await writer.rpush('growing', `${i}`)
          await writer.hset('changing', `${i % 50}`, `${i}`)
          await writer.spop('set')
          await writer.xadd('stream', '*', 'i', `${i}`)
          await writer.zincrby('zset', 1, `member ${i % 300}`)
        }
      })()
      await caughtUp(master, replica)
      for (let kill = 0; kill < 2; kill++) {
        await sleep(200)
        await server.kill()
        server = await ServerProcess.start('--data', data)
        replica = connect(server.port)
        const [first, second] = await replica.mget('first', 'second')
        expect(second).toBe(first)
        await replica.config('SET', 'masterauth', 'secret')
        await caughtUp(master, replica)
      }
      end.isReached = true
      await writing
      await caughtUp(master, replica)
      expect(await contents(replica)).toEqual(await contents(master))
      expect(await replica.call('FCALL', 'f', 0)).toBe(7)
      // Once as a whole: what came after each kill was the rest.
      expect(/sync_full:(\d+)/.exec(await master.info('stats'))?.[1]).toBe('1')
      expect(/sync_partial_ok:(\d+)/.exec(await master.info('stats'))?.[1]).toBe('2')

      await expect(replica.set('a', '1')).rejects.toThrow(/^READONLY/)
      expect(await replica.role()).toEqual(['slave', '127.0.0.1', port, 'connected', expect.any(Number)])
      await replica.call('REPLICAOF', 'NO', 'ONE')
      expect((await replica.role())[0]).toBe('master')
      await replica.set('a', '1')
      await server.kill()
      server = await ServerProcess.start('--data', data)
      replica = connect(server.port)
      expect(await replica.mget('a', 'gone')).toEqual(['1', null])
      expect((await replica.role())[0]).toBe('master')
    }),
)
