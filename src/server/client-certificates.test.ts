/** Certificates of clients: which are let in, what is revoked, and whose proof they are, by each door's unmodified drivers. */
import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { TlsFiles } from './certificates.ts'
import { pathOfPem, readPem, TlsDoors } from './testing-tls.ts'

const ca = readPem('authority.pem')
/** Anew each time: pg hides the key of what it is given. */
const shown = (name: string): { ca: string; cert: string; key: string } => ({
  ca,
  cert: readPem(`${name}.pem`),
  key: readPem(`${name}.key`),
})
const subjectOf = (name: string): string => `CN=${name},OU=db,O=Acme\\, Ltd.`
const x509 = { authMechanism: 'MONGODB-X509', authSource: '$external', tls: true }
const doors = new TlsDoors()
let folder: string
let files: TlsFiles

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'polylog-certificates-'))
  for (const name of ['user-ada', 'user-bob']) copyFileSync(pathOfPem(`${name}.key`), join(folder, `${name}.key`))
  // libpq takes no key that others may read.
  writeFileSync(join(folder, 'ada.key'), readPem('user-ada.key'), { mode: 0o600 })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(() => doors.end())

async function start(more: Partial<TlsFiles> = {}): Promise<void> {
  copyFileSync(pathOfPem('revoked-none.crl'), join(folder, 'revoked.crl'))
  files = {
    certificateFile: pathOfPem('server.pem'),
    keyFile: pathOfPem('server.key'),
    clientAuthoritiesFile: pathOfPem('users.pem'),
    revocationsFile: join(folder, 'revoked.crl'),
    ...more,
  }
  await doors.start({ tls: files }, doors.far)
}

/** `ada` and `bob` by their certificates, `carl` and `admin` by passwords. */
async function makeUsers(): Promise<void> {
  const { principals } = doors.sessions
  await principals.create('admin', { login: true, superuser: true, password: 'geheim' })
  await principals.create('carl', { login: true, password: 'geheim' })
  for (const name of ['ada', 'bob']) {
    await principals.create(name, { login: true })
    await principals.alterSettings({ role: name }, { name: 'polylog.certificate_login', value: 'on' }, admin)
  }
}

const admin = { user: 'admin', door: 'test', remote: '' }
const me = 'SELECT current_user AS me'

async function nameAtPostgres(tls: object, user: string, password?: string): Promise<unknown> {
  const client = await doors.postgres(tls, { user, ...(password !== undefined && { password }) })
  return (await client.query<{ me: string }>(me)).rows[0]!.me
}

async function namesAtMongo(options: object, user?: string): Promise<string[]> {
  const client = doors.mongo({ ...x509, ...options }, user === undefined ? {} : { user })
  const { authInfo } = await client.db('a').command({ connectionStatus: 1 })
  return (authInfo as { authenticatedUsers: { user: string }[] }).authenticatedUsers.map((one) => one.user)
}

describe('who is let in', () => {
  /** By what only an answer within TLS can show. */
  async function pongs(tls: object): Promise<boolean> {
    return doors
      .redis(tls)
      .ping()
      .then(
        () => true,
        () => false,
      )
  }

  test('with a certificate of the authority, and with no other and with none', async () => {
    await start()
    expect(await pongs(shown('user-ada'))).toBe(true)
    expect(await pongs(shown('client'))).toBe(false)
    expect(await pongs({ ca })).toBe(false)
  })

  test('with none, where that is said, and still with no other', async () => {
    await start({ clientsMayShowNone: true })
    expect(await pongs(shown('user-ada'))).toBe(true)
    expect(await pongs(shown('client'))).toBe(false)
    expect(await pongs({ ca })).toBe(true)
    expect(await pongs({ maxVersion: 'TLSv1.2', ...shown('client') })).toBe(false)
  })

  test.each(['required', 'optional'])('not with one that was revoked while the server runs (%s)', async (kind) => {
    await start({ clientsMayShowNone: kind === 'optional' })
    const early = doors.redis(shown('user-bob'))
    expect(await early.ping()).toBe('PONG')
    // A session that could be resumed was begun before.
    const secured = await doors.secure(shown('user-bob'))
    const session = new Promise<Buffer>((resolve) => secured.once('session', resolve))
    secured.write('PING\r\n')
    await session
    copyFileSync(pathOfPem('revoked-bob.crl'), files.revocationsFile!)
    await doors.server.reloadCertificates()
    expect(await pongs(shown('user-bob'))).toBe(false)
    expect(await pongs({ ...shown('user-bob'), session: await session })).toBe(false)
    expect(await pongs(shown('user-ada'))).toBe(true)
    // Who is in stays, as with a password that is changed.
    expect(await early.ping()).toBe('PONG')
  })

  test('with none at all, where what is revoked is not known any more', async () => {
    await start({ revocationsFile: pathOfPem('revoked-old.crl') })
    expect(await pongs(shown('user-ada'))).toBe(false)
  })

  test('a list that is none is an error of the start, and later leaves what is known', async () => {
    await expect(start({ revocationsFile: pathOfPem('server.pem') })).rejects.toMatchObject({ code: 'certificate' })
    await start()
    writeFileSync(files.revocationsFile!, 'x')
    await doors.server.reloadCertificates()
    expect(doors.logged.filter((line) => line.startsWith('error'))).toHaveLength(1)
    expect(await pongs(shown('user-ada'))).toBe(true)
  })
})

