import { Binary, Long, MongoServerError, type ClientSession, type Collection } from 'mongodb'
import { deserialize, serialize, type Document } from 'bson'
import { beforeEach, describe, expect, it } from 'vitest'
import { PolylogError } from '../../base/errors.ts'
import { openTestDriver } from './testing.ts'

interface Item {
  _id: number
  n: number
}

const { server, client } = await openTestDriver()
let items: Collection<Item>
beforeEach(async () => {
  items = client.db('bank').collection<Item>('items')
  await items.deleteMany({})
  await items.insertMany([
    { _id: 1, n: 10 },
    { _id: 2, n: 20 },
  ])
})

async function begin(): Promise<ClientSession> {
  const session = client.startSession()
  session.startTransaction()
  return session
}

async function failure(promise: Promise<unknown>): Promise<MongoServerError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(MongoServerError)
  return error as MongoServerError
}

describe('transactions of the driver', () => {
  it('commit all or nothing', async () => {
    const session = await begin()
    await items.updateOne({ _id: 1 }, { $inc: { n: -5 } }, { session })
    await items.updateOne({ _id: 2 }, { $inc: { n: 5 } }, { session })
    expect(await items.findOne({ _id: 1 })).toEqual({ _id: 1, n: 10 })
    expect(await items.findOne({ _id: 1 }, { session })).toEqual({ _id: 1, n: 5 })
    await session.commitTransaction()
    expect(await items.find().sort({ _id: 1 }).toArray()).toEqual([
      { _id: 1, n: 5 },
      { _id: 2, n: 25 },
    ])
    await session.endSession()
  })

  it('abort', async () => {
    const session = await begin()
    await items.insertOne({ _id: 3, n: 1 }, { session })
    await session.abortTransaction()
    expect(await items.countDocuments()).toBe(2)
    await session.endSession()
  })

  it('run again by withTransaction after a conflict', async () => {
    const other = await begin()
    await items.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session: other })
    let tries = 0
    const session = client.startSession()
    await session.withTransaction(async () => {
      tries++
      if (tries === 2) await other.commitTransaction()
      await items.updateOne({ _id: 1 }, { $inc: { n: 100 } }, { session })
    })
    expect(tries).toBe(2)
    expect(await items.findOne({ _id: 1 })).toEqual({ _id: 1, n: 111 })
    await session.endSession()
    await other.endSession()
  })

  it('fail a conflicting write at once, with the transient label', async () => {
    const one = await begin()
    const two = await begin()
    await items.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session: one })
    const error = await failure(items.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session: two }))
    expect(error.code).toBe(112)
    expect(error.hasErrorLabel('TransientTransactionError')).toBe(true)
    const after = await failure(items.findOne({ _id: 1 }, { session: two }))
    expect(after.code).toBe(251)
    await one.commitTransaction()
    await two.abortTransaction()
    await one.endSession()
    await two.endSession()
  })

  it('fail at once where both make the same collection, and not where they make two', async () => {
    type Make = (collection: Collection<Item>, session: ClientSession) => Promise<unknown>
    const ways: Make[] = [
      (made, session) => made.insertOne({ _id: 1, n: 1 }, { session }),
      (made, session) => made.insertMany([{ _id: 1, n: 1 }], { session }),
      (made, session) => made.updateOne({ _id: 1 }, { $set: { n: 1 } }, { upsert: true, session }),
      (made, session) => made.findOneAndUpdate({ _id: 1 }, { $set: { n: 1 } }, { upsert: true, session }),
    ]
    for (const [i, make] of ways.entries()) {
      const database = client.db(`fresh${i}`)
      const [one, two, three] = [await begin(), await begin(), await begin()]
      await make(database.collection('a'), one)
      await make(database.collection('b'), two)
      const error = await failure(make(database.collection('a'), three))
      expect([error.code, error.errorLabels]).toEqual([112, ['TransientTransactionError']])
      await one.commitTransaction()
      await two.commitTransaction()
      expect(await database.collection('a').countDocuments()).toBe(1)
      expect(await database.collection('b').countDocuments()).toBe(1)
      for (const session of [one, two, three]) await session.endSession()
    }
  })

  it('leave no collection behind when the first of a database is aborted', async () => {
    const database = client.db('aborted')
    const session = await begin()
    await database.collection<Item>('a').insertOne({ _id: 1, n: 1 }, { session })
    await session.abortTransaction()
    expect(await database.listCollections().toArray()).toEqual([])
    const { databases } = await client.db().admin().listDatabases()
    expect(databases.map(({ name }) => name)).not.toContain('aborted')
    await session.endSession()
  })

  it('make a write outside of them wait', async () => {
    const session = await begin()
    await items.updateOne({ _id: 1 }, { $set: { n: 50 } }, { session })
    let isDone = false
    const waiting = items.updateOne({ _id: 1 }, { $inc: { n: 1 } }).then(() => (isDone = true))
    await items.findOne({ _id: 2 })
    expect(isDone).toBe(false)
    await session.commitTransaction()
    await waiting
    expect(await items.findOne({ _id: 1 })).toEqual({ _id: 1, n: 51 })
    await session.endSession()
  })

  it('end with any error in them', async () => {
    const session = await begin()
    await items.insertOne({ _id: 5, n: 1 }, { session })
    const error = await failure(items.insertOne({ _id: 1, n: 1 }, { session }))
    expect(error.code).toBe(11_000)
    expect(error.hasErrorLabel('TransientTransactionError')).toBe(false)
    expect((await failure(session.commitTransaction())).code).toBe(251)
    expect(await items.findOne({ _id: 5 })).toBeNull()
    await session.endSession()
  })

  it('see one snapshot, cursors included', async () => {
    const session = await begin()
    const cursor = items.find({}, { session, batchSize: 1 }).sort({ _id: 1 })
    expect(await cursor.next()).toEqual({ _id: 1, n: 10 })
    await items.updateOne({ _id: 2 }, { $set: { n: 99 } })
    expect(await cursor.next()).toEqual({ _id: 2, n: 20 })
    await cursor.close()
    await session.commitTransaction()
    await session.endSession()
  })
})

