/**
 * One home, many doors: what is at home at one door is read at the others, and written where nothing is lost by it and the
 * home's constraints hold (rule 7 of the architecture).
 */
import type { Redis } from 'ioredis'
import { Decimal128, Long, type MongoClient } from 'mongodb'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Clients, collectionOf, failureOf, numberIn, outcomeOf } from './clients.ts'
import { ServerProcess } from './server-process.ts'

let server: ServerProcess
let clients: Clients
let postgres: pg.Client
let redis: Redis
let mongo: MongoClient

beforeAll(async () => {
  server = await ServerProcess.start('--memory')
  clients = new Clients(server.port)
  postgres = await clients.postgres()
  redis = clients.redis()
  mongo = clients.mongo()
  await postgres.query(`CREATE TABLE account (
    id integer PRIMARY KEY, name text NOT NULL UNIQUE, balance numeric(12,2) NOT NULL, note text)`)
  await postgres.query(`INSERT INTO account VALUES (1, 'ada', 12.50, NULL), (2, 'grace', 7, 'x')`)
  await collectionOf(mongo.db('shop')).insertMany([
    { _id: 1, customer: 1, total: 30, status: 'paid', items: [{ sku: 'A', quantity: 2 }] },
    { _id: 2, customer: 2, total: 5, status: 'open', items: [] },
    { _id: 3, customer: 1, total: 20, status: 'open', gift: true },
  ])
  await redis.zadd('leaderboard', 50, 'ada', 5, 'grace')
  await redis.hset('cart:ada', { A: '2', B: '1' })
})

afterAll(async () => {
  await clients.close()
  expect(await server.stop()).toMatchObject({ status: 0 })
})

const rowsOf = async (query: string): Promise<unknown[][]> =>
  (await postgres.query<unknown[]>({ text: query, rowMode: 'array' })).rows

describe('SQL reads', () => {
  test('a join of a table with documents and a sorted set', async () => {
    const query = `SELECT a.name, o._id, o.total, z.score FROM account a
      JOIN shop.orders o ON o.customer = a.id
      JOIN redis.db0_zset z ON z.key = 'leaderboard' AND z.member = a.name ORDER BY o._id`
    expect(await rowsOf(query)).toEqual([
      ['ada', 1, 30, 50],
      ['grace', 2, 5, 5],
      ['ada', 3, 20, 50],
    ])
  })

  test('the documents whole, and a field that only some have', async () => {
    const rows = await rowsOf(
      `SELECT gift, doc->>'status', jsonb_array_length(doc->'items') FROM shop.orders ORDER BY _id`,
    )
    expect(rows).toEqual([
      [null, 'paid', 1],
      [null, 'open', 0],
      [true, 'open', null],
    ])
  })

  test('the other kinds of keys', async () => {
    await redis.set('text', 'x')
    await redis.sadd('set', 'm')
    expect(await rowsOf(`SELECT field, value FROM redis.db0_hash WHERE key = 'cart:ada' ORDER BY field`)).toEqual([
      ['A', '2'],
      ['B', '1'],
    ])
    expect(await rowsOf(`SELECT value FROM redis.db0_string WHERE key = 'text'`)).toEqual([['x']])
    expect(await rowsOf(`SELECT member FROM redis.db0_set WHERE key = 'set'`)).toEqual([['m']])
    expect(await rowsOf(`SELECT type FROM redis.db0 WHERE key IN ('text', 'set', 'leaderboard') ORDER BY key`)).toEqual(
      [['zset'], ['set'], ['string']],
    )
  })
})

