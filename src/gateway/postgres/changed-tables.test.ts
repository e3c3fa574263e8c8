/** Tables that change under what a client has prepared or opened, as PostgreSQL 15 answers. */
import { afterAll, beforeEach, beforeAll, describe, expect, it } from 'vitest'
import { openTestSessions, type TestSessions } from '../../session/testing.ts'
import { Door } from '../door.ts'
import { defaultGatewayLimits } from '../gateway.ts'
import { postgresProtocol } from './gateway.ts'
import { bind, execute, message, parse, query, startup, sync, TestClient } from './testing.ts'

let opened: TestSessions
let client: TestClient

const changed = 'E ERROR 0A000 cached plan must not change result type'
const inUse = (command: string): string =>
  `E ERROR 55006 cannot ${command} "t" because it is being used by active queries in this session`

beforeAll(async () => {
  opened = await openTestSessions()
})
afterAll(() => opened.close())

beforeEach(async () => {
  const gateway = new Door(postgresProtocol, opened.sessions, defaultGatewayLimits)
  client = new TestClient(gateway, opened.sessions.host)
  client.send(startup('user', 'me'))
  await client.awaitAnswers()
  await run(
    'DROP TABLE IF EXISTS t',
    'CREATE TABLE t (a int PRIMARY KEY, b text)',
    "INSERT INTO t VALUES (1, 'x'), (2, 'y')",
  )
})

/** What each of the texts answers, without columns, notices and states. */
async function run(...texts: string[]): Promise<string[]> {
  const lines: string[] = []
  for (const text of texts) {
    client.send(query(text))
    for (let answers: string[] = []; !answers.some((line) => line.startsWith('Z')); lines.push(...answers))
      answers = await client.awaitAnswers()
  }
  return lines.filter((line) => /^[CDE]/.test(line))
}

describe('a prepared statement keeps its columns', () => {
  it('by EXECUTE', async () => {
    await run('PREPARE p AS SELECT * FROM t WHERE a = 1', 'ALTER TABLE t ADD COLUMN c int')
    expect(await run('EXECUTE p')).toEqual([changed])
    await run('ALTER TABLE t DROP COLUMN c')
    expect(await run('EXECUTE p')).toEqual(['D 1|x', 'C SELECT 1'])
    await run('ALTER TABLE t RENAME COLUMN b TO bb')
    expect(await run('EXECUTE p')).toEqual([changed])
    await run('ALTER TABLE t RENAME COLUMN bb TO b', 'ALTER TABLE t ALTER COLUMN a TYPE bigint')
    expect(await run('EXECUTE p', 'BEGIN', 'EXECUTE p', 'SELECT 1', 'ROLLBACK')).toEqual([
      changed,
      'C BEGIN',
      changed,
      expect.stringMatching('25P02'),
      'C ROLLBACK',
    ])
  })

  it('by the protocol, when it is described and when it is bound', async () => {
    await client.ask(parse('SELECT b FROM t WHERE a = 1', 's'), sync)
    await run('ALTER TABLE t ALTER COLUMN b TYPE int USING 7')
    expect(await client.ask(bind([], 's'), execute(), sync)).toEqual([changed, 'Z I'])
    expect(await client.ask(message('D', 'Ss'), sync)).toEqual([changed, 'Z I'])
    await run("ALTER TABLE t ALTER COLUMN b TYPE text USING 'z'")
    expect(await client.ask(bind([], 's'), execute(), sync)).toEqual(['2', 'D z', 'C SELECT 1', 'Z I'])
    await run('ALTER TABLE t ADD COLUMN c int')
    expect(await client.ask(bind([], 's'), execute(), sync)).toEqual(['2', 'D z', 'C SELECT 1', 'Z I'])
  })
})

describe('an open query keeps its table', () => {
  it.each([
    ['ALTER TABLE t ADD COLUMN c int', 'ALTER TABLE'],
    ['ALTER TABLE t ALTER COLUMN a TYPE bigint', 'ALTER TABLE'],
    ['DROP TABLE t', 'DROP TABLE'],
    ['TRUNCATE t', 'TRUNCATE'],
    ['CREATE INDEX ON t (b)', 'CREATE INDEX'],
  ])('from %s', async (text, command) => {
    const declared = ['BEGIN', 'DECLARE k CURSOR FOR SELECT * FROM t']
    expect((await run(...declared, 'FETCH ALL FROM k', text, 'ROLLBACK')).at(-2)).toBe(inUse(command))
    const held = ['BEGIN', 'DECLARE k CURSOR WITH HOLD FOR SELECT (SELECT count(*) FROM t)']
    expect((await run(...held, text, 'ROLLBACK')).at(-2)).toBe(inUse(command))
    expect((await run(...declared, 'CLOSE k', text, 'ROLLBACK')).at(-2)).toMatch(/^C /)
    expect((await run(...declared, 'ROLLBACK', 'BEGIN', text, 'ROLLBACK')).at(-2)).toMatch(/^C /)
    // Its rows are kept, and it is open beyond the transaction.
    await run(...held, 'COMMIT')
    expect((await run('BEGIN', text, 'ROLLBACK')).at(-2)).toMatch(/^C /)
    expect(await run('FETCH ALL FROM k', 'CLOSE k')).toEqual(['D 2', 'C FETCH 1', 'C CLOSE CURSOR'])
  })

  it('of a portal that has been begun', async () => {
    await run('BEGIN')
    await client.ask(parse('SELECT * FROM t', 's'), bind([], 's', 'p'), execute(1, 'p'), sync)
    expect(await run('ALTER TABLE t ADD COLUMN c int')).toEqual([inUse('ALTER TABLE')])
    await run('ROLLBACK', 'BEGIN')
    await client.ask(bind([], 's', 'p'), execute(0, 'p'), sync)
    expect(await run('ALTER TABLE t ADD COLUMN c int', 'ROLLBACK')).toEqual(['C ALTER TABLE', 'C ROLLBACK'])
  })

  it('but not its name, nor from what writes rows', async () => {
    const declared = ['BEGIN', 'DECLARE k CURSOR FOR SELECT * FROM t']
    for (const text of ['ALTER TABLE t RENAME TO u', 'ALTER TABLE t RENAME COLUMN a TO c', 'DELETE FROM t'])
      expect((await run(...declared, text, 'ROLLBACK')).at(-2)).toMatch(/^C /)
  })

  it('in a schema that is dropped', async () => {
    await run('DROP SCHEMA IF EXISTS s CASCADE', 'CREATE SCHEMA s', 'CREATE TABLE s.t (a int)', 'BEGIN')
    expect(await run('DECLARE k CURSOR FOR SELECT * FROM s.t', 'DROP SCHEMA s CASCADE', 'ROLLBACK')).toEqual([
      'C DECLARE CURSOR',
      inUse('DROP TABLE'),
      'C ROLLBACK',
    ])
  })
})

it('a cursor WITH HOLD goes with the transaction that is rolled back', async () => {
  await run('BEGIN', 'DECLARE k CURSOR WITH HOLD FOR SELECT 1', 'ROLLBACK')
  expect(await run('FETCH ALL FROM k')).toEqual(['E ERROR 34000 cursor "k" does not exist'])
})
