/** What a database held before, as the doors show it, and to whom. */
import type { Redis } from 'ioredis'
import type { Document, MongoClient, MongoServerError, Timestamp } from 'mongodb'
import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { privilege } from '../database/access/privileges.ts'
import type { EmbeddedDatabase } from '../library/library.ts'
import { openDoors, rowsOf, type ServerWithUsers } from './testing-users.ts'

let server: ServerWithUsers
let library: EmbeddedDatabase
let sql: pg.Client
let redis: Redis

beforeEach(async () => {
  ;({ server, library, sql, redis } = await openDoors())
})

afterEach(() => server.stop())

const values = async (client: pg.Client, text: string): Promise<unknown[]> =>
  (await rowsOf(client, text)).map(([first]) => first)

const codeOf = (done: Promise<unknown>): Promise<string> =>
  done.then(
    () => 'done',
    (error: unknown) => (error as { code: string }).code,
  )

/** A table, a key and a document, and the sequence after them; then all of it is changed, and the table dropped. */
async function past(): Promise<number> {
  await sql.query('CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, $$then$$)')
  await redis.set('k', 'then')
  await redis.zadd('z', 1, 'a', 2, 'b')
  await library.write((tx) => tx.documents('shop', 'orders').insert({ _id: 1, v: 'then' }))
  const { sequence } = library
  await sql.query('ALTER TABLE t RENAME v TO w; UPDATE t SET w = $$now$$; INSERT INTO t VALUES (2, $$now$$)')
  await redis.set('k', 'now')
  await redis.zrem('z', 'a')
  await library.write((tx) => tx.documents('shop', 'orders').update({ _id: 1 }, { $set: { v: 'now' } }))
  return sequence
}

describe('at the door of PostgreSQL', () => {
  test('a setting says when, until it is reset or the block ends', async () => {
    const sequence = await past()
    await sql.query(`SET polylog.as_of = '${sequence}'`)
    expect(await values(sql, 'SELECT v FROM t')).toEqual(['then'])
    expect(await values(sql, 'SELECT value FROM redis.db0_string')).toEqual(['then'])
    expect(await values(sql, 'SELECT v FROM shop.orders')).toEqual(['then'])
    expect((await sql.query('SELECT v FROM t WHERE id = $1', [1])).rows).toEqual([{ v: 'then' }])
    await sql.query('RESET polylog.as_of')
    expect(await values(sql, 'SELECT w FROM t ORDER BY id')).toEqual(['now', 'now'])
    await sql.query('BEGIN')
    await sql.query(`SET LOCAL polylog.as_of = '${sequence}'`)
    expect(await values(sql, 'SELECT v FROM t')).toEqual(['then'])
    await sql.query('COMMIT')
    expect(await values(sql, 'SELECT count(w)::int FROM t')).toEqual([2])
  })

  test('a block has one time, which is set before its first query and goes back with it', async () => {
    const sequence = await past()
    await sql.query('BEGIN; SELECT 1')
    expect(await codeOf(sql.query(`SET polylog.as_of = '${sequence}'`))).toBe('25001')
    await sql.query('ROLLBACK')
    await sql.query(`BEGIN; SET polylog.as_of = '${sequence}'`)
    expect(await values(sql, 'SELECT v FROM t')).toEqual(['then'])
    await sql.query('ROLLBACK')
    expect(await values(sql, 'SELECT count(w)::int FROM t')).toEqual([2])
    expect(await values(sql, 'SHOW polylog.as_of')).toEqual([''])
  })

  test('a string of statements may go and come back', async () => {
    const sequence = await past()
    const results = (await sql.query(
      `SET polylog.as_of = '${sequence}'; SELECT v FROM t`,
    )) as unknown as pg.QueryResult[]
    expect(results[1]!.rows).toEqual([{ v: 'then' }])
    expect(await values(sql, 'SELECT v FROM t')).toEqual(['then'])
  })

  test('writes are refused, and what cannot be read says so each time', async () => {
    const sequence = await past()
    await sql.query(`SET polylog.as_of = '${sequence}'`)
    for (const text of [
      'INSERT INTO t VALUES (3)',
      'DELETE FROM t',
      'CREATE TABLE u ()',
      'DROP TABLE t',
      'SELECT FROM t FOR UPDATE',
    ])
      expect(await codeOf(sql.query(text)), text).toBe('25006')
    await sql.query(`SET polylog.as_of = '${sequence + 10_000}'`)
    for (let i = 0; i < 2; i++) expect(await codeOf(sql.query('SELECT * FROM t'))).toBe('22003')
    expect(await codeOf(sql.query("SET polylog.as_of = 'tomorrow'"))).toBe('22023')
    await sql.query("SET polylog.as_of = '2999-01-01'")
    expect(await codeOf(sql.query('SELECT 1'))).toMatch(/^22/)
    await sql.query("SET polylog.as_of = ''")
    expect(await values(sql, 'SELECT count(*)::int FROM t')).toEqual([2])
  })

  test('a span is counted from each transaction on', async () => {
    await past()
    await sql.query("SET polylog.as_of = '-0s'")
    expect(await values(sql, 'SELECT count(*)::int FROM t')).toEqual([2])
    await library.write((tx) => tx.sql('INSERT INTO t VALUES (7)'))
    expect(await values(sql, 'SELECT count(*)::int FROM t')).toEqual([3])
    await sql.query("SET polylog.as_of = '-1h'")
    expect(await codeOf(sql.query('SELECT * FROM t'))).toBe('42P01')
  })
})

