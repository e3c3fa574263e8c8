import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { privilege, privilegeNames, writing } from '../../database/access/privileges.ts'
import { openTestServerWithUsers, type TestClient, type TestServerWithUsers } from './testing.ts'

const { read } = privilege
const noKey = '-NOPERM this user has no permissions to access one of the keys used as arguments'
const noCommand = (name: string): string => `-NOPERM this user has no permissions to run the '${name}' command`

let server: TestServerWithUsers
let ada: TestClient

beforeEach(async () => {
  server = await openTestServerWithUsers()
  ada = await server.login('ada')
})
afterEach(() => server.close())

async function say(client: TestClient, ...lines: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const line of lines) found.push((await client.sendLine(line)).replaceAll('"', ''))
  return found
}

/** What the lists say that a role was given: by pattern, `*` the whole. */
function given(name: string): Record<string, readonly string[]> {
  const { catalog } = server.instance.databases.get('polylog')!
  const id = server.sessions.principals.find(name)?.id
  const lists = catalog.access.get(catalog.namespaces.get('redis')?.id ?? -1)
  const items = [...(lists?.values() ?? [])].flat().filter(({ to }) => to === id)
  return Object.fromEntries(items.map(({ keys = '*', may }) => [keys, privilegeNames(may)]))
}

const all = privilegeNames(read | writing)

describe('ACL SETUSER', () => {
  it('makes a role that comes in with its password, and gives it the keys of its patterns', async () => {
    expect(await say(ada, 'ACL SETUSER bob on >secret ~a:* %R~r:* +@all')).toEqual(['+OK'])
    expect(given('bob')).toEqual({ 'a:*': all, 'r:*': ['read'] })
    const bob = await server.login('bob')
    expect(await say(bob, 'SET a:1 x', 'GET a:1', 'GET r:1', 'SET r:1 x', 'GET z', 'ACL WHOAMI')).toEqual([
      '+OK',
      'x',
      '(null)',
      noKey,
      noKey,
      'bob',
    ])
    expect(server.sessions.principals.find('bob')).toMatchObject({ login: true, superuser: false })
  })

  it('knows no words but its own', async () => {
    for (const word of ['constructor', '__proto__', 'toString'])
      expect((await say(ada, `ACL SETUSER bob on ${word}`))[0]).toContain(`modifier '${word}': Syntax error`)
  })

  it('gives of the keys only what the commands could do with them', async () => {
    await say(ada, 'ACL SETUSER bob on >secret ~* +get')
    expect(given('bob')).toEqual({ '*': ['read'] })
    await say(ada, 'ACL SETUSER bob +del')
    expect(given('bob')).toEqual({ '*': ['read', 'delete'] })
    expect((await say(ada, 'ACL GETUSER bob'))[0]).toContain('keys ~*')
    await say(ada, 'ACL SETUSER bob resetkeys %R~* +set')
    expect(given('bob')).toEqual({ '*': ['read'] })
    await say(ada, 'ACL SETUSER bob nocommands')
    expect(given('bob')).toEqual({})
  })

  it('narrows at once on open connections, and gives nothing by naming a command', async () => {
    await say(ada, 'ACL SETUSER bob on >secret ~* +@all')
    const bob = await server.login('bob')
    expect(await say(bob, 'SET k v', 'CONFIG GET save', 'ACL LIST', 'ACL SETUSER bob +@all')).toEqual([
      '+OK',
      ...['config|get', 'acl|list', 'acl|setuser'].map(noCommand),
    ])
    await say(ada, 'ACL SETUSER bob -set')
    expect(await say(bob, 'SET k v', 'GET k', 'MULTI', 'SET k v', 'EXEC')).toEqual([
      noCommand('set'),
      'v',
      '+OK',
      noCommand('set'),
      '-EXECABORT Transaction discarded because of previous errors.',
    ])
    await say(ada, 'POLYLOG.BEGIN')
    const [token] = await say(ada, 'POLYLOG.TOKEN')
    expect(await say(bob, `POLYLOG.IN ${token} SET k v`)).toEqual([noCommand('set')])
  })

  it('narrows a superuser, too, but not its keys', async () => {
    await server.sessions.principals.create('eve', { login: true, superuser: true, password: 'secret' })
    const eve = await server.login('eve')
    expect(await say(ada, 'ACL SETUSER eve resetkeys')).toEqual([
      "-ERR 'eve' is a superuser, and may do everything with every key",
    ])
    expect(await say(ada, 'ACL SETUSER eve -set -config|get')).toEqual(['+OK'])
    expect(await say(eve, 'SET k v', 'GET k', 'CONFIG GET save', 'CLIENT LIST')).toEqual([
      noCommand('set'),
      '(null)',
      noCommand('config|get'),
      expect.stringContaining('id='),
    ])
  })

  it('leaves nothing behind where a word is wrong', async () => {
    expect(await say(ada, 'ACL SETUSER bob on >secret ~* +@all nonsense', 'ACL USERS')).toEqual([
      "-ERR Error in ACL SETUSER modifier 'nonsense': Syntax error",
      '[ada]',
    ])
    await say(ada, 'ACL SETUSER bob on >secret ~a +get')
    await say(ada, 'ACL SETUSER bob ~b +nonsense')
    expect(given('bob')).toEqual({ a: ['read'] })
    expect(await say(ada, 'ACL SETUSER bob (~x +get)')).toEqual([
      "-ERR Error in ACL SETUSER modifier '(~x': selectors are not supported: give the role of another user, by GRANT",
    ])
  })

  it('is for those who may make roles, and who have what they give', async () => {
    await server.sessions.principals.create('rob', { login: true, createRole: true, password: 'secret' })
    const rob = await server.login('rob')
    const notHis = '-NOPERM this user has no permissions to give what it has not itself'
    expect(await say(rob, 'ACL SETUSER bob on >secret +@all', 'ACL SETUSER bob ~a', 'ACL SETUSER rob ~*')).toEqual([
      '+OK',
      notHis,
      notHis,
    ])
    expect(given('bob')).toEqual({})
    await server.give('rob', read)
    expect(await say(rob, 'ACL SETUSER bob %R~a', 'ACL SETUSER bob ~a')).toEqual(['+OK', notHis])
    expect(given('bob')).toEqual({ a: ['read'] })
    expect(await say(rob, 'ACL SETUSER ada off')).toEqual([expect.stringContaining('-NOPERM must be superuser')])
  })

  it('does not run inside a transaction', async () => {
    expect(
      await say(ada, 'POLYLOG.BEGIN', 'ACL SETUSER bob on', 'POLYLOG.ROLLBACK', 'MULTI', 'ACL DELUSER bob'),
    ).toEqual([
      '+OK',
      '-ERR users cannot be changed inside a transaction',
      '+OK',
      '+OK',
      '-ERR Command not allowed inside a transaction',
    ])
  })
})

