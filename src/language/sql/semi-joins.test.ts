/**
 * EXISTS, IN and their negations as joins answer what the subquery answers for each row: random queries, each beside itself
 * with `IS TRUE` behind the condition, which keeps it a subquery.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Database } from '../../database/database.ts'
import { SeededRandom } from '../../host/simulated/random.ts'
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

const plan = (text: string): Promise<string> => planOf(sql, text, '(costs off)')

async function answers(text: string): Promise<string[]> {
  const { rows } = await sql.query(text)
  return rows.map((row) => row.map(String).join('|')).sort()
}

const rowsRead = (text: string): Promise<number> => readBy(sql, text)

/** Values with many NULLs, that meet often; `v` has an index and `w` has none. */
async function makeTables(): Promise<void> {
  for (const [name, rows] of [
    ['t', 30],
    ['u', 40],
    ['e', 0],
    ['n', 12],
  ] as const) {
    await sql.query(`create table ${name} (id int primary key, v int, w int, x bigint, y text)`)
    await sql.query(`create index on ${name} (v)`)
    await sql.query(`insert into ${name} select i, nullif(i * 7 % 11, 3), nullif(i % 5, 2), nullif(i % 4, 1),
      nullif('y' || i % 6, 'y4') from generate_series(1, ${rows}) i`)
  }
  await sql.query('update n set w = null')
}

const own = ['u.id > 20', 'u.w is not null', "u.y < 'y3'", 'u.v in (1, 2, 4)', 'false', 'u.v + u.w > 6']
const between = [
  'u.v = t.v',
  'u.w = t.w',
  'u.y = t.y',
  'u.x = t.x',
  'u.id = t.v',
  't.w = u.v',
  'u.x = t.v',
  'u.v + 1 = t.w',
]
const others = ['u.id < t.id', 'u.w <> t.w', 't.v > 3', '(u.y = t.y or u.v is null)', 't.id + u.id > 50']

function conditionOf(random: SeededRandom): string {
  const pick = (list: readonly string[]): string => list[random.below(list.length)]!
  const where = [pick(between)]
  if (random.below(3) === 0) where.push(pick(between))
  if (random.below(2) === 0) where.push(pick(own))
  if (random.below(3) === 0) where.push(pick(others))
  const relation = pick(['u', 'u', 'u', 'e u', 'n u', '(u join n on u.id = n.id)'])
  const from = `from ${relation} where ${where.join(' and ')}`
  const not = random.below(2) === 0 ? 'not ' : ''
  if (random.below(2) === 0) return `${not}exists (select ${pick(['1', '*', 'u.id limit 5'].slice(0, 2))} ${from})`
  const [left, value] = pick([
    't.v,u.v',
    't.w,u.w',
    't.v,u.w',
    't.y,u.y',
    't.x,u.x',
    't.v,u.x',
    '4,u.v',
    't.v,null::int',
  ]).split(',') as [string, string]
  return `${left} ${not}in (select ${value} ${random.below(4) === 0 ? `from ${relation}` : from})`
}

