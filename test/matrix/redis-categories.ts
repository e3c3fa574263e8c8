/** Redis's categories, as `ACL CAT` of redis-server 7.0.15 tells them; of its commands those that the matrix has. */
const commandsOf: Readonly<Record<string, string>> = {
  keyspace:
    'copy dbsize del exists expire expireat expiretime flushall flushdb keys pexpire pexpireat ' +
    'pexpiretime pttl randomkey rename renamenx scan touch ttl type unlink',
  read:
    'dbsize exists expiretime get getrange hexists hget hgetall hkeys hlen hmget hrandfield hscan ' +
    'hstrlen hvals keys lindex llen lpos lrange mget pexpiretime pttl randomkey scan scard sdiff ' +
    'sinter sintercard sismember smembers smismember srandmember sscan strlen substr sunion touch ' +
    'ttl type zcard zcount zdiff zinter zintercard zlexcount zmscore zrandmember zrange zrangebylex ' +
    'zrangebyscore zrank zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion',
  write:
    'append copy decr decrby del expire expireat flushall flushdb getdel getex getset hdel hincrby ' +
    'hincrbyfloat hmset hset hsetnx incr incrby incrbyfloat linsert lmove lmpop lpop lpush lpushx ' +
    'lrem lset ltrim mset msetnx pexpire pexpireat psetex rename renamenx rpop rpoplpush rpush ' +
    'rpushx sadd sdiffstore set setex setnx setrange sinterstore smove spop srem sunionstore unlink ' +
    'zadd zdiffstore zincrby zinterstore zmpop zpopmax zpopmin zrangestore zrem zremrangebylex ' +
    'zremrangebyrank zremrangebyscore zunionstore',
  set:
    'sadd scard sdiff sdiffstore sinter sintercard sinterstore sismember smembers smismember smove ' +
    'spop srandmember srem sscan sunion sunionstore',
  sortedset:
    'zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore zlexcount zmpop ' +
    'zmscore zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank zrem ' +
    'zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore ' +
    'zrevrank zscan zscore zunion zunionstore',
  list: 'lindex linsert llen lmove lmpop lpop lpos lpush lpushx lrange lrem lset ltrim rpop rpoplpush rpush rpushx',
  hash:
    'hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset ' +
    'hsetnx hstrlen hvals',
  string:
    'append decr decrby get getdel getex getrange getset incr incrby incrbyfloat mget mset msetnx ' +
    'psetex set setex setnx setrange strlen substr',
  bitmap: '',
  hyperloglog: '',
  geo: '',
  stream: '',
  pubsub: '',
  admin:
    'acl|deluser acl|dryrun acl|getuser acl|list acl|log acl|setuser acl|users client|kill ' +
    'client|list client|no-evict config|get config|resetstat config|set slowlog|get slowlog|len ' +
    'slowlog|reset',
  fast:
    'append dbsize decr decrby echo exists expire expireat expiretime get getdel getex getset hdel ' +
    'hexists hget hincrby hincrbyfloat hlen hmget hmset hset hsetnx hstrlen incr incrby incrbyfloat ' +
    'llen lpop lpush lpushx mget pexpire pexpireat pexpiretime ping pttl renamenx rpop rpush rpushx ' +
    'sadd scard select setnx sismember smismember smove spop srem strlen time touch ttl type unlink ' +
    'unwatch watch zadd zcard zcount zincrby zlexcount zmscore zpopmax zpopmin zrank zrem zrevrank ' +
    'zscore',
  slow:
    'acl|cat acl|deluser acl|dryrun acl|getuser acl|list acl|log acl|setuser acl|users acl|whoami ' +
    'client|getname client|id client|kill client|list client|no-evict command|count config|get ' +
    'config|resetstat config|set copy del eval eval_ro flushall flushdb getrange hgetall hkeys hrandfield hscan ' +
    'hvals info keys lindex linsert lmove lmpop lpos lrange lrem lset ltrim mset msetnx psetex ' +
    'randomkey rename rpoplpush scan sdiff sdiffstore set setex setrange sinter sintercard ' +
    'sinterstore slowlog|get slowlog|len slowlog|reset smembers srandmember sscan substr sunion ' +
    'sunionstore zdiff zdiffstore zinter zintercard zinterstore zmpop zrandmember zrange zrangebylex ' +
    'zrangebyscore zrangestore zremrangebylex zremrangebyrank zremrangebyscore zrevrange ' +
    'zrevrangebylex zrevrangebyscore zscan zunion zunionstore',
  blocking: '',
  dangerous:
    'acl|deluser acl|dryrun acl|getuser acl|list acl|log acl|setuser acl|users client|kill ' +
    'client|list client|no-evict config|get config|resetstat config|set flushall flushdb info keys ' +
    'slowlog|get slowlog|len slowlog|reset',
  connection: 'client|getname client|id client|kill client|list client|no-evict command|count echo ping select',
  transaction: 'unwatch watch',
  scripting: 'eval eval_ro',
}

const sets = new Map(Object.entries(commandsOf).map(([name, commands]) => [name, new Set(commands.split(' '))]))

/** `command`: `get`, `acl|list`. */
export function inCategory(command: string, category: string): boolean {
  return sets.get(category)?.has(command) === true
}