describe('MongoDB and tables', () => {
  const accounts = () => collectionOf(mongo.db('public'), 'account')

  test('find() reads rows: the primary key is _id', async () => {
    const [ada] = await accounts().find({ name: 'ada' }).toArray()
    expect(ada).toMatchObject({ _id: 1, name: 'ada' })
    expect(String(ada!['balance'])).toBe('12.50')
    expect(await accounts().findOne({ _id: 2 })).toMatchObject({ name: 'grace', note: 'x' })
    expect(await accounts().countDocuments({ balance: { $gt: 10 } })).toBe(1)
  })

  test('insertOne, updateOne and deleteOne write rows that fit', async () => {
    await accounts().insertOne({ _id: 10, name: 'hedy', balance: Decimal128.fromString('3.25') })
    expect(await rowsOf('SELECT name, balance FROM account WHERE id = 10')).toEqual([['hedy', '3.25']])
    await accounts().updateOne({ _id: 10 }, { $set: { note: 'from mongo' } })
    expect(await rowsOf('SELECT note FROM account WHERE id = 10')).toEqual([['from mongo']])
    await accounts().deleteOne({ _id: 10 })
    expect(await numberIn(postgres, 'SELECT count(*) AS n FROM account WHERE id = 10')).toBe(0)
  })

  const refused: [string, Record<string, unknown>, RegExp][] = [
    ['a field that is no column', { name: 'x', balance: 1, colour: 'red' }, /colour/],
    ['a value that the column cannot hold', { name: 'x', balance: 'much' }, /balance/],
    ['a number beyond the column', { name: 'x', balance: Long.MAX_VALUE }, /balance|numeric/],
    ['a missing value where one is needed', { name: 'x' }, /balance/],
    ['a value that is there already', { name: 'ada', balance: 1 }, /duplicate|unique/i],
  ]
  for (const [what, fields, message] of refused) {
    test(`insertOne refuses ${what}, and nothing is written`, async () => {
      const error = await failureOf(accounts().insertOne({ _id: 99, ...fields }))
      expect(error.message).toMatch(message)
      expect(await numberIn(postgres, 'SELECT count(*) AS n FROM account WHERE id = 99')).toBe(0)
    })
  }

  test('updateOne refuses what the table does not allow', async () => {
    expect((await failureOf(accounts().updateOne({ _id: 1 }, { $set: { balance: 'much' } }))).message).toMatch(
      /balance/,
    )
    expect((await failureOf(accounts().updateOne({ _id: 1 }, { $unset: { name: 1 } }))).message).toMatch(/name/)
    expect((await failureOf(accounts().updateOne({ _id: 1 }, { $set: { name: 'grace' } }))).message).toMatch(
      /duplicate/i,
    )
    expect(await rowsOf('SELECT name, balance FROM account WHERE id = 1')).toEqual([['ada', '12.50']])
  })

  test('a check of the table holds at every door', async () => {
    await postgres.query('CREATE TABLE stock (id integer PRIMARY KEY, pieces integer NOT NULL CHECK (pieces >= 0))')
    await postgres.query('INSERT INTO stock VALUES (1, 5)')
    const stock = collectionOf(mongo.db('public'), 'stock')
    expect((await failureOf(stock.insertOne({ _id: 2, pieces: -1 }))).message).toMatch(/check/i)
    expect((await failureOf(stock.updateOne({ _id: 1 }, { $set: { pieces: -1 } }))).message).toMatch(/check/i)
    expect(await rowsOf('SELECT id, pieces FROM stock')).toEqual([[1, 5]])
    expect(await stock.findOne({ _id: 1 })).toMatchObject({ _id: 1, pieces: 5 })
  })
})

describe('SQL and documents', () => {
  const orders = () => collectionOf(mongo.db('shop'))

  test('INSERT, UPDATE and DELETE write documents, and leave the fields alone that they do not name', async () => {
    await postgres.query("INSERT INTO shop.orders (_id, customer, status) VALUES (20, 2, 'new')")
    expect(await orders().findOne({ _id: 20 })).toEqual({ _id: 20, customer: 2, status: 'new' })
    await postgres.query('UPDATE shop.orders SET total = total + 1 WHERE _id = 1')
    const changed = await orders().findOne({ _id: 1 })
    expect(changed).toMatchObject({ _id: 1, total: 31, status: 'paid', items: [{ sku: 'A', quantity: 2 }] })
    await postgres.query('UPDATE shop.orders SET total = 30 WHERE _id = 1')
    await postgres.query('DELETE FROM shop.orders WHERE _id = 20')
    expect(await orders().findOne({ _id: 20 })).toBeNull()
  })

  const refused: [string, RegExp][] = [
    ['INSERT INTO shop.orders (_id) VALUES (1)', /_id/],
    ["INSERT INTO shop.orders (_id, colour) VALUES (21, 'red')", /colour/],
    ['UPDATE shop.orders SET _id = 22 WHERE _id = 2', /_id/],
    ['ALTER TABLE shop.orders ADD COLUMN colour text', /orders/],
    ['CREATE INDEX ON shop.orders (customer)', /orders/],
    ['TRUNCATE shop.orders', /orders/],
  ]
  for (const [attempt, message] of refused) {
    test(`${attempt} is refused, and nothing is written`, async () => {
      expect((await failureOf(postgres.query(attempt))).message).toMatch(message)
      expect((await orders().find().sort({ _id: 1 }).toArray()).map(({ _id }) => _id)).toEqual([1, 2, 3])
    })
  }
})

