/** What queries load over a store whose pages are not resident at first, where its pool holds all that they need. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../database/database.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { MissingStore } from '../../storage/contract/missing-store.ts'
import { openMemoryStore } from '../../storage/memory/memory.ts'
import { loadSql } from './sql.ts'
import { TestSql } from './testing.ts'

const rows = 4000
/** Little more than the largest query needs. */
const poolPages = 128

let store: MissingStore
let database: Database
let session: TestSql

beforeAll(async () => {
  await loadSql()
  store = new MissingStore(await openMemoryStore(createRealHost(), undefined), poolPages)
  database = await openTestDatabase({ store })
  session = new TestSql(database)
  await session.query('CREATE TABLE item (id int PRIMARY KEY, part int, name text)')
  await session.query('CREATE TABLE part (id int PRIMARY KEY, item int, name text)')
  for (const name of ['item', 'part']) {
    await session.query(
      `INSERT INTO ${name} SELECT i, i * 7 % ${rows}, 'name ' || i FROM generate_series(1, ${rows}) i`,
    )
  }
  await session.query('CREATE INDEX ON part (item)')
})

afterAll(async () => database.close())

describe('pages loaded are hardly more than those touched', () => {
  test.each([
    ['a scan', 'Seq Scan', 'SELECT name FROM item', rows, 50],
    ['an index look-up', 'Index Scan', 'SELECT * FROM part WHERE item = 77', 1, 2],
    ['a range of an index', 'Index Scan', 'SELECT name FROM part WHERE item BETWEEN 100 AND 300', 201, 8],
    ['a hash join', 'Hash Join', 'SELECT 1 FROM item JOIN part ON item.name = part.name', rows, 100],
    [
      'a nested loop with look-ups',
      'Nested Loop',
      'SELECT p.name FROM item i JOIN part p ON p.item = i.id WHERE i.id < 20',
      19,
      3,
    ],
  ])('by %s', async (_, plan, text, count, leastTouched) => {
    const explained = await session.query(`EXPLAIN ${text}`)
    expect(explained.rows.join('\n')).toContain(plan)
    store.pool.forget()
    // The second time all of it is there.
    for (let i = 0; i < 2; i++) expect((await session.query(text)).rows).toHaveLength(count)
    const { touched, loads } = store.pool
    expect(touched).toBeGreaterThanOrEqual(leastTouched)
    expect(touched).toBeLessThan(poolPages)
    expect(loads).toBeLessThanOrEqual(1.2 * touched)
  })
})

test('EXPLAIN tells how many pages had to be read, and no more than once', async () => {
  const ask = async (): Promise<string> => {
    const { rows: lines } = await session.query('EXPLAIN (ANALYZE, BUFFERS, COSTS off) SELECT count(name) FROM item')
    return lines.join('\n')
  }
  store.pool.forget()
  const [first, second] = [await ask(), await ask()]
  expect(first).toMatch(
    /^Aggregate \(actual time=\d+\.\d{3}\.\.\d+\.\d{3} rows=1 loops=1\)\n {2}Buffers: shared read=\d\d\n {2}-> {2}Seq Scan on item \(actual time=\S+ rows=4000 loops=1\)\n {8}Buffers: shared read=\d\d\nPlanning Time: \d+\.\d{3} ms\nExecution Time: \d+\.\d{3} ms$/,
  )
  expect(second).not.toContain('Buffers')
})
