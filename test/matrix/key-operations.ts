/**
 * What is done with Redis's keys: by its own commands, what these need as its table of commands says (`RO ACCESS`, `RW DELETE`),
 * in SQL and by MongoDB's commands, which see no single keys.
 */
import { type Kind, type Operation, operationsOf } from './operation.ts'
import { mayReadKey, type Privilege } from './rules.ts'

const all = 'redis.db0'
export const keys = ['a:h', 'a:l', 'a:m', 'a:s', 'a:x', 'a:z', 'b:s'] as const

type Group = readonly [kind: Kind, asks: readonly (Privilege | 'any')[], lines: readonly string[]]

/** Commands divided by semicolons; the key is the second word. */
const ofOneKey: readonly Group[] = [
  [
    'read',
    ['read'],
    [
      'GET a:s; GET b:s; MGET a:s; GETRANGE a:s 0 1; SUBSTR a:s 0 1; TTL a:s; PTTL a:s; EXPIRETIME a:s',
      'PEXPIRETIME a:s; HGET a:h f; HGETALL a:h; HMGET a:h f; HKEYS a:h; HVALS a:h; HSCAN a:h 0',
      'HRANDFIELD a:h; LRANGE a:l 0 -1; LINDEX a:l 0; LPOS a:l x; SMEMBERS a:m; SRANDMEMBER a:m',
      'SSCAN a:m 0; SINTER a:m; SUNION a:m; SDIFF a:m; ZRANGE a:z 0 -1; ZSCORE a:z m; ZMSCORE a:z m',
      'ZRANK a:z m; ZREVRANK a:z m; ZCOUNT a:z 0 1; ZLEXCOUNT a:z - +; ZRANGEBYSCORE a:z 0 1; ZSCAN a:z 0',
      'ZREVRANGE a:z 0 -1; ZRANDMEMBER a:z; ZRANGEBYLEX a:z - +; ZREVRANGEBYLEX a:z + -',
      'XRANGE a:x - +; XREVRANGE a:x + -; XPENDING a:x g; ZREVRANGEBYSCORE a:z 1 0; SMISMEMBER a:m m',
      'PFCOUNT a:p; GEOPOS a:z m; GEODIST a:z m m; GEOHASH a:z m; DUMP a:s; SORT_RO a:m ALPHA; SORT a:m ALPHA',
      'HTTL a:h FIELDS 1 f; HPTTL a:h FIELDS 1 f; HEXPIRETIME a:h FIELDS 1 f; HPEXPIRETIME a:h FIELDS 1 f',
      'GETBIT a:s 1; BITCOUNT a:s; BITPOS a:s 1; BITFIELD_RO a:s GET u8 0',
    ],
  ],
  [
    'list',
    ['any'],
    [
      'EXISTS a:s; EXISTS b:s; TYPE a:s; TOUCH a:s; STRLEN a:s; HLEN a:h; HEXISTS a:h f; HSTRLEN a:h f',
      'LLEN a:l; SCARD a:m; SISMEMBER a:m m; ZCARD a:z; XLEN a:x',
    ],
  ],
  [
    'update',
    ['insert', 'update'],
    [
      'SET a:s 2; SET b:s 2; SET a:new 2; SETEX a:s 100 2; PSETEX a:s 100000 2; MSET a:s 2; MSETNX a:new 2',
      'SETNX a:new 2; APPEND a:s 2; SETRANGE a:s 0 2; HSET a:h g 2; HSETNX a:h g 2; HMSET a:h g 2',
      'LPUSH a:l y; RPUSH a:l y; LPUSHX a:l y; RPUSHX a:l y; LINSERT a:l BEFORE x y; LSET a:l 0 y',
      'GEOADD a:z 1 1 n; PFADD a:new 2; SADD a:m n; ZADD a:z 2 n; EXPIRE a:s 100; PEXPIRE a:s 100000; EXPIREAT a:s 99999999999',
      'XADD a:x * f v; XSETID a:x 9-9; XACK a:x g 1-1',
      'PEXPIREAT a:s 99999999999999; HEXPIRE a:h 100 FIELDS 1 f; HPEXPIRE a:h 100000 FIELDS 1 f',
      'HEXPIREAT a:h 9999999999 FIELDS 1 f; HPEXPIREAT a:h 9999999999000 FIELDS 1 f',
    ],
  ],
  [
    'update',
    ['read', 'insert', 'update'],
    [
      'INCR a:s; INCRBY a:s 2; DECR a:s; DECRBY a:s 2; INCRBYFLOAT a:s 2; GETSET a:s 2; SET a:s 2 GET',
      'PFMERGE a:new; SETBIT a:s 1 1; BITFIELD a:s SET u8 0 1; GETEX a:s EX 100; HINCRBY a:h f 2; HINCRBYFLOAT a:h f 2; ZINCRBY a:z 2 m; XCLAIM a:x g d 0 1-1',
    ],
  ],
  ['delete', ['delete'], ['DEL a:s', 'DEL b:s', 'UNLINK a:s']],
  [
    'delete',
    ['insert', 'update', 'delete'],
    [
      'LTRIM a:l 1 0; LREM a:l 0 x; HDEL a:h f; SREM a:m m; ZREM a:z m; ZREMRANGEBYRANK a:z 0 -1',
      'ZREMRANGEBYSCORE a:z 0 9; ZREMRANGEBYLEX a:z - +; XDEL a:x 1-1; XTRIM a:x MAXLEN 0',
    ],
  ],
  [
    'delete',
    ['read', 'insert', 'update', 'delete'],
    [
      'GETDEL a:s; LPOP a:l; RPOP a:l; BLPOP a:l 0; BRPOP a:l 0; SPOP a:m',
      'XAUTOCLAIM a:x g d 0 0; ZPOPMIN a:z; ZPOPMAX a:z; BZPOPMIN a:z 0; BZPOPMAX a:z 0',
    ],
  ],
]

