import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { privilege, writing } from '../../database/access/privileges.ts'
import { createCommandTable } from './command-handlers.ts'
import type { Command } from './command-table.ts'
import { openTestServerWithUsers, type TestClient, type TestServerWithUsers } from './testing.ts'

const { read, insert, update, delete: remove } = privilege
const noKey = '-NOPERM this user has no permissions to access one of the keys used as arguments'
const noCommand = (name: string): string => `-NOPERM this user has no permissions to run the '${name}' command`

let server: TestServerWithUsers
let ada: TestClient
let bob: TestClient

beforeEach(async () => {
  server = await openTestServerWithUsers()
  await server.sessions.principals.create('bob', { login: true, password: 'secret' })
  ada = await server.login('ada')
  bob = await server.login('bob')
  await ada.sendLine('MSET a:1 one a:2 two b:1 three')
  await ada.sendLine('RPUSH a:list x y')
})
afterEach(() => server.close())

/** Without the quotes around texts. */
async function say(client: TestClient, line: string): Promise<string> {
  return (await client.sendLine(line)).replaceAll('"', '')
}

async function replies(client: TestClient, ...lines: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const line of lines) found.push(await say(client, line))
  return found
}

describe('a role that was given nothing', () => {
  it('reads and writes no key, and sees none', async () => {
    expect(await replies(bob, 'GET a:1', 'SET c 1', 'DEL a:1', 'EXISTS a:1', 'TYPE a:1', 'COPY a:1 c')).toEqual(
      Array(6).fill(noKey),
    )
    expect(await replies(bob, 'KEYS *', 'SCAN 0', 'RANDOMKEY')).toEqual(['[]', '[0 []]', '(null)'])
    expect(await replies(bob, 'DBSIZE', 'FLUSHDB', 'FLUSHALL')).toEqual(
      ['dbsize', 'flushdb', 'flushall'].map(noCommand),
    )
    expect(await say(bob, 'INFO keyspace')).not.toContain('db0')
    expect(await say(ada, 'DBSIZE')).toBe(':4')
  })

  it('administers nothing', async () => {
    expect(await replies(bob, 'CLIENT LIST', 'CLIENT KILL ID 1', 'CONFIG GET *', 'SLOWLOG GET')).toEqual(
      ['client|list', 'client|kill', 'config|get', 'slowlog|get'].map(noCommand),
    )
    expect(await replies(bob, 'PING', 'CLIENT ID', 'CLIENT SETNAME x', 'SELECT 1')).not.toContainEqual(
      expect.stringContaining('NOPERM'),
    )
  })
})

describe('what is given for all keys', () => {
  it('lets a reader read, and write nothing', async () => {
    await server.give('bob', read)
    expect(await replies(bob, 'GET a:1', 'LRANGE a:list 0 -1', 'EXISTS a:1', 'DBSIZE')).toEqual([
      'one',
      '[x y]',
      ':1',
      ':4',
    ])
    expect(await say(bob, 'SCAN 0')).toBe('[0 [a:1 a:2 a:list b:1]]')
    const writes = ['SET a:1 x', 'DEL a:1', 'LPOP a:list', 'RENAME a:1 z', 'EXPIRE a:1 9', 'GETEX a:1', 'MOVE a:1 1']
    expect(await replies(bob, ...writes)).toEqual(writes.map(() => noKey))
    expect(await say(bob, 'WATCH a:1 nowhere')).toBe('+OK')
  })

  it('lets a writer write what it cannot read, and take away only with the privilege for it', async () => {
    await server.give('bob', insert | update)
    expect(await replies(bob, 'SET a:1 x', 'APPEND a:1 y', 'SETNX new 1')).toEqual(['+OK', ':2', ':1'])
    expect(await replies(bob, 'GET a:1', 'SET a:1 x GET', 'GETSET a:1 x', 'INCR new', 'DEL a:1', 'FLUSHDB')).toEqual([
      ...Array<string>(5).fill(noKey),
      noCommand('flushdb'),
    ])
    await server.give('bob', remove)
    expect(await replies(bob, 'DEL a:1', 'FLUSHDB')).toEqual([':1', '+OK'])
  })

  it('asks for both to write, since a write does not know which it is', async () => {
    await server.give('bob', insert)
    expect(await say(bob, 'SETNX fresh 1')).toBe(noKey)
  })

  it('counts on one numbered database where it was given on its collection', async () => {
    await replies(ada, 'SELECT 1', 'SET k v', 'SELECT 0')
    await server.give('bob', privilege.usage)
    await server.give('bob', read | writing, { collection: 'db1' })
    expect(await replies(bob, 'GET a:1', 'SELECT 1', 'GET k', 'COPY k k2', 'COPY k k DB 0', 'MOVE k 0')).toEqual([
      noKey,
      '+OK',
      'v',
      ':1',
      noKey,
      noKey,
    ])
    expect(await replies(bob, 'FLUSHALL', 'FLUSHDB')).toEqual([noCommand('flushall'), '+OK'])
  })

  it('lets who may write make the first key of a database that nobody has written to', async () => {
    await server.give('bob', read | writing)
    expect(await replies(bob, 'SELECT 9', 'GET x', 'SET x 1', 'GET x')).toEqual(['+OK', '(null)', '+OK', '1'])
  })
})

