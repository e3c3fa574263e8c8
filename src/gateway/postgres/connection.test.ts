/**
 * The protocol's flows over real sessions, with the language of `word-language.ts` in place of SQL. Real clients are tested
 * elsewhere.
 */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openTestSessions, type TestSessions } from '../../session/testing.ts'
import { defaultGatewayLimits } from '../gateway.ts'
import { Door } from '../door.ts'
import { postgresOver } from './postgres-protocol.ts'
import { bind, execute, message, parse, query, startup, sync, TestClient } from './testing.ts'
import { wordLanguage } from './word-language.ts'

let opened: TestSessions
let gateway: Door

async function connect(...parameters: string[]): Promise<TestClient> {
  const client = new TestClient(gateway, opened.sessions.host)
  client.send(startup('user', 'me', ...parameters))
  const lines = await client.answers()
  expect(lines.at(-1)).toBe('Z I')
  return client
}

beforeEach(async () => {
  opened = await openTestSessions()
  gateway = new Door(postgresOver(wordLanguage), opened.sessions, {
    ...defaultGatewayLimits,
    maxPendingOutputBytes: 2000,
  })
})

afterEach(async () => opened.close())

describe('durability', () => {
  it('is of each statement that which was set when it ran', async () => {
    const client = await connect()
    const { database } = opened
    const reached = database.durableThrough.bind(database)
    const asked: string[] = []
    database.durableThrough = (level) => {
      asked.push(level)
      return reached(level)
    }
    client.send(query('BEGIN; PUT a 1; COMMIT; SET synchronous_commit TO off'))
    expect(await client.answers()).toContain('C SET')
    expect(asked.find((level) => level !== 'memory')).toBe('synced')
  })
})

describe('the start', () => {
  it('declines encryption, then greets', async () => {
    const client = new TestClient(gateway, opened.sessions.host)
    expect(await client.ask(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]))).toEqual(['N'])
    expect(await client.ask(Buffer.from([0, 0, 0, 8, 4, 210, 22, 48]))).toEqual(['N'])
    const lines = await client.ask(startup('user', 'me', 'database', 'polylog'))
    expect(lines[0]).toBe('R')
    expect(lines.slice(-2)).toEqual(['K', 'Z I'])
    expect(lines.filter((line) => line === 'S').length).toBeGreaterThan(10)
  })

  it('takes a packet that comes byte by byte', async () => {
    const client = new TestClient(gateway, opened.sessions.host)
    for (const byte of startup('user', 'me')) client.send(Buffer.from([byte]))
    expect((await client.answers()).at(-1)).toBe('Z I')
  })

  it.each([
    ['an unknown database', ['user', 'me', 'database', 'nope'], 'E FATAL 3D000 database "nope" does not exist'],
    ['no user', ['database', 'polylog'], 'E FATAL 28000 no PostgreSQL user name specified in startup packet'],
    ['replication', ['user', 'me', 'replication', 'true'], 'E FATAL 0A000 physical replication is not supported'],
  ])('refuses %s', async (_, parameters, expected) => {
    const client = new TestClient(gateway, opened.sessions.host)
    expect(await client.ask(startup(...parameters))).toEqual([expected])
    expect(client.socket.isEnded).toBe(true)
  })

  it('negotiates a newer minor version down', async () => {
    const client = new TestClient(gateway, opened.sessions.host)
    const packet = startup('user', 'me')
    packet[7] = 2
    expect((await client.ask(packet)).slice(0, 2)).toEqual(['v', 'R'])
  })

  it.each([[[0, 0, 0, 4, 0, 0, 0, 0]], [[0, 0, 255, 255, 0, 3, 0, 0]]])('refuses a length of %j', async (bytes) => {
    const client = new TestClient(gateway, opened.sessions.host)
    expect((await client.ask(Buffer.from(bytes)))[0]).toMatch(/^E FATAL 08P01/)
    expect(client.socket.isEnded).toBe(true)
  })
})

