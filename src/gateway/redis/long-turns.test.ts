/**
 * Every command there is, given as much as it takes: between two pauses it makes a bounded number of calls on its arguments,
 * on its transaction and on its reply, copies a bounded number of bytes, and charges no more than a turn. A command that
 * is added without a row here fails, and so does a row that never pauses.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { ByteWriter } from '../../base/bytes.ts'
import { turnMeter } from '../../base/turn-meter.ts'
import { turnUnits } from '../../base/work.ts'
import { KernelTransaction } from '../../database/transaction/transaction.ts'
import { TransactionCursor } from '../../database/transaction/transaction-cursor.ts'
import { Call } from './call.ts'
import { createCommandTable } from './command-handlers.ts'
import type { Command } from './command-table.ts'
import { Reply } from './reply.ts'
import { openTestServer, type TestClient, type TestServer } from './testing.ts'

vi.mock('../../base/work.ts', async (load) => {
  const { metered } = await import('../../base/turn-meter.ts')
  return metered(await load())
})

const sizeOf = ({ start, end }: { start: number; end: number }): number => end - start

function countWork(): void {
  turnMeter.count(Call.prototype, ['arg'])
  turnMeter.count(Reply.prototype, ['integer', 'bulk', 'bulkText', 'null', 'double', 'array', 'status'])
  turnMeter.count(KernelTransaction.prototype, ['get', 'delete', 'scan'])
  turnMeter.count(KernelTransaction.prototype, ['put', 'putNew'], (_: unknown, value: { start: number; end: number }) =>
    sizeOf(value),
  )
  turnMeter.count(TransactionCursor.prototype, ['next'])
  turnMeter.count(ByteWriter.prototype, ['copy'], (_: unknown, start = 0, end = 0) => end - start)
}

/** A turn has 1,000 keys, each of which is some of these calls. */
const callsPerTurn = 12_000
const bytesPerTurn = 4 * 1024 * 1024
/** A single step may go beyond. */
const unitsPerTurn = 2 * turnUnits

const size = 4_000
const many = Array.from({ length: size }, (_, i) => `m${i}`)
const pairs = many.flatMap((member, i) => [member, `${i}`])
const scored = many.flatMap((member, i) => [`${i}`, member])
const longString = Buffer.alloc(6 * 1024 * 1024, 'long string ')
const keyCount = `${size}`

type Row = readonly (string | Buffer)[]

