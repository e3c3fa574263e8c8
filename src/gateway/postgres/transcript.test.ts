/**
 * A long conversation, message by message, with SQL behind the gateway. The golden transcript was compared with what
 * PostgreSQL 15 answers to the same bytes, which differs in that:
 *
 *   - errors of COPY have the line as context (`W`) there
 *
 * `REWRITE=1` writes the transcript anew: compare it with PostgreSQL before keeping it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { openTestSessions } from '../../session/testing.ts'
import { defaultGatewayLimits } from '../gateway.ts'
import { Door } from '../door.ts'
import { postgresProtocol } from './gateway.ts'
import { bind, execute, message, parse, query, startup, sync, TestClient } from './testing.ts'

const describePortal = message('D', Buffer.from('P'), '')
const describeStatement = (name = ''): Buffer => message('D', Buffer.from('S'), name)
const closeStatement = (name: string): Buffer => message('C', Buffer.from('S'), name)
const copyData = (text: string): Buffer => message('d', Buffer.from(text))
const copyDone = message('c')

type Step = string | readonly Buffer[]
type Scene = readonly [name: string, ...steps: Step[]]

const scenes: readonly Scene[] = [
  [
    'a table',
    'CREATE TABLE t (id int PRIMARY KEY, name text, n numeric(10,2) DEFAULT 1.5, ts timestamptz)',
    "INSERT INTO t (id, name) VALUES (1, 'a'), (2, 'b'), (3, NULL)",
    'SELECT * FROM t ORDER BY id',
    "SELECT 1 AS one, 2::int8, 3.5, 'x', NULL, true",
    '',
    '-- comment',
  ],
  [
    'several statements',
    'SELECT 1; SELECT 2',
    "INSERT INTO t VALUES (4, 'd'); SELECT 1/0; SELECT 3",
    'SELECT count(*) FROM t',
    'BEGIN; SELECT 1; COMMIT; SELECT 2',
  ],
  [
    'errors',
    'SELEC 1',
    'SELECT x FROM t',
    'SELECT * FROM nope',
    "INSERT INTO t VALUES (1, 'dup')",
    'INSERT INTO t VALUES (NULL)',
    "SELECT 'a'::int",
    "SELECT 1 + 'x'",
    'SELECT 99999999999::int4',
    "SELECT 'é' || nope",
    'SELECT foo(1)',
    "INSERT INTO t VALUES (5, 'x', 123456789012)",
    'SELECT 1 FROM t t1, t t2 WHERE id = 1',
    'UPDATE t SET nope = 1',
    'INSERT INTO t (nope) VALUES (1)',
    'DROP TABLE nope',
    'DROP TABLE IF EXISTS nope',
    'CREATE TABLE t (a int)',
    'CREATE TABLE IF NOT EXISTS t (a int)',
  ],
  [
    'blocks',
    'BEGIN',
    'SELECT 1/0',
    'SELECT 1',
    'COMMIT',
    'COMMIT',
    'ROLLBACK',
    'BEGIN',
    'BEGIN',
    'SAVEPOINT a',
    'SELECT nope',
    'ROLLBACK TO a',
    'RELEASE a',
    'ROLLBACK TO a',
    'ROLLBACK',
    'SAVEPOINT x',
    'START TRANSACTION ISOLATION LEVEL REPEATABLE READ',
    'SHOW transaction_isolation',
    'END',
    'BEGIN',
    'COMMIT AND CHAIN',
    'ROLLBACK',
    'COMMIT AND CHAIN',
    'BEGIN READ ONLY',
    'DELETE FROM t',
    'ROLLBACK',
  ],
  [
    'chains of blocks',
    'BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY',
    'COMMIT AND CHAIN',
    'SHOW transaction_isolation',
    'SHOW transaction_read_only',
    'ROLLBACK AND CHAIN',
    'SET TRANSACTION READ WRITE',
    'COMMIT AND CHAIN',
    'SHOW transaction_isolation',
    'SHOW transaction_read_only',
    'SET TRANSACTION READ ONLY',
    'SELECT 1',
    'COMMIT AND CHAIN',
    'DELETE FROM t',
    'ROLLBACK',
    'SHOW transaction_isolation',
    'SHOW transaction_read_only',
    'BEGIN READ ONLY',
    'SELECT 1',
    'SET TRANSACTION READ WRITE',
    'ROLLBACK',
  ],
  [
    'tags',
    "UPDATE t SET name = 'z' WHERE id > 1",
    'DELETE FROM t WHERE id = 4',
    'INSERT INTO t VALUES (6) RETURNING id, n',
    'SELECT 1 WHERE false',
    'VALUES (1), (2)',
    'CREATE INDEX t_name ON t (name)',
    'DROP INDEX t_name',
    'TRUNCATE t',
    'CREATE SCHEMA s',
    'DROP SCHEMA s',
    "SET application_name = 'q'",
    'RESET application_name',
    "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, NULL)",
  ],
  [
    'the extended protocol',
    [parse('SELECT $1::int + 1 AS x'), describeStatement(), bind(['41']), describePortal, execute(), sync],
    [parse('SELECT id, name FROM t WHERE id = $1', 's1'), describeStatement('s1'), sync],
    [bind(['1'], 's1'), describePortal, execute(), sync],
    [bind(['x'], 's1'), execute(), sync],
    [bind([], 's1'), execute(), sync],
    [parse('SELECT 1', 's1'), sync],
    [closeStatement('s1'), sync],
    [bind(['1'], 's1'), sync],
    [execute(0, 'nope'), sync],
    [describeStatement('nope'), sync],
    [parse(''), describeStatement(), bind(), describePortal, execute(), sync],
    [parse('SELECT 1; SELECT 2'), sync],
    [parse('SELECT $1'), describeStatement(), bind(['hi']), execute(), sync],
    [parse('INSERT INTO t VALUES ($1, $2)'), describeStatement(), sync],
  ],
  [
    'pipelines',
    [
      parse("INSERT INTO t VALUES (11, 'p')"),
      bind(),
      execute(),
      parse('SELECT count(*) FROM t'),
      bind(),
      execute(),
      sync,
    ],
    [parse('BEGIN'), bind(), execute(), parse('INSERT INTO t VALUES (12)'), bind(), execute(), sync],
    [parse('COMMIT'), bind(), execute(), sync],
    [parse('INSERT INTO t VALUES (13)'), bind(), execute(), message('H')],
    [parse('INSERT INTO t VALUES (13)'), bind(), execute(), sync],
    'SELECT id FROM t WHERE id >= 10 ORDER BY id',
  ],
  [
    'portals',
    'BEGIN',
    [parse('SELECT g FROM generate_series(1, 5) g'), bind([], '', 'p'), execute(2, 'p'), sync],
    [execute(2, 'p'), sync],
    [execute(2, 'p'), sync],
    [execute(2, 'p'), sync],
    'ROLLBACK',
    [execute(1, 'p'), sync],
  ],
  [
    'cursors',
    'DECLARE c CURSOR FOR SELECT 1',
    'BEGIN',
    'DECLARE c CURSOR FOR SELECT g FROM generate_series(1, 5) g',
    'FETCH 2 FROM c',
    'FETCH c',
    'MOVE c',
    'FETCH ALL c',
    'DECLARE c CURSOR FOR SELECT 1',
    'ROLLBACK',
    'CLOSE c',
  ],
  [
    'cursors and portals since a savepoint',
    'BEGIN',
    'DECLARE before CURSOR FOR SELECT g FROM generate_series(1, 5) g',
    'SAVEPOINT a',
    'DECLARE since CURSOR FOR SELECT 1',
    'DECLARE held CURSOR WITH HOLD FOR SELECT 1',
    [parse('SELECT g FROM generate_series(1, 5) g'), bind([], '', 'p'), execute(2, 'p'), message('H')],
    'FETCH 2 FROM before',
    'SAVEPOINT b',
    'DECLARE released CURSOR FOR SELECT 1',
    'RELEASE b',
    'ROLLBACK TO a',
    'FETCH before',
    'FETCH since',
    'ROLLBACK TO a',
    'FETCH held',
    'ROLLBACK TO a',
    'FETCH released',
    'ROLLBACK TO a',
    [execute(2, 'p'), sync],
    'ROLLBACK TO a',
    'DECLARE since CURSOR FOR SELECT 7',
    'FETCH since',
    'COMMIT',
    'FETCH held',
  ],
  [
    'PREPARE',
    'PREPARE pp (int) AS SELECT $1 + 1 AS x',
    'EXECUTE pp (4)',
    'EXECUTE pp',
    'EXECUTE nope',
    'PREPARE pp AS SELECT 1',
    'DEALLOCATE pp',
    'DEALLOCATE pp',
    'DISCARD ALL',
  ],
  [
    'COPY',
    'COPY t (id, name) FROM STDIN',
    [copyData('20\ta\n21\t\\N\n'), copyData('22\tx'), copyData('y\n'), copyDone],
    'COPY t (id, name) TO STDOUT',
    'COPY t (id) FROM STDIN',
    [copyData('x\n'), copyDone],
    [parse('COPY t (id) FROM STDIN'), bind(), execute()],
    [copyData('30\n'), copyDone, sync],
    'COPY (SELECT 1, 2) TO STDOUT',
    'COPY t (id, name) FROM STDIN WITH (FORMAT csv)',
    [copyData('40,"a,b"\n'), copyDone],
  ],
  [
    'settings',
    "SET timezone = 'UTC'",
    'SHOW timezone',
    'SET nope = 1',
    'SET my.var = 1',
    'SHOW my.var',
    'BEGIN',
    "SET LOCAL application_name = 'loc'",
    'SHOW application_name',
    'ROLLBACK',
    'SHOW application_name',
    "SET LOCAL application_name = 'loc'",
    'SET search_path = public, s',
    'SHOW search_path',
    'RESET ALL',
  ],
]

/** Every field of every message. */
function show(bytes: Buffer): string[] {
  const lines: string[] = []
  for (let at = 0; at < bytes.length;) {
    const type = String.fromCharCode(bytes[at]!)
    const end = at + 1 + bytes.readInt32BE(at + 1)
    const body = bytes.subarray(at + 5, end)
    lines.push(`  ${type} ${(shows[type] ?? showNothing)(body)}`.trimEnd())
    at = end
  }
  return lines
}

