/**
 * Every command that is compared, as templates (see `template.ts`), in families: a program takes its commands from a few of
 * them, so that they meet on the same keys.
 */

/** Members of the keys `<lex>` have one score, without which ranges by member mean nothing. */
const ofOneScore: readonly string[] = ['ZADD <lex> [NX] 0 <member> 0 <member>', 'ZADD <lex> -0 <member>']

/** Of commands that both servers know. */
const keyPositions: readonly string[] = [
  'COMMAND GETKEYS (GET <key>|MSET <key> <value> <key> <value>|<value> <key>)',
  'COMMAND GETKEYS (ZUNION 2 <key> <key>|ZUNIONSTORE <key> 2 <key> <key>|ZDIFF 3 <key>|LMPOP 1 <key> LEFT)',
]

/** Must not be spoiled. */
export const faithful: readonly string[] = [...ofOneScore, ...keyPositions]

const strings: readonly string[] = [
  'GET <string>',
  'SET <string> <value>',
  'SET <string> <value> [NX|XX] [GET] [EX <seconds>|PX <ms>|EXAT <second>|PXAT <moment>|KEEPTTL]',
  'SET <string> <value> [EX <seconds>|PX <ms>|EXAT <second>|PXAT <moment>|KEEPTTL] [GET] [NX|XX]',
  'SET <any> <value> [GET] [XX]',
  'SETNX <string> <value>',
  'SETEX <string> <seconds> <value>',
  'PSETEX <string> <ms> <value>',
  'GETSET <string> <value>',
  'GETDEL <string>',
  'GETEX <string> [EX <seconds>|PX <ms>|EXAT <second>|PXAT <moment>|PERSIST]',
  'MGET <any>+',
  'MSET (<string> <value>)+',
  'MSETNX (<string> <value>)+',
  'APPEND <string> <value>',
  'STRLEN <string>',
  'GETRANGE <string> <index> <index>',
  'SUBSTR <string> <index> <index>',
  'SETRANGE <string> <offset> <value>',
]

const counters: readonly string[] = [
  'SET <string> <number>',
  'INCR <string>',
  'DECR <string>',
  'INCRBY <string> <integer>',
  'DECRBY <string> <integer>',
  'INCRBYFLOAT <string> <float>',
  'SET <string> <float>',
  'APPEND <string> <number>',
  'HINCRBY <hash> <field> <integer>',
  'HINCRBYFLOAT <hash> <field> <float>',
  'HSET <hash> <field> (<number>|<float>)',
]

const keys: readonly string[] = [
  'DEL <any>+',
  'UNLINK <any>+',
  'EXISTS <any>+',
  'TOUCH <any>+',
  'TYPE <any>',
  'RENAME <key> <key>',
  'RENAMENX <key> <key>',
  'RANDOMKEY',
  'KEYS <pattern>',
  'COPY <key> <key> [DB <database>] [REPLACE]',
  'MOVE <key> <database>',
  'DBSIZE',
  'FLUSHDB [SYNC|ASYNC]',
  'FLUSHALL [SYNC|ASYNC]',
  'SELECT <database>',
  'EXPIRE <any> <seconds> [NX|XX|GT|LT] [XX|GT|LT]',
  'PEXPIRE <any> <ms> [NX|XX|GT|LT]',
  'EXPIREAT <any> <second> [NX|XX|GT|LT]',
  'PEXPIREAT <any> <moment> [NX|XX|GT|LT]',
  'TTL <any>',
  'PTTL <any>',
  'EXPIRETIME <any>',
  'PEXPIRETIME <any>',
  'PERSIST <any>',
]

const hashes: readonly string[] = [
  'HSET <hash> (<field> <value>)+',
  'HMSET <hash> (<field> <value>)+',
  'HSETNX <hash> <field> <value>',
  'HGET <hash> <field>',
  'HMGET <hash> <field>+',
  'HDEL <hash> <field>+',
  'HLEN <hash>',
  'HEXISTS <hash> <field>',
  'HSTRLEN <hash> <field>',
  'HGETALL <hash>',
  'HKEYS <hash>',
  'HVALS <hash>',
  'HINCRBY <hash> <field> <integer>',
  'HINCRBYFLOAT <hash> <field> <float>',
  'HRANDFIELD <hash> [<draws> [WITHVALUES]]',
]

