/** Collations in every command that takes one, of collections, indexes and views: facts from the manual. */
import fc from 'fast-check'
import { type CollationOptions, type Collection, type Document, MongoServerError } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { reclaimDocuments } from '../../language/mql/expiry.ts'
import { openTestDriver } from './testing.ts'

const { client, server } = await openTestDriver()
const database = client.db('collations')

type Item = Document & { _id: number | string }

const blind: CollationOptions = { locale: 'en', strength: 2 }
const letters: CollationOptions = { locale: 'fr', strength: 1 }

async function codeOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => 'done',
    (error: unknown) => (error instanceof MongoServerError ? error.code : error),
  )
}

async function filled(name: string, texts: readonly unknown[]): Promise<Collection<Item>> {
  const collection = database.collection<Item>(name)
  await collection.insertMany(texts.map((t, i) => ({ _id: i, t })))
  return collection
}

async function planOf(collection: Collection<Item>, filter: Document, options: Document = {}): Promise<string> {
  const { queryPlanner } = await collection.find(filter, options).explain('queryPlanner')
  const plan = queryPlanner.winningPlan
  return plan.inputStage?.indexName ?? plan.stage
}

const ids = (documents: readonly Item[]): unknown[] => documents.map(({ _id }) => _id)

describe('a collation', () => {
  it('goes with what another thread evaluates', async () => {
    const c = database.collection<Item>('long')
    const many = Array.from({ length: 40_000 }, (_, i) => `text ${i}`)
    await c.insertOne({ _id: 1, t: [...many, 'NEEDLE'] })
    expect(await c.countDocuments({ t: 'needle' }, { collation: blind })).toBe(1)
    expect(await c.countDocuments({ t: 'needle' })).toBe(0)
    const update = { $set: { 't.$[one]': 'found' } } as Document
    await c.updateOne({ _id: 1 }, update, { arrayFilters: [{ one: 'needle' }], collation: blind })
    expect(await c.countDocuments({ t: 'found' })).toBe(1)
  })

  it('is asked in filters of every kind, but of regular expressions', async () => {
    const c = await filled('filters', ['cafe', 'Café', 'CAFE', 'cake', 5, ['x', 'CAFÉ'], { n: 'cafe' }])
    const found = async (filter: Document, collation: CollationOptions): Promise<unknown[]> =>
      ids(await c.find(filter, { collation, sort: { _id: 1 } }).toArray())
    expect(await found({ t: 'cafe' }, letters)).toEqual([0, 1, 2, 5])
    expect(await found({ t: 'cafe' }, blind)).toEqual([0, 2])
    expect(await found({ t: 'cafe' }, { locale: 'en', strength: 1, caseLevel: true })).toEqual([0])
    expect(await found({ t: 'cafe' }, { locale: 'simple' })).toEqual([0])
    expect(await found({ t: { $in: ['CAKE', 'a', 'b', 'c', 'd', 'CAFE'] } }, blind)).toEqual([0, 2, 3])
    expect(await found({ t: { $ne: 'CAFE' } }, letters)).toEqual([3, 4, 6])
    expect(await found({ t: { $gt: 'CAFE', $lt: 'CAKE' } }, blind)).toEqual([1, 5])
    expect(await found({ t: { $elemMatch: { $eq: 'cafe' } } }, letters)).toEqual([5])
    expect(await found({ t: { $all: ['X', 'cafe'] } }, letters)).toEqual([5])
    expect(await found({ t: { n: 'CAFE' } }, blind)).toEqual([6])
    expect(await found({ 't.n': 'CAFE' }, blind)).toEqual([6])
    expect(await found({ $expr: { $eq: ['$t', 'CAFE'] } }, blind)).toEqual([0, 2])
    expect(await found({ t: /^cafe/ }, blind)).toEqual([0])
    expect(await found({ t: { $in: [/^cafe/, 'cake'] } }, blind)).toEqual([0, 3])
  })

  it('sorts, also what has a limit and what an index cannot sort', async () => {
    const c = await filled('sorts', ['b', 'A', 'a', 'B', 'ä', 'item10', 'item2'])
    await c.createIndex({ t: 1 })
    const sorted = async (collation?: CollationOptions): Promise<unknown[]> =>
      (await c.find({}, { sort: { t: 1 }, ...(collation && { collation }) }).toArray()).map(({ t }) => t)
    expect(await sorted()).toEqual(['A', 'B', 'a', 'b', 'item10', 'item2', 'ä'])
    expect(await sorted({ locale: 'en' })).toEqual(['a', 'A', 'ä', 'b', 'B', 'item10', 'item2'])
    expect(await sorted({ locale: 'en', caseFirst: 'upper', numericOrdering: true })).toEqual([
      'A',
      'a',
      'ä',
      'B',
      'b',
      'item2',
      'item10',
    ])
    expect(await sorted({ locale: 'sv' })).toEqual(['a', 'A', 'b', 'B', 'item10', 'item2', 'ä'])
    const first = await c.find({}, { sort: { t: -1 }, limit: 1, collation: { locale: 'sv' } }).toArray()
    expect(first[0]!['t']).toBe('ä')
    const cursor = c.find({}, { sort: { t: 1 }, batchSize: 2, collation: { locale: 'en' } })
    expect((await cursor.toArray()).map(({ t }) => t)).toEqual(['a', 'A', 'ä', 'b', 'B', 'item10', 'item2'])
  })

  it('goes on through the batches of a cursor', async () => {
    const c = await filled('batches', ['x', 'X', 'y', 'x', 'X'])
    const cursor = c.find({ t: 'X' }, { batchSize: 1, collation: blind })
    expect(ids(await cursor.toArray())).toEqual([0, 1, 3, 4])
  })

  it('is of a whole pipeline', async () => {
    const c = await filled('pipelines', ['a', 'A', 'b', 'B', 'á'])
    await database.collection<Item>('others').insertMany([
      { _id: 1, k: 'A', v: 1 },
      { _id: 2, k: 'b', v: 2 },
    ])
    const run = async (pipeline: Document[], collation: CollationOptions = blind): Promise<Document[]> =>
      c.aggregate(pipeline, { collation }).toArray()
    expect(await run([{ $group: { _id: '$t', n: { $sum: 1 } } }, { $sort: { _id: 1 } }])).toEqual([
      { _id: 'a', n: 2 },
      { _id: 'á', n: 1 },
      { _id: 'b', n: 2 },
    ])
    expect(await run([{ $group: { _id: null, s: { $addToSet: '$t' }, m: { $max: '$t' } } }], letters)).toEqual([
      { _id: null, s: ['a', 'b'], m: 'b' },
    ])
    expect(
      await run([{ $match: { _id: 0 } }, { $project: { x: { $cmp: ['$t', 'A'] }, y: { $in: ['A', ['$t']] } } }]),
    ).toEqual([{ _id: 0, x: 0, y: true }])
    expect(
      await run([
        { $match: { _id: 0 } },
        { $project: { x: { $setUnion: [['a', 'A', 'b']] }, s: { $strcasecmp: ['$t', 'A'] } } },
      ]),
    ).toEqual([{ _id: 0, x: ['a', 'b'], s: 0 }])
    expect(await run([{ $sortByCount: '$t' }, { $limit: 1 }, { $project: { count: 1, _id: 0 } }], letters)).toEqual([
      { count: 3 },
    ])
    const looked = [{ $lookup: { from: 'others', localField: 't', foreignField: 'k', as: 'o' } }, { $sort: { _id: 1 } }]
    expect((await run(looked)).map(({ o }) => (o as Item[]).map(({ v }) => v as unknown))).toEqual([
      [1],
      [1],
      [2],
      [2],
      [],
    ])
    const piped = [
      {
        $lookup: {
          from: 'others',
          let: { t: '$t' },
          pipeline: [{ $match: { $expr: { $eq: ['$k', '$$t'] } } }],
          as: 'o',
        },
      },
      { $sort: { _id: 1 } },
    ]
    expect((await run(piped)).map(({ o }) => (o as Item[]).map(({ v }) => v as unknown))).toEqual([
      [1],
      [1],
      [2],
      [2],
      [],
    ])
    expect(await run([{ $facet: { all: [{ $match: { t: 'B' } }, { $count: 'n' }] } }])).toEqual([{ all: [{ n: 2 }] }])
    const window = { partitionBy: '$t', sortBy: { _id: 1 }, output: { n: { $documentNumber: {} } } }
    expect((await run([{ $setWindowFields: window }, { $sort: { _id: 1 } }])).map(({ n }) => n as number)).toEqual([
      1, 2, 1, 2, 1,
    ])
  })

  it('is of writes', async () => {
    const c = await filled('writes', ['a', 'A', 'b', 'B', ['x', 'X', 'y']])
    const collation = blind
    expect((await c.updateMany({ t: 'A' }, { $set: { u: 1 } }, { collation })).modifiedCount).toBe(2)
    expect((await c.updateOne({ t: 'X' }, { $pull: { t: 'x' } as Document }, { collation })).modifiedCount).toBe(1)
    expect((await c.findOne({ _id: 4 }))!['t']).toEqual(['y'])
    await c.updateOne({ _id: 4 }, { $addToSet: { t: 'Y' } }, { collation })
    expect((await c.findOne({ _id: 4 }))!['t']).toEqual(['y'])
    await c.updateOne(
      { _id: 4 },
      { $set: { 't.$[one]': 'z' } },
      {
        collation,
        arrayFilters: [{ one: 'Y' }],
      },
    )
    expect((await c.findOne({ _id: 4 }))!['t']).toEqual(['z'])
    await c.updateOne({ _id: 2 }, { $max: { t: 'B' } }, { collation })
    expect((await c.findOne({ _id: 2 }))!['t']).toBe('b')
    await c.updateOne({ _id: 2 }, { $set: { t: 'B' } }, { collation })
    expect((await c.findOne({ _id: 2 }))!['t']).toBe('B')
    expect(await c.findOneAndUpdate({ t: 'b' }, { $set: { u: 2 } }, { collation, sort: { _id: -1 } })).toMatchObject({
      _id: 3,
    })
    expect(await c.findOneAndDelete({ t: 'b' }, { collation, sort: { _id: 1 } })).toMatchObject({ _id: 2 })
    expect((await c.deleteMany({ t: 'A' }, { collation })).deletedCount).toBe(2)
    expect((await c.updateOne({ t: 'NEW' }, { $set: { v: 1 } }, { collation, upsert: true })).upsertedCount).toBe(1)
    expect((await c.updateOne({ t: 'new' }, { $set: { v: 1 } }, { collation, upsert: true })).upsertedCount).toBe(0)
    expect(await c.countDocuments({ t: 'new' }, { collation })).toBe(1)
    expect(await codeOf(c.replaceOne({ _id: 3 }, { _id: 4, t: 1 }, { collation }))).toBe(66)
    const bulk = await c.bulkWrite([
      { updateOne: { filter: { t: 'new' }, update: { $set: { w: 1 } }, collation } },
      { deleteOne: { filter: { t: 'new' } } },
      { deleteOne: { filter: { t: 'new' }, collation } },
    ])
    expect([bulk.modifiedCount, bulk.deletedCount]).toEqual([1, 1])
  })

  it('is of distinct and count', async () => {
    const c = await filled('distinct', ['a', 'A', 'b', 'á', 'B'])
    expect(await c.distinct('t', {}, { collation: blind })).toEqual(['a', 'á', 'b'])
    expect(await c.distinct('t', {}, { collation: letters })).toEqual(['a', 'b'])
    expect(await database.command({ count: 'distinct', query: { t: 'b' }, collation: blind })).toMatchObject({ n: 2 })
  })

  it('refuses what is none, by name', async () => {
    const c = database.collection('none')
    const find = async (collation: Document): Promise<unknown> =>
      codeOf(c.find({}, { collation: collation as CollationOptions }).toArray())
    expect(await find({ locale: 'xx' })).toBe(2)
    expect(await find({ locale: '__proto__' })).toBe(2)
    expect(await find({ locale: 'en', strength: 6 })).toBe(2)
    expect(await find({ locale: 'en', alternate: 'other' })).toBe(2)
    expect(await find({ locale: 'en', backwards: true, strength: 1 })).toBe(2)
    expect(await find({ locale: 'en', caseFirst: 'upper', strength: 2 })).toBe(2)
    expect(await find({ locale: 'simple', strength: 2 })).toBe(2)
    expect(await find({ locale: 'en', other: 1 })).toBe(40_415)
    expect(await find({ strength: 1 })).toBe(40_414)
    expect(await find({ locale: 5 })).toBe(14)
    expect(await find({ locale: 'en', version: '1' })).toBe(161)
    expect(await find({ locale: 'en', version: '57.1' })).toBe('done')
  })
})

