/**
 * One transaction through several doors, in every order of ends: who commits, rolls back, leaves early or drops, for every
 * pair of doors. Either both parties' writes are there afterwards or neither's, and each is told the truth.
 */
import type { Redis } from 'ioredis'
import type { MongoClient } from 'mongodb'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Clients, collectionOf, cutRedis, failureOf, numberIn, readToken } from './clients.ts'
import { complaints, doors, makeParty, type Door, type Outcome, type Party } from './parties.ts'
import { ServerProcess } from './server-process.ts'

let server: ServerProcess
let clients: Clients
let postgres: pg.Client
let redis: Redis
let mongo: MongoClient
let lastEntry = 0

beforeAll(async () => {
  server = await ServerProcess.start('--memory')
  clients = new Clients(server.port)
  postgres = await clients.postgres()
  redis = clients.redis()
  mongo = clients.mongo()
  await postgres.query('CREATE TABLE entries (entry text PRIMARY KEY)')
  await mongo.db('test').createCollection('entries')
})

afterAll(async () => {
  await clients.close()
  expect(await server.stop()).toMatchObject({ status: 0 })
})

const newEntry = (): string => `entry ${++lastEntry}`

/** Where an entry is to be seen by somebody who takes no part. */
async function isVisible(door: Door, entry: string): Promise<boolean> {
  if (door === 'postgres') {
    return (await postgres.query('SELECT 1 FROM entries WHERE entry = $1', [entry])).rowCount === 1
  }
  if (door === 'redis') return (await redis.sismember('entries', entry)) === 1
  return (await collectionOf(mongo.db('test'), 'entries').findOne({ _id: entry })) !== null
}

interface Pair {
  readonly beginner: Party
  readonly joined: Party
  readonly beginnersEntry: string
  readonly joinedEntry: string
}

/** Both parties have written. */
async function makePair(beginnerDoor: Door, joinedDoor: Door, own: Clients): Promise<Pair> {
  const beginner = await makeParty(beginnerDoor, own)
  const joined = await makeParty(joinedDoor, own)
  const [beginnersEntry, joinedEntry] = [newEntry(), newEntry()]
  const token = await beginner.begin()
  await joined.join(token)
  await beginner.write(beginnersEntry)
  await joined.write(joinedEntry)
  return { beginner, joined, beginnersEntry, joinedEntry }
}

for (const beginnerDoor of doors) {
  for (const joinedDoor of doors) {
    describe(`${beginnerDoor} begins, ${joinedDoor} joins`, () => {
      async function run(expected: Outcome, end: (pair: Pair) => Promise<void>): Promise<void> {
        const own = new Clients(server.port)
        try {
          const pair = await makePair(beginnerDoor, joinedDoor, own)
          expect(await isVisible(beginnerDoor, pair.beginnersEntry)).toBe(false)
          expect(await isVisible(joinedDoor, pair.joinedEntry)).toBe(false)
          await end(pair)
          expect({
            beginners: await isVisible(beginnerDoor, pair.beginnersEntry),
            joined: await isVisible(joinedDoor, pair.joinedEntry),
          }).toEqual({ beginners: expected === 'committed', joined: expected === 'committed' })
        } finally {
          await own.close()
        }
      }

      test('the beginner commits: the joined party hears it, then its statements are refused until it leaves', () =>
        run('committed', async ({ beginner, joined }) => {
          expect(await beginner.commit()).toBe('committed')
          expect(joined.complaint(await failureOf(joined.write(newEntry())))).toBe(complaints[joinedDoor].committed)
          expect(await joined.commit()).toBe('committed')
        }))

      test('the beginner rolls back: the joined party hears it', () =>
        run('aborted', async ({ beginner, joined }) => {
          await beginner.rollback()
          expect(joined.complaint(await failureOf(joined.write(newEntry())))).toBe(complaints[joinedDoor].aborted)
          expect(await joined.commit()).toBe('aborted')
        }))

      test('the joined party commits first: it waits, and is told that the beginner committed', () =>
        run('committed', async ({ beginner, joined, joinedEntry }) => {
          const told = joined.commit()
          expect(await isVisible(joinedDoor, joinedEntry)).toBe(false)
          expect(await Promise.race([told, beginner.write(newEntry())])).toBeUndefined()
          expect(await beginner.commit()).toBe('committed')
          expect(await told).toBe('committed')
        }))

      test('the joined party commits first: it waits, and is told that the beginner rolled back', () =>
        run('aborted', async ({ beginner, joined }) => {
          const told = joined.commit()
          await beginner.write(newEntry())
          await beginner.rollback()
          expect(await told).toBe('aborted')
        }))

      test('the joined party rolls back: the whole is aborted, and the beginner hears it', () =>
        run('aborted', async ({ beginner, joined }) => {
          await joined.rollback()
          expect(beginner.complaint(await failureOf(beginner.write(newEntry())))).toBe(complaints[beginnerDoor].aborted)
          expect(await beginner.commit()).toBe('aborted')
        }))

      test('the joined party drops: the whole is aborted', () =>
        run('aborted', async ({ beginner, joined }) => {
          await joined.drop()
          await expect.poll(() => failed(beginner.write(newEntry()))).toBe(true)
          expect(await beginner.commit()).toBe('aborted')
        }))

      test('the beginner drops: the whole is aborted', () =>
        run('aborted', async ({ beginner, joined }) => {
          await beginner.drop()
          await expect.poll(() => failed(joined.write(newEntry()))).toBe(true)
          expect(await joined.commit()).toBe('aborted')
        }))

      test('the beginner drops while the joined party waits for its decision', () =>
        run('aborted', async ({ beginner, joined }) => {
          const told = joined.commit()
          await beginner.drop()
          expect(await told).toBe('aborted')
        }))

      test('afterwards both can do other things', () =>
        run('committed', async ({ beginner, joined }) => {
          expect(await Promise.all([beginner.commit(), joined.commit()])).toEqual(['committed', 'committed'])
          const token = await beginner.begin()
          await joined.join(token)
          await joined.rollback()
        }))
    })
  }
}

