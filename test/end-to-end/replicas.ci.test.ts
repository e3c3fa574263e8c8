/** A real redis-server that replicates from here, while both are killed; where it is installed. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterEach, expect, test } from 'vitest'
import { freePort } from '../free-port.ts'
import { redisVersion } from '../differential/redis/redis-server.ts'
import { ServerProcess, withFolder } from './server-process.ts'

const isInstalled = redisVersion() !== undefined
const ends: (() => unknown)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function connect(port: number): Redis {
  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => 20, maxRetriesPerRequest: null })
  client.on('error', () => undefined)
  ends.push(() => client.disconnect())
  return client
}

interface Replica {
  readonly client: Redis
  kill(): Promise<void>
}

async function startReplica(folder: string, port: number, masterPort: number): Promise<Replica> {
  const options = ['--save', '', '--list-max-listpack-size', '-2', '--replicaof', '127.0.0.1', `${masterPort}`]
  const child: ChildProcess = spawn('redis-server', ['--port', `${port}`, '--dir', folder, ...options], {
    stdio: 'ignore',
  })
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  ends.push(kill)
  const client = connect(port)
  while ((await client.ping().catch(() => '')) !== 'PONG') await sleep(20)
  return { client, kill }
}

const field = async (client: Redis, name: string): Promise<string | undefined> =>
  new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(await client.info())?.[1]

/** In an order that both can have: redis-server packs and hashes what lies in the order of keys here. */
async function valueOf(client: Redis, key: string, type: string): Promise<unknown> {
  if (type === 'string') return client.getBuffer(key)
  if (type === 'list') return client.lrange(key, 0, -1)
  if (type === 'set') return (await client.smembers(key)).sort()
  if (type === 'zset') return client.zrange(key, 0, '-1', 'WITHSCORES')
  if (type === 'hash') return Object.entries(await client.hgetall(key)).sort(([a], [b]) => (a < b ? -1 : 1))
  return [await client.xrange(key, '-', '+'), await client.xinfo('GROUPS', key), await client.xpending(key, 'group')]
}

/** All that a client of either can see. */
async function contents(client: Redis): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {}
  for (const database of [0, 3]) {
    await client.select(database)
    for (const key of await client.keys('*')) {
      const type = await client.type(key)
      const value = await valueOf(client, key, type)
      found[`${database} ${key}`] = [type, await client.pexpiretime(key), value]
    }
  }
  await client.select(0)
  return found
}

async function areAlike(master: Redis, replica: Redis): Promise<void> {
  while ((await field(replica, 'master_link_status')) !== 'up') await sleep(20)
  await master.set('reached', `${Math.random()}`)
  while ((await master.wait(1, 1000)) !== 1) await sleep(20)
  expect(await contents(replica)).toEqual(await contents(master))
}

async function write(client: Redis, i: number): Promise<void> {
  await client.multi().incr('first').incr('second').exec()
  await client.rpush('list', `${i}`, 'x'.repeat(i % 300))
  if (i % 3 === 0) await client.lpop('list')
  await client.hset('hash', `${i % 200}`, `${i}`)
  await client.zadd('zset', i % 40, `member ${i % 150}`)
  await client.sadd('set', `${i % 90}`)
  if (i % 5 === 0) await client.spop('set')
  await client.xadd('stream', '*', 'i', `${i}`)
  if (i === 0) await client.xgroup('CREATE', 'stream', 'group', '0')
  await client.call('XREADGROUP', 'GROUP', 'group', `c${i % 3}`, 'COUNT', '2', 'STREAMS', 'stream', '>')
  await client.set(`key:${i % 500}`, `${i}`, 'PX', 100_000_000)
  if (i % 50 === 0) await client.append('long', 'y'.repeat(50_000))
  await client.eval("redis.call('HINCRBY', KEYS[1], 'n', 1); return redis.call('INCR', KEYS[2])", 2, 'both', 'count')
  await client.multi().select(3).incr('both').select(0).exec()
}

test.skipIf(!isInstalled)('a redis-server has what is here, through kills of either', { timeout: 120_000 }, () =>
  withFolder(async (folder) => {
    const data = join(folder, 'data')
    const masterPort = await freePort()
    const start = (): Promise<ServerProcess> => ServerProcess.start('--data', data, '--port', `${masterPort}`)
    let server = await start()
    ends.push(() => server.kill())
    const master = connect(masterPort)
    for (let i = 0; i < 30; i++) await write(master, i)
    await master.call('FUNCTION', 'LOAD', "#!lua name=lib\nredis.register_function('f', function() return 7 end)")
    const replicaPort = await freePort()
    let replica = await startReplica(folder, replicaPort, masterPort)

    const end = { isReached: false }
    const writer = connect(masterPort)
    const writing = (async () => {
      for (let i = 30; !end.isReached; i++) await write(writer, i).catch(() => undefined)
    })()
    await sleep(500)
    await replica.kill()
    replica = await startReplica(folder, replicaPort, masterPort)
    await sleep(500)
    await server.kill()
    server = await start()
    await sleep(500)
    // The connection alone is lost: what comes behind is enough.
    while ((await field(replica.client, 'master_link_status')) !== 'up') await sleep(20)
    await master.call('CLIENT', 'KILL', 'TYPE', 'replica')
    await sleep(300)
    end.isReached = true
    await writing
    await areAlike(master, replica.client)
    expect(Number(await field(master, 'sync_partial_ok'))).toBeGreaterThan(0)

    const sql = new pg.Client({ host: '127.0.0.1', port: masterPort, user: 'polylog', database: 'polylog' })
    await sql.connect()
    await sql.query("delete from redis.db0 where key = 'list'")
    await sql.end()
    await master.call('SWAPDB', 0, 3)
    await areAlike(master, replica.client)
    expect(await replica.client.call('FCALL_RO', 'f', 0).catch(String)).toBeDefined()
    expect(await replica.client.exists('list')).toBe(0)
    await master.flushall()
    await areAlike(master, replica.client)
    expect(await replica.client.dbsize()).toBe(1)
    await replica.client.call('REPLICAOF', 'NO', 'ONE')
    expect(await replica.client.set('alone', '1')).toBe('OK')
  }),
)
