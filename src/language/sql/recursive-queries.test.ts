/** What recursive queries hold, and that they end; `golden/recursive-queries.txt` has what they answer. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Database } from '../../database/database.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { drainWaiting, smallMemory } from '../../query/testing.ts'
import { RowSource } from '../../query/row-operators.ts'
import type { Operator } from '../../query/operator.ts'
import { RecursiveUnion } from './plan/recursive-union.ts'
import type { SqlRow, SqlRun } from './plan/run.ts'
import { workingTable } from './plan/working-table.ts'
import { loadSql } from './sql.ts'
import { TestSql } from './testing.ts'

let database: Database
beforeAll(async () => {
  await loadSql()
  database = await openTestDatabase()
})
afterAll(async () => database.close())

it('a recursion without end gives as many rows as are asked for, and can be canceled', async () => {
  const sql = new TestSql(database, false, 40)
  const endless = 'with recursive t(n) as (select 1 union all select n + 1 from t)'
  expect((await sql.query(`${endless} select * from t limit 3`)).rows).toEqual([[1], [2], [3]])
  await expect(sql.query(`${endless} select count(*) from t`)).rejects.toThrow('too many rows')
  const silent = 'with recursive t(n) as (select 1 union all select n from t) select * from t where n = 2'
  await expect(sql.query(silent)).rejects.toThrow('too many rows')
})

it('rounds that do not fit into memory are the same from a file, and nothing is held at the end', async () => {
  const count = 3000
  const memory = await smallMemory(4000)
  const run = Object.assign(memory.run, { captures: [], shared: new Map(), subqueries: [], parameters: [] })
  const source = workingTable('t', 0, [{ name: 'n', type: 23, modifier: -1 }])
  const first = (): Operator<SqlRow, SqlRun> =>
    new RowSource<SqlRow, SqlRun>(() => Array.from({ length: count }, (_, n): SqlRow => [n])[Symbol.iterator]())
  const doubled = (): Operator<SqlRow, SqlRun> =>
    new RowSource<SqlRow, SqlRun>((own) => {
      const rows = source.slowRows!(own, [])
      const next = (): IteratorResult<SqlRow> => {
        const step = rows.next()
        if (step.done === true || typeof step.value === 'symbol') return step as IteratorResult<SqlRow>
        const n = step.value[0] as number
        return n < 3 * count ? { done: false, value: [n + count] } : next()
      }
      return { next }
    })
  const union = new RecursiveUnion(0, first(), doubled(), undefined)
  const rows = await drainWaiting(union as never, run)
  expect(rows).toEqual(Array.from({ length: 4 * count }, (_, n) => [n]))
  union.reset()
  expect(memory.workspace.memory.usedBytes).toBe(0)
  expect(memory.temporary).toMatchObject({ usedBytes: 0, openFiles: 0 })
})
