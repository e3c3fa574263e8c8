/** Conditions that reach an index, or another block, only once they are seen through: by the rows that are read for them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../database/database.ts'
import { openCountedDatabase, planOf, rowsRead as readBy } from './counted-testing.ts'
import type { SqlValue } from './contract.ts'
import { TestSql } from './testing.ts'

let database: Database
let sql: TestSql

beforeAll(async () => {
  database = await openCountedDatabase()
  sql = new TestSql(database)
  await sql.query('create table part (id int primary key, kind int, size int, name text, made date not null)')
  await sql.query(`insert into part select i, i % 50, case when i % 7 = 0 then null else i % 300 end,
    chr(97 + i % 26) || 'x' || i % 40 || E'\\u00e9', date '2020-01-01' + i % 90 from generate_series(1, 3000) i`)
  for (const columns of ['kind, size', 'size', 'name', 'made']) await sql.query(`create index on part (${columns})`)
})

afterAll(() => database.close())

const rowsRead = (text: string): Promise<number> => readBy(sql, text)
const valuesOf = async (text: string): Promise<readonly (readonly SqlValue[])[]> => (await sql.query(text)).rows

/** The same rows as where nothing is seen through, which `never` makes sure of. */
async function isSame(text: string, plainly: string): Promise<void> {
  const sorted = (rows: readonly (readonly SqlValue[])[]): string[] => rows.map((row) => row.map(String).join()).sort()
  expect(sorted(await valuesOf(text)), text).toEqual(sorted(await valuesOf(plainly)))
}

describe('an OR', () => {
  test('is asked of an index for what all of its alternatives say', async () => {
    const text = 'select id from part where (kind = 3 and size < 20) or (kind = 3 and name > $$y$$)'
    expect(await rowsRead(text)).toBe(60)
    await isSame(text, 'select id from part where kind + 0 = 3 and (size < 20 or name > $$y$$)')
    await isSame('select id from part where kind = 3 or (kind = 3 and size = 1)', 'select id from part where kind = 3')
  })

  test('has in common only what each of many says', async () => {
    const text =
      'select id from part where (kind = 3 and size < 20) or (kind = 3 and size > 250) or (kind = 4 and size = 4)'
    await isSame(text, text.replace('kind = 3', 'kind + 0 = 3').replace('kind = 3', 'kind - 0 = 3'))
  })

  test('joins by what all of its alternatives say', async () => {
    const text = `select count(*) from part a, part b where (a.id = b.id + 1 and a.kind = 1) or (a.id = b.id + 1 and b.size = 2)`
    expect(await planOf(sql, text)).toContain('Hash Cond')
    await isSame(text, 'select count(*) from part a, part b where a.id = b.id + 1 and (a.kind = 1 or b.size = 2)')
  })

  test('reads each of its alternatives by an index of its own, and no row twice', async () => {
    const text = "select * from part where size = 12 or made = '2020-02-03' or id in (5, 12)"
    expect(await rowsRead(text)).toBeLessThan(60)
    expect(await planOf(sql, text)).toContain('BitmapOr')
    await isSame(text, "select * from part where size + 0 = 12 or made + 0 = '2020-02-03' or id + 0 in (5, 12)")
    const both = 'select id from part where (size = 12 or id = 12) and kind = 12'
    await isSame(both, 'select id from part where (size + 0 = 12 or id + 0 = 12) and kind + 0 = 12')
    // One has no index: everything is read once.
    expect(await rowsRead('select id from part where size = 12 or kind + 1 = 4')).toBe(3000)
  })

  test('changes each row once that several alternatives find', async () => {
    await sql.query('begin')
    const changed = 'update part set kind = kind + 100 where size = 12 or id between 10 and 14 returning id'
    const { rows } = await sql.query(changed)
    expect(new Set(rows.map(([id]) => id)).size).toBe(rows.length)
    expect(await valuesOf('select count(*)::int from part where kind >= 200')).toEqual([[0]])
    await sql.query('rollback')
  })
})

describe('an interval of an index', () => {
  test('is what a comparison of rows begins with', async () => {
    const text = 'select id from part where (kind, size) > (48, 250)'
    expect(await rowsRead(text)).toBeLessThan(150)
    await isSame(text, 'select id from part where kind > 48 or (kind = 48 and size > 250)')
    for (const operator of ['<', '<=', '>', '>=']) {
      await isSame(
        `select id, (kind, size) ${operator} (25, 100) from part`,
        `select id, case when kind = 25 then size ${operator} 100 else kind ${operator} 25 end from part`,
      )
    }
    expect(await valuesOf('select (null::int, 1) < (1, 2), (1, null::int) < (1, 2), (1, null::int) < (2, 2)')).toEqual([
      [null, null, true],
    ])
  })

  test('holds all texts that begin as a pattern does', async () => {
    expect(await rowsRead("select id from part where name like 'qx1_%'")).toBeLessThan(60)
    for (const pattern of ['qx1%', 'q%1%', 'qx', 'q_1%', 'qx\\\\%', 'zx39\u00e9%', '\u{10ffff}%', '%', '']) {
      await isSame(
        `select id from part where name like e'${pattern}'`,
        `select id from part where name || '' like e'${pattern}'`,
      )
    }
  })
})

