/** What windows cost, by the rows that they look at; `golden/windows.txt` has what they answer. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { Database } from '../../database/database.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { PartitionRows } from '../../query/partition-rows.ts'
import { loadSql } from './sql.ts'
import { TestSql } from './testing.ts'

let database: Database
let sql: TestSql
const rows = 3000

beforeAll(async () => {
  await loadSql()
  database = await openTestDatabase()
  sql = new TestSql(database)
})
afterAll(async () => database.close())

async function looksPerRow(call: string): Promise<number> {
  const spy = vi.spyOn(PartitionRows.prototype, 'row')
  await sql.query(`select ${call} from generate_series(1, ${rows}) x`)
  const looks = spy.mock.calls.length
  spy.mockRestore()
  return looks / rows
}

it.each([
  'sum(x) over (order by x)',
  'sum(x) over ()',
  'array_length(array_agg(x) over (order by x rows 3 preceding), 1)',
  'max(x) over (order by x)',
  'sum(x) over (order by x rows 1000 preceding)',
  'avg(x::numeric) over (order by x rows between 500 preceding and 500 following)',
  'count(*) over (order by x range between 700 preceding and 700 following)',
  'count(*) over (order by x groups between 700 preceding and 700 following)',
  'bool_or(x > 5) over (order by x rows between 400 preceding and current row)',
  'sum(x) over (order by x rows between 900 preceding and current row exclude current row)',
  'first_value(x) over (order by x rows 900 preceding), nth_value(x, 3) over (order by x rows 900 preceding)',
])('a window is gone through a few times, however wide its frames are: %s', async (call) => {
  expect(await looksPerRow(call)).toBeLessThan(12)
})

it('sorts once for windows that share an order, and not again for what the last one has sorted', async () => {
  const plan = async (text: string): Promise<string> => {
    const result = await sql.query(`explain (costs off) ${text}`)
    return result.rows.map(([line]) => line as string).join('\n')
  }
  const sorts = async (text: string): Promise<number> => (await plan(text)).split('Sort Key').length - 1
  const shared = `select rank() over w, sum(x) over (partition by x % 3), lag(x) over (partition by x % 3 order by x rows 1 preceding)
    from generate_series(1, 9) x window w as (partition by x % 3 order by x)`
  expect(await sorts(shared)).toBe(1)
  expect(await sorts('select x, rank() over (order by x) from generate_series(1, 9) x order by x')).toBe(1)
  expect(await sorts('select x, rank() over (order by x) from generate_series(1, 9) x order by x desc')).toBe(2)
})