describe('semi- and anti-joins', () => {
  test('answer what subqueries answer, with NULLs on both sides', async () => {
    await makeTables()
    const random = new SeededRandom(7)
    let joins = 0
    for (let i = 0; i < 160; i++) {
      const condition = conditionOf(random)
      const also = random.below(3) === 0 ? ` and ${conditionOf(random)}` : ''
      const text = `select t.id from t where ${condition}${also}`
      const naive = `select t.id from t where (${condition}) is true${also === '' ? '' : ` and (${also.slice(5)}) is true`}`
      const [found, wanted] = [await answers(text), await answers(naive)]
      expect({ text, found }).toEqual({ text, found: wanted })
      if (/(Semi|Anti) Join/.test(await plan(text))) joins++
      expect(await plan(naive)).not.toMatch(/(Semi|Anti) Join/)
    }
    expect(joins).toBeGreaterThan(80)
  })

  test('answer the same where their tables spill', async () => {
    await sql.query('create table a (id int, v int)')
    await sql.query('create table b (id int, v int, pad text)')
    await sql.query('insert into a select i, nullif(i % 900, 7) from generate_series(1, 2000) i')
    await sql.query(
      "insert into b select i, nullif(i % 1100, 9), 'pad' || i from generate_series(1, 3000) i where i % 3 > 0",
    )
    for (const condition of [
      'exists (select 1 from b where b.v = a.v)',
      'not exists (select 1 from b where b.v = a.v and b.id <> a.id)',
      'a.v in (select v from b)',
      'a.id not in (select b.id from b where b.v = a.v)',
    ]) {
      expect(await plan(`select * from a where ${condition}`)).toMatch(/Hash (Semi|Anti) Join/)
      expect(await answers(`select * from a where ${condition}`)).toEqual(
        await answers(`select * from a where (${condition}) is true`),
      )
    }
  })

  test('NOT IN: nothing is unequal to NULL, and everything is in no rows', async () => {
    await sql.query('create table l (k int, x int)')
    await sql.query('create table r (k int, y int)')
    await sql.query('insert into l values (1, 1), (1, null), (2, 1), (3, 1), (3, null), (null, 5)')
    await sql.query('insert into r values (1, 2), (2, 2), (2, null), (null, 5)')
    const text = 'select k, x from l where x not in (select y from r where r.k = l.k)'
    expect(await plan(text)).toMatch(/Anti Join/)
    // Of k = 1: 1 is not in (2), and NULL may be; of k = 2 the NULL may be 1; of k = 3 there is none.
    expect(await answers(text)).toEqual(['1|1', '3|1', '3|null', 'null|5'])
  })

  test('a subquery that is volatile, limited, grouped or locked stays one', async () => {
    await makeTables()
    for (const inner of [
      'select 1 from u where u.v = t.v and random() < 2',
      'select 1 from u where u.v = t.v offset 1',
      'select 1 from u where u.v = t.v limit 0',
      'select count(*) from u where u.v = t.v',
      'select u.w from u where u.v = t.v group by u.w having count(*) > 2',
      'select 1 from u where u.v = t.v union all select 2 from n where n.v = t.v',
      'select generate_series(1, u.w) from u where u.v = t.v',
      'select 1 from (select * from u where u.v = t.v) u',
    ]) {
      const text = `select id from t where exists (${inner})`
      expect({ inner, plan: await plan(text) }).not.toMatchObject({ plan: expect.stringMatching(/Semi/) as string })
      expect(await answers(text)).toEqual(await answers(`select id from t where (exists (${inner})) is true`))
    }
    expect(await plan('select id from t where exists (select distinct u.v from u where u.v = t.v limit 3)')).toMatch(
      /Semi/,
    )
  })

  test('read each table once, or look up for few rows', async () => {
    await sql.query('create table big (id int primary key, k int, free int)')
    await sql.query('create index on big (k)')
    await sql.query('create table few (id int primary key, k int)')
    await sql.query('insert into big select i, i % 500, i % 700 from generate_series(1, 4000) i')
    await sql.query('insert into few select i, i from generate_series(1, 1000) i')
    const unindexed = 'select id from few where exists (select 1 from big where big.free = few.k)'
    expect(await rowsRead(unindexed)).toBe(5000)
    const one = 'select id from few where id = 7 and k in (select k from big)'
    expect(await plan(one)).toMatch(/Nested Loop Semi Join[^]*big_k_idx/)
    // The row, and the first batch of the look-up.
    expect(await rowsRead(one)).toBeLessThan(20)
    // Joined, it would read all of both tables.
    const asked =
      'select id from few where id = 7 and exists (select 1 from big join few f on f.id = big.id where big.k = few.k)'
    expect(await plan(asked)).not.toMatch(/Semi Join/)
    expect(await rowsRead(asked)).toBeLessThan(60)
    const anti =
      'select id from few where id in (1, 5) and not exists (select 1 from big where big.k = few.k and free > 900)'
    expect(await plan(anti)).toMatch(/Nested Loop Anti Join/)
    expect(await answers(anti)).toEqual(['1', '5'])
  })

  test('keep the order that an index gives', async () => {
    await makeTables()
    const text = 'select id from t where exists (select 1 from u where u.w = t.w) order by id desc limit 5'
    expect((await sql.query(text)).rows).toEqual((await sql.query(text.replace('exists', 'true = exists'))).rows)
    const all = 'select id from t where not exists (select 1 from u where u.id = t.w + 80) order by id'
    const { rows } = await sql.query(all)
    expect(rows).toEqual((await sql.query(all.replace('not exists', 'true <> exists'))).rows)
  })

  test('in the block of a subquery that is asked for each row, IN is a set made once', async () => {
    await makeTables()
    const text = 'select (select count(*) from u where u.id < t.id and u.v in (select v from n)) from t'
    expect(await plan(text)).not.toMatch(/Semi Join/)
  })

  test('UPDATE and DELETE find their rows by them', async () => {
    await makeTables()
    const condition = 'exists (select 1 from u where u.w = t.w and u.id > 10)'
    const wanted = await answers(`select id from t where (${condition}) is true`)
    expect(await plan(`update t set v = 0 where ${condition}`)).toMatch(/Semi Join/)
    expect(await answers(`update t set v = -1 where ${condition} returning id`)).toEqual(wanted)
    expect(await answers('select id from t where v = -1')).toEqual(wanted)
    expect(await answers(`delete from t where not ${condition} returning id`)).not.toEqual([])
    expect(await answers('select id from t')).toEqual(wanted)
  })
})
