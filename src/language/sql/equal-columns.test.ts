/** Joins by equalities that follow from others: what is derived, and that rows stay the same. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../database/database.ts'
import { SeededRandom } from '../../host/simulated/random.ts'
import { openCountedDatabase, planOf } from './counted-testing.ts'
import { TestSql } from './testing.ts'

let database: Database
let sql: TestSql

beforeAll(async () => {
  database = await openCountedDatabase()
  sql = new TestSql(database)
  await sql.query('create table country (id int primary key, name text)')
  await sql.query('create table agent (id int primary key, a_country int)')
  await sql.query('create table customer (id int primary key, c_country int)')
  await sql.query('create table purchase (id int primary key, customer int, agent int)')
  await sql.query('create index on purchase (customer)')
  await sql.query("insert into country select i, 'country' || i from generate_series(1, 50) i")
  await sql.query('insert into agent select i, i % 50 + 1 from generate_series(1, 2000) i')
  await sql.query('insert into customer select i, i % 50 + 1 from generate_series(1, 200) i')
  await sql.query('insert into purchase select i, i % 200 + 1, i % 2000 + 1 from generate_series(1, 4000) i')
  for (const name of ['one', 'two', 'three', 'four']) {
    await sql.query(`create table ${name} (x int, y int, z int)`)
    await sql.query(`insert into ${name} select i % 4, nullif(i % 3, 0), i % 5 from generate_series(1, 12) i`)
  }
})

afterAll(() => database.close())

const chain = `select count(*) from purchase, agent, customer, country where a_country = country.id
  and c_country = a_country and purchase.customer = customer.id and purchase.agent = agent.id
  and country.name = 'country7'`

test('customers of a country are found before its agents are there', async () => {
  const plan = await planOf(sql, chain)
  expect(plan).toMatch(/\(\(?(c_country = id|id = c_country)\)/)
  const plainly = chain.replaceAll('a_country', '(a_country + 0)')
  expect((await sql.query(chain)).rows).toEqual((await sql.query(plainly)).rows)
})

test('of equal columns one equality is tested where an item joins', async () => {
  const text = 'select count(*) from one a, two b, three c, four d where a.x = b.x and b.x = c.x and c.x = d.x'
  const plan = await planOf(sql, text)
  expect(plan.match(/x = x/g)?.length).toBe(3)
  expect((await sql.query(text)).rows).toEqual([[4n * 81n]])
})

test('rows are those of conditions from which nothing follows', async () => {
  const random = new SeededRandom(17)
  const pick = <T>(from: readonly T[]): T => from[random.below(from.length)]!
  for (let round = 0; round < 120; round++) {
    const conditions = Array.from({ length: 2 + (round % 4) }, () => {
      return [
        `${pick('abcd'.split(''))}.${pick('xyz'.split(''))}`,
        `${pick('abcd'.split(''))}.${pick('xyz'.split(''))}`,
      ]
    })
    const from = 'from one a, two b, three c, four d where'
    const equal = conditions.map(([left, right]) => `${left} = ${right}`).join(' and ')
    const plain = conditions.map(([left, right]) => `${left} - ${right} = 0`).join(' and ')
    const counts = `select count(*), sum(a.z), sum(b.z), sum(c.z), sum(d.z)`
    const { rows } = await sql.query(`${counts} ${from} ${equal}`)
    expect(rows, equal).toEqual((await sql.query(`${counts} ${from} ${plain}`)).rows)
  }
})
