/** What it takes to bind and plan a statement grows with its text, not with a power of how deep it is nested. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Database } from '../../database/database.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { getType } from '../../model/table/types/registry.ts'
import { numberOfType, type TypeContent } from '../../model/table/types/user/content.ts'
import { typeOfContents } from '../../model/table/types/user/user-type.ts'
import type { QueryItem } from './bind/query.ts'
import { Scope } from './bind/scope.ts'
import { planOf } from './counted-testing.ts'
import type { Expression } from './expression/expression.ts'
import { PrintNumbers } from './expression/print-numbers.ts'
import { pushedDown } from './plan/push-down.ts'
import { loadSql } from './sql.ts'
import { freeNames } from './statement/naming.ts'
import { TestSql } from './testing.ts'
import { oid } from './types/oids.ts'

let database: Database
let sql: TestSql

beforeAll(async () => {
  await loadSql()
  database = await openTestDatabase()
  sql = new TestSql(database)
  await sql.query('CREATE TABLE t (a int PRIMARY KEY, b text)')
  await sql.query(`INSERT INTO t SELECT i, 'b' || i FROM generate_series(1, 5) i`)
})

afterAll(async () => database.close())

/** `inner`, within what `around` makes of it, so many times. */
function nested(depth: number, inner: string, around: (within: string, level: number) => string): string {
  let text = inner
  for (let level = 0; level < depth; level++) text = around(text, level)
  return text
}

test('a name is looked for once in each query around it', async () => {
  const depth = 16
  const text = nested(
    depth,
    'SELECT a FROM t',
    (within, level) => `WITH c${level} AS (${within}) SELECT a FROM c${level}`,
  )
  const lookUps = vi.spyOn(Scope.prototype, 'findCommonTable')
  const { rows } = await sql.query(`${text} ORDER BY a`)
  const { length } = lookUps.mock.calls
  lookUps.mockRestore()
  expect(rows).toEqual([[1], [2], [3], [4], [5]])
  expect(length).toBeLessThan(2 * depth ** 2)
})

test('names of WITH are seen from within the queries and the items of its block', async () => {
  const inner = 'SELECT a FROM (SELECT a FROM o WHERE a > (SELECT min(a) FROM (SELECT * FROM o) p)) q'
  const { rows } = await sql.query(
    `WITH o AS (SELECT a FROM t) SELECT * FROM (WITH i AS (${inner}) TABLE i) r ORDER BY a`,
  )
  expect(rows).toEqual([[2], [3], [4], [5]])
})

const column: Expression = { kind: 'column', type: oid.bool, modifier: -1, index: 0, name: 'c' }

test('a query is looked at once, however many conditions go into it', () => {
  let looks = 0
  const targets = new Proxy([column], {
    get: (all, key, receiver) => {
      if (key === 'some') looks++
      return Reflect.get(all, key, receiver) as unknown
    },
  })
  const tail = { order: [], limit: undefined, offset: undefined, withTies: false }
  const body = { kind: 'select', targets, tail, where: undefined, from: undefined, locking: [] }
  const item = { kind: 'query', first: 0, query: { columns: [{}], body } } as unknown as QueryItem
  const { query, rest } = pushedDown(
    item,
    Array.from({ length: 50 }, () => column),
  )
  expect(rest).toEqual([])
  expect(query.body).toMatchObject({ where: { kind: 'and', arguments: { length: 50 } } })
  expect(looks).toBe(1)
})

test('a condition that grows with each query it goes into stays behind at some point', async () => {
  const sums = nested(16, 't', (within, level) => `(SELECT DISTINCT a + a AS a FROM ${within}) s${level}`)
  const plan = await planOf(sql, `SELECT * FROM ${sums} WHERE a > 131072`)
  expect(plan.length).toBeLessThan(50_000)
  const { rows } = await sql.query(`SELECT * FROM ${sums} WHERE a > 131072 ORDER BY a`)
  expect(rows).toEqual([[196_608], [262_144], [327_680]])
})

