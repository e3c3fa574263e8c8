/** VACUUM and ANALYZE beside those who hold the tables: who waits, who passes one over, who is told. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../database/database.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { loadSql } from './sql.ts'
import { TestSql } from './testing.ts'

let database: Database
let one: TestSql
let two: TestSql

beforeEach(async () => {
  await loadSql()
  database = await openTestDatabase()
  one = new TestSql(database)
  two = new TestSql(database)
  await one.query('create table parted (a int) partition by list (a)')
  await one.query('create table part1 partition of parted for values in (1)')
  await one.query('create table part2 partition of parted for values in (2)')
  await one.query('create index part1_a on part1 (a)')
})

afterEach(async () => database.close())

/** Answers of the statement while the first session holds a lock, and whether it waited for that one's end. */
async function besides(lock: string, statement: string): Promise<{ text: string; waited: boolean }> {
  await one.query('begin')
  await one.query(lock)
  let isHeld = true
  let waited = false
  const asked = two.show(statement).then((text) => {
    waited = !isHeld
    return text
  })
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve))
  isHeld = false
  await one.query('commit')
  return { text: await asked, waited }
}

describe('VACUUM and ANALYZE', () => {
  it.each([
    ['share', 'vacuum part1', true],
    ['row exclusive', 'vacuum part1', false],
    ['row exclusive', 'vacuum full part1', true],
    ['access share', 'vacuum (full) part1', true],
    ['share update exclusive', 'analyze part1', true],
    ['share', 'vacuum', true],
    ['share', 'vacuum parted', true],
    ['share', 'vacuum part2', false],
    ['share', 'vacuum (skip_locked) parted', false],
    ['share', 'analyze (skip_locked) parted', false],
    ['access exclusive', 'vacuum (skip_locked) parted', false],
    ['access exclusive', 'analyze (skip_locked) parted', true],
  ])('beside a lock in %s: %s', async (mode, statement, waited) => {
    const done = await besides(`lock part1 in ${mode} mode`, statement)
    expect(done).toEqual({ text: statement.startsWith('vacuum') ? 'VACUUM' : 'ANALYZE', waited })
  })

  it('says which of the named tables it has passed over', async () => {
    const { text } = await besides('lock part1 in share mode', 'vacuum (skip_locked, analyze) part1, part2')
    expect(text).toBe('WARNING:  skipping vacuum of "part1" --- lock not available\nVACUUM')
  })

  it('goes on without a table that was dropped while it waited for another', async () => {
    await one.query('begin')
    await one.query('lock part1 in share mode')
    const named = two.show('analyze part1, part2')
    const whole = new TestSql(database).show('vacuum parted')
    await one.query('drop table part2')
    await one.query('commit')
    expect(await named).toBe('WARNING:  skipping analyze of "part2" --- relation no longer exists\nANALYZE')
    expect(await whole).toBe('VACUUM')
  })

  it('holds nothing once it is past, outside of a block', async () => {
    await one.query('begin')
    await one.query('lock part2 in share mode')
    const waiting = two.show('vacuum part1, part2')
    const three = new TestSql(database)
    await three.query('begin')
    await three.query('lock part1 in access exclusive mode nowait')
    await three.query('commit')
    await one.query('commit')
    expect(await waiting).toBe('VACUUM')
    await two.query('begin')
    await two.query('analyze part1')
    expect(await one.show('begin; lock part1 in share mode nowait')).toContain('could not obtain lock')
    await one.query('rollback')
    await two.query('commit')
  })

  it.each([
    ['vacuum part1_a', 'WARNING:  skipping "part1_a" --- cannot vacuum non-tables or special system tables\nVACUUM'],
    ['vacuum pg_class', 'VACUUM'],
    [
      'vacuum pg_tables',
      'WARNING:  skipping "pg_tables" --- cannot vacuum non-tables or special system tables\nVACUUM',
    ],
    ['analyze nope', 'ERROR:  42P01: relation "nope" does not exist'],
    ['vacuum (foo) part1', 'ERROR:  42601: unrecognized VACUUM option "foo"'],
    ['analyze (full) part1', 'ERROR:  42601: unrecognized ANALYZE option "full"'],
    ['vacuum (analyze 3) part1', 'ERROR:  42601: analyze requires a Boolean value'],
    ['vacuum part1 (a)', 'ERROR:  0A000: ANALYZE option must be specified when a column list is provided'],
    ['analyze part1 (b)', 'ERROR:  42703: column "b" of relation "part1" does not exist'],
    ['analyze part1 (a, a)', 'ERROR:  42701: column "a" of relation "part1" appears more than once'],
    ['vacuum (full, parallel 2) part1', 'ERROR:  0A000: VACUUM FULL cannot be performed in parallel'],
    ['vacuum (parallel 2000) part1', 'ERROR:  42601: parallel workers for vacuum must be between 0 and 1024'],
    [
      'vacuum (full, disable_page_skipping) part1',
      'ERROR:  0A000: VACUUM option DISABLE_PAGE_SKIPPING cannot be used with FULL',
    ],
    ['begin; vacuum part1', 'ERROR:  25001: VACUUM cannot run inside a transaction block'],
  ])('%s', async (statement, answer) => {
    expect((await one.show(statement)).split('\nPOSITION')[0]).toBe(answer)
  })
})
