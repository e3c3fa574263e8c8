/** Validators, views, and indexes that have some documents, expire, or are hidden: facts from the manual. */
import { type Document, MongoServerError } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { reclaimDocuments } from '../../language/mql/expiry.ts'
import { openTestDriver } from './testing.ts'

const { client, server } = await openTestDriver()
const database = client.db('kinds')

type Item = Document & { _id: number }

async function codeOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => 'done',
    (error: unknown) => (error instanceof MongoServerError ? error.code : error),
  )
}

async function planOf(name: string, filter: Document, options: Document = {}): Promise<string> {
  const { queryPlanner } = await database.collection(name).find(filter, options).explain('queryPlanner')
  const plan = queryPlanner.winningPlan
  return plan.inputStage?.indexName ?? plan.stage
}

describe('a validator', () => {
  const schema = {
    $jsonSchema: {
      bsonType: 'object',
      required: ['name', 'year'],
      properties: {
        name: { bsonType: 'string', minLength: 2, pattern: '^[A-Z]' },
        year: { bsonType: 'int', minimum: 2000, maximum: 2100, exclusiveMaximum: true },
        tags: { bsonType: 'array', items: { enum: ['a', 'b'] }, uniqueItems: true, maxItems: 2 },
        size: { type: 'number', multipleOf: 0.5 },
        nested: { type: 'object', additionalProperties: false, patternProperties: { '^x': { type: 'boolean' } } },
      },
      dependencies: { tags: ['size'] },
      anyOf: [{ properties: { name: { enum: ['Ann', 'Bo'] } } }, { required: ['size'] }],
      not: { required: ['forbidden'] },
    },
  }

  const good = { name: 'Ann', year: 2024 }

  it.each<readonly [Document, 'done' | 121]>([
    [good, 'done'],
    [{ name: 'Ann' }, 121],
    [{ ...good, name: 'ann' }, 121],
    [{ ...good, name: 'A' }, 121],
    [{ ...good, year: 2100 }, 121],
    [{ ...good, year: 2024.5 }, 121],
    [{ ...good, tags: ['a'], size: 1.5 }, 'done'],
    [{ ...good, tags: ['a'] }, 121],
    [{ ...good, tags: ['a', 'a'], size: 1 }, 121],
    [{ ...good, tags: ['c'], size: 1 }, 121],
    [{ ...good, size: 0.7 }, 121],
    [{ ...good, nested: { x1: true } }, 'done'],
    [{ ...good, nested: { x1: 1 } }, 121],
    [{ ...good, nested: { y: true } }, 121],
    [{ ...good, name: 'Cid' }, 121],
    [{ ...good, name: 'Cid', size: 2 }, 'done'],
    [{ ...good, forbidden: null }, 121],
  ])('of a schema, %o: %s', async (document, expected) => {
    await database.createCollection('schema', { validator: schema }).catch(() => undefined)
    expect(await codeOf(database.collection('schema').insertOne({ ...document }))).toBe(expected)
  })

  it('refuses a schema that is none', async () => {
    expect(await codeOf(database.createCollection('wrong', { validator: { $jsonSchema: { nonsense: 1 } } }))).toBe(9)
    expect(await codeOf(database.createCollection('wrong', { validator: { $jsonSchema: { minimum: 'x' } } }))).toBe(14)
  })

  it('is asked of every write, by each door', async () => {
    await database.createCollection('checked', { validator: { n: { $gt: 0 } } })
    const items = database.collection<Item>('checked')
    await items.insertOne({ _id: 1, n: 1 })
    const error = await items.insertOne({ _id: 2, n: 0 }).catch((one: unknown) => one as MongoServerError)
    expect((error as MongoServerError).errInfo).toMatchObject({ failingDocumentId: 2 })
    expect(await codeOf(items.updateOne({ _id: 1 }, { $set: { n: -1 } }))).toBe(121)
    expect(await codeOf(items.findOneAndUpdate({ _id: 1 }, { $set: { n: -1 } }))).toBe(121)
    expect(await codeOf(items.insertOne({ _id: 2, n: 0 }, { bypassDocumentValidation: true }))).toBe('done')
    // Strict: what is there already and does not pass cannot be changed to what does not pass.
    expect(await codeOf(items.updateOne({ _id: 2 }, { $set: { a: 1 } }))).toBe(121)
    await database.command({ collMod: 'checked', validationLevel: 'moderate' })
    expect(await codeOf(items.updateOne({ _id: 2 }, { $set: { a: 1 } }))).toBe('done')
    await database.command({ collMod: 'checked', validationAction: 'warn' })
    expect(await codeOf(items.insertOne({ _id: 3 }))).toBe('done')
    const [listed] = await database.listCollections({ name: 'checked' }).toArray()
    expect((listed as Document)['options']).toEqual({
      validator: { n: { $gt: 0 } },
      validationLevel: 'moderate',
      validationAction: 'warn',
    })
  })
})

