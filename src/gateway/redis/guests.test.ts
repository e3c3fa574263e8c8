/** Users of a server that asks nobody who it is: docs/decisions/164-guests.md. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openTestServerWithUsers, type TestClient, type TestServerWithUsers } from './testing.ts'

const wrong = '-WRONGPASS invalid username-password pair or user is disabled.'
const noKey = '-NOPERM this user has no permissions to access one of the keys used as arguments'
const everybody = 'user default on nopass ~* &* +@all'

let server: TestServerWithUsers
let client: TestClient

beforeEach(async () => {
  server = await openTestServerWithUsers({ hasUsers: false })
  client = server.connect()
})
afterEach(() => server.close())

async function say(to: TestClient, ...lines: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const line of lines) found.push((await to.sendLine(line)).replaceAll('"', ''))
  return found
}

it('are made by who need not say who it is, come in by their passwords, and have what they were given', async () => {
  expect(await say(client, 'ACL SETUSER alice on >pw ~a:* +@all', 'ACL USERS', 'ACL WHOAMI')).toEqual([
    '+OK',
    '[alice default]',
    'default',
  ])
  expect(await say(client, 'AUTH alice wrong', 'AUTH nobody pw', 'ACL WHOAMI', 'SET z 1')).toEqual([
    wrong,
    wrong,
    'default',
    '+OK',
  ])
  expect(
    await say(
      client,
      'AUTH alice pw',
      'ACL WHOAMI',
      'SET a:1 x',
      'SET z 1',
      'ACL SETUSER alice ~*',
      'RESET',
      'SET z 2',
    ),
  ).toEqual([
    '+OK',
    'alice',
    '+OK',
    noKey,
    "-NOPERM this user has no permissions to run the 'acl|setuser' command",
    '+RESET',
    '+OK',
  ])
  expect(await say(client, 'HELLO 3 AUTH alice wrong', 'AUTH default any', 'ACL WHOAMI')).toEqual([
    wrong,
    '+OK',
    'default',
  ])
  expect((await say(client, 'HELLO 3 AUTH alice pw'))[0]).toContain('proto :3')
  expect(await say(client, 'GET z')).toEqual([noKey])
})

it('may be off, without a password, changed and dropped', async () => {
  expect(await say(client, 'ACL SETUSER bob', 'AUTH bob x', 'ACL SETUSER bob nopass', 'AUTH bob x')).toEqual([
    '+OK',
    wrong,
    '+OK',
    wrong,
  ])
  expect(await say(client, 'ACL SETUSER bob on', 'AUTH bob x', 'PING')).toEqual([
    '+OK',
    '+OK',
    "-NOPERM this user has no permissions to run the 'ping' command",
  ])
  const other = server.connect()
  expect(await say(other, 'ACL DELUSER bob', 'ACL USERS')).toEqual([':1', '[default]'])
  // Without a guest any name is believed.
  expect(await say(other, 'AUTH bob x', 'ACL WHOAMI', 'SET z 1')).toEqual(['+OK', 'bob', '+OK'])
})

it('narrow who was believed to be one, once it proves that', async () => {
  expect(await say(client, 'AUTH alice any', 'ACL SETUSER alice on >pw ~a +@all', 'SET z 1')).toEqual([
    '+OK',
    '+OK',
    '+OK',
  ])
  expect(await say(client, 'AUTH alice pw', 'SET z 1')).toEqual(['+OK', noKey])
})

it('leave `default` what it is', async () => {
  const [said] = await say(client, 'ACL SETUSER default on nopass ~* &* +@all')
  expect(said).toBe('+OK')
  expect(await say(client, 'ACL LIST', 'ACL GETUSER nobody')).toEqual([`[${everybody}]`, '(null)'])
  expect(server.sessions.principals.find('default')).toBeUndefined()
  const changes = [
    'off',
    '>pw',
    `#${'0'.repeat(64)}`,
    'resetpass',
    'resetkeys',
    'resetchannels',
    '-@all',
    '-get',
    'reset',
  ]
  for (const word of changes) {
    expect(await say(client, `ACL SETUSER default ${word}`)).toEqual([
      expect.stringContaining("-ERR The 'default' user is everybody, at every door"),
    ])
  }
  expect(await say(client, 'ACL DELUSER default', 'ACL LIST')).toEqual([
    "-ERR The 'default' user cannot be removed",
    `[${everybody}]`,
  ])
})

it('ask nobody, until there is a superuser; then are users as all others', async () => {
  const { principals } = server.sessions
  await say(client, 'ACL SETUSER alice on >pw ~a +@all')
  expect([principals.areProved, principals.haveGuests]).toEqual([false, true])
  const noRuler = /the only user is a superuser/
  await expect(principals.create('bob', { login: true, password: 'pw' })).rejects.toThrow(/no superuser would be left/)
  await principals.alter('alice', { connectionLimit: 5, password: 'other' })
  expect(principals.areProved).toBe(false)
  await expect(principals.alter('alice', { superuser: true, validUntilMs: 1 })).rejects.toThrow(noRuler)
  expect(principals.areProved).toBe(false)
  await principals.create('ada', { login: true, superuser: true, password: 'secret' })
  expect([principals.areProved, principals.haveGuests]).toEqual([true, false])
  const next = server.connect()
  expect(await say(next, 'GET a', 'AUTH default any', 'AUTH alice other', 'GET a', 'GET z')).toEqual([
    '-NOAUTH Authentication required.',
    wrong,
    '+OK',
    '(null)',
    noKey,
  ])
  await expect(principals.drop(['ada'])).rejects.toThrow(/no superuser would be left|the only user/)
})

it('that become superusers close the server', async () => {
  const { principals } = server.sessions
  await say(client, 'ACL SETUSER alice on >pw ~a +@all')
  await principals.alter('alice', { superuser: true })
  expect(principals.areProved).toBe(true)
})