describe('a retried write', () => {
  it('is done once and answered as the first time', async () => {
    const raw = await server.connect()
    const run = async (document: Document): Promise<Document> => deserialize((await raw.command(serialize(document)))!)
    const lsid = { id: new Binary(Buffer.alloc(16, 7), 4) }
    const increment = { update: 'items', updates: [{ q: { _id: 1 }, u: { $inc: { n: 1 } } }], $db: 'bank', lsid }
    const first = await run({ ...increment, txnNumber: Long.fromNumber(7) })
    const second = await run({ ...increment, txnNumber: Long.fromNumber(7) })
    const older = await run({ ...increment, txnNumber: Long.fromNumber(6) })
    expect(first).toMatchObject({ n: 1, nModified: 1, ok: 1 })
    expect(second).toMatchObject({ n: 1, nModified: 1, retried: true, ok: 1 })
    expect(older).toMatchObject({ ok: 0, code: 225 })
    expect(await items.findOne({ _id: 1 })).toEqual({ _id: 1, n: 11 })
    raw.destroy()
  })
})

describe('a repeated commit', () => {
  const lsid = { id: new Binary(Buffer.alloc(16, 9), 4) }
  const inTransaction = (number: number): Document => {
    return { lsid, txnNumber: Long.fromNumber(number), autocommit: false, $db: 'admin' }
  }

  async function connectTwice(): Promise<{ run: (document: Document) => Promise<Document>; end: () => void }[]> {
    const clients = [await server.connect(), await server.connect()]
    return clients.map((raw) => ({
      run: async (document) => deserialize((await raw.command(serialize(document)))!),
      end: () => raw.destroy(),
    }))
  }

  it('waits for the same decision, and both tell the truth', async () => {
    const owner = server.test.sessions.openSession({ user: 'owner', door: 'test' })
    owner.begin()
    const [one, two] = await connectTwice()
    await one!.run({ polylogJoin: owner.token(), ...inTransaction(1), startTransaction: true })
    const commit = { commitTransaction: 1, ...inTransaction(1) }
    const answers = Promise.all([one!.run(commit), two!.run(commit)])
    await items.findOne({ _id: 1 })
    await owner.commit()
    expect(await answers).toMatchObject([{ ok: 1 }, { ok: 1 }])
    expect(await two!.run(commit)).toMatchObject({ ok: 1 })
    one!.end()
    two!.end()
    owner.close()
  })

  it('is no answer to a commit that the log has lost', async () => {
    const [one] = await connectTwice()
    const increment = { update: 'items', updates: [{ q: { _id: 1 }, u: { $inc: { n: 1 } } }] }
    await one!.run({ ...increment, ...inTransaction(10), $db: 'bank', startTransaction: true })
    const { database } = server.test
    const whenDurable = database.whenDurable.bind(database)
    const waiting: ((error?: PolylogError) => void)[] = []
    database.whenDurable = (sequence, level, run) => {
      waiting.push(run)
      whenDurable(sequence, level, () => undefined)
    }
    void one!.run({ commitTransaction: 1, ...inTransaction(10) }).catch(() => undefined)
    while (waiting.length < 2) await new Promise((resolve) => setImmediate(resolve))
    database.whenDurable = whenDurable
    for (const run of waiting) run(new PolylogError('outcome_unknown', 'the log failed'))
    const [again] = await connectTwice()
    const told = await again!.run({ commitTransaction: 1, ...inTransaction(10) })
    expect(told).toMatchObject({ ok: 0 })
    again!.end()
  })

  it('leaves the next transaction alone, which has aborted the one before', async () => {
    const owner = server.test.sessions.openSession({ user: 'owner', door: 'test' })
    owner.begin()
    const [one, two] = await connectTwice()
    await one!.run({ polylogJoin: owner.token(), ...inTransaction(12), startTransaction: true })
    const first = one!.run({ commitTransaction: 1, ...inTransaction(12) })
    await items.findOne({ _id: 1 })
    const increment = { update: 'items', updates: [{ q: { _id: 1 }, u: { $inc: { n: 1 } } }] }
    const next = { ...inTransaction(13), $db: 'bank' }
    expect(await two!.run({ ...increment, ...next, startTransaction: true })).toMatchObject({ ok: 1 })
    expect(await first).toMatchObject({ ok: 0, code: 251 })
    expect(await two!.run({ commitTransaction: 1, ...inTransaction(13) })).toMatchObject({ ok: 1 })
    expect(await items.findOne({ _id: 1 })).toEqual({ _id: 1, n: 11 })
    one!.end()
    two!.end()
    owner.close()
  })
})