describe('a view', () => {
  it('shows what lies below, through its pipeline', async () => {
    const items = database.collection<Item>('below')
    await items.insertMany([1, 2, 3, 4, 5].map((n) => ({ _id: n, n, g: n % 2 })))
    await database.createCollection('odd', { viewOn: 'below', pipeline: [{ $match: { g: 1 } }] })
    await database.createCollection('sums', {
      viewOn: 'odd',
      pipeline: [{ $group: { _id: '$g', s: { $sum: '$n' } } }],
    })
    const odd = database.collection<Item>('odd')
    expect(await odd.find({ n: { $gt: 1 } }, { sort: { n: -1 }, projection: { n: 1 } }).toArray()).toEqual([
      { _id: 5, n: 5 },
      { _id: 3, n: 3 },
    ])
    expect(await odd.find().batchSize(1).toArray()).toHaveLength(3)
    expect([await odd.countDocuments(), await odd.estimatedDocumentCount(), await odd.distinct('n')]).toEqual([
      3,
      3,
      [1, 3, 5],
    ])
    expect(await database.collection('sums').find().toArray()).toEqual([{ _id: 1, s: 9 }])
    expect(await database.collection('sums').countDocuments({ s: 9 })).toBe(1)
    expect(await database.collection('sums').distinct('s')).toEqual([9])
    const joined = await items
      .aggregate([
        { $match: { _id: 3 } },
        { $lookup: { from: 'odd', localField: 'n', foreignField: 'n', as: 'f' } },
        { $project: { f: '$f.n' } },
      ])
      .toArray()
    expect(joined).toEqual([{ _id: 3, f: [3] }])
    // A point is looked up below.
    expect(await planOf('odd', { _id: 3 })).toBe('_id_')
  })

  it('takes no writes, and no indexes', async () => {
    const odd = database.collection<Item>('odd')
    expect(await codeOf(odd.insertOne({ _id: 9 }))).toBe(166)
    expect(await codeOf(odd.updateOne({}, { $set: { a: 1 } }))).toBe(166)
    expect(await codeOf(odd.deleteOne({}))).toBe(166)
    expect(await codeOf(odd.createIndex({ n: 1 }))).toBe(166)
  })

  it('is listed, changed and dropped', async () => {
    const [listed] = await database.listCollections({ name: 'odd' }).toArray()
    expect(listed).toMatchObject({
      type: 'view',
      options: { viewOn: 'below', pipeline: [{ $match: { g: 1 } }] },
      info: { readOnly: true },
    })
    await database.command({ collMod: 'odd', viewOn: 'below', pipeline: [{ $match: { g: 0 } }] })
    expect(await database.collection('odd').countDocuments()).toBe(2)
    expect(await codeOf(database.command({ collMod: 'odd', viewOn: 'sums', pipeline: [] }))).toBe(5)
    expect(await codeOf(database.createCollection('bad', { viewOn: 'below', pipeline: [{ $nope: 1 }] }))).toBe(40_324)
    await database.dropCollection('odd')
    expect(await database.collection('odd').countDocuments()).toBe(0)
  })
})