const ofKey = (asks: readonly string[], key: string): string => asks.map((one) => `${one} of ${key}`).join(' + ')
const take = ['read', 'insert', 'update', 'delete']
const put = ['insert', 'update']

const simple = ofOneKey.flatMap(([kind, asks, lines]) =>
  lines
    .flatMap((some) => some.split('; '))
    .map((line): Operation => {
      const needs = ofKey(asks, line.split(' ')[1]!)
      const writes = asks.some((one) => one !== 'read' && one !== 'any')
      return { door: 'redis', thing: 'keys', on: all, kind, needs, say: line, ...(writes && { undo: 'keys' }) }
    }),
)

const redis = { door: 'redis', thing: 'keys', on: all } as const
const fromTo = (from: readonly string[], fromKey: string, to: string): string =>
  `${ofKey(from, fromKey)} + ${ofKey(put, to)}`

export const keyOperations: readonly Operation[] = [
  ...simple,
  ...operationsOf(redis, {
    read: [
      [`${ofKey(['read'], 'a:s')} + ${ofKey(['read'], 'b:s')}`, 'MGET a:s b:s'],
      [ofKey(['read'], 'a:m'), 'SINTERCARD 1 a:m'],
      [ofKey(['read'], 'a:x'), 'XREAD STREAMS a:x 0'],
      [ofKey(['read'], 'a:x'), 'XINFO STREAM a:x'],
      [ofKey(['read'], 'a:z'), 'ZUNION 1 a:z'],
      [ofKey(['read'], 'a:z'), 'ZINTER 1 a:z'],
      [ofKey(['read'], 'a:z'), 'ZDIFF 1 a:z'],
      [ofKey(['read'], 'a:z'), 'ZINTERCARD 1 a:z'],
      [ofKey(['read'], 'a:z'), 'GEORADIUSBYMEMBER a:z m 1 km'],
      [ofKey(['read'], 'a:z'), 'GEORADIUSBYMEMBER_RO a:z m 1 km'],
      [ofKey(['read'], 'a:z'), 'GEORADIUS a:z 1 1 1 km'],
      [ofKey(['read'], 'a:z'), 'GEORADIUS_RO a:z 1 1 1 km'],
      [ofKey(['read'], 'a:z'), 'GEOSEARCH a:z FROMMEMBER m BYRADIUS 1 km'],
      [`${ofKey(['read'], 'a:s')} + ${ofKey(['read'], 'b:s')}`, 'LCS a:s b:s'],
      // It is asked of the commands in them.
      ['anybody', 'EVAL_RO return(1) 1 a:s'],
      ['anybody', 'EVAL return(1) 1 a:s'],
    ],
    update: [
      [fromTo(take, 'a:s', 'a:new'), 'RENAME a:s a:new', 'keys'],
      [fromTo(take, 'a:s', 'b:new'), 'RENAME a:s b:new', 'keys'],
      [fromTo(take, 'a:s', 'a:new'), 'RENAMENX a:s a:new', 'keys'],
      [fromTo(['read'], 'a:s', 'a:new'), 'COPY a:s a:new', 'keys'],
      [fromTo(['read'], 'a:s', 'b:new'), 'COPY a:s b:new', 'keys'],
      [fromTo(['read'], 'b:s', 'a:new'), 'COPY b:s a:new', 'keys'],
      [fromTo(take, 'a:l', 'a:new'), 'LMOVE a:l a:new LEFT LEFT', 'keys'],
      [fromTo(take, 'a:l', 'b:new'), 'RPOPLPUSH a:l b:new', 'keys'],
      [fromTo(take, 'a:l', 'a:new'), 'BLMOVE a:l a:new LEFT LEFT 0', 'keys'],
      [fromTo(take, 'a:l', 'b:new'), 'BRPOPLPUSH a:l b:new 0', 'keys'],
      [fromTo(take, 'a:m', 'a:new'), 'SMOVE a:m a:new m', 'keys'],
      [fromTo(['read'], 'a:m', 'a:new'), 'SINTERSTORE a:new a:m', 'keys'],
      [fromTo(['read'], 'a:m', 'b:new'), 'SUNIONSTORE b:new a:m', 'keys'],
      [fromTo(['read'], 'a:m', 'a:new'), 'SDIFFSTORE a:new a:m', 'keys'],
      [fromTo(['read'], 'a:z', 'a:new'), 'GEOSEARCHSTORE a:new a:z FROMMEMBER m BYRADIUS 1 km', 'keys'],
      [fromTo(['read'], 'a:z', 'b:new'), 'GEORADIUSBYMEMBER a:z m 1 km STORE b:new', 'keys'],
      [fromTo(['read'], 'a:l', 'a:new'), 'SORT a:l ALPHA STORE a:new', 'keys'],
      [fromTo(['read'], 'a:l', 'b:new'), 'SORT a:l ALPHA STORE b:new', 'keys'],
      [fromTo(['read'], 'a:s', 'a:new'), 'BITOP NOT a:new a:s', 'keys'],
      [fromTo(['read'], 'a:z', 'a:new'), 'ZUNIONSTORE a:new 1 a:z', 'keys'],
      [fromTo(['read'], 'a:z', 'a:new'), 'ZINTERSTORE a:new 1 a:z', 'keys'],
      [fromTo(['read'], 'a:z', 'a:new'), 'ZDIFFSTORE a:new 1 a:z', 'keys'],
      [fromTo(['read'], 'a:z', 'a:new'), 'ZRANGESTORE a:new a:z 0 -1', 'keys'],
      [ofKey(put, 'a:x'), 'XGROUP CREATE a:x h 0', 'keys'],
      [ofKey(['read', ...put], 'a:x'), 'XREADGROUP GROUP g d STREAMS a:x >', 'keys'],
      [`${ofKey(put, 'a:s')} + ${ofKey(put, 'b:s')}`, 'MSET a:s 2 b:s 2', 'keys'],
    ],
    delete: [
      [ofKey([...put, 'delete'], 'a:x'), 'XGROUP DESTROY a:x g', 'keys'],
      [ofKey(take, 'a:l'), 'LMPOP 1 a:l LEFT', 'keys'],
      [ofKey(take, 'a:l'), 'BLMPOP 0 1 a:l LEFT', 'keys'],
      [ofKey(take, 'a:z'), 'ZMPOP 1 a:z MIN', 'keys'],
      [ofKey(take, 'a:z'), 'BZMPOP 0 1 a:z MIN', 'keys'],
      [`${ofKey(['delete'], 'a:s')} + ${ofKey(['delete'], 'b:s')}`, 'DEL a:s b:s', 'keys'],
    ],
    count: [['read', 'DBSIZE']],
    truncate: [
      ['delete', 'FLUSHDB', 'keys'],
      ['delete', 'FLUSHALL', 'keys'],
    ],
    list: [
      ['anybody', 'KEYS *', { tells: (held) => keys.filter((key) => mayReadKey(held, key)) }],
      ['anybody', 'SCAN 0 COUNT 100', { tells: (held) => keys.filter((key) => mayReadKey(held, key)) }],
      ['anybody', 'RANDOMKEY'],
      [ofKey(['any'], 'a:s'), 'WATCH a:s'],
    ],
  }),
  ...operationsOf(
    { door: 'sql', thing: 'keys', on: all },
    {
      read: [
        ['read', 'SELECT * FROM redis.db0'],
        ['read', "SELECT value FROM redis.db0_string WHERE key = 'a:s'"],
        ['read', 'SELECT * FROM redis.db0_hash'],
        ['read', 'SELECT * FROM redis.db0_set'],
        ['read', 'SELECT * FROM redis.db0_zset'],
        ['read + read(id) of shop.items', 'SELECT i.id FROM shop.items i JOIN redis.db0 k ON k.key = i.name'],
      ],
      count: [['read', 'SELECT count(*) FROM redis.db0']],
      explain: [['read', 'EXPLAIN SELECT * FROM redis.db0']],
      insert: [
        ['insert', "INSERT INTO redis.db0_string VALUES ('a:new', '2')", 'keys'],
        ['insert', "INSERT INTO redis.db0_hash VALUES ('a:h', 'g', '2')", 'keys'],
      ],
      update: [
        ['update', "UPDATE redis.db0_string SET value = '2'", 'keys'],
        ['update + read', "UPDATE redis.db0_zset SET score = score + 1 WHERE key = 'a:z'", 'keys'],
      ],
      delete: [
        ['delete', 'DELETE FROM redis.db0', 'keys'],
        ['delete + read', "DELETE FROM redis.db0 WHERE key = 'a:s'", 'keys'],
        ['delete + read', "DELETE FROM redis.db0_set WHERE member = 'm'", 'keys'],
      ],
    },
  ),
  ...operationsOf(
    { door: 'mongodb', thing: 'keys', on: all },
    {
      read: [
        ['read', { find: 'db0', $db: 'redis' }],
        ['read', { find: 'db0', filter: { _id: 'a:s' }, $db: 'redis' }],
        ['read', { distinct: 'db0', key: 'type', $db: 'redis' }],
      ],
      count: [['read', { count: 'db0', $db: 'redis' }]],
      explain: [['read', { explain: { find: 'db0' }, $db: 'redis' }]],
      insert: [
        ['insert', { insert: 'db0', documents: [{ _id: 'a:new', value: '2' }], $db: 'redis' }, { lacks: '121' }],
      ],
      update: [
        [
          'read + update',
          { update: 'db0', updates: [{ q: { _id: 'a:s' }, u: { $set: { value: '2' } } }], $db: 'redis' },
          { lacks: '121' },
        ],
      ],
      delete: [
        [
          'read + delete',
          { delete: 'db0', deletes: [{ q: { _id: 'a:s' }, limit: 1 }], $db: 'redis' },
          { lacks: '121' },
        ],
      ],
      drop: [['schema', { drop: 'db0', $db: 'redis' }, { lacks: '115' }]],
      describe: [
        ['read or schema', { collStats: 'db0', $db: 'redis' }],
        ['all read of redis or all schema of redis', { dbStats: 1, $db: 'redis' }],
      ],
    },
  ),
]
