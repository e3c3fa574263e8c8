/**
 * For tests and measurements: every command whose work grows with what it is given, or with what is stored, and its
 * largest arguments. One list of sizes gives what is counted (`long-turns.test.ts`), the largest that are taken what is
 * measured (`bench/areas/redis-turns.ts`).
 */
import { sliceOf } from '../../base/slice.ts'
import { Crc64 } from '../../model/keyvalue/rdb/crc64.ts'
import { lengthBytes } from '../../model/keyvalue/rdb/rdb-output.ts'
import { valueType } from '../../model/keyvalue/rdb/value-types.ts'

export type LongRow = readonly (string | Buffer)[]

export interface LongArguments {
  /** What each command is given, by its name; keys as in `stored`. */
  readonly rows: Readonly<Record<string, readonly LongRow[]>>
  /** The commands that make the keys, by these. */
  readonly stored: Readonly<Record<string, LongRow>>
  /** Names of many keys, with values. */
  readonly pairs: LongRow
}

export interface LongSizes {
  /** Of elements and arguments. */
  readonly size: number
  /** Of what is looked at side by side. */
  readonly keys: number
  readonly longString: Buffer
}

/** All given to a consumer of one group, nothing to one of the other. */
const makesStream = `
  for i = 1, ARGV[1] do redis.call('xadd', KEYS[1], i .. '-1', 'f', i) end
  for _, name in ipairs({'g', 'h'}) do redis.call('xgroup', 'create', KEYS[1], name, '0') end
  redis.call('xreadgroup', 'group', 'g', 'c', 'streams', KEYS[1], '>')`

/** Groups, and in one of them consumers who have an entry each. */
const makesParties = `
  redis.call('xgroup', 'create', KEYS[1], 'g', '0', 'mkstream')
  for i = 1, ARGV[1] do
    redis.call('xadd', KEYS[1], i .. '-1', 'f', i)
    redis.call('xgroup', 'create', KEYS[1], 'g' .. i, '0')
    redis.call('xreadgroup', 'group', 'g', 'c' .. i, 'streams', KEYS[1], '>')
  end`

/** What RESTORE takes for a value. */
function payloadOf(parts: readonly Uint8Array[]): Buffer {
  const value = Buffer.concat([...parts, Uint8Array.of(10, 0)])
  const checksum = new Crc64()
  checksum.add(sliceOf(value))
  return Buffer.concat([value, checksum.toBytes()])
}

function longPayload(value: Buffer): Buffer {
  return payloadOf([Uint8Array.of(valueType.string), lengthBytes(value.length), value])
}

function setPayload(members: readonly string[]): Buffer {
  const strings = members.flatMap((member) => [lengthBytes(member.length), Buffer.from(member)])
  return payloadOf([Uint8Array.of(valueType.set), lengthBytes(members.length), ...strings])
}

