/** polylog_as_of(relation, moment): one relation as it was, beside those of now. */
import type { Redis } from 'ioredis'
import type pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { privilege } from '../database/access/privileges.ts'
import type { EmbeddedDatabase } from '../library/library.ts'
import { openDoors, rowsOf, type ServerWithUsers } from './testing-users.ts'

let server: ServerWithUsers
let library: EmbeddedDatabase
let sql: pg.Client
let redis: Redis

beforeEach(async () => {
  ;({ server, library, sql, redis } = await openDoors())
})

afterEach(() => server.stop())

const rows = (text: string, parameters: unknown[] = [], client = sql): Promise<unknown[][]> =>
  rowsOf(client, text, parameters)

test('stands beside what it is now, at several moments', async () => {
  await sql.query("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b')")
  const first = library.sequence
  await sql.query("UPDATE t SET v = 'c' WHERE id = 1")
  const second = library.sequence
  await sql.query("DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (3, 'd')")
  const compared = `
    SELECT coalesce(n.id, o.id) AS id, o.v, n.v FROM t n FULL JOIN polylog_as_of('t', $1) o ON o.id = n.id ORDER BY 1`
  expect(await rows(compared, [String(first)])).toEqual([
    [1, 'a', 'c'],
    [2, 'b', null],
    [3, null, 'd'],
  ])
  expect(
    await rows(`SELECT a.v, b.v FROM polylog_as_of('public.t', '${first}') a, polylog_as_of('t', '${second}') b
      WHERE a.id = 1 AND b.id = 1`),
  ).toEqual([['a', 'c']])
  expect(await rows("SELECT count(*)::int FROM polylog_as_of('t', '-0ms')")).toEqual([[2]])
  expect(await rows("SELECT * FROM polylog_as_of('t', NULL)")).toEqual([])
  // What was deleted comes back by hand.
  await sql.query(
    `INSERT INTO t SELECT * FROM polylog_as_of('t', '${second}') o WHERE NOT EXISTS (SELECT FROM t WHERE id = o.id)`,
  )
  expect(await rows('SELECT id FROM t ORDER BY id')).toEqual([[1], [2], [3]])
})

test('has the columns of now, and rows of all that a relation may be', async () => {
  await sql.query("CREATE TABLE t (id int PRIMARY KEY, v text, gone int); INSERT INTO t VALUES (1, 'a', 7)")
  await sql.query(`CREATE TABLE p (id int, v text) PARTITION BY RANGE (id);
    CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
    INSERT INTO p VALUES (1, 'a'), (11, 'b')`)
  await sql.query('CREATE VIEW w AS SELECT id, upper(v) AS u FROM t')
  await library.write((tx) => tx.documents('shop', 'orders').insert({ _id: 1, n: 1 }))
  await redis.hset('h', 'f', 'then')
  const then = library.sequence
  await sql.query('ALTER TABLE t RENAME v TO w; ALTER TABLE t ADD n int DEFAULT 5; ALTER TABLE t DROP gone')
  await sql.query("ALTER TABLE t RENAME TO u; UPDATE u SET w = 'z'; DELETE FROM p")
  await library.write((tx) => tx.documents('shop', 'orders').update({ _id: 1 }, { $set: { n: 2 } }))
  await redis.hset('h', 'f', 'now')
  expect(await rows(`SELECT * FROM polylog_as_of('u', '${then}')`)).toEqual([[1, 'a', null]])
  expect(await rows(`SELECT id, v FROM polylog_as_of('p', '${then}') ORDER BY id`)).toEqual([
    [1, 'a'],
    [11, 'b'],
  ])
  expect(await rows(`SELECT n FROM polylog_as_of('shop.orders', '${then}')`)).toEqual([[1]])
  expect(await rows(`SELECT value FROM polylog_as_of('redis.db0_hash', '${then}')`)).toEqual([['then']])
  expect(await rows(`SELECT u FROM polylog_as_of('w', '${then}')`)).toEqual([['A']])
})

test('of many rows is read in turns, as far as it is wanted', async () => {
  await sql.query('CREATE TABLE t (id int PRIMARY KEY, v text)')
  await sql.query("INSERT INTO t SELECT g, repeat('x', 50) FROM generate_series(1, 20000) g")
  const then = library.sequence
  await sql.query('DELETE FROM t WHERE id % 2 = 0')
  expect(await rows(`SELECT count(*)::int, sum(id)::int FROM polylog_as_of('t', '${then}')`)).toEqual([
    [20_000, 200_010_000],
  ])
  expect(await rows(`SELECT id FROM polylog_as_of('t', '${then}') LIMIT 1`)).toHaveLength(1)
  await sql.query('SET statement_timeout = 1')
  await expect(sql.query(`SELECT count(*) FROM polylog_as_of('t', '${then}') a, t b, t c`)).rejects.toMatchObject({
    code: '57014',
  })
  await sql.query('RESET statement_timeout')
  for (let i = 0; i < 10; i++) await rows(`SELECT id FROM polylog_as_of('t', '${then}') LIMIT 1`)
  // The state stays for a while, and nothing of what has read it.
  const { database, release } = await server.instance.databases.get('polylog')!.history.at(then)
  expect(database.open.size).toBe(0)
  release()
  await expect.poll(() => server.instance.memory.work.usedBytes).toBeLessThan(256 * 1024)
})

