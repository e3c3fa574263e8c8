/** Entries of Redis's streams as rows of SQL. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { commitNow, openTestDatabase, runSteps } from '../../database/testing.ts'
import type { Database } from '../../database/database.ts'
import { ensureNamespace } from '../../model/document/document.ts'
import { verifySnapshot } from '../../query/verifiers.ts'
import { loadSql } from './sql.ts'
import { TestSql } from './testing.ts'

let database: Database
let sql: TestSql

beforeEach(async () => {
  await loadSql()
  database = await openTestDatabase()
  sql = new TestSql(database)
  const tx = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  tx.beginStatement()
  tx.createCollection(ensureNamespace(tx, 'redis'), 'db0', 'keyvalue', {})
  tx.endStatement()
  commitNow(tx)
})
afterEach(() => database.close())

async function rows(text: string): Promise<readonly (readonly unknown[])[]> {
  return (await sql.query(text)).rows
}

async function differences(): Promise<unknown> {
  return (await runSteps(database, (tx) => verifySnapshot(tx))).differences
}

async function failure(text: string): Promise<string> {
  try {
    await sql.query(text)
  } catch (error) {
    return (error as Error).message
  }
  return 'none'
}

it('are inserted behind the last one, read, and deleted', async () => {
  const inserted = await rows(
    `insert into redis.db0_stream values ('s', '1-1', '{"b": "2", "a": "1"}'), ('s', '5-*', '[["f", "1"], ["f", "2"]]'),
       ('t', '7', '{"n": 1.50, "yes": true}') returning id`,
  )
  expect(inserted).toEqual([['1-1'], ['5-0'], ['7-0']])
  expect(await rows('select key, id, fields from redis.db0_stream')).toEqual([
    ['s', '1-1', '{"a": "1", "b": "2"}'],
    ['s', '5-0', '[["f", "1"], ["f", "2"]]'],
    ['t', '7-0', '{"n": "1.50", "yes": "true"}'],
  ])
  expect(await rows(`select fields ->> 'a' from redis.db0_stream where key = 's' and id = '1-1'`)).toEqual([['1']])
  expect(await rows(`select type from redis.db0 where key = 's'`)).toEqual([['stream']])
  await sql.query(`delete from redis.db0_stream where key = 's' and id = '1-1'`)
  expect(await rows(`select id from redis.db0_stream where key = 's'`)).toEqual([['5-0']])
  // The stream stays, and its last id.
  await sql.query(`delete from redis.db0_stream where key = 's'`)
  expect(await failure(`insert into redis.db0_stream values ('s', '5-0', '{"f": "v"}')`)).toMatch('not greater than')
  await sql.query(`insert into redis.db0_stream (key, fields) values ('s', '{"f": "v"}')`)
  expect(await rows(`select length(id) > 10 from redis.db0_stream where key = 's'`)).toEqual([[true]])
  await sql.query(`delete from redis.db0 where key = 's'`)
  expect(await rows('select key from redis.db0_stream')).toEqual([['t']])
  expect(await differences()).toEqual([])
})

it('lie in pieces where they are long, and hold any bytes', async () => {
  await sql.query(
    `insert into redis.db0_stream values ('s', '1-0', jsonb_build_object('long', repeat('x', 200000), 'b', '\\xff00'))`,
  )
  const [[long, bytes]] = (await rows(`select length(fields ->> 'long'), fields ->> 'b' from redis.db0_stream`)) as [
    [number, string],
  ]
  expect([long, bytes]).toEqual([200000, '\\xff00'])
  await sql.query('delete from redis.db0_stream')
  expect(await differences()).toEqual([])
})

it('refuse what no entry can be', async () => {
  await sql.query(`insert into redis.db0_stream values ('s', '1-0', '{"f": "v"}')`)
  const insert = (values: string): Promise<string> => failure(`insert into redis.db0_stream values (${values})`)
  expect(await insert(`'s', '1-0', '{"f": "v"}'`)).toMatch('duplicate key')
  expect(await insert(`'s', '0-5', '{"f": "v"}'`)).toMatch('not greater')
  expect(await insert(`'s', 'x', '{"f": "v"}'`)).toMatch('invalid id')
  expect(await insert(`'s', '2-0', null`)).toMatch('null value in column "fields"')
  expect(await insert(`null, '2-0', '{"f": "v"}'`)).toMatch('null value in column "key"')
  for (const fields of ['{}', '[]', '"f"', '[["f"]]', '{"f": null}', '{"f": {}}', '3']) {
    expect(await insert(`'s', '2-0', '${fields}'`), fields).toMatch('fields of a stream')
  }
  expect(await failure(`update redis.db0_stream set fields = '{"f": "w"}'`)).toMatch('does not change')
  expect(await failure(`insert into redis.db0_set values ('s', 'm')`)).toMatch('wrong kind of value')
  expect(await rows('select id from redis.db0_stream')).toEqual([['1-0']])
})
