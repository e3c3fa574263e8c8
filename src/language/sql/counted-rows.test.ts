/** `count(*)` of whole tables and of parts of indexes: the same number as a scan gives, without one. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Database } from '../../database/database.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { TransactionCursor } from '../../database/transaction/transaction-cursor.ts'
import { loadSql } from './sql.ts'
import { TestSql } from './testing.ts'

let database: Database
let sql: TestSql

beforeEach(async () => {
  await loadSql()
  database = await openTestDatabase()
  sql = new TestSql(database)
  await sql.query('create table t (id int primary key, a int, b text)')
  await sql.query('create index t_a on t (a desc)')
  await sql.query('create unique index t_b on t (b)')
  await sql.query("insert into t select n, nullif(n % 10, 3), nullif('b' || n, 'b7') from generate_series(1, 1000) n")
})
afterEach(async () => {
  vi.restoreAllMocks()
  await database.close()
})

async function counted(condition: string): Promise<{ count: string; shown: number }> {
  const next = vi.spyOn(TransactionCursor.prototype, 'next')
  const shown = await sql.show(`select count(*) from t ${condition}`)
  const calls = next.mock.calls.length
  next.mockRestore()
  return { count: shown.split('\n')[1]!, shown: calls }
}

describe('count(*)', () => {
  it.each([
    ['', 1000],
    ['where id > 400 and id <= 600', 200],
    ['where id in (1, 5, 5, 2000)', 2],
    ['where id = 7', 1],
    ['where id = null', 0],
    ['where a = 4', 100],
    ['where a >= 8', 200],
    ['where a < 2', 200],
    ['where a is null', 100],
    ["where b > 'b5' and b < 'b6'", 110],
    ['where id between 10 and 5', 0],
  ])('%s', async (condition, expected) => {
    const { rows } = (await sql.query(`select id from t ${condition}`)) as unknown as { rows: unknown[] }
    expect(rows).toHaveLength(expected)
    const { count, shown } = await counted(condition)
    expect(count).toBe(String(expected))
    expect(shown).toBeLessThan(20)
  })

  it('reads where a condition asks', async () => {
    const { count, shown } = await counted("where b like '%9'")
    expect(count).toBe('100')
    expect(shown).toBeGreaterThan(900)
  })

  it('has what the transaction wrote', async () => {
    await sql.query('begin')
    await sql.query('insert into t values (2000, 4)')
    await sql.query('delete from t where id <= 10')
    await sql.query('update t set a = 4 where a = 5')
    expect((await counted('')).count).toBe('991')
    expect((await counted('where a = 4')).count).toBe('199')
    await sql.query('delete from t where id <= 900')
    expect((await counted('')).count).toBe('101')
    await sql.query('rollback')
    expect((await counted('')).count).toBe('1000')
  })

  it('beside other aggregates, HAVING and joins', async () => {
    expect(await sql.show('select count(*), count(*) + 1 as more from t')).toBe('count|more\n1000|1001\n(1 row)')
    expect(await sql.show('select count(*), max(id) from t')).toBe('count|max\n1000|1000\n(1 row)')
    expect(await sql.show('select count(*) from t having count(*) > 1000')).toBe('count\n(0 rows)')
    expect(await sql.show('select count(*) filter (where id < 3) from t')).toBe('count\n2\n(1 row)')
    expect(await sql.show('select count(*) from t x join t y on y.id = x.a')).toBe('count\n800\n(1 row)')
    expect(await sql.show('select n, (select count(*) from t where a = n) from generate_series(3, 4) n')).toBe(
      'n|count\n3|0\n4|100\n(2 rows)',
    )
  })
})
