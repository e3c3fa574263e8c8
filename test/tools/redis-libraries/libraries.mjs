/** What some libraries make of a server: `node libraries.mjs NAME PORT` prints what came of it as JSON. */
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { promisify } from 'node:util'

const [name, port] = [process.argv[2], Number(process.argv[3])]
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Locks that exclude each other, expire, and are given back by their holder only. */
async function redlock() {
  const { default: Redlock } = await import('redlock')
  const client = new Redis(port)
  const locks = new Redlock([client], { retryCount: 0, automaticExtensionThreshold: 50 })
  const held = await locks.acquire(['a', 'b'], 1000)
  const second = await locks.acquire(['b'], 1000).catch((error) => error.constructor.name)
  const extended = await held.extend(60_000)
  const ttl = await client.pttl('a')
  await extended.release()
  const third = await locks.acquire(['b'], 300)
  await pause(400)
  const afterExpiry = await locks.acquire(['b'], 1000)
  const late = await third.release().catch((error) => error.constructor.name)
  let inside = 0
  let most = 0
  const patient = new Redlock([client], { retryCount: 400, retryDelay: 5, retryJitter: 3 })
  await Promise.all(
    Array.from({ length: 10 }, () =>
      patient.using(['c'], 5000, async () => {
        most = Math.max(most, ++inside)
        await pause(5)
        inside--
      }),
    ),
  )
  await afterExpiry.release()
  client.disconnect()
  return { second, isExtended: ttl > 50_000, late, most }
}

async function rateLimiter() {
  const { RateLimiterRedis, BurstyRateLimiter } = await import('rate-limiter-flexible')
  const client = new Redis(port, { enableOfflineQueue: false })
  await new Promise((resolve) => client.once('ready', resolve))
  const limiter = new RateLimiterRedis({ storeClient: client, points: 5, duration: 60, keyPrefix: 'limit' })
  const results = await Promise.all(
    Array.from({ length: 12 }, () =>
      limiter.consume('somebody').then(
        () => true,
        () => false,
      ),
    ),
  )
  const { remainingPoints, consumedPoints } = await limiter.get('somebody')
  await limiter.block('other', 100)
  const blocked = ((await limiter.get('other'))?.msBeforeNext ?? 0) > 90_000
  const bursty = new BurstyRateLimiter(
    new RateLimiterRedis({ storeClient: client, points: 1, duration: 60, keyPrefix: 'slow' }),
    new RateLimiterRedis({ storeClient: client, points: 2, duration: 60, keyPrefix: 'burst' }),
  )
  const bursts = []
  for (let i = 0; i < 4; i++)
    bursts.push(
      await bursty.consume('x').then(
        () => true,
        () => false,
      ),
    )
  await limiter.delete('somebody')
  const forgotten = (await limiter.get('somebody')) === null
  client.disconnect()
  return { passed: results.filter(Boolean).length, remainingPoints, consumedPoints, blocked, bursts, forgotten }
}

async function sessions() {
  const { RedisStore } = await import('connect-redis')
  const client = await createClient({ url: `redis://127.0.0.1:${port}` }).connect()
  const store = new RedisStore({ client, prefix: 'session:', ttl: 100 })
  const call = (method, ...args) => promisify(store[method]).apply(store, args)
  const session = (user) => ({ cookie: { maxAge: 60_000 }, user })
  await call('set', 'a', session('ada'))
  await call('set', 'b', session('bob'))
  const found = await call('get', 'a')
  await call('touch', 'a', session('ada'))
  const ttl = await client.ttl('session:a')
  const length = await call('length')
  const ids = (await call('ids')).sort()
  const all = (await call('all')).map(({ user }) => user).sort()
  await call('destroy', 'a')
  const gone = (await call('get', 'a')) ?? null
  await call('clear')
  const left = await call('length')
  client.destroy()
  return { user: found.user, hasTtl: ttl > 50, length, ids, all, gone, left }
}

async function keyv() {
  const { default: Keyv } = await import('keyv')
  const { default: KeyvRedis } = await import('@keyv/redis')
  const cache = new Keyv(new KeyvRedis(`redis://127.0.0.1:${port}`), { namespace: 'cache' })
  await cache.set('a', { n: 1 })
  await cache.set('b', [1, 2], 50)
  await cache.setMany([
    { key: 'c', value: 'x' },
    { key: 'd', value: 'y' },
  ])
  const before = await cache.get('b')
  await pause(120)
  const after = (await cache.get('b')) ?? null
  const many = await cache.getMany(['a', 'c', 'd', 'none'])
  const has = await cache.has('a')
  const names = []
  for await (const [key] of cache.iterator('cache')) names.push(key)
  const deleted = await cache.delete('a')
  await cache.clear()
  const cleared = (await cache.get('c')) ?? null
  await cache.disconnect()
  return {
    before,
    after,
    many: many.map((each) => each ?? null),
    has,
    names: names.toSorted((a, b) => (a < b ? -1 : 1)),
    deleted,
    cleared,
  }
}

