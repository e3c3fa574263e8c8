/**
 * Loads the sample data through the three doors, as one transaction: PostgreSQL's driver begins it, the drivers of Redis
 * and MongoDB join it by its token, and one COMMIT makes tables, documents and sorted sets visible. So whatever
 * interrupts the loading, the data is there whole or not at all.
 */
import { Redis } from 'ioredis'
import { MongoClient, type ClientSession } from 'mongodb'
import pg from 'pg'
import { copyRows } from './copy-rows.ts'
import { makeCollections, type DocumentCollection } from './documents.ts'
import { makeInventory } from './inventory.ts'
import { makeShop, type Shop } from './shop.ts'
import { makeTables, type Table } from './tables.ts'
import { readZipcodes } from './vega-data.ts'

/** Throws what a driver throws; then nothing has been loaded. */
export async function loadSampleData(port: number): Promise<void> {
  const zipcodes = readZipcodes()
  const places = zipcodes.map(([zipCode = '', , , city = '']) => ({ zipCode, city }))
  const shop = makeShop(places)
  const tables = [makeInventory(), ...makeTables(shop, zipcodes)]
  const clients = await connect(port)
  try {
    const { postgres, redis, mongo } = clients
    await postgres.query('BEGIN')
    const token = await readToken(postgres)
    await loadTables(postgres, tables)
    await redis.call('POLYLOG.JOIN', token)
    await loadKeys(redis, shop)
    await mongo.withSession(async (session) => {
      session.startTransaction()
      await mongo.db('shop').command({ polylogJoin: token }, { session })
      for (const collection of makeCollections(shop)) await loadCollection(mongo, session, collection)
      await Promise.all([postgres.query('COMMIT'), redis.call('POLYLOG.LEAVE'), session.commitTransaction()])
    })
  } finally {
    await close(clients)
  }
}

interface Clients {
  readonly postgres: pg.Client
  readonly redis: Redis
  readonly mongo: MongoClient
}

/** A connection that is lost stays lost: nothing that was sent for the transaction is sent again. */
async function connect(port: number): Promise<Clients> {
  const host = '127.0.0.1'
  const postgres = new pg.Client({ host, port, user: 'samples', database: 'polylog' })
  const redis = new Redis({
    host,
    port,
    lazyConnect: true,
    retryStrategy: () => null,
    autoResendUnfulfilledCommands: false,
  })
  const mongo = new MongoClient(`mongodb://${host}:${port}/`, { serverSelectionTimeoutMS: 10_000 })
  postgres.on('error', ignore)
  redis.on('error', ignore)
  const clients = { postgres, redis, mongo }
  try {
    await Promise.all([postgres.connect(), redis.connect(), mongo.connect()])
  } catch (error) {
    await close(clients)
    throw error
  }
  return clients
}

/** Of a lost connection the query that waits for its reply hears too. */
function ignore(): void {}

async function close({ postgres, redis, mongo }: Clients): Promise<void> {
  redis.disconnect()
  await Promise.allSettled([postgres.end(), mongo.close()])
}

async function readToken(postgres: pg.Client): Promise<string> {
  const { rows } = await postgres.query<{ token: string }>('SELECT polylog_transaction_token() AS token')
  return rows[0]!.token
}

async function loadTables(postgres: pg.Client, tables: readonly Table[]): Promise<void> {
  await postgres.query('CREATE SCHEMA shop')
  for (const { name, definition, columns, rows, after = [] } of tables) {
    await postgres.query(`CREATE TABLE ${name} (${definition})`)
    await copyRows(postgres, name, columns, rows)
    for (const statement of after) await postgres.query(statement)
  }
}

async function loadCollection(
  mongo: MongoClient,
  session: ClientSession,
  { database, name, documents, indexes }: DocumentCollection,
): Promise<void> {
  const collection = mongo.db(database).collection(name)
  await collection.insertMany([...documents], { session })
  for (const index of indexes) await collection.createIndex(index, { session })
}

async function loadKeys(redis: Redis, { carts, leaderboard, bestsellers }: Shop): Promise<void> {
  const pipeline = redis.pipeline()
  for (const { customer, items } of carts) {
    pipeline.hset(`cart:${customer.handle}`, Object.fromEntries(items.map(({ sku, quantity }) => [sku, quantity])))
  }
  for (const [handle, points] of leaderboard) pipeline.zadd('leaderboard', points, handle)
  for (const [sku, pieces] of bestsellers) pipeline.zadd('bestsellers', pieces, sku)
  for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error
}
