/** Options of commands: each does what the manual says, or is refused by name. */
import { type Document, MongoServerError } from 'mongodb'
import { beforeEach, describe, expect, it } from 'vitest'
import { openTestDriver } from './testing.ts'

const { client } = await openTestDriver()
const database = client.db('options')
type Item = Document & { _id: number }
const items = database.collection<Item>('items')

async function codeOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => 'done',
    (error: unknown) => (error instanceof MongoServerError ? error.code : error),
  )
}

beforeEach(async () => {
  await items.deleteMany({})
  await items.insertMany([1, 2, 3, 4, 5].map((n) => ({ _id: n, n, g: n % 2 })))
})

describe('bypassDocumentValidation of a pipeline', () => {
  it.each<readonly [string, Document]>([
    ['$out', { $out: 'checked_out' }],
    ['$merge', { $merge: 'checked_merge' }],
  ])('lets %s write what does not pass', async (name, stage) => {
    const target = name === '$out' ? 'checked_out' : 'checked_merge'
    await database.createCollection(target, { validator: { n: { $gt: 9 } } })
    expect(await codeOf(items.aggregate([stage]).toArray())).toBe(121)
    expect(await database.collection(target).countDocuments()).toBe(0)
    expect(await codeOf(items.aggregate([stage], { bypassDocumentValidation: true }).toArray())).toBe('done')
    expect(await database.collection(target).countDocuments()).toBe(5)
    // It is the command's alone.
    expect(await codeOf(database.collection<Item>(target).insertOne({ _id: 9, n: 1 }))).toBe(121)
  })
})

describe('fields that no command of 7.0 has', () => {
  it.each<readonly [string, Document, number]>([
    ['beside batchSize', { aggregate: 'items', pipeline: [], cursor: { batchsize: 1 } }, 40_415],
    ['sort of an update', { update: 'items', updates: [{ q: {}, u: { $set: { a: 1 } }, sort: { n: 1 } }] }, 40_415],
    ['of what is explained', { explain: { find: 'items', fitler: {} } }, 40_415],
    ['no index of _id', { create: 'bare', autoIndexId: false }, 72],
  ])('%s', async (_, command, code) => {
    const reply = await database.command(command).catch((error: unknown) => error as MongoServerError)
    const first: unknown = reply instanceof MongoServerError ? reply.code : reply['writeErrors']?.[0]?.code
    expect(first).toBe(code)
  })
})

describe('min and max of find', () => {
  const pairs = client.db('options').collection<Item>('pairs')
  const ids = async (options: Document): Promise<unknown[]> =>
    (await pairs.find({}, options).toArray()).map(({ _id }) => _id as unknown)

  beforeEach(async () => {
    await pairs.drop()
    await pairs.insertMany(
      [0, 1, 2, 3, 4, 5].map((n) => ({ _id: n, a: Math.floor(n / 2), b: n % 2, list: [n, n + 1] })),
    )
    await pairs.createIndexes([{ key: { a: 1, b: -1 } }, { key: { list: 1 } }, { key: { a: 'hashed' } }])
  })

  it('are a stretch of the keys as a whole, with its beginning and without its end', async () => {
    expect(await ids({ hint: { _id: 1 }, min: { _id: 1 }, max: { _id: 4 } })).toEqual([1, 2, 3])
    expect(await ids({ hint: '_id_', min: { _id: 4 } })).toEqual([4, 5])
    expect(await ids({ hint: '_id_', max: { _id: 2 }, sort: { _id: -1 } })).toEqual([1, 0])
    const hint = { a: 1, b: -1 }
    expect(await ids({ hint, min: { a: 0, b: 0 }, max: { a: 2, b: 1 } })).toEqual([0, 3, 2])
    expect(await ids({ hint, min: { a: 1, b: 1 } })).toEqual([3, 2, 5, 4])
    expect(await ids({ hint, min: { a: 1, b: 1 }, batchSize: 1, skip: 1, limit: 2 })).toEqual([2, 5])
    expect(await pairs.find({ b: 1 }, { hint, max: { a: 2, b: 0 } }).toArray()).toHaveLength(3)
    // Once each, though every one has two keys.
    expect(await ids({ hint: { list: 1 }, min: { list: 1 }, max: { list: 3 }, sort: { _id: 1 } })).toEqual([0, 1, 2])
    // Where a look-up by _id would find another one.
    expect(await pairs.find({ _id: 5 }, { hint: '_id_', max: { _id: 5 } }).toArray()).toEqual([])
  })

  it.each<readonly [string, Document, number]>([
    ['no hint', { min: { _id: 1 } }, 51_173],
    ['no index', { min: { _id: 1 }, hint: { $natural: 1 } }, 51_173],
    ['other fields', { min: { b: 1 }, hint: { a: 1, b: -1 } }, 51_174],
    ['fewer fields', { min: { a: 1 }, hint: { a: 1, b: -1 } }, 51_174],
    ['hashes', { min: { a: 1 }, hint: { a: 'hashed' } }, 51_174],
    ['an end before the beginning', { min: { _id: 2 }, max: { _id: 2 }, hint: '_id_' }, 51_175],
    ['two lists of fields', { min: { _id: 2 }, max: { a: 2 }, hint: '_id_' }, 51_176],
  ])('are refused with %s', async (_, options, code) => {
    expect(await codeOf(pairs.find({}, options).toArray())).toBe(code)
  })

  it('ask for keys in place of documents', async () => {
    const keys = async (filter: Document, options: Document): Promise<Document[]> =>
      pairs.find(filter, { returnKey: true, ...options }).toArray()
    const hint = { a: 1, b: -1 }
    expect(await keys({ a: 1 }, { hint, projection: { list: 1 }, batchSize: 1 })).toEqual([
      { a: 1, b: 1 },
      { a: 1, b: 0 },
    ])
    expect(await keys({ a: 1 }, { hint, sort: { list: 1 }, showRecordId: true })).toEqual([
      { a: 1, b: 0 },
      { a: 1, b: 1 },
    ])
    expect(await keys({ _id: 2 }, {})).toEqual([{ _id: 2 }])
    expect(await keys({}, { limit: 1 })).toEqual([{}])
    await pairs.insertOne({ _id: 9, a: 7 })
    expect(await keys({ a: 7 }, { hint })).toEqual([{ a: 7, b: null }])
    expect(await codeOf(keys({ list: 1 }, { hint: { list: 1 } }))).toBe(115)
    expect(await codeOf(pairs.find({}, { showRecordId: true }).toArray())).toBe(115)
  })

  it('are not of views', async () => {
    await client.db('options').createCollection('seen', { viewOn: 'pairs', pipeline: [] })
    const view = client.db('options').collection('seen')
    expect(await codeOf(view.find({}, { min: { _id: 1 }, hint: '_id_' }).toArray())).toBe(168)
    expect(await codeOf(view.find({}, { returnKey: true }).toArray())).toBe(168)
    await view.drop()
  })
})

