/** Conditions that are the same for all rows: where one does not hold, no row is read. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../database/database.ts'
import type { SqlValue } from './contract.ts'
import { openCountedDatabase, planOf, rowsRead } from './counted-testing.ts'
import { TestSql } from './testing.ts'

let database: Database
let sql: TestSql

beforeAll(async () => {
  database = await openCountedDatabase()
  sql = new TestSql(database)
  await sql.query('CREATE TABLE a (id int PRIMARY KEY, n int)')
  await sql.query('INSERT INTO a SELECT i, i % 10 FROM generate_series(1, 100) i')
  await sql.query('CREATE TABLE none (id int)')
})
afterAll(() => database.close())

describe('no row is read', () => {
  test.each<[string, SqlValue[]]>([
    ['SELECT * FROM a WHERE false', []],
    ['SELECT * FROM a WHERE NULL', []],
    ['SELECT * FROM a WHERE n = 3 AND $1 = 2', [1]],
    ['SELECT count(*) FROM a WHERE $1::bool', [false]],
    ['SELECT * FROM a WHERE EXISTS (SELECT 1 FROM none)', []],
    ['SELECT * FROM a, a b WHERE a.id = b.n AND (SELECT count(*) FROM none) > 0', []],
    ['UPDATE a SET n = 1 WHERE $1 = 2', [1]],
    ['DELETE FROM a WHERE 1 = 0', []],
    ['SELECT * FROM a WHERE false ORDER BY id LIMIT 3', []],
    ['SELECT * FROM a WHERE 1 > 2 FOR UPDATE', []],
  ])('%s', async (text, parameters) => {
    expect(await rowsRead(sql, text, parameters)).toBe(0)
  })
})

test('what may differ from row to row is asked of each', async () => {
  expect(await rowsRead(sql, 'SELECT * FROM a WHERE random() < 0')).toBe(100)
  expect((await sql.query('SELECT * FROM a WHERE random() >= 0 AND $1 = 1', [1])).rows).toHaveLength(100)
})

test('what an outer query hands in is asked for each of its rows', async () => {
  const inner = '(SELECT count(*) FROM none FULL JOIN a b ON none.id = b.id WHERE a.n = 3)'
  const { rows } = await sql.query(`SELECT a.id, ${inner} FROM a WHERE a.id <= 4 ORDER BY 1`)
  expect(rows.map(([, count]) => Number(count))).toEqual([0, 0, 100, 0])
  const lateral =
    'SELECT a.id, l.id FROM a, LATERAL (SELECT b.id FROM a b WHERE a.n = 3 OFFSET 99) l ORDER BY 1 LIMIT 2'
  expect((await sql.query(lateral)).rows).toEqual([
    [3, 100],
    [13, 100],
  ])
})

test('is shown as PostgreSQL shows it', async () => {
  expect(await planOf(sql, 'SELECT * FROM a WHERE false', '(COSTS OFF)')).toBe('Result\n  One-Time Filter: false')
  expect(await planOf(sql, 'SELECT * FROM a WHERE NULL AND n = 1', '(COSTS OFF)')).toBe(
    'Result\n  One-Time Filter: false',
  )
  expect(await planOf(sql, "SELECT * FROM a WHERE n = 3 AND current_user = 'x'", '(COSTS OFF)')).toBe(
    ['Result', "  One-Time Filter: (CURRENT_USER = 'x'::name)", '  ->  Seq Scan on a', '        Filter: (n = 3)'].join(
      '\n',
    ),
  )
  expect(await planOf(sql, 'SELECT 1 WHERE EXISTS (SELECT 1 FROM none)', '(COSTS OFF)')).toContain('One-Time Filter: ')
})
