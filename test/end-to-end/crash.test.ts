/**
 * `kill -9` and a restart, a few times: what was acknowledged at any door is there, nothing is there by half. The long
 * version with random programs is in `test/crash`.
 */
import { afterEach, expect, test } from 'vitest'
import { Clients, collectionOf, numberIn, readToken } from './clients.ts'
import { ServerProcess, withFolder } from './server-process.ts'

const rounds = 3
const acknowledgedPerRound = 25

let running: ServerProcess | undefined

afterEach(async () => {
  if (running?.isRunning === true) await running.kill()
})

async function start(folder: string): Promise<Clients> {
  running = await ServerProcess.start('--data', folder)
  return new Clients(running.port)
}

/** Writes numbered entries at all doors, alone and in one transaction, until the connection breaks. */
async function writeUntilCut(clients: Clients, first: number, note: (number: number) => void): Promise<void> {
  const postgres = await clients.postgres()
  const redis = clients.redis()
  const mongo = clients.mongo()
  for (let number = first; ; number++) {
    await postgres.query('BEGIN')
    await postgres.query('INSERT INTO together VALUES ($1)', [number])
    const token = await readToken(postgres)
    await redis.call('POLYLOG.IN', token, 'ZADD', 'together', String(number), String(number))
    await mongo.withSession(async (session) => {
      session.startTransaction()
      await mongo.db('public').command({ polylogJoin: token }, { session })
      await collectionOf(mongo.db('shop'), 'together').insertOne({ _id: number }, { session })
      await postgres.query('COMMIT')
      await session.commitTransaction()
    })
    await redis.zadd('alone', number, String(number))
    await collectionOf(mongo.db('shop'), 'alone').insertOne({ _id: number })
    await postgres.query('INSERT INTO alone VALUES ($1)', [number])
    note(number)
  }
}

async function readNumbers(
  clients: Clients,
  name: string,
): Promise<Record<'postgres' | 'redis' | 'mongodb', number[]>> {
  const postgres = await clients.postgres()
  const { rows } = await postgres.query<{ id: number }>(`SELECT id FROM ${name} ORDER BY id`)
  const documents = await collectionOf(clients.mongo().db('shop'), name).find().sort({ _id: 1 }).toArray()
  const members = await clients.redis().zrange(name, '0', '-1')
  return {
    postgres: rows.map(({ id }) => id),
    redis: members.map(Number),
    mongodb: documents.map(({ _id }) => Number(_id)),
  }
}

test('what was acknowledged survives, and a transaction is whole or absent', () =>
  withFolder(async (folder) => {
    let clients = await start(folder)
    const setup = await clients.postgres()
    await setup.query('CREATE TABLE together (id integer PRIMARY KEY)')
    await setup.query('CREATE TABLE alone (id integer PRIMARY KEY)')
    let acknowledged = 0
    for (let round = 0; round < rounds; round++) {
      const goal = acknowledged + acknowledgedPerRound
      const cut = writeUntilCut(clients, acknowledged + 1, (number) => {
        acknowledged = number
        if (number === goal) setImmediate(() => void running!.kill())
      }).catch(() => 'cut')
      expect(await cut).toBe('cut')
      await running!.exit
      await clients.close()

      clients = await start(folder)
      const expected = Array.from({ length: acknowledged }, (_, index) => index + 1)
      const together = await readNumbers(clients, 'together')
      expect(together.redis).toEqual(together.postgres)
      expect(together.mongodb).toEqual(together.postgres)
      expect(together.postgres.slice(0, acknowledged)).toEqual(expected)
      expect(together.postgres.length - acknowledged).toBeLessThanOrEqual(1)
      const alone = await readNumbers(clients, 'alone')
      for (const numbers of Object.values(alone)) expect(numbers.slice(0, acknowledged)).toEqual(expected)
      acknowledged = Math.max(together.postgres.length, ...Object.values(alone).map((numbers) => numbers.length))
      await fillUp(clients, acknowledged)
    }
    expect(await numberIn(await clients.postgres(), 'SELECT count(*) AS n FROM together')).toBe(acknowledged)
    expect(await running!.stop()).toMatchObject({ status: 0 })
    await clients.close()
  }))

/** Makes the entry whole that the crash came upon, so that the next round counts on from it. */
async function fillUp(clients: Clients, number: number): Promise<void> {
  const [postgres, redis, mongo] = [await clients.postgres(), clients.redis(), clients.mongo()]
  for (const name of ['together', 'alone']) {
    await postgres.query(`INSERT INTO ${name} VALUES ($1) ON CONFLICT DO NOTHING`, [number])
    await redis.zadd(name, number, String(number))
    await collectionOf(mongo.db('shop'), name).replaceOne({ _id: number }, {}, { upsert: true })
  }
}