describe('explain', () => {
  const explained = (command: Document): Promise<Document> =>
    database.command({ explain: command, verbosity: 'executionStats' })

  it('tells how many keys and documents were looked at', async () => {
    await items.createIndex({ n: 1 })
    const found = await explained({ find: 'items', filter: { n: { $gte: 2 }, g: 0 } })
    expect(found['executionStats']).toMatchObject({ nReturned: 2, totalKeysExamined: 4, totalDocsExamined: 4 })
    const scanned = await explained({ find: 'items', filter: { g: 0 } })
    expect(scanned['executionStats']).toMatchObject({ nReturned: 2, totalKeysExamined: 0, totalDocsExamined: 5 })
    const limited = await explained({ find: 'items', filter: { g: 1 }, limit: 1 })
    expect(limited['executionStats']).toMatchObject({ nReturned: 1, totalDocsExamined: 1 })
  })

  it.each<readonly [string, Document, string]>([
    ['an update', { update: 'items', updates: [{ q: { _id: 1 }, u: { $set: { n: 9 } } }] }, 'UPDATE'],
    ['a delete', { delete: 'items', deletes: [{ q: { _id: 1 }, limit: 0 }] }, 'DELETE'],
    ['findAndModify', { findAndModify: 'items', query: { _id: 1 }, update: { $set: { n: 9 } } }, 'UPDATE'],
    ['findAndModify that removes', { findandmodify: 'items', query: { _id: 1 }, remove: true }, 'DELETE'],
    ['count', { count: 'items', query: { _id: 1 } }, 'COUNT'],
  ])('shows the plan of %s, and changes nothing', async (_, command, stage) => {
    const { queryPlanner, executionStats } = await explained(command)
    expect([queryPlanner.winningPlan.stage, queryPlanner.winningPlan.inputStage.stage]).toEqual([stage, 'IDHACK'])
    expect(executionStats.totalDocsExamined).toBe(1)
    expect(await items.find({}, { sort: { _id: 1 }, projection: { _id: 0, n: 1 } }).toArray()).toEqual(
      [1, 2, 3, 4, 5].map((n) => ({ n })),
    )
  })

  it('shows that of distinct', async () => {
    const { queryPlanner } = await explained({ distinct: 'items', key: 'n', query: { _id: 1 } })
    expect(queryPlanner.winningPlan.stage).toBe('IDHACK')
  })

  it('refuses two operations, and commands without a plan', async () => {
    const one = { q: {}, limit: 0 }
    expect(await codeOf(explained({ delete: 'items', deletes: [one, one] }))).toBe(16)
    expect(await codeOf(explained({ insert: 'items', documents: [{ _id: 7 }] }))).toBe(59)
  })
})
