/** What statements draw at random is the same whatever is resident: a row that waits is evaluated again with its numbers. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../database/database.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { SeededRandom } from '../../host/simulated/random.ts'
import { MissingStore } from '../../storage/contract/missing-store.ts'
import type { PagePool } from '../../storage/contract/page-pool.ts'
import { openMemoryStore } from '../../storage/memory/memory.ts'
import type { OrderedStore } from '../../storage/store.ts'
import { loadSql } from './sql.ts'
import { TestSql } from './testing.ts'

interface Seeded {
  readonly database: Database
  readonly sql: TestSql
  seed(): void
}

/** A database that draws the same after each `seed`. */
async function open(wrap: (store: OrderedStore) => OrderedStore): Promise<Seeded> {
  const host = createRealHost()
  let random = new SeededRandom(7)
  host.random = (into) => random.fill(into)
  const store = wrap(await openMemoryStore(host, undefined))
  const database = await openTestDatabase({ host, store })
  const sql = new TestSql(database)
  await sql.query('CREATE TABLE item (id int PRIMARY KEY, part int)')
  await sql.query('CREATE TABLE part (id int PRIMARY KEY, name text)')
  await sql.query('INSERT INTO item SELECT i, i * 7 % 60 + 1 FROM generate_series(1, 60) i')
  await sql.query("INSERT INTO part SELECT i, 'part ' || i FROM generate_series(1, 60) i")
  await sql.query('CREATE SEQUENCE ticket')
  await sql.query(
    'CREATE TABLE given (id serial PRIMARY KEY, item int REFERENCES part, at int GENERATED ALWAYS AS IDENTITY)',
  )
  return { database, sql, seed: () => (random = new SeededRandom(7)) }
}

let resident: Seeded
let missing: Seeded
let pool: PagePool

beforeAll(async () => {
  await loadSql()
  resident = await open((store) => store)
  missing = await open((store) => {
    const wrapped = new MissingStore(store, 2, { keysPerPage: 4 })
    pool = wrapped.pool
    return wrapped
  })
})

afterAll(async () => {
  await resident.database.close()
  await missing.database.close()
})

const name = '(SELECT name FROM part WHERE part.id = item.part)'

test.each([
  ['a row with a subquery behind', `SELECT random(), ${name}, random() FROM item ORDER BY id`],
  ['uuids', `SELECT gen_random_uuid(), ${name} FROM item`],
  ['a condition', `SELECT id FROM item WHERE random() < 0.5 AND ${name} <> 'part 3' AND random() < 0.5`],
  ['an aggregate', `SELECT array_agg(random()), count(${name}) FROM item`],
  ['a subquery that draws', 'SELECT random(), (SELECT max(random()) FROM part WHERE id < item.id) FROM item'],
  [
    'rows in a subquery',
    `SELECT random(), ARRAY(SELECT random() + length(${name}) FROM item WHERE id <= p.id) FROM part p`,
  ],
  ['numbers of a sequence', `SELECT nextval('ticket'), ${name}, nextval('ticket') FROM item ORDER BY id`],
  ['numbers beside a series', `SELECT nextval('ticket') + length(${name}) * 0, generate_series(1, 3) FROM item`],
  ['numbers in a condition', `SELECT id FROM item WHERE nextval('ticket') % 2 = 0 AND ${name} <> 'part 3'`],
  ['defaults and identities', `INSERT INTO given (item) SELECT part FROM item RETURNING *`],
  ['how far the sequences are', "SELECT nextval('ticket'), nextval('given_id_seq'), nextval('given_at_seq')"],
  ['VALUES', `SELECT v.* FROM item, LATERAL (VALUES (random(), ${name})) v`],
  [
    'INSERT',
    `INSERT INTO item SELECT 1000 * floor(1 + random() * 9) + id, length(${name}) FROM item RETURNING random(), *`,
  ],
  [
    'UPDATE',
    `UPDATE item SET part = floor(random() * 60 + 1 + length(${name}) * 0) RETURNING id, part, random(), ${name}`,
  ],
])('%s', async (_, text) => {
  const [expected, found] = [resident, missing].map(async ({ sql, seed }) => {
    await sql.query(text.startsWith('INSERT') ? 'DELETE FROM item WHERE id > 60' : 'SELECT 1')
    pool.forget()
    seed()
    return (await sql.query(text)).rows
  })
  expect(await found).toEqual(await expected)
  expect(pool.misses).toBeGreaterThan(1)
  expect((await expected)!.length).toBeGreaterThan(0)
})