describe('simple queries', () => {
  it('answer each statement, then ready', async () => {
    const client = await connect()
    expect(await client.ask(query('ECHO hello; ECHO you'))).toEqual([
      'T 1',
      'D hello',
      'C SELECT 1',
      'T 1',
      'D you',
      'C SELECT 1',
      'Z I',
    ])
    expect(await client.ask(query(' ; '))).toEqual(['I', 'Z I'])
  })

  it('are one transaction together', async () => {
    const client = await connect()
    expect(await client.ask(query('PUT a 1; FAIL; PUT b 2'))).toEqual([
      'C INSERT 0 1',
      'E ERROR 22012 division by zero',
      'Z I',
    ])
    expect(await client.ask(query('GET a'))).toEqual(['T 1', 'D null', 'C SELECT 1', 'Z I'])
  })

  it('keep a BEGIN among them open, with what came before', async () => {
    const client = await connect()
    expect((await client.ask(query('PUT a 1; BEGIN; PUT b 2'))).at(-1)).toBe('Z T')
    await client.ask(query('ROLLBACK'))
    expect(await client.ask(query('GET a'))).toContain('D null')
  })

  it('commit in their midst with a warning', async () => {
    const client = await connect()
    const lines = await client.ask(query('PUT a 1; COMMIT; FAIL'))
    expect(lines).toContain('N WARNING 25P01 there is no transaction in progress')
    expect(await client.ask(query('GET a'))).toContain('D 1')
  })

  it('take no half of a failed statement for an answer', async () => {
    const client = await connect()
    expect(await client.ask(query('FAIL'))).toEqual(['E ERROR 22012 division by zero', 'Z I'])
  })
})

describe('blocks', () => {
  it('fail until their end', async () => {
    const client = await connect()
    expect(await client.ask(query('BEGIN'))).toEqual(['C BEGIN', 'Z T'])
    expect(await client.ask(query('NONSENSE'))).toEqual(['E ERROR 42601 syntax error at or near "NONSENSE"', 'Z E'])
    const ignored = 'E ERROR 25P02 current transaction is aborted, commands ignored until end of transaction block'
    expect(await client.ask(query('ECHO x'))).toEqual([ignored, 'Z E'])
    expect(await client.ask(query('COMMIT'))).toEqual(['C ROLLBACK', 'Z I'])
  })

  it('go on from a savepoint', async () => {
    const client = await connect()
    await client.ask(query('BEGIN; PUT a 1; SAVEPOINT s'))
    expect((await client.ask(query('FAIL'))).at(-1)).toBe('Z E')
    expect(await client.ask(query('ROLLBACK TO s'))).toEqual(['C ROLLBACK', 'Z T'])
    expect(await client.ask(query('COMMIT'))).toEqual(['C COMMIT', 'Z I'])
    expect(await client.ask(query('GET a'))).toContain('D 1')
  })

  it('warn where none or another one is open', async () => {
    const client = await connect()
    expect(await client.ask(query('COMMIT'))).toEqual([
      'N WARNING 25P01 there is no transaction in progress',
      'C COMMIT',
      'Z I',
    ])
    await client.ask(query('BEGIN'))
    expect(await client.ask(query('BEGIN'))).toEqual([
      'N WARNING 25001 there is already a transaction in progress',
      'C BEGIN',
      'Z T',
    ])
    expect(await client.ask(query('COMMIT CHAIN'))).toEqual(['C COMMIT', 'Z T'])
    await client.ask(query('ROLLBACK'))
    expect((await client.ask(query('SAVEPOINT s')))[0]).toMatch(/^E ERROR 25P01 SAVEPOINT can only be used/)
  })
})

describe('read-only blocks', () => {
  it('refuse to write', async () => {
    const client = await connect('default_transaction_read_only', 'on')
    const refused = 'E ERROR 25006 cannot execute INSERT in a read-only transaction'
    expect(await client.ask(query('PUT a 1'))).toEqual([refused, 'Z I'])
    await client.ask(query('BEGIN'))
    expect(await client.ask(query('PUT a 1'))).toEqual([refused, 'Z E'])
  })
})

