/** Reads at a time of the past, by the unmodified driver: facts from the manual of MongoDB 7.0. */
import { type Document, MongoClient, type MongoServerError, ReadConcern, Timestamp } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { createRealHost } from '../../host/real/real-host.ts'
import { openTestDriver, openTestMongodb } from './testing.ts'

const { server, client } = await openTestDriver()
const database = client.db('past')
type Item = Document & { _id: number }

const at = (atClusterTime: unknown): Document => ({ readConcern: { level: 'snapshot', atClusterTime } })

async function failureOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => 'done',
    (error: unknown) => ({ code: (error as MongoServerError).code, message: (error as Error).message }),
  )
}

/** The time that the answer to a write tells. */
async function insert(name: string, ...documents: Item[]): Promise<Timestamp> {
  return (await database.command({ insert: name, documents }))['operationTime'] as Timestamp
}

describe('a snapshot session', () => {
  it('sees one state by find, aggregate, distinct and what the driver makes of them', async () => {
    const items = database.collection<Item>('session')
    await items.insertMany([1, 2, 3].map((n) => ({ _id: n, n })))
    const session = client.startSession({ snapshot: true })
    expect(await items.countDocuments({}, { session })).toBe(3)
    const { snapshotTime } = session as unknown as { snapshotTime: Timestamp }
    expect(snapshotTime).toBeInstanceOf(Timestamp)
    await items.insertOne({ _id: 4, n: 4 })
    await items.deleteOne({ _id: 1 })
    await items.createIndex({ n: 1 })
    expect(await items.find({ n: { $gt: 0 } }, { session }).toArray()).toEqual([1, 2, 3].map((n) => ({ _id: n, n })))
    expect(await items.distinct('n', {}, { session })).toEqual([1, 2, 3])
    const sum = await items.aggregate([{ $group: { _id: null, sum: { $sum: '$n' } } }], { session }).toArray()
    expect(sum).toEqual([{ _id: null, sum: 6 }])
    expect((session as unknown as { snapshotTime: Timestamp }).snapshotTime).toEqual(snapshotTime)
    await session.endSession()
    const later = client.startSession({ snapshot: true })
    expect(await items.distinct('n', {}, { session: later })).toEqual([2, 3, 4])
    await later.endSession()
    expect(await items.countDocuments()).toBe(3)
  })

  it('sees what was committed before it, and nothing of what comes in the same millisecond', async () => {
    const items = database.collection<Item>('now')
    await items.insertOne({ _id: 1, n: 0 })
    for (let n = 1; n <= 60; n++) {
      await items.updateOne({ _id: 1 }, { $set: { n } })
      const session = client.startSession({ snapshot: true })
      const reads = items.findOne({ _id: 1 }, { session })
      const [first] = await Promise.all([reads, items.updateOne({ _id: 1 }, { $inc: { n: 0.5 } })])
      const [seen, again] = [first!['n'] as number, await items.findOne({ _id: 1 }, { session })]
      expect([n, n + 0.5]).toContain(seen)
      expect(again!['n']).toBe(seen)
      await session.endSession()
    }
  })

  it('goes on with its cursors, from any connection, until they end', async () => {
    const items = database.collection<Item>('cursors')
    await items.insertMany(Array.from({ length: 50 }, (_, n) => ({ _id: n })))
    const session = client.startSession({ snapshot: true })
    const before = [...server.test.sessions.all()].length
    const cursor = items.find({}, { session, batchSize: 10 }).sort({ _id: 1 })
    expect(await cursor.next()).toEqual({ _id: 0 })
    expect([...server.test.sessions.all()].length).toBe(before + 1)
    await items.drop()
    const rest = await cursor.toArray()
    expect(rest.length).toBe(49)
    expect([...server.test.sessions.all()].length).toBe(before)
    const killed = items.find({}, { session, batchSize: 10 })
    await killed.next()
    await killed.close()
    expect([...server.test.sessions.all()].length).toBe(before)
    const reply = await database.command({ find: 'cursors', batchSize: 2, readConcern: { level: 'snapshot' } })
    expect(reply['cursor']).toMatchObject({ firstBatch: [], atClusterTime: expect.any(Timestamp) })
    await session.endSession()
  })
})

