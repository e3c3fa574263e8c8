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

/** They end at once, or soon. */
const waitingForItems: readonly string[] = [
  'BLPOP <list>+ 0.001',
  'BRPOP <list>+ 0.001',
  'BLMPOP 0.001 <lists> (LEFT|RIGHT) [COUNT <count>]',
  'BLMOVE <list> <list> (LEFT|RIGHT) (LEFT|RIGHT) 0.001',
  'BRPOPLPUSH <list> <list> 0.001',
]
const waitingForMembers: readonly string[] = [
  'BZPOPMIN <zset>+ 0.001',
  'BZPOPMAX <zset>+ 0.001',
  'BZMPOP 0.001 <zsets> (MIN|MAX) [COUNT <count>]',
]

/** Must not be spoiled. */
export const faithful: readonly string[] = [...ofOneScore, ...keyPositions, ...waitingForItems, ...waitingForMembers]

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

const bits: readonly string[] = [
  'SET <string> <value>',
  'SETBIT <string> <bitOffset> (0|1|<integer>)',
  'GETBIT <string> <bitOffset>',
  'BITCOUNT <string> [<index> <index> [BIT|BYTE|<value>]]',
  'BITPOS <string> (0|1|<integer>) [<index> [<index> [BIT|BYTE|<value>]]]',
  'BITOP (AND|OR|XOR|NOT) <string> <string>+',
  'BITFIELD <string> (GET <intType> <bitOffset>|SET <intType> <bitOffset> <integer>|INCRBY <intType> <bitOffset> <integer>|OVERFLOW (WRAP|SAT|FAIL))+',
  'BITFIELD_RO <string> (GET <intType> <bitOffset>)*',
]

const hyperLogLogs: readonly string[] = [
  'PFADD <estimate> <member>+',
  'PFADD <estimate> <many>',
  'PFCOUNT <estimate>+',
  'PFMERGE <estimate>+',
  'PFDEBUG (ENCODING|DECODE|TODENSE|<value>) <estimate>',
  'PFSELFTEST <value>',
]

const places: readonly string[] = [
  'GEOADD <zset> [NX|XX] [CH] (<longitude> <latitude> <member>)+',
  'GEOPOS <zset> <member>+',
  'GEOHASH <zset> <member>+',
  'GEODIST <zset> <member> <member> [<unit>]',
  'GEORADIUS <zset> <longitude> <latitude> <radius> <unit> [WITHDIST] [WITHHASH] [COUNT <count> [ANY]] [ASC|DESC] [STORE <zset>]',
  'GEORADIUS_RO <zset> <longitude> <latitude> <radius> <unit> [WITHCOORD] [WITHHASH] ASC',
  'GEORADIUSBYMEMBER <zset> <member> <radius> <unit> [WITHCOORD] [WITHDIST] ASC [STORE <zset>]',
  'GEORADIUSBYMEMBER_RO <zset> <member> <radius> <unit> ASC',
  'GEOSEARCH <zset> (FROMMEMBER <member>|FROMLONLAT <longitude> <latitude>) (BYRADIUS <radius> <unit>|BYBOX <radius> <radius> <unit>) [WITHCOORD] [WITHDIST] ASC [COUNT <count>]',
  'GEOSEARCHSTORE <key> <zset> (FROMMEMBER <member>|FROMLONLAT <longitude> <latitude>) BYRADIUS <radius> <unit>',
]

const sorting: readonly string[] = [
  'RPUSH <list> (<number>|<member>)+',
  'SADD <set> (<number>|<member>)+',
  'HSET <hash> (<field> <number>)+',
  'MSET (<string> <value>)+',
  'SORT (<list>|<set>|<zset>) [BY <sortPattern>] [LIMIT <index> <index>] [GET <sortPattern> [GET <sortPattern>]] [ASC|DESC] [ALPHA]',
  'SORT (<list>|<set>|<zset>) [BY <sortPattern>] [LIMIT <index> <index>] [GET <sortPattern>] [ASC|DESC] [ALPHA] STORE <list>',
  'SORT_RO (<list>|<zset>) [BY <sortPattern>] [LIMIT <index> <index>] [GET <sortPattern>] [DESC] [ALPHA]',
  'LCS <string> <string> [LEN|IDX] [MINMATCHLEN <count>] [WITHMATCHLEN]',
]

