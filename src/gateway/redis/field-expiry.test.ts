/** Fields of hashes that expire, and what else hashes can since Redis 7.4: replies by Redis 7.4's documentation, and what is there when their time is over. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { reclaimFields } from '../../model/keyvalue/field-expiry.ts'
import { Crc64 } from '../../model/keyvalue/rdb/crc64.ts'
import { ListpackWriter } from '../../model/keyvalue/rdb/packed-entries.ts'
import { lengthBytes } from '../../model/keyvalue/rdb/rdb-output.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { openTestSessions, type TestSessions } from '../../session/testing.ts'
import { verifyDatabase } from '../../session/verification.ts'
import { Door } from '../door.ts'
import { defaultGatewayLimits } from '../gateway.ts'
import { findDatabase } from './databases.ts'
import { redisProtocol } from './gateway.ts'
import { TestClient } from './testing.ts'

let test: TestSessions
let gateway: Door
let client: TestClient
/** Time that has passed for the server beside the machine's. */
let passedMs = 0

beforeEach(async () => {
  passedMs = 0
  const real = createRealHost()
  test = await openTestSessions({ host: { ...real, now: () => real.now() + passedMs } })
  gateway = new Door(redisProtocol, test.sessions, defaultGatewayLimits)
  client = new TestClient(gateway, test.database.host)
})
afterEach(async () => {
  await gateway.close(0)
  await test.close()
})

async function run(...lines: readonly (readonly [command: string, reply: string])[]): Promise<void> {
  for (const [command, reply] of lines) expect(await client.sendLine(command), command).toBe(reply)
}

async function reclaim(limit = 100): Promise<number> {
  const session = test.sessions.openSession({ user: 'test', door: 'test' })
  const found = await session.run((tx) => reclaimFields(tx, findDatabase(tx.catalog, 0)!, limit))
  session.close()
  return found
}

async function differences(): Promise<readonly unknown[]> {
  return (await verifyDatabase(test.sessions, test.database)).differences
}

it('replies for each field what became of it', () =>
  run(
    ['HSET h a 1 b 2 c 3', ':3'],
    ['HEXPIRE h 100 FIELDS 2 a none', '[:1 :-2]'],
    ['HTTL h FIELDS 3 a b none', '[:100 :-1 :-2]'],
    ['HEXPIRE none 100 FIELDS 1 a', '[:-2]'],
    ['HTTL none FIELDS 2 a b', '[:-2 :-2]'],
    ['HPERSIST none FIELDS 1 a', '[:-2]'],
    ['HEXPIRE h 50 NX FIELDS 2 a b', '[:0 :1]'],
    ['HEXPIRE h 70 XX FIELDS 3 a b c', '[:1 :1 :0]'],
    ['HEXPIRE h 60 GT FIELDS 2 a c', '[:0 :0]'],
    ['HEXPIRE h 80 gt FIELDS 2 a c', '[:1 :0]'],
    ['HEXPIRE h 90 LT FIELDS 2 a c', '[:0 :1]'],
    ['HEXPIREAT h 9999999999 FIELDS 1 a', '[:1]'],
    ['HEXPIRETIME h FIELDS 2 a none', '[:9999999999 :-2]'],
    ['HPEXPIREAT h 9999999999001 FIELDS 1 a', '[:1]'],
    ['HPEXPIRETIME h FIELDS 1 a', '[:9999999999001]'],
    ['HEXPIRETIME h FIELDS 1 a', '[:10000000000]'],
    ['HPERSIST h FIELDS 3 a a none', '[:1 :-1 :-2]'],
    ['HPEXPIRE h 0 FIELDS 2 a b', '[:2 :2]'],
    ['HGETALL h', '["c" "3"]'],
    ['HEXPIREAT h 1 FIELDS 1 c', '[:2]'],
    ['EXISTS h', ':0'],
  ))

it('refuses what Redis refuses', () =>
  run(
    ['HSET h a 1', ':1'],
    ['HEXPIRE h 10 FIELDS 1', "-ERR wrong number of arguments for 'hexpire' command"],
    ['HTTL h FIELDS 1', "-ERR wrong number of arguments for 'httl' command"],
    ['HEXPIRE h x FIELDS 1 a', '-ERR value is not an integer or out of range'],
    ['HEXPIRE h -1 FIELDS 1 a', '-ERR invalid expire time, must be >= 0'],
    ['HEXPIRE h 99999999999999 FIELDS 1 a', "-ERR invalid expire time in 'hexpire' command"],
    ['HPEXPIREAT h 70368744177664 FIELDS 1 a', "-ERR invalid expire time in 'hpexpireat' command"],
    ['HPEXPIREAT h 70368744177663 FIELDS 1 a', '[:1]'],
    ['HEXPIRE h 10 FOO 1 a', '-ERR Mandatory argument FIELDS is missing or not at the right position'],
    ['HEXPIRE h 10 NX 1 a b', '-ERR Mandatory argument FIELDS is missing or not at the right position'],
    ['HEXPIRE h 10 FIELDS 0 a', '-ERR Parameter `numFields` should be greater than 0'],
    ['HEXPIRE h 10 FIELDS 2 a', '-ERR The `numfields` parameter must match the number of arguments'],
    ['HTTL h FIELDS x a', '-ERR Number of fields must be a positive integer'],
    ['HPERSIST h FIELDS 2 a', '-ERR The `numfields` parameter must match the number of arguments'],
    ['SET s 1', '+OK'],
    ['HEXPIRE s 10 FIELDS 1 a', '-WRONGTYPE Operation against a key holding the wrong kind of value'],
    ['HTTL s FIELDS 1 a', '-WRONGTYPE Operation against a key holding the wrong kind of value'],
  ))

