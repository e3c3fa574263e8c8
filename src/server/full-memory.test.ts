/** Statements that change the catalog where stored data have reached the limit: refused whole, and the catalog is as it was. */
import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ProcessMemory } from '../database/process-memory.ts'
import { openTestSessions, type TestSessions } from '../session/testing.ts'
import { Server } from './server.ts'

const memory = new ProcessMemory(400 * 1024 * 1024, 0, Infinity)
let opened: TestSessions
let server: Server
let client: pg.Client

beforeAll(async () => {
  opened = await openTestSessions({ memory, sessions: { memory } })
  server = await Server.listen(opened.database.host, opened.sessions, { port: 0 })
  client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'me', database: 'polylog' })
  await client.connect()
})

afterAll(async () => {
  await client.end()
  await server.close()
  await opened.close()
})

const codeOf = (text: string): Promise<string> =>
  client.query(text).then(
    () => 'done',
    (error: unknown) => (error as pg.DatabaseError).code!,
  )

const values = async (text: string): Promise<unknown[]> => (await client.query({ text, rowMode: 'array' })).rows.flat()

const changes = [
  'CREATE TABLE made (a int PRIMARY KEY, b text DEFAULT 5)',
  'CREATE TABLE copied AS SELECT * FROM small',
  'CREATE INDEX by_b ON small (b)',
  'CREATE UNIQUE INDEX by_c ON small (c)',
  "ALTER TABLE small ADD COLUMN d text DEFAULT 'x'",
  'ALTER TABLE small ALTER COLUMN b TYPE text',
  'ALTER TABLE small RENAME TO renamed',
  'ALTER TABLE small ADD CONSTRAINT positive CHECK (a > 0)',
  'ALTER TABLE small ADD FOREIGN KEY (c) REFERENCES small (a)',
  'CREATE SEQUENCE counted',
  'CREATE SCHEMA other',
  "COMMENT ON TABLE small IS 'a comment'",
]

const catalogOf = async (): Promise<unknown[]> => [
  ...(await values("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1")),
  ...(await values('SELECT attname, atttypid FROM pg_attribute a JOIN pg_class c ON attrelid = c.oid ORDER BY 1, 2')),
  ...(await values('SELECT conname FROM pg_constraint ORDER BY 1')),
  ...(await values('SELECT nspname FROM pg_namespace ORDER BY 1')),
  ...(await values("SELECT obj_description('small'::regclass)")),
]

test('a change of the catalog is refused whole where there is no memory for it, and made where there is again', async () => {
  await client.query('CREATE TABLE small (a int PRIMARY KEY, b int, c int)')
  await client.query('INSERT INTO small SELECT g, g, g FROM generate_series(1, 100) g')
  const isFull = vi.spyOn(memory, 'isFull').mockReturnValue(true)
  opened.database.noteStored()
  const before = await catalogOf()
  for (const change of changes) expect([change, await codeOf(change)]).toEqual([change, '53200'])
  await client.query('BEGIN')
  expect(await codeOf(changes[0]!)).toBe('53200')
  expect(await codeOf('SELECT 1')).toBe('25P02')
  await client.query('ROLLBACK')
  expect(await catalogOf()).toEqual(before)
  expect(await values('SELECT count(*), sum(b) FROM small')).toEqual(['100', '5050'])
  expect(await values('SELECT * FROM polylog_verify()')).toEqual([])

  isFull.mockRestore()
  for (const change of changes.filter((one) => !one.includes('RENAME'))) {
    expect([change, await codeOf(change)]).toEqual([change, 'done'])
  }
  expect(await values('SELECT count(*), min(d) FROM small')).toEqual(['100', 'x'])
  expect(await values('SELECT * FROM polylog_verify()')).toEqual([])
})