/** Jobs with retries, delays, priorities and a limit of their rate, by several workers. */
async function bull() {
  const { default: Queue } = await import('bull')
  const options = { redis: { port, host: '127.0.0.1' }, limiter: { max: 200, duration: 1000 } }
  const queue = new Queue('work', options)
  const other = new Queue('work', options)
  const done = new Map()
  const attempts = []
  const work = async ({ data, attemptsMade }) => {
    if (data.fails > attemptsMade) {
      attempts.push(attemptsMade)
      throw new Error('not yet')
    }
    done.set(data.n, (done.get(data.n) ?? 0) + 1)
    return data.n * 2
  }
  void queue.process(5, work)
  void other.process(5, work)
  const jobs = await queue.addBulk(Array.from({ length: 60 }, (_, n) => ({ data: { n, fails: 0 } })))
  const retried = await queue.add({ n: 100, fails: 2 }, { attempts: 3, backoff: 20 })
  const delayed = await queue.add({ n: 200, fails: 0 }, { delay: 150 })
  const startedMs = Date.now()
  const results = await Promise.all([...jobs, retried, delayed].map((job) => job.finished()))
  const waited = Date.now() - startedMs >= 100
  const failing = await queue.add({ n: 300, fails: 9 }, { attempts: 1 })
  const failure = await failing.finished().then(String, String)
  const counts = await queue.getJobCounts()
  await queue.pause()
  const held = await queue.add({ n: 400, fails: 0 })
  await pause(50)
  const state = await held.getState()
  await queue.resume()
  await held.finished()
  await queue.close()
  await other.close()
  return {
    sum: results.reduce((sum, each) => sum + each, 0),
    doubled: [...done.values()].filter((times) => times > 1).length,
    attempts,
    waited,
    failure,
    completed: counts.completed,
    failed: counts.failed,
    state,
  }
}

/** Two servers of socket.io with a client each: what one of them is told reaches the clients of both. */
async function throughAdapter(makeAdapter) {
  const { createServer } = await import('node:http')
  const { Server } = await import('socket.io')
  const { io: connect } = await import('socket.io-client')
  const nodes = []
  for (const room of ['even', 'odd']) {
    const http = createServer()
    const server = new Server(http, { adapter: await makeAdapter() })
    server.on('connection', (socket) => socket.join(room))
    server.on('sum', (a, b, answer) => answer(a + b))
    await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve))
    nodes.push({ server, port: http.address().port })
  }
  const heard = nodes.map(() => [])
  const clients = await Promise.all(
    nodes.map(async ({ port: at }, n) => {
      const client = connect(`http://127.0.0.1:${at}`, { transports: ['websocket'] })
      client.on('news', (text) => heard[n].push(text))
      client.on('question', (answer) => answer(n))
      await new Promise((resolve) => client.once('connect', resolve))
      return client
    }),
  )
  const { server } = nodes[0]
  const count = async () => (await server.fetchSockets()).length
  while ((await count().catch(() => 0)) < 2) await pause(10)
  server.emit('news', 'to all')
  server.to('odd').emit('news', 'to the odd')
  server.except('odd').emit('news', 'to others')
  const answers = await server.timeout(5000).emitWithAck('question')
  const sums = await server.serverSideEmitWithAck('sum', 1, 2)
  await server.in('odd').socketsJoin('late')
  while ((await server.in('late').fetchSockets()).length < 1) await pause(10)
  server.to('late').emit('news', 'to the late')
  while (heard[1].length < 3 || heard[0].length < 2) await pause(10)
  server.in('late').disconnectSockets(true)
  while ((await count()) > 1) await pause(10)
  for (const client of clients) client.close()
  for (const node of nodes) await node.server.close()
  return { heard, answers: answers.toSorted((a, b) => a - b), sums }
}

async function socketIo() {
  const { createAdapter, createShardedAdapter } = await import('@socket.io/redis-adapter')
  const streams = await import('@socket.io/redis-streams-adapter')
  const open = async () => {
    const client = createClient({ url: `redis://127.0.0.1:${port}` })
    await client.connect()
    return client
  }
  return {
    channels: await throughAdapter(() => createAdapter(new Redis(port), new Redis(port))),
    shards: await throughAdapter(async () => createShardedAdapter(await open(), await open())),
    streams: await throughAdapter(async () => streams.createAdapter(await open())),
  }
}

const found = await { redlock, rateLimiter, sessions, keyv, bull, socketIo }[name]()
console.log(JSON.stringify(found))
process.exit(0)