/* oxlint-disable-next-line max-lines-per-function -- a table */
export function longArguments({ size, keys, longString }: LongSizes): LongArguments {
  const many = Array.from({ length: size }, (_, i) => `m${i}`)
  const named = many.slice(0, keys)
  const pairs = many.flatMap((member, i) => [member, `${i}`])
  const scored = many.flatMap((member, i) => [`${i}`, member])
  const ids = many.map((_, i) => `${i + 1}-1`)
  const elementCount = `${size}`
  const keyCount = `${keys}`
  const most = `${Math.floor(size * 0.75)}`
  const rows: Readonly<Record<string, readonly LongRow[]>> = {
    append: [['new', longString]],
    bitcount: [['long'], ['long', '1', '-2', 'BIT']],
    bitfield: [
      ['long', ...many.flatMap((_, i) => ['INCRBY', 'u8', `#${i * 1000}`, '1'])],
      ['new', ...many.flatMap((_, i) => ['SET', 'u8', `#${i}`, '1'])],
    ],
    bitfield_ro: [['long', ...many.flatMap((_, i) => ['GET', 'u8', `#${i}`])]],
    bitop: [
      ['AND', 'new', 'long', 'hole', 'long'],
      ['NOT', 'new', 'long'],
      ['OR', 'new', ...named],
    ],
    bitpos: [['hole', '1']],
    blmove: [['items', 'new', 'RIGHT', 'LEFT', '0']],
    blmpop: [
      ['0', '1', 'list', 'LEFT', 'COUNT', elementCount],
      ['0.001', keyCount, ...named, 'LEFT'],
    ],
    blpop: [[...named, '0.001']],
    brpop: [
      ['items', '0'],
      [...named, '0.001'],
    ],
    brpoplpush: [['items', 'new', '0']],
    bzmpop: [
      ['0', '1', 'zset', 'MIN', 'COUNT', elementCount],
      ['0.001', keyCount, ...named, 'MAX'],
    ],
    bzpopmax: [[...named, '0.001']],
    bzpopmin: [[...named, '0.001']],
    copy: ['long', 'hash', 'set', 'zset', 'list', 'longs', 'items', 'stream'].map((key) => [key, 'copy', 'REPLACE']),
    del: [many],
    exists: [many],
    geoadd: [['new', ...many.flatMap((member, i) => [`${i % 180}`, `${i % 80}`, member])]],
    geohash: [['zset', ...many]],
    geopos: [['zset', ...many]],
    georadius: [['zset', '0', '0', '20000', 'km']],
    georadius_ro: [['zset', '0', '0', '20000', 'km', 'DESC']],
    georadiusbymember: [['zset', 'm1', '20000', 'km', 'STORE', 'new']],
    georadiusbymember_ro: [['zset', 'm1', '20000', 'km']],
    geosearch: [['zset', 'FROMMEMBER', 'm1', 'BYRADIUS', '20000', 'km', 'WITHCOORD', 'WITHDIST']],
    geosearchstore: [['new', 'zset', 'FROMMEMBER', 'm1', 'BYBOX', '40000', '40000', 'km', 'STOREDIST']],
    get: [['long']],
    getdel: [['long']],
    getex: [['long', 'EX', '1000']],
    dump: ['long', 'hash', 'set', 'zset', 'list', 'longs', 'items'].map((key) => [key]),
    eval: [
      ["for i = 1, 20000 do redis.call('set', 'k' .. i, i) end", '0'],
      ['local t = {} for i = 1, 50000 do t[i] = i end return t', '0'],
    ],
    eval_ro: [["for i = 1, 20000 do redis.call('get', 'k' .. i) end", '0']],
    getrange: [['long', '1', '-2']],
    getset: [['long', longString]],
    hdel: [['hash', ...many]],
    hexpire: [['hash', '1000', 'FIELDS', `${many.length}`, ...many]],
    hexpireat: [['hash', '9999999999', 'FIELDS', `${many.length}`, ...many]],
    hexpiretime: [['hash', 'FIELDS', `${many.length}`, ...many]],
    hget: [['longs', 'f']],
    hpersist: [['hash', 'FIELDS', `${many.length}`, ...many]],
    hpexpire: [['hash', '0', 'FIELDS', `${many.length}`, ...many]],
    hpexpireat: [['hash', '9999999999000', 'FIELDS', `${many.length}`, ...many]],
    hpexpiretime: [['hash', 'FIELDS', `${many.length}`, ...many]],
    hpttl: [['hash', 'FIELDS', `${many.length}`, ...many]],
    httl: [['hash', 'FIELDS', `${many.length}`, ...many]],
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
      ['hash', elementCount, 'WITHVALUES'],
      ['hash', `-${elementCount}`],
      ['longs', '-2', 'WITHVALUES'],
    ],
    hscan: [
      ['hash', '0', 'COUNT', elementCount],
      ['hash', '0', 'COUNT', elementCount, 'NOVALUES'],
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
    lcs: [
      ['short', 'short2'],
      ['short', 'short2', 'LEN'],
    ],
    linsert: [
      ['list', 'BEFORE', 'none', 'x'],
      ['items', 'BEFORE', 'x', longString],
      ['items', 'AFTER', longString, 'x'],
    ],
    lmove: [['items', 'new', 'RIGHT', 'LEFT']],
    lmpop: [
      ['1', 'list', 'LEFT', 'COUNT', elementCount],
      [keyCount, ...named, 'LEFT'],
    ],
    lpop: [
      ['list', elementCount],
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
      ['list', '0', `m${size - 1}`],
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
    pfadd: [['new', ...many]],
    pfcount: [Array<string>(keys).fill('hll')],
    pfdebug: [['GETREG', 'hll']],
    pfmerge: [['new', ...Array<string>(keys).fill('hll')]],
    pfselftest: [[]],
    psetex: [['new', '100000', longString]],
    restore: [
      ['new', '0', longPayload(longString)],
      ['new', '0', setPayload(many)],
    ],
    rpop: [['list', elementCount]],
    rpoplpush: [['items', 'new']],
    rpush: [['new', ...many]],
    rpushx: [['list', ...many]],
    sadd: [['new', ...many]],
    scan: [['0', 'COUNT', elementCount]],
    sdiff: [['set', 'few'], named],
    sdiffstore: [
      ['new', 'set', 'few'],
      ['new', ...named],
    ],
    set: [
      ['new', longString],
      ['long', longString, 'GET'],
    ],
    setbit: [['new', '40000000', '1']],
    setex: [['new', '100', longString]],
    setnx: [['new', longString]],
    setrange: [
      ['new', '6000000', 'x'],
      ['new', '0', longString],
    ],
    sinter: [['set', 'set'], named],
    sintercard: [
      ['2', 'set', 'set'],
      [keyCount, ...named],
    ],
    sinterstore: [
      ['new', 'set', 'set'],
      ['new', ...named],
    ],
    smembers: [['set']],
    smismember: [['set', ...many]],
    sort: [
      ['set', 'ALPHA'],
      ['list', 'BY', 'nosort', 'GET', 'm*', 'STORE', 'new'],
      ['items', 'ALPHA', 'DESC'],
    ],
    sort_ro: [['zset', 'BY', 'm*', 'GET', '#', 'GET', 'long*']],
    spop: [['set', elementCount]],
    srandmember: [
      ['set', most],
      ['set', `-${elementCount}`],
    ],
    srem: [['set', ...many]],
    sscan: [['set', '0', 'COUNT', elementCount]],
    substr: [['long', '0', '-1']],
    sunion: [['set', 'few'], named],
    sunionstore: [
      ['new', 'set', 'few'],
      ['new', ...named],
    ],
    touch: [many],
    unlink: [many],
    xack: [['stream', 'g', ...ids]],
    xadd: [
      ['new', '*', ...pairs],
      ['new', '*', 'f', longString],
    ],
    xautoclaim: [['stream', 'g', 'd', '0', '0', 'COUNT', elementCount]],
    xclaim: [['stream', 'g', 'd', '0', ...ids]],
    xdel: [['stream', ...ids]],
    xgroup: [['DELCONSUMER', 'stream', 'g', 'c']],
    xinfo: [
      ['STREAM', 'stream', 'FULL', 'COUNT', '0'],
      ['STREAM', 'parties', 'FULL'],
      ['CONSUMERS', 'parties', 'g'],
      ['GROUPS', 'parties'],
    ],
    xpending: [
      ['stream', 'g', '-', '+', elementCount],
      ['stream', 'g', 'IDLE', '1', '-', '+', elementCount, 'c'],
      ['parties', 'g'],
    ],
    xrange: [
      ['stream', '-', '+'],
      ['entry', '-', '+'],
    ],
    xread: [
      ['STREAMS', 'stream', '0'],
      ['STREAMS', 'entry', '0'],
      ['STREAMS', ...named, ...named.map(() => '0')],
    ],
    xreadgroup: [
      ['GROUP', 'h', 'c', 'STREAMS', 'stream', '>'],
      ['GROUP', 'h', 'c', 'NOACK', 'STREAMS', 'stream', '>'],
      ['GROUP', 'g', 'c', 'STREAMS', 'stream', '0'],
    ],
    xrevrange: [['stream', '+', '-']],
    zadd: [['new', ...scored]],
    zdiff: [
      ['2', 'zset', 'few'],
      [keyCount, ...named],
    ],
    zdiffstore: [
      ['new', '2', 'zset', 'few'],
      ['new', keyCount, ...named],
    ],
    zinter: [
      ['2', 'zset', 'zset'],
      [keyCount, ...named],
    ],
    zintercard: [
      ['2', 'zset', 'zset'],
      [keyCount, ...named],
    ],
    zinterstore: [
      ['new', '2', 'zset', 'zset'],
      ['new', keyCount, ...named],
    ],
    zmpop: [
      ['1', 'zset', 'MIN', 'COUNT', elementCount],
      [keyCount, ...named, 'MIN'],
    ],
    zmscore: [['zset', ...many]],
    zpopmax: [['zset', elementCount]],
    zpopmin: [['zset', elementCount]],
    zrandmember: [
      ['zset', most, 'WITHSCORES'],
      ['zset', `-${elementCount}`],
    ],
    zrange: [['zset', '0', '-1', 'WITHSCORES']],
    zrangebylex: [['zset', '-', '+']],
    zrangebyscore: [['zset', '-inf', '+inf']],
    zrangestore: [['new', 'zset', '0', '-1']],
    zrem: [['zset', ...many]],
    zremrangebylex: [['zset', '-', '+']],
    zremrangebyrank: [['zset', '0', '-2']],
    zremrangebyscore: [['zset', '-inf', most]],
    zrevrange: [['zset', '0', '-1']],
    zrevrangebylex: [['zset', '+', '-']],
    zrevrangebyscore: [['zset', '+inf', '-inf']],
    zscan: [['zset', '0', 'COUNT', elementCount]],
    zunion: [
      ['2', 'zset', 'few'],
      [keyCount, ...named],
      [keyCount, ...named, 'WEIGHTS', ...named.map(() => '1')],
    ],
    zunionstore: [
      ['new', '2', 'zset', 'few'],
      ['new', keyCount, ...named],
    ],
  }
  const stored: Readonly<Record<string, LongRow>> = {
    hash: ['HSET', 'hash', ...pairs],
    set: ['SADD', 'set', ...many],
    few: ['SADD', 'few', 'm1', 'none'],
    zset: ['ZADD', 'zset', ...scored],
    list: ['RPUSH', 'list', ...many],
    long: ['SET', 'long', longString],
    short: ['SET', 'short', longString.subarray(0, size)],
    short2: ['SET', 'short2', longString.subarray(1, size)],
    hll: ['PFADD', 'hll', ...many],
    hole: ['SETBIT', 'hole', '47999999', '1'],
    longs: ['HSET', 'longs', 'f', longString],
    items: ['RPUSH', 'items', 'x', longString],
    stream: ['EVAL', makesStream, '1', 'stream', elementCount],
    parties: ['EVAL', makesParties, '1', 'parties', elementCount],
    entry: ['XADD', 'entry', '1-1', 'f', longString, 'g', 'x'],
  }
  return { rows, stored, pairs }
}
