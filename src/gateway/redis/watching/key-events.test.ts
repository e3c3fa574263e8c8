import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { reclaimExpired } from '../../../model/keyvalue/expiry.ts'
import { putField, dropField } from '../../../model/keyvalue/writes.ts'
import { openTestServer, type TestClient, type TestServer } from '../testing.ts'

let server: TestServer
let client: TestClient
let listener: TestClient

beforeEach(async () => {
  server = await openTestServer()
  client = server.connect()
  listener = server.connect()
  await client.sendLine('CONFIG SET notify-keyspace-events EAn')
  await listener.sendLine('PSUBSCRIBE *')
})
afterEach(() => server.close())

/** Events since the last time: `set a`. */
async function heard(): Promise<string[]> {
  const found: string[] = []
  while (!(await listener.isWaiting())) {
    const [, channel, payload] = /^\["pmessage" "\*" "(.*?)" "(.*)"\]$/.exec(await listener.next())!
    found.push(`${channel!.replace('__keyevent@0__:', '')} ${payload}`)
  }
  return found
}

async function eventsOf(...lines: readonly string[]): Promise<string[]> {
  for (const line of lines) await client.sendLine(line)
  return heard()
}

/** As redis-server 7.0.15 tells them, command by command. */
const told: readonly (readonly [string, string])[] = [
  ['SET s 1', 'new s, set s'],
  ['SET s 1 EX 100', 'set s, expire s'],
  ['SETEX s 100 x', 'set s, expire s'],
  ['SETNX s 2', ''],
  ['GETSET s 3', 'set s'],
  ['SET s 3 XX GET', 'set s'],
  ['APPEND s 4', 'append s'],
  ['INCR s', 'incrby s'],
  ['DECRBY s 2', 'incrby s'],
  ['INCRBYFLOAT s 1.5', 'incrbyfloat s'],
  ['SETRANGE s 1 x', 'setrange s'],
  ['GETEX s EX 100', 'expire s'],
  ['GETEX s PERSIST', 'persist s'],
  ['GETDEL s', 'del s'],
  ['MSET a 1 b 2', 'new a, set a, new b, set b'],
  ['DEL a b nothing', 'del a, del b'],
  ['RPUSH l a b c', 'new l, rpush l'],
  ['LPUSHX l d', 'lpush l'],
  ['LPUSHX nothing d', ''],
  ['LSET l 0 e', 'lset l'],
  ['LINSERT l BEFORE a x', 'linsert l'],
  ['LREM l 0 nothing', ''],
  ['LREM l 0 x', 'lrem l'],
  ['LTRIM l 0 2', 'ltrim l'],
  ['LMOVE l m LEFT RIGHT', 'new m, rpush m, lpop l'],
  ['RPOPLPUSH l m', 'lpush m, rpop l'],
  ['LPOP l', 'lpop l, del l'],
  ['LMPOP 1 m LEFT COUNT 9', 'lpop m, del m'],
  ['HSET h f 1', 'new h, hset h'],
  ['HSET h f 1', 'hset h'],
  ['HSETNX h f 1', ''],
  ['HINCRBY h f 1', 'hincrby h'],
  ['HINCRBYFLOAT h f 1', 'hincrbyfloat h'],
  ['HDEL h nothing', ''],
  ['HDEL h f', 'hdel h, del h'],
  ['SADD t a b c', 'new t, sadd t'],
  ['SADD t a', ''],
  ['SREM t a', 'srem t'],
  ['SMOVE t u b', 'srem t, new u, sadd u'],
  ['SUNIONSTORE v t u', 'new v, sunionstore v'],
  ['SUNIONSTORE v t', 'sunionstore v'],
  ['SINTERSTORE v t u', 'del v'],
  ['SPOP t', 'spop t, del t'],
  ['ZADD z 1 a 2 b 3 c', 'new z, zadd z'],
  ['ZADD z INCR 1 a', 'zincr z'],
  ['ZINCRBY z 1 a', 'zincr z'],
  ['ZREM z a nothing', 'zrem z'],
  ['ZRANGESTORE y z 0 -1', 'new y, zrangestore y'],
  ['ZPOPMIN z', 'zpopmin z'],
  ['ZREMRANGEBYRANK z 0 -1', 'zremrangebyrank z, del z'],
  ['ZMPOP 1 y MAX', 'zpopmax y'],
  ['EXPIRE y 100', 'expire y'],
  ['PERSIST y', 'persist y'],
  ['PERSIST y', ''],
  ['EXPIRE nothing 1', ''],
  ['RENAME y w', 'new w, rename_from y, rename_to w'],
  ['COPY w y', 'new y, copy_to y'],
  ['EXPIRE w -1', 'del w'],
  ['GET y', ''],
  ['XGROUP CREATE x g 0 MKSTREAM', 'new x, xgroup-create x'],
  ['XGROUP CREATECONSUMER x g bob', 'xgroup-createconsumer x'],
  ['XADD x 1-1 f v', 'xadd x'],
  ['XADD x 2-1 f v', 'xadd x'],
  ['XREADGROUP GROUP g ada COUNT 1 STREAMS x >', 'xgroup-createconsumer x'],
  ['XREADGROUP GROUP g ada STREAMS x >', ''],
  ['XREADGROUP GROUP g eve STREAMS x 0', 'xgroup-createconsumer x'],
  ['XCLAIM x g fay 0 1-1', 'xgroup-createconsumer x'],
  ['XCLAIM x g fay 0 2-1', ''],
  ['XAUTOCLAIM x g gus 0 1-1', 'xgroup-createconsumer x'],
  ['XAUTOCLAIM x g bob 99999999 1-1', ''],
  ['XGROUP DELCONSUMER x g nobody', ''],
  ['XGROUP DELCONSUMER x g bob', 'xgroup-delconsumer x'],
  ['XGROUP SETID x g 0', 'xgroup-setid x'],
  ['XACK x g 1-1', ''],
  ['XGROUP DESTROY x nothing', ''],
  ['XGROUP DESTROY x g', 'xgroup-destroy x'],
  ['FLUSHALL', ''],
]

