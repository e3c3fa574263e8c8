/** What the grammar's tree repeats is counted before the grammar sees the text. */
import { beforeAll, describe, expect, test } from 'vitest'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { parseTree } from './grammar.ts'
import { repeatedLength } from './repeated-length.ts'
import { loadSql, parse, parseOn } from './sql.ts'

beforeAll(loadSql)

const list = (count: number, item: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => item(i)).join(', ')

test('a text that repeats nothing is as long as it is', () => {
  for (const text of [
    'SELECT 1',
    'SELECT 1 FROM t WHERE (a, b) = (1, 2)',
    'UPDATE t SET a = f(1) WHERE (a, b) = (1, 2)',
    `UPDATE t SET a = '(b, c) = (1, 2)' -- , (a, b) = (1, 2)`,
    'UPDATE t SET (a) = (SELECT 1)',
  ]) {
    expect(repeatedLength(text)).toBe(text.length)
  }
})

test.each([
  ['UPDATE t SET (a, b, c) = (SELECT 1, 2, 3)', 2 * ' (SELECT 1, 2, 3)'.length],
  ['UPDATE t SET x = 1, (a, b) = ROW(1, 2) WHERE (a, b) = (1, 2)', ' ROW(1, 2) WHERE'.length],
  ['UPDATE t SET (a, b) /* ) */ = (1, 2), c = 3', ' (1, 2),'.length],
  ['INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET (a, b) = (1, 2) RETURNING 1', ' (1, 2) RETURNING'.length],
])('%s', (text, more) => {
  expect(repeatedLength(text)).toBe(text.length + more)
})

test('one within the other multiplies', () => {
  const inner = 'UPDATE t SET (a, b, c, d) = (SELECT 1, 2, 3, 4) RETURNING 1'
  const outer = `UPDATE t SET (a, b) = (WITH x AS (${inner}) SELECT 1, 2)`
  expect(repeatedLength(outer)).toBeGreaterThan(2 * repeatedLength(inner))
})

describe('what is hidden from the scanner', () => {
  test.each([['by a string that goes on in the next line', `E'a'\n'\\' || (`]])('%s', (_, string) => {
    const text = `UPDATE t SET a = ${string}', (b, c, d) = (SELECT 1, 2, 3), e = 'f'`
    expect(() => parse(text)).not.toThrow()
    expect(repeatedLength(text)).toBeGreaterThan(text.length + 2 * '(SELECT 1, 2, 3)'.length)
  })

  test('a text that it cannot take apart is as long as it may be', () => {
    const text = `UPDATE t SET (a, b, c) = (1, 2, 3), d = 'e`
    expect(repeatedLength(text)).toBeGreaterThan(text.length * 3)
    expect(() => parse(text)).toThrow(/unterminated quoted string/)
  })
})

test('a tree is never longer than what is counted of the text', () => {
  for (const columns of [10, 100]) {
    const text = `UPDATE t SET (${list(columns, (i) => `c${i}`)}) = (SELECT ${list(columns, (i) => `c${i} + 1`)} FROM u)`
    const perCharacter = JSON.stringify(parseTree('SELECT c1 + 1, c2 + 1')).length / 'SELECT c1 + 1, c2 + 1'.length
    expect(JSON.stringify(parseTree(text)).length).toBeLessThan(1.5 * perCharacter * repeatedLength(text))
  }
})

test('a short text with a long tree is parsed apart', async () => {
  const text = `UPDATE t SET (${list(200, (i) => `c${i}`)}) = (SELECT ${list(200, (i) => `c${i} + 1`)} FROM u)`
  expect(text.length).toBeLessThan(16 * 1024)
  const world = new SimulatedWorld(1)
  const parsing = parseOn(world.startProcess('server'), text)
  expect(parsing).toBeInstanceOf(Promise)
  expect(await world.complete(Promise.resolve(parsing))).toHaveLength(1)
})

test('one whose tree is beyond all bounds is refused', () => {
  let text = 'SELECT 1, 2, 3, 4'
  for (let i = 0; i < 9; i++) text = `WITH x AS (UPDATE t SET (a, b, c, d) = (${text}) RETURNING 1) SELECT 1, 2, 3, 4`
  expect(() => parse(text)).toThrow(/^statement is too large: SET/)
})
