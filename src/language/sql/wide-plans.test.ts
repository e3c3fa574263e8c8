/** Queries that read each other again and again: what is planned, estimated and shown of them is of the size of the text. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Database } from '../../database/database.ts'
import { openCountedDatabase } from './counted-testing.ts'
import { Measures } from './plan/measures.ts'
import { TestSql } from './testing.ts'

let database: Database
let sql: TestSql

beforeAll(async () => {
  database = await openCountedDatabase()
  sql = new TestSql(database)
})

afterAll(() => database.close())

/** Each reads the one before it twice: followed through all readers the last would be 2⁶⁰ queries. */
function doubling(query: string): string {
  const queries = ['q0 AS (SELECT 1 AS x)']
  for (let i = 1; i < 60; i++) queries.push(`q${i} AS (SELECT a.x FROM q${i - 1} a, q${i - 1} b)`)
  return `WITH ${queries.join(', ')} ${query}`
}

test('WITH queries that read each other twice are planned and run once each', async () => {
  const { rows } = await sql.query(doubling('SELECT count(*) FROM q59'))
  expect(rows).toEqual([[1n]])
})

test('EXPLAIN shows the plan of a WITH query below the first of its readers', async () => {
  const { rows } = await sql.query(`EXPLAIN (COSTS off) ${doubling('SELECT * FROM q2')}`)
  expect(rows.map(([line]) => line)).toMatchInlineSnapshot(`
    [
      "CTE Scan on q2",
      "  ->  Nested Loop",
      "        ->  CTE Scan on a",
      "              ->  Nested Loop",
      "                    ->  CTE Scan on a",
      "                          ->  Result",
      "                    ->  Materialize",
      "                          ->  CTE Scan on b",
      "        ->  Materialize",
      "              ->  CTE Scan on b",
    ]
  `)
  const all = await sql.query(`EXPLAIN ${doubling('SELECT * FROM q59')}`)
  expect(all.rows.length).toBeLessThan(400)
  const json = await sql.query(`EXPLAIN (FORMAT JSON) ${doubling('SELECT * FROM q59')}`)
  expect((json.rows[0]![0] as string).split('CTE Scan').length).toBeLessThan(200)
})

test('columns of nested queries that are read twice at each level do not grow with each', async () => {
  await sql.query('CREATE TABLE one (x numeric)')
  await sql.query('INSERT INTO one VALUES (1)')
  let query = 'SELECT x FROM one'
  for (let i = 0; i < 60; i++) query = `SELECT a.x + a.x AS x FROM (${query}) a`
  const { rows } = await sql.query(query)
  expect(rows.map(([value]) => String(value))).toEqual([String(2n ** 60n)])
})

test('views over views are refused where they are read too often', async () => {
  const twice = (i: number): string => `CREATE VIEW v${i} AS SELECT a.x FROM v${i - 1} a, v${i - 1} b`
  await sql.query('CREATE VIEW v0 AS SELECT 1 AS x')
  for (let i = 1; i < 9; i++) await sql.query(twice(i))
  expect((await sql.query('SELECT * FROM v8')).rows).toEqual([[1]])
  await expect(sql.query(twice(9))).rejects.toMatchObject({ message: 'more than 1000 views are read' })
})

test('of joins within joins each is estimated once', async () => {
  await sql.query('CREATE TABLE wide (a int, b int, c int, d int, e int, f int)')
  await sql.query('INSERT INTO wide SELECT i, i, i, i, i, i FROM generate_series(1, 100) i')
  const asked = vi.spyOn(Measures.prototype, 'sizeOf')
  const askedOf = async (tables: number): Promise<number> => {
    const names = Array.from({ length: tables }, (_, i) => `wide w${i}`)
    asked.mockClear()
    await sql.query(`EXPLAIN SELECT 1 FROM ${names.join(' NATURAL JOIN ')}`)
    return asked.mock.calls.length
  }
  const [few, many] = [await askedOf(40), await askedOf(160)]
  asked.mockRestore()
  expect(few).toBeGreaterThan(40)
  expect(many).toBeLessThan(6 * few)
})
