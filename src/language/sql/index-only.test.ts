/** Rows that entries of an index tell without the rows: the same values, and the same rows, as the rows themselves give. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../database/database.ts'
import { openCountedDatabase, planOf } from './counted-testing.ts'
import type { SqlValue } from './contract.ts'
import { TestSql } from './testing.ts'

let database: Database
let sql: TestSql

beforeAll(async () => {
  database = await openCountedDatabase()
  sql = new TestSql(database)
})

afterAll(() => database.close())

const valuesOf = async (text: string): Promise<readonly (readonly SqlValue[])[]> => (await sql.query(text)).rows
const isFromEntries = async (text: string): Promise<boolean> => {
  return (await planOf(sql, text)).includes('Index Only Scan')
}

/** With values of which some lie at the ends of what the type has, or of how its key is written. */
const values: readonly (readonly [type: string, values: readonly string[]])[] = [
  ['int2', ['0', '1', '-1', '255', '256', '-255', '-256', '32767', '-32768']],
  ['int4', ['0', '1', '-1', '255', '-256', '65535', '-65536', '16777216', '-16777216', '2147483647', '-2147483648']],
  [
    'int8',
    ['0', '-1', '4294967295', '-4294967296', '9007199254740993', '-9007199254740993', '281474976710656'].concat([
      '9223372036854775807',
      '-9223372036854775808',
      '-281474976710656',
    ]),
  ],
  ['oid', ['0', '4294967295', '2147483648']],
  ['bool', ['true', 'false']],
  ['date', ['2024-02-29', '0001-01-01', '4713-01-01 BC', 'infinity', '-infinity']],
  ['time', ['00:00', '24:00', '12:34:56.789012']],
  ['timestamp', ['2024-02-29 01:02:03.456789', '1969-12-31 23:59:59.999999', 'infinity', '-infinity']],
  ['timestamptz', ['2024-02-29 01:02:03.456789+02', '-infinity']],
  ['text', ['', 'a', 'a b', 'é', '😀x', 'z\u0001', 'a\u007f'.repeat(300)]],
  ['varchar(9)', ['', 'abc', 'ü']],
  ['uuid', ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-4fff-bfff-00ff00ff00ff']],
]

describe('what entries hold', () => {
  test.each(values)('%s is read from them as from rows', async (type, texts) => {
    const list = texts.map((text, i) => `(${i}, '${text.replaceAll("'", "''")}'::${type})`).join()
    await sql.query('drop table if exists held')
    await sql.query(`create table held (id int primary key, v ${type}, other text)`)
    await sql.query(`insert into held values ${list}, (100, null)`)
    await sql.query('create index held_v on held (v)')
    await sql.query('create unique index held_unique on held (v, id)')
    for (const order of ['v, id', 'v desc nulls first, id']) {
      const text = `select id, v from held order by ${order} limit 50`
      const rows = await valuesOf(`select id, v from held order by ${order}, other limit 50`)
      expect(await valuesOf(text), text).toEqual(rows)
    }
    expect(await isFromEntries('select id, v from held order by v limit 50')).toBe(true)
    const whole = await valuesOf('select id, v from held order by id')
    expect((await valuesOf('select id, v from held order by v limit 50')).toSorted(byId)).toEqual(whole)
    expect((await valuesOf('select v from held where v is null')).length).toBe(1)
  })

  const byId = ([a]: readonly SqlValue[], [b]: readonly SqlValue[]): number => Number(a) - Number(b)

  test.each([
    ['numeric', "'1.50'"],
    ['float8', "'-0'"],
    ['bpchar(5)', "'a'"],
    ['interval', "'24 hours'"],
  ])('%s keeps its order there, and not its text', async (type, value) => {
    await sql.query('drop table if exists ordered')
    await sql.query(`create table ordered (id int primary key, v ${type})`)
    await sql.query(`insert into ordered values (1, ${value})`)
    await sql.query('create index on ordered (v)')
    const text = `select v::text from ordered where v = ${value}`
    expect(await isFromEntries(text)).toBe(false)
    expect(await valuesOf(text)).toEqual(await valuesOf('select v::text from ordered where id + 0 = 1'))
  })
})

describe('a scan of an index', () => {
  beforeAll(async () => {
    await sql.query('create table item (a int, b int, kind int, name text, price numeric, primary key (a, b))')
    await sql.query(`insert into item select i / 10, i % 10, i % 7, 'n' || i % 20, i from generate_series(0, 999) i`)
    await sql.query('create index item_kind on item (kind)')
    await sql.query('create index item_price on item (price, kind)')
    await sql.query('create index item_down on item (name desc)')
    await sql.query('create unique index item_unique on item (kind, a, b)')
    await sql.query('create table loose (kind int, name text)')
    await sql.query('insert into loose select i % 5, i::text from generate_series(1, 500) i')
    await sql.query('create index on loose (kind)')
  })

  test.each([
    ['select count(*) from item where kind = 3 and a > 50', true],
    ['select a, b from item where kind in (1, 2) and b < 3', true],
    ['select kind from item where kind = 3 and b = 1', true],
    ['select kind, name from item where kind = 3', false],
    ['select sum(kind) from loose where kind = 2', true],
    ['select price from item where price = 17', false],
    ['select name from item where name = $$n3$$', false],
    ['select a, kind from item where price between 100 and 105', false],
  ])('%s', async (text, expected) => {
    expect(await isFromEntries(text)).toBe(expected)
    const plainly = text.replace('from item', 'from (select * from item offset 0) item')
    const same = plainly.replace('from loose', 'from (select * from loose offset 0) loose')
    const sorted = (rows: readonly (readonly SqlValue[])[]): string[] =>
      rows.map((row) => row.map(String).join()).sort()
    expect(sorted(await valuesOf(text))).toEqual(sorted(await valuesOf(same)))
  })

  test('of a join reads no rows either', async () => {
    const text = 'select count(*), sum(i.a) from (values (1), (3)) v(kind) join item i on i.kind = v.kind'
    expect(await isFromEntries(text)).toBe(true)
    expect(await valuesOf(text)).toEqual(await valuesOf('select count(*), sum(a) from item where kind + 0 in (1, 3)'))
  })

  test('sees what its own transaction has written', async () => {
    await sql.query('begin')
    await sql.query('update item set kind = 100 where a = 5')
    await sql.query('delete from item where a = 5 and b = 0')
    expect(await valuesOf('select a, b, kind from item where kind = 100 order by a, b limit 2')).toEqual([
      [5, 1, 100],
      [5, 2, 100],
    ])
    await sql.query('rollback')
    expect(await valuesOf('select a from item where kind = 100')).toEqual([])
  })

  test('locks rows by their keys', async () => {
    const text = 'select a, b from item where kind = 3 and a = 0 for update'
    expect(await isFromEntries(text)).toBe(false)
    expect((await valuesOf(text)).length).toBe(1)
  })
})