describe('at the door of Redis', () => {
  test('a command says when', async () => {
    const sequence = await past()
    expect(await redis.call('POLYLOG.ASOF')).toBeNull()
    expect(await redis.call('POLYLOG.ASOF', String(sequence))).toBe('OK')
    expect(await redis.call('POLYLOG.ASOF')).toBe(sequence)
    expect([await redis.get('k'), await redis.zrange('z', '0', '-1')]).toEqual(['then', ['a', 'b']])
    expect(await redis.multi().get('k').zcard('z').exec()).toEqual([
      [null, 'then'],
      [null, 2],
    ])
    await expect(redis.set('k', 'again')).rejects.toThrow('READONLY')
    await expect(redis.call('POLYLOG.ASOF', 'tomorrow')).rejects.toThrow('a moment is')
    expect(await redis.get('k')).toBe('then')
    await redis.call('POLYLOG.ASOF', 'NOW')
    expect(await redis.get('k')).toBe('now')
  })

  test('a key is there that had not expired then', async () => {
    await redis.set('short', 'then', 'PX', 200)
    const { sequence } = library
    while ((await redis.get('short')) !== null) await new Promise((resolve) => setTimeout(resolve, 20))
    await redis.call('POLYLOG.ASOF', String(sequence))
    expect(await redis.get('short')).toBe('then')
    expect(await redis.pttl('short')).toBeGreaterThan(0)
  })
})

describe('at the door of MongoDB', () => {
  const readAt = async (client: MongoClient, name: string, atClusterTime?: Timestamp): Promise<Document> => {
    const readConcern = { level: 'snapshot', ...(atClusterTime && { atClusterTime }) }
    return (await client.db('shop').command({ find: name, readConcern }))['cursor'] as Document
  }
  const failure = (done: Promise<unknown>): Promise<unknown> =>
    done.then(
      () => 'done',
      (error: unknown) => (error as MongoServerError).code,
    )
  const insert = async (client: MongoClient, id: number): Promise<Timestamp> => {
    const reply = await client.db('shop').command({ insert: 'orders', documents: [{ _id: id }] })
    return reply['operationTime'] as Timestamp
  }

  test('a read concern says when; whom it is shown to needs HISTORY, for as long as a cursor is read', async () => {
    const root = server.mongo()
    const time = await insert(root, 1)
    for (let id = 2; id < 300; id++) await insert(root, id)
    expect(await readAt(root, 'orders', time)).toMatchObject({ firstBatch: [{ _id: 1 }], atClusterTime: time })
    await server.addUser('ada')
    await server.give('ada', 'shop', privilege.read)
    const ada = server.mongo('ada')
    expect(await failure(readAt(ada, 'orders', time))).toBe(13)
    expect(await failure(readAt(ada, 'orders'))).toBe(13)
    await server.give('ada', '', privilege.history)
    // What could be seen now could not be seen then.
    expect(await failure(readAt(ada, 'orders', time))).toBe(13)
    const { id, firstBatch } = await readAt(ada, 'orders')
    expect(firstBatch).toHaveLength(101)
    const more = { getMore: id as bigint, collection: 'orders', batchSize: 5 }
    expect((await ada.db('shop').command(more))['cursor']).toMatchObject({ id })
    await sql.query('REVOKE HISTORY ON DATABASE polylog FROM ada')
    expect(await failure(ada.db('shop').command(more))).toBe(13)
  })
})

