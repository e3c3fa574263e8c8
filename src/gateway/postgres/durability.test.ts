/** Every kind of answer waits for what it has seen, though no statement says so. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { holdLog, openTestSessions, type TestSessions } from '../../session/testing.ts'
import { defaultGatewayLimits } from '../gateway.ts'
import { Door } from '../door.ts'
import { postgresProtocol } from './gateway.ts'
import { bind, describePortal, execute, message, parse, query, startup, sync, TestClient } from './testing.ts'

let opened: TestSessions
let writer: TestClient
let rows = 0

async function connect(): Promise<TestClient> {
  const gateway = new Door(postgresProtocol, opened.sessions, { ...defaultGatewayLimits, maxPendingOutputBytes: 2000 })
  const client = new TestClient(gateway, opened.sessions.host)
  client.send(startup('user', 'me'))
  await client.awaitAnswers()
  return client
}

beforeAll(async () => {
  opened = await openTestSessions()
  writer = await connect()
  await writer.ask(query('CREATE TABLE t (id int PRIMARY KEY, note text)'))
})
afterAll(() => opened.close())

/** Somebody writes row `rows`, which is not durable yet; then the client sends, and hears nothing before it is. */
async function held(client: TestClient, ...messages: Buffer[]): Promise<string[]> {
  const log = holdLog(opened.database)
  expect(await writer.ask(query(`INSERT INTO t VALUES (${++rows}, 'new')`))).toEqual([])
  client.send(...messages)
  expect(await client.answers()).toEqual([])
  log.release()
  expect(await writer.answers()).toEqual(['C INSERT 0 1', 'Z I'])
  return client.answers()
}

describe('an answer that tells of what is not durable yet waits', () => {
  it('with rows', async () => {
    const client = await connect()
    expect(await held(client, query('SELECT count(*) FROM t'))).toEqual(['T 1', `D ${rows}`, 'C SELECT 1', 'Z I'])
    const asking = [parse('SELECT count(*) FROM t'), bind(), execute(), sync]
    expect(await held(client, ...asking)).toEqual(['1', '2', `D ${rows}`, 'C SELECT 1', 'Z I'])
  })

  it('with rows that leave before the statement has ended', async () => {
    const client = await connect()
    client.socket.isStuck = true
    const log = holdLog(opened.database)
    await writer.ask(query(`INSERT INTO t VALUES (${++rows}, 'new')`))
    client.send(query('SELECT repeat(note, 1000) FROM t, generate_series(1, 20) WHERE id = (SELECT max(id) FROM t)'))
    expect(await client.answers()).toEqual([])
    log.release()
    expect((await client.answers()).filter((line) => line.startsWith('D')).length).toBeGreaterThan(0)
    client.socket.isStuck = false
    client.socket.drain()
    expect((await client.awaitAnswers()).at(-1)).toBe('Z I')
    await writer.answers()
  })

  it('with an error', async () => {
    const client = await connect()
    const [error, ready] = await held(client, query(`INSERT INTO t VALUES (${rows + 1})`))
    expect([error, ready]).toEqual([expect.stringContaining('E ERROR 23505'), 'Z I'])
  })

  it('with an error that comes before anything ran', async () => {
    const client = await connect()
    const log = holdLog(opened.database)
    await writer.ask(query('CREATE TABLE fresh (id int PRIMARY KEY)'))
    client.send(query('SELECT nope FROM fresh'))
    expect(await client.answers()).toEqual([])
    log.release()
    expect(await client.answers()).toEqual([expect.stringContaining('E ERROR 42703'), 'Z I'])
    await writer.answers()
  })

  it('with a notice', async () => {
    const client = await connect()
    const log = holdLog(opened.database)
    await writer.ask(query('CREATE TABLE noted (id int PRIMARY KEY)'))
    client.send(query('CREATE TABLE IF NOT EXISTS noted (id int PRIMARY KEY)'))
    expect(await client.answers()).toEqual([])
    log.release()
    expect((await client.answers())[0]).toContain('N NOTICE 42P07')
    await writer.answers()
  })

  it('with what a cursor has kept', async () => {
    const client = await connect()
    await client.ask(query('BEGIN'))
    const lines = await held(client, query('DECLARE c CURSOR FOR SELECT count(*) FROM t; FETCH 1 FROM c'))
    expect(lines).toContain(`D ${rows}`)
    await client.ask(query('ROLLBACK'))
  })

  it('with a setting that is reported behind it', async () => {
    const client = await connect()
    const lines = await held(client, query('SELECT count(*) FROM t'), query("SET application_name = 'late'"))
    expect(lines.filter((line) => line === 'S')).toEqual(['S'])
  })

  it('though a looser level is asked for behind it', async () => {
    const client = await connect()
    const lines = await held(client, query('SELECT count(*) FROM t; SET synchronous_commit = off'))
    expect(lines).toContain('C SET')
  })

  it('with the last words of the server', async () => {
    const client = await connect()
    const lines = await held(client, query('SELECT count(*) FROM t'), message('F'), message('!'))
    expect(lines.at(-1)).toMatch(/^E FATAL 08P01/)
    expect(client.socket.isEnded).toBe(true)
  })
})