/** Commands whose work grows with what they are given, or with what is stored; keys as `fill` makes them. */
const rows: Readonly<Record<string, readonly Row[]>> = {
  append: [['new', longString]],
  copy: ['long', 'hash', 'set', 'zset', 'list', 'longs', 'items'].map((key) => [key, 'copy', 'REPLACE']),
  del: [many],
  exists: [many],
  get: [['long']],
  getdel: [['long']],
  getex: [['long', 'EX', '1000']],
  getrange: [['long', '1', '-2']],
  getset: [['long', longString]],
  hdel: [['hash', ...many]],
  hget: [['longs', 'f']],
  hgetall: [['hash'], ['longs']],
  hkeys: [['hash']],
  hmget: [
    ['hash', ...many],
    ['longs', 'f', 'none', 'f'],
  ],
  hmset: [
    ['new', ...pairs],
    ['new', 'f', longString],
  ],
  hrandfield: [
    ['hash', keyCount, 'WITHVALUES'],
    ['hash', `-${keyCount}`],
    ['longs', '-2', 'WITHVALUES'],
  ],
  hscan: [
    ['hash', '0', 'COUNT', keyCount],
    ['longs', '0'],
  ],
  hset: [
    ['new', ...pairs],
    ['longs', 'f', longString],
  ],
  hsetnx: [['new', 'f', longString]],
  hvals: [['hash'], ['longs']],
  keys: [['*']],
  lindex: [['items', '1']],
  linsert: [
    ['list', 'BEFORE', 'none', 'x'],
    ['items', 'BEFORE', 'x', longString],
    ['items', 'AFTER', longString, 'x'],
  ],
  lmove: [['items', 'new', 'RIGHT', 'LEFT']],
  lmpop: [
    ['1', 'list', 'LEFT', 'COUNT', keyCount],
    [keyCount, ...many, 'LEFT'],
  ],
  lpop: [
    ['list', keyCount],
    ['items', '2'],
  ],
  lpos: [
    ['list', 'none', 'COUNT', '0'],
    ['items', longString],
  ],
  lpush: [
    ['new', ...many],
    ['new', longString],
  ],
  lpushx: [['list', ...many]],
  lrange: [
    ['list', '0', '-1'],
    ['items', '0', '-1'],
  ],
  lrem: [
    ['list', '0', 'm3999'],
    ['items', '0', longString],
  ],
  lset: [['items', '0', longString]],
  mget: [many, ['long', 'long']],
  move: [
    ['hash', '1'],
    ['long', '1'],
  ],
  mset: [pairs, ['a', longString]],
  msetnx: [pairs, ['a', longString]],
  psetex: [['new', '100000', longString]],
  rpop: [['list', keyCount]],
  rpoplpush: [['items', 'new']],
  rpush: [['new', ...many]],
  rpushx: [['list', ...many]],
  sadd: [['new', ...many]],
  scan: [['0', 'COUNT', keyCount]],
  sdiff: [['set', 'few'], many],
  sdiffstore: [
    ['new', 'set', 'few'],
    ['new', ...many],
  ],
  set: [
    ['new', longString],
    ['long', longString, 'GET'],
  ],
  setex: [['new', '100', longString]],
  setnx: [['new', longString]],
  setrange: [
    ['new', '6000000', 'x'],
    ['new', '0', longString],
  ],
  sinter: [['set', 'set'], many],
  sintercard: [
    ['2', 'set', 'set'],
    [keyCount, ...many],
  ],
  sinterstore: [
    ['new', 'set', 'set'],
    ['new', ...many],
  ],
  smembers: [['set']],
  smismember: [['set', ...many]],
  spop: [['set', keyCount]],
  srandmember: [
    ['set', '3000'],
    ['set', `-${keyCount}`],
  ],
  srem: [['set', ...many]],
  sscan: [['set', '0', 'COUNT', keyCount]],
  substr: [['long', '0', '-1']],
  sunion: [['set', 'few'], many],
  sunionstore: [
    ['new', 'set', 'few'],
    ['new', ...many],
  ],
  touch: [many],
  unlink: [many],
  zadd: [['new', ...scored]],
  zdiff: [
    ['2', 'zset', 'few'],
    [keyCount, ...many],
  ],
  zdiffstore: [
    ['new', '2', 'zset', 'few'],
    ['new', keyCount, ...many],
  ],
  zinter: [
    ['2', 'zset', 'zset'],
    [keyCount, ...many],
  ],
  zintercard: [
    ['2', 'zset', 'zset'],
    [keyCount, ...many],
  ],
  zinterstore: [
    ['new', '2', 'zset', 'zset'],
    ['new', keyCount, ...many],
  ],
  zmpop: [
    ['1', 'zset', 'MIN', 'COUNT', keyCount],
    [keyCount, ...many, 'MIN'],
  ],
  zmscore: [['zset', ...many]],
  zpopmax: [['zset', keyCount]],
  zpopmin: [['zset', keyCount]],
  zrandmember: [
    ['zset', '3000', 'WITHSCORES'],
    ['zset', `-${keyCount}`],
  ],
  zrange: [['zset', '0', '-1', 'WITHSCORES']],
  zrangebylex: [['zset', '-', '+']],
  zrangebyscore: [['zset', '-inf', '+inf']],
  zrangestore: [['new', 'zset', '0', '-1']],
  zrem: [['zset', ...many]],
  zremrangebylex: [['zset', '-', '+']],
  zremrangebyrank: [['zset', '0', '-2']],
  zremrangebyscore: [['zset', '-inf', '3000']],
  zrevrange: [['zset', '0', '-1']],
  zrevrangebylex: [['zset', '+', '-']],
  zrevrangebyscore: [['zset', '+inf', '-inf']],
  zscan: [['zset', '0', 'COUNT', keyCount]],
  zunion: [
    ['2', 'zset', 'few'],
    [keyCount, ...many],
    [keyCount, ...many, 'WEIGHTS', ...many.map(() => '1')],
  ],
  zunionstore: [
    ['new', '2', 'zset', 'few'],
    ['new', keyCount, ...many],
  ],
}

