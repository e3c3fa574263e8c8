/** Long statements are bound in many turns of bounded work, and mean what they mean bound at once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../database/database.ts'
import { openTestDatabase } from '../../database/testing.ts'
import type { PreparedStatement } from './contract.ts'
import { Progress } from './progress.ts'
import { loadSql, parse, prepare, prepareSteps } from './sql.ts'
import { TestSql } from './testing.ts'
import { PolylogError } from '../../base/errors.ts'

let database: Database
let session: TestSql

beforeAll(async () => {
  await loadSql()
  database = await openTestDatabase()
  session = new TestSql(database)
  await session.query('CREATE TABLE t (a int PRIMARY KEY, b text, c numeric(6,2))')
  await session.query(`INSERT INTO t SELECT i, 'name ' || i, i FROM generate_series(1, 50) i`)
})

afterAll(async () => database.close())

const times = (count: number, item: (i: number) => string, separator = ', '): string =>
  Array.from({ length: count }, (_, i) => item(i)).join(separator)

/** The plan, and the most elements that any turn did. */
function prepareInTurns(text: string): { prepared: PreparedStatement; progress: Progress; most: number } {
  const progress = new Progress()
  const steps = prepareSteps(parse(text)[0]!, session.context(), [], progress)
  let most = 0
  for (let before = 0; ; before = progress.total) {
    const step = steps.next()
    most = Math.max(most, progress.total - before)
    if (step.done === true) return { prepared: step.value, progress, most }
  }
}

const statements: readonly (readonly [string, string])[] = [
  ['VALUES to insert', `INSERT INTO t VALUES ${times(4000, (i) => `(${i + 100}, 'x${i}', ${i % 9}.5)`)}`],
  ['rows of expressions', `INSERT INTO t (a, b) VALUES ${times(1500, (i) => `(${i} + 100, upper('x${i}'))`)}`],
  ['VALUES', `SELECT count(*) FROM (VALUES ${times(2500, (i) => `(${i}, 'x')`)}) v(a, b)`],
  ['IN', `SELECT count(*) FROM t WHERE a IN (${times(4000, (i) => `${i * 7 - 100}`)})`],
  ['NOT IN', `SELECT count(*) FROM t WHERE c NOT IN (${times(4000, (i) => `${i}.00`)})`],
  ['IN of expressions', `SELECT count(*) FROM t WHERE a IN (${times(1500, (i) => `a + ${i}`)})`],
  ['OR', `SELECT count(*) FROM t WHERE ${times(1500, (i) => `a = ${i} AND b = 'name ${i}'`, ' OR ')}`],
  ['AND', `SELECT count(*) FROM t WHERE ${times(1500, (i) => `a <> ${i * 2}`, ' AND ')}`],
  ['ARRAY', `SELECT array_length(ARRAY[${times(4000, String)}], 1)`],
  ['CASE', `SELECT sum(CASE a ${times(1500, (i) => `WHEN ${i} THEN ${i * 2}`, ' ')} END) FROM t`],
  ['COALESCE', `SELECT COALESCE(${times(3000, () => 'NULL')}, 'x')`],
  ['GREATEST', `SELECT GREATEST(${times(3000, (i) => `${i % 777}`)})`],
  [
    'subqueries',
    `SELECT count(*) FROM t WHERE ${times(250, (i) => `EXISTS (SELECT FROM t u WHERE u.a = t.a + ${i})`, ' OR ')}`,
  ],
  ['UPDATE', `UPDATE t SET b = CASE a ${times(1500, (i) => `WHEN ${i} THEN 'v${i}'`, ' ')} END`],
  ['DELETE', `DELETE FROM t WHERE a IN (${times(4000, (i) => `${i + 25}`)})`],
]

describe.each(statements)('%s', (_, text) => {
  test('no turn does more than a bounded amount, and it answers the same', async () => {
    const { prepared, progress, most } = prepareInTurns(text)
    expect(progress.turns).toBeGreaterThan(2)
    expect(most).toBeLessThan(1600)
    const atOnce = prepare(parse(text)[0]!, session.context())
    expect(await answerOf(prepared)).toEqual(await answerOf(atOnce))
  })
})

async function answerOf(prepared: PreparedStatement): Promise<unknown> {
  await session.query('BEGIN')
  const { rows, rowCount } = await session.perform(prepared)
  const after = await session.query('SELECT * FROM t ORDER BY a')
  await session.query('ROLLBACK')
  return { rows, rowCount, after: after.rows }
}

describe('errors have the place and the words that they have at once', () => {
  test.each([
    ['a wrong literal', `INSERT INTO t VALUES ${times(1500, (i) => `(${i}, 'é', 1)`)}, ('x', 'y', 1)`],
    ['too many expressions', `INSERT INTO t (a) VALUES ${times(1500, (i) => `(${i})`)}, (1, 2)`],
    ['types that do not match', `VALUES ${times(1500, (i) => `(${i})`)}, (true)`],
    ['an unknown column', `SELECT 1 FROM t WHERE a IN (${times(1500, String)}, nope)`],
    ['parameters of no type', `SELECT 1 FROM t WHERE a IN (${times(1500, String)}) AND $1 IS NULL AND $2 = $3`],
    ['arguments of a function', `SELECT concat(${times(101, String)}) WHERE 1 IN (${times(1500, String)})`],
    ['targets', `SELECT ${times(1665, String)}`],
    ['keys to sort by', `SELECT a FROM t ORDER BY ${times(1665, (i) => `a + ${i}`)}`],
    ['keys to group by', `SELECT 1 FROM t GROUP BY ${times(1665, (i) => `a + ${i}`)}`],
    ['tables', `SELECT 1 FROM ${times(501, (i) => `t t${i}`)}`],
  ])('%s', (_, text) => {
    const error = errorOf(() => prepareInTurns(text))
    expect(error).toBeInstanceOf(PolylogError)
    const known = errorOf(() => prepare(parse(text)[0]!, session.context())) as PolylogError
    expect(error).toMatchObject({ code: known.code, message: known.message, detail: known.detail })
  })
})

test('types of parameters are decided in the order of the text', () => {
  const text = `SELECT 1 FROM t WHERE ${times(500, (i) => `a = $${2 * i + 1} OR b = $${2 * i + 2}`, ' OR ')}`
  const { prepared } = prepareInTurns(text)
  expect(prepared.parameterTypes).toEqual(prepare(parse(text)[0]!, session.context()).parameterTypes)
  expect(prepared.parameterTypes).toHaveLength(1000)
})

function errorOf(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}
