/**
 * For tests and measurements: every command whose work grows with what it is given, or with what is stored, and its
 * largest arguments. One list of sizes gives what is counted (`long-turns.test.ts`), the largest that are taken what is
 * measured (`bench/areas/redis-turns.ts`).
 */
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

/* oxlint-disable-next-line max-lines-per-function -- a table */
export function longArguments({ size, keys, longString }: LongSizes): LongArguments {
  const many = Array.from({ length: size }, (_, i) => `m${i}`)
  const named = many.slice(0, keys)
  const pairs = many.flatMap((member, i) => [member, `${i}`])
  const scored = many.flatMap((member, i) => [`${i}`, member])
  const elementCount = `${size}`
  const keyCount = `${keys}`
  const most = `${Math.floor(size * 0.75)}`
  const rows: Readonly<Record<string, readonly LongRow[]>> = {
    append: [['new', longString]],
    copy: ['long', 'hash', 'set', 'zset', 'list', 'longs', 'items'].map((key) => [key, 'copy', 'REPLACE']),
    del: [many],
    exists: [many],
    get: [['long']],
    getdel: [['long']],
    getex: [['long', 'EX', '1000']],
    eval: [
      ["for i = 1, 20000 do redis.call('set', 'k' .. i, i) end", '0'],
      ['local t = {} for i = 1, 50000 do t[i] = i end return t', '0'],
    ],
    eval_ro: [["for i = 1, 20000 do redis.call('get', 'k' .. i) end", '0']],
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
      ['hash', elementCount, 'WITHVALUES'],
      ['hash', `-${elementCount}`],
      ['longs', '-2', 'WITHVALUES'],
    ],
    hscan: [
      ['hash', '0', 'COUNT', elementCount],
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
    psetex: [['new', '100000', longString]],
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
    longs: ['HSET', 'longs', 'f', longString],
    items: ['RPUSH', 'items', 'x', longString],
  }
  return { rows, stored, pairs }
}