/** Whatever it is given and whatever is stored, their work is bounded; `why` by `what`. */
const bounded: Readonly<Record<string, string>> = {
  'a few values and one or two entries':
    'decr decrby expire expireat expiretime hexists hincrby hincrbyfloat hlen hstrlen incr incrby ' +
    'incrbyfloat llen persist pexpire pexpireat pexpiretime pttl rename renamenx scard ' +
    'sismember smove strlen ttl type zcard zincrby zscore',
  'counted in the pages': 'dbsize zcount zlexcount zrank zrevrank randomkey',
  'range deletes': 'flushall flushdb ltrim',
  'at most 1,024 arguments, of which names and options are read':
    'acl auth client command config echo hello info ping polylog.begin polylog.commit polylog.durability polylog.engine ' +
    'polylog.join polylog.leave polylog.rollback polylog.token polylog.use quit reset role select slowlog time',
  'at most 2,000 keys': 'unwatch watch',
  'what is queued is done one by one': 'multi exec discard',
  'another command': 'polylog.in',
}

const boundedNames = Object.values(bounded).flatMap((names) => names.split(' '))

let server: TestServer
let client: TestClient

const stored: Readonly<Record<string, Row>> = {
  hash: ['HSET', 'hash', ...pairs],
  set: ['SADD', 'set', ...many],
  few: ['SADD', 'few', 'm1', 'none'],
  zset: ['ZADD', 'zset', ...scored],
  list: ['RPUSH', 'list', ...many],
  long: ['SET', 'long', longString],
  longs: ['HSET', 'longs', 'f', longString],
  items: ['RPUSH', 'items', 'x', longString],
}

/** The keys that a command names; many where it asks for all. */
async function fill(form: Row): Promise<void> {
  await client.send('FLUSHALL')
  for (const [key, command] of Object.entries(stored)) if (form.includes(key)) await client.send(...command)
  if (form[0] === '*' || form[0] === '0') await client.send('MSET', ...pairs)
}

beforeAll(async () => {
  server = await openTestServer()
  client = server.connect()
  countWork()
})

afterAll(async () => {
  await server.close()
})

async function measured(args: Row): Promise<typeof turnMeter> {
  turnMeter.reset()
  await client.send(...args)
  turnMeter.endTurn()
  return turnMeter
}

describe('no command does much in one turn:', () => {
  const table = createCommandTable()

  it('all are here', () => {
    const known = new Set([...Object.keys(rows), ...boundedNames])
    expect([...table.commands.keys()].filter((name) => !known.has(name))).toEqual([])
    const isMany = ([name, command]: [string, Command]): boolean => command.takesMany && rows[name] === undefined
    expect([...table.commands].filter(isMany).map(([name]) => name)).toEqual(['polylog.in', 'watch'])
  })

  it.each(Object.entries(rows))('%s', async (name, forms) => {
    for (const form of forms) {
      await fill(form)
      const { turns, mostCalls, mostBytes, mostUnits } = await measured([name, ...form])
      const isIn = {
        calls: mostCalls <= callsPerTurn,
        bytes: mostBytes <= bytesPerTurn,
        units: mostUnits <= unitsPerTurn,
      }
      const shown = `${form
        .slice(0, 3)
        .map((arg) => arg.toString('latin1').slice(0, 20))
        .join(' ')}: ${turns} turns, ${mostCalls} calls, ${mostBytes} bytes, ${mostUnits} units`
      expect({ ...isIn, pauses: turns > 2 }, shown).toEqual({ calls: true, bytes: true, units: true, pauses: true })
    }
  })
})