async function failed(running: Promise<unknown>): Promise<boolean> {
  return running.then(
    () => false,
    () => true,
  )
}

describe('a token', () => {
  const unknown = '0'.repeat(32)

  test('that names nothing is refused at each door', async () => {
    const client = await clients.postgres()
    await client.query('BEGIN')
    expect((await failureOf(client.query('SELECT polylog_join($1)', [unknown]))).code).toBe('25P01')
    await client.query('ROLLBACK')
    expect((await failureOf(redis.call('POLYLOG.JOIN', unknown))).message).toMatch(/token/)
    expect((await failureOf(redis.call('POLYLOG.IN', unknown, 'SET', 'leak', 'x'))).message).toMatch(/token/)
    expect(await redis.exists('leak')).toBe(0)
    await mongo.withSession(async (session) => {
      session.startTransaction()
      const error = await failureOf(mongo.db('test').command({ polylogJoin: unknown }, { session }))
      expect(error.code).toBe(251)
      await session.abortTransaction()
    })
  })

  test('is 128 random bits, and means nothing once its transaction has ended', async () => {
    const client = await clients.postgres()
    await client.query('BEGIN')
    const token = await readToken(client)
    expect(token).toMatch(/^[0-9a-f]{32}$/)
    expect(await readToken(client)).toBe(token)
    await client.query('COMMIT')
    expect((await failureOf(redis.call('POLYLOG.JOIN', token))).message).toMatch(/token/)
    await client.query('BEGIN')
    expect(await readToken(client)).not.toBe(token)
    await client.query('ROLLBACK')
  })

  test('is given out in a transaction only', async () => {
    expect((await failureOf(postgres.query('SELECT polylog_join($1)', [unknown]))).code).toBe('25P01')
    expect((await failureOf(redis.call('POLYLOG.TOKEN'))).message).toMatch(/no transaction/)
  })

  test('is joined before anything else', async () => {
    const [beginner, late] = [await clients.postgres(), await clients.postgres()]
    await beginner.query('BEGIN')
    const token = await readToken(beginner)
    await late.query('BEGIN')
    await late.query('SELECT count(*) FROM entries')
    expect((await failureOf(late.query('SELECT polylog_join($1)', [token]))).code).toBe('25001')
    await late.query('ROLLBACK')
    await mongo.withSession(async (session) => {
      session.startTransaction()
      await collectionOf(mongo.db('test'), 'entries').findOne({}, { session })
      const error = await failureOf(mongo.db('test').command({ polylogJoin: token }, { session }))
      expect(error.message).toMatch(/first/)
      await session.abortTransaction()
    })
    await beginner.query('ROLLBACK')
  })
})

