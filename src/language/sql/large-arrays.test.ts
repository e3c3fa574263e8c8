/** Arrays as long as a message: what a statement does with one in a turn is bounded, and charged for. Work is counted. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Decimal } from '../../base/decimal.ts'
import { MemoryAccount } from '../../base/memory-account.ts'
import { turnUnits, unitsDone } from '../../base/work.ts'
import type { Database } from '../../database/database.ts'
import { RowReader } from '../../model/table/codec.ts'
import { paused, type SqlValue } from './contract.ts'
import { openCountedDatabase } from './counted-testing.ts'
import { parse, prepare } from './sql.ts'
import { TestSql } from './testing.ts'

let database: Database
let sql: TestSql

const length = 20_000
/** Of an array that takes several turns by itself. */
const manyElements = 200_000
const numbers = Array.from({ length }, (_, i) => (i * 7919) % 20_011)

const largeValues: SqlValue[] = [
  Array.from({ length: manyElements }, (_, i) => (i % 1000 === 7 ? null : i)),
  Array.from({ length: manyElements }, (_, i) => `text ${i}`),
  Array.from({ length: manyElements }, (_, i) => Decimal.of(BigInt(i), 2)),
  new Uint8Array(8_000_000).fill(7),
  '1101'.repeat(900_000),
]

beforeAll(async () => {
  // Every page is resident: nothing is counted twice.
  database = await openCountedDatabase()
  sql = new TestSql(database)
  await sql.query('CREATE TABLE item (id int PRIMARY KEY, name text UNIQUE)')
  await sql.query("INSERT INTO item SELECT i, 'no. ' || i FROM generate_series(1, 100) i")
  await sql.query('CREATE TABLE list (id int, numbers int[], bytes bytea)')
  await sql.query('INSERT INTO list VALUES (1, $1, $2)', [numbers.slice(0, 5000), new Uint8Array(1000)])
  await sql.query(
    'CREATE TABLE stored (id int PRIMARY KEY, numbers int[], texts text[], sums numeric[], bytes bytea, bits varbit)',
  )
  await sql.query('INSERT INTO stored VALUES (1, $1, $2, $3, $4, $5)', largeValues)
})

afterAll(() => database.close())