const lists: readonly string[] = [
  'LPUSH <list> <item>+',
  'RPUSH <list> <item>+',
  'RPUSH <list> <item>+ <item>+',
  'LPUSHX <list> <item>+',
  'RPUSHX <list> <item>+',
  'LPOP <list> [<count>]',
  'RPOP <list> [<count>]',
  'LMPOP <lists> (LEFT|RIGHT) [COUNT <count>]',
  'LLEN <list>',
  'LRANGE <list> <index> <index>',
  'LINDEX <list> <index>',
  'LSET <list> <index> <item>',
  'LINSERT <list> (BEFORE|AFTER) <item> <item>',
  'LREM <list> <index> <item>',
  'LTRIM <list> <index> <index>',
  'LMOVE <list> <list> (LEFT|RIGHT) (LEFT|RIGHT)',
  'RPOPLPUSH <list> <list>',
  'LPOS <list> <item> [RANK <index>] [COUNT <count>] [MAXLEN <count>]',
]

const sets: readonly string[] = [
  'SADD <set> <member>+',
  'SREM <set> <member>+',
  'SMEMBERS <set>',
  'SISMEMBER <set> <member>',
  'SMISMEMBER <set> <member>+',
  'SCARD <set>',
  'SMOVE <set> <set> <member>',
  'SRANDMEMBER <set> [<draws>]',
  'SUNION <set>+',
  'SINTER <set>+',
  'SDIFF <set>+',
  'SUNIONSTORE <key> <set>+',
  'SINTERSTORE <key> <set>+',
  'SDIFFSTORE <key> <set>+',
  'SINTERCARD <sets> [LIMIT <count>]',
]

const sortedSets: readonly string[] = [
  'ZADD <zset> (<score> <member>)+',
  'ZADD <zset> [NX|XX] [GT|LT] [CH] (<score> <member>)+',
  'ZADD <zset> [NX|XX] [GT|LT] [CH] INCR <score> <member>',
  'ZINCRBY <zset> <score> <member>',
  'ZSCORE <zset> <member>',
  'ZMSCORE <zset> <member>+',
  'ZCARD <zset>',
  'ZREM <zset> <member>+',
  'ZRANK <zset> <member>',
  'ZREVRANK <zset> <member>',
  'ZPOPMIN <zset> [<count>]',
  'ZPOPMAX <zset> [<count>]',
  'ZMPOP <zsets> (MIN|MAX) [COUNT <count>]',
  'ZRANDMEMBER <zset> [<draws> [WITHSCORES]]',
  'ZCOUNT <zset> <bound> <bound>',
  'ZRANGE <zset> <index> <index> [REV] [WITHSCORES]',
  'ZRANGE <zset> <bound> <bound> BYSCORE [REV] [LIMIT <index> <index>] [WITHSCORES]',
  'ZREVRANGE <zset> <index> <index> [WITHSCORES]',
  'ZRANGEBYSCORE <zset> <bound> <bound> [WITHSCORES] [LIMIT <index> <index>]',
  'ZREVRANGEBYSCORE <zset> <bound> <bound> [WITHSCORES] [LIMIT <index> <index>]',
  'ZRANGESTORE <key> <zset> <index> <index> [REV]',
  'ZRANGESTORE <key> <zset> <bound> <bound> BYSCORE [REV] [LIMIT <index> <index>]',
  'ZREMRANGEBYRANK <zset> <index> <index>',
  'ZREMRANGEBYSCORE <zset> <bound> <bound>',
]

const sortedSetAlgebra: readonly string[] = [
  'ZADD <zset> (<score> <member>)+',
  'SADD <set> <member>+',
  'ZUNION <zsets> [<weights>] [AGGREGATE (SUM|MIN|MAX)] [WITHSCORES]',
  'ZINTER <zsets> [<weights>] [AGGREGATE (SUM|MIN|MAX)] [WITHSCORES]',
  'ZDIFF <zsets> [WITHSCORES]',
  'ZUNIONSTORE <key> <zsets> [<weights>] [AGGREGATE (SUM|MIN|MAX)]',
  'ZINTERSTORE <key> <zsets> [<weights>] [AGGREGATE (SUM|MIN|MAX)]',
  'ZDIFFSTORE <key> <zsets>',
  'ZINTERCARD <zsets> [LIMIT <count>]',
  'ZRANGE <zset> 0 -1 WITHSCORES',
]

