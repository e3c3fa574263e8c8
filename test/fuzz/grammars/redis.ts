/** Commands of Redis with the words that they take, right ones and hostile ones. */
import commands from '../../../src/gateway/redis/commands.json' with { type: 'json' }
import { redisCommand } from '../../end-to-end/protocol-bytes.ts'
import type { Choices } from '../choices.ts'

/** All of them, subcommands as two words. */
export const redisNames: readonly (readonly string[])[] = commands.flatMap(({ name, subcommands = [] }) => [
  [name],
  ...subcommands.map((one) => one.name.split('|')),
])

const options =
  'NX XX GT LT CH INCR GET WITHSCORES WITHVALUES LIMIT COUNT MATCH TYPE EX PX EXAT PXAT KEEPTTL PERSIST BEFORE AFTER LEFT ' +
  'RIGHT MIN MAX STORE WEIGHTS AGGREGATE SUM BYSCORE BYLEX REV RANK MAXLEN MINID STREAMS GROUP NOACK BLOCK JUSTID FORCE ' +
  'MKSTREAM FULL REPLACE DB ASYNC SYNC NOW SAVE ID USER KILL'
const numbers =
  '0 1 -1 2 3 10 1000 -1000 65536 536870912 4294967296 9007199254740993 9223372036854775807 -9223372036854775808 ' +
  '18446744073709551616 1e3 01 +1 0x10 1.5'
const floats = '1.5 -0 inf -inf nan 1e400 1e-400 0.1 3.0e17 179769313486231570000000 1_0 +inf infinity'

const classes: Readonly<Record<string, readonly string[]>> = {
  /** Keys, of all types: those of the set-up, and others. */
  k: ['string', 'number', 'list', 'hash', 'set', 'zset', 'stream', 'k', '', '__proto__', 'long'],
  v: ['v', '', '1', '-5', '1.5', '\0', 'é', 'x'.repeat(300), '9223372036854775807', '__proto__'],
  m: ['a', 'b', 'c', '', '1', 'constructor', 'é\xff'],
  n: numbers.split(' '),
  f: [...floats.split(' '), ...numbers.split(' ')],
  s: ['1', '(1', '-inf', '+inf', '(inf', 'nan', '(', '1e400', '[a'],
  i: [
    '0',
    '1',
    '1-1',
    '2-0',
    '5-*',
    '*',
    '-',
    '+',
    '$',
    '>',
    '(1-1',
    '18446744073709551615-18446744073709551615',
    '1-',
    'x',
  ],
  g: ['g', 'h', '', 'STREAMS'],
  x: ['-', '+', '[a', '(b', '[', '(', 'a', '[\0', '-\0'],
  t: ['u8', 'i64', 'u63', 'i1', 'u1', 'u64', 'i0', 'x'],
  p: ['*', 'a*a*a*a*b', '[^a-z]?\\', 'k*', '', '[', '[z-a]', '\\'],
  /** Rules of ACL SETUSER. */
  r: [
    ...'on off nopass resetpass reset allkeys resetkeys allchannels resetchannels allcommands nocommands'.split(' '),
    ...'clearselectors sanitize-payload skip-sanitize-payload >pw <pw >word <nope > < #0 !0'.split(' '),
    ...'~k* ~* ~ ~[ %R~a* %W~* %RW~s* %~x %Z~x %R %R~ &* &c* & &['.split(' '),
    ...'+@all -@all +@read -@dangerous +@__proto__ +@ +get -get +nope + - +config|get -client|kill +get|x +|'.split(
      ' ',
    ),
    ...'() ( ) (+@all'.split(' '),
    '(~a* +get)',
    `#${'a'.repeat(64)}`,
    `!${'a'.repeat(64)}`,
    `~${'*a'.repeat(40)}b`,
  ],
}