describe('the certificate is the proof', () => {
  beforeEach(async () => {
    await start({ clientsMayShowNone: true })
    await makeUsers()
  })

  test('at the PostgreSQL door of the user of its common name, without a password', async () => {
    expect(await nameAtPostgres(shown('user-ada'), 'ada')).toBe('ada')
    // As PostgreSQL 15 says it, with `hostssl all all all cert`.
    await expect(nameAtPostgres(shown('user-ada'), 'bob')).rejects.toMatchObject({
      code: '28000',
      message: 'certificate authentication failed for user "bob"',
    })
    await expect(nameAtPostgres({ ca }, 'ada', 'x')).rejects.toMatchObject({ code: '28P01' })
    expect(doors.logged).toEqual(expect.arrayContaining(['info login', 'warning login failed']))
  })

  test('psql: sslcert and sslkey', async () => {
    const base = `host=localhost port=${doors.server.port} dbname=polylog sslmode=verify-full sslrootcert=${pathOfPem('authority.pem')}`
    const call = (user: string): Promise<{ stdout: string }> =>
      promisify(execFile)('psql', [
        `${base} user=${user} sslcert=${pathOfPem('user-ada.pem')} sslkey=${join(folder, 'ada.key')}`,
        '-wAtc',
        me,
      ])
    try {
      await promisify(execFile)('psql', ['--version'])
    } catch {
      return
    }
    expect((await call('ada')).stdout).toBe('ada\n')
    await expect(call('bob')).rejects.toThrow('FATAL:  certificate authentication failed for user "bob"')
  })

  test('of nobody else: a password stays a password, whatever certificate comes with it', async () => {
    await expect(nameAtPostgres(shown('user-ada'), 'carl', 'x')).rejects.toMatchObject({ code: '28P01' })
    expect(await nameAtPostgres(shown('user-ada'), 'carl', 'geheim')).toBe('carl')
    await expect(nameAtPostgres(shown('user-ada'), 'nobody', 'x')).rejects.toMatchObject({ code: '28P01' })
    // A user of both: whichever is there.
    await doors.sessions.principals.alter('bob', { password: 'geheim' }, admin)
    expect(await nameAtPostgres(shown('user-ada'), 'bob', 'geheim')).toBe('bob')
    expect(await nameAtPostgres(shown('user-bob'), 'bob')).toBe('bob')
  })

  test('for as long as a superuser says so, and of a role that may log in', async () => {
    const { principals } = doors.sessions
    await principals.alter('ada', { login: false }, admin)
    await expect(nameAtPostgres(shown('user-ada'), 'ada')).rejects.toMatchObject({ code: '28000' })
    await principals.alter('ada', { login: true }, admin)
    expect(await nameAtPostgres(shown('user-ada'), 'ada')).toBe('ada')
    const carl = await doors.postgres({ ca }, { user: 'carl', password: 'geheim' })
    await expect(carl.query('ALTER ROLE carl SET polylog.certificate_login = on')).rejects.toMatchObject({
      code: '42501',
    })
    await expect(carl.query('SET polylog.certificate_login = on')).rejects.toThrow()
    const root = await doors.postgres({ ca }, { user: 'admin', password: 'geheim' })
    await root.query('ALTER ROLE ada RESET polylog.certificate_login')
    await expect(nameAtPostgres(shown('user-ada'), 'ada', 'x')).rejects.toMatchObject({ code: '28P01' })
    await root.query('ALTER ROLE ALL SET polylog.certificate_login = on')
    expect(await nameAtPostgres(shown('user-ada'), 'ada')).toBe('ada')
  })

  test('MongoDB: MONGODB-X509, of the common name or of the whole subject', async () => {
    expect(await namesAtMongo(shown('user-ada'))).toEqual(['ada'])
    expect(await namesAtMongo(shown('user-ada'), subjectOf('ada'))).toEqual(['ada'])
    await expect(namesAtMongo(shown('user-ada'), subjectOf('bob'))).rejects.toMatchObject({ code: 18 })
    await expect(namesAtMongo({ ca })).rejects.toMatchObject({ code: 18 })
    const root = doors.mongo({ tls: true, ca }, { user: 'admin', password: 'geheim' })
    const made = { createUser: subjectOf('ada'), roles: [{ role: 'readWrite', db: 'shop' }] }
    await root.db('$external').command(made)
    await expect(root.db('$external').command({ ...made, pwd: 'x' })).rejects.toMatchObject({ code: 2 })
    expect(await namesAtMongo(shown('user-ada'))).toEqual([subjectOf('ada')])
    const client = doors.mongo({ ...x509, ...shown('user-ada') })
    await client.db('shop').collection('c').insertOne({ a: 1 })
    await expect(client.db('other').collection('c').insertOne({ a: 1 })).rejects.toMatchObject({ code: 13 })
    const { users } = await root.db('$external').command({ usersInfo: subjectOf('ada') })
    expect(users).toMatchObject([{ user: subjectOf('ada'), mechanisms: ['external'] }])
    await root.db('$external').command({ dropUser: subjectOf('ada') })
    expect(await namesAtMongo(shown('user-ada'))).toEqual(['ada'])
  })

  test('MongoDB: by a command of its own', async () => {
    const client = doors.mongo({ tls: true, maxPoolSize: 1, ...shown('user-ada') })
    const command = { authenticate: 1, mechanism: 'MONGODB-X509' }
    await expect(client.db('$external').command({ ...command, user: 'bob' })).rejects.toMatchObject({ code: 18 })
    await expect(client.db('$external').command({ ...command, mechanism: 'PLAIN' })).rejects.toMatchObject({
      code: 334,
    })
    const answer = await client.db('$external').command(command)
    expect(answer).toMatchObject({ dbname: '$external', user: subjectOf('ada') })
    expect(await client.db('a').command({ connectionStatus: 1 })).toMatchObject({
      authInfo: { authenticatedUsers: [{ user: 'ada' }] },
    })
    await expect(client.db('$external').collection('c').insertOne({ a: 1 })).rejects.toMatchObject({ code: 73 })
  })

  test('MongoDB: a driver is known with its first message, where it says so in it', async () => {
    const answers: unknown[] = []
    const client = doors.mongo({ ...x509, ...shown('user-ada'), monitorCommands: true })
    client.on('commandStarted', ({ commandName }) => answers.push(commandName))
    await client.db('a').command({ ping: 1 })
    expect(answers).toEqual(['ping'])
  })

  test('who makes users without being a superuser gives nobody that proof', async () => {
    const root = doors.mongo({ tls: true, ca }, { user: 'admin', password: 'geheim' })
    const clerkOf = { createUser: 'clerk', pwd: 'geheim', roles: [{ role: 'userAdminAnyDatabase', db: 'admin' }] }
    await root.db('admin').command(clerkOf)
    const clerk = doors.mongo({ tls: true, ca }, { user: 'clerk', password: 'geheim' })
    const made = clerk.db('$external').command({ createUser: subjectOf('bob'), roles: [] })
    await expect(made).rejects.toMatchObject({ code: 13 })
    expect(doors.sessions.principals.find(subjectOf('bob'))).toBeUndefined()
  })

  test('Redis asks for a password all the same, as redis-server 7 does', async () => {
    await expect(doors.redis(shown('user-ada')).get('a')).rejects.toThrow('NOAUTH')
    expect(await doors.redis(shown('user-ada'), { user: 'admin', password: 'geheim' }).get('a')).toBe(null)
  })
})
