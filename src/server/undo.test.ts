/** A transaction undone: what it wrote is put back as it was, unless something of it has been changed since. */
import type { Redis } from 'ioredis'
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

afterEach(async () => {
  const { differences } = await library.verify()
  await server.stop()
  expect(differences).toEqual([])
})

const rows = (text: string, client = sql): Promise<unknown[][]> => rowsOf(client, text)

/** Runs it, and answers the number of its transaction. */
async function transaction(work: () => Promise<unknown>): Promise<number> {
  await work()
  return library.sequence
}

const undo = async (sequence: number): Promise<unknown> => (await rows(`SELECT polylog_undo(${sequence})::int`))[0]![0]

describe('a transaction of SQL', () => {
  const all = (): Promise<unknown[][]> => rows('SELECT id, email, v FROM t ORDER BY id')

  beforeEach(async () => {
    await sql.query(
      'CREATE TABLE t (id int PRIMARY KEY, email text UNIQUE, v int, double int GENERATED ALWAYS AS (v * 2) STORED)',
    )
    await sql.query('CREATE INDEX ON t (v)')
    await sql.query("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)")
  })

  test('is undone with inserts, updates, deletes and moves of unique values', async () => {
    const before = await all()
    const sequence = await transaction(() =>
      sql.query(`BEGIN; DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (4, 'a', 4); UPDATE t SET v = 20 WHERE id = 2;
        UPDATE t SET id = 30, email = 'x' WHERE id = 3; COMMIT`),
    )
    const after = await all()
    expect(await undo(sequence)).toBe(5)
    expect(await all()).toEqual(before)
    expect(await rows('SELECT id FROM t WHERE double = 4')).toEqual([[2]])
    // To undo is a transaction, too.
    expect(await undo(library.sequence)).toBe(5)
    expect(await all()).toEqual(after)
  })

  test('is undone whole or not at all: a conflict names the row and who came later', async () => {
    const first = await transaction(() => sql.query('UPDATE t SET v = v + 10'))
    const later = await transaction(() => sql.query('UPDATE t SET v = 99 WHERE id = 2'))
    const before = await all()
    await expect(sql.query(`SELECT polylog_undo(${first})`)).rejects.toMatchObject({
      code: '55000',
      message: `what transaction ${first} left in "public.t" has been changed since`,
      detail: `public.t {"id": 2} was changed by transaction ${later}.`,
    })
    expect(await all()).toEqual(before)
    await sql.query(`BEGIN; SELECT polylog_undo(${later})`)
    await expect(sql.query(`SELECT polylog_undo(${later})`)).rejects.toMatchObject({
      detail: 'public.t {"id": 2} was changed in this transaction.',
    })
    await sql.query('ROLLBACK')
    expect(await all()).toEqual(before)
    // What comes later first: then all of it.
    expect(await rows(`SELECT polylog_undo(${later})::int, polylog_undo(${first})::int`)).toEqual([[1, 3]])
    expect((await all()).map(([, , v]) => v)).toEqual([1, 2, 3])
  })

  test('meets the rules that hold now', async () => {
    const sequence = await transaction(() => sql.query('DELETE FROM t WHERE id = 1'))
    await sql.query("INSERT INTO t VALUES (7, 'a', 7)")
    await expect(sql.query(`SELECT polylog_undo(${sequence})`)).rejects.toMatchObject({ code: '23505' })
    await sql.query('DELETE FROM t WHERE id = 7; ALTER TABLE t ADD CHECK (v > 1)')
    await expect(sql.query(`SELECT polylog_undo(${sequence})`)).rejects.toMatchObject({ code: '23514' })
    await sql.query(
      'ALTER TABLE t DROP CONSTRAINT t_v_check; ALTER TABLE t ADD n int DEFAULT 5; ALTER TABLE t RENAME TO u',
    )
    expect(await undo(sequence)).toBe(1)
    expect(await rows('SELECT n FROM u WHERE id = 1')).toEqual([[5]])
    const retyped = await transaction(() => sql.query('DELETE FROM u WHERE id = 1'))
    await sql.query('ALTER TABLE u ALTER n TYPE text')
    await expect(sql.query(`SELECT polylog_undo(${retyped})`)).rejects.toMatchObject({
      message: 'column "n" of "public.u" has another type now',
    })
    await sql.query('DROP TABLE u')
    await expect(sql.query(`SELECT polylog_undo(${retyped})`)).rejects.toMatchObject({ code: '55000' })
  })

  test('leaves no row behind that refers to nothing, and takes none along', async () => {
    await sql.query('CREATE TABLE child (id int PRIMARY KEY, t int REFERENCES t ON DELETE CASCADE)')
    const made = await transaction(() => sql.query("INSERT INTO t VALUES (9, 'z', 9)"))
    await sql.query('INSERT INTO child VALUES (1, 9)')
    await expect(sql.query(`SELECT polylog_undo(${made})`)).rejects.toMatchObject({ code: '23503' })
    const deleted = await transaction(() => sql.query('DELETE FROM t WHERE id = 9'))
    expect(await rows('SELECT * FROM child')).toEqual([])
    // What followed from it is put back with it.
    expect(await undo(deleted)).toBe(2)
    expect(await rows('SELECT * FROM child')).toEqual([[1, 9]])
    const orphan = await transaction(() => sql.query('DELETE FROM child'))
    await sql.query('DELETE FROM t WHERE id = 9')
    await expect(sql.query(`SELECT polylog_undo(${orphan})`)).rejects.toMatchObject({ code: '23503' })
  })

  test('fires no trigger: what it did then is undone as well', async () => {
    await sql.query(`
      CREATE TABLE noted (id serial PRIMARY KEY, what text);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO noted (what) VALUES (TG_OP); RETURN NEW; END $$;
      CREATE TRIGGER before BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note();
      CREATE TRIGGER after AFTER DELETE OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note();
      CREATE TRIGGER whole AFTER DELETE OR INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION note()`)
    const sequence = await transaction(() => sql.query('UPDATE t SET v = 0 WHERE id = 1'))
    expect(await rows('SELECT count(*)::int FROM noted')).toEqual([[2]])
    expect(await undo(sequence)).toBe(3)
    expect(await rows('SELECT count(*)::int FROM noted')).toEqual([[0]])
    await sql.query('DELETE FROM t WHERE id = 1')
    expect(await rows('SELECT what FROM noted')).toEqual([['DELETE'], ['DELETE']])
  })

  test('of many rows is undone in a table without a key, too', async () => {
    await sql.query('CREATE TABLE loose (v int)')
    const sequence = await transaction(() => sql.query('INSERT INTO loose SELECT g FROM generate_series(1, 3000) g'))
    const emptied = await transaction(() => sql.query('TRUNCATE loose'))
    expect(await undo(emptied)).toBe(3000)
    expect(await rows('SELECT count(*)::int, sum(v)::int FROM loose')).toEqual([[3000, 4_501_500]])
    // They are other rows now.
    await expect(sql.query(`SELECT polylog_undo(${sequence})`)).rejects.toMatchObject({ code: '55000' })
  })

  test('is refused where it changed definitions, was none, or is not kept', async () => {
    const made = await transaction(() => sql.query('CREATE TABLE u (id int)'))
    await expect(sql.query(`SELECT polylog_undo(${made})`)).rejects.toMatchObject({ code: '0A000' })
    for (const wrong of [0, -1, 1e6]) {
      await expect(sql.query(`SELECT polylog_undo(${wrong})`), String(wrong)).rejects.toMatchObject({ code: '22003' })
    }
    const sequence = await transaction(() => sql.query('DELETE FROM t WHERE id = 1'))
    await sql.query('BEGIN READ ONLY')
    await expect(sql.query(`SELECT polylog_undo(${sequence})`)).rejects.toMatchObject({ code: '25006' })
    await sql.query('ROLLBACK')
  })

  test('is undone by who may see the past and write all of it', async () => {
    await server.addUser('ada')
    const ada = await server.pg('ada')
    await sql.query('GRANT SELECT, INSERT, UPDATE, DELETE ON t TO ada')
    const sequence = await transaction(() => sql.query('DELETE FROM t WHERE id = 1'))
    const denied = { code: '42501' }
    await expect(ada.query(`SELECT polylog_undo(${sequence})`)).rejects.toMatchObject(denied)
    await server.give('ada', '', privilege.history)
    await sql.query('REVOKE UPDATE ON t FROM ada')
    await expect(ada.query(`SELECT polylog_undo(${sequence})`)).rejects.toMatchObject(denied)
    await sql.query('GRANT UPDATE ON t TO ada; REVOKE SELECT ON t FROM ada')
    await expect(ada.query(`SELECT polylog_undo(${sequence})`)).rejects.toMatchObject(denied)
    await sql.query('GRANT SELECT ON t TO ada; ALTER TABLE t ENABLE ROW LEVEL SECURITY')
    await expect(ada.query(`SELECT polylog_undo(${sequence})`)).rejects.toMatchObject(denied)
    await sql.query('ALTER TABLE t DISABLE ROW LEVEL SECURITY')
    expect(await rows(`SELECT polylog_undo(${sequence})::int`, ada)).toEqual([[1]])
  })
})

