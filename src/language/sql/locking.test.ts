/** Several sessions on the same rows: what waits, what is skipped, what is run again. */
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
  await one.query('create table job (id int primary key, state text, n int default 0)')
  await one.query("insert into job select i, 'new' from generate_series(1, 5) i")
})

afterEach(async () => database.close())

describe('locks', () => {
  it('hands each worker of a queue another row', async () => {
    const take = "select id from job where state = 'new' order by id limit 1 for update skip locked"
    await one.query('begin')
    await two.query('begin')
    expect(await one.show(take)).toBe('id\n1\n(1 row)')
    expect(await two.show(take)).toBe('id\n2\n(1 row)')
    await one.query('commit')
    await two.query('commit')
  })

  it('answers at once under NOWAIT', async () => {
    await one.query('begin')
    await one.query('select * from job where id = 1 for update')
    expect(await two.show('select * from job where id = 1 for update nowait')).toContain('could not obtain lock')
    await one.query('rollback')
  })

  it('waits, and updates what the other has left', async () => {
    await one.query('begin')
    await one.query('update job set n = n + 1 where id = 1')
    const waiting = two.query('update job set n = n + 10 where id = 1 returning n')
    await one.query('commit')
    expect((await waiting).rows).toEqual([[11]])
  })

  it('tests the condition again on the newer row', async () => {
    await one.query('begin')
    await one.query("update job set state = 'done' where id = 1")
    const waiting = two.query("update job set n = 1 where state = 'new' and id = 1")
    await one.query('commit')
    expect((await waiting).rowCount).toBe(0)
  })

  it('keeps inserts of the same key apart', async () => {
    await one.query('begin')
    await one.query("insert into job values (9, 'a')")
    const waiting = two.show("insert into job values (9, 'b')")
    await one.query('commit')
    expect(await waiting).toContain('duplicate key value violates unique constraint "job_pkey"')
    expect(
      await two.show(
        "insert into job values (9, 'c') on conflict (id) do update set state = excluded.state returning state",
      ),
    ).toContain('c')
  })

  it('gives each session numbers of its own from a sequence, without waiting', async () => {
    await one.query('create table s (id serial, who text)')
    await one.query('begin')
    await two.query('begin')
    expect((await one.query("insert into s (who) values ('one') returning id")).rows).toEqual([[1]])
    expect((await two.query("insert into s (who) values ('two') returning id")).rows).toEqual([[2]])
    await two.query('commit')
    await one.query('rollback')
    expect(await one.show('select * from s')).toBe('id|who\n2|two\n(1 row)')
    expect(await two.show("select currval('s_id_seq')")).toContain('2')
  })

  it('plans again when a table has changed', async () => {
    expect(await one.show('select * from job where id = 1')).toBe('id|state|n\n1|new|0\n(1 row)')
    await two.query('alter table job add column extra int default 7')
    expect(await one.show('select * from job where id = 1')).toBe('id|state|n|extra\n1|new|0|7\n(1 row)')
    await two.query('drop table job')
    expect(await one.show('select * from job where id = 1')).toContain('relation "job" does not exist')
  })
})
