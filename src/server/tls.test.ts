/** TLS on the one port, by each door's unmodified drivers, and what a certificate is renewed by. */
import { execFile } from 'node:child_process'
import { createConnection } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import pg from 'pg'
import { createClient } from 'redis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Instance } from '../database/instance.ts'
import { Sessions } from '../session/sessions.ts'
import { Server } from './server.ts'
import { pathOfPem as pathOf, readPem, serverPair, TlsDoors } from './testing-tls.ts'

const ca = readPem('authority.pem')
const pair = serverPair
const doors = new TlsDoors()
const { ends, host, far, logged } = doors
const start = doors.start.bind(doors)
const postgres = doors.postgres.bind(doors)
const redis = doors.redis.bind(doors)
const mongo = doors.mongo.bind(doors)
const secure = doors.secure.bind(doors)

afterEach(() => doors.end())

describe('every door', () => {
  beforeEach(() => start({ tls: pair }))

  test('pg, which asks first, and pg, which begins with TLS', async () => {
    const asked = await postgres({ ca })
    expect((await asked.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    const direct = new pg.Client({
      host: 'localhost',
      port: doors.server.port,
      user: 'me',
      database: 'polylog',
      ssl: { ca },
      sslnegotiation: 'direct',
    })
    await direct.connect()
    expect((await direct.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }])
    await direct.end()
    // Another authority is not taken for ours: it is the client that looks.
    await expect(postgres({ ca: readPem('stranger.pem') })).rejects.toThrow()
  })

  test('ioredis and redis', async () => {
    expect(await redis({ ca }).set('a', 'x'.repeat(300_000))).toBe('OK')
    const own = createClient({ socket: { host: 'localhost', port: doors.server.port, tls: true, ca } })
    await own.connect()
    ends.push(() => own.close())
    expect(await own.get('a')).toHaveLength(300_000)
  })

  test('mongodb', async () => {
    const client = mongo({ tls: true, tlsCAFile: pathOf('authority.pem') })
    await client
      .db('docs')
      .collection('c')
      .insertOne({ text: 'y'.repeat(300_000) })
    expect((await client.db('docs').collection('c').findOne())!['text']).toHaveLength(300_000)
  })

  test('psql verifies who it talks to', async () => {
    const call = (mode: string): Promise<{ stdout: string }> =>
      promisify(execFile)('psql', [
        `host=localhost port=${doors.server.port} user=me dbname=polylog sslmode=${mode} sslrootcert=${pathOf('authority.pem')}`,
        '-Atc',
        'SELECT 3',
      ])
    try {
      await promisify(execFile)('psql', ['--version'])
    } catch {
      return
    }
    for (const mode of ['disable', 'prefer', 'require', 'verify-full']) expect((await call(mode)).stdout).toBe('3\n')
  })

  test('who begins with TLS and speaks PostgreSQL has to have said so, and who said so speaks nothing else', async () => {
    const startUp = Buffer.from('\0\0\0\0\0\x03\0\0user\0me\0database\0polylog\0\0', 'latin1')
    startUp.writeInt32BE(startUp.length)
    const answerOf = (socket: TLSSocket, bytes: Uint8Array | string): Promise<string> =>
      new Promise((resolve) => {
        let text = ''
        socket.on('data', (chunk: Buffer) => {
          text += chunk.toString('latin1')
          socket.end()
        })
        socket.on('close', () => resolve(text))
        socket.write(bytes)
      })
    expect(await answerOf(await secure({ ALPNProtocols: ['postgresql'] }), startUp)).toMatch(/^R/)
    expect(await answerOf(await secure(), startUp)).toBe('')
    expect(await answerOf(await secure(), 'PING\r\n')).toBe('+PONG\r\n')
    expect(await answerOf(await secure({ ALPNProtocols: ['postgresql'] }), 'PING\r\n')).toBe('')
    // A browser that was sent here is refused within the handshake.
    await expect(secure({ ALPNProtocols: ['h2', 'http/1.1'] })).rejects.toThrow()
  })

  test('who asked for TLS in PostgreSQL speaks nothing else within it', async () => {
    const raw = createConnection({ host: '127.0.0.1', port: doors.server.port })
    raw.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]))
    expect((await new Promise<Buffer>((resolve) => raw.once('data', resolve))).toString()).toBe('S')
    const socket = connectTls({ socket: raw, ca, servername: 'localhost' }, () => socket.write('PING\r\n'))
    const received: Buffer[] = []
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk)
      socket.destroy()
    })
    socket.on('error', () => undefined)
    await new Promise((resolve) => socket.on('close', resolve))
    expect(received).toEqual([])
  })

  test('nothing older than TLS 1.2, and no client that says nothing of its certificate is turned away', async () => {
    await expect(secure({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' })).rejects.toThrow()
    expect((await secure({ maxVersion: 'TLSv1.2' })).getProtocol()).toBe('TLSv1.2')
    expect((await secure()).getProtocol()).toBe('TLSv1.3')
  })

  test('a client of TLS 1.2 cannot have the handshake done again', async () => {
    const socket = await secure({ maxVersion: 'TLSv1.2' })
    const error = await new Promise<Error | null>((resolve) => {
      socket.on('error', resolve)
      socket.renegotiate({ rejectUnauthorized: false }, resolve)
    })
    expect(error).toBeInstanceOf(Error)
  })

  test('a half that ends is answered, and the session of it is freed', async () => {
    const socket = await secure()
    const received: Buffer[] = []
    socket.on('data', (chunk: Buffer) => received.push(chunk))
    const closed = new Promise((resolve) => socket.on('close', resolve))
    socket.end('SET a 1\r\nGET a\r\n')
    await closed
    expect(Buffer.concat(received).toString()).toBe('+OK\r\n$1\r\n1\r\n')
  })
})

test('a port of one protocol speaks TLS, too, and no other protocol within', async () => {
  await start({ tls: pair, protocolPorts: { redis: 21_071 } })
  const client = new Redis({ host: 'localhost', port: 21_071, tls: { ca }, retryStrategy: () => null })
  client.on('error', () => undefined)
  ends.push(() => client.disconnect())
  expect(await client.ping()).toBe('PONG')
  const alien = new pg.Client({ host: 'localhost', port: 21_071, ssl: { ca }, user: 'me', database: 'polylog' })
  alien.on('error', () => undefined)
  await expect(alien.connect()).rejects.toThrow()
})

test('without a certificate who asks is told no, and who begins with TLS has to go', async () => {
  await start()
  await expect(postgres({ ca })).rejects.toThrow('The server does not support SSL connections')
  await expect(secure()).rejects.toThrow()
})

describe('from another machine', () => {
  const ada = { user: 'ada', password: 'geheim' }

  beforeEach(async () => {
    await start({ tls: pair }, far)
    await doors.sessions.principals.create('ada', { login: true, superuser: true, password: 'geheim' })
  })

  test('a password is taken over TLS', async () => {
    expect((await (await postgres({ ca }, ada)).query('SELECT current_user AS me')).rows).toEqual([{ me: 'ada' }])
    expect(await redis({ ca }, ada).ping()).toBe('PONG')
    expect(
      await mongo({ tls: true, tlsCAFile: pathOf('authority.pem') }, ada)
        .db('a')
        .command({ ping: 1 }),
    ).toMatchObject({
      ok: 1,
    })
  })

  test('it is not taken in the open, and each door says so', async () => {
    await expect(postgres(undefined, ada)).rejects.toMatchObject({ code: '28000', message: /no encryption/ })
    await expect(mongo({}, ada).db('a').command({ ping: 1 })).rejects.toMatchObject({
      code: 18,
      message: expect.stringContaining('no encryption') as string,
    })
    const answer = await new Promise<string>((resolve) => {
      const socket = createConnection({ host: '127.0.0.1', port: doors.server.port }, () =>
        socket.write('AUTH ada geheim\r\nGET a\r\n'),
      )
      let text = ''
      socket.on('data', (chunk) => (text += chunk.toString()))
      socket.on('close', () => resolve(text))
      socket.on('end', () => socket.end())
    })
    expect(answer).toBe('-DENIED no encryption: logins from other machines are taken over TLS only\r\n')
    expect(logged).not.toContain('warning a login failed')
  })

  test('the statement of a session can be canceled in the open, as older clients of PostgreSQL do', async () => {
    const client = await postgres({ ca }, ada)
    const slow = client.query('SELECT count(*) FROM generate_series(1, 100000000)')
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number }
    const request = Buffer.alloc(16)
    for (const [at, word] of [16, 80_877_102, processID, secretKey].entries()) request.writeInt32BE(word, 4 * at)
    const socket = createConnection({ host: '127.0.0.1', port: doors.server.port }, () => socket.end(request))
    socket.on('error', () => undefined)
    await expect(slow).rejects.toMatchObject({ code: '57014' })
  })
})

