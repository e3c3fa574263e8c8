/** Capped collections, cursors that follow them, clustered collections: facts from the manual of MongoDB 7.0. */
import { type Collection, type Document, MongoServerError } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { openTestDriver } from './testing.ts'

const { client, server } = await openTestDriver()
const database = client.db('capped')
type Item = Document & { _id: number }

async function codeOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => 'done',
    (error: unknown) => (error instanceof MongoServerError ? error.code : error),
  )
}

async function idsOf(collection: Collection<Item>, options: Document = {}): Promise<number[]> {
  return (await collection.find({}, options).toArray()).map(({ _id }) => _id)
}

/** Everything derived is recomputed. */
async function expectValid(collection: Collection<Item>): Promise<void> {
  expect(await database.command({ validate: collection.collectionName })).toMatchObject({ valid: true, errors: [] })
}

const made = async (name: string, options: Document): Promise<Collection<Item>> =>
  database.createCollection<Item>(name, { capped: true, ...options })

describe('a capped collection', () => {
  it('has its documents in the order of their insertion, and as many as it may', async () => {
    const log = await made('log', { size: 4096, max: 3 })
    await log.createIndex({ n: 1 })
    for (const _id of [5, 3, 9, 1]) await log.insertOne({ _id, n: _id })
    await log.insertMany([7, 2].map((_id) => ({ _id, n: _id })))
    expect(await idsOf(log)).toEqual([1, 7, 2])
    expect(await idsOf(log, { sort: { $natural: -1 } })).toEqual([2, 7, 1])
    expect(await idsOf(log, { sort: { _id: 1 } })).toEqual([1, 2, 7])
    expect(await idsOf(log, { hint: { n: 1 } })).toEqual([1, 2, 7])
    expect((await log.find({}, { batchSize: 1 }).toArray()).map(({ _id }) => _id)).toEqual([1, 7, 2])
    await expectValid(log)
    expect(await database.command({ collStats: 'log' })).toMatchObject({
      capped: true,
      max: 3,
      maxSize: 4096,
      count: 3,
    })
    const [described] = await database.listCollections({ name: 'log' }).toArray()
    expect(described).toMatchObject({ options: { capped: true, size: 4096, max: 3 } })
  })

  it('holds as many bytes as it may', async () => {
    const bytes = await made('bytes', { size: 5000 })
    const text = 'x'.repeat(1000)
    for (let _id = 1; _id <= 9; _id++) await bytes.insertOne({ _id: -_id, text })
    // Rounded to 5,120 bytes; a document has 1,028.
    expect(await idsOf(bytes)).toEqual([-6, -7, -8, -9])
    expect(await codeOf(bytes.insertOne({ _id: 1, text: 'x'.repeat(6000) }))).toBe(2)
    // A large one makes room in turns.
    const large = await made('large', { size: 1_000_000 })
    await large.insertMany(Array.from({ length: 900 }, (_, i) => ({ _id: -i, text })))
    await large.insertOne({ _id: 1, text: 'y'.repeat(900_000) })
    expect((await idsOf(large)).length).toBeLessThan(100)
    expect((await idsOf(large)).at(-1)).toBe(1)
    for (const one of [bytes, large]) await expectValid(one)
  })

  it('keeps places over updates, and lets documents go', async () => {
    const kept = await made('kept', { size: 4096 })
    await kept.insertMany([3, 1, 2].map((_id) => ({ _id, text: 'a' })))
    await kept.updateOne({ _id: 1 }, { $set: { text: 'longer than before' } })
    await kept.replaceOne({ _id: 3 }, { other: true })
    expect(await idsOf(kept)).toEqual([3, 1, 2])
    await kept.deleteOne({ _id: 1 })
    expect(await idsOf(kept)).toEqual([3, 2])
    expect(await codeOf(kept.insertOne({ _id: 2 }))).toBe(11_000)
    await kept.insertOne({ _id: 0 })
    expect(await idsOf(kept)).toEqual([3, 2, 0])
    await expectValid(kept)
    const session = client.startSession()
    session.startTransaction()
    expect(await codeOf(kept.insertOne({ _id: 8 }, { session }))).toBe(263)
    await session.abortTransaction()
    await session.endSession()
    expect(await codeOf(kept.aggregate([{ $out: 'log' }]).toArray())).toBe(17_152)
  })

  it.each<readonly [Document, unknown]>([
    [{ capped: true }, 72],
    [{ size: 5000 }, 72],
    [{ max: 5 }, 72],
    [{ capped: true, size: 0 }, 2],
    [{ capped: true, size: 5000, clusteredIndex: { key: { _id: 1 }, unique: true } }, 72],
    [{ clusteredIndex: { key: { a: 1 }, unique: true } }, 72],
    [{ clusteredIndex: { key: { _id: 1 } } }, 5_979_700],
  ])('is not made with %j', async (options, code) => {
    expect(await codeOf(database.command({ create: 'refused', ...options }))).toBe(code)
  })

  it('is empty after TRUNCATE, and begins anew', async () => {
    const emptied = await made('emptied', { size: 4096, max: 2 })
    await emptied.insertMany([{ _id: 1 }, { _id: 2 }])
    await server.test.sessions.openSession({ user: 'polylog', door: 'mongodb' }).run((transaction) => {
      transaction.clearCollection(transaction.catalog.findCollection('capped', 'emptied')!)
    })
    await emptied.insertMany([{ _id: 4 }, { _id: 3 }])
    expect(await idsOf(emptied)).toEqual([4, 3])
    await expectValid(emptied)
  })

  it('is made of another one', async () => {
    const plain = database.collection<Item>('plain')
    await plain.insertMany([4, 2, 3, 1].map((_id) => ({ _id, text: 'x'.repeat(1300) })))
    await plain.createIndex({ text: 1 })
    await database.command({ convertToCapped: 'plain', size: 4096 })
    expect(await idsOf(plain)).toEqual([2, 3, 4])
    await plain.insertOne({ _id: 0, text: 'new' })
    expect((await idsOf(plain)).at(-1)).toBe(0)
    await expectValid(plain)
    expect(await codeOf(database.command({ convertToCapped: 'plain', size: 4096 }))).toBe(72)
    expect(await codeOf(database.command({ convertToCapped: 'nothing', size: 4096 }))).toBe(26)
  })
})

