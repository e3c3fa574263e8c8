/** Change streams, by the unmodified driver: facts from the manual of MongoDB 7.0. */
import { type ChangeStream, type Document, MongoServerError } from 'mongodb'
import { afterAll, describe, expect, it } from 'vitest'
import { openTestDriver } from './testing.ts'

const { client } = await openTestDriver()
const database = client.db('streams')

type Item = Document & { _id: number }

const opened: ChangeStream<Document, Document>[] = []
afterAll(async () => {
  for (const stream of opened) await stream.close()
})

interface Watched {
  watch(pipeline: Document[], options: Document): ChangeStream<Document, Document>
}

/** A stream that is open: what is written from now on is told. */
async function watch(target: unknown, options: Document = {}, pipeline: Document[] = []) {
  const stream = (target as Watched).watch(pipeline, { maxAwaitTimeMS: 50, ...options })
  opened.push(stream)
  await (stream as unknown as { cursor: { cursorInit(): Promise<void> } }).cursor.cursorInit()
  return stream
}

async function next(stream: ChangeStream<Document, Document>, count: number): Promise<Document[]> {
  const events: Document[] = []
  for (let i = 0; i < count; i++) events.push(await stream.next())
  return events
}

const types = (events: readonly Document[]): unknown[] => events.map(({ operationType }) => operationType as unknown)

async function codeOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => 'done',
    (error: unknown) => (error instanceof MongoServerError ? error.code : error),
  )
}