it('HSET ends the expiry of a field, HINCRBY keeps it', () =>
  run(
    ['HSET h a 1 b 2 c 3 d 4', ':4'],
    ['HPEXPIRE h 100000 FIELDS 4 a b c d', '[:1 :1 :1 :1]'],
    ['HSET h a 2', ':0'],
    ['HINCRBY h b 1', ':3'],
    ['HINCRBYFLOAT h c 0.5', '"3.5"'],
    ['HDEL h d', ':1'],
    ['HSET h d 5', ':1'],
    ['HTTL h FIELDS 4 a b c d', '[:-1 :100 :100 :-1]'],
  ))

it('HSCAN tells names alone, where it is asked to, and only HSCAN', () =>
  run(
    ['HSET h a 1 b 2 c 3', ':3'],
    ['HSCAN h 0 NOVALUES', '["0" ["a" "b" "c"]]'],
    ['HSCAN h 0 MATCH [ab] NOVALUES COUNT 1000', '["0" ["a" "b"]]'],
    ['HSCAN h 0 novalues MATCH', '-ERR syntax error'],
    ['HSCAN none 0 NOVALUES', '["0" []]'],
    ['SADD s x', ':1'],
    ['ZADD z 1 x', ':1'],
    ['SSCAN s 0 NOVALUES', '-ERR NOVALUES option can only be used in HSCAN'],
    ['ZSCAN z 0 NOVALUES', '-ERR NOVALUES option can only be used in HSCAN'],
    ['SCAN 0 NOVALUES', '-ERR NOVALUES option can only be used in HSCAN'],
  ))

describe('a field whose time is over', () => {
  beforeEach(() =>
    run(
      ['HSET h a 1 b 2 c 3', ':3'],
      ['HEXPIRE h 10 FIELDS 2 a b', '[:1 :1]'],
      ['HSET one f v', ':1'],
      ['HEXPIRE one 10 FIELDS 1 f', '[:1]'],
    ),
  )

  it.each([
    ['HGET h a', '(null)'],
    ['HMGET h a c', '[(null) "3"]'],
    ['HEXISTS h a', ':0'],
    ['HSTRLEN h a', ':0'],
    ['HLEN h', ':1'],
    ['HGETALL h', '["c" "3"]'],
    ['HKEYS h', '["c"]'],
    ['HVALS h', '["3"]'],
    ['HSCAN h 0', '["0" ["c" "3"]]'],
    ['HSCAN h 0 NOVALUES', '["0" ["c"]]'],
    ['HRANDFIELD h', '"c"'],
    ['HRANDFIELD h 5 WITHVALUES', '["c" "3"]'],
    ['HRANDFIELD h -2', '["c" "c"]'],
    ['HTTL h FIELDS 2 a c', '[:-2 :-1]'],
    ['HEXPIRE h 10 FIELDS 1 a', '[:-2]'],
    ['HDEL h a', ':0'],
    ['HSETNX h a x', ':1'],
    ['HSET h a x', ':1'],
    ['HINCRBY h a 5', ':5'],
    ['EXISTS one', ':0'],
    ['TYPE one', '+none'],
    ['HGETALL one', '[]'],
    ['KEYS *', '["h"]'],
    ['SCAN 0', '["0" ["h"]]'],
    ['SET one x', '+OK'],
    ['HSET one f x', ':1'],
    ['RENAME one two', '-ERR no such key'],
    ['DEL one', ':0'],
  ])('is not there: %s', async (line, reply) => {
    passedMs = 11_000
    await run([line, reply])
    expect(await differences()).toEqual([])
    await reclaim()
    await run(['EXISTS h', ':1'])
    expect(await differences()).toEqual([])
  })

  it('is taken away, with the key that has no other', async () => {
    expect(await reclaim()).toBe(0)
    passedMs = 11_000
    expect(await reclaim(2)).toBe(2)
    expect(await reclaim(2)).toBe(1)
    expect(await reclaim(2)).toBe(0)
    expect(await differences()).toEqual([])
    passedMs = 0
    await run(['HGETALL h', '["c" "3"]'], ['EXISTS one', ':0'])
  })

  it('is taken away behind hashes that have lost theirs', async () => {
    await run(['HSET i a 1 b 2', ':2'], ['HEXPIRE i 20 FIELDS 1 a', '[:1]'])
    passedMs = 11_000
    expect(await reclaim()).toBe(3)
    passedMs = 21_000
    expect(await reclaim(1)).toBe(1)
  })

  it('that was set again lives', async () => {
    passedMs = 11_000
    await run(['HSET h a x', ':1'], ['HEXPIRE h 5 FIELDS 1 a', '[:1]'], ['HLEN h', ':2'])
    expect(await reclaim()).toBe(2)
    await run(['HGETALL h', '["a" "x" "c" "3"]'])
    passedMs = 17_000
    await run(['HGETALL h', '["c" "3"]'], ['HSET h a y', ':1'], ['HGETALL h', '["a" "y" "c" "3"]'])
    expect(await differences()).toEqual([])
  })
})