const showNothing = (): string => ''
const showText = (body: Buffer): string => body.toString().replace(/\0$/, '').replace(/\0/g, '=')

const shows: Readonly<Record<string, (body: Buffer) => string>> = {
  C: showText,
  S: showText,
  Z: showText,
  d: (body) => JSON.stringify(body.toString()),
  E: showFields,
  N: showFields,
  T: showColumns,
  D: showValues,
  G: (body) => body.toString('hex'),
  H: (body) => body.toString('hex'),
  t: (body) => Array.from({ length: body.readInt16BE(0) }, (_, i) => body.readInt32BE(2 + 4 * i)).join(),
}

function showFields(body: Buffer): string {
  const fields = body.toString().split('\0')
  return fields.filter((field) => field !== '' && !field.startsWith('V')).join(' | ')
}

function showColumns(body: Buffer): string {
  const columns: string[] = []
  let at = 2
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const end = body.indexOf(0, at)
    const source = body.readInt32BE(end + 1) === 0 ? '' : ` column ${body.readInt16BE(end + 5)}`
    const type = `${body.readInt32BE(end + 7)},${body.readInt16BE(end + 11)},${body.readInt32BE(end + 13)}`
    columns.push(`${body.toString('utf8', at, end)} (${type})${source}`)
    at = end + 19
  }
  return columns.join(' | ')
}

