/** Fields of Redis's hashes, and when they expire, as rows of SQL. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { commitNow, openTestDatabase, runSteps } from '../../database/testing.ts'
import type { Database } from '../../database/database.ts'
import { ensureNamespace } from '../../model/document/document.ts'
import { verifySnapshot } from '../../query/verifiers.ts'
import { loadSql } from './sql.ts'
import { TestSql } from './testing.ts'

let database: Database
let sql: TestSql

beforeEach(async () => {
  await loadSql()
  database = await openTestDatabase()
  sql = new TestSql(database)
  const tx = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  tx.beginStatement()
  tx.createCollection(ensureNamespace(tx, 'redis'), 'db0', 'keyvalue', {})
  tx.endStatement()
  commitNow(tx)
})
afterEach(() => database.close())

async function rows(text: string): Promise<readonly (readonly unknown[])[]> {
  return (await sql.query(text)).rows
}

async function differences(): Promise<unknown> {
  return (await runSteps(database, (tx) => verifySnapshot(tx))).differences
}

it('shows when a field expires, and sets it', async () => {
  const later = "timestamptz '2200-01-01 00:00:00Z'"
  await sql.query("INSERT INTO redis.db0_hash VALUES ('h', 'a', '1')")
  await sql.query(`INSERT INTO redis.db0_hash VALUES ('h', 'b', '2', ${later})`)
  const all = 'SELECT field, value, extract(epoch FROM expires_at)::bigint FROM redis.db0_hash'
  expect(await rows(all)).toEqual([
    ['a', '1', null],
    ['b', '2', 7_258_118_400n],
  ])
  await sql.query("UPDATE redis.db0_hash SET value = value || '!'")
  await sql.query(`UPDATE redis.db0_hash SET expires_at = ${later} + interval '1 second' WHERE field = 'a'`)
  expect(await rows(all)).toEqual([
    ['a', '1!', 7_258_118_401n],
    ['b', '2!', 7_258_118_400n],
  ])
  await sql.query('UPDATE redis.db0_hash SET expires_at = NULL')
  expect(await rows('SELECT count(*), count(expires_at) FROM redis.db0_hash')).toEqual([[2n, 0n]])
  expect(await differences()).toEqual([])
})

it('does not show a field whose time is over', async () => {
  await sql.query("INSERT INTO redis.db0_hash VALUES ('h', 'a', '1', timestamptz '2001-01-01'), ('k', 'f', 'v', NULL)")
  expect(await rows('SELECT key, field FROM redis.db0_hash')).toEqual([['k', 'f']])
  expect(await rows('SELECT key FROM redis.db0')).toEqual([['k']])
  expect(await differences()).toEqual([])
})