/** `NX|XX?`: one of them or none; `v+`: one to three; `k_v`: two words; single small letters are the classes above. */
const shapes = `
set k v NX|XX? GET? EX_n|PX_n|EXAT_n|PXAT_n|KEEPTTL?
getex k EX_n|PX_n|EXAT_n|PERSIST?
setex k n v|psetex k n v|setnx k v|getset k v|getdel k|append k v|strlen k|get k|mget k+|mset k_v+|msetnx k_v+
setrange k n v|getrange k n n|substr k n n|incr k|decr k|incrby k n|decrby k n|incrbyfloat k f
expire k n NX|XX|GT|LT?|pexpire k n NX|XX?|expireat k n GT?|pexpireat k n LT?|persist k|ttl k|pttl k|expiretime k
copy k k DB_n? REPLACE?|rename k k|renamenx k k|move k n|del k+|unlink k+|exists k+|touch k+|type k|randomkey
keys p|scan n MATCH_p? COUNT_n? TYPE_hash|TYPE_nope?|dbsize|flushdb ASYNC|SYNC?|select n
lpush k v+|rpush k v+|lpushx k v+|rpushx k v+|lpop k n?|rpop k n?|llen k|lrange k n n|lindex k n|lset k n v
linsert k BEFORE|AFTER v v|lrem k n v|ltrim k n n|lpos k v RANK_n? COUNT_n? MAXLEN_n?|rpoplpush k k
lmove k k LEFT|RIGHT LEFT|RIGHT|lmpop n k+ LEFT|RIGHT COUNT_n?|blpop k+ 0.001|brpop k+ 0.001|bzpopmin k+ 0.001
blmove k k LEFT|RIGHT LEFT|RIGHT 0.001|brpoplpush k k 0.001|blmpop 0.001 n k+ LEFT|RIGHT COUNT_n?|bzpopmax k+ 0.001
bzmpop 0.001 n k+ MIN|MAX COUNT_n?|client UNBLOCK n TIMEOUT|ERROR?
hset k m_v+|hmset k m_v+|hsetnx k m v|hget k m|hmget k m+|hdel k m+|hlen k|hkeys k|hvals k|hgetall k|hexists k m
hincrby k m n|hincrbyfloat k m f|hstrlen k m|hrandfield k n? WITHVALUES?|hscan k n MATCH_p? COUNT_n? NOVALUES?
sadd k m+|srem k m+|scard k|sismember k m|smismember k m+|smembers k|spop k n?|srandmember k n?|smove k k m
sinter k+|sunion k+|sdiff k+|sinterstore k k+|sunionstore k k+|sdiffstore k k+|sintercard n k+ LIMIT_n?|sscan k n COUNT_n?
zadd k NX|XX? GT|LT? CH? INCR? f_m+|zincrby k f m|zrem k m+|zcard k|zscore k m|zmscore k m+|zrank k m|zrevrank k m
zcount k s s|zlexcount k x x|zrange k n n WITHSCORES?|zrange k s s BYSCORE REV? LIMIT_n_n? WITHSCORES?
zrange k x x BYLEX REV? LIMIT_n_n?|zrangebyscore k s s WITHSCORES? LIMIT_n_n?|zrevrangebyscore k s s LIMIT_n_n?
zrangebylex k x x LIMIT_n_n?|zrevrangebylex k x x|zrevrange k n n|zrangestore k k n n REV?|zremrangebyrank k n n
zremrangebyscore k s s|zremrangebylex k x x|zpopmin k n?|zpopmax k n?|zmpop n k+ MIN|MAX COUNT_n?|zscan k n MATCH_p?
zrandmember k n? WITHSCORES?|zunion n k+ WEIGHTS_f_f? AGGREGATE_SUM|AGGREGATE_MIN? WITHSCORES?|zinter n k+ WITHSCORES?
zdiff n k+ WITHSCORES?|zunionstore k n k+ WEIGHTS_f?|zinterstore k n k+ AGGREGATE_MAX?|zdiffstore k n k+|zintercard n k+ LIMIT_n?
geoadd k NX|XX? CH? f_f_m+|geopos k m+|geohash k m+|geodist k m m KM|m?|georadius k f f f km STORE_k|WITHDIST? COUNT_n?
georadiusbymember k m f km ASC|ANY? COUNT_n?|geosearch k FROMMEMBER_m|FROMLONLAT_f_f BYRADIUS_f_km|BYBOX_f_f_mi ASC|DESC? WITHHASH?
geosearchstore k k FROMMEMBER_m|FROMLONLAT_f_f BYRADIUS_f_km STOREDIST?|sort k BY_m|BY_p? LIMIT_n_n? GET_m|GET_p? ASC|DESC? ALPHA? STORE_k?|sort_ro k BY_p? GET_p?|lcs k k LEN|IDX? MINMATCHLEN_n? WITHMATCHLEN?|dump k|restore k n v REPLACE? ABSTTL? FREQ_n|IDLETIME_n?|pfadd k m+|pfcount k+|pfmerge k k+|pfdebug ENCODING|DECODE|GETREG|TODENSE k|setbit k n n|getbit k n|bitcount k n? n? BIT|BYTE?|bitpos k n n? n? BIT|BYTE?|bitop AND|OR|XOR|NOT k k+
bitfield k OVERFLOW_WRAP|OVERFLOW_SAT|OVERFLOW_FAIL? GET_t_n|SET_t_n_n|INCRBY_t_n_n+|bitfield_ro k GET_t_n+
xadd k NOMKSTREAM? MAXLEN_n|MAXLEN_~_n|MINID_i? LIMIT_n? i m_v+|xlen k|xrange k i i COUNT_n?|xrevrange k i i COUNT_n?|xdel k i+
xtrim k MAXLEN|MINID ~|=? i LIMIT_n?|xsetid k i ENTRIESADDED_n? MAXDELETEDID_i?|xread COUNT_n? BLOCK_1? STREAMS k i|xinfo STREAM k FULL?
xreadgroup GROUP g m COUNT_n? NOACK? STREAMS k i|xgroup CREATE k g i MKSTREAM? ENTRIESREAD_n?|xgroup SETID k g i|xgroup DESTROY k g
xgroup CREATECONSUMER|DELCONSUMER k g m|xack k g i+|xpending k g|xpending k g IDLE_n? i i n m?|xinfo GROUPS k|xinfo CONSUMERS k g
xclaim k g m n i+ IDLE_n|TIME_n? RETRYCOUNT_n? FORCE? JUSTID? LASTID_i?|xautoclaim k g m n i COUNT_n? JUSTID?|multi|exec|discard|watch k+|unwatch|hello n AUTH_m_v? SETNAME_m?|auth m v?|client SETNAME m|client LIST TYPE_normal|ID_n+?
client KILL ID_n|ADDR_v|USER_m+|config GET p+|config SET maxmemory|maxclients|nope v|info m?|command DOCS m+|command COUNT
command GETKEYS k v+|command LIST FILTERBY_ACLCAT_m|FILTERBY_PATTERN_p?|slowlog GET n?|acl SETUSER m r+|acl SETUSER default r+
acl DRYRUN m get|set k+|acl DRYRUN m publish p v|acl GENPASS n?|acl LOG n|RESET?|acl WHOAMI|acl LIST|acl USERS|auth m pw|auth pw|acl CAT m?|acl GETUSER m|acl DELUSER m+|echo v|ping v?|time|role|reset
polylog.begin v?|polylog.token|polylog.join v|polylog.in v get k|polylog.commit|polylog.leave|polylog.rollback|polylog.use m
polylog.durability m?|polylog.engine m?|polylog.asof n?|polylog.asof now|persist k`
  .trim()
  .split('\n')
  .flatMap((line) => splitShapes(line))