function showValues(body: Buffer): string {
  const values: string[] = []
  let at = 2
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const size = body.readInt32BE(at)
    values.push(size < 0 ? 'NULL' : body.toString('utf8', at + 4, at + 4 + size))
    at += 4 + Math.max(0, size)
  }
  return values.join(' | ')
}

/** Waits until nothing more comes. */
async function take(client: TestClient): Promise<string[]> {
  let size = -1
  for (let quiet = 0; quiet < 10; quiet = client.socket.received.length === size ? quiet + 1 : 0) {
    size = client.socket.received.length
    await new Promise((resolve) => setImmediate(resolve))
  }
  const lines = show(client.socket.received)
  client.socket.received = Buffer.alloc(0)
  return lines
}

const path = new URL('golden/transcript.txt', import.meta.url)

it('answers as PostgreSQL does', async () => {
  const opened = await openTestSessions()
  const gateway = new Door(postgresProtocol, opened.sessions, defaultGatewayLimits)
  const client = new TestClient(gateway, opened.sessions.host)
  client.send(startup('user', 'me', 'application_name', 'cmp'))
  await client.awaitAnswers()
  const transcript: string[] = []
  for (const [name, ...steps] of scenes) {
    transcript.push(`== ${name}`)
    for (const step of steps) {
      transcript.push(typeof step === 'string' ? `> ${step}` : '> (messages)')
      client.send(...(typeof step === 'string' ? [query(step)] : step))
      transcript.push(...(await take(client)))
    }
  }
  await opened.close()
  const actual = `${transcript.join('\n')}\n`
  if (process.env['REWRITE'] === '1') writeFileSync(path, actual)
  else expect(actual).toBe(readFileSync(path, 'utf8'))
})