describe('passwords', () => {
  it('are the role’s own first, and further ones are right at this door alone', async () => {
    await say(ada, 'ACL SETUSER bob on >one')
    const place = { door: 'postgres', remote: '' }
    const { principals } = server.sessions
    expect((await principals.proofs.checkPassword('bob', 'one', place)).name).toBe('bob')
    await say(ada, 'ACL SETUSER bob >two')
    await server.login('bob', 'one')
    await server.login('bob', 'two')
    await expect(principals.proofs.checkPassword('bob', 'two', place)).rejects.toThrow(/password authentication failed/)
    await say(ada, 'ACL SETUSER bob >three <one')
    expect((await principals.proofs.checkPassword('bob', 'three', place)).name).toBe('bob')
    await expect(server.login('bob', 'one')).rejects.toThrow('WRONGPASS')
    await say(ada, 'ACL SETUSER bob resetpass')
    for (const password of ['one', 'two', 'three']) await expect(server.login('bob', password)).rejects.toThrow()
  })

  it('are not told, nor written to the audit', async () => {
    const hash = '148de9c5a7a44d19e56cd9ae1a554bf67847afb0c58f6e12fa29ac7ddfca9940'
    await say(ada, `ACL SETUSER bob on >secret-word #${hash}`)
    expect(await say(ada, 'ACL LIST')).toEqual([
      `[user ada on #SCRAM-SHA-256 ~* &* +@all user bob on #SCRAM-SHA-256 #${hash} resetchannels -@all]`,
    ])
    await server.sessions.principals.audit.settle()
    const told = JSON.stringify([...server.sessions.principals.audit.rows()])
    expect(told).toContain('other rules of Redis')
    expect(told).not.toContain('secret-word')
    expect(told).not.toContain(hash)
  })

  it('are asked of nobody where the user default needs none, and of everybody where it is off', async () => {
    const stranger = server.connect()
    expect(await say(stranger, 'PING')).toEqual(['-NOAUTH Authentication required.'])
    await say(ada, 'ACL SETUSER default on nopass ~public:* +@read +acl|whoami')
    const guest = server.connect()
    expect(await say(guest, 'GET public:1', 'GET k', 'ACL WHOAMI')).toEqual(['(null)', noKey, 'default'])
    await say(ada, 'ACL SETUSER default resetpass >pass')
    expect(await say(server.connect(), 'GET public:1', 'AUTH wrong', 'AUTH pass', 'GET public:1')).toEqual([
      '-NOAUTH Authentication required.',
      '-WRONGPASS invalid username-password pair or user is disabled.',
      '+OK',
      '(null)',
    ])
  })
})

