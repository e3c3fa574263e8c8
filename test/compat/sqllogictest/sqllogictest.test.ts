import { expect, it } from 'vitest'
import { findDifference } from './compare.ts'
import { parseRecords } from './records.ts'

const file = `# a comment
statement ok
create table t (a int)

loop i 0 3

statement ok
insert into t values ($i)

endloop

skipif postgres
statement ok
nonsense

query IT con1
select a, b
from t order by a
----
1\tx y
2\tNULL

statement error
select nope
----
anything

mode skip

query I
select 1
----
2
`

it('reads records that stand by themselves, each with the line of its SQL before', () => {
  expect(parseRecords(file)).toEqual([
    { line: 2, sql: 'create table t (a int)', connection: 'default', isError: false },
    {
      line: 16,
      sql: 'select a, b\nfrom t order by a',
      connection: 'con1',
      isError: false,
      expected: { columns: 2, lines: ['1\tx y', '2\tNULL'], isSorted: false },
    },
    { line: 23, sql: 'select nope', connection: 'default', isError: true },
  ])
})

const rowsOf = (...lines: string[]): Parameters<typeof findDifference>[0] => ({ columns: 2, lines, isSorted: false })

it('takes rows in every way that the engines write them', () => {
  const rows = [
    ['1', 'x y'],
    ['2.50', null],
  ]
  for (const expected of [rowsOf('1\tx y', '2.5\tNULL'), rowsOf('1', 'x y', '2.5', 'NULL')]) {
    expect(findDifference(expected, rows, 'select')).toBeUndefined()
  }
  expect(
    findDifference(
      rowsOf('a b', 'c (empty)'),
      [
        ['a', 'b'],
        ['c', ''],
      ],
      'select',
    ),
  ).toBeUndefined()
  expect(findDifference(rowsOf('true 1e3'), [['t', '1000']], 'select')).toBeUndefined()
})

it('sees what differs: a value, a row, an order that was asked for, a digit of an integer', () => {
  const differs = (expected: readonly string[], rows: readonly (string | null)[][], sql = 'select'): boolean =>
    findDifference({ columns: 1, lines: expected, isSorted: false }, rows, sql) !== undefined
  expect(differs(['1'], [['2']])).toBe(true)
  expect(differs(['1'], [['1'], ['1']])).toBe(true)
  expect(differs(['2', '1'], [['1'], ['2']])).toBe(false)
  expect(differs(['2', '1'], [['1'], ['2']], 'select a from t ORDER BY a')).toBe(true)
  expect(differs(['12345678901234567'], [['12345678901234568']])).toBe(true)
  expect(differs(['NULL'], [['']])).toBe(true)
})
