/** SQL over documents and Redis data, beside tables: one statement may join them all (rule 7). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Decimal } from '../../base/decimal.ts'
import { sliceOf } from '../../base/slice.ts'
import type { Transaction } from '../../database/contract.ts'
import type { Database } from '../../database/database.ts'
import { commitNow, openTestDatabase, runSteps } from '../../database/testing.ts'
import { buildDocument } from '../../model/document/bson-writer.ts'
import { ensureDocumentCollection, ensureNamespace, insertDocument } from '../../model/document/document.ts'
import { decimalValue, doubleValue, int32Value, int64Value, stringValue } from '../../model/document/values.ts'
import { kind } from '../../model/keyvalue/codec.ts'
import { getField } from '../../model/keyvalue/entries.ts'
import { setField } from '../../model/keyvalue/hashes.ts'
import { openCollection, saveCollection } from '../../model/keyvalue/keyvalue.ts'
import { collectPieces, Pieces } from '../../model/keyvalue/pieces.ts'
import { setScore } from '../../model/keyvalue/sorted-sets.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { openMemoryStore } from '../../storage/memory/memory.ts'
import { verifySnapshot } from '../../query/verifiers.ts'
import { loadSql } from './sql.ts'
import { TestSql } from './testing.ts'

let database: Database
let sql: TestSql

const bytes = (text: string) => sliceOf(new Uint8Array(Buffer.from(text)))

function write(work: (tx: Transaction) => void): void {
  const tx = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  tx.beginStatement()
  work(tx)
  tx.endStatement()
  commitNow(tx)
}

beforeEach(async () => {
  await loadSql()
  database = await openTestDatabase()
  sql = new TestSql(database)
  await sql.query('create table account (id int primary key, name text)')
  await sql.query("insert into account values (1, 'ann'), (2, 'bob')")
  write((tx) => {
    const orders = ensureDocumentCollection(tx, 'shop', 'orders')
    for (const [id, account, what] of [
      [1, 1, 'tea'],
      [2, 1, 'cup'],
      [3, 2, 'pot'],
    ] as const) {
      const document = buildDocument((writer) => {
        writer.value('_id', int32Value(id)).value('account', int32Value(account)).value('what', stringValue(what))
        if (id === 3) writer.value('note', stringValue('fragile'))
      })
      insertDocument(tx, orders, sliceOf(document))
    }
    const space = tx.createCollection(ensureNamespace(tx, 'redis'), 'db0', 'keyvalue', {})
    const board = openCollection(tx, space, bytes('board'), kind.sortedSet)
    setScore(tx, space, board, bytes('ann'), 10)
    setScore(tx, space, board, bytes('bob'), 20)
    saveCollection(tx, space, bytes('board'), board)
    const hash = openCollection(tx, space, bytes('h'), kind.hash)
    setField(tx, space, hash, bytes('f'), sliceOf(new Uint8Array([0xff, 0x01])))
    saveCollection(tx, space, bytes('h'), hash)
  })
})

afterEach(async () => database.close())

describe('plans over other models', () => {
  async function estimates(text: string): Promise<string[]> {
    const { rows } = await sql.query(`explain ${text}`)
    return rows
      .map(([line]) => /on (\w+).*rows=(\d+)/.exec(String(line)))
      .flatMap((found) => (found ? [`${found[1]} ${found[2]}`] : []))
  }

  it('count what is there', async () => {
    await database.close()
    // It counts without waiting.
    database = await openTestDatabase({ store: await openMemoryStore(createRealHost(), undefined) })
    sql = new TestSql(database)
    write((tx) => {
      const space = tx.createCollection(ensureNamespace(tx, 'redis'), 'db0', 'keyvalue', {})
      for (let key = 0; key < 20; key++) {
        const hash = openCollection(tx, space, bytes(`h${key}`), kind.hash)
        for (let field = 0; field < 30; field++) setField(tx, space, hash, bytes(`f${field}`), bytes('v'))
        saveCollection(tx, space, bytes(`h${key}`), hash)
      }
      const orders = ensureDocumentCollection(tx, 'shop', 'orders')
      for (let id = 0; id < 70; id++) {
        insertDocument(tx, orders, sliceOf(buildDocument((writer) => void writer.value('_id', int32Value(id)))))
      }
    })
    expect(await estimates('select * from redis.db0')).toEqual(['redis 20'])
    expect(await estimates('select * from redis.db0_hash')).toEqual(['redis 600'])
    expect(await estimates("select * from redis.db0_hash where key = 'h3'")).toEqual(['redis 30'])
    expect(await estimates("select * from redis.db0_hash where key = 'none'")).toEqual(['redis 0'])
    expect(await estimates('select * from redis.db0_set')).toEqual(['redis 0'])
    expect(await estimates('select * from shop.orders')).toEqual(['shop 70'])
    expect(await estimates('select * from shop.orders where _id = 7')).toEqual(['shop 1'])
  })
})

describe('fields of hashes that lie in pieces', () => {
  const [key, field] = [bytes('h'), bytes('long')]
  const long = (letter: string): string => letter.repeat(100_000)

  function found(): string | undefined {
    let value: string | undefined
    write((tx) => {
      const space = tx.catalog.findCollection('redis', 'db0')!
      const pieces = getField(tx, space, key.bytes, field.bytes)
      value = pieces instanceof Pieces ? Buffer.from(collectPieces(tx, pieces)).toString() : undefined
    })
    return value
  }

  it('are inserted, read, changed and deleted', async () => {
    await sql.query(`insert into redis.db0_hash values ('h', 'long', repeat('a', 100000)), ('h', 'none', '')`)
    expect(found()).toBe(long('a'))
    const read = "select field, length(value), left(value, 1) from redis.db0_hash where key = 'h' and field <> 'f'"
    expect((await sql.query(read)).rows).toEqual([
      ['long', 100_000, 'a'],
      ['none', 0, ''],
    ])
    await sql.query(`update redis.db0_hash set value = replace(value, 'a', 'b') where field = 'long'`)
    expect(found()).toBe(long('b'))
    await expect(sql.query(`insert into redis.db0_hash values ('h', 'long', 'x')`)).rejects.toThrow('duplicate key')
    await sql.query(`update redis.db0_hash set value = 'short' where field = 'long'`)
    expect((await sql.query(read)).rows[0]).toEqual(['long', 5, 's'])
    await sql.query(`update redis.db0_hash set value = repeat('c', 70000), field = 'moved' where field = 'long'`)
    await sql.query(`delete from redis.db0_hash where field = 'moved'`)
    expect((await sql.query(read)).rows).toEqual([['none', 0, '']])
    const { differences } = await runSteps(database, (tx) => verifySnapshot(tx))
    expect(differences).toEqual([])
  })
})

describe('documents', () => {
  it('shows fields as columns and the whole as doc', async () => {
    expect(await sql.show('select * from shop.orders where _id = 3')).toBe(
      '_id|account|note|what|doc\n3|2|fragile|pot|{"_id": 3, "note": "fragile", "what": "pot", "account": 2}\n(1 row)',
    )
  })

  it('finds by _id through the index', async () => {
    expect(await sql.show('explain select what from shop.orders where _id = 2')).toContain('Index Scan using _id_')
  })

  it('finds a double by the digits that it is shown with', async () => {
    write((tx) => {
      const readings = ensureDocumentCollection(tx, 'shop', 'readings')
      for (const id of [
        doubleValue(0.1),
        doubleValue(2.5),
        int64Value(1n << 60n),
        decimalValue(Decimal.parse('0.10')!),
      ]) {
        insertDocument(tx, readings, sliceOf(buildDocument((writer) => void writer.value('_id', id))))
      }
    })
    expect(await sql.show('explain select from shop.readings where _id = 0.1')).toContain('Index Scan using _id_')
    expect(await sql.show('select _id from shop.readings where _id = 0.1')).toBe('_id\n0.10\n0.1\n(2 rows)')
    expect(await sql.show('select _id from shop.readings where _id = 2.5')).toBe('_id\n2.5\n(1 row)')
    expect(await sql.show('select _id from shop.readings where _id = 1152921504606846976')).toContain('(1 row)')
  })

  it('joins a table, documents and a sorted set', async () => {
    const text = `select a.name, count(*), max(z.score) from account a
      join shop.orders o on o.account = a.id join redis.db0_zset z on z.member = a.name and z.key = 'board'
      group by a.name order by 1`
    expect(await sql.show(text)).toBe('name|count|max\nann|2|10\nbob|1|20\n(2 rows)')
  })

  it('inserts whole documents and columns, and knows new fields afterwards', async () => {
    expect(await sql.show(`insert into shop.orders (doc) values ('{"_id": 4, "price": 1.5}') returning _id`)).toBe(
      '_id\n4\n(1 row)',
    )
    expect(await sql.show("insert into shop.orders (_id, what) values (5, 'jar')")).toBe('INSERT 0 1')
    expect(await sql.show('select _id, what, price from shop.orders where _id >= 4 order by _id')).toBe(
      '_id|what|price\n4||1.5\n5|jar|\n(2 rows)',
    )
    expect(await sql.show('insert into shop.orders (_id) values (5)')).toMatch(/^ERROR: .*duplicate key/s)
    expect(await sql.show(`insert into shop.orders (doc) values ('{"a": 1}') returning length(_id::text)`)).toContain(
      '(1 row)',
    )
  })

  it('updates fields and leaves the others as they are', async () => {
    expect(await sql.show('update shop.orders set what = upper(what) where account = 1 returning _id, what')).toBe(
      '_id|what\n1|TEA\n2|CUP\n(2 rows)',
    )
    expect(await sql.show('select doc from shop.orders where _id = 1')).toContain(
      '{"_id": 1, "what": "TEA", "account": 1}',
    )
    expect(await sql.show('update shop.orders set _id = 9')).toContain('the _id of a document cannot be changed')
  })

  it('deletes documents', async () => {
    expect(await sql.show("delete from shop.orders o using account a where o.account = a.id and a.name = 'ann'")).toBe(
      'DELETE 2',
    )
    expect(await sql.show('select _id from shop.orders')).toBe('_id\n3\n(1 row)')
  })
})

describe('Redis data', () => {
  it('shows keys, and bytes that are no text as hexadecimal', async () => {
    expect(await sql.show('select key, type from redis.db0 order by key')).toBe(
      'key|type\nboard|zset\nh|hash\n(2 rows)',
    )
    expect(await sql.show("select * from redis.db0_hash where key = 'h'")).toBe(
      'key|field|value|expires_at\nh|f|\\xff01|\n(1 row)',
    )
  })

  it('writes rows of the views', async () => {
    expect(await sql.show("insert into redis.db0_zset values ('board', 'cid', 5) returning *")).toBe(
      'key|member|score\nboard|cid|5\n(1 row)',
    )
    expect(await sql.show("insert into redis.db0_zset values ('board', 'cid', 6)")).toContain(
      'Key (key, member)=(board, cid) already exists.',
    )
    expect(await sql.show("insert into redis.db0_zset values ('board', 'cid', 6) on conflict do nothing")).toBe(
      'INSERT 0 0',
    )
    expect(await sql.show("update redis.db0_zset set score = score + 1 where member = 'cid' returning score")).toBe(
      'score\n6\n(1 row)',
    )
    expect(await sql.show('delete from redis.db0_zset where score < 15')).toBe('DELETE 2')
    expect(await sql.show("insert into redis.db0_string values ('greeting', 'hello')")).toBe('INSERT 0 1')
    expect(await sql.show('update redis.db0_string set value = upper(value) returning *')).toBe(
      'key|value\ngreeting|HELLO\n(1 row)',
    )
    expect(await sql.show("insert into redis.db0_string values ('long', repeat('ab', 50000))")).toBe('INSERT 0 1')
    expect(await sql.show("update redis.db0_string set value = value || 'c' where key = 'long'")).toBe('UPDATE 1')
    expect(
      await sql.show(
        "select md5(value) = md5(repeat('ab', 50000) || 'c') as same from redis.db0_string where key = 'long'",
      ),
    ).toBe('same\nt\n(1 row)')
    expect(await sql.show("delete from redis.db0_string where key = 'long'")).toBe('DELETE 1')
    expect(await sql.show("update redis.db0_hash set value = '\\x00' where key = 'h'")).toBe('UPDATE 1')
    expect(await sql.show("select value from redis.db0_hash where key = 'h' and field = 'f'")).toBe(
      'value\n\\x00\n(1 row)',
    )
    expect(await sql.show("insert into redis.db0_set values ('s', 'a'), ('s', 'b')")).toBe('INSERT 0 2')
    expect(await sql.show("delete from redis.db0 where key in ('s', 'h')")).toBe('DELETE 2')
    expect(await sql.show('select key from redis.db0 order by 1')).toBe('key\nboard\ngreeting\n(2 rows)')
  })

  it('refuses what a view cannot hold', async () => {
    expect(await sql.show("insert into redis.db0_hash values ('board', 'f', 'v')")).toMatch(/^ERROR/)
    expect(await sql.show("insert into redis.db0 values ('x', 'string', null)")).toContain(
      'only its rows can be deleted',
    )
    expect(await sql.show("insert into redis.db0_zset values ('board', 'nan', 'NaN')")).toContain('no NaN')
    expect(await sql.show("insert into redis.db0_hash (key, field) values ('h', 'g')")).toContain(
      'null value in column "value"',
    )
  })

  it('changes a row once that joins several times, by what all rows were before', async () => {
    await sql.show("insert into redis.db0_zset values ('pair', 'x', 1), ('pair', 'y', 100)")
    const twice = "update redis.db0_zset z set score = score + v from (values (10), (10)) t (v) where z.key = 'pair'"
    expect(await sql.show(twice)).toBe('UPDATE 2')
    const exchange = `update redis.db0_zset z set score = (select o.score from redis.db0_zset o
      where o.key = z.key and o.member <> z.member) where key = 'pair' returning member, score`
    expect(await sql.show(exchange)).toBe('member|score\nx|110\ny|11\n(2 rows)')
    const removal = "delete from redis.db0_zset z using (values (1), (2)) t (v) where z.key = 'pair' returning member"
    expect(await sql.show(removal)).toBe('member\nx\ny\n(2 rows)')
  })
})

describe('UPDATE and DELETE', () => {
  it('refuse what a collection of another model has not', async () => {
    expect(await sql.show('update redis.db0_string set nothing = 1')).toContain(
      'column "nothing" of relation "db0_string" does not exist',
    )
    expect(await sql.show('update redis.db0_string set value = default')).toContain('Redis data has no defaults')
    expect(await sql.show("update redis.db0 set type = 'x'")).toContain('only its rows can be deleted')
    expect(await sql.show('update shop.orders set _id = 1')).toContain('the _id of a document cannot be changed')
    expect(await sql.show('update shop.orders set what = default')).toContain('has no default')
    expect(await sql.show("update pg_class set relname = 'x'")).toContain('cannot update view "pg_class"')
    expect(await sql.show('delete from pg_class')).toContain('cannot delete from view "pg_class"')
  })

  it('changes a document by what all documents were before', async () => {
    await sql.show("delete from shop.orders where what = 'cup'")
    const exchange =
      'update shop.orders p set what = (select o.what from shop.orders o where o._id <> p._id) returning _id, what'
    expect(await sql.show(exchange)).toBe('_id|what\n1|pot\n3|tea\n(2 rows)')
  })
})