describe('in the process', () => {
  test('at() shows one state of all models', async () => {
    const sequence = await past()
    const snapshot = await library.at(sequence)
    expect(await snapshot.sql('SELECT v FROM t')).toEqual([{ v: 'then' }])
    expect(await snapshot.documents('shop', 'orders').findOne({})).toEqual({ _id: 1, v: 'then' })
    expect(Buffer.from((await snapshot.keys().get('k'))!).toString()).toBe('then')
    await expect(snapshot.sql('DELETE FROM t')).rejects.toThrow('read-only')
    await expect(snapshot.keys().set('k', 'x')).rejects.toMatchObject({ code: 'read_only' })
    snapshot.release()
    const now = await library.at(new Date())
    expect(await now.sql('SELECT count(*)::int FROM t')).toEqual([{ count: 2 }])
    now.release()
    const text = await library.at('-0ms')
    text.release()
    for (const wrong of [-1, 1.5, NaN, new Date(NaN), 'x', {}, undefined]) {
      await expect(library.at(wrong as never), String(wrong)).rejects.toMatchObject({ code: 'invalid_argument' })
    }
    await expect(library.at(sequence + 1e6)).rejects.toMatchObject({ code: 'out_of_range' })
  })
})

describe('who may see it', () => {
  const setUp = async (): Promise<[number, pg.Client]> => {
    await server.addUser('ada')
    await sql.query('CREATE TABLE t (id int PRIMARY KEY, a text, b text); INSERT INTO t VALUES (1, $$a$$, $$b$$)')
    await sql.query('CREATE TABLE gone (id int); INSERT INTO gone VALUES (1); GRANT SELECT ON t, gone TO ada')
    await sql.query('CREATE VIEW v AS SELECT a FROM t; GRANT SELECT ON v TO ada')
    await server.give('ada', '', privilege.history)
    const { sequence } = library
    return [sequence, await server.pg('ada')]
  }

  test('needs HISTORY on the database, at every statement', async () => {
    const [sequence, ada] = await setUp()
    await ada.query(`SET polylog.as_of = '${sequence}'`)
    expect(await values(ada, 'SELECT a FROM t')).toEqual(['a'])
    await sql.query('REVOKE HISTORY ON DATABASE polylog FROM ada')
    expect(await codeOf(ada.query('SELECT a FROM t'))).toBe('42501')
    await server.addUser('bob')
    const bob = await server.pg('bob')
    await bob.query(`SET polylog.as_of = '${sequence}'`)
    expect(await codeOf(bob.query('SELECT 1'))).toBe('42501')
    const keys = server.redis('ada')
    await expect(keys.call('POLYLOG.ASOF', String(sequence))).rejects.toThrow('NOPERM')
  })

  test('is no more than what may be seen now, nor than what could be seen then', async () => {
    const [sequence, ada] = await setUp()
    await sql.query('REVOKE SELECT ON t FROM ada; GRANT SELECT (a) ON t TO ada; CREATE TABLE later (id int)')
    await sql.query('CREATE TABLE hidden (id int); INSERT INTO hidden VALUES (1)')
    const between = library.sequence
    await sql.query('GRANT SELECT ON hidden TO ada; DROP TABLE gone')
    await ada.query(`SET polylog.as_of = '${sequence}'`)
    expect(await values(ada, 'SELECT a FROM t')).toEqual(['a'])
    expect(await codeOf(ada.query('SELECT b FROM t'))).toBe('42501')
    expect(await values(ada, 'SELECT a FROM v')).toEqual(['a'])
    expect(await codeOf(ada.query('SELECT count(b) FROM t'))).toBe('42501')
    // Of what is no more there are the rights of then alone.
    expect(await values(ada, 'SELECT id FROM gone')).toEqual([1])
    await ada.query(`SET polylog.as_of = '${between}'`)
    expect(await codeOf(ada.query('SELECT * FROM hidden'))).toBe('42501')
    await sql.query('REVOKE SELECT (a) ON t FROM ada')
    await ada.query(`SET polylog.as_of = '${sequence}'`)
    expect(await codeOf(ada.query('SELECT count(*) FROM t'))).toBe('42501')
    expect(await values(ada, 'SELECT a FROM v')).toEqual(['a'])
    await sql.query('REVOKE SELECT ON v FROM ada')
    expect(await codeOf(ada.query('SELECT a FROM v'))).toBe('42501')
  })

  test('is nothing of a table whose rules of rows concern them now', async () => {
    const [sequence, ada] = await setUp()
    await sql.query('ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (true)')
    expect(await values(ada, 'SELECT a FROM t')).toEqual(['a'])
    await ada.query(`SET polylog.as_of = '${sequence}'`)
    expect(await codeOf(ada.query('SELECT a FROM t'))).toBe('42501')
    expect(await codeOf(ada.query('SELECT count(*) FROM t'))).toBe('42501')
  })
})