describe('what is written once and compared several times', () => {
  /** With the number of levels that are refused: of many more a fault would hang. */
  const again: readonly (readonly [string, number, string, (within: string) => string])[] = [
    ['BETWEEN', 11, 'a > 1', (within) => `((${within}) BETWEEN false AND true)`],
    ['NOT BETWEEN', 11, 'a > 1', (within) => `((${within}) NOT BETWEEN false AND true)`],
    ['BETWEEN of constants', 11, 'true', (within) => `((${within}) BETWEEN false AND true)`],
    ['BETWEEN SYMMETRIC', 7, 'a > 1', (within) => `((${within}) BETWEEN SYMMETRIC false AND true)`],
    ['bounds of BETWEEN SYMMETRIC', 15, 'a > 1', (within) => `(true BETWEEN SYMMETRIC (${within}) AND true)`],
    ['CASE', 13, 'a', (within) => `CASE ${within} WHEN 1 THEN 2 WHEN 3 THEN 4 ELSE 5 END`],
    ['CASE of constants', 13, '1', (within) => `CASE ${within} WHEN 1 THEN 2 WHEN 3 THEN 4 ELSE 5 END`],
    ['NULLIF', 16, 'a', (within) => `NULLIF(${within}, 10)`],
    ['comparisons of rows', 10, 'a > 1', (within) => `((${within}, true) < (true, true))`],
    ['rows in a list', 12, 'a > 1', (within) => `((${within}, true) IN ((true, true), (false, true)))`],
    ['fields of a row', 0, 'a', (within) => `(SELECT r.f1 FROM (SELECT (ROW(${within}, 1, 2)).*) r)`],
  ]

  test.each(again)('%s: some levels answer', async (_name, _levels, inner, around) => {
    const { rows } = await sql.query(`SELECT ${nested(3, inner, around)} IS NULL FROM t`)
    expect(rows).toEqual(Array.from({ length: 5 }, () => [false]))
  })

  test.each(again.slice(0, -1))('%s: many are refused', async (_name, levels, inner, around) => {
    await expect(sql.query(`SELECT ${nested(levels, inner, around)} FROM t`)).rejects.toMatchObject({
      detail: { sqlState: '54001' },
      message: 'statement is too complex',
    })
  })

  test('a long list beside a plain column is not counted', async () => {
    const branches = Array.from({ length: 900 }, (_, i) => `WHEN ${i} THEN ${i}`).join(' ')
    const { rows } = await sql.query(`SELECT CASE a ${branches} END FROM t ORDER BY 1`)
    expect(rows).toEqual([[1], [2], [3], [4], [5]])
    const ranges = Array.from({ length: 400 }, (_, i) => `a BETWEEN ${i} AND ${i}`).join(' OR ')
    expect((await sql.query(`SELECT a FROM t WHERE ${ranges} ORDER BY a`)).rows).toHaveLength(5)
  })
})

test('a name is made of each part of a grouped expression once', () => {
  let texts = 0
  const call = (within: Expression): Expression => ({
    kind: 'array',
    type: oid.int4Array,
    modifier: -1,
    get elements() {
      texts++
      return [within]
    },
  })
  const prints = new PrintNumbers()
  let deep: Expression = column
  const numbers = new Set([prints.of(deep)])
  for (let i = 0; i < 200; i++) numbers.add(prints.of((deep = call(deep))))
  expect(numbers.size).toBe(201)
  expect(texts).toBe(200)
  expect(prints.of(call(column))).toBe([...numbers][1])
})

test('what a type is made of is found once for each type', () => {
  const contents: Record<string, TypeContent> = {}
  for (let id = 1; id <= 16; id++) {
    const part = id === 1 ? oid.int4 : numberOfType(id - 1)
    const fields = ['x', 'y'].map((name, i) => ({ number: i + 1, name, type: part, modifier: -1 }))
    contents[id] = { kind: 'composite', id, schema: 'planning', name: `c${id}`, fields, nextField: 3 }
  }
  let found = 0
  const type = typeOfContents(numberOfType(16), contents, (number) => {
    found++
    return getType(number)
  })
  expect(type.fields).toHaveLength(2)
  expect(type.fields![0]!.type).toBe(type.fields![1]!.type)
  expect(found).toBe(2)
})

test('a table of too many columns is refused before any of them is looked at', async () => {
  const columns = Array.from({ length: 1601 }, () => 'c nowhere').join(', ')
  await expect(sql.query(`CREATE TABLE w (${columns})`)).rejects.toMatchObject({ detail: { sqlState: '54011' } })
})

test('names of constraints are looked for from where the last one was found', async () => {
  let asked = 0
  const taken = new Set<string>()
  const nameOf = freeNames((name) => {
    asked++
    return taken.has(name)
  })
  const names = Array.from({ length: 100 }, () => {
    const name = nameOf('w', 'a', 'check')
    taken.add(name)
    return name
  })
  expect(asked).toBe(199)
  expect([names[0], names[1], names[99]]).toEqual(['w_a_check', 'w_a_check1', 'w_a_check99'])
  await sql.query(
    'CREATE TABLE k (a int CHECK (a > 1), b int CHECK (b > 1), CHECK (a > 2), CHECK (a > b), CHECK (b > a))',
  )
  const { rows } = await sql.query(`SELECT conname FROM pg_constraint WHERE conrelid = 'k'::regclass ORDER BY 1`)
  expect(rows.flat()).toEqual(['k_a_check', 'k_a_check1', 'k_b_check', 'k_check', 'k_check1'])
})