describe('an event', () => {
  it('is called as in Redis, and there is none where nothing changes', async () => {
    const heardOf: (readonly [string, string])[] = []
    for (const [line] of told) heardOf.push([line, (await eventsOf(line)).join(', ')])
    expect(heardOf).toEqual(told)
  })

  it('stands in the order of commands in a block and in a script, and not at all where they are taken back', async () => {
    expect(await eventsOf('MULTI', 'SET a 1', 'SADD s x', 'SADD s x', 'DEL a', 'EXEC')).toEqual([
      'new a',
      'set a',
      'new s',
      'sadd s',
      'del a',
    ])
    await client.send('EVAL', "redis.call('set','k',1) redis.call('del','s') return 1", '0')
    expect(await heard()).toEqual(['new k', 'set k', 'del s'])
    expect(await eventsOf('POLYLOG.BEGIN', 'SET b 1', 'POLYLOG.ROLLBACK')).toEqual([])
    expect(await eventsOf('POLYLOG.BEGIN', 'SET b 1', 'POLYLOG.COMMIT')).toEqual(['new b', 'set b'])
  })

  it('has its database and its key in its channel', async () => {
    await client.sendLine('CONFIG SET notify-keyspace-events KE$')
    await client.sendLine('SELECT 3')
    await client.sendLine('SET "a b" 1')
    expect(await listener.next()).toBe('["pmessage" "*" "__keyspace@3__:a b" "set"]')
    expect(await listener.next()).toBe('["pmessage" "*" "__keyevent@3__:set" "a b"]')
    expect(await eventsOf('RPUSH l 1')).toEqual([])
  })

  it('tells of reads of what is not there, where that is asked for', async () => {
    await client.sendLine('CONFIG SET notify-keyspace-events Em')
    await client.sendLine('SET a 1')
    expect(await eventsOf('GET a', 'GET b', 'MGET a c', 'HGETALL d', 'SET x 1')).toEqual([
      'keymiss b',
      'keymiss c',
      'keymiss d',
    ])
  })

  it('tells of what has expired, once the server has taken it away or another value has come', async () => {
    await client.sendLine('SET a 1 PX 1')
    await client.sendLine('SET b 1 PX 1')
    await heard()
    for (const end = Date.now() + 5; Date.now() < end;);
    expect(await eventsOf('SET b 2')).toEqual(['expired b', 'new b', 'set b'])
    const session = server.sessions.openSession({ user: 'polylog', door: 'housekeeping' })
    await session.run((tx) => void reclaimExpired(tx, tx.catalog.findCollection('redis', 'db0')!, 10))
    expect(await heard()).toEqual(['expired a'])
    session.close()
  })

  it('tells of what comes by another door, in the nearest words', async () => {
    await client.sendLine('HSET h f 1')
    await heard()
    const session = server.sessions.openSession({ user: 'polylog', door: 'postgres' })
    const [key, field] = [Buffer.from('h'), Buffer.from('g')]
    await session.run((tx) => {
      const space = tx.catalog.findCollection('redis', 'db0')!
      return void putField(tx, space, key, field, Buffer.from('2'))
    })
    expect(await heard()).toEqual(['hset h'])
    await session.run((tx) => {
      const space = tx.catalog.findCollection('redis', 'db0')!
      dropField(tx, space, key, field)
      dropField(tx, space, key, Buffer.from('f'))
    })
    expect(await heard()).toEqual(['hdel h', 'del h'])
    session.close()
  })

  it('costs nothing where nobody listens', async () => {
    const { hub } = server.sessions.openSession({ user: 'polylog', door: 'library' })
    expect(hub.observes).toBe(true)
    await client.sendLine('CONFIG SET notify-keyspace-events ""')
    expect(hub.observes).toBe(false)
    expect(await eventsOf('SET a 1')).toEqual([])
  })
})
