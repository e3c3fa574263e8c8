/** What was changed, when and by whom: `polylog.history`, at the door of PostgreSQL, of what all doors wrote. */
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

afterEach(() => server.stop())

const rows = (text: string, client = sql): Promise<unknown[][]> => rowsOf(client, text)

const changes = (relation: string): Promise<unknown[][]> =>
  rows(`SELECT operation, key, before, after FROM polylog.history WHERE relation = '${relation}' ORDER BY transaction`)

describe('changes of rows', () => {
  test('are told with what was there before and after, by transaction, time, door and session', async () => {
    await sql.query('CREATE TABLE t (id int PRIMARY KEY, v text)')
    await sql.query("INSERT INTO t VALUES (1, 'a')")
    await sql.query("BEGIN; INSERT INTO t VALUES (2, 'b'); UPDATE t SET v = 'c' WHERE id = 1; COMMIT")
    await sql.query('DELETE FROM t WHERE id = 2')
    expect(await changes('public.t')).toEqual([
      ['insert', { id: 1 }, null, { id: 1, v: 'a' }],
      ['insert', { id: 2 }, null, { id: 2, v: 'b' }],
      ['update', { id: 1 }, { id: 1, v: 'a' }, { id: 1, v: 'c' }],
      ['delete', { id: 2 }, { id: 2, v: 'b' }, null],
    ])
    const [found] = await rows(`
      SELECT count(DISTINCT transaction)::int, min(door), min(username), min(session) = pg_backend_pid(), min(origin),
        min(committed_at) > now() - interval '1 day', max(committed_at) <= clock_timestamp()
      FROM polylog.history WHERE relation = 'public.t'`)
    expect(found).toEqual([3, 'postgres', 'root', true, 'client', true, true])
  })

  test('are those of their time, whatever became of the table', async () => {
    await sql.query("CREATE TABLE t (id int, v text); INSERT INTO t VALUES (1, 'a')")
    await sql.query('ALTER TABLE t RENAME v TO w; ALTER TABLE t ADD n int DEFAULT 7')
    for (const text of ["INSERT INTO t VALUES (2, 'b', 8)", 'TRUNCATE t', 'DROP TABLE t']) await sql.query(text)
    // A row of a table without a key is named by all of it.
    expect(
      await rows("SELECT operation, before, after FROM polylog_history('t') ORDER BY transaction, before"),
    ).toEqual([
      ['insert', null, { id: 1, v: 'a' }],
      ['insert', null, { id: 2, w: 'b', n: 8 }],
      ['delete', { id: 1, w: 'a', n: 7 }, null],
      ['delete', { id: 2, w: 'b', n: 8 }, null],
    ])
    await sql.query('CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)')
    for (const text of ['ALTER TABLE t RENAME TO u', 'DROP TABLE u']) await sql.query(text)
    expect(await rows("SELECT relation, operation FROM polylog_history('public.u')")).toEqual([['public.u', 'delete']])
  })

  test('of documents and of all that Redis holds are there, too', async () => {
    await library.write((tx) => tx.documents('shop', 'orders').insert({ _id: 'o1', n: 1 }))
    await library.write((tx) => tx.documents('shop', 'orders').update({ _id: 'o1' }, { $set: { n: 2 } }))
    expect(await changes('shop.orders')).toEqual([
      ['insert', { _id: 'o1' }, null, { _id: 'o1', n: 1 }],
      ['update', { _id: 'o1' }, { _id: 'o1', n: 1 }, { _id: 'o1', n: 2 }],
    ])
    await redis.set('s', 'a')
    await redis.append('s', 'b')
    await redis.hset('h', 'f', 'a')
    await redis.hset('h', 'f', 'b')
    await redis.zadd('z', 1, 'm')
    await redis.zincrby('z', 2, 'm')
    await redis.sadd('set', 'm')
    await redis.rpush('l', 'x', 'y')
    await redis.lpop('l')
    await redis.xadd('x', '1-1', 'f', 'v')
    await redis.set('long', 'x'.repeat(100_000))
    await redis.del('s', 'h', 'z', 'set', 'l', 'x', 'long')
    const told = async (view: string): Promise<unknown[][]> => {
      const found = await rows(`SELECT before, after FROM polylog_history('redis.db0${view}') ORDER BY transaction`)
      return found.map((row) => row.map((image) => shortened(image)))
    }
    const s = (value: string): unknown => ({ key: 's', value })
    expect((await told('_string')).slice(0, 2)).toEqual([
      [null, s('a')],
      [s('a'), s('ab')],
    ])
    expect(await told('_string')).toContainEqual([{ key: 'long', value: '100000 bytes' }, null])
    const h = (value: string): unknown => ({ key: 'h', field: 'f', value, expires_at: null })
    expect(await told('_hash')).toEqual([
      [null, h('a')],
      [h('a'), h('b')],
      [h('b'), null],
    ])
    const z = (score: number): unknown => ({ key: 'z', member: 'm', score })
    expect(await told('_zset')).toEqual([
      [null, z(1)],
      [z(1), z(3)],
      [z(3), null],
    ])
    expect(await told('_set')).toHaveLength(2)
    expect((await told('_list')).map(([before, after]) => [itemOf(before), itemOf(after)])).toEqual([
      [undefined, 'x'],
      [undefined, 'y'],
      ['x', undefined],
      ['y', undefined],
    ])
    expect((await told('_stream'))[0]).toEqual([null, { key: 'x', id: '1-1', fields: { f: 'v' } }])
    expect(
      await rows(
        "SELECT DISTINCT key->>'key' AS k, after->>'type' FROM polylog_history('redis.db0') WHERE operation = 'insert' ORDER BY k",
      ),
    ).toEqual([
      ['h', 'hash'],
      ['l', 'list'],
      ['long', 'string'],
      ['s', 'string'],
      ['set', 'set'],
      ['x', 'stream'],
      ['z', 'zset'],
    ])
  })

  test('of lists are those of their items, wherever these lie', async () => {
    const random = numbersFrom(7)
    for (const key of ['a', 'b']) for (let i = 0; i < 120; i++) await changeList(key, random)
    for (const key of ['a', 'b']) {
      const told = await rows(
        `SELECT before, after FROM polylog_history('redis.db0_list') WHERE key->>'key' = '${key}' ORDER BY transaction`,
      )
      const items = new Map<number, string>()
      for (const [before, after] of told as (ItemImage | null)[][]) {
        const { position } = (before ?? after)!
        expect(before?.item).toBe(items.get(position))
        expect(after?.item).not.toBe(before?.item)
        if (after) items.set(position, after.item)
        else items.delete(position)
      }
      const positions = [...items.keys()].sort((x, y) => x - y)
      expect(positions.map((position) => items.get(position))).toEqual(await redis.lrange(key, 0, -1))
    }
  })

  test('of several doors in one transaction are told with all of them', async () => {
    await sql.query('CREATE TABLE t (id int PRIMARY KEY)')
    await sql.query('BEGIN; INSERT INTO t VALUES (1)')
    const [[token]] = (await rows('SELECT polylog_transaction_token()')) as [[string]]
    await redis.call('POLYLOG.JOIN', token)
    await redis.set('k', 'v')
    const left = redis.call('POLYLOG.LEAVE')
    await sql.query('COMMIT')
    await left
    const found = await rows(`
      SELECT relation, door, joined_by->0->>'door', (joined_by->0->>'user') IS NOT NULL FROM polylog.history
      WHERE relation IN ('public.t', 'redis.db0_string') ORDER BY relation`)
    expect(found).toEqual([
      ['public.t', 'postgres', 'redis', true],
      ['redis.db0_string', 'postgres', 'redis', true],
    ])
  })
})