describe('an index', () => {
  it('is used by queries of its collation alone, unless they look for no texts', async () => {
    const c = await filled('indexed', ['a', 'A', 'b', 1, 2, 'á'])
    await c.createIndex({ t: 1 }, { name: 'blind', collation: blind })
    expect(await planOf(c, { t: 'a' }, { collation: blind })).toBe('blind')
    expect(await planOf(c, { t: 'a' })).toBe('COLLSCAN')
    expect(await planOf(c, { t: 'a' }, { collation: letters })).toBe('COLLSCAN')
    expect(await planOf(c, { t: 1 })).toBe('blind')
    expect(await planOf(c, {}, { sort: { t: 1 }, collation: blind })).toBe('blind')
    expect(await planOf(c, {}, { sort: { t: 1 } })).not.toBe('blind')
    expect(ids(await c.find({ t: 'a' }, { collation: blind }).toArray())).toEqual([0, 1])
    expect(ids(await c.find({ t: 'a' }, { hint: 'blind' }).toArray())).toEqual([0])
    expect(ids(await c.find({ t: { $gte: 'a' } }, { collation: blind, sort: { t: 1, _id: 1 } }).toArray())).toEqual([
      0, 1, 5, 2,
    ])
    expect(ids(await c.find({}, { hint: 'blind', sort: { t: -1 } }).toArray())).toEqual([5, 2, 0, 1, 4, 3])
  })

  it('is unique in its order, and shown with it', async () => {
    const c = database.collection<Item>('unique')
    await c.createIndex({ t: 1 }, { unique: true, collation: { locale: 'en', strength: 2 } })
    await c.insertOne({ _id: 1, t: 'Ann' })
    expect(await codeOf(c.insertOne({ _id: 2, t: 'ANN' }))).toBe(11_000)
    await c.insertOne({ _id: 2, t: 'Änn' })
    const [, index] = await c.indexes()
    expect(index).toEqual({
      v: 2,
      key: { t: 1 },
      name: 't_1',
      unique: true,
      collation: {
        locale: 'en',
        caseLevel: false,
        caseFirst: 'off',
        strength: 2,
        numericOrdering: false,
        alternate: 'non-ignorable',
        maxVariable: 'punct',
        normalization: false,
        backwards: false,
        version: '57.1',
      },
    })
    await c.createIndex({ t: 1 }, { unique: true, collation: blind })
    expect(await codeOf(c.createIndex({ t: 1 }, { collation: letters }))).toBe(86)
    await c.createIndex({ t: 1 }, { name: 'other', collation: letters })
    expect((await c.indexes()).length).toBe(3)
  })

  it('of some documents decides by its own order which', async () => {
    const c = await filled('partial', ['a', 'A', 'b'])
    await c.createIndex({ _id: 1, t: 1 }, { name: 'some', partialFilterExpression: { t: 'A' }, collation: blind })
    expect(ids(await c.find({ _id: { $gte: 0 }, t: 'a' }, { hint: 'some', collation: blind }).toArray())).toEqual([
      0, 1,
    ])
    expect(await planOf(c, { _id: { $gte: 0 }, t: 'a' })).not.toBe('some')
  })

  it('of dates expires whatever it has of texts', async () => {
    const c = database.collection<Item>('expiring')
    await c.createIndex({ at: 1 }, { expireAfterSeconds: 1, collation: blind, partialFilterExpression: { t: 'GONE' } })
    await c.insertMany([
      { _id: 1, at: new Date(0), t: 'gone' },
      { _id: 2, at: new Date(0), t: 'here' },
      { _id: 3, at: 'never', t: 'gone' },
    ])
    const session = server.test.sessions.openSession({ user: 'polylog', door: 'mongodb' })
    const collection = session.catalog.findCollection('collations', 'expiring')!
    expect(await session.run((transaction) => reclaimDocuments(transaction, collection, 1e12, 10))).toBe(1)
    session.close()
    expect(ids(await c.find().toArray())).toEqual([2, 3])
  })

  const word = fc.array(fc.constantFrom('a', 'A', 'á', 'b', 'B', '-', ' ', '1', '10', 'ß', 'ss'), { maxLength: 3 })
  const text = word.map((parts) => parts.join(''))
  const value: fc.Arbitrary<unknown> = fc.oneof(
    text,
    text,
    fc.array(text, { maxLength: 2 }),
    fc.integer({ min: 0, max: 3 }),
    fc.constant(null),
  )
  const collation = fc.constantFrom<CollationOptions>(
    { locale: 'en' },
    { locale: 'en', strength: 1 },
    { locale: 'de@collation=phonebook', strength: 2 },
    { locale: 'en', strength: 3, alternate: 'shifted' },
    { locale: 'en', numericOrdering: true, caseFirst: 'upper' },
    { locale: 'fr_CA', strength: 5 },
  )

  it('gives what a scan gives', async () => {
    let number = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(value, { minLength: 4, maxLength: 25 }),
        collation,
        text,
        text,
        async (values, order, low, high) => {
          const c = await filled(`random${number++}`, values)
          const queries: Document[] = [
            { t: low },
            { t: { $gte: low, $lt: high } },
            { t: { $in: [low, high, 1] } },
            { t: { $ne: low } },
            { t: { $gt: low } },
          ]
          const ask = async (): Promise<unknown[]> =>
            Promise.all(
              queries.map(async (query) =>
                ids(await c.find(query, { collation: order, sort: { t: 1, _id: 1 } }).toArray()),
              ),
            )
          const scanned = await ask()
          await c.createIndex({ t: 1, _id: 1 }, { collation: order })
          expect(await ask()).toEqual(scanned)
          for (const one of await database
            .command({ validate: `random${number - 1}` })
            .then(({ errors }) => errors as unknown[]))
            expect(one).toBe('none')
          await c.drop()
        },
      ),
      { numRuns: 40 },
    )
  })
})