describe('what is given for the keys of a pattern', () => {
  beforeEach(() => server.give('bob', read | writing, { keys: 'a:*' }))

  it('shows and changes these alone', async () => {
    expect(await replies(bob, 'GET a:1', 'SET a:3 x', 'GET b:1', 'SET b:1 x')).toEqual(['one', '+OK', noKey, noKey])
    expect(await replies(bob, 'KEYS *', 'SCAN 0 COUNT 100')).toEqual([
      '[a:1 a:2 a:3 a:list]',
      '[0 [a:1 a:2 a:3 a:list]]',
    ])
    for (let i = 0; i < 20; i++) expect(await say(bob, 'RANDOMKEY')).toMatch(/^a:/)
    expect(await say(bob, 'DBSIZE')).toBe(noCommand('dbsize'))
  })

  it('finds the few that may be told of among many for RANDOMKEY', async () => {
    await say(ada, `MSET ${Array.from({ length: 300 }, (_, i) => `c:${i} x`).join(' ')}`)
    expect(await say(bob, 'RANDOMKEY')).toMatch(/^a:/)
  })

  it('asks for every key of a command, wherever it stands', async () => {
    const lines = ['MGET a:1 b:1', 'MSET a:1 x b:1 y', 'RENAME a:1 b:2', 'ZUNIONSTORE b:z 1 a:1', 'SINTER a:s b:s']
    lines.push(
      'ZUNIONSTORE a:z 2 a:1 b:1',
      'LMPOP 2 a:list b:list LEFT',
      'COPY a:1 b:2',
      'WATCH a:1 b:1',
      'SMOVE a:s b:s m',
    )
    expect(await replies(bob, ...lines)).toEqual(lines.map(() => noKey))
    expect(await say(bob, 'SINTERCARD 99 a:s b:s')).toMatch(/^-NOPERM/)
  })

  it('lets only who may read all keys have SORT make names of keys', async () => {
    await say(ada, 'SADD a:m 2 1')
    // Were it taken for the key, it might be written.
    await server.give('bob', read | writing, { keys: 'ASC' })
    const denied = (option: string): string =>
      `-ERR ${option} option of SORT denied due to insufficient ACL permissions.`
    expect(
      await replies(
        bob,
        'SORT a:m',
        'SORT a:m BY b*',
        'SORT_RO a:m GET b*',
        'SORT a:m STORE b:new',
        'SORT a:m STORE b:new BY store ASC',
      ),
    ).toEqual(['[1 2]', denied('BY'), denied('GET'), noKey, noKey])
    await server.give('bob', read)
    expect(await replies(bob, 'SORT a:m BY b* GET a:*', 'SORT a:m BY nosort GET #')).toEqual(['[one two]', '[1 2]'])
  })

  it('asks one pattern for all that a command does, as Redis does', async () => {
    await server.give('bob', read, { keys: 'r*' })
    await server.give('bob', writing, { keys: '*w' })
    expect(await replies(bob, 'GET rw', 'SET rw 1', 'GETDEL rw')).toEqual(['(null)', '+OK', noKey])
    await server.give('bob', read)
    expect(await say(bob, 'GETDEL rw')).toBe('1')
  })

  it('counts at once on open connections, and in what is queued', async () => {
    await replies(bob, 'MULTI', 'SET a:1 x')
    await server.takeAll('bob')
    expect(await say(bob, 'EXEC')).toBe(
      '[-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: no permission to touch the specified keys]',
    )
    expect(await replies(bob, 'GET a:1', 'MULTI', 'GET a:1', 'EXEC')).toEqual([
      noKey,
      '+OK',
      noKey,
      '-EXECABORT Transaction discarded because of previous errors.',
    ])
    expect(await say(ada, 'GET a:1')).toBe('one')
  })

  it('holds in a transaction that another has begun', async () => {
    await say(ada, 'POLYLOG.BEGIN')
    const token = await say(ada, 'POLYLOG.TOKEN')
    expect(await replies(bob, `POLYLOG.IN ${token} GET b:1`, `POLYLOG.IN ${token} SET a:1 in`)).toEqual([noKey, '+OK'])
    await say(bob, `POLYLOG.JOIN ${token}`)
    expect(await replies(bob, 'GET b:1', 'GET a:1')).toEqual([noKey, 'in'])
    expect(await replies(ada, 'GET b:1', 'POLYLOG.COMMIT')).toEqual(['three', '+OK'])
  })
})