test('a transaction over three models is undone in all of them', async () => {
  await sql.query('CREATE TABLE t (id int PRIMARY KEY)')
  await library.write(async (tx) => {
    await tx.documents('shop', 'orders').insert({ _id: 'kept', n: 1 })
    await tx.keys().set('s', 'then')
  })
  await redis.hset('h', 'f', 'then', 'g', 'gone')
  await redis.zadd('z', 1, 'a')
  await redis.rpush('l', 'a', 'b')
  const sequence = await transaction(() =>
    library.write(async (tx) => {
      await tx.sql('INSERT INTO t VALUES (1)')
      await tx.documents('shop', 'orders').update({ _id: 'kept' }, { $set: { n: 2 } })
      await tx.documents('shop', 'orders').insert({ _id: 'new' })
      await tx.keys().set('s', 'now')
      await tx.keys().set('new', 'now')
    }),
  )
  expect(await undo(sequence)).toBe(5)
  expect(await rows('SELECT * FROM t')).toEqual([])
  expect(await rows('SELECT doc FROM shop.orders')).toEqual([[{ _id: 'kept', n: 1 }]])
  expect([await redis.get('s'), await redis.exists('new')]).toEqual(['then', 0])
})

test('commands of Redis are undone as they were, expiry, order and long values included', async () => {
  const dump = async (): Promise<unknown> => ({
    keys: (await redis.keys('*')).sort(),
    hash: await redis.hgetall('h'),
    sorted: await redis.call('ZRANGE', 'z', '0', '-1', 'WITHSCORES'),
    list: await redis.lrange('l', 0, -1).catch(String),
    set: (await redis.smembers('set')).sort(),
    stream: await redis.xrange('x', '-', '+'),
    long: (await redis.get('long'))?.length,
    expires: await redis.pexpiretime('s'),
  })
  await redis.hset('h', 'f', 'then', 'g', 'y'.repeat(100_000))
  await redis.zadd('z', 1, 'a', 2, 'b')
  await redis.rpush('l', 'a', 'b', 'c')
  await redis.sadd('set', 'a', 'b')
  await redis.xadd('x', '1-1', 'f', 'v')
  await redis.set('long', 'x'.repeat(100_000))
  await redis.set('s', 'v', 'EX', 10_000)
  const before = await dump()
  const works: (() => Promise<unknown>)[] = [
    () => redis.del('h', 'z', 'l', 'set', 'x', 'long', 's'),
    () => redis.flushall(),
    () => redis.multi().hset('h', 'f', 'now').hdel('h', 'g').zadd('z', 0, 'c').zrem('z', 'a').exec(),
    () => redis.multi().linsert('l', 'BEFORE', 'b', 'x').lpop('l').srem('set', 'a').xadd('x', '2-1', 'f', 'w').exec(),
    () => redis.multi().rename('h', 'h2').persist('s').append('long', 'x').exec(),
    () => redis.zunionstore('l', 1, 'z'),
  ]
  for (const [i, work] of works.entries()) {
    const sequence = await transaction(work)
    expect(await dump(), String(i)).not.toEqual(before)
    expect(await undo(sequence)).toBeGreaterThan(0)
    expect(await dump(), String(i)).toEqual(before)
  }
  const first = await transaction(() => redis.hset('h', 'f', 'one'))
  const later = await transaction(() => redis.hset('h', 'f', 'two'))
  await expect(sql.query(`SELECT polylog_undo(${first})`)).rejects.toMatchObject({
    detail: `redis.db0_hash {"key": "h", "field": "f"} was changed by transaction ${later}.`,
  })
})