describe('the extended protocol', () => {
  it('binds parameters and describes', async () => {
    const client = await connect()
    const describeStatement = message('D', Buffer.from('S'), 'add')
    const describePortal = message('D', Buffer.from('P'), '')
    expect(await client.ask(parse('ADD', 'add'), describeStatement, sync)).toEqual(['1', 't 2', 'T 1', 'Z I'])
    expect(await client.ask(bind(['2', '40'], 'add'), describePortal, execute(), sync)).toEqual([
      '2',
      'T 1',
      'D 42',
      'C SELECT 1',
      'Z I',
    ])
  })

  it('skips everything after an error until Sync', async () => {
    const client = await connect()
    expect(await client.ask(parse('PUT a 1'), bind(), execute(), parse('NONSENSE'), bind(), execute(), sync)).toEqual([
      '1',
      '2',
      'C INSERT 0 1',
      'E ERROR 42601 syntax error at or near "NONSENSE"',
      'Z I',
    ])
    // All of it was one implicit transaction.
    expect(await client.ask(query('GET a'))).toContain('D null')
  })

  it('commits what lies between two Syncs', async () => {
    const client = await connect()
    await client.ask(parse('PUT a 1'), bind(), execute(), parse('PUT b 2'), bind(), execute(), sync)
    expect(await client.ask(query('GET a; GET b'))).toEqual(expect.arrayContaining(['D 1', 'D 2']))
  })

  it('gives out rows in portions', async () => {
    const client = await connect()
    await client.ask(query('BEGIN'))
    expect(await client.ask(parse('SERIES 5'), bind([], '', 'p'), execute(2, 'p'), sync)).toEqual([
      '1',
      '2',
      'D 1',
      'D 2',
      's',
      'Z T',
    ])
    expect(await client.ask(execute(2, 'p'), sync)).toEqual(['D 3', 'D 4', 's', 'Z T'])
    expect(await client.ask(execute(2, 'p'), sync)).toEqual(['D 5', 'C SELECT 1', 'Z T'])
    await client.ask(query('COMMIT'))
    expect(await client.ask(execute(2, 'p'), sync)).toEqual(['E ERROR 34000 portal "p" does not exist', 'Z I'])
  })

  it.each([
    ['a missing statement', bind([], 'nope'), 'E ERROR 26000 prepared statement "nope" does not exist'],
    ['a missing portal', execute(0, 'nope'), 'E ERROR 34000 portal "nope" does not exist'],
    [
      'two commands',
      parse('ECHO a; ECHO b'),
      'E ERROR 42601 cannot insert multiple commands into a prepared statement',
    ],
    ['a cut message', message('B', Buffer.from('x')), 'E ERROR 08P01 invalid string in message'],
    [
      'text that is not UTF-8',
      message('P', '', Buffer.from([0xff, 0, 0, 0])),
      'E ERROR 22021 invalid byte sequence for encoding "UTF8": 0xff',
    ],
  ])('refuses %s and goes on', async (_, bytes, expected) => {
    const client = await connect()
    expect(await client.ask(bytes, sync)).toEqual([expected, 'Z I'])
    expect(await client.ask(query('ECHO on'))).toContain('D on')
  })

  it('counts the parameters', async () => {
    const client = await connect()
    expect((await client.ask(parse('ADD'), bind(['1']), sync))[1]).toBe(
      'E ERROR 08P01 bind message supplies 1 parameters, but prepared statement "" requires 2',
    )
  })

  it('refuses a second statement of one name', async () => {
    const client = await connect()
    expect(await client.ask(parse('ECHO a', 's'), parse('ECHO b', 's'), sync)).toEqual([
      '1',
      'E ERROR 42P05 prepared statement "s" already exists',
      'Z I',
    ])
  })
})

describe('cursors', () => {
  it('are declared, fetched and gone with their transaction', async () => {
    const client = await connect()
    expect((await client.ask(query('DECLARE c SERIES 3')))[0]).toMatch(/^E ERROR 25P01/)
    expect(await client.ask(query('BEGIN; DECLARE c SERIES 3; FETCH 2 c'))).toEqual([
      'C BEGIN',
      'C DECLARE CURSOR',
      'T 1',
      'D 1',
      'D 2',
      'C FETCH 2',
      'Z T',
    ])
    await client.ask(query('COMMIT'))
    expect(await client.ask(query('FETCH 1 c'))).toEqual(['E ERROR 34000 cursor "c" does not exist', 'Z I'])
  })
})

