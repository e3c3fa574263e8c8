/** CREATE INDEX over rows that are there already: all entries, however few of them are held at once. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Database } from '../../database/database.ts'
import { ProcessMemory } from '../../database/process-memory.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { loadSql } from './sql.ts'
import { TestSql } from './testing.ts'

let database: Database
let sql: TestSql
let memory: ProcessMemory
const mebibyte = 1024 * 1024

async function open(pausesAlways: boolean): Promise<void> {
  await loadSql()
  // For some hundred entries at once, and fewer than all of them together.
  memory = new ProcessMemory(400 * mebibyte, 0, Infinity, { operatorBytes: 12 * 1024, statementBytes: 48 * 1024 })
  database = await openTestDatabase({ memory })
  sql = new TestSql(database, pausesAlways)
  await sql.query('create table t (id int primary key, a int, b text)')
  await sql.query("insert into t select i, i * 7919 % 307, 'b' || i * 31 % 900 from generate_series(1, 900) i")
  await sql.query('update t set a = null where id % 10 = 0')
}

afterEach(() => database.close())

describe.each([
  ['in slices', false],
  ['with a pause wherever there may be one', true],
])('an index is built %s', (_name, pausesAlways) => {
  beforeEach(() => open(pausesAlways))

  test.each([
    'create index i on t (a)',
    'create index i on t (a desc nulls last, b)',
    'create index i on t (lower(b), a)',
    'create index i on t (b) where a > 150',
    'create unique index i on t (b)',
    'create unique index i on t (a, b)',
  ])('%s', async (text) => {
    await sql.query(text)
    expect((await sql.query('select * from polylog_verify()')).rows).toEqual([])
    const { rows } = await sql.query('select count(*), sum(a) from t where b between $$b1$$ and $$b2$$')
    await sql.query('drop index i')
    expect((await sql.query('select count(*), sum(a) from t where b between $$b1$$ and $$b2$$')).rows).toEqual(rows)
  })

  test('and refuses two rows with one key, but not nulls', async () => {
    await expect(sql.query('create unique index i on t (a)')).rejects.toMatchObject({
      message: 'could not create unique index "i"',
      detail: { detail: expect.stringMatching(/^Key \(a\)=\(\d+\) is duplicated\.$/) },
    })
    await sql.query('delete from t where id > 300')
    await sql.query('create unique index i on t (a)')
    expect((await sql.query('select * from polylog_verify()')).rows).toEqual([])
  })
})