const dumps: readonly string[] = [
  'RESTORE <key> <ttl> <payload> [REPLACE] [ABSTTL] [IDLETIME <integer>|FREQ <integer>]',
  'RESTORE-ASKING <key> 0 <payload> REPLACE',
  'DUMP <string>',
  'MIGRATE <value>',
  'SET <string> <number>',
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
  ...waitingForItems,
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
  ...waitingForMembers,
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

/** No id by the clock, and no approximate trim of more than a node: those are nobody's to compare. */
const streams: readonly string[] = [
  'XADD <stream> <newid> (<field> <item>)+',
  'XADD <stream> <newid> (<field> <item>)+',
  'XADD <stream> [NOMKSTREAM] [MAXLEN [=] <count>|MINID [=] <id>] <newid> <field> <item>',
  'XADD <stream> [MAXLEN [~|=] <count> [LIMIT <count>]] [NOMKSTREAM] <id> <field>+',
  'XLEN <stream>',
  'XRANGE <stream> <idbound> <idbound> [COUNT <count>]',
  'XREVRANGE <stream> <idbound> <idbound> [COUNT <count>]',
  'XDEL <stream> <id>+',
  'XTRIM <stream> (MAXLEN|MINID) [=] <id>',
  'XTRIM <stream> MAXLEN <count>',
  'XSETID <stream> <id> [ENTRIESADDED <count>] [MAXDELETEDID <id>]',
  'XREAD [COUNT <count>] STREAMS <streamsandids>',
  'XINFO STREAM <stream> [FULL [COUNT <count>]]',
  'XINFO GROUPS <stream>',
]

const streamGroups: readonly string[] = [
  'XADD <stream> <newid> <field> <item>',
  'XADD <stream> <newid> <field> <item>',
  'XADD <stream> <newid> <field> <item>',
  'XGROUP CREATE <stream> <group> (0|$|<id>) [MKSTREAM] [ENTRIESREAD <count>]',
  'XGROUP CREATE <stream> <group> 0 MKSTREAM',
  'XGROUP (SETID <stream> <group> <id> [ENTRIESREAD <count>]|DESTROY <stream> <group>)',
  'XGROUP (CREATECONSUMER|DELCONSUMER) <stream> <group> <consumer>',
  'XREADGROUP GROUP <group> <consumer> [COUNT <count>] [NOACK] STREAMS <streamsandnews>',
  'XREADGROUP GROUP <group> <consumer> COUNT 2 STREAMS <stream> <new>',
  'XREADGROUP GROUP <group> <consumer> STREAMS <stream> (0|<id>)',
  'XACK <stream> <group> <id>+',
  'XPENDING <stream> <group>',
  'XPENDING <stream> <group> [IDLE (0|100000)] <idbound> <idbound> <count> [<consumer>]',
  'XCLAIM <stream> <group> <consumer> (0|100000|<count>) <id>+ [IDLE 500000|TIME <count>] [RETRYCOUNT <count>] [FORCE] [JUSTID]',
  'XCLAIM <stream> <group> <consumer> 0 <id>+ [LASTID <id>] [JUSTID] [FORCE]',
  'XAUTOCLAIM <stream> <group> <consumer> (0|100000) <idbound> [COUNT <count>] [JUSTID]',
  'XDEL <stream> <id>+',
  'XTRIM <stream> MAXLEN <count>',
  'XINFO (GROUPS <stream>|CONSUMERS <stream> <group>|STREAM <stream> [FULL])',
  'COPY <stream> <stream> REPLACE',
  'RENAME <stream> <stream>',
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
  'PUBLISH <value> <value>',
  'SPUBLISH <value> <value>',
  'PUBSUB (CHANNELS|SHARDCHANNELS) [<value>]',
  'PUBSUB (NUMSUB|SHARDNUMSUB) <value>+',
  'PUBSUB (NUMPAT|<value>)',
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

const functions: readonly string[] = [
  'FUNCTION LOAD [REPLACE] <library>',
  'FUNCTION LOAD REPLACE <library>',
  'FUNCTION (DELETE <libraryName>|STATS|KILL|FLUSH [SYNC|ASYNC|<value>]|RESTORE <value> [<value>]|<value>)',
  'FUNCTION LIST (LIBRARYNAME <libraryName> [WITHCODE]|<value>)',
  'FCALL <function> 1 <any> <value>',
  'FCALL <function> <number> <any>',
  'FCALL_RO <function> 1 <any> <value>',
]

const administration: readonly string[] = [
  'OBJECT (ENCODING|REFCOUNT) <any>',
  'OBJECT <value> [<value>]',
  'WAIT (0|<value>) <integer>',
  'LASTSAVE [<value>]',
  'SAVE <value>',
  'BGSAVE <value>',
  'BGREWRITEAOF <value>',
  'LOLWUT VERSION <value>',
  'SWAPDB <database> <database>',
  'MODULE (LIST|LOAD <value>|UNLOAD <value>|<value>)',
  'REPLICAOF (NO ONE|<value>)',
  'SLAVEOF (NO ONE|<value>)',
  'SYNC <value>',
  'PSYNC <value>',
  'REPLCONF [<value>]',
  'FAILOVER (<value>|ABORT)',
  'SHUTDOWN ABORT',
  'DEBUG <value> <value>',
  'CLUSTER (INFO|NODES|SLOTS|KEYSLOT <key>|<value>)',
  'READONLY',
  'READWRITE',
  'ASKING',
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
  bits,
  hyperLogLogs,
  places,
  sorting,
  dumps,
  counters,
  keys,
  hashes,
  lists,
  sets,
  sortedSets,
  sortedSetAlgebra,
  byMember,
  streams,
  streamGroups,
  large,
  scripting,
  functions,
  administration,
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