describe('COPY from the client', () => {
  const data = (text: string): Buffer => message('d', Buffer.from(text))

  it('loads in portions, in one transaction', async () => {
    const client = await connect()
    expect(await client.ask(query('COPY x'))).toEqual(['G'])
    client.send(data('one\ntw'), data('o\nthree\nfour\nfive\nsix\n'), data('seven\n'), message('c'))
    expect(await client.answers()).toEqual(['C COPY 7', 'Z I'])
    expect(await client.ask(query('GET seven'))).toContain('D seven')
  })

  it('keeps nothing when it fails, and ignores what was under way', async () => {
    const client = await connect()
    await client.ask(query('COPY x'))
    client.send(
      data('one\ntwo\nthree\nfour\nfive\n'),
      data('bad\nbad\nbad\nbad\nbad\nbad\n'),
      data('more\n'),
      message('c'),
    )
    expect(await client.answers()).toEqual(['E ERROR 22023 bad line', 'Z I'])
    expect(await client.ask(query('GET one'))).toContain('D null')
  })

  it('fails as the client wishes', async () => {
    const client = await connect()
    await client.ask(query('COPY x'))
    expect(await client.ask(message('f', 'no more'))).toEqual(['E ERROR 57014 COPY from stdin failed: no more', 'Z I'])
  })

  it('fails where another message comes', async () => {
    const client = await connect()
    await client.ask(query('COPY x'))
    expect(await client.ask(query('ECHO a'))).toEqual([
      'E ERROR 08P01 unexpected message type 0x51 during COPY from stdin',
      'Z I',
    ])
  })
})