/** Shapes are divided by the `|` in front of a command's name: alternatives are only of words and of single letters. */
function splitShapes(line: string): string[][] {
  const parts: string[] = []
  for (const piece of line.split('|')) {
    const first = piece.split(' ')[0]!
    const isCommand = commands.some(({ name }) => name === first)
    if (isCommand || parts.length === 0) parts.push(piece)
    else parts[parts.length - 1] += `|${piece}`
  }
  return parts.map((part) => part.split(' '))
}

export const redisWords: readonly string[] = [...options.split(' '), ...Object.values(classes).flat()]

function words(choices: Choices, shape: string): string[] {
  const last = shape.at(-1)
  if (last === '+') return choices.some(3, () => words(choices, shape.slice(0, -1)), 1).flat()
  if (last === '?') return choices.below(2) === 0 ? [] : words(choices, shape.slice(0, -1))
  const one = choices.of(shape.split('|'))
  return one.split('_').map((word) => {
    const list = classes[word]
    return list === undefined ? word : choices.of(list)
  })
}

function anyCommand(choices: Choices): string[] {
  if (choices.below(4) === 1) return [...choices.of(redisNames), ...choices.some(6, () => choices.of(redisWords))]
  const [name, ...rest] = choices.of(shapes)
  const made = [name!, ...rest.flatMap((shape) => words(choices, shape))]
  // One word too many, too few, or another one.
  const change = choices.below(12)
  if (change === 1) made.push(choices.of(redisWords))
  else if (change === 2) made.pop()
  else if (change === 3) made[choices.below(made.length)] = choices.of(redisWords)
  return made.length === 0 ? ['ping'] : made
}

export function redisRequest(choices: Choices): Buffer {
  return redisCommand(...anyCommand(choices))
}

/** A key of each type. */
export const redisSetUp: readonly Buffer[] = [
  redisCommand('SET', 'string', 'text'),
  redisCommand('SET', 'number', '10'),
  redisCommand('RPUSH', 'list', 'a', 'b', '', '1'),
  redisCommand('HSET', 'hash', 'a', '1', 'b', 'x', '', ''),
  redisCommand('SADD', 'set', 'a', 'b', '1'),
  redisCommand('ZADD', 'zset', '1', 'a', 'inf', 'b', '-0.5', 'c'),
  redisCommand('SETRANGE', 'long', '70000', 'end'),
  redisCommand('XADD', 'stream', '1-1', 'a', '1'),
  redisCommand('XGROUP', 'CREATE', 'stream', 'g', '0'),
  redisCommand('XREADGROUP', 'GROUP', 'g', 'a', 'STREAMS', 'stream', '>'),
  redisCommand('XADD', 'stream', '2-0', 'b', '', 'b', 'x'),
]
