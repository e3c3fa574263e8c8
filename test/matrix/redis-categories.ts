/** Redis's categories, as `ACL CAT` of redis-server 7.0.15 tells them; of its commands those that the matrix has, and 7.4's of fields that expire. */
const commandsOf: Readonly<Record<string, string>> = {
  keyspace:
    'copy dbsize del dump exists expire expireat expiretime flushall flushdb keys migrate pexpire ' +
    'pexpireat pexpiretime pttl randomkey rename renamenx restore restore-asking scan touch ttl type ' +
    'unlink',
  read:
    'hexpiretime hpexpiretime hpttl httl ' +
    'bitcount bitfield_ro bitpos dbsize dump exists expiretime geodist geohash geopos georadius_ro ' +
    'georadiusbymember_ro geosearch get getbit getrange hexists hget hgetall hkeys hlen hmget ' +
    'hrandfield hscan hstrlen hvals keys lcs lindex llen lpos lrange mget pexpiretime pfcount pttl ' +
    'randomkey scan scard sdiff sinter sintercard sismember smembers smismember sort_ro srandmember ' +
    'sscan strlen substr sunion touch ttl type xinfo|stream xlen xpending xrange xread xrevrange ' +
    'zcard zcount zdiff zinter zintercard zlexcount zmscore zrandmember zrange zrangebylex ' +
    'zrangebyscore zrank zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion',
  write:
    'hexpire hexpireat hpexpire hpexpireat ' +
    'append bitfield bitop blmove blmpop blpop brpop brpoplpush bzmpop bzpopmax bzpopmin copy decr ' +
    'decrby del expire expireat flushall flushdb geoadd georadius georadiusbymember geosearchstore ' +
    'getdel getex getset hdel hincrby hincrbyfloat hmset hset hsetnx incr incrby incrbyfloat linsert ' +
    'lmove lmpop lpop lpush lpushx lrem lset ltrim migrate mset msetnx pexpire pexpireat pfadd ' +
    'pfdebug pfmerge psetex rename renamenx restore restore-asking rpop rpoplpush rpush rpushx sadd ' +
    'sdiffstore set setbit setex setnx setrange sinterstore smove sort spop srem sunionstore unlink ' +
    'xack xadd xautoclaim xclaim xdel xgroup|create xgroup|destroy xreadgroup xsetid xtrim zadd ' +
    'zdiffstore zincrby zinterstore zmpop zpopmax zpopmin zrangestore zrem zremrangebylex ' +
    'zremrangebyrank zremrangebyscore zunionstore',
  set:
    'sadd scard sdiff sdiffstore sinter sintercard sinterstore sismember smembers smismember smove ' +
    'sort sort_ro spop srandmember srem sscan sunion sunionstore',
  sortedset:
    'bzmpop bzpopmax bzpopmin sort sort_ro zadd zcard zcount zdiff zdiffstore zincrby zinter ' +
    'zintercard zinterstore zlexcount zmpop zmscore zpopmax zpopmin zrandmember zrange zrangebylex ' +
    'zrangebyscore zrangestore zrank zrem zremrangebylex zremrangebyrank zremrangebyscore zrevrange ' +
    'zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion zunionstore',
  list:
    'blmove blmpop blpop brpop brpoplpush lindex linsert llen lmove lmpop lpop lpos lpush lpushx ' +
    'lrange lrem lset ltrim rpop rpoplpush rpush rpushx sort sort_ro',
  hash:
    'hexpire hexpireat hpexpire hpexpireat hexpiretime hpexpiretime hpttl httl ' +
    'hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset ' +
    'hsetnx hstrlen hvals',
  string:
    'append decr decrby get getdel getex getrange getset incr incrby incrbyfloat lcs mget mset msetnx ' +
    'psetex set setex setnx setrange strlen substr',
  bitmap: 'bitcount bitfield bitfield_ro bitop bitpos getbit setbit',
  hyperloglog: 'pfadd pfcount pfdebug pfmerge',
  geo:
    'geoadd geodist geohash geopos georadius georadius_ro georadiusbymember georadiusbymember_ro ' +
    'geosearch geosearchstore',
  stream:
    'xack xadd xautoclaim xclaim xdel xgroup|create xgroup|destroy xinfo|stream xlen xpending xrange ' +
    'xread xreadgroup xrevrange xsetid xtrim',
  pubsub: '',
  admin:
    'acl|deluser acl|dryrun acl|getuser acl|list acl|log acl|setuser acl|users client|kill ' +
    'client|list client|no-evict client|unblock config|get config|resetstat config|set pfdebug ' +
    'slowlog|get slowlog|len slowlog|reset',
  fast:
    'hexpire hexpireat hpexpire hpexpireat hexpiretime hpexpiretime hpttl httl ' +
    'append bitfield_ro bzpopmax bzpopmin dbsize decr decrby echo exists expire expireat expiretime ' +
    'get getbit getdel getex getset hdel hexists hget hincrby hincrbyfloat hlen hmget hmset hset ' +
    'hsetnx hstrlen incr incrby incrbyfloat llen lpop lpush lpushx mget pexpire pexpireat pexpiretime ' +
    'pfadd ping pttl renamenx rpop rpush rpushx sadd scard select setnx sismember smismember smove ' +
    'spop srem strlen time touch ttl type unlink unwatch watch xack xadd xautoclaim xclaim xdel xlen ' +
    'xsetid zadd zcard zcount zincrby zlexcount zmscore zpopmax zpopmin zrank zrem zrevrank zscore',
  slow:
    'acl|cat acl|deluser acl|dryrun acl|getuser acl|list acl|log acl|setuser acl|users acl|whoami ' +
    'bitcount bitfield bitop bitpos blmove blmpop blpop brpop brpoplpush bzmpop client|getname ' +
    'client|id client|kill client|list client|no-evict client|unblock command|count config|get ' +
    'config|resetstat config|set copy del dump eval eval_ro flushall flushdb geoadd geodist geohash ' +
    'geopos georadius georadius_ro georadiusbymember georadiusbymember_ro geosearch geosearchstore ' +
    'getrange hgetall hkeys hrandfield hscan hvals info keys lcs lindex linsert lmove lmpop lpos ' +
    'lrange lrem lset ltrim migrate mset msetnx pfcount pfdebug pfmerge psetex randomkey rename ' +
    'restore restore-asking rpoplpush scan sdiff sdiffstore set setbit setex setrange sinter ' +
    'sintercard sinterstore slowlog|get slowlog|len slowlog|reset smembers sort sort_ro srandmember ' +
    'sscan substr sunion sunionstore xgroup|create xgroup|destroy xinfo|stream xpending xrange xread ' +
    'xreadgroup xrevrange xtrim zdiff zdiffstore zinter zintercard zinterstore zmpop zrandmember ' +
    'zrange zrangebylex zrangebyscore zrangestore zremrangebylex zremrangebyrank zremrangebyscore ' +
    'zrevrange zrevrangebylex zrevrangebyscore zscan zunion zunionstore',
  blocking: 'blmove blmpop blpop brpop brpoplpush bzmpop bzpopmax bzpopmin xread xreadgroup',
  dangerous:
    'acl|deluser acl|dryrun acl|getuser acl|list acl|log acl|setuser acl|users client|kill ' +
    'client|list client|no-evict client|unblock config|get config|resetstat config|set flushall ' +
    'flushdb info keys migrate pfdebug restore restore-asking slowlog|get slowlog|len slowlog|reset ' +
    'sort sort_ro',
  connection:
    'client|getname client|id client|kill client|list client|no-evict client|unblock command|count ' +
    'echo ping select',
  transaction: 'unwatch watch',
  scripting: 'eval eval_ro',
}

const sets = new Map(Object.entries(commandsOf).map(([name, commands]) => [name, new Set(commands.split(' '))]))

/** `command`: `get`, `acl|list`. */
export function inCategory(command: string, category: string): boolean {
  return sets.get(category)?.has(command) === true
}