test('is let go of where its statement was canceled while it was looked for', async () => {
  await sql.query('CREATE TABLE t (id int)')
  const { history } = server.instance.databases.get('polylog')!
  const at = history.at.bind(history)
  let open = (): void => undefined
  let hasFound = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  const found = new Promise<void>((resolve) => (hasFound = resolve))
  let released = 0
  history.at = async (...args) => {
    const state = await at(...args)
    hasFound()
    await opened
    const release = (): void => {
      released++
      state.release()
    }
    return { database: state.database, release }
  }
  const [[pid]] = (await rows('SELECT pg_backend_pid()')) as [[number]]
  const canceled = expect(sql.query("SELECT * FROM polylog_as_of('t', '-0ms')")).rejects.toMatchObject({
    code: '57014',
  })
  await found
  await (await server.pg()).query('SELECT pg_cancel_backend($1)', [pid])
  await canceled
  open()
  await expect.poll(() => released).toBe(1)
})

test('is not looked at from within the past', async () => {
  await sql.query('CREATE TABLE t (id int); CREATE VIEW v AS SELECT id FROM t')
  const then = library.sequence
  await sql.query(`CREATE FUNCTION f() RETURNS SETOF int LANGUAGE sql AS $$ SELECT id FROM polylog_as_of('v', '-0ms') $$;
    CREATE OR REPLACE VIEW v AS SELECT id FROM f() AS id`)
  expect(await rows(`SELECT * FROM polylog_as_of('v', '${then}')`)).toEqual([])
  await expect(sql.query('SELECT * FROM v')).rejects.toMatchObject({ code: '0A000' })
  await sql.query(`SET polylog.as_of = '${then}'`)
  await expect(sql.query('SELECT * FROM polylog.history')).rejects.toMatchObject({ code: '0A000' })
})

test('says what it cannot show', async () => {
  await sql.query('CREATE TABLE t (id int)')
  const then = library.sequence
  await sql.query('CREATE TABLE later (id int); ALTER TABLE t ALTER id TYPE text')
  for (const [call, code] of [
    [`polylog_as_of('none', '${then}')`, '42P01'],
    [`polylog_as_of('later', '${then}')`, '42P01'],
    [`polylog_as_of('t', '${then}')`, '0A000'],
    ["polylog_as_of('t', 'soon')", '22023'],
    ["polylog_as_of('t', '99999')", '22003'],
    ["polylog_as_of('t')", '42883'],
    ["polylog_as_of(current_user, '-1m')", '0A000'],
  ]) {
    await expect(sql.query(`SELECT * FROM ${call}`), call).rejects.toMatchObject({ code })
  }
})

test('shows no more than may be seen now, and could be seen then', async () => {
  await sql.query("CREATE TABLE t (id int, v text); INSERT INTO t VALUES (1, 'a')")
  await server.addUser('ada')
  const ada = await server.pg('ada')
  const hidden = library.sequence
  await sql.query('GRANT SELECT ON t TO ada')
  const shown = library.sequence
  await expect(ada.query(`SELECT * FROM polylog_as_of('t', '${shown}')`)).rejects.toMatchObject({ code: '42501' })
  await server.give('ada', '', privilege.history)
  expect(await rows(`SELECT * FROM polylog_as_of('t', '${shown}')`, [], ada)).toEqual([[1, 'a']])
  await expect(ada.query(`SELECT * FROM polylog_as_of('t', '${hidden}')`)).rejects.toMatchObject({ code: '42501' })
  await sql.query('ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY all_rows ON t USING (true)')
  await expect(ada.query(`SELECT * FROM polylog_as_of('t', '${shown}')`)).rejects.toMatchObject({ code: '42501' })
  await sql.query(
    'ALTER TABLE t DISABLE ROW LEVEL SECURITY; REVOKE SELECT ON t FROM ada; GRANT SELECT (id) ON t TO ada',
  )
  await expect(ada.query(`SELECT id FROM polylog_as_of('t', '${shown}')`)).rejects.toMatchObject({ code: '42501' })
})

test('is read with the rights of owners where a function of then acts with them', async () => {
  await server.addUser('maker')
  await server.addUser('reader')
  await sql.query(`CREATE TABLE held (id int); INSERT INTO held VALUES (1);
    GRANT SELECT ON held TO maker; GRANT CREATE ON SCHEMA public TO maker; GRANT CONNECT, HISTORY ON DATABASE polylog TO maker, reader`)
  const maker = await server.pg('maker')
  await maker.query(`CREATE FUNCTION held_ids() RETURNS SETOF int LANGUAGE sql SECURITY DEFINER AS $$ SELECT id FROM held $$;
    CREATE VIEW ids AS SELECT id FROM held_ids() AS id; GRANT SELECT ON ids TO reader`)
  const then = library.sequence
  const reader = await server.pg('reader')
  const asOf = async (): Promise<unknown> =>
    (await reader.query({ text: `SELECT * FROM polylog_as_of('ids', '${then}')`, rowMode: 'array' })).rows
  expect(await asOf()).toEqual([[1]])
  // What the owner has lost since, nobody reads by way of it.
  await sql.query('REVOKE SELECT ON held FROM maker')
  await expect(asOf()).rejects.toMatchObject({ code: '42501' })
})
