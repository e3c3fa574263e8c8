/** EXPLAIN (FORMAT JSON) names relations, aliases, indexes and kinds of joins apart, as PostgreSQL's does. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../database/database.ts'
import { openCountedDatabase } from './counted-testing.ts'
import { TestSql } from './testing.ts'

let database: Database
let sql: TestSql

beforeAll(async () => {
  database = await openCountedDatabase()
  sql = new TestSql(database)
  await sql.query('CREATE TABLE e (id int PRIMARY KEY, n int)')
  await sql.query('CREATE TABLE f (id int PRIMARY KEY, n int)')
  await sql.query('INSERT INTO e SELECT i, i % 50 FROM generate_series(1, 500) i')
  await sql.query('INSERT INTO f SELECT i, i % 50 FROM generate_series(1, 500) i')
})

afterAll(() => database.close())

interface Plan {
  readonly 'Node Type': string
  readonly Plans?: readonly Plan[]
  readonly [name: string]: unknown
}

async function planOf(text: string): Promise<Plan> {
  const { rows } = await sql.query(`EXPLAIN (FORMAT JSON) ${text}`)
  return (JSON.parse(rows[0]![0] as string) as [{ Plan: Plan }])[0].Plan
}

function* nodes(plan: Plan): Generator<Plan> {
  yield plan
  for (const one of plan.Plans ?? []) yield* nodes(one)
}

async function nodeOf(text: string, type: string): Promise<Plan | undefined> {
  return [...nodes(await planOf(text))].find((one) => one['Node Type'] === type)
}

test('scans', async () => {
  const scan = await planOf('SELECT * FROM e x')
  expect(scan).toMatchObject({ 'Node Type': 'Seq Scan', 'Relation Name': 'e', Alias: 'x', 'Plan Rows': 500 })
  expect(scan['Total Cost']).toBeGreaterThan(0)
  const backward = { 'Scan Direction': 'Backward', 'Index Name': 'e_pkey', 'Relation Name': 'e', Alias: 'e' }
  expect(await nodeOf('SELECT * FROM e ORDER BY id DESC', 'Index Scan')).toMatchObject(backward)
  const found = { 'Scan Direction': 'Forward', 'Index Cond': '(id = 3)', 'Plan Rows': 1 }
  expect(await nodeOf('SELECT * FROM e WHERE id = 3', 'Index Scan')).toMatchObject(found)
})

test('joins and what is below them', async () => {
  const join = await nodeOf('SELECT * FROM e LEFT JOIN f ON e.n = f.n', 'Hash Join')
  expect(join).toMatchObject({ 'Join Type': 'Left' })
  expect(join!.Plans!.map((one) => one['Parent Relationship'])).toEqual(['Outer', 'Inner'])
  expect(join!.Plans![1]).toMatchObject({ 'Node Type': 'Hash', Plans: [{ 'Relation Name': 'f' }] })
  expect(await nodeOf('SELECT * FROM e JOIN f ON e.n < f.n', 'Nested Loop')).toMatchObject({ 'Join Type': 'Inner' })
})

test('aggregates, subqueries, writes', async () => {
  expect(await nodeOf('SELECT n, count(*) FROM e GROUP BY n', 'Aggregate')).toMatchObject({ Strategy: 'Hashed' })
  const all = [...nodes(await planOf('SELECT * FROM e WHERE n = (SELECT max(n) FROM f)'))]
  expect(all.find((one) => one['Parent Relationship'] === 'InitPlan')).toMatchObject({
    'Subplan Name': expect.stringMatching(/^InitPlan/) as string,
  })
  expect(await planOf('UPDATE e x SET n = 1 WHERE id = 2')).toMatchObject({
    'Node Type': 'ModifyTable',
    Operation: 'Update',
    'Relation Name': 'e',
    Alias: 'x',
  })
  expect(await planOf('INSERT INTO f SELECT * FROM e')).toMatchObject({ Operation: 'Insert', 'Relation Name': 'f' })
})

test('times of nodes, of planning and of running', async () => {
  const { rows } = await sql.query('EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM e')
  const [whole] = JSON.parse(rows[0]![0] as string) as [{ Plan: Plan }]
  expect(whole).toMatchObject({
    Plan: { 'Actual Total Time': expect.any(Number) as number, 'Actual Rows': 500, 'Actual Loops': 1 },
    'Planning Time': expect.any(Number) as number,
    'Execution Time': expect.any(Number) as number,
  })
  const { rows: planned } = await sql.query('EXPLAIN (SUMMARY, COSTS off) SELECT * FROM e')
  expect(planned.join('\n')).toMatch(/^Seq Scan on e\nPlanning Time: \d+\.\d{3} ms$/)
})