describe('a change stream', () => {
  it('tells of each write, with what it did', async () => {
    const items = database.collection<Item>('all')
    const stream = await watch(items)
    await items.insertOne({ _id: 1, a: 1, list: [1, 2, 3], o: { x: 1, y: 2 } })
    await items.updateOne({ _id: 1 }, { $set: { 'o.x': 5, b: true }, $unset: { a: 1 }, $pop: { list: 1 } })
    await items.replaceOne({ _id: 1 }, { c: 1 })
    await items.updateOne({ _id: 2 }, { $set: { z: 1 } }, { upsert: true })
    await items.deleteMany({})
    const events = await next(stream, 6)
    expect(types(events)).toEqual(['insert', 'update', 'replace', 'insert', 'delete', 'delete'])
    const ns = { db: 'streams', coll: 'all' }
    expect(events[0]).toMatchObject({
      ns,
      documentKey: { _id: 1 },
      fullDocument: { _id: 1, a: 1, list: [1, 2, 3], o: { x: 1, y: 2 } },
    })
    expect(events[1]).toMatchObject({
      ns,
      documentKey: { _id: 1 },
      updateDescription: {
        updatedFields: { 'o.x': 5, b: true },
        removedFields: ['a'],
        truncatedArrays: [{ field: 'list', newSize: 2 }],
      },
    })
    expect(events[1]).not.toHaveProperty('fullDocument')
    expect(events[2]).toMatchObject({ fullDocument: { _id: 1, c: 1 } })
    expect(events[4]).not.toHaveProperty('fullDocument')
    const tokens = events.map(({ _id }) => (_id as { _data: string })._data)
    expect(tokens.toSorted()).toEqual(tokens)
    expect(new Set(tokens).size).toBe(6)
  })

  it('tells of a transaction once it is committed, and of none that is not', async () => {
    const items = database.collection<Item>('transactions')
    await items.insertOne({ _id: 0 })
    const stream = await watch(items)
    const session = client.startSession()
    session.startTransaction()
    await items.insertOne({ _id: 1 }, { session })
    await session.abortTransaction()
    session.startTransaction()
    await items.insertOne({ _id: 2 }, { session })
    await items.updateOne({ _id: 2 }, { $set: { a: 1 } }, { session })
    expect(await stream.tryNext()).toBeNull()
    await session.commitTransaction()
    await session.endSession()
    const [inserted, updated] = await next(stream, 2)
    // Each as it was when it happened.
    expect(inserted).toMatchObject({ operationType: 'insert', fullDocument: { _id: 2 } })
    expect(updated).toMatchObject({ operationType: 'update', updateDescription: { updatedFields: { a: 1 } } })
    expect(inserted!['fullDocument']).not.toHaveProperty('a')
  })

  it('says what the parts of a path are, where its text does not', async () => {
    const items = database.collection<Item>('unclear')
    const list = ['x', { '2': 'y' }]
    await items.insertOne({ _id: 1, a: { '1': 'x' }, list, plain: { b: 1 }, 'dotted.name': 1 })
    const stream = await watch(items, { showExpandedEvents: true })
    await items.replaceOne({ _id: 1 }, { a: 0 }).catch(() => undefined)
    await items.replaceOne({ _id: 1 }, { a: { '1': 'x' }, list, plain: { b: 1 } })
    await items.updateOne({ _id: 1 }, { $set: { 'a.1': 'z', 'list.1.2': 'z', 'list.0': 'z', 'plain.b': 2 } })
    await items.updateOne({ _id: 1 }, { $unset: { 'a.1': 1 } })
    const events = (await next(stream, 4)).filter(({ operationType }) => operationType === 'update')
    expect(events.map(({ updateDescription }) => updateDescription.disambiguatedPaths as Document)).toEqual([
      { 'a.1': ['a', '1'], 'list.1.2': ['list', 1, '2'] },
      { 'a.1': ['a', '1'] },
    ])
  })

  it('goes on behind a token, within a transaction as well', async () => {
    const items = database.collection<Item>('resumed')
    const stream = await watch(items)
    await items.insertMany([1, 2, 3, 4].map((n) => ({ _id: n })))
    await items.insertOne({ _id: 5 })
    const [, second] = await next(stream, 2)
    const again = await watch(items, { resumeAfter: second!['_id'] })
    expect((await next(again, 3)).map(({ documentKey }) => documentKey as unknown)).toEqual([
      { _id: 3 },
      { _id: 4 },
      { _id: 5 },
    ])
    // Of a batch without events the token says how far it was looked.
    const idle = await watch(items)
    await database.collection('others').insertOne({ a: 1 })
    expect(await idle.tryNext()).toBeNull()
    const last = await watch(items, { resumeAfter: idle.resumeToken })
    await items.insertOne({ _id: 6 })
    expect((await next(last, 1))[0]).toMatchObject({ documentKey: { _id: 6 } })
    expect(await codeOf(watch(items, { resumeAfter: { _data: 'nonsense' } }))).toBe(9)
  })

  it('begins at a time', async () => {
    const items = database.collection<Item>('timed')
    await items.insertOne({ _id: 1 })
    const { operationTime } = await database.command({ count: 'timed' })
    await items.insertOne({ _id: 2 })
    const stream = await watch(items, { startAtOperationTime: operationTime })
    const keys = (await next(stream, 1)).map(({ documentKey }) => documentKey as Document)
    expect(keys.at(-1)!['_id']).toBeGreaterThanOrEqual(1)
  })

  it('looks up what is there now, and keeps images where it is told to', async () => {
    const items = database.collection<Item>('images')
    await database.createCollection('images', { changeStreamPreAndPostImages: { enabled: true } })
    await items.insertOne({ _id: 1, n: 1 })
    const looking = await watch(items, { fullDocument: 'updateLookup' })
    const imaged = await watch(items, { fullDocument: 'required', fullDocumentBeforeChange: 'required' })
    await items.updateOne({ _id: 1 }, { $set: { n: 2 } })
    await items.updateOne({ _id: 1 }, { $set: { n: 3 } })
    await items.deleteOne({ _id: 1 })
    expect((await next(looking, 2)).map(({ fullDocument }) => fullDocument as unknown)).toEqual([null, null])
    const events = await next(imaged, 3)
    expect(events.map(({ fullDocument }) => fullDocument as unknown)).toEqual([
      { _id: 1, n: 2 },
      { _id: 1, n: 3 },
      undefined,
    ])
    expect(events.map(({ fullDocumentBeforeChange }) => fullDocumentBeforeChange as unknown)).toEqual([
      { _id: 1, n: 1 },
      { _id: 1, n: 2 },
      { _id: 1, n: 3 },
    ])
    const bare = database.collection<Item>('bare')
    const wanting = await watch(bare, { fullDocumentBeforeChange: 'required' })
    await bare.insertOne({ _id: 1 })
    await bare.deleteOne({ _id: 1 })
    await next(wanting, 1)
    expect(await codeOf(wanting.next())).toBe(47)
  })

  it('has images from when they are asked for until they are not', async () => {
    const items = database.collection<Item>('switched')
    await items.insertOne({ _id: 1, n: 0 })
    const [asking, needing] = [
      await watch(items, { fullDocument: 'whenAvailable', fullDocumentBeforeChange: 'whenAvailable' }),
      await watch(items, { fullDocument: 'required' }),
    ]
    const images = async (enabled: unknown): Promise<unknown> => {
      await database.command({ collMod: 'switched', changeStreamPreAndPostImages: { enabled } })
      const [found] = await database.listCollections({ name: 'switched' }).toArray()
      return (found as { options?: Document }).options
    }
    await items.updateOne({ _id: 1 }, { $inc: { n: 1 } })
    expect(await images(true)).toMatchObject({ changeStreamPreAndPostImages: { enabled: true } })
    await items.updateOne({ _id: 1 }, { $inc: { n: 1 } })
    const session = client.startSession()
    await session.withTransaction(async () => {
      await items.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session })
      await items.replaceOne({ _id: 1 }, { r: 1 }, { session })
    })
    await session.endSession()
    expect(await images(0)).toEqual({})
    await items.deleteOne({ _id: 1 })
    const told = (await next(asking, 5)).map(({ operationType, fullDocumentBeforeChange, fullDocument }) => [
      operationType as unknown,
      fullDocumentBeforeChange as unknown,
      fullDocument as unknown,
    ])
    expect(told).toEqual([
      ['update', null, null],
      ['update', { _id: 1, n: 1 }, { _id: 1, n: 2 }],
      ['update', { _id: 1, n: 2 }, { _id: 1, n: 3 }],
      ['replace', { _id: 1, n: 3 }, { _id: 1, r: 1 }],
      ['delete', null, undefined],
    ])
    expect(await codeOf(needing.next())).toBe(47)
  })

  it('has images of collections alone, by one word', async () => {
    const create = (name: string, changeStreamPreAndPostImages: unknown, more: Document = {}, db = 'streams') =>
      codeOf(client.db(db).command({ create: name, changeStreamPreAndPostImages, ...more }))
    expect(await create('wrongly', {})).toBe(40_414)
    expect(await create('wrongly', { enabled: 'yes' })).toBe(14)
    expect(await create('wrongly', { enabled: true, expireAfterSeconds: 5 })).toBe(40_415)
    expect(await create('wrongly', true)).toBe(14)
    expect(await create('wrongly', { enabled: true }, {}, 'admin')).toBe(72)
    expect(await create('looked', { enabled: true }, { viewOn: 'images', pipeline: [] })).toBe(72)
    await database.createCollection('looked', { viewOn: 'images', pipeline: [] })
    expect(await codeOf(database.command({ collMod: 'looked', validationLevel: 'off' }))).toBe(72)
    expect(
      await codeOf(database.command({ collMod: 'looked', viewOn: 'images', pipeline: [], validator: { a: 1 } })),
    ).toBe(72)
  })

  it('has stages of its own, which leave the token alone', async () => {
    const items = database.collection<Item>('staged')
    const stream = await watch(items, {}, [
      { $match: { 'fullDocument.n': { $gt: 1 } } },
      { $project: { n: '$fullDocument.n' } },
    ])
    await items.insertMany([1, 2, 3].map((n) => ({ _id: n, n })))
    expect((await next(stream, 2)).map(({ n }) => n as unknown)).toEqual([2, 3])
    const broken = await watch(items, {}, [{ $project: { _id: 0 } }])
    await items.insertOne({ _id: 4, n: 4 })
    expect(await codeOf(broken.next())).not.toBe('done')
    expect(await codeOf(watch(items, {}, [{ $sort: { a: 1 } }]))).toBe(20)
  })

  it('of a collection ends when that is dropped or renamed', async () => {
    const items = database.collection<Item>('dropped')
    await items.insertOne({ _id: 1 })
    const stream = await watch(items)
    await items.drop()
    const [dropped, invalid] = await next(stream, 2)
    expect([dropped!['operationType'], invalid!['operationType']]).toEqual(['drop', 'invalidate'])
    expect(stream.closed).toBe(true)
    expect(await codeOf(watch(items, { resumeAfter: invalid!['_id'] }))).toBe(260)
    const again = await watch(items, { startAfter: invalid!['_id'] })
    await items.insertOne({ _id: 2 })
    expect((await next(again, 1))[0]).toMatchObject({ operationType: 'insert', documentKey: { _id: 2 } })
    await items.rename('moved')
    const [renamed, ended] = await next(again, 2)
    expect(renamed).toMatchObject({ operationType: 'rename', to: { db: 'streams', coll: 'moved' } })
    expect(ended).toMatchObject({ operationType: 'invalidate' })
  })

  it('of a database or of all tells of all collections', async () => {
    const other = client.db('streams_other')
    const [ofDatabase, ofAll] = [await watch(other), await watch(client)]
    const expanded = await watch(other, { showExpandedEvents: true })
    await other.collection('a').insertOne({ n: 1 })
    await database.collection('elsewhere').insertOne({ n: 2 })
    await other.collection('b').insertOne({ n: 3 })
    const values = (events: readonly Document[]): unknown[] =>
      events.map(({ fullDocument }) => (fullDocument as Document)['n'] as unknown)
    expect(values(await next(ofDatabase, 2))).toEqual([1, 3])
    expect(values(await next(ofAll, 3))).toEqual([1, 2, 3])
    expect(types(await next(expanded, 4))).toEqual(['create', 'insert', 'create', 'insert'])
    await other.dropDatabase()
    expect(types(await next(ofDatabase, 4))).toEqual(['drop', 'drop', 'dropDatabase', 'invalidate'])
  })

  it('says which collection it was, whatever its name, to who asks for more', async () => {
    const other = client.db('streams-named')
    const items = await other.createCollection('first')
    await other.createCollection('second')
    const uuidOf = async (name: string): Promise<string> => {
      const [found] = await other.listCollections({ name }).toArray()
      return (found as { info: { uuid: { toString(): string } } }).info.uuid.toString()
    }
    const [first, second] = [await uuidOf('first'), await uuidOf('second')]
    expect(first).not.toBe(second)
    const plain = await watch(other)
    const expanded = await watch(other, { showExpandedEvents: true })
    await items.insertOne({ n: 1 })
    await items.createIndex({ n: 1 })
    await items.rename('second', { dropTarget: true })
    await other.collection('second').deleteOne({ n: 1 })
    await other.collection('second').drop()
    const events = await next(expanded, 5)
    expect(types(events)).toEqual(['insert', 'createIndexes', 'rename', 'delete', 'drop'])
    expect(events.map(({ collectionUUID }) => String(collectionUUID))).toEqual([first, first, first, first, first])
    const { to, dropTarget } = events[2]!['operationDescription'] as Document
    expect([to, String(dropTarget)]).toEqual([{ db: 'streams-named', coll: 'second' }, second])
    for (const event of await next(plain, 4)) expect(event).not.toHaveProperty('collectionUUID')
  })

  it('refuses what it cannot do', async () => {
    const items = database.collection('wrong')
    expect(await codeOf(watch(items, { fullDocument: 'sometimes' }))).toBe(2)
    expect(
      await codeOf(database.command({ aggregate: 'wrong', pipeline: [{ $changeStream: { no: 1 } }], cursor: {} })),
    ).toBe(40_415)
    const before = { _data: `${'0'.repeat(16)}${'0'.repeat(8)}00` }
    expect(await codeOf(watch(items, { resumeAfter: before }))).toBe(286)
  })

  it('says that nobody can go on behind an event without its token', async () => {
    const items = database.collection<Item>('tokenless')
    const stream = await watch(items, {}, [{ $project: { _id: 0 } }])
    await items.insertOne({ _id: 1 })
    const failed = stream.next().catch((error: unknown) => error)
    expect(await failed).toMatchObject({ code: 280, errorLabels: ['NonResumableChangeStreamError'] })
  })
})
