import { describe, expect, test } from 'vitest'
import { liftLiterals } from './literals.ts'

const lifted = (text: string): [string, ...(number | bigint)[]] | undefined => {
  const found = liftLiterals(text)
  return found && [found.text, ...found.values]
}

describe('integers are lifted', () => {
  test.each([
    ['SELECT abalance FROM a WHERE aid = 17;', ['SELECT abalance FROM a WHERE aid = $1;', 17]],
    ['UPDATE a SET b = b + -34 WHERE aid = 1', ['UPDATE a SET b = b + -$1 WHERE aid = $2', 34, 1]],
    [
      "INSERT INTO h (tid, t) VALUES (1, '2 o''clock', 3000000000, CURRENT_TIMESTAMP)",
      ["INSERT INTO h (tid, t) VALUES ($1, '2 o''clock', $2, CURRENT_TIMESTAMP)", 1, 3_000_000_000n],
    ],
    ['delete from a where x in (1,2) and y>=3', ['delete from a where x in ($1,$2) and y>=$3', 1, 2, 3]],
  ])('%s', (text, expected) => {
    expect(lifted(text)).toEqual(expected)
  })
})

describe('nothing is lifted', () => {
  test.each([
    ['no integer', "SELECT a FROM t WHERE b = 'x'"],
    ['positions', 'SELECT a, b FROM t WHERE a = 1 ORDER BY 1, 2'],
    ['groups', 'SELECT a, count(*) FROM t WHERE a > 1 GROUP BY 1'],
    ['precisions', 'SELECT 1 + a::numeric(10,2) FROM t'],
    ['precisions in casts', 'SELECT CAST(a AS varchar(10)) FROM t WHERE b = 1'],
    ['limits', 'SELECT a FROM t WHERE a = 1 LIMIT 10'],
    ['intervals', "SELECT a FROM t WHERE a = 1 AND b < now() - interval '1 day'"],
    ['escape strings', "SELECT a FROM t WHERE a = 1 AND b = E'\\''"],
    ['quoted names', 'SELECT "a=1" FROM t WHERE a = 1'],
    ['parameters', 'SELECT a FROM t WHERE a = $1 AND b = 1'],
    ['line comments', "SELECT a FROM t WHERE a = 1 --' OR b = 2"],
    ['block comments', "SELECT a /* ' */ FROM t WHERE a = 1"],
    ['several statements', 'SELECT a FROM t WHERE a = 1; SELECT 2'],
    ['arrays', 'SELECT a[1] FROM t WHERE a = 1'],
    ['other letters', 'SELECT a FROM t WHERE a = 1 AND b = é'],
    ['other statements', 'CREATE TABLE t (a int DEFAULT (1))'],
    ['numbers beyond int8', 'SELECT a FROM t WHERE a = 9223372036854775808'],
    ['the lowest int4', 'SELECT a FROM t WHERE a = -2147483648'],
    ['what alternatives have in common', 'SELECT a FROM t WHERE (a = 1 AND b = 2) OR (a = 1 AND c = 3)'],
    ['json paths', 'SELECT doc->0 FROM t'],
    ['fractions and exponents', 'SELECT a FROM t WHERE a = 1.5 OR a = 2e3'],
  ])('%s', (_name, text) => {
    expect(lifted(text)).toBeUndefined()
  })
})