describe('a shared transaction', () => {
  it('is joined by token and decided by the party that began it', async () => {
    const owner = server.test.sessions.openSession({ user: 'owner', door: 'test' })
    owner.begin()
    const session = await begin()
    const database = client.db('bank')
    await database.command({ polylogJoin: owner.token() }, { session })
    await items.insertOne({ _id: 7, n: 7 }, { session })
    const committed = session.commitTransaction()
    expect(await items.findOne({ _id: 7 })).toBeNull()
    await owner.commit()
    await committed
    expect(await items.findOne({ _id: 7 })).toEqual({ _id: 7, n: 7 })
    await session.endSession()
    owner.close()
  })

  it('reports an abort by others truthfully and without labels', async () => {
    const owner = server.test.sessions.openSession({ user: 'owner', door: 'test' })
    owner.begin()
    const session = await begin()
    const database = client.db('bank')
    await database.command({ polylogJoin: owner.token() }, { session })
    await items.insertOne({ _id: 8, n: 8 }, { session })
    await owner.rollback()
    const error = await failure(items.findOne({ _id: 1 }, { session }))
    expect([error.code, error.errorLabels]).toEqual([251, []])
    const end = await failure(session.commitTransaction())
    expect([end.code, end.errorLabels]).toEqual([251, []])
    expect(await items.findOne({ _id: 8 })).toBeNull()
    await session.endSession()
    owner.close()
  })

  it('tells of a commit after the decision, also behind a command that came too late', async () => {
    const owner = server.test.sessions.openSession({ user: 'owner', door: 'test' })
    owner.begin()
    const session = await begin()
    await client.db('bank').command({ polylogJoin: owner.token() }, { session })
    await items.insertOne({ _id: 9, n: 9 }, { session })
    await owner.commit()
    expect((await failure(items.findOne({ _id: 1 }, { session }))).code).toBe(251)
    await session.commitTransaction()
    expect(await items.findOne({ _id: 9 })).toEqual({ _id: 9, n: 9 })
    await session.endSession()
    owner.close()
  })

  it('aborts as a whole with an error of a joined party', async () => {
    const owner = server.test.sessions.openSession({ user: 'owner', door: 'test' })
    owner.begin()
    const session = await begin()
    await client.db('bank').command({ polylogJoin: owner.token() }, { session })
    const error = await failure(items.insertOne({ _id: 1, n: 1 }, { session }))
    expect([error.code, error.errorLabels]).toEqual([11_000, []])
    expect(await owner.commit()).toBe('aborted')
    await session.abortTransaction()
    await session.endSession()
    owner.close()
  })

  it('is begun here, and its token joined elsewhere', async () => {
    const session = await begin()
    const { token } = await client.db('bank').command({ polylogBegin: 1 }, { session })
    const other = server.test.sessions.openSession({ user: 'other', door: 'test' })
    other.join(token as string)
    await items.insertOne({ _id: 10, n: 1 }, { session })
    await session.commitTransaction()
    expect(await other.commit()).toBe('committed')
    expect(await items.findOne({ _id: 10 })).not.toBeNull()
    await session.endSession()
    other.close()
  })

  it('refuses a token that names none', async () => {
    const session = await begin()
    const error = await failure(client.db('bank').command({ polylogJoin: 'f'.repeat(32) }, { session }))
    expect(error.code).toBe(251)
    await session.endSession()
  })
})