interface ItemImage {
  readonly position: number
  readonly item: string
}

/** The same ones for the same seed. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** By one transaction. */
async function changeList(key: string, random: (below: number) => number): Promise<void> {
  const item = (): string => `${random(40)}`.padEnd(random(9) === 0 ? 100 : 1)
  const items = Array.from({ length: random(4) === 0 ? 40 : random(5) + 1 }, item)
  const at = random(80)
  const known = (await redis.lindex(key, at)) ?? '0'
  switch (random(9)) {
    case 0:
      return void (await redis.lpop(key, items.length))
    case 1:
      return void (await redis.rpop(key, items.length))
    case 2:
      return void (await redis.lrem(key, 1 - random(3), known))
    case 3:
      return void (await redis.linsert(key, 'BEFORE', known, item()))
    case 4:
      return void (await redis.lset(key, at, item()).catch(() => undefined))
    case 5:
      return void (await redis.ltrim(key, random(9), -1 - random(9)))
    case 6:
      return void (await (random(4) > 0
        ? redis.lpush(key, ...items)
        : redis
            .multi()
            .del(key)
            .rpush(key, ...items)
            .exec()))
    case 7:
      return void (await redis.lpush(key, ...items))
    default:
      return void (await redis.rpush(key, ...items))
  }
}