describe('the command table', () => {
  /** These touch no key, tell nothing of others, and change their own connection alone. */
  const free = new Set(
    `acl|cat acl|genpass acl|help acl|whoami auth hello quit reset ping echo select time role info multi exec discard unwatch client|getname client|help client|id
     client|info client|setname client|setinfo command command|count command|docs command|getkeys command|getkeysandflags command|help command|info
     command|list config|help slowlog|help polylog.begin polylog.commit polylog.durability polylog.in polylog.join
     polylog.leave polylog.rollback polylog.token polylog.use function|dump function|help function|list function|stats
     script|debug script|exists script|help script|load
     unsubscribe punsubscribe sunsubscribe pubsub|channels pubsub|help pubsub|numpat pubsub|numsub pubsub|shardchannels
     pubsub|shardnumsub client|tracking client|caching client|trackinginfo client|getredir client|reply client|no-touch
     latency|help memory|help memory|doctor memory|malloc-stats memory|purge memory|stats
     asking lastsave readonly readwrite wait waitaof lolwut cluster|count-failure-reports cluster|help cluster|info cluster|keyslot cluster|links
     cluster|myid cluster|nodes cluster|shards cluster|slots cluster|replicas cluster|slaves module|help object|help xgroup|help xinfo|help`.split(
      /\s+/,
    ),
  )
  /** These ask for themselves. */
  const ownRule = new Set([
    'keys',
    'scan',
    'randomkey',
    'dbsize',
    'flushdb',
    'flushall',
    'polylog.asof',
    'polylog.engine',
    'cluster|countkeysinslot',
    'cluster|getkeysinslot',
    'function|delete',
    'function|flush',
    'function|kill',
    'function|load',
    'function|restore',
    'script|flush',
    'swapdb',
    'script|kill',
  ])

  it('has a rule for every command', () => {
    const all = [...createCommandTable().commands.values()].flatMap((command): Command[] => [
      command,
      ...command.subcommands.values(),
    ])
    const without = all.filter(
      ({ name, keys, channels, flags, data, connection }) =>
        (data ?? connection) !== undefined &&
        keys.length === 0 &&
        channels === undefined &&
        !flags.includes('admin') &&
        !free.has(name) &&
        !ownRule.has(name),
    )
    expect(without.map(({ name }) => name)).toEqual([])
  })

  it('has scripts give nothing, who may change nothing by the commands in them', () => {
    const table = createCommandTable()
    const scripts = [...table.commands.values()].filter(({ isScript }) => isScript)
    expect(scripts.map(({ name }) => name)).toEqual(['eval', 'eval_ro', 'evalsha', 'evalsha_ro', 'fcall', 'fcall_ro'])
    expect(scripts.flatMap(({ keys }) => keys.map(({ wanted }) => wanted))).toEqual([0, 0, 0, 0, 0, 0])
  })

  it('says of every command with keys what it does with them', () => {
    const writes = [...createCommandTable().commands.values()].filter(
      ({ readOnly, keys, isScript }) => !readOnly && keys.length > 0 && !isScript,
    )
    expect(writes.length).toBeGreaterThan(60)
    for (const { name, keys } of writes) {
      expect(
        keys.some(({ wanted, isElsewhere }) => isElsewhere || (wanted & writing) !== 0),
        name,
      ).toBe(true)
    }
  })
})