describe('waiting', () => {
  it('sends rows in portions to a client that is slow to read', async () => {
    const client = await connect()
    client.socket.isStuck = true
    client.send(query('SERIES 2000'))
    const first = await client.answers()
    expect(first.length).toBeLessThan(1000)
    const rest: string[] = []
    for (let i = 0; i < 100 && rest.at(-1) !== 'Z I'; i++) {
      client.socket.drain()
      rest.push(...(await client.answers()))
    }
    expect(rest.at(-1)).toBe('Z I')
    expect([...first, ...rest].filter((line) => line.startsWith('D'))).toHaveLength(2000)
  })

  it('handles nothing more while a statement waits for a lock, and can be cancelled', async () => {
    const holder = await connect()
    await holder.ask(query('BEGIN; PUT a 1'))
    const waiter = await connect()
    expect(await waiter.ask(query('PUT a 2'), query('ECHO after'))).toEqual([])
    opened.sessions.findSession(2)!.cancel()
    const lines = await waiter.answers()
    expect(lines).toContain('E ERROR 57014 canceling statement due to user request')
    expect(lines).toContain('D after')
  })

  it('lets go of the lock when its client goes away', async () => {
    const holder = await connect()
    await holder.ask(query('BEGIN; PUT a 1'))
    const waiter = await connect()
    expect(await waiter.ask(query('PUT a 2'))).toEqual([])
    holder.socket.listener.onEnd()
    expect(await waiter.answers()).toEqual(['C INSERT 0 1', 'Z I'])
  })

  it('tells earlier answers before a statement waits, and runs that again afterwards', async () => {
    const holder = await connect()
    await holder.ask(query('BEGIN; PUT a 1'))
    const waiter = await connect()
    expect(await waiter.ask(query('ECHO x'), query('TELL a 2'))).toEqual(['T 1', 'D x', 'C SELECT 1', 'Z I'])
    await holder.ask(query('COMMIT'))
    expect(await waiter.answers()).toEqual(['T 1', 'D 2', 'C INSERT 0 1', 'Z I'])
  })

  it('keeps what comes before an Execute that waits, so that all leaves by one write, unless a Flush asks for it', async () => {
    const holder = await connect()
    const waiter = await connect()
    const written = vi.spyOn(waiter.socket, 'write')
    await holder.ask(query('BEGIN; PUT a 1'))
    expect(await waiter.ask(parse('PUT a 2'), bind(), execute(), sync)).toEqual([])
    await holder.ask(query('COMMIT; BEGIN; PUT a 3'))
    expect(await waiter.answers()).toEqual(['1', '2', 'C INSERT 0 1', 'Z I'])
    expect(written).toHaveBeenCalledTimes(1)
    expect(await waiter.ask(bind(), message('H'), bind([], '', 'other'), execute(), sync)).toEqual(['2', '2'])
    await holder.ask(query('COMMIT'))
    expect(await waiter.answers()).toEqual(['C INSERT 0 1', 'Z I'])
  })

  it('ends a statement that is canceled though its client does not read', async () => {
    const client = await connect()
    client.socket.isStuck = true
    client.send(query('SERIES 2000'))
    const first = await client.answers()
    expect(first.length).toBeLessThan(1000)
    for (const session of opened.sessions.all()) session.cancel()
    expect(await client.answers()).toEqual(['E ERROR 57014 canceling statement due to user request', 'Z I'])
    expect(opened.database.open.size).toBe(0)
    client.socket.isStuck = false
    client.socket.drain()
    expect(await client.ask(query('ECHO a'))).toEqual(['T 1', 'D a', 'C SELECT 1', 'Z I'])
  })

  it('takes data for a COPY that had to wait its turn', async () => {
    const holder = await connect()
    await holder.ask(query('BEGIN; PUT a 1'))
    const waiter = await connect()
    waiter.send(query('PUT a 2; COPY x'), message('d', Buffer.from('line\n')), message('c'))
    expect(await waiter.answers()).toEqual([])
    await holder.ask(query('COMMIT'))
    expect(await waiter.answers()).toEqual(['C INSERT 0 1', 'G', 'C COPY 1', 'Z I'])
  })

  it('lets a client that asks without reading wait for its replies', async () => {
    const client = await connect()
    client.socket.isStuck = true
    client.send(...Array.from({ length: 200 }, () => query('SERIES 100')))
    const first = await client.answers()
    expect(first.filter((line) => line === 'Z I').length).toBeLessThan(20)
    const rest: string[] = []
    for (let i = 0; i < 400; i++) {
      client.socket.drain()
      rest.push(...(await client.answers()))
    }
    expect([...first, ...rest].filter((line) => line === 'Z I')).toHaveLength(200)
  })

  it('gives up after its statement_timeout', async () => {
    const holder = await connect()
    await holder.ask(query('BEGIN; PUT a 1'))
    const waiter = await connect('statement_timeout', '5ms')
    waiter.send(query('PUT a 2'))
    expect(await waiter.awaitAnswers()).toEqual(['E ERROR 57014 canceling statement due to statement timeout', 'Z I'])
  })

  it('does not keep a block open for a client that sleeps longer than it said', async () => {
    const client = await connect('idle_in_transaction_session_timeout', '5ms')
    const lines = await client.ask(query('BEGIN; PUT a 1'))
    // On a busy machine the timeout may have passed already.
    while (!lines.at(-1)!.startsWith('E')) lines.push(...(await client.awaitAnswers()))
    expect(lines.slice(-2)).toEqual(['Z T', 'E FATAL 25P03 terminating connection due to idle-in-transaction timeout'])
    const other = await connect()
    expect(await other.ask(query('PUT a 2'))).toEqual(['C INSERT 0 1', 'Z I'])
  })

  it('stops reading from a client that sends on and on meanwhile', async () => {
    const holder = await connect()
    await holder.ask(query('BEGIN; PUT a 1'))
    const waiter = await connect()
    waiter.send(query('PUT a 2'))
    waiter.send(message('Q', 'ECHO ' + 'x'.repeat(300_000)))
    expect(waiter.socket.isPaused).toBe(true)
    await holder.ask(query('COMMIT'))
    await waiter.answers()
    expect(waiter.socket.isPaused).toBe(false)
  })
})