test('who says so may take passwords in the open', async () => {
  await start({ insecureTransport: true }, far)
  await doors.sessions.principals.create('ada', { login: true, superuser: true, password: 'geheim' })
  expect(await redis(undefined, { user: 'ada', password: 'geheim' }).ping()).toBe('PONG')
})

describe('clients with certificates', () => {
  beforeEach(() =>
    start({
      tls: {
        certificateFile: pathOf('server.pem'),
        keyFile: pathOf('server.key'),
        clientAuthoritiesFile: pathOf('authority.pem'),
      },
    }),
  )

  test('one that the authority signed is let in, and no other is', async () => {
    // Anew each time: pg hides the key of what it is given.
    const known = (): object => ({ ca, cert: readPem('client.pem'), key: readPem('client.key') })
    expect((await (await postgres(known())).query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    expect(await redis(known()).ping()).toBe('PONG')
    await expect(postgres({ ca })).rejects.toThrow()
    // By TLS 1.3 a client has ended its part before the server has looked at its certificate.
    const stranger = await secure({ cert: readPem('stranger.pem'), key: readPem('stranger.key') })
    const received: Buffer[] = []
    stranger.on('data', (chunk: Buffer) => received.push(chunk))
    stranger.on('error', () => undefined)
    const closed = new Promise((resolve) => stranger.on('close', resolve))
    stranger.write('PING\r\n')
    await closed
    expect(received).toEqual([])
  })
})

describe('addresses that others reach', () => {
  test('nobody is let out without a user, and the message says what to run', async () => {
    await expect(start({ host: '0.0.0.0', tls: pair })).rejects.toThrow('polylog user add NAME')
  })

  test('nor in the open, but by name', async () => {
    const instance = await Instance.open({ host }, 'polylog')
    const own = new Sessions(host, () => instance.databases, { catalog: instance })
    ends.push(async () => {
      own.close()
      await instance.close()
    })
    await own.principals.create('ada', { login: true, superuser: true, password: 'geheim' })
    await expect(Server.listen(host, own, { port: 0, host: '0.0.0.0' })).rejects.toMatchObject({ code: 'denied' })
    await (await Server.listen(host, own, { port: 0, host: '0.0.0.0', insecureTransport: true })).close()
    expect(logged.filter((line) => line.includes('insecure transport'))).toHaveLength(1)
    await (await Server.listen(host, own, { port: 0, host: '0.0.0.0', tls: pair })).close()
  })
})