describe('an index', () => {
  it('has only documents that pass, and serves only queries that ask for those', async () => {
    const items = database.collection<Item>('partial')
    await items.insertMany([
      { _id: 1, a: 1, state: 'open' },
      { _id: 2, a: 1, state: 'done' },
      { _id: 3, a: 1, state: 'done' },
    ])
    await items.createIndex({ a: 1 }, { unique: true, partialFilterExpression: { state: 'open' }, name: 'open' })
    expect(await codeOf(items.insertOne({ _id: 4, a: 1, state: 'open' }))).toBe(11_000)
    expect(await codeOf(items.updateOne({ _id: 2 }, { $set: { state: 'open' } }))).toBe(11_000)
    expect(await codeOf(items.updateOne({ _id: 1 }, { $set: { state: 'done' } }))).toBe('done')
    expect(await codeOf(items.updateOne({ _id: 2 }, { $set: { state: 'open' } }))).toBe('done')
    expect(await planOf('partial', { a: 1, state: 'open' })).toBe('open')
    expect(await planOf('partial', { a: 1 })).toBe('COLLSCAN')
    expect(await items.countDocuments({ a: 1 })).toBe(3)
    expect(await items.find({ a: 1, state: 'open' }).toArray()).toEqual([{ _id: 2, a: 1, state: 'open' }])
    const listed = (await items.listIndexes().toArray()).find(({ name }) => name === 'open')
    expect(listed).toMatchObject({ partialFilterExpression: { state: 'open' }, unique: true })
  })

  it.each<readonly [Document, Document, boolean]>([
    [{ n: { $gt: 5 } }, { n: { $gt: 5 } }, true],
    [{ n: { $gt: 5 } }, { n: { $gte: 5 } }, false],
    [{ n: { $gte: 5 } }, { n: { $gt: 5 } }, true],
    [{ n: { $gt: 5 } }, { n: { $in: [6, 7] } }, true],
    [{ n: { $gt: 5 } }, { n: { $in: [5, 7] } }, false],
    [{ n: { $gt: 5 } }, { n: 'x' }, false],
    [{ n: { $exists: true } }, { n: 4 }, true],
    [{ n: { $exists: true } }, { n: null }, false],
    [{ n: { $type: 'string' } }, { n: 'a' }, true],
    [{ n: { $type: 'string' } }, { n: 1 }, false],
    [{ $and: [{ n: { $gt: 5 } }, { m: 1 }] }, { n: 6 }, false],
    [{ $and: [{ n: { $gt: 5 } }, { m: 1 }] }, { n: 6, m: 1 }, true],
    [{ $or: [{ n: 1 }, { n: 2 }] }, { n: 1 }, false],
  ])('of %o serves %o: %s', async (partialFilterExpression, filter, serves) => {
    const items = database.collection('served')
    await items.drop()
    await items.createIndex({ n: 1 }, { partialFilterExpression, name: 'some' })
    expect(await planOf('served', filter)).toBe(serves ? 'some' : 'COLLSCAN')
  })

  it('refuses what a partial filter may not ask', async () => {
    const items = database.collection('served')
    const make = (partialFilterExpression: Document): Promise<unknown> =>
      codeOf(items.createIndex({ z: 1 }, { partialFilterExpression }))
    expect(await make({ n: { $ne: 1 } })).toBe(67)
    expect(await make({ n: { $exists: false } })).toBe(67)
    expect(await make({ $nor: [] })).toBe(67)
  })

  it('is used by nobody while it is hidden', async () => {
    const items = database.collection<Item>('hidden')
    await items.insertOne({ _id: 1, a: 1 })
    await items.createIndex({ a: 1 }, { hidden: true, unique: true })
    expect(await planOf('hidden', { a: 1 })).toBe('COLLSCAN')
    expect(await codeOf(items.find({ a: 1 }, { hint: 'a_1' }).toArray())).toBe(2)
    expect(await codeOf(items.insertOne({ _id: 2, a: 1 }))).toBe(11_000)
    const changed = await database.command({ collMod: 'hidden', index: { name: 'a_1', hidden: false } })
    expect(changed).toMatchObject({ hidden_old: true, hidden_new: false })
    expect(await planOf('hidden', { a: 1 })).toBe('a_1')
  })

  it('that is hashed finds what is equal, and no arrays', async () => {
    const items = database.collection<Item>('hashed')
    await items.insertMany([1, 2, 3].map((n) => ({ _id: n, a: n })))
    await items.createIndex({ a: 'hashed' })
    expect(await planOf('hashed', { a: 2 })).toBe('a_hashed')
    expect(await planOf('hashed', { a: { $gt: 1 } })).toBe('COLLSCAN')
    expect(await codeOf(items.insertOne({ _id: 4, a: [1] }))).toBe(16_766)
    expect((await items.listIndexes().toArray())[1]).toMatchObject({ key: { a: 'hashed' } })
    expect(await codeOf(items.createIndex({ b: 'hashed' }, { unique: true }))).toBe(16_764)
  })

  it('takes documents away when their time has come', async () => {
    const items = database.collection<Item>('sessions')
    await items.createIndex({ at: 1 }, { expireAfterSeconds: 60 })
    const now = server.test.database.host.now()
    const ago = (seconds: number): Date => new Date(now - seconds * 1000)
    await items.insertMany([
      { _id: 1, at: ago(61) },
      { _id: 2, at: ago(59) },
      { _id: 3, at: [ago(10), ago(100)] },
      { _id: 4, at: 'long ago' },
      { _id: 5 },
    ] as Item[])
    const session = server.test.sessions.openSession({ user: 'polylog', door: 'mongodb' })
    const collection = session.catalog.findCollection('kinds', 'sessions')!
    expect(await session.run((tx) => reclaimDocuments(tx, collection, now, 1))).toBe(1)
    expect(await session.run((tx) => reclaimDocuments(tx, collection, now, 10))).toBe(1)
    expect(await items.distinct('_id')).toEqual([2, 4, 5])
    const changed = await database.command({
      collMod: 'sessions',
      index: { keyPattern: { at: 1 }, expireAfterSeconds: 30 },
    })
    expect(changed).toMatchObject({ expireAfterSeconds_old: 60, expireAfterSeconds_new: 30 })
    const changedCollection = session.catalog.findCollection('kinds', 'sessions')!
    expect(await session.run((tx) => reclaimDocuments(tx, changedCollection, now, 10))).toBe(1)
    expect((await items.listIndexes().toArray())[1]).toMatchObject({ expireAfterSeconds: 30 })
    expect(await codeOf(items.createIndex({ a: 1, b: 1 }, { expireAfterSeconds: 1 }))).toBe(67)
    expect(await codeOf(items.createIndex({ a: 1 }, { expireAfterSeconds: -1 }))).toBe(67)
    session.close()
  })
})
