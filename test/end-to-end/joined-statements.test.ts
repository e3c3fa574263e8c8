/**
 * What the beginner chose holds for all parties (isolation, waiting for locks), what a party may not do inside, and what
 * random orders of writes and ends leave behind: all or nothing.
 */
import type { Redis } from 'ioredis'
import type { MongoClient } from 'mongodb'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SeededRandom } from '../../samples/seeded-random.ts'
import { Clients, collectionOf, failureOf, numberIn, outcomeOf, readToken } from './clients.ts'
import { doors, makeParty, type Party } from './parties.ts'
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
  await postgres.query('CREATE TABLE entries (entry text PRIMARY KEY)')
  await postgres.query('CREATE TABLE counter (id integer PRIMARY KEY, n integer NOT NULL)')
  await postgres.query('INSERT INTO counter VALUES (1, 0), (2, 0)')
  await collectionOf(mongo.db('test'), 'counter').insertOne({ _id: 1, n: 0 })
  await mongo.db('test').createCollection('entries')
})

afterAll(async () => {
  await clients.close()
  expect(await server.stop()).toMatchObject({ status: 0 })
})

const documents = (name: string) => collectionOf(mongo.db('test'), name)

describe('the beginner decides', () => {
  test('what the others see: at repeatable read the state of its first statement', async () => {
    const [client, joined] = [await clients.postgres(), clients.redis()]
    await redis.zadd('scores', 1, 'ada')
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await joined.call('POLYLOG.JOIN', await readToken(client))
    expect(await joined.zscore('scores', 'ada')).toBe('1')
    await redis.zincrby('scores', 1, 'ada')
    expect(await joined.zscore('scores', 'ada')).toBe('1')
    await client.query('COMMIT')
    expect(await joined.call('POLYLOG.LEAVE')).toBe('committed')
  })

  test('that the second writer of a key fails at repeatable read, and the whole with it', async () => {
    const [client, joined] = [await clients.postgres(), clients.redis()]
    await redis.zadd('scores', 5, 'grace')
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await client.query('UPDATE counter SET n = n + 1 WHERE id = 2')
    await joined.call('POLYLOG.JOIN', await readToken(client))
    await redis.zincrby('scores', 1, 'grace')
    expect((await failureOf(joined.zincrby('scores', 1, 'grace'))).message).toMatch(/^POLYLOGCONFLICT/)
    expect((await failureOf(client.query('SELECT 1'))).code).toBe('25P02')
    expect((await client.query('COMMIT')).command).toBe('ROLLBACK')
    expect(await joined.call('POLYLOG.LEAVE')).toBe('aborted')
    expect(await redis.zscore('scores', 'grace')).toBe('6')
    expect(await numberIn(postgres, 'SELECT n FROM counter WHERE id = 2')).toBe(0)
  })

  test('that a MongoDB party waits for a lock where PostgreSQL began', async () => {
    const client = await clients.postgres()
    const [other, session] = [mongo.startSession(), mongo.startSession()]
    other.startTransaction()
    await documents('counter').updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session: other })
    await client.query('BEGIN')
    const token = await readToken(client)
    session.startTransaction()
    await mongo.db('test').command({ polylogJoin: token }, { session })
    const waiting = documents('counter').updateOne({ _id: 1 }, { $inc: { n: 10 } }, { session })
    await other.commitTransaction()
    expect((await waiting).modifiedCount).toBe(1)
    await Promise.all([client.query('COMMIT'), session.commitTransaction()])
    expect(await documents('counter').findOne({ _id: 1 })).toEqual({ _id: 1, n: 11 })
    await Promise.all([other.endSession(), session.endSession()])
  })

  test('that a PostgreSQL party fails at once at a lock where MongoDB began', async () => {
    const [holder, joined] = [await clients.postgres(), await clients.postgres()]
    await holder.query('BEGIN')
    await holder.query('UPDATE counter SET n = 1 WHERE id = 1')
    await mongo.withSession(async (session) => {
      session.startTransaction()
      const { token } = await mongo.db('test').command({ polylogToken: 1 }, { session })
      await joined.query('BEGIN')
      await joined.query('SELECT polylog_join($1)', [token])
      expect((await failureOf(joined.query('UPDATE counter SET n = 2 WHERE id = 1'))).code).toBe('40001')
      expect((await joined.query('COMMIT')).command).toBe('ROLLBACK')
      expect((await failureOf(session.commitTransaction())).code).toBe(251)
    })
    await holder.query('ROLLBACK')
  })
})