describe('SQL and keys', () => {
  test('INSERT, UPDATE and DELETE write elements of keys', async () => {
    await postgres.query("INSERT INTO redis.db0_zset VALUES ('written', 'ada', 1.5), ('written', 'hedy', 2)")
    await postgres.query("UPDATE redis.db0_zset SET score = score * 2 WHERE key = 'written'")
    expect(await redis.zscore('written', 'ada')).toBe('3')
    await postgres.query("DELETE FROM redis.db0_zset WHERE key = 'written' AND member = 'ada'")
    expect(await redis.zrange('written', '0', '-1')).toEqual(['hedy'])
    await postgres.query("INSERT INTO redis.db0_hash (key, field, value) VALUES ('written:hash', 'f', 'v')")
    expect(await redis.hgetall('written:hash')).toEqual({ f: 'v' })
    await postgres.query("DELETE FROM redis.db0 WHERE key LIKE 'written%'")
    expect(await redis.exists('written', 'written:hash')).toBe(0)
  })

  const refused: [string, RegExp][] = [
    ["INSERT INTO redis.db0_hash VALUES ('leaderboard', 'f', 'v')", /WRONGTYPE|wrong kind/],
    ["INSERT INTO redis.db0_zset VALUES ('leaderboard', 'ada', 1)", /ada.*|duplicate/],
    ["INSERT INTO redis.db0_zset VALUES ('leaderboard', 'x', 'NaN')", /NaN/],
    ["INSERT INTO redis.db0_hash (key, field) VALUES ('cart:ada', 'C')", /value/],
    ["INSERT INTO redis.db0 VALUES ('new', 'string', NULL)", /db0/],
    ["UPDATE redis.db0 SET type = 'set'", /db0/],
  ]
  for (const [attempt, message] of refused) {
    test(`${attempt} is refused, and nothing is written`, async () => {
      expect((await failureOf(postgres.query(attempt))).message).toMatch(message)
      expect(await redis.zrange('leaderboard', '0', '-1')).toEqual(['grace', 'ada'])
      expect(await redis.zscore('leaderboard', 'ada')).toBe('50')
      expect(await redis.hlen('cart:ada')).toBe(2)
      expect(await redis.exists('new')).toBe(0)
    })
  }

  test('nothing but keys can be made where keys go', async () => {
    const refused = /holds the databases of Redis and nothing else/
    expect((await failureOf(postgres.query('CREATE TABLE redis.db7 (id integer PRIMARY KEY)'))).message).toMatch(
      refused,
    )
    await postgres.query('CREATE TABLE aside (id integer PRIMARY KEY); CREATE SEQUENCE beside')
    for (const moving of ['TABLE aside', 'SEQUENCE beside']) {
      expect((await failureOf(postgres.query(`ALTER ${moving} SET SCHEMA redis`))).message).toMatch(refused)
    }
    await postgres.query('DROP TABLE aside; DROP SEQUENCE beside')
    const inserting = collectionOf(mongo.db('redis'), 'db7').insertOne({ _id: 1 })
    expect((await failureOf(inserting)).message).toMatch(refused)
    expect(await clients.redis().select(7)).toBe('OK')
  })
})

describe('names that mean something to JavaScript', () => {
  test('are only names, at every door', async () => {
    await collectionOf(mongo.db('__proto__'), '__proto__').insertOne({ _id: 1, constructor: 'x' })
    expect(await rowsOf('SELECT _id, constructor FROM "__proto__"."__proto__"')).toEqual([[1, 'x']])
    await postgres.query('CREATE TABLE "constructor" ("__proto__" integer PRIMARY KEY, "toString" text)')
    await postgres.query(`INSERT INTO "constructor" VALUES (1, 'y')`)
    expect(await collectionOf(mongo.db('public'), 'constructor').findOne({})).toMatchObject({ _id: 1, toString: 'y' })
    await redis.hset('__proto__', '__proto__', 'z')
    expect(await rowsOf(`SELECT field, value FROM redis.db0_hash WHERE key = '__proto__'`)).toEqual([
      ['__proto__', 'z'],
    ])
  })
})

describe('MongoDB and Redis', () => {
  test('find() on keys reads them or says why not; writes are refused', async () => {
    const keys = collectionOf(mongo.db('redis'), 'db0')
    const outcome = await outcomeOf(keys.findOne({}))
    if (outcome !== 'done') expect(outcome).toMatch(/db0/)
    expect((await failureOf(keys.insertOne({ _id: 'x' }))).message).toMatch(/db0/)
    expect(await redis.exists('x')).toBe(0)
  })
})