describe('the first row of an index', () => {
  test('is what min and max ask for', async () => {
    expect(await rowsRead('select min(id), max(id) from part')).toBeLessThan(40)
    expect(await rowsRead('select max(made) from part')).toBeLessThan(20)
    for (const text of [
      'select min(id), max(id) from part',
      'select min(size), max(size), min(name) from part',
      'select max(size) from part where kind = 12',
      'select max(size) + min(id) from part where id > 5 having max(size) > 3',
      'select max(id) from part where id < 0',
      'select max(id) from part having max(id) < 0',
      'select min(size) from part where size is null',
    ]) {
      await isSame(text, text.replaceAll(/(min|max)\((\w+)\)/g, '$1($2) filter (where true)'))
    }
    expect(await planOf(sql, 'select max(id) from part')).toContain('InitPlan 1 (returns $0)')
  })

  test('leads on in the order of the rows themselves', async () => {
    const text = 'select id from part order by made, id limit 7'
    expect(await rowsRead(text)).toBeLessThan(20)
    expect(await valuesOf(text)).toEqual([90, 180, 270, 360, 450, 540, 630].map((id) => [id]))
    expect(await planOf(sql, 'select id from part order by made desc, id limit 7')).toContain('Sort')
    const backwards = await valuesOf('select id from part order by made desc, id desc limit 2')
    expect(backwards).toEqual([[2969], [2879]])
  })
})

describe('IN over a subquery', () => {
  test('looks up the rows of each of its values once', async () => {
    const few = 'select id from part where id in (select size from part where kind = 7)'
    expect(await rowsRead(few)).toBeLessThan(60 + 60)
    await isSame(few, 'select id from part where id + 0 in (select size from part where kind = 7)')
    const also = `${few} and name > 'm' and id in (select id from part where kind < 20)`
    await isSame(also, also.replace('id in', 'id + 0 in'))
    const pairs = 'select id from part where (kind, size) in (select kind, size from part where id between 10 and 20)'
    await isSame(pairs, pairs.replace('(kind, size)', '(kind + 0, size + 0)'))
    const none = 'select id from part where id in (select null::int) or id in (select null::int where false)'
    expect(await valuesOf(none)).toEqual([])
  })

  test('changes them once', async () => {
    await sql.query('begin')
    await sql.query('update part set kind = kind + 1000 where id in (select size from part where kind = 7)')
    expect(await valuesOf('select count(*)::int from part where kind >= 2000')).toEqual([[0]])
    const changed = await valuesOf('select id from part where kind >= 1000')
    await sql.query('rollback')
    const { rows } = await sql.query('select id from part where id + 0 in (select size from part where kind = 7)')
    expect(changed.length).toBe(rows.length)
  })
})

describe('a condition on a query in FROM', () => {
  test('is tested within it', async () => {
    const of = (query: string): string => `select * from (${query}) t where k = 42`
    for (const [query, most] of [
      ['select id as k from part', 1],
      ['select id + 0 as k, kind from part', 3000],
      ['select id as k from part union all select size from part', 16],
      ['select id as k from part union select size from part', 16],
      ['select id as k from part except select size from part', 16],
      ['select id as k, count(*) from part group by id', 1],
      ['select kind, size as k from part group by kind, size', 16],
      ['select distinct size as k from part', 16],
      // Not there: it would change what is counted, kept, numbered, or made.
      ['select count(*) as k from part where id <= 42', 42],
      ['select id as k from part order by id limit 30', 144],
      ['select id as k from part order by id offset 50', 3000],
      ['select kind, count(*) - 18 as k from part group by kind', 3000],
      ['select kind, count(*) as k from part group by kind', 3000],
      ['select kind, size, count(*) + 41 as k from part where id < 99 group by kind, size', 99],
      ['select id as k from part union all (select size from part order by id limit 9)', 3016],
      ['(select size as k from part order by id limit 9) union all select id from part', 3016],
      ['select distinct on (kind) id as k from part order by kind, id desc', 3000],
      ['select id as k, rank() over (order by id) from part', 3000],
      ['select unnest(array[id, 1]) as k from part', 3000],
    ] as const) {
      expect(await rowsRead(of(query)), query).toBeLessThanOrEqual(most)
      await isSame(of(query), of(query).replace('k = 42', 'k in (select 42 where t.k is not null)'))
    }
  })

  test('is tested behind a query that reads itself, and behind several groupings', async () => {
    const counted = 'with recursive t as (select 1 as k union all select k + 1 from t where k < 50) select k from t'
    expect(await valuesOf(`${counted} where k = 42`)).toEqual([[42]])
    const sets = 'select kind, size, count(*) from part where id < 99 group by rollup (kind, size)'
    await isSame(
      `select * from (${sets}) t where size is null`,
      `select * from (${sets} offset 0) t where size is null`,
    )
  })

  test('is tested behind a view that is a barrier, and within any other', async () => {
    await sql.query('create view plain as select id as k, size from part where size < 100')
    await sql.query('create view barrier with (security_barrier) as select id as k, size from part where size < 100')
    expect(await rowsRead('select * from plain where k = 42')).toBeLessThan(2)
    expect(await rowsRead('select * from barrier where k = 42')).toBeGreaterThan(800)
    await isSame('select * from plain where k = 42', 'select * from barrier where k = 42')
  })

  test('is tested within a WITH query that one place reads', async () => {
    const with_ = 'with t as (select * from part) select count(*) from t where id = 42'
    expect(await rowsRead(with_)).toBe(1)
    expect(await rowsRead(with_.replace('as (', 'as materialized ('))).toBe(3000)
    const twice = 'with t as (select id from part) select count(*) from t a, t b where a.id = 42 and b.id = 43'
    expect(await rowsRead(twice)).toBe(3000)
    await isSame(twice, 'select 1')
    const drawn = 'with t as (select random() as r, id from part) select count(*) from t where id = 42'
    expect(await rowsRead(drawn)).toBe(3000)
  })
})