describe('a PostgreSQL party', () => {
  async function joinBy(begin: string, options = ''): Promise<[pg.Client, pg.Client]> {
    const [client, joined] = [await clients.postgres(), await clients.postgres()]
    await client.query(`BEGIN ${options}`)
    const token = await readToken(client)
    await joined.query(begin)
    await joined.query('SELECT polylog_join($1)', [token])
    return [client, joined]
  }

  const isReadOnly = async (client: pg.Client): Promise<unknown> =>
    (await client.query('SHOW transaction_read_only')).rows[0]

  test.each([
    ['BEGIN READ ONLY', 'SELECT 1'],
    ['BEGIN', 'SET TRANSACTION READ ONLY'],
    ['BEGIN', 'SET transaction_read_only = on'],
  ])('that only reads (%s, %s) restricts nobody else', async (begin, set) => {
    const [client, joined] = await joinBy(begin)
    await joined.query(set)
    expect([await isReadOnly(joined), await isReadOnly(client)]).toEqual([
      { transaction_read_only: 'on' },
      { transaction_read_only: 'off' },
    ])
    await client.query(`INSERT INTO entries VALUES ('${begin}, ${set}')`)
    expect((await client.query('COMMIT')).command).toBe('COMMIT')
    expect((await joined.query('COMMIT')).command).toBe('COMMIT')
  })

  test('that only reads cannot write, and its error dooms the whole', async () => {
    const [client, joined] = await joinBy('BEGIN READ ONLY')
    expect((await failureOf(joined.query("INSERT INTO entries VALUES ('never')"))).code).toBe('25006')
    expect((await client.query('COMMIT')).command).toBe('ROLLBACK')
    expect((await joined.query('COMMIT')).command).toBe('ROLLBACK')
  })

  test('only reads where the beginner said so, and cannot change that', async () => {
    const [client, joined] = await joinBy('BEGIN', 'READ ONLY')
    expect(await isReadOnly(joined)).toEqual({ transaction_read_only: 'on' })
    expect((await failureOf(joined.query('SET TRANSACTION READ WRITE'))).code).toBe('25001')
    expect((await client.query('COMMIT')).command).toBe('ROLLBACK')
    await joined.query('ROLLBACK')
  })

  test('has the isolation of the beginner, and cannot change that', async () => {
    const [client, joined] = await joinBy('BEGIN', 'ISOLATION LEVEL REPEATABLE READ')
    expect((await joined.query('SHOW transaction_isolation')).rows).toEqual([
      { transaction_isolation: 'repeatable read' },
    ])
    expect((await failureOf(joined.query('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE'))).code).toBe('25001')
    await Promise.all([client.query('ROLLBACK'), joined.query('ROLLBACK')])
  })
})

describe('inside of a joined transaction', () => {
  test('MULTI and EXEC are a part of it', async () => {
    const [client, joined] = [await clients.postgres(), clients.redis()]
    await client.query('BEGIN')
    await joined.call('POLYLOG.JOIN', await readToken(client))
    expect(await joined.multi().set('multi', '1').get('multi').exec()).toEqual([
      [null, 'OK'],
      [null, '1'],
    ])
    expect(await redis.get('multi')).toBeNull()
    await client.query('ROLLBACK')
    expect((await failureOf(joined.multi().set('multi', '2').exec())).message).toMatch(/POLYLOGENDED aborted/)
    expect(await joined.call('POLYLOG.LEAVE')).toBe('aborted')
    expect(await redis.get('multi')).toBeNull()
  })

  test('schema changes are undone with everything else', async () => {
    const [client, joined] = [await clients.postgres(), clients.redis()]
    await client.query('BEGIN')
    await client.query('CREATE TABLE undone (id integer PRIMARY KEY)')
    await joined.call('POLYLOG.JOIN', await readToken(client))
    await joined.call('POLYLOG.ROLLBACK')
    await client.query('ROLLBACK')
    expect((await failureOf(client.query('SELECT * FROM undone'))).code).toBe('42P01')
  })

  test('a cursor that is open at the decision ends with it', async () => {
    const client = await clients.postgres()
    await documents('many').insertMany(Array.from({ length: 100 }, (_, index) => ({ _id: index })))
    await client.query('BEGIN')
    const token = await readToken(client)
    await mongo.withSession(async (session) => {
      session.startTransaction()
      await mongo.db('test').command({ polylogJoin: token }, { session })
      const cursor = documents('many').find({}, { session, batchSize: 10 })
      expect(await cursor.next()).toEqual({ _id: 0 })
      await client.query('COMMIT')
      expect((await failureOf(cursor.toArray())).code).toBe(251)
      await session.commitTransaction()
    })
  })

  test('a second join is refused, and the first stays', async () => {
    const [client, joined] = [await clients.postgres(), clients.redis()]
    await client.query('BEGIN')
    const token = await readToken(client)
    await joined.call('POLYLOG.JOIN', token)
    expect((await failureOf(joined.call('POLYLOG.JOIN', token))).message).toMatch(/open/)
    await joined.set('joined once', 'x')
    await client.query('COMMIT')
    expect(await joined.call('POLYLOG.LEAVE')).toBe('committed')
    expect(await redis.get('joined once')).toBe('x')
  })

  test('RESET and QUIT of a party are its drop', async () => {
    for (const leave of ['RESET', 'QUIT']) {
      const [client, joined] = [await clients.postgres(), clients.redis()]
      await client.query('BEGIN')
      await joined.call('POLYLOG.JOIN', await readToken(client))
      await joined.set('dropped', leave)
      await joined.call(leave)
      await expect.poll(() => outcomeOf(client.query('SELECT 1'))).toContain('aborted')
      expect((await client.query('COMMIT')).command).toBe('ROLLBACK')
      expect(await redis.exists('dropped')).toBe(0)
    }
  })

  test('the end of the server aborts it', async () => {
    const own = await ServerProcess.start('--memory')
    const ownClients = new Clients(own.port)
    const [client, joined] = [await ownClients.postgres(), ownClients.redis()]
    await client.query('BEGIN')
    await joined.call('POLYLOG.JOIN', await readToken(client))
    await joined.set('open', 'x')
    expect(await own.stop()).toMatchObject({ status: 0 })
    await ownClients.close()
  })
})

