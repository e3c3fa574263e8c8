/** Plans by what there is: measured by the rows that are read and the counts that are asked for, not by time. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Database } from '../../database/database.ts'
import { TableRelation } from '../../query/table-relation.ts'
import { openCountedDatabase, planOf, rowsRead as readBy } from './counted-testing.ts'
import { TestSql } from './testing.ts'

let database: Database
let sql: TestSql

beforeEach(async () => {
  database = await openCountedDatabase()
  sql = new TestSql(database)
})

afterEach(async () => {
  vi.restoreAllMocks()
  await database.close()
})

const int4 = 23

const rowsRead = (text: string, parameters: readonly number[] = []): Promise<number> =>
  readBy(
    sql,
    text,
    parameters,
    parameters.map(() => int4),
  )

const plan = (text: string): Promise<string> => planOf(sql, text)

async function makeItems(): Promise<void> {
  await sql.query('create table item (id int primary key, kind int, part int, note text)')
  await sql.query('create index item_kind on item (kind)')
  await sql.query('create index item_part on item (part)')
  // One kind and one part are in most rows, all others in one or two.
  await sql.query(`insert into item select i, case when i % 10 = 0 then i else 0 end,
    case when i % 10 = 5 then i else 0 end, 'note' from generate_series(1, 2000) i`)
}

describe('the way to a relation', () => {
  test('is by the index that finds fewer, for each execution of a statement', async () => {
    await makeItems()
    const both = 'select id from item where kind = $1 and part = $2'
    expect(await rowsRead(both, [0, 15])).toBe(1)
    expect(await rowsRead(both, [20, 0])).toBe(1)
    expect(await rowsRead(both, [0, 25])).toBe(1)
    expect(await rowsRead(both, [30, 35])).toBe(1)
    expect(await rowsRead('select id from item where kind = 0 and part = 45')).toBe(1)
    expect(await rowsRead('select id from item where kind = 0 and part between 40 and 60')).toBe(2)
    expect(await rowsRead('delete from item where kind = 0 and part = 45')).toBe(1)
    // Most rows: all of them are cheaper.
    expect(await plan('select * from item where kind = 0')).toContain('Seq Scan on item')
    expect(await plan('select * from item where kind = 20')).toContain('using item_kind')
  })

  test('changes with what is there', async () => {
    await makeItems()
    const text = 'select id from item where kind = $1 and part = $2'
    expect(await rowsRead(text, [20, 0])).toBe(1)
    await sql.query('insert into item select i, 20, i from generate_series(10001, 12000) i')
    expect(await rowsRead(text, [20, 15])).toBe(1)
    expect(await rowsRead(text, [20, 11000])).toBe(1)
  })

  test('is chosen in a transaction by what it has written itself', async () => {
    await makeItems()
    await sql.query('begin')
    await sql.query('insert into item select i, 20, i from generate_series(10001, 12000) i')
    expect(await plan('select id from item where kind = 20 and part = 11000')).toContain('using item_part')
    await sql.query('rollback')
  })

  test('gives the order where little of it is read', async () => {
    await makeItems()
    await sql.query('create index item_note on item (note, id)')
    expect(await plan('select * from item where kind = 20 order by id limit 5')).toContain('using item_kind')
    // Entries of the same kind follow each other by their rows' keys.
    expect(await plan('select * from item where kind = 0 order by id limit 5')).toContain('using item_kind')
    expect(await rowsRead('select * from item where kind = 0 order by id limit $1', [5])).toBeLessThan(17)
    expect(await plan("select * from item where kind < 9 and note <> 'x' order by id limit 5")).toContain('item_pkey')
    expect(await plan('select * from item order by note')).toContain('Seq Scan')
    expect(await plan('select * from item order by note limit 3')).toContain('using item_note')
  })

  test('takes lists in all columns of an index', async () => {
    await sql.query('create table pair (a int, b int, c int)')
    await sql.query('create index pair_ab on pair (a, b)')
    await sql.query('insert into pair select a, b, a * 100 + b from generate_series(1, 50) a, generate_series(1, 50) b')
    const text = 'select c from pair where a in (7, 3, 7, 5) and b in (2, 40) order by a, b'
    expect(await plan(text)).not.toContain('Seq Scan')
    expect(await rowsRead(text)).toBe(6)
    const { rows } = await sql.query(text)
    expect(rows.map(([c]) => c)).toEqual([302, 340, 502, 540, 702, 740])
    const inOrder = 'select b from pair where a = 4 and b in (30, 10, 20) order by b'
    expect(await plan(inOrder)).not.toContain('Sort')
    expect((await sql.query(inOrder)).rows).toEqual([[10], [20], [30]])
    expect((await sql.query(`${inOrder} desc`)).rows).toEqual([[30], [20], [10]])
    const ranges = 'select c from pair where a in (7, 3) and b > 48'
    expect(await rowsRead(ranges)).toBe(4)
    const { rows: found } = await sql.query(`${ranges} order by c desc`)
    expect(found.map(([c]) => c)).toEqual([750, 749, 350, 349])
  })
})

describe('what is certain', () => {
  test('is not counted', async () => {
    await makeItems()
    await sql.query('create unique index item_unique on item (kind, part, id)')
    const certain = [
      'select * from item where id = 5',
      'select * from item where id in (5, 6)',
      'select * from item where id > 5 and note is not null order by id limit 3',
      'select * from item where kind = 20 and part = 0 and id = 20',
      'select * from item order by id',
      'select count(*) from item',
      'update item set note = $$x$$ where id = 5',
    ]
    const spy = vi.spyOn(TableRelation.prototype, 'estimateRows')
    for (const text of certain) await sql.query(text)
    expect(spy).not.toHaveBeenCalled()
    await sql.query('select * from item where note = $$x$$ and part = 15')
    expect(spy.mock.calls.length).toBeGreaterThan(0)
  })

  test('is asked again only as far as the plan depends on it', async () => {
    await makeItems()
    const text = 'select * from item where part = $1'
    await sql.query(text, [15], [int4])
    const spy = vi.spyOn(TableRelation.prototype, 'estimateRows')
    await sql.query(text, [25], [int4])
    expect(spy).toHaveBeenCalledTimes(1)
  })
})