const byMember: readonly string[] = [
  ...ofOneScore,
  'ZREM <lex> <member>',
  'ZLEXCOUNT <lex> <lexbound> <lexbound>',
  'ZRANGEBYLEX <lex> <lexbound> <lexbound> [LIMIT <index> <index>]',
  'ZREVRANGEBYLEX <lex> <lexbound> <lexbound> [LIMIT <index> <index>]',
  'ZRANGE <lex> <lexbound> <lexbound> BYLEX [REV] [LIMIT <index> <index>] [WITHSCORES]',
  'ZRANGESTORE <key> <lex> <lexbound> <lexbound> BYLEX [REV] [LIMIT <index> <index>]',
  'ZREMRANGEBYLEX <lex> <lexbound> <lexbound>',
]

const connection: readonly string[] = [
  'PING [<value>]',
  'ECHO <value>',
  'SELECT <database>',
  'HELLO [(2|3|<integer>) [SETNAME <value>]]',
  'HELLO (2|3)',
  'AUTH <value> [<value>]',
  'RESET',
  'QUIT',
  'TIME',
  'ROLE',
  'SLOWLOG (LEN|RESET|GET [<integer>]|<value>)',
  'INFO [server|keyspace|clients]',
  'CLIENT ID',
  'CLIENT GETNAME',
  'CLIENT SETNAME <value>',
  'CLIENT INFO',
  'CLIENT LIST [ID <integer>|TYPE (normal|master|replica|pubsub|<value>)]',
  'CLIENT NO-EVICT (ON|OFF|<value>)',
  'CLIENT KILL (<value>|ID (0|-1|999999999)|SKIPME (yes|no|<value>)|ADDR <value>|<value> <value>)',
  'CLIENT <value>',
  ...keyPositions,
  'ACL (<value>|CAT|CAT <value>)',
  'CONFIG (<value>|GET|RESETSTAT)',
  '<value> <value>*',
  'GETX <value>*',
]

const scripting: readonly string[] = [
  'EVAL <script> 1 <any> <value>',
  'EVAL <script> 2 <any> <any> <value>',
  'EVAL <script> 0 <value>',
  'EVAL <script> <number> <any>',
  'EVAL_RO <script> 1 <any> <value>',
  'EVALSHA <digest> 1 <any> <value>',
  'EVALSHA_RO <digest> 1 <any> <value>',
  'SCRIPT LOAD <script>',
  'SCRIPT EXISTS <digest>+',
  'SCRIPT (FLUSH [SYNC|ASYNC|<value>]|KILL)',
]

/** More elements than a command reads without a pause. */
const large: readonly string[] = [
  'RPUSH <list> <many>',
  'LPUSH <list> <many>',
  'SADD <set> <many>',
  'HSET <hash> <manyPairs>',
  'ZADD <zset> <manyPairs>',
  'SREM <set> <many>',
  'ZREM <zset> <many>',
  'HDEL <hash> <many>',
  'HMGET <hash> <many>',
  'ZMSCORE <zset> <many>',
  'SMISMEMBER <set> <many>',
  'LRANGE <list> <farIndex> <farIndex>',
  'LTRIM <list> <farIndex> <farIndex>',
  'LINDEX <list> <farIndex>',
  'LSET <list> <farIndex> <item>',
  'LREM <list> <farIndex> <number>',
  'LINSERT <list> (BEFORE|AFTER) <farIndex> <item>',
  'LPOS <list> <farIndex> [RANK <index>] [COUNT <count>] [MAXLEN <farIndex>]',
  'LPOP <list> <farIndex>',
  'ZRANGE <zset> <farIndex> <farIndex> [REV] [WITHSCORES]',
  'ZRANGE <zset> <farIndex> <farIndex> BYSCORE [LIMIT <farIndex> <farIndex>]',
  'ZRANK <zset> <farIndex>',
  'ZREVRANK <zset> <farIndex>',
  'ZCOUNT <zset> <farIndex> <farIndex>',
  'ZREMRANGEBYRANK <zset> <farIndex> <farIndex>',
  'ZPOPMIN <zset> <farIndex>',
  'ZPOPMAX <zset> <farIndex>',
  'SRANDMEMBER <set> <farIndex>',
  'SUNION <set>+',
  'SINTERSTORE <key> <set>+',
  'SDIFF <set>+',
  'ZUNIONSTORE <key> <zsets> [<weights>]',
  'ZINTER <zsets> WITHSCORES',
  'ZDIFFSTORE <key> <zsets>',
  'HGETALL <hash>',
  'SMEMBERS <set>',
  'COPY <key> <key> REPLACE',
  'RENAME <key> <key>',
]

