/** Joins in the order and by the method that cost least: measured by the rows that are read, and against the text's order. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Database } from '../../database/database.ts'
import { SeededRandom } from '../../host/simulated/random.ts'
import { Measures } from './plan/measures.ts'
import { openTestDatabase } from '../../database/testing.ts'
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

const rowsRead = (text: string): Promise<number> => readBy(sql, text)

const plan = (text: string): Promise<string> => planOf(sql, text)

async function makeShop(): Promise<void> {
  await sql.query('create table country (id int primary key, name text)')
  await sql.query('create table customer (id int primary key, country int, name text)')
  await sql.query('create table purchase (id int primary key, customer int, day int)')
  await sql.query('create table line (purchase int, number int, item int, primary key (purchase, number))')
  await sql.query('create index customer_country on customer (country)')
  await sql.query('create index purchase_customer on purchase (customer)')
  await sql.query("insert into country select i, 'country' || i from generate_series(1, 50) i")
  await sql.query("insert into customer select i, i % 50 + 1, 'name' || i from generate_series(1, 500) i")
  await sql.query('insert into purchase select i, i % 500 + 1, i % 30 from generate_series(1, 3000) i')
  await sql.query('insert into line select i % 3000 + 1, i / 3000, i from generate_series(1, 6000) i')
}

const joined = `line.purchase = purchase.id and purchase.customer = customer.id and customer.country = country.id`

describe('the order of joins', () => {
  test('is not that of a badly written text', async () => {
    await makeShop()
    const inAnyOrder = [
      'line, purchase, customer, country',
      'country, line, customer, purchase',
      'purchase, country, line, customer',
    ]
    for (const from of inAnyOrder) {
      const text = `select country.name, line.item from ${from} where ${joined} and country.id = 7`
      // 10 customers, 60 purchases, 120 lines.
      expect(await rowsRead(text)).toBe(1 + 10 + 60 + 120)
      const { rows } = await sql.query(text)
      expect(rows.length).toBe(120)
      expect(rows.every(([name]) => name === 'country7')).toBe(true)
    }
  })

  test('goes through nested and written joins alike', async () => {
    await makeShop()
    const text = `select count(*), min(line.item), max(customer.name) from
      (line join (purchase join customer on purchase.customer = customer.id) on line.purchase = purchase.id)
      cross join country where customer.country = country.id and country.id = 7`
    expect(await rowsRead(text)).toBe(1 + 10 + 60 + 120)
  })

  test('keeps outer joins as they are, and moves them whole', async () => {
    await makeShop()
    const text = `select purchase.id, customer.name, line.item from
      (purchase left join line on line.purchase = purchase.id and line.number = 0), customer
      where purchase.customer = customer.id and customer.id = 9`
    const { rows } = await sql.query(`${text} order by 1, 3`)
    expect(rows.length).toBe(6)
    expect(rows[0]).toEqual([8, 'name9', 7])
    expect(await plan(text)).toMatch(/Left Join/)
  })

  test('gives every column its place again', async () => {
    await makeShop()
    const { rows } = await sql.query(`select * from line, purchase, customer, country where ${joined} and country.id = 7
      order by line.item limit 1`)
    const [row] = rows
    const [purchase, , item, id, customer, , customerId, country, name, countryId, countryName] = row!
    expect([id, customerId, countryId]).toEqual([purchase, customer, country])
    expect(countryName).toBe('country7')
    expect(name).toBe(`name${customer as number}`)
    expect(item).toBeTypeOf('number')
  })

  test('is that of the text where nothing is gained, and UPDATE finds its rows', async () => {
    await makeShop()
    expect(
      await plan('select * from country, customer where customer.country = country.id and country.id = 3'),
    ).toMatch(/country_pkey[^]*customer_country/)
    const update = `update line set item = 0 from country, customer, purchase where ${joined} and country.id = 7`
    const { rowCount } = await sql.query(update)
    expect(rowCount).toBe(120)
    expect((await sql.query('select count(*) from line where item = 0')).rows).toEqual([[120n]])
  })
})

describe('the method of a join', () => {
  test('is a look-up for few rows, and a hash table for many', async () => {
    await makeShop()
    const text = 'select * from purchase, customer where customer.id = purchase.customer'
    expect(await plan(text)).toContain('Hash Join')
    expect(await rowsRead(text)).toBe(3500)
    expect(await plan(`${text} and purchase.id < 5`)).toMatch(/Nested Loop[^]*purchase_pkey[^]*customer_pkey/)
    expect(await plan('select * from purchase left join customer on customer.id = purchase.customer')).toContain(
      'Hash Left Join',
    )
  })

  test('keeps the smaller side in the table', async () => {
    await sql.query('create table many (a int)')
    await sql.query('create table few (a int)')
    await sql.query('insert into many select i % 100 from generate_series(1, 4000) i')
    await sql.query('insert into few select i from generate_series(1, 10) i')
    const few = /Hash \w*\s?Join[^]*Seq Scan on many[^]*Hash[^]*Seq Scan on few/
    expect(await plan('select * from few, many where few.a = many.a')).toMatch(few)
    expect(await plan('select * from many, few where few.a = many.a')).toMatch(few)
    expect(await plan('select * from few left join many on few.a = many.a')).toMatch(/Hash Right Join[^]*many[^]*few/)
    const { rows } = await sql.query(
      'select few.a, count(many.a) from few left join many on few.a = many.a + 5 group by 1 order by 1',
    )
    expect(rows).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((a) => [a, a < 5 ? 0n : 40n]))
  })

  test('changes when a side has grown', async () => {
    await sql.query('create table a (id int primary key, b int)')
    await sql.query('create table b (id int primary key, x int)')
    await sql.query('insert into a select i, i from generate_series(1, 20) i')
    await sql.query('insert into b select i, i from generate_series(1, 3000) i')
    const text = 'select count(*) from a, b where b.id = a.b'
    expect(await rowsRead(text)).toBe(40)
    await sql.query('insert into a select i, i from generate_series(21, 1500) i')
    for (let i = 0; i < 64; i++) await sql.query(text)
    expect(await rowsRead(text)).toBe(4500)
    expect(await plan(text)).toContain('Hash Join')
  })
})

describe('random joins', () => {
  test('give the same with all indexes, with none, and in the order of the text', async () => {
    const random = new SeededRandom(20_260)
    const pick = <T>(list: readonly T[]): T => list[random.below(list.length)]!
    const names = ['p', 'q', 'r', 's']
    const other = await openTestDatabase()
    const plain = new TestSql(other)
    for (const name of names) {
      const rows = Array.from({ length: 4 + random.below(30) }, (_, i) => {
        const value = (): string => (random.below(6) === 0 ? 'null' : String(random.below(8)))
        return `(${i}, ${value()}, ${value()})`
      })
      for (const session of [sql, plain]) {
        await session.query(`create table ${name} (id int ${session === sql ? 'primary key' : ''}, x int, y int)`)
        await session.query(`insert into ${name} values ${rows.join(', ')}`)
      }
      await sql.query(`create index on ${name} (x)`)
      await sql.query(`create index on ${name} (y, x)`)
    }
    const condition = (a: string, b: string): string => {
      const column = (): string => pick(['id', 'x', 'y'])
      const operator = pick(['=', '=', '=', '=', '<', '<>'])
      return `${a}.${column()} ${operator} ${b}.${column()}`
    }
    for (let round = 0; round < 60; round++) {
      const aliases = ['t1', 't2', 't3', 't4'].slice(0, 2 + random.below(3))
      let from = `${pick(names)} t1`
      const where: string[] = []
      for (const [i, alias] of aliases.entries()) {
        if (i === 0) continue
        const kind = pick(['join', 'join', 'left join', 'right join', ','])
        const earlier = aliases[random.below(i)]!
        const item = `${pick(names)} ${alias}`
        if (kind === ',') {
          from = `(${from}) cross join ${item}`.replace(/^\((\w+ \w+)\)/, '$1')
          where.push(condition(earlier, alias))
        } else from = `${from} ${kind} ${item} on ${condition(earlier, alias)}`
      }
      if (random.below(2) === 0)
        where.push(`${pick(aliases)}.${pick(['id', 'x'])} ${pick(['=', '<', '>'])} ${random.below(8)}`)
      if (random.below(4) === 0) where.push(`${pick(aliases)}.y is null`)
      const text = `select * from ${from}${where.length > 0 ? ` where ${where.join(' and ')}` : ''}`
      const answer = async (session: TestSql): Promise<string[]> =>
        (await session.query(text)).rows.map((row) => row.join()).sort()
      const found = await answer(sql)
      expect(await answer(plain), text).toEqual(found)
      const asWritten = vi.spyOn(Measures.prototype, 'wantsCounts').mockReturnValue(false)
      // Another text, so that it is planned anew.
      const { rows } = await plain.query(`${text} -- ${round}`)
      asWritten.mockRestore()
      expect(rows.map((row) => row.join()).sort(), text).toEqual(found)
    }
    await other.close()
  }, 60_000)
})

describe('what is known of all members of a join', () => {
  test('an OR over several of them leaves out rows of each by itself', async () => {
    await makeShop()
    const text = `select count(*) from purchase, line where (line.purchase = purchase.id and purchase.day = 3 and line.item < 100)
      or (line.purchase = purchase.id and purchase.day = 5 and line.item < 50)`
    const shown = await plan(text)
    // Of both, before or where the other one is joined.
    expect(shown).toMatch(/Filter: .*\(\(day = 3\) OR \(day = 5\)\)/)
    expect(shown).toMatch(/line.*\n.*Filter: \(\(item < 100\) OR \(item < 50\)\)/)
    const { rows } = await sql.query(text)
    const apart = await sql.query(`select count(*) from purchase p join line l on l.purchase = p.id
      where case when p.day = 3 then l.item < 100 when p.day = 5 then l.item < 50 end`)
    expect(rows).toEqual(apart.rows)
  })

  test('an OR of which one alternative says nothing of a member tests nothing there', async () => {
    await makeShop()
    const text = `select count(*) from purchase, line where line.purchase = purchase.id
      and ((purchase.day = 3 and line.item < 100) or line.item = 700)`
    const { rows } = await sql.query(text)
    const apart = await sql.query(`select count(*) from purchase p join line l on l.purchase = p.id
      where case when p.day = 3 then l.item < 100 else false end or l.item = 700`)
    expect(rows).toEqual(apart.rows)
    expect(rows).toEqual([[5n]])
  })

  test('subqueries are asked of the rows that are left when all are joined, where those are few', async () => {
    await makeShop()
    const text = `select count(*) from line, purchase, customer where line.purchase = purchase.id
      and purchase.customer = customer.id and customer.id = 7
      and exists (select 1 from line other where other.purchase = line.purchase and other.number <> line.number)`
    // 1 customer, 6 purchases, 12 lines, and of each the other ones.
    expect(await rowsRead(text)).toBeLessThan(60)
    expect((await sql.query(text)).rows).toEqual([[12n]])
  })

  test('are asked of a table that is read as a whole only behind its join', async () => {
    await makeShop()
    await sql.query('create table note (purchase int, number int)')
    await sql.query('insert into note select i % 3000 + 1, i / 3000 from generate_series(1, 6000) i')
    const text = `select count(*) from note, purchase where note.purchase = purchase.id and purchase.id in (7, 8)
      and exists (select 1 from line where line.purchase = note.purchase and line.number <> note.number)`
    // All notes, 2 purchases, and the lines of 4 notes.
    expect(await rowsRead(text)).toBeLessThan(6000 + 2 + 20)
    expect((await sql.query(text)).rows).toEqual([[4n]])
  })

  test('and before, where the join makes more of them', async () => {
    await makeShop()
    const text = `select count(*) from purchase, line where line.purchase = purchase.id
      and purchase.customer in (select id from customer where country = 9)`
    expect(await plan(text)).toMatch(/^.*\n.*Join[\s\S]*line[\s\S]*customer_country/)
    expect((await sql.query(text)).rows).toEqual([[120n]])
  })

  test('conditions that no index sees are tried on a sample of rows, together', async () => {
    await sql.query('create table wide (id int primary key, kind int, twin int, name text)')
    await sql.query("insert into wide select i, i % 4, i % 4, 'name' || i % 10 from generate_series(1, 4000) i")
    const rows = async (condition: string): Promise<number> => {
      return Number(/rows=(\d+)/.exec(await plan(`select 1 from wide where ${condition}`))![1])
    }
    for (const condition of ['kind = 1', 'kind = 1 and twin = 1', 'kind = twin and kind % 4 = 3', 'kind in (2, 7)']) {
      expect(await rows(condition), condition).toBeGreaterThan(700)
      expect(await rows(condition), condition).toBeLessThan(1300)
    }
    expect(await rows("name like '%7'")).toBeLessThan(700)
    expect(await rows("name not like '%7'")).toBeGreaterThan(3300)
    expect(await rows('kind = 1 and twin = 2')).toBeLessThan(30)
  })

  test('what fails on a row of the sample, or is volatile, is assumed, and fails where it is asked', async () => {
    await sql.query('create table wide (id int primary key, kind int)')
    await sql.query('insert into wide select i, i % 4 from generate_series(1, 4000) i')
    expect((await sql.query('select count(*) from wide where id > 4000 and 1 / kind = 1')).rows).toEqual([[0n]])
    await expect(sql.query('select count(*) from wide where 1 / kind = 1')).rejects.toThrow('division by zero')
    expect(await plan('select 1 from wide where kind < random()')).toContain('rows=1200')
  })

  test('columns that an index has together are no fewer values than it has', async () => {
    await sql.query('create table pair (a int, b int, note text, primary key (a, b))')
    await sql.query('create table used (id int primary key, a int, b int)')
    await sql.query("insert into pair select i / 4, i % 4 + i / 4, '' from generate_series(0, 3999) i")
    await sql.query('insert into used select i, i % 1000, i % 4 + i % 1000 from generate_series(1, 8000) i')
    for (const from of ['used u, pair p', 'pair p, used u']) {
      const shown = await plan(`select 1 from ${from} where u.a = p.a and u.b = p.b`)
      const rows = Number(/Join .*rows=(\d+)/.exec(shown)?.[1] ?? /Nested Loop.*rows=(\d+)/.exec(shown)![1])
      expect(rows, shown).toBeGreaterThan(4000)
      expect(rows, shown).toBeLessThan(16_000)
    }
  })

  test('different values of a column without an index are counted in a sample', async () => {
    await makeShop()
    await sql.query('create table wide (id int primary key, kind int, lot int)')
    await sql.query('insert into wide select i, i % 4, i from generate_series(1, 4000) i')
    const rows = async (column: string): Promise<number> => {
      const text = `explain select 1 from wide a join wide b on a.${column} = b.${column}`
      return Number(/rows=(\d+)/.exec(String((await sql.query(text)).rows[0]![0]))![1])
    }
    expect(await rows('kind')).toBeGreaterThan(3_000_000)
    expect(await rows('lot')).toBeLessThan(10_000)
  })
})

describe('what nothing reads', () => {
  test('of a query in FROM is not computed', async () => {
    await sql.query('create table t (a int primary key, b int)')
    await sql.query('insert into t values (1, 0), (2, 0)')
    const text = 'select count(*) from (select a, 1 / b as c from t order by b offset 1) s'
    expect((await sql.query(text)).rows).toEqual([[1n]])
    await expect(sql.query(text.replace('count(*)', 'sum(c)'))).rejects.toThrow('division by zero')
    const distinct = 'select count(*) from (select distinct a, 1 / b as c from t) s'
    await expect(sql.query(distinct)).rejects.toThrow('division by zero')
    await sql.query('create sequence s')
    await sql.query("select count(*) from (select a, nextval('s') from t offset 0) s")
    expect((await sql.query("select currval('s')")).rows).toEqual([[2n]])
  })

  test('of what the keys of a group decide is not read', async () => {
    await sql.query('create table t (a int primary key, b int, c int)')
    await sql.query('insert into t values (1, 10, 5), (2, 20, 6), (3, 10, 7)')
    expect(await plan('select a, b, count(*) from t group by a')).toContain('Group Key: a\n')
    const { rows } = await sql.query('select b, count(*), a from t group by a having c > 5 order by a')
    expect(rows).toEqual([
      [20, 1n, 2],
      [10, 1n, 3],
    ])
    const twice = 'select x.b, count(*) from t x, t y group by x.a order by x.a'
    expect((await sql.query(twice)).rows).toEqual([
      [10, 3n],
      [20, 3n],
      [10, 3n],
    ])
  })
})