describe('a collection', () => {
  it('has a collation for all that asks for none', async () => {
    const c = await database.createCollection<Item>('defaults', { collation: blind })
    await c.insertMany([
      { _id: 'a', t: 'x' },
      { _id: 'B', t: 'X' },
      { _id: 'c', t: 'y' },
    ])
    expect(await codeOf(c.insertOne({ _id: 'A' }))).toBe(11_000)
    expect(ids(await c.find({ t: 'X' }).toArray())).toEqual(['a', 'B'])
    expect(ids(await c.find({ t: 'X' }, { collation: { locale: 'simple' } }).toArray())).toEqual(['B'])
    expect(await c.findOne({ _id: 'b' })).toEqual({ _id: 'B', t: 'X' })
    expect(await c.findOne({ _id: 'b' }, { collation: { locale: 'simple' } })).toBe(null)
    expect(await c.findOne({ _id: 'B' }, { collation: { locale: 'simple' } })).toEqual({ _id: 'B', t: 'X' })
    expect(ids(await c.find({ _id: { $gt: 'A' } }).toArray())).toEqual(['B', 'c'])
    expect((await c.updateOne({ _id: 'b' }, { $set: { u: 1 } })).modifiedCount).toBe(1)
    expect(await codeOf(c.updateOne({ _id: 'b' }, { $set: { _id: 'b' } }))).toBe(66)
    await c.createIndex({ t: 1 })
    expect(await planOf(c, { t: 'X' })).toBe('t_1')
    expect(await planOf(c, { t: 'X' }, { collation: { locale: 'simple' } })).toBe('COLLSCAN')
    expect((await c.indexes())[1]!['collation']).toMatchObject({ locale: 'en', strength: 2 })
    expect((await c.aggregate([{ $group: { _id: '$t' } }]).toArray()).length).toBe(2)
    expect((await c.deleteOne({ _id: 'A' })).deletedCount).toBe(1)
    expect(ids(await c.find().toArray())).toEqual(['B', 'c'])
    const [described] = await database.listCollections({ name: 'defaults' }).toArray()
    expect(described).toMatchObject({
      options: { collation: { locale: 'en', strength: 2, version: '57.1' } },
      idIndex: { collation: { locale: 'en' } },
    })
    expect(await codeOf(c.createIndex({ _id: 1 }, { collation: { locale: 'simple' } }))).toBe(2)
    await c.createIndex({ _id: 1 })
  })

  it('keeps it with its validator, for which it holds', async () => {
    const c = await database.createCollection<Item>('checked', { collation: blind, validator: { t: 'YES' } })
    await c.insertOne({ _id: 1, t: 'yes' })
    expect(await codeOf(c.insertOne({ _id: 2, t: 'no' }))).toBe(121)
    await database.command({ collMod: 'checked', validator: { t: 'NO' } })
    await c.insertOne({ _id: 2, t: 'no' })
    expect(ids(await c.find({ t: 'No' }).toArray())).toEqual([2])
  })
})

