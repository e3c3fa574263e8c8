/** What clients hear of answers that were held for a log that then found no space, and how they go on. */
import pg from 'pg'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PolylogError } from '../../base/errors.ts'
import { openTestSessions, SmallDisk, type TestSessions } from '../../session/testing.ts'
import { defaultGatewayLimits, type Gateway } from '../gateway.ts'
import { Door } from '../door.ts'
import { postgresProtocol } from './gateway.ts'
import { errorsFor } from './refused-replies.ts'
import { bind, execute, message, parse, query, startup, sync, TestClient } from './testing.ts'

let disk: SmallDisk
let opened: TestSessions
let gateway: Gateway
let a: TestClient
let b: TestClient

const full = 'E ERROR 53100 no space left on the disk of the log: the write was not done'
const insert = (id: number): Buffer => query(`INSERT INTO t VALUES (${id})`)
const count = query('SELECT count(*) FROM t')
const describeStatement = message('D', Buffer.from('S'), '')
const onePart = [parse('INSERT INTO t VALUES (1)'), bind(), execute(), sync]
const twoStatements = [...onePart.slice(0, 3), parse('SELECT 1'), bind(), execute()]
const counted = (n: number): string[] => ['T 1', `D ${n}`, 'C SELECT 1', 'Z I']

beforeEach(async () => {
  disk = new SmallDisk()
  opened = await openTestSessions(disk)
  gateway = new Door(postgresProtocol, opened.sessions, defaultGatewayLimits)
  a = await connect()
  b = await connect()
  await a.ask(query('CREATE TABLE t (id int PRIMARY KEY)'), insert(0))
})
afterEach(async () => {
  await gateway.close(0)
  await opened.close()
})

async function connect(): Promise<TestClient> {
  const client = new TestClient(gateway, opened.sessions.host)
  client.send(startup('user', 'me'))
  await client.awaitAnswers()
  return client
}

/** Sends all in one piece while the disk is full, then makes room. */
async function refused(client: TestClient, ...messages: Buffer[]): Promise<string[]> {
  disk.isFull = true
  const told = await client.ask(...messages)
  disk.empty()
  return told
}

describe('an answer that finds no space becomes an error, and the connection goes on', () => {
  it.each<[string, Buffer[], string[]]>([
    ['a statement', [insert(1)], [full, 'Z I']],
    ['several, each by itself', [insert(1), count, insert(2)], [full, 'Z I', full, 'Z I', full, 'Z I']],
    ['a string of statements', [query('INSERT INTO t VALUES (1); SELECT 1; INSERT INTO t VALUES (2)')], [full, 'Z I']],
    ['a block in one string', [query('BEGIN; INSERT INTO t VALUES (1); COMMIT')], [full, 'Z I']],
    ['a block', [query('BEGIN'), insert(1), query('COMMIT')], [full, 'Z E', full, 'Z E', full, 'Z I']],
    ['an error', [insert(1), insert(1)], [full, 'Z I', full, 'Z I']],
    ['notices', [query('CREATE TABLE u (); CREATE TABLE IF NOT EXISTS u ()')], [full, 'Z I']],
    [
      'the extended protocol',
      [parse('INSERT INTO t VALUES ($1) RETURNING id'), bind(['1']), describeStatement, execute(), sync],
      ['1', '2', full, 'Z I'],
    ],
    [
      'a pipeline',
      [...onePart, ...twoStatements, sync, sync],
      ['1', '2', full, 'Z I', '1', '2', full, 'Z I', full, 'Z I'],
    ],
  ])('%s', async (_, messages, answers) => {
    expect(await refused(a, ...messages)).toEqual(answers)
    expect(a.socket.isEnded).toBe(false)
    expect(await a.ask(query(''))).toEqual(['I', 'Z I'])
    expect(await a.ask(count)).toEqual(counted(1))
    expect(await a.ask(insert(1))).toEqual(['C INSERT 0 1', 'Z I'])
    expect(await b.ask(count)).toEqual(counted(2))
  })

  it('the commit of a block whose other answers have left', async () => {
    expect(await a.ask(query('BEGIN'), insert(1))).toEqual(['C BEGIN', 'Z T', 'C INSERT 0 1', 'Z T'])
    expect(await refused(a, query('COMMIT'))).toEqual([full, 'Z I'])
    expect(await a.ask(count)).toEqual(counted(1))
  })

  it('the end of a COPY', async () => {
    expect(await a.ask(query('COPY t FROM STDIN'))).toEqual(['G'])
    expect(await refused(a, message('d', Buffer.from('1\n2\n')), message('c'))).toEqual([full, 'Z I'])
    expect(await a.ask(count)).toEqual(counted(1))
  })

  it('what others read of it, inside of a block too', async () => {
    await a.ask(query('BEGIN'), insert(7))
    disk.hold()
    b.send(insert(1))
    a.send(count)
    const c = await connect()
    c.send(count)
    disk.isFull = true
    disk.release()
    expect(await a.answers()).toEqual([full, 'Z E'])
    expect(await c.answers()).toEqual([full, 'Z I'])
    expect(await b.answers()).toEqual([full, 'Z I'])
    disk.empty()
    expect(await a.ask(count)).toEqual([expect.stringMatching(/^E ERROR (25P02|53100)/), 'Z E'])
    expect((await a.ask(query('COMMIT'))).at(-1)).toBe('Z I')
    expect(await a.ask(count)).toEqual(counted(1))
  })

  it('a block that had begun behind it does not go on unnoticed', async () => {
    expect(await refused(a, insert(1), query('BEGIN'))).toEqual([full, 'Z I', full, 'Z E'])
    expect(await a.ask(insert(2))).toEqual([expect.stringContaining('E ERROR 25P02'), 'Z E'])
    expect(await a.ask(query('ROLLBACK'))).toEqual(['C ROLLBACK', 'Z I'])
  })

  it('but not what the log has, before it', async () => {
    disk.hold()
    a.send(insert(1))
    expect(await a.answers()).toEqual([])
    a.send(insert(2))
    const before = opened.database.durableThrough('synced')
    disk.release()
    while (opened.database.durableThrough('synced') === before) await Promise.resolve()
    disk.isFull = true
    expect(await a.answers()).toEqual(['C INSERT 0 1', 'Z I', full, 'Z I'])
    expect(await a.ask(count)).toEqual(counted(2))
  })

  it('with what a statement was named', async () => {
    const asked = [parse('INSERT INTO t VALUES (1)', 'named'), bind([], 'named'), execute(), sync]
    expect(await refused(a, ...asked)).toEqual(['1', '2', full, 'Z I'])
    expect(await a.ask(bind([], 'named'), execute(), sync)).toEqual(['2', 'C INSERT 0 1', 'Z I'])
  })
})