const transactions: readonly string[] = [
  'MULTI',
  'MULTI',
  'EXEC',
  'EXEC',
  'EXEC',
  'DISCARD',
  'WATCH <any>+',
  'WATCH <any>',
  'UNWATCH',
]

/** Read to their end, cursor after cursor. */
export const scans: readonly string[] = [
  'SCAN <start> [MATCH <pattern>] [COUNT <page>] [TYPE (string|list|set|zset|hash|stream|<value>)]',
  'HSCAN <hash> <start> [MATCH <pattern>] [COUNT <page>]',
  'SSCAN <set> <start> [MATCH <pattern>] [COUNT <page>]',
  'ZSCAN <zset> <start> [MATCH <pattern>] [COUNT <page>]',
]

/** What pops at random is followed by DEL, so that both go on with the same. */
export const randomPops: readonly string[] = ['SPOP <set> [<count>]']

/** Expire while the program waits. */
export const shortLives: readonly string[] = [
  'SET <string> <value> PX 1',
  'PSETEX <string> 1 <value>',
  'GETEX <string> PX 1',
  'PEXPIRE <any> 1',
]

export const families: Readonly<Record<string, readonly string[]>> = {
  strings,
  counters,
  keys,
  hashes,
  lists,
  sets,
  sortedSets,
  sortedSetAlgebra,
  byMember,
  large,
  scripting,
  connection,
  transactions,
}

/** Bytes that are not a well-formed request, with the number of replies that Redis gives. */
export const rawRequests: readonly { readonly bytes: string; readonly replies: number }[] = [
  { bytes: '\r\n', replies: 0 },
  { bytes: '   \r\n', replies: 0 },
  { bytes: '*0\r\n', replies: 0 },
  { bytes: '*-1\r\n', replies: 0 },
  { bytes: '*-9\r\n', replies: 0 },
  { bytes: 'PING\n', replies: 1 },
  { bytes: 'ping  hello  \r\n', replies: 1 },
  { bytes: 'SET s0 "a\\x00\\n\\t\\"b" \'\'\r\n', replies: 1 },
  { bytes: "ECHO 'it\\'s'\r\n", replies: 1 },
  { bytes: '*1\r\n$0\r\n\r\n', replies: 1 },
  { bytes: '*2\r\n$4\r\nECHO\r\n$0\r\n\r\n', replies: 1 },
  { bytes: '*1\r\nPING\r\n', replies: 1 },
  { bytes: '*1\r\n:4\r\n', replies: 1 },
  { bytes: '*1\r\n$-1\r\n', replies: 1 },
  { bytes: '*1\r\n$x\r\n', replies: 1 },
  { bytes: '*1\r\n$ 4\r\nPING\r\n', replies: 1 },
  { bytes: '*1\r\n$04\r\nPING\r\n', replies: 1 },
  { bytes: '*1\r\n$+4\r\nPING\r\n', replies: 1 },
  { bytes: '*x\r\n', replies: 1 },
  { bytes: '*\r\n', replies: 1 },
  { bytes: '*+1\r\n$4\r\nPING\r\n', replies: 1 },
  { bytes: '*1 \r\n$4\r\nPING\r\n', replies: 1 },
  { bytes: '*2147483648\r\n', replies: 1 },
  { bytes: '*99999999999999999999\r\n', replies: 1 },
  { bytes: '*1\r\n$536870913\r\n', replies: 1 },
  { bytes: '*1\r\n$9223372036854775807\r\n', replies: 1 },
  { bytes: 'GET "unbalanced\r\n', replies: 1 },
  { bytes: "GET 'un'balanced\r\n", replies: 1 },
  { bytes: 'GET "un"balanced\r\n', replies: 1 },
  { bytes: 'GET un"bal"anced\r\n', replies: 1 },
  { bytes: 'POST / HTTP/1.1\r\n', replies: 1 },
  { bytes: 'Host: localhost\r\n', replies: 1 },
]
