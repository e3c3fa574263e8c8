/** The real, unmodified drivers over a real socket. */
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Listener } from '../../host/host.ts'
import { openTestServer, type TestServer } from './testing.ts'

let server: TestServer
let listener: Listener

beforeAll(async () => {
  server = await openTestServer()
  listener = await server.database.host.network.listen({ host: '127.0.0.1', port: 0 }, (socket) =>
    server.gateway.accept(socket, new Uint8Array(0)),
  )
})

afterAll(async () => {
  await listener.close()
  await server.close()
})

describe('ioredis', () => {
  let client: Redis
  beforeAll(() => {
    client = new Redis({ port: listener.address.port, autoResendUnfulfilledCommands: false })
  })
  afterAll(() => client.disconnect())

  it('stores and reads each type', async () => {
    expect(await client.set('string', 'ü\0', 'EX', 100)).toBe('OK')
    expect(await client.get('string')).toBe('ü\0')
    expect(await client.getBuffer('string')).toEqual(Buffer.from('ü\0'))
    await client.hset('hash', { a: 1, b: 'two' })
    expect(await client.hgetall('hash')).toEqual({ a: '1', b: 'two' })
    await client.zadd('sorted', '1.5', 'a', '+inf', 'b')
    expect(await client.zrange('sorted', '0', '-1', 'WITHSCORES')).toEqual(['a', '1.5', 'b', 'inf'])
    await client.rpush('list', 'x', 'y')
    expect(await client.lrange('list', 0, -1)).toEqual(['x', 'y'])
  })

  it('pipelines, and scans by a stream', async () => {
    const pipeline = client.pipeline()
    for (let i = 0; i < 500; i++) pipeline.incr('counter').set(`scanned:${i}`, i)
    expect((await pipeline.exec())!.at(-2)).toEqual([null, 500])
    const keys: string[] = []
    for await (const batch of client.scanStream({ match: 'scanned:*', count: 50 })) keys.push(...(batch as string[]))
    expect(new Set(keys).size).toBe(500)
  })

  it('runs transactions, with errors in their places', async () => {
    const results = await client.multi().set('m', 1).sadd('m', 'x').incr('m').exec()
    expect(results![0]).toEqual([null, 'OK'])
    expect(results![1]![0]).toMatchObject({ message: expect.stringMatching(/^WRONGTYPE/) as string })
    expect(results![2]).toEqual([null, 2])
    const other = client.duplicate()
    await other.watch('m')
    await client.incr('m')
    expect(await other.multi().set('m', 0).exec()).toBeNull()
    other.disconnect()
  })

  it('takes part in a transaction by its token', async () => {
    const other = client.duplicate()
    await client.call('POLYLOG.BEGIN')
    const token = (await client.call('POLYLOG.TOKEN')) as string
    expect(await other.call('POLYLOG.IN', token, 'INCR', 'shared')).toBe(1)
    expect(await other.get('shared')).toBeNull()
    await client.call('POLYLOG.COMMIT')
    await expect(other.call('POLYLOG.IN', token, 'INCR', 'shared')).rejects.toThrow('POLYLOGENDED committed')
    expect(await other.get('shared')).toBe('1')
    other.disconnect()
  })
})

describe('node-redis', () => {
  const connect = () => createClient({ url: `redis://127.0.0.1:${listener.address.port}` })
  let client: ReturnType<typeof connect>
  beforeAll(async () => {
    client = connect()
    await client.connect()
  })
  afterAll(() => client.destroy())

  it('speaks RESP3', async () => {
    expect(await client.set('n', 'v')).toBe('OK')
    expect(await client.hSet('nh', { a: '1', b: '2' })).toBe(2)
    expect(await client.hGetAll('nh')).toMatchObject({ a: '1', b: '2' })
    await client.zAdd('nz', [
      { score: 1, value: 'a' },
      { score: 2.5, value: 'b' },
    ])
    expect(await client.zRangeWithScores('nz', 0, -1)).toEqual([
      { value: 'a', score: 1 },
      { value: 'b', score: 2.5 },
    ])
    expect(await client.zScore('nz', 'b')).toBe(2.5)
    await client.sAdd('ns', ['x', 'y'])
    expect([...(await client.sMembers('ns'))].sort()).toEqual(['x', 'y'])
    expect(await client.multi().set('q', '1').incr('q').exec()).toEqual(['OK', 2])
  })

  it('sends and receives large values', async () => {
    const value = 'x'.repeat(3_000_000)
    await client.set('large', value)
    expect(await client.get('large')).toBe(value)
  })
})