function itemOf(image: unknown): unknown {
  return (image as { item?: string } | null)?.item
}

function shortened(image: unknown): unknown {
  const { value } = (image ?? {}) as { value?: string }
  return value !== undefined && value.length > 100 ? { ...(image as object), value: `${value.length} bytes` } : image
}

describe('what is asked for', () => {
  const many = 3_000

  async function setUp(): Promise<number[]> {
    await sql.query('CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE other (id int)')
    await sql.query(`INSERT INTO t SELECT g, 'a' FROM generate_series(1, ${many}) g`)
    const first = library.sequence
    await sql.query("UPDATE t SET v = 'b' WHERE id <= 2")
    await sql.query('INSERT INTO other VALUES (1)')
    return [first, library.sequence]
  }

  test('is a relation, a transaction, what came after a moment, and up to one', async () => {
    const [first, last] = await setUp()
    expect(await rows("SELECT count(*)::int FROM polylog_history('t')")).toEqual([[many + 2]])
    expect(await rows(`SELECT count(*)::int FROM polylog.history WHERE transaction = ${first}`)).toEqual([[many]])
    expect(await rows(`SELECT count(*)::int FROM polylog_history('t', '${first}')`)).toEqual([[2]])
    expect(await rows(`SELECT count(*)::int FROM polylog_history('t', '-1h', '${first}')`)).toEqual([[many]])
    expect(await rows(`SELECT relation FROM polylog_history(NULL, '${last! - 1}')`)).toEqual([['public.other']])
    expect(await rows("SELECT count(*)::int FROM polylog_history('nothing')")).toEqual([[0]])
    for (const none of [0, -1, last! + 1000, '9223372036854775807']) {
      expect(await rows(`SELECT * FROM polylog.history WHERE transaction = ${none}`), String(none)).toEqual([])
    }
    for (const [wrong, code] of [
      ["polylog_history('t', 'soon')", '22023'],
      ["polylog_history('t', '999999')", '22003'],
      ["polylog_history('t', '2999-01-01')", '22023'],
    ]) {
      await expect(sql.query(`SELECT * FROM ${wrong}`), wrong).rejects.toMatchObject({ code })
    }
  })

  test('may be left in the middle, and is taken up where it was', async () => {
    await setUp()
    expect(await rows("SELECT key FROM polylog_history('t') LIMIT 2")).toHaveLength(2)
    await sql.query(
      "BEGIN; DECLARE c CURSOR FOR SELECT (key->>'id')::int, operation FROM polylog.history WHERE relation = 'public.t'",
    )
    const all: unknown[][] = []
    for (;;) {
      const fetched = await rows('FETCH 701 FROM c')
      all.push(...fetched)
      if (fetched.length < 701) break
    }
    await sql.query('COMMIT')
    expect(all.map(([id]) => id)).toEqual([...Array.from({ length: many }, (_, i) => i + 1), 1, 2])
    // Nothing that it looked at is kept.
    await expect.poll(() => server.instance.memory.work.usedBytes).toBeLessThan(64 * 1024)
  })

  test('is shown to nobody without HISTORY, and no more than they may see', async () => {
    await sql.query('CREATE TABLE t (id int PRIMARY KEY, a text, b text); CREATE TABLE secret (id int)')
    await sql.query("INSERT INTO t VALUES (1, 'a', 'b'); INSERT INTO secret VALUES (1)")
    await server.addUser('ada')
    await sql.query('GRANT SELECT (id, a) ON t TO ada')
    await sql.query("UPDATE t SET a = 'c'; UPDATE t SET b = 'd'")
    const ada = await server.pg('ada')
    await expect(ada.query('SELECT * FROM polylog.history')).rejects.toMatchObject({ code: '42501' })
    await expect(ada.query('SELECT * FROM polylog_history()')).rejects.toMatchObject({ code: '42501' })
    await server.give('ada', '', privilege.history)
    // What was before they might see it stays hidden, as does what no column of theirs tells.
    expect(
      await rows("SELECT relation, before, after FROM polylog.history WHERE relation LIKE 'public.%'", ada),
    ).toEqual([['public.t', { id: 1, a: 'a' }, { id: 1, a: 'c' }]])
    await sql.query('ALTER TABLE t ENABLE ROW LEVEL SECURITY')
    expect(await rows("SELECT * FROM polylog.history WHERE relation LIKE 'public.%'", ada)).toEqual([])
  })
})