it('an answer that tells of nothing new does not wait for what others write', async () => {
  const client = await connect()
  const log = holdLog(opened.database)
  await writer.ask(query(`INSERT INTO t VALUES (${++rows}, 'new')`))
  expect(await client.ask(query(''))).toEqual(['I', 'Z I'])
  log.release()
  await writer.answers()
})

describe('inside a transaction', () => {
  const updates = `UPDATE t SET note = 'again' WHERE id = (SELECT max(id) FROM t)`
  const extended = (text: string): Buffer[] => [parse(text), bind(), describePortal, execute(), sync]

  it('a tag does not wait for what the statement has seen, and what the transaction tells behind it does', async () => {
    const client = await connect()
    await client.ask(query('BEGIN'))
    const log = holdLog(opened.database)
    await writer.ask(query(`INSERT INTO t VALUES (${++rows}, 'new')`))
    expect(await client.ask(query(updates))).toEqual(['C UPDATE 1', 'Z T'])
    expect(await client.ask(query('SAVEPOINT a'))).toEqual(['C SAVEPOINT', 'Z T'])
    expect(await client.ask(...extended(updates))).toEqual(['1', '2', 'n', 'C UPDATE 1', 'Z T'])
    expect(await client.ask(query(`${updates} RETURNING note`))).toEqual([])
    expect(await client.ask(query(updates))).toEqual([])
    log.release()
    const told = ['T 1', 'D again', 'C UPDATE 1', 'Z T', 'C UPDATE 1', 'Z T']
    expect(await client.answers()).toEqual(told)
    await writer.answers()
    expect(await client.ask(query('ROLLBACK'))).toEqual(['C ROLLBACK', 'Z I'])
  })

  for (const end of ['COMMIT', 'ROLLBACK', 'COMMIT AND CHAIN', 'UPDATE nothing SET a = 1', 'SELECT count(*) FROM t']) {
    it(`${end} waits`, async () => {
      const client = await connect()
      await client.ask(query('BEGIN'))
      const log = holdLog(opened.database)
      await writer.ask(query(`INSERT INTO t VALUES (${++rows}, 'new')`))
      expect(await client.ask(query(updates))).toEqual(['C UPDATE 1', 'Z T'])
      expect(await client.ask(query(end))).toEqual([])
      log.release()
      expect((await client.answers()).length).toBeGreaterThan(1)
      await writer.answers()
      await client.ask(query('ROLLBACK'))
    })
  }

  it('a statement alone, and several that are one transaction, wait', async () => {
    const client = await connect()
    expect(await held(client, query(updates))).toEqual(['C UPDATE 1', 'Z I'])
    expect(await held(client, query(`${updates}; ${updates}`))).toEqual(['C UPDATE 1', 'C UPDATE 1', 'Z I'])
  })
})
