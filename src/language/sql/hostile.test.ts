/** Text that nobody means well: every answer is an error of ours, and the next statement works. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PolylogError } from '../../base/errors.ts'
import type { Database } from '../../database/database.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { loadSql, parse } from './sql.ts'
import { TestSql } from './testing.ts'

let database: Database
let sql: TestSql

beforeAll(async () => {
  await loadSql()
  database = await openTestDatabase()
  sql = new TestSql(database)
  await sql.query('create table t (a int primary key, b text, c numeric, d jsonb, e int[])')
  await sql.query(`insert into t values (1, 'x', 1.5, '{"k": 1}', '{1,2}'), (2, null, null, null, null)`)
})

afterAll(async () => database.close())

async function stillWorks(): Promise<void> {
  expect(await sql.show('select count(*) from t')).toBe('count\n2\n(1 row)')
}

describe('limits', () => {
  const deep: readonly (readonly [string, string])[] = [
    ['parentheses', `select ${'('.repeat(20_000)}1${')'.repeat(20_000)}`],
    ['chained operators', `select ${Array.from({ length: 20_000 }, () => '1').join(' + ')}`],
    ['nested calls', `select ${'abs('.repeat(5000)}1${')'.repeat(5000)}`],
    ['nested subqueries', `select ${'(select '.repeat(3000)}1${')'.repeat(3000)}`],
    ['nested FROM', `select * from ${'(select * from '.repeat(2000)}t${') x'.repeat(2000)}`],
    ['nested arrays', `select ${'array['.repeat(2000)}1${']'.repeat(2000)}`],
    ['NOTs', `select ${'not '.repeat(20_000)} true`],
    ['a union of many', `${'select 1 union all '.repeat(3000)} select 1`],
    ['nested JSON', `select '${'['.repeat(100_000)}'::jsonb`],
    ['too long', `select '${'x'.repeat(1024 * 1024)}'`],
    ['a zero byte', "select '\0'"],
    ['repeat', "select repeat('x', 2000000000)"],
    ['lpad', "select lpad('x', 2000000000)"],
    ['power', 'select 9.9 ^ 9999999'],
    ['exponent', 'select 1e200000'],
    ['parameter number', 'select $99999999'],
    ['regular expression', "select 'a' ~ '((a{1000}){1000}){1000}'"],
    ['prototype', `select __proto__, constructor from t`],
    ['prototype function', `select __proto__(1)`],
    ['prototype setting', `show __proto__`],
  ]

  for (const [name, text] of deep) {
    it(name, async () => {
      const answer = await sql.show(text)
      expect(answer.length).toBeGreaterThan(0)
      await stillWorks()
    })
  }

  it('calls functions with a text before all else for nothing that is none', async () => {
    expect(await sql.show("select format('%s'::name, 1), concat_ws('-'::varchar, 1, 2)")).toContain('1|1-2')
    expect(await sql.show('select format(0)')).toContain('function format(integer) does not exist')
    expect(await sql.show("select concat_ws(1.5, 'x')")).toContain(
      'function concat_ws(numeric, unknown) does not exist',
    )
  })

  it('compares no rows that are empty', async () => {
    for (const one of ['row() = row()', 'row() < row()', 'row() in (row())']) {
      expect(await sql.show(`select ${one}`)).toContain('cannot compare rows of zero length')
    }
  })

  it('finds a linear time for patterns that are exponential elsewhere', async () => {
    expect(await sql.show(`select repeat('a', 5000) ~ '^(a+)+$', repeat('a', 5000) || 'b' ~ '^(a+)+$'`)).toContain(
      't|f',
    )
    expect(await sql.show(`select repeat('a', 3000) like '%a%a%a%a%a%a%b'`)).toContain('f')
  })

  it('keeps names like __proto__ as names', async () => {
    await sql.query('create table "__proto__" ("constructor" int, "__proto__" text)')
    expect(await sql.show(`insert into "__proto__" values (1, 'x') returning *`)).toBe(
      'constructor|__proto__\n1|x\n(1 row)',
    )
    expect(await sql.show(`select '{"__proto__": 1}'::jsonb -> '__proto__'`)).toContain('1')
  })
})

describe('random text', () => {
  const words = fc.constantFrom(
    ...'select from t where a b c d e ( ) , * + - = <> < 1 2.5 null \'x\' and or not in is like between group by having order limit offset join left on using count sum avg array [ ] :: int text jsonb case when then else end exists any all with as insert into values update set delete returning distinct union interval date now() -> ->> @> || % cast coalesce "a" $1 default create table index drop explain'.split(
      ' ',
    ),
  )

  it('never throws anything but an error of ours', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(words, { minLength: 1, maxLength: 14 }), async (parts) => {
        const session = new TestSql(database)
        await session.show('begin')
        // `show` answers errors of ours as text and passes everything else on.
        await session.show(`select ${parts.join(' ')}`)
        await session.show(parts.join(' '))
        await session.show('rollback')
      }),
      { numRuns: 300 },
    )
    await stillWorks()
  })

  it('parses or refuses any characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        try {
          parse(text)
        } catch (error) {
          expect(error).toBeInstanceOf(PolylogError)
        }
      }),
      { numRuns: 500 },
    )
  })
})