describe('a view', () => {
  it('has one collation, whatever it looks at', async () => {
    await filled('below', ['a', 'A', 'b'])
    await database.createCollection('view', { viewOn: 'below', pipeline: [{ $match: { t: 'a' } }], collation: blind })
    await database.createCollection('simple', { viewOn: 'below', pipeline: [{ $match: { t: 'a' } }] })
    expect((await database.collection('view').find().toArray()).length).toBe(2)
    expect((await database.collection('simple').find().toArray()).length).toBe(1)
    expect((await database.collection('view').find({ t: 'A' }, { collation: blind }).toArray()).length).toBe(2)
    expect(await codeOf(database.collection('view').find({}, { collation: letters }).toArray())).toBe(167)
    expect(await codeOf(database.collection('simple').find({}, { collation: letters }).toArray())).toBe(167)
    expect(await codeOf(database.createCollection('on', { viewOn: 'view', pipeline: [] }))).toBe(167)
    const look = [{ $lookup: { from: 'view', pipeline: [], as: 'v' } }]
    expect(await codeOf(database.collection('below').aggregate(look).toArray())).toBe(167)
    expect(await codeOf(database.collection('below').aggregate(look, { collation: blind }).toArray())).toBe('done')
    const [described] = await database.listCollections({ name: 'view' }).toArray()
    expect(described).toMatchObject({ options: { viewOn: 'below', collation: { locale: 'en' } } })
  })
})