describe('a connection ends where no error fits', () => {
  it.each<[string, Buffer[]]>([
    ['before the Sync', [insert(1), parse('SELECT 1'), bind(), execute()]],
    ['behind a commit in the same string', [query('BEGIN; INSERT INTO t VALUES (1); COMMIT; SELECT 1')]],
    ['with a setting', [insert(1), query('SET extra_float_digits = 1')]],
    ['with a setting made by a function', [insert(1), query("SELECT set_config('search_path', 'x', false)")]],
    ['with a prepared statement', [insert(1), query('PREPARE p AS SELECT 1')]],
    [
      'with a name that the client would not know',
      [insert(1), parse('SELECT 1'), bind(), execute(), parse('SELECT 2', 'named'), sync],
    ],
  ])('%s', async (_, messages) => {
    expect(await refused(a, ...messages)).toEqual([full.replace('ERROR', 'FATAL')])
    expect(a.socket.isEnded).toBe(true)
    expect((await b.ask(count)).slice(2)).toEqual(counted(1).slice(2))
  })
})

describe('a connection ends, too,', () => {
  const fatal = full.replace('ERROR', 'FATAL')

  it('where a statement runs in the block that would be told that it has failed', async () => {
    await b.ask(query('BEGIN'), query('UPDATE t SET id = 10 WHERE id = 0'))
    disk.hold()
    a.send(insert(1), query('BEGIN'), query('UPDATE t SET id = 11 WHERE id = 0'))
    expect(await a.answers()).toEqual([])
    disk.isFull = true
    disk.release()
    expect(await a.answers()).toEqual([fatal])
    expect(a.socket.isEnded).toBe(true)
    await b.ask(query('ROLLBACK'))
  })

  it('but no greeting is made an error and ReadyForQuery', () => {
    const error = new PolylogError('disk_full', 'no space')
    const ready = message('Z', Buffer.from('I'))
    expect(errorsFor(ready, error)).toMatchObject({ failsBlock: false, isInBlock: false })
    expect(errorsFor(Buffer.concat([message('R', 0), ready]), error)).toBeUndefined()
  })

  it('where it is only being greeted', async () => {
    disk.hold()
    b.send(insert(1))
    const c = new TestClient(gateway, opened.sessions.host)
    c.send(startup('user', 'me', 'application_name', 'late'))
    expect(await c.answers()).toEqual([])
    disk.isFull = true
    disk.release()
    expect(await c.answers()).toEqual([fatal])
    expect(c.socket.isEnded).toBe(true)
  })
})

describe('drivers get errors, keep their connections, and write again when there is room', () => {
  let address: { host: string; port: number; user: string; database: string }
  let close: () => Promise<void>

  beforeEach(async () => {
    const { network } = disk.host
    const listener = await network.listen({ host: '127.0.0.1', port: 0 }, (socket) =>
      gateway.accept(socket, new Uint8Array(0)),
    )
    address = { host: '127.0.0.1', port: listener.address.port, user: 'me', database: 'polylog' }
    close = () => listener.close()
  })
  afterEach(() => close())

  it('pg', async () => {
    const client = new pg.Client(address)
    await client.connect()
    const named = { name: 'insert', text: 'INSERT INTO t VALUES ($1)', values: [1] }
    disk.isFull = true
    await expect(client.query('INSERT INTO t VALUES (1)')).rejects.toMatchObject({ code: '53100' })
    expect((await client.query('SELECT id FROM t')).rows).toEqual([{ id: 0 }])
    disk.empty()
    disk.isFull = true
    await expect(client.query(named)).rejects.toMatchObject({ code: '53100' })
    disk.empty()
    expect((await client.query(named)).rowCount).toBe(1)
    await client.end()
  })

  it('postgres', async () => {
    const sql = postgres({ ...address, max: 1, fetch_types: false, onnotice: () => undefined })
    const write = (id: number): Promise<unknown> => sql.begin((tx) => tx`INSERT INTO t VALUES (${id})`)
    const backend = await sql`SELECT pg_backend_pid() AS id`
    disk.isFull = true
    await expect(write(1)).rejects.toMatchObject({ code: '53100' })
    disk.empty()
    await write(1)
    expect([...(await sql`SELECT count(*)::int AS n FROM t`)]).toEqual([{ n: 2 }])
    expect([...(await sql`SELECT pg_backend_pid() AS id`)]).toEqual([...backend])
    await sql.end()
  })
})
