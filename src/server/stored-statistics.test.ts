/** Statistics views of what is stored: PostgreSQL's columns, Polylog's numbers. */
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestSessions, type TestSessions } from '../session/testing.ts'
import { Server } from './server.ts'

let opened: TestSessions
let server: Server
let client: pg.Client

beforeAll(async () => {
  opened = await openTestSessions()
  server = await Server.listen(opened.database.host, opened.sessions, { port: 0 })
  client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'me', database: 'polylog' })
  await client.connect()
  await client.query('CREATE TABLE t (a int PRIMARY KEY, b text)')
  await client.query('CREATE INDEX t_b ON t (b)')
  await client.query('CREATE SEQUENCE s')
  await client.query("INSERT INTO t VALUES (1, 'one'), (2, 'two')")
})

afterAll(async () => {
  await client.end()
  await server.close()
  await opened.close()
})

const rowsOf = async (sql: string): Promise<Record<string, unknown>[]> => (await client.query(sql)).rows

/** As `\d` shows them in PostgreSQL 15.13, one view a line. */
const columnsThere = readFileSync(new URL('stored-statistics.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n')

test.each(columnsThere)('%s', async (line) => {
  const [view] = line.split(':')
  const [{ columns } = {}] = await rowsOf(
    `SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) AS columns
     FROM pg_attribute WHERE attrelid = '${view}'::regclass AND attnum > 0`,
  )
  expect(`${view}: ${columns as string}`).toBe(line)
  await rowsOf(`SELECT * FROM ${view}`)
})

test('tables, indexes and sequences are there by the numbers of pg_class, with what is counted', async () => {
  const [table] = await rowsOf(
    "SELECT * FROM pg_stat_user_tables JOIN pg_class ON oid = relid WHERE pg_class.relname = 't'",
  )
  expect(table).toMatchObject({
    schemaname: 'public',
    relname: 't',
    n_live_tup: '2',
    n_dead_tup: '0',
    vacuum_count: '0',
    last_vacuum: null,
    seq_scan: '0',
    n_tup_ins: '2',
  })
  const indexes = await rowsOf(
    'SELECT i.indexrelname, c.relname FROM pg_stat_all_indexes i JOIN pg_class c ON c.oid = i.indexrelid ORDER BY 1',
  )
  expect(indexes).toEqual([
    { indexrelname: 't_b', relname: 't_b' },
    { indexrelname: 't_pkey', relname: 't_pkey' },
  ])
  expect(await rowsOf('SELECT relname, blks_read FROM pg_statio_user_sequences')).toEqual([
    { relname: 's', blks_read: null },
  ])
  expect(await rowsOf('SELECT * FROM pg_stat_sys_tables')).toEqual([])
})

test('checkpoints and writes of the log are the counters of the database', async () => {
  const [before] = await rowsOf('SELECT wal_write, wal_bytes FROM pg_stat_wal')
  await client.query("INSERT INTO t VALUES (3, 'three')")
  const [after] = await rowsOf('SELECT wal_write, wal_bytes FROM pg_stat_wal')
  expect(Number(after!['wal_write'])).toBeGreaterThan(Number(before!['wal_write']))
  expect(Number(after!['wal_bytes'])).toBeGreaterThan(Number(before!['wal_bytes']))
  expect(await rowsOf('SELECT wal_bytes > 0.5 AS more FROM pg_stat_wal')).toEqual([{ more: true }])
  expect(await rowsOf('SELECT * FROM pg_stat_bgwriter')).toEqual([
    {
      checkpoints_timed: '0',
      checkpoints_req: '0',
      checkpoint_write_time: 0,
      checkpoint_sync_time: 0,
      buffers_checkpoint: null,
      buffers_clean: '0',
      maxwritten_clean: '0',
      buffers_backend: '0',
      buffers_backend_fsync: '0',
      buffers_alloc: '0',
      stats_reset: expect.any(Date),
    },
  ])
})