describe('joined transactions', () => {
  it('end as their beginner decides', async () => {
    const session = opened.sessions.openSession({ user: 'me', door: 'test' })
    session.begin()
    const client = await connect()
    expect((await client.ask(query(`BEGIN; JOIN ${session.token()}; PUT a 1`))).at(-1)).toBe('Z T')
    expect(await client.ask(query('COMMIT'))).toEqual([])
    await session.commit()
    expect(await client.answers()).toEqual(['C COMMIT', 'Z I'])
    expect(await client.ask(query('GET a'))).toContain('D 1')
  })

  it('are told of the other end', async () => {
    const session = opened.sessions.openSession({ user: 'me', door: 'test' })
    session.begin()
    const client = await connect()
    await client.ask(query(`BEGIN; JOIN ${session.token()}`))
    await session.rollback()
    expect((await client.ask(query('ECHO a')))[0]).toMatch(/^E ERROR 25P02/)
    expect(await client.ask(query('COMMIT'))).toEqual(['C ROLLBACK', 'Z I'])
  })

  it('are doomed by an error', async () => {
    const session = opened.sessions.openSession({ user: 'me', door: 'test' })
    session.begin()
    const client = await connect()
    await client.ask(query(`BEGIN; JOIN ${session.token()}`))
    await client.ask(query('FAIL'))
    expect(session.status).toBe('failed')
    expect(await session.commit()).toBe('aborted')
  })

  it('come first, inside a block', async () => {
    const client = await connect()
    expect((await client.ask(query('JOIN x')))[0]).toMatch(/^E ERROR 25P01/)
    expect((await client.ask(query('BEGIN; ECHO a; JOIN x'))).at(-2)).toMatch(/^E ERROR 25001/)
    await client.ask(query('ROLLBACK'))
    expect((await client.ask(query('BEGIN; JOIN x'))).slice(-2)).toEqual([
      'E ERROR 25P01 no open transaction has this token',
      'Z E',
    ])
  })
})

describe('hostile bytes', () => {
  it.each([
    ['an unknown type', message('?'), 'E FATAL 08P01 invalid frontend message type 63'],
    ['a length below four', Buffer.from([0x51, 0, 0, 0, 3]), 'E FATAL 08P01 invalid message length'],
    ['a length beyond the limit', Buffer.from([0x51, 0x7f, 255, 255, 255]), 'E FATAL 08P01 invalid message length'],
    ['a long name', Buffer.from([0x45, 0, 1, 0, 0]), 'E FATAL 08P01 invalid message length'],
  ])('end the connection: %s', async (_, bytes, expected) => {
    const client = await connect()
    expect(await client.ask(bytes)).toEqual([expected])
    expect(client.socket.isEnded).toBe(true)
  })

  it('answer a function call with an error', async () => {
    const client = await connect()
    expect((await client.ask(message('F', 1)))[0]).toMatch(/^E ERROR 0A000/)
    expect(await client.ask(query('ECHO on'))).toContain('D on')
  })
})

it('survives any bytes, before and after the start', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
      async (starts, chunks) => {
        const client = starts ? await connect() : new TestClient(gateway, opened.sessions.host)
        for (const chunk of chunks) if (!client.socket.isEnded) client.socket.listener.onData(chunk)
        client.socket.listener.onEnd()
        const other = await connect()
        expect(await other.ask(query('ECHO alive'))).toContain('D alive')
        other.socket.listener.onEnd()
      },
    ),
    { numRuns: 50 },
  )
  expect([...opened.sessions.all()]).toEqual([])
})

it('survives well-framed messages with any contents', async () => {
  const types = fc.constantFrom(...'QPBDECSHXFdcfp')
  const messages = fc.array(fc.tuple(types, fc.uint8Array({ maxLength: 30 })), { maxLength: 10 })
  await fc.assert(
    fc.asyncProperty(messages, async (all) => {
      const client = await connect()
      client.send(...all.map(([type, body]) => message(type, Buffer.from(body))), message('c'), sync)
      const lines = await client.answers()
      const last = lines.at(-1) ?? ''
      expect(client.socket.isEnded || last.startsWith('Z ')).toBe(true)
      client.socket.listener.onEnd()
    }),
    { numRuns: 100 },
  )
})

it('tells its clients when the server stops', async () => {
  const client = await connect()
  await gateway.close(1000)
  expect(await client.answers()).toEqual(['E FATAL 57P01 terminating connection due to administrator command'])
  expect(client.socket.isEnded).toBe(true)
})
