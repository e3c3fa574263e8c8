import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { emptySlice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { Database } from '../../database/database.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { loadSql } from './sql.ts'
import { TestSql } from './testing.ts'

let database: Database

beforeEach(async () => {
  await loadSql()
  database = await openTestDatabase()
})
afterEach(() => database.close())

describe.each([
  ['in one slice', false],
  ['with a pause wherever there may be one', true],
])('polylog_verify() %s', (_name, pausesAlways) => {
  let sql: TestSql

  beforeEach(async () => {
    sql = new TestSql(database, pausesAlways)
    await sql.query('CREATE TABLE t (a int PRIMARY KEY, b text UNIQUE)')
    await sql.query("INSERT INTO t SELECT g, 'b' || g FROM generate_series(1, 200) g")
  })

  test('gives no rows where nothing is wrong', async () => {
    expect((await sql.query('SELECT * FROM polylog_verify()')).rows).toEqual([])
    expect((await sql.query('SELECT count(*) FROM polylog_verify()')).rows).toEqual([[0n]])
  })

  test('names each difference, as rows that can be asked about', async () => {
    const collection = database.catalog.findCollection('public', 't')!
    const tx = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
    tx.beginStatement()
    tx.put(new KeyWriter(32).begin(collection.id, 99).int64(7), emptySlice, 'derived')
    await tx.commit()
    const found = await sql.query("SELECT kind, place, index, message FROM polylog_verify() WHERE place = 'public.t'")
    expect(found.rows).toEqual([['extra', 'public.t', null, 'there are keys of an index 99, which is none']])
  })

  test('is refused where the transaction has written, and outside of FROM', async () => {
    await sql.query('BEGIN')
    expect((await sql.query('SELECT * FROM polylog_verify()')).rows).toEqual([])
    await sql.query("INSERT INTO t VALUES (0, 'zero')")
    await expect(sql.query('SELECT * FROM polylog_verify()')).rejects.toMatchObject({ code: 'active_transaction' })
    await sql.query('ROLLBACK')
    await expect(sql.query('SELECT polylog_verify()')).rejects.toThrow('outside of FROM')
  })
})