/** What each turn has charged, and how many rows came with each batch. */
function turnsOf(
  text: string,
  parameters: readonly SqlValue[],
  readOnly = true,
): { units: number[]; batches: number[] } {
  const prepared = prepare(parse(text)[0]!, sql.context(), [])
  const execution = prepared.execute(parameters)
  const transaction = database.begin({ isolation: 'repeatable read', readOnly, interactive: true })
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

test.each([
  ['integers', 'SELECT numbers FROM stored'],
  ['texts', 'SELECT texts FROM stored'],
  ['numerics', 'SELECT sums FROM stored'],
  ['integers and texts', 'SELECT numbers, texts FROM stored'],
  ['bits', 'SELECT bits FROM stored'],
])('large %s are read some of it a turn', (_, text) => {
  const { units } = turnsOf(text, [])
  expect(units.length).toBeGreaterThan(3)
  // What the scan charges for a large row comes on top of what reading it has charged.
  expect(Math.max(...units)).toBeLessThan(3 * turnUnits)
})

test.each([
  ['integers', 'INSERT INTO stored (id, numbers) VALUES (2, $1)', 0],
  ['texts', 'INSERT INTO stored (id, texts) VALUES (2, $1)', 1],
  ['numerics', 'INSERT INTO stored (id, sums) VALUES (2, $1)', 2],
  ['bits', 'INSERT INTO stored (id, bits) VALUES (2, $1)', 4],
])('large %s are written some of it a turn', (_, text, value) => {
  const { units } = turnsOf(text, [largeValues[value]!], false)
  expect(units.length).toBeGreaterThan(3)
  expect(Math.max(...units)).toBeLessThan(2 * turnUnits)
})

test('what was read and written in turns is what it was', async () => {
  const { rows } = await sql.query('SELECT numbers, texts, sums, bytes, bits FROM stored')
  // Element by element a matcher would take minutes.
  for (const [i, value] of largeValues.entries()) expect(String(rows[0]![i]) === String(value), `${i}`).toBe(true)
  const array = Array.from({ length: 3000 }, (_, i) => [`a ${i}`, null])
  await sql.query('CREATE TABLE nested (v text[])')
  await sql.query('INSERT INTO nested VALUES ($1)', [array])
  expect((await sql.query('SELECT v FROM nested')).rows).toEqual([[array]])
})

test('elements of a stored array come in whole batches, though each row has the array beside it', () => {
  const { batches } = turnsOf('SELECT unnest(numbers) FROM list', [])
  expect(batches.reduce((sum, one) => sum + one, 0)).toBe(5000)
  expect(batches.length).toBeLessThan(60)
})

test.each<[string, string, SqlValue[]]>([
  [
    'a parameter',
    'SELECT count(*) FROM generate_series(1, 3000) i WHERE i = ANY($1)',
    [...numbers, ...numbers, ...numbers],
  ],
  ['a parameter, negated', 'SELECT count(*) FROM generate_series(1, 3000) i WHERE i <> ALL($1)', numbers],
  ['an outer row', 'SELECT count(*) FROM (SELECT $1::int[] a) l, generate_series(1, 3000) i WHERE i = ANY(a)', numbers],
  ['texts', "SELECT count(*) FROM generate_series(1, 3000) i WHERE i || '' = ANY($1::text[])", numbers.map(String)],
])('an array of %s is not gone through for every row', (_, text, list) => {
  const { units } = turnsOf(text, [list])
  expect(units.reduce((sum, one) => sum + one, 0)).toBeLessThan(length * 1000)
  expect(Math.max(...units)).toBeLessThan(2 * turnUnits)
})

test('sets of arrays answer as the operator does, element by element', async () => {
  // The first one meets an array that was not there before.
  const values = [
    "(9, 9.0, 'x', 9::float8)",
    "(0, 1.0, 'a', '-0')",
    "(1, 2.50, 'A', 'NaN')",
    "(2, 7.0, '', 3)",
    '(NULL, NULL, NULL, NULL)',
  ]
  const columns = [
    ['i', 'int', ['0', '2', '5']],
    ['n', 'numeric', ['1.00', '2.5', '8']],
    ['t', 'text', ['a', '""', 'zz']],
    ['f', 'float8', ['0', 'NaN', '4']],
  ] as const
  for (const [column, type, found] of columns) {
    for (const nulls of [[], ['NULL']]) {
      const ask = async (elements: readonly string[]): Promise<unknown> => {
        const array = `'{${elements.join(',')}}'::${type}[]`
        const { rows } = await sql.query(
          `SELECT v.${column} = ANY(l.a), v.${column} <> ALL(l.a), v.${column} = ANY(${array}), v.${column} <> ALL(${array})
          FROM (SELECT array_agg(x) a FROM unnest(${array}) x) l,
            (VALUES ${values.join(', ')}) v(i, n, t, f)`,
        )
        return rows
      }
      // Beside 20 values that nobody has: more than are compared one by one.
      const others = Array.from({ length: 20 }, (_, i) => `${1000 + i}`)
      expect(await ask([...others, ...found, ...nulls]), column).toEqual(await ask([...found, ...nulls]))
    }
  }
})

test('sets of arrays that have been replaced are not held', async () => {
  const text = `SELECT count(*) FROM (SELECT array_agg(i + j) a FROM generate_series(1, 500) i, generate_series(1, 50) j GROUP BY j) l,
    generate_series(1, 3) i WHERE i = ANY(l.a)`
  const most = vi.spyOn(MemoryAccount.prototype, 'charge')
  const given = vi.spyOn(MemoryAccount.prototype, 'release')
  await sql.query(text)
  const sum = (calls: readonly (readonly unknown[])[]): number => calls.reduce((all, [bytes]) => all + Number(bytes), 0)
  const charged = most.mock.calls.filter(([, what]) => what === 'the set of an array')
  // All 50 are as large, and the last one goes with the statement.
  const each = sum(charged) / 50
  expect(each).toBeGreaterThan(1000)
  expect(given.mock.calls.filter(([bytes]) => bytes === each)).toHaveLength(49)
  vi.restoreAllMocks()
})

test('several dear calls of a row that is found by its key come to their end, and it is read once', async () => {
  const begun = vi.spyOn(RowReader.prototype, 'begin')
  const bounded = new TestSql(database, false, 120)
  const found = await bounded.query(
    'SELECT array_length(numbers, 1), array_length(texts, 1), array_length(sums, 1) FROM stored WHERE id = 1',
  )
  expect(found.rows).toEqual([[manyElements, manyElements, manyElements]])
  expect(begun).toHaveBeenCalledTimes(1)
  begun.mockRestore()
  const changed = await bounded.query(
    'UPDATE stored SET id = 3 WHERE id = 1 AND array_length(numbers, 1) = array_length(texts, 1) AND sums[7] = 0.06',
  )
  expect(changed.rowCount).toBe(1)
})

test('bits of any number are stored, read and combined digit by digit', async () => {
  await sql.query('CREATE TABLE bits (id int PRIMARY KEY, b varbit)')
  const random = (count: number, seed: number): string =>
    Array.from({ length: count }, (_, i) => (((i + 1) * seed) % 7) & 1).join('')
  for (const [id, count] of [0, 1, 7, 8, 9, 262_143, 262_144, 524_289, 800_003].entries()) {
    const [a, b] = [random(count, 3 + id), random(count, 5 + id)]
    await sql.query('INSERT INTO bits VALUES ($1, $2)', [id, a])
    expect((await sql.query('SELECT b FROM bits WHERE id = $1', [id])).rows[0]![0] === a, `${count}`).toBe(true)
    const combined =
      'SELECT b & $2, b | $2, b # $2, ~b, (SELECT bit_xor(v) FROM (VALUES (b), ($2)) v (v)) FROM bits WHERE id = $1'
    const { rows } = await sql.query(combined, [id, b])
    const expected = [
      (x: number, y: number): number => x & y,
      (x: number, y: number): number => x | y,
      (x: number, y: number): number => x ^ y,
      (x: number): number => 1 - x,
      (x: number, y: number): number => x ^ y,
    ].map((of) => Array.from(a, (digit, i) => of(Number(digit), Number(b[i]))).join(''))
    for (const [i, one] of expected.entries()) expect(rows[0]![i] === one, `${count} bits, ${i}`).toBe(true)
  }
})
