/** Arrays as long as a message: what a statement does with one in a turn is bounded, and charged for. Work is counted. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { turnUnits, unitsDone } from '../../base/work.ts'
import type { Database } from '../../database/database.ts'
import { paused, type SqlValue } from './contract.ts'
import { openCountedDatabase } from './counted-testing.ts'
import { parse, prepare } from './sql.ts'
import { TestSql } from './testing.ts'

let database: Database
let sql: TestSql

const length = 20_000
const numbers = Array.from({ length }, (_, i) => (i * 7919) % 20_011)

beforeAll(async () => {
  // Every page is resident: nothing is counted twice.
  database = await openCountedDatabase()
  sql = new TestSql(database)
  await sql.query('CREATE TABLE item (id int PRIMARY KEY, name text UNIQUE)')
  await sql.query("INSERT INTO item SELECT i, 'no. ' || i FROM generate_series(1, 100) i")
  await sql.query('CREATE TABLE list (id int, numbers int[], bytes bytea)')
  await sql.query('INSERT INTO list VALUES (1, $1, $2)', [numbers.slice(0, 5000), new Uint8Array(1000)])
})

afterAll(() => database.close())

/** What each turn has charged, and how many rows came with each batch. */
function turnsOf(text: string, parameters: readonly SqlValue[]): { units: number[]; batches: number[] } {
  const prepared = prepare(parse(text)[0]!, sql.context(), [])
  const execution = prepared.execute(parameters)
  const transaction = database.begin({ isolation: 'repeatable read', readOnly: true, interactive: true })
  transaction.beginStatement()
  const units: number[] = []
  const batches: number[] = []
  for (;;) {
    transaction.slice.renew()
    const batch = execution.next(transaction, sql.context(transaction))
    units.push(unitsDone())
    if (batch === undefined) break
    if (batch === paused) transaction.leaveTurn(true)
    else batches.push(batch.length)
  }
  transaction.endStatement()
  transaction.rollback()
  return { units, batches }
}

test.each<[string, string, SqlValue[]]>([
  ['read by the primary key', 'SELECT id FROM item WHERE id = ANY($1)', numbers],
  ['counted by the primary key', 'SELECT count(*) FROM item WHERE id = ANY($1)', numbers],
  ['read by an index of texts', 'SELECT id FROM item WHERE name = ANY($1)', numbers.map((n) => `no. ${n}`)],
  [
    'of two dimensions',
    'SELECT id FROM item WHERE id = ANY($1)',
    [numbers.slice(0, length / 2), numbers.slice(length / 2)],
  ],
])('= ANY of a long array, %s', (_, text, list) => {
  const { units } = turnsOf(text, [list])
  // Sorting alone is as much.
  expect(units.reduce((sum, one) => sum + one, 0)).toBeGreaterThan(length * 500)
  expect(Math.max(...units)).toBeLessThan(2 * turnUnits)
})

test('elements of a stored array come in whole batches, though each row has the array beside it', () => {
  const { batches } = turnsOf('SELECT unnest(numbers) FROM list', [])
  expect(batches.reduce((sum, one) => sum + one, 0)).toBe(5000)
  expect(batches.length).toBeLessThan(60)
})