describe('atClusterTime', () => {
  it('is the time that the answer to a write, or an event, has told', async () => {
    // A clock that moves whenever somebody looks: what goes to the log goes there later than its answer was written.
    const host = createRealHost()
    let nowMs = Date.now()
    host.now = () => nowMs++
    const own = await openTestMongodb({}, { host })
    const told = new MongoClient(own.url)
    const shop = told.db('shop')
    const stream = shop.collection('orders').watch([], { maxAwaitTimeMS: 50 })
    await (stream as unknown as { cursor: { cursorInit(): Promise<void> } }).cursor.cursorInit()
    const times: Timestamp[] = []
    for (let n = 1; n <= 20; n++) {
      if (n % 2 === 1) {
        const reply = await shop.command({ insert: 'orders', documents: [{ _id: n }] })
        times.push(reply['operationTime'] as Timestamp)
        continue
      }
      const session = told.startSession()
      await session.withTransaction(() => shop.collection<Item>('orders').insertOne({ _id: n }, { session }))
      times.push(session.operationTime!)
      await session.endSession()
    }
    for (const [i, time] of times.entries()) {
      const reply = await shop.command({ find: 'orders', ...at(time) })
      expect((reply['cursor'] as { firstBatch: unknown[] }).firstBatch).toHaveLength(i + 1)
      const event = await stream.next()
      expect((event as unknown as { clusterTime: Timestamp }).clusterTime).toEqual(time)
    }
    await stream.close()
    // And a stream that begins then tells of that write.
    for (const n of [11, 12]) {
      const again = shop.collection('orders').watch([], { startAtOperationTime: times[n - 1]! })
      expect(await again.next()).toMatchObject({ documentKey: { _id: n } })
      await again.close()
    }
    await told.close()
    await own.close()
  })

  it('comes back in the answer, where a cursor goes on too', async () => {
    const time = await insert('answered', { _id: 1, a: 1 }, { _id: 2, a: 2 }, { _id: 3, a: 2 })
    const first = await database.command({ find: 'answered', batchSize: 2, ...at(time) })
    expect(first['cursor']).toMatchObject({ atClusterTime: time })
    await database.collection('answered').deleteMany({})
    const { id } = first['cursor'] as { id: bigint }
    const next = await database.command({ getMore: id, collection: 'answered' })
    expect(next['cursor']).toMatchObject({ atClusterTime: time, nextBatch: [{ _id: 3, a: 2 }] })
    expect(await database.command({ distinct: 'answered', key: 'a', ...at(time) })).toMatchObject({
      values: [1, 2],
      atClusterTime: time,
    })
  })

  it('begins a transaction, which only reads', async () => {
    const time = await insert('transactions', { _id: 1 })
    const items = database.collection<Item>('transactions')
    // Once it is read at, its millisecond is over: what comes next is later.
    await database.command({ find: 'transactions', ...at(time) })
    await items.insertOne({ _id: 2 })
    const session = client.startSession({ causalConsistency: false })
    const begin = (): void => {
      // The driver has no word for it, and hands on what it is given.
      const readConcern = Object.assign(new ReadConcern('snapshot'), { atClusterTime: time })
      session.startTransaction({ readConcern })
    }
    begin()
    expect(await items.find({}, { session }).toArray()).toEqual([{ _id: 1 }])
    expect(await items.findOne({ _id: 2 }, { session })).toBeNull()
    expect(await failureOf(database.command({ find: 'transactions', ...at(time) }, { session }))).toMatchObject({
      code: 72,
      message: expect.stringContaining('Only the first command'),
    })
    await session.abortTransaction()
    begin()
    expect(await failureOf(items.insertOne({ _id: 3 }, { session }))).toMatchObject({ code: 263 })
    await session.abortTransaction()
    // Nor does it begin a database in the present.
    begin()
    expect(await failureOf(client.db('unborn').collection('c').insertOne({ a: 1 }, { session }))).toMatchObject({
      code: 263,
    })
    await session.abortTransaction()
    expect(server.test.database.catalog.namespaces.has('unborn')).toBe(false)
    session.startTransaction()
    await items.insertOne({ _id: 3 }, { session })
    await session.commitTransaction()
    await session.endSession()
    expect(await items.countDocuments()).toBe(3)
  })

  it('is refused where it lies ahead, is no time, or another level is asked for', async () => {
    await insert('refused', { _id: 1 })
    const ahead = new Timestamp({ t: Math.floor(Date.now() / 1000) + 100, i: 1 })
    const find = (readConcern: Document): Promise<unknown> =>
      failureOf(database.command({ find: 'refused', readConcern }))
    const level = 'snapshot'
    expect(await find({ level, atClusterTime: ahead })).toMatchObject({
      code: 72,
      message: expect.stringContaining('must not be greater'),
    })
    expect(await find({ level, atClusterTime: new Timestamp({ t: 0, i: 0 }) })).toMatchObject({ code: 72 })
    expect(await find({ level, atClusterTime: 5 })).toMatchObject({ code: 14 })
    expect(await find({ atClusterTime: ahead })).toMatchObject({ code: 72 })
    expect(await find({ level: 'majority', atClusterTime: ahead })).toMatchObject({ code: 72 })
    expect(await find({ level, atClusterTime: ahead, afterClusterTime: ahead })).toMatchObject({ code: 72 })
    expect(await find({ level: 'recent' })).toMatchObject({ code: 9 })
  })

  it('is refused where that state is not kept any more', async () => {
    const own = await openTestMongodb()
    const short = new MongoClient(own.url)
    const items = short.db('past').collection<Item>('short')
    const { operationTime } = await short.db('past').command({ insert: 'short', documents: [{ _id: 1 }] })
    // What is read at is over: the next insertion is of a later millisecond.
    await short.db('past').command({ find: 'short', ...at(operationTime) })
    await items.insertOne({ _id: 2 })
    const { database: kernel } = own.test
    await kernel.log.trim(kernel.newestSequence)
    const find = (time: unknown): Promise<unknown> =>
      failureOf(short.db('past').command({ find: 'short', ...at(time) }))
    expect(await find(operationTime)).toMatchObject({ code: 239, message: expect.stringContaining('older') })
    expect(await find(new Timestamp({ t: 4, i: 1 }))).toMatchObject({ code: 239 })
    const session = short.startSession({ snapshot: true })
    expect(await items.find({}, { session }).toArray()).toHaveLength(2)
    await session.endSession()
    await short.close()
    await own.close()
  })

  it('is refused by what writes, tells of the present, or waits', async () => {
    const readConcern = { level: 'snapshot' }
    await insert('writes', { _id: 1 })
    const cursor = {}
    for (const command of [
      { insert: 'writes', documents: [{ _id: 2 }] },
      { update: 'writes', updates: [{ q: {}, u: { $set: { a: 1 } } }] },
      { delete: 'writes', deletes: [{ q: {}, limit: 0 }] },
      { findAndModify: 'writes', query: {}, remove: true },
      { count: 'writes' },
      { listCollections: 1 },
      { aggregate: 'writes', pipeline: [{ $out: 'copy' }], cursor },
      { aggregate: 'writes', pipeline: [{ $merge: 'copy' }], cursor },
      { aggregate: 'writes', pipeline: [{ $changeStream: {} }], cursor },
      { find: 'writes', tailable: true },
    ]) {
      expect(await failureOf(database.command({ ...command, readConcern })), JSON.stringify(command)).toMatchObject({
        code: 72,
      })
    }
    expect(await database.collection<Item>('writes').find().toArray()).toEqual([{ _id: 1 }])
  })
})