describe('errors', () => {
  test('one of PostgreSQL outside of a savepoint dooms the whole', async () => {
    const client = await clients.postgres()
    const entry = newEntry()
    await client.query('BEGIN')
    const token = await readToken(client)
    await redis.call('POLYLOG.IN', token, 'SADD', 'entries', entry)
    await failureOf(client.query('SELECT 1 / 0'))
    expect((await failureOf(redis.call('POLYLOG.IN', token, 'PING'))).message).toMatch(/^(POLYLOGENDED aborted|ERR)/)
    expect((await failureOf(redis.call('POLYLOG.IN', token, 'SADD', 'entries', entry))).message).toMatch(
      /^POLYLOGENDED aborted/,
    )
    expect((await client.query('COMMIT')).command).toBe('ROLLBACK')
    expect(await isVisible('redis', entry)).toBe(false)
  })

  test('one of PostgreSQL after a savepoint is mended by going back to it', async () => {
    const client = await clients.postgres()
    const [kept, undone] = [newEntry(), newEntry()]
    await client.query('BEGIN')
    const token = await readToken(client)
    await redis.call('POLYLOG.IN', token, 'SADD', 'entries', kept)
    await client.query('SAVEPOINT before')
    await redis.call('POLYLOG.IN', token, 'SADD', 'entries', undone)
    await failureOf(client.query('SELECT 1 / 0'))
    await client.query('ROLLBACK TO SAVEPOINT before')
    expect((await client.query('COMMIT')).command).toBe('COMMIT')
    expect(await isVisible('redis', kept)).toBe(true)
    expect(await isVisible('redis', undone)).toBe(false)
  })

  test('one of a MongoDB command dooms the whole', async () => {
    const client = await clients.postgres()
    const entry = newEntry()
    await collectionOf(mongo.db('test'), 'entries').insertOne({ _id: 'taken' })
    await client.query('BEGIN')
    await client.query('INSERT INTO entries VALUES ($1)', [entry])
    const token = await readToken(client)
    await mongo.withSession(async (session) => {
      session.startTransaction()
      await mongo.db('test').command({ polylogJoin: token }, { session })
      const error = await failureOf(collectionOf(mongo.db('test'), 'entries').insertOne({ _id: 'taken' }, { session }))
      expect(error.code).toBe(11_000)
      expect(error.errorLabels ?? []).toEqual([])
      await failureOf(session.commitTransaction())
    })
    expect((await client.query('COMMIT')).command).toBe('ROLLBACK')
    expect(await isVisible('postgres', entry)).toBe(false)
  })

  test('one of a Redis command dooms nothing', async () => {
    const client = await clients.postgres()
    const entry = newEntry()
    await redis.set('text', 'x')
    await client.query('BEGIN')
    const token = await readToken(client)
    expect((await failureOf(redis.call('POLYLOG.IN', token, 'SADD', 'text', 'y'))).message).toMatch(/^WRONGTYPE/)
    await redis.call('POLYLOG.IN', token, 'SADD', 'entries', entry)
    expect((await client.query('COMMIT')).command).toBe('COMMIT')
    expect(await isVisible('redis', entry)).toBe(true)
  })
})

describe('deadlocks over doors', () => {
  test('one of two transactions is told and aborted whole, the other commits', async () => {
    await postgres.query("INSERT INTO entries VALUES ('row')")
    const [first, second] = [await clients.postgres(), await clients.postgres()]
    const [firstRedis, secondRedis] = [clients.redis(), clients.redis()]
    await Promise.all([first.query('BEGIN'), second.query('BEGIN')])
    await firstRedis.call('POLYLOG.JOIN', await readToken(first))
    await secondRedis.call('POLYLOG.JOIN', await readToken(second))
    await first.query("UPDATE entries SET entry = 'row' WHERE entry = 'row'")
    await secondRedis.set('locked', 'second')
    const waiting = firstRedis.set('locked', 'first').then(
      () => 'first',
      () => 'none',
    )
    const closing = second.query("UPDATE entries SET entry = 'row' WHERE entry = 'row'").then(
      () => 'second',
      () => 'none',
    )
    const survivors = (await Promise.all([waiting, closing])).filter((name) => name !== 'none')
    expect(survivors).toHaveLength(1)
    const outcomes = await Promise.all([first.query('COMMIT'), second.query('COMMIT')])
    expect(outcomes.map(({ command }) => command).sort()).toEqual(['COMMIT', 'ROLLBACK'])
    expect(await redis.get('locked')).toBe(survivors[0])
    expect(await firstRedis.call('POLYLOG.LEAVE')).toBe(survivors[0] === 'first' ? 'committed' : 'aborted')
    expect(await secondRedis.call('POLYLOG.LEAVE')).toBe(survivors[0] === 'second' ? 'committed' : 'aborted')
  })
})