it.each([
  'RENAME h k',
  'COPY h k',
  'MOVE h 1',
  "EVAL \"redis.call('restore', 'k', 0, redis.call('dump', KEYS[1]))\" 1 h",
])('%s takes the times along', async (line) => {
  await run(['HSET h a 1 b 2', ':2'], ['HPEXPIREAT h 9999999999001 FIELDS 1 a', '[:1]'])
  await client.sendLine(line)
  if (line.startsWith('MOVE')) await run(['SELECT 1', '+OK'], ['RENAME h k', '+OK'])
  await run(['HPEXPIRETIME k FIELDS 2 a b', '[:9999999999001 :-1]'], ['HGETALL k', '["a" "1" "b" "2"]'])
  expect(await differences()).toEqual([])
  await run(['DEL k', ':1'])
  expect(await differences()).toEqual([])
})

const timeMs = 9_999_999_999_001n

/** As a payload of DUMP. */
function dumped(parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat([...parts, Uint8Array.of(12, 0)])
  const checksum = new Crc64()
  checksum.add({ bytes: body, start: 0, end: body.length })
  return Buffer.concat([body, checksum.toBytes()])
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(value)
  return bytes
}

it('a dump has the form of Redis 7.4', async () => {
  await run(['HSET h a 1 b 22', ':2'], [`HPEXPIREAT h ${timeMs} FIELDS 1 a`, '[:1]'])
  const dump = Buffer.from(JSON.parse(await client.sendLine('DUMP h')) as string, 'latin1')
  const fields = Buffer.from([2, 1, 1, 0x61, 0xc0, 1, 0, 1, 0x62, 0xc0, 22])
  expect(dump).toEqual(dumped([Uint8Array.of(24), int64(timeMs), fields]))
})

it('a packed hash of Redis 7.4 is read', async () => {
  const packed = new ListpackWriter()
  for (const text of ['a', '1', String(timeMs), 'b', 'two', '0']) packed.add(Buffer.from(text))
  const listpack = packed.toBytes()
  const payload = dumped([Uint8Array.of(25), int64(timeMs), lengthBytes(listpack.length), listpack])
  expect(await client.send('RESTORE', 'h', '0', payload)).toBe('+OK')
  await run(['HGETALL h', '["a" "1" "b" "two"]'], ['HPEXPIRETIME h FIELDS 2 a b', `[:${timeMs} :-1]`])
  expect(await differences()).toEqual([])
})

it('is told as Redis tells it', async () => {
  const listener = new TestClient(gateway, test.database.host)
  await run(['CONFIG SET notify-keyspace-events Eh', '+OK'], ['HSET h a 1 b 2', ':2'])
  await listener.sendLine('PSUBSCRIBE *')
  const heard = async (name: string): Promise<void> =>
    expect(await listener.next()).toBe(`["pmessage" "*" "__keyevent@0__:${name}" "h"]`)
  await run(['HEXPIRE h 10 FIELDS 1 a', '[:1]'])
  await heard('hexpire')
  await run(['HPERSIST h FIELDS 1 a', '[:1]'])
  await heard('hpersist')
  await run(['HPEXPIRE h 10000 FIELDS 1 a', '[:1]'])
  await heard('hexpire')
  passedMs = 11_000
  expect(await reclaim()).toBe(1)
  await heard('hexpired')
})

it('long values keep and lose their times', async () => {
  const long = 'x'.repeat(100_000)
  expect(await client.send('HSET', 'h', 'a', long, 'b', long, 'c', '1')).toBe(':3')
  await run(['HEXPIRE h 10 FIELDS 2 a b', '[:1 :1]'])
  expect(await client.send('HSET', 'h', 'b', long)).toBe(':0')
  await run(['HTTL h FIELDS 2 a b', '[:10 :-1]'])
  passedMs = 11_000
  expect(await client.send('HSET', 'h', 'a', long)).toBe(':1')
  await run(['HSTRLEN h a', ':100000'], ['HEXPIRE h 10 FIELDS 3 a b c', '[:1 :1 :1]'])
  passedMs = 22_000
  await run(['EXISTS h', ':0'])
  expect(await reclaim()).toBe(3)
  expect(await differences()).toEqual([])
})