describe('what is told', () => {
  it('is true of roles that others have made and given to', async () => {
    await server.sessions.principals.create('sql', { login: true, password: 'secret' })
    expect((await say(ada, 'ACL LIST'))[0]).toContain('user sql on #SCRAM-SHA-256 &* +@all')
    await server.give('sql', read)
    expect((await say(ada, 'ACL LIST'))[0]).toContain('user sql on #SCRAM-SHA-256 %R~* &* +@all')
    await server.give('sql', read | writing, { keys: 'a:*' })
    expect((await say(ada, 'ACL LIST'))[0]).toContain('user sql on #SCRAM-SHA-256 %R~* ~a:* &* +@all')
    await say(ada, 'ACL SETUSER sql ~b -set')
    expect(given('sql')).toEqual({ '*': ['read'], 'a:*': all, b: all })
  })

  it('follows what was taken by another door', async () => {
    await say(ada, 'ACL SETUSER bob on >secret ~a +get +set')
    await server.takeAll('bob')
    expect((await say(ada, 'ACL LIST'))[0]).toContain('user bob on #SCRAM-SHA-256 resetchannels -@all +get +set')
    const [denied] = await say(ada, 'ACL DRYRUN bob get a')
    expect(denied).toBe("This user has no permissions to access the 'a' key")
  })

  it('of a server without users is one whom everybody is', async () => {
    await server.close()
    server = await openTestServerWithUsers({ hasUsers: false })
    expect(await say(server.connect(), 'ACL LIST', 'ACL USERS', 'ACL DRYRUN default get x')).toEqual([
      '[user default on nopass ~* &* +@all]',
      '[default]',
      '+OK',
    ])
  })

  it('has what was refused, counted', async () => {
    await say(ada, 'ACL SETUSER bob on >secret ~a +get')
    const bob = await server.login('bob')
    await say(bob, 'GET z', 'GET z', 'SET a 1')
    await say(server.connect(), 'AUTH bob wrong')
    const [log] = await say(ada, 'ACL LOG')
    expect(log).toMatch(/^\[\[count :1 reason auth context toplevel object AUTH username bob .*client-info id=/)
    expect(log).toContain('[count :1 reason command context toplevel object set username bob')
    expect(log).toContain('[count :2 reason key context toplevel object z username bob')
    expect(await say(ada, 'ACL LOG RESET', 'ACL LOG')).toEqual(['+OK', '[]'])
    await server.sessions.principals.audit.settle()
    const rows = [...server.sessions.principals.audit.rows()].filter(({ event }) => event === 'access denied')
    expect(new Set(rows.map(({ object, principal, detail }) => `${principal} ${object} ${detail}`))).toEqual(
      new Set(['bob get key', 'bob set command']),
    )
  })
})

describe('a connection', () => {
  it('stays of the role that came in, whoever has its name later', async () => {
    await say(ada, 'ACL SETUSER bob on >secret ~a +@all')
    const bob = await server.login('bob')
    await server.takeAll('bob')
    await server.sessions.principals.drop(['bob'])
    await say(ada, 'ACL SETUSER bob on >other ~* +@all')
    expect(await say(bob, 'GET a', 'POLYLOG.USE polylog', 'GET a')).toEqual([
      noKey,
      expect.stringMatching(/OK|NOPERM/),
      noKey,
    ])
  })
})

describe('ACL DELUSER', () => {
  it('takes what the role was given, the role, and its connections', async () => {
    await say(ada, 'ACL SETUSER bob on >secret ~a ~* +@all')
    await say(ada, 'ACL SETUSER bob on >secret ~* +@all')
    const bob = await server.login('bob')
    expect(await say(ada, 'ACL DELUSER bob nobody', 'ACL USERS', 'ACL DELUSER ada')).toEqual([
      ':1',
      '[ada]',
      expect.stringContaining('-ERR the only user is a superuser'),
    ])
    expect(bob.socket.isClosed).toBe(true)
    expect(given('bob')).toEqual({})
  })
})