describe('statements of one transaction', () => {
  test('run in the order in which they arrive, the commit in its turn', async () => {
    const client = await clients.postgres()
    const joined = clients.redis()
    await client.query('BEGIN')
    await joined.call('POLYLOG.JOIN', await readToken(client))
    const counts = Array.from({ length: 50 }, () => joined.incr('in order'))
    await counts[0]
    const committed = client.query('COMMIT')
    const results = await Promise.allSettled(counts)
    await committed
    const answered = results.filter((result) => result.status === 'fulfilled')
    expect(answered.map((result) => result.value)).toEqual(answered.map((_, index) => index + 1))
    expect(Number(await redis.get('in order'))).toBe(answered.length)
  })
})

describe('nothing of a joined transaction runs by itself', () => {
  test('a Redis connection that comes back knows of no join, and what waited is not sent again', async () => {
    const client = await clients.postgres()
    const joined = clients.redis({ retryStrategy: () => 10 })
    const entry = newEntry()
    await client.query('BEGIN')
    await joined.call('POLYLOG.JOIN', await readToken(client))
    await joined.sadd('entries', entry)
    // The driver forgets these: told not to send them again, it never settles them either.
    for (let count = 0; count < 20; count++) joined.sadd('entries', `${entry} unanswered`).catch(() => {})
    cutRedis(joined)
    expect(await joined.ping()).toBe('PONG')
    await expect.poll(async () => failed(client.query('SELECT 1'))).toBe(true)
    expect((await client.query('COMMIT')).command).toBe('ROLLBACK')
    expect(await isVisible('redis', entry)).toBe(false)
    expect(await isVisible('redis', `${entry} unanswered`)).toBe(false)
  })

  test('POLYLOG.IN is safe even where the driver sends again', async () => {
    const client = await clients.postgres()
    const joined = clients.redis({ retryStrategy: () => 10, autoResendUnfulfilledCommands: true })
    const entry = newEntry()
    await client.query('BEGIN')
    const token = await readToken(client)
    await joined.call('POLYLOG.IN', token, 'SADD', 'entries', entry)
    const again = Array.from({ length: 20 }, () =>
      failed(joined.call('POLYLOG.IN', token, 'SADD', 'entries', `${entry} again`)),
    )
    cutRedis(joined)
    await Promise.all(again)
    await expect.poll(async () => failed(client.query('SELECT 1'))).toBe(true)
    await client.query('ROLLBACK')
    expect(await isVisible('redis', entry)).toBe(false)
    expect(await isVisible('redis', `${entry} again`)).toBe(false)
  })

  test("a driver's withTransaction does not run a joined transaction again and again", async () => {
    const client = await clients.postgres()
    await client.query('BEGIN')
    const token = await readToken(client)
    let runs = 0
    const entry = newEntry()
    const running = mongo.withSession((session) =>
      session.withTransaction(async () => {
        runs++
        await mongo.db('test').command({ polylogJoin: token }, { session })
        await collectionOf(mongo.db('test'), 'entries').insertOne({ _id: entry }, { session })
        await client.query('ROLLBACK')
        await collectionOf(mongo.db('test'), 'entries').insertOne({ _id: `${entry} more` }, { session })
      }),
    )
    expect((await failureOf(running)).code).toBe(251)
    expect(runs).toBe(1)
    expect(await isVisible('mongodb', entry)).toBe(false)
    expect(await isVisible('mongodb', `${entry} more`)).toBe(false)
  })

  test('what is sent after the decision stays out', async () => {
    const before = await numberIn(postgres, 'SELECT count(*) AS n FROM entries')
    const own = new Clients(server.port)
    for (const door of doors) {
      const [beginner, joined] = [await makeParty('postgres', own), await makeParty(door, own)]
      await joined.join(await beginner.begin())
      await beginner.commit()
      const entry = newEntry()
      await failureOf(joined.write(entry))
      expect(await isVisible(door, entry)).toBe(false)
    }
    await own.close()
    expect(await numberIn(postgres, 'SELECT count(*) AS n FROM entries')).toBe(before)
  })
})
