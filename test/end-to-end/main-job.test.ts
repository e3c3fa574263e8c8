/**
 * What Polylog is for: one transaction through `pg`, `ioredis` and `mongodb` changes a row, a sorted set and a collection,
 * all or none, at one sequence, and nobody ever sees a part of it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { MongoClient } from 'mongodb'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Clients, collectionOf, numberIn, readToken } from './clients.ts'
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
  await postgres.query('CREATE TABLE account (id integer PRIMARY KEY, name text NOT NULL, balance integer NOT NULL)')
  await postgres.query("INSERT INTO account VALUES (1, 'ada', 0), (2, 'grace', 0)")
  await mongo.db('shop').createCollection('orders')
})

afterAll(async () => {
  await clients.close()
  expect(await server.stop()).toMatchObject({ status: 0 })
})

const orders = () => collectionOf(mongo.db('shop'))

/** Adds `amount` to the row, the score and the orders of `name`, by the three drivers, as README.md shows it. */
async function buy(own: Buyer, name: string, order: number, end: 'COMMIT' | 'ROLLBACK'): Promise<void> {
  await own.postgres.query('BEGIN')
  await own.postgres.query('UPDATE account SET balance = balance + 1 WHERE name = $1', [name])
  const token = await readToken(own.postgres)
  await own.redis.call('POLYLOG.JOIN', token)
  await own.redis.zincrby('leaderboard', 1, name)
  await own.mongo.withSession(async (session) => {
    session.startTransaction()
    await own.mongo.db('shop').command({ polylogJoin: token }, { session })
    await collectionOf(own.mongo.db('shop')).insertOne({ _id: order, customer: name, total: 1 }, { session })
    await own.postgres.query(end)
    const isCommitted = end === 'COMMIT'
    expect(await own.redis.call('POLYLOG.LEAVE')).toBe(isCommitted ? 'committed' : 'aborted')
    if (isCommitted) await session.commitTransaction()
    else await expect(session.commitTransaction()).rejects.toMatchObject({ code: 251 })
  })
}

interface Buyer {
  readonly postgres: pg.Client
  readonly redis: Redis
  readonly mongo: MongoClient
}

async function makeBuyer(): Promise<Buyer> {
  return { postgres: await clients.postgres(), redis: clients.redis(), mongo: clients.mongo() }
}

interface Seen {
  readonly balance: number
  readonly score: number
  readonly orders: number
}

const readBalance = (client: pg.Client, name: string): Promise<number> =>
  numberIn(client, `SELECT balance AS n FROM account WHERE name = '${name}'`)
const readScore = async (client: Redis, name: string): Promise<number> =>
  Number(await client.zscore('leaderboard', name))
const readOrders = (name: string): Promise<number> => orders().countDocuments({ customer: name })

async function readAll(name: string): Promise<Seen> {
  return {
    balance: await readBalance(postgres, name),
    score: await readScore(redis, name),
    orders: await readOrders(name),
  }
}

describe('COMMIT and ROLLBACK', () => {
  test('make all three visible, or none', async () => {
    const buyer = await makeBuyer()
    await buy(buyer, 'ada', 1, 'COMMIT')
    expect(await readAll('ada')).toEqual({ balance: 1, score: 1, orders: 1 })
    await buy(buyer, 'ada', 2, 'ROLLBACK')
    expect(await readAll('ada')).toEqual({ balance: 1, score: 1, orders: 1 })
    await buy(buyer, 'ada', 3, 'COMMIT')
    expect(await readAll('ada')).toEqual({ balance: 2, score: 2, orders: 2 })
  })

  test('a party sees what the others have written before the commit, nobody else does', async () => {
    const own = await makeBuyer()
    await own.postgres.query('BEGIN')
    const token = await readToken(own.postgres)
    await own.redis.call('POLYLOG.IN', token, 'ZADD', 'leaderboard', '77', 'hedy')
    await own.mongo.withSession(async (session) => {
      session.startTransaction()
      await own.mongo.db('shop').command({ polylogJoin: token }, { session })
      await collectionOf(own.mongo.db('shop')).insertOne({ _id: 77, customer: 'hedy' }, { session })
      const query = "SELECT (SELECT count(*) FROM shop.orders WHERE customer = 'hedy') AS n"
      expect(await numberIn(own.postgres, query)).toBe(1)
      expect(await numberIn(postgres, query)).toBe(0)
      const score = "SELECT coalesce(max(score), 0) AS n FROM redis.db0_zset WHERE member = 'hedy'"
      expect(await numberIn(own.postgres, score)).toBe(77)
      expect(await numberIn(postgres, score)).toBe(0)
      await own.postgres.query('ROLLBACK')
      await expect(session.commitTransaction()).rejects.toMatchObject({ code: 251 })
    })
    expect(await redis.zscore('leaderboard', 'hedy')).toBeNull()
  })
})