describe('a tailable cursor', () => {
  it('goes on behind what it has seen', async () => {
    const tailed = await made('tailed', { size: 4096 })
    await tailed.insertMany([9, 8].map((_id) => ({ _id, k: _id % 2 })))
    const command = { find: 'tailed', tailable: true, filter: { k: 1 } }
    const { cursor } = await database.command(command)
    expect(cursor.firstBatch).toMatchObject([{ _id: 9 }])
    const more = async (): Promise<Document[]> => {
      const { cursor: next } = await database.command({ getMore: cursor.id, collection: 'tailed' })
      return next.nextBatch
    }
    expect(await more()).toEqual([])
    await tailed.insertMany([6, 5].map((_id) => ({ _id, k: _id % 2 })))
    expect(await more()).toMatchObject([{ _id: 5 }])
    expect(await more()).toEqual([])
  })

  it('waits for what is inserted', async () => {
    const awaited = await made('awaited', { size: 4096 })
    await awaited.insertOne({ _id: 1 })
    const { cursor } = await database.command({ find: 'awaited', tailable: true, awaitData: true })
    const next = database.command({ getMore: cursor.id, collection: 'awaited', maxTimeMS: 30_000 })
    await awaited.insertOne({ _id: 0 })
    expect((await next)['cursor']).toMatchObject({ nextBatch: [{ _id: 0 }] })
    // Nothing comes: an answer without documents.
    const { cursor: own } = await database.command({ find: 'awaited', tailable: true, awaitData: true })
    const waited = await database.command({ getMore: own.id, collection: 'awaited', maxTimeMS: 1 })
    expect(waited['cursor']).toMatchObject({ id: own.id, nextBatch: [] })
  })

  it('ends where what it goes on behind has gone, and of an empty collection', async () => {
    const lost = await made('lost', { size: 4096, max: 2 })
    const { cursor: none } = await database.command({ find: 'lost', tailable: true })
    expect(none).toMatchObject({ firstBatch: [] })
    expect(Number(none.id)).toBe(0)
    await lost.insertOne({ _id: 1 })
    const { cursor } = await database.command({ find: 'lost', tailable: true })
    await lost.insertMany([2, 3].map((_id) => ({ _id })))
    expect(await codeOf(database.command({ getMore: cursor.id, collection: 'lost' }))).toBe(136)
  })

  it('is of capped collections, in their order', async () => {
    await database.collection<Item>('bare').insertOne({ _id: 1 })
    const tailing = (name: string, options: Document = {}): Promise<unknown> =>
      codeOf(database.command({ find: name, tailable: true, ...options }))
    expect(await tailing('bare')).toBe(2)
    expect(await tailing('log', { sort: { _id: 1 } })).toBe(2)
    expect(await tailing('log', { hint: { $natural: -1 } })).toBe(2)
    expect(await codeOf(database.command({ find: 'log', awaitData: true }))).toBe(9)
  })
})

it('a clustered collection tells that it is', async () => {
  await database.createCollection('clustered', { clusteredIndex: { key: { _id: 1 }, unique: true, name: 'mine' } })
  const [described] = await database.listCollections({ name: 'clustered' }).toArray()
  expect(described).toMatchObject({
    options: { clusteredIndex: { v: 2, key: { _id: 1 }, name: 'mine', unique: true } },
  })
  expect(await database.collection('clustered').indexes()).toEqual([
    { v: 2, key: { _id: 1 }, name: 'mine', unique: true, clustered: true },
  ])
})