describe('random orders', () => {
  type Act = 'write' | 'commit' | 'rollback' | 'drop'

  /** Mostly writes; an end at the end. */
  function planFor(random: SeededRandom, isBeginner: boolean): Act[] {
    const plan: Act[] = Array.from({ length: 1 + random.below(3) }, () => 'write')
    const ends: Act[] = isBeginner
      ? ['commit', 'commit', 'commit', 'rollback', 'drop']
      : ['commit', 'commit', 'commit', 'commit', 'rollback', 'drop']
    return [...plan, random.pick(ends)]
  }

  interface Played {
    readonly written: string[]
    told: string
  }

  /** Goes on at the first error, as a client that looks at nothing would. */
  async function play(party: Party, plan: readonly Act[], name: string): Promise<Played> {
    const played: Played = { written: [], told: 'nothing' }
    for (const [index, act] of plan.entries()) {
      const entry = `${name} ${index}`
      if (act === 'write') {
        if ((await outcomeOf(party.write(entry))) === 'done') played.written.push(entry)
      } else if (act === 'commit') played.told = await party.commit().catch((error: unknown) => String(error))
      else if (act === 'rollback') await outcomeOf(party.rollback())
      else await party.drop()
    }
    return played
  }

  async function readEntries(): Promise<Set<string>> {
    const { rows } = await postgres.query<{ entry: string }>('SELECT entry FROM entries')
    const members = await redis.smembers('entries')
    const found = await documents('entries').find().toArray()
    return new Set([...rows.map(({ entry }) => entry), ...members, ...found.map(({ _id }) => String(_id))])
  }

  test('of writes and ends of three parties leave all or nothing, and nobody is told a lie', async () => {
    const random = new SeededRandom(11)
    const outcomes = new Set<string>()
    for (let round = 0; round < 60; round++) {
      const own = new Clients(server.port)
      const beginnerDoor = random.pick(doors)
      const beginner = await makeParty(beginnerDoor, own)
      const joined = [await makeParty(random.pick(doors), own), await makeParty(random.pick(doors), own)]
      const token = await beginner.begin()
      for (const party of joined) await party.join(token)
      const played = await Promise.all(
        [beginner, ...joined].map((party, index) => play(party, planFor(random, index === 0), `${round} ${index}`)),
      )
      const there = await readEntries()
      const told = played.map((one) => one.told)
      const isCommitted = told.includes('committed')
      outcomes.add(isCommitted ? 'committed' : 'aborted')
      expect({ round, told, lies: isCommitted && told.includes('aborted') }).toEqual({ round, told, lies: false })
      for (const entry of played.flatMap((one) => one.written)) {
        expect({ round, entry, there: there.has(entry) }).toEqual({ round, entry, there: isCommitted })
      }
      await own.close()
    }
    expect(outcomes).toEqual(new Set(['committed', 'aborted']))
  })
})