describe('observers', () => {
  const rounds = 40

  test('never see a part, whichever doors they look through and in whichever order', async () => {
    const buyer = await makeBuyer()
    const observer = await makeBuyer()
    const work = { isOver: false }
    const buying = (async () => {
      for (let round = 1; round <= rounds; round++) {
        await buy(buyer, 'grace', 1_000 + round * 2, 'COMMIT')
        await buy(buyer, 'grace', 1_001 + round * 2, 'ROLLBACK')
      }
      work.isOver = true
    })()
    const looks = [
      () => readBalance(observer.postgres, 'grace'),
      () => readScore(observer.redis, 'grace'),
      () => readOrders('grace'),
    ]
    // What one door has shown, the next one shows too: readings never go back, though they are taken at three doors.
    const seen = new Set<number>()
    let newest = 0
    for (let turn = 0; !work.isOver; turn++) {
      const value = await looks[(turn * 2) % 3]!()
      expect(value).toBeGreaterThanOrEqual(newest)
      newest = value
      seen.add(value)
      await sleep(0)
    }
    await buying
    expect(seen.size).toBeGreaterThan(3)
    expect(await readAll('grace')).toEqual({ balance: rounds, score: rounds, orders: rounds })
  })

  test('see all three equal in one statement', async () => {
    const buyer = await makeBuyer()
    const work = { isOver: false }
    const buying = (async () => {
      for (let round = 1; round <= rounds; round++) await buy(buyer, 'ada', 5_000 + round, 'COMMIT')
      work.isOver = true
    })()
    const query = `SELECT a.balance AS balance, z.score AS score,
        (SELECT count(*) FROM shop.orders o WHERE o.customer = 'ada') AS orders
      FROM account a JOIN redis.db0_zset z ON z.key = 'leaderboard' AND z.member = a.name WHERE a.name = 'ada'`
    const seen = new Set<number>()
    while (!work.isOver) {
      const { rows } = await postgres.query<{ balance: number; score: number; orders: string }>(query)
      const [{ balance, score, orders }] = rows as [{ balance: number; score: number; orders: string }]
      expect([score, Number(orders)]).toEqual([balance, balance])
      seen.add(balance)
    }
    await buying
    expect(seen.size).toBeGreaterThan(3)
  })

  test('see one state over several statements where they ask for a snapshot', async () => {
    const buyer = await makeBuyer()
    const observer = await clients.postgres()
    await observer.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    const token = await readToken(observer)
    const before = await readBalance(observer, 'ada')
    await buy(buyer, 'ada', 9_000, 'COMMIT')
    const score = Number(await redis.call('POLYLOG.IN', token, 'ZSCORE', 'leaderboard', 'ada'))
    const count = await mongo.withSession(async (session) => {
      session.startTransaction()
      await mongo.db('shop').command({ polylogJoin: token }, { session })
      const found = await collectionOf(mongo.db('shop')).countDocuments({ customer: 'ada' }, { session })
      await observer.query('COMMIT')
      await session.commitTransaction()
      return found
    })
    expect([score, count]).toEqual([before, before])
    expect(await readBalance(postgres, 'ada')).toBe(before + 1)
  })
})

describe('one transaction is one record', () => {
  test('whichever doors wrote it, the sequence grows by one', async () => {
    const newest = () => numberIn(postgres, 'SELECT sequence AS n FROM polylog.snapshot')
    const buyer = await makeBuyer()
    await buy(buyer, 'ada', 9_100, 'COMMIT')
    const before = await newest()
    await buy(buyer, 'ada', 9_101, 'COMMIT')
    expect(await newest()).toBe(before + 1)
    await buy(buyer, 'ada', 9_102, 'ROLLBACK')
    expect(await newest()).toBe(before + 1)
  })
})
