/** Stages that write, bring in other collections, or choose: facts from the manual of MongoDB 7.0. */
import { type Document, MongoServerError } from 'mongodb'
import { beforeEach, describe, expect, it } from 'vitest'
import { openTestDriver } from './testing.ts'

const { client } = await openTestDriver()
const database = client.db('stages')
type Item = Document & { _id: number }
const items = database.collection<Item>('items')
const target = database.collection<Item>('target')

async function codeOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => 'done',
    (error: unknown) => (error instanceof MongoServerError ? error.code : error),
  )
}

const all = (name: string): Promise<Document[]> =>
  database
    .collection(name)
    .find({}, { sort: { _id: 1 } })
    .toArray()
const run = (...pipeline: Document[]): Promise<Document[]> => items.aggregate(pipeline).toArray()

beforeEach(async () => {
  for (const name of ['items', 'target', 'more']) await database.collection(name).deleteMany({})
  await items.insertMany([1, 2, 3].map((n) => ({ _id: n, n, g: n % 2 })))
})

describe('$out', () => {
  it('puts its documents in the place of others, and keeps the indexes', async () => {
    await target.insertMany([
      { _id: 8, n: 8 },
      { _id: 9, n: 9 },
    ])
    await target.createIndex({ n: 1 }, { unique: true })
    expect(await run({ $match: { g: 1 } }, { $project: { n: 1 } }, { $out: 'target' })).toEqual([])
    expect(await all('target')).toEqual([
      { _id: 1, n: 1 },
      { _id: 3, n: 3 },
    ])
    expect(await target.indexExists('n_1')).toBe(true)
    // What cannot be written changes nothing.
    expect(await codeOf(run({ $set: { n: 5 } }, { $out: 'target' }))).toBe(11_000)
    expect(await all('target')).toEqual([
      { _id: 1, n: 1 },
      { _id: 3, n: 3 },
    ])
    await run({ $out: { db: 'stages_other', coll: 'copy' } })
    expect(await client.db('stages_other').collection('copy').countDocuments()).toBe(3)
    // Into itself.
    await run({ $set: { n: { $add: ['$n', 10] } } }, { $out: 'items' })
    expect((await all('items')).map(({ n }) => n as unknown)).toEqual([11, 12, 13])
  })

  it('stands at the end alone', async () => {
    expect(await codeOf(run({ $out: 'target' }, { $limit: 1 }))).toBe(40_601)
    expect(await codeOf(run({ $facet: { a: [{ $out: 'target' }] } }))).not.toBe('done')
    expect(await codeOf(run({ $unionWith: { coll: 'more', pipeline: [{ $out: 'target' }] } }))).toBe(51_047)
    const session = client.startSession()
    session.startTransaction()
    expect(await codeOf(items.aggregate([{ $out: 'target' }], { session }).toArray())).toBe(263)
    await session.abortTransaction()
    await session.endSession()
  })
})

describe('$merge', () => {
  it.each<readonly [string, Document, Document[] | number]>([
    [
      'merges and inserts where nothing is said',
      {},
      [
        { _id: 1, n: 1, g: 1, a: 0 },
        { _id: 2, n: 2, g: 0 },
        { _id: 3, n: 3, g: 1 },
      ],
    ],
    [
      'replaces',
      { whenMatched: 'replace' },
      [
        { _id: 1, n: 1, g: 1 },
        { _id: 2, n: 2, g: 0 },
        { _id: 3, n: 3, g: 1 },
      ],
    ],
    ['keeps', { whenMatched: 'keepExisting', whenNotMatched: 'discard' }, [{ _id: 1, a: 0 }]],
    ['fails where one matches', { whenMatched: 'fail' }, 11_000],
    ['fails where none matches', { whenNotMatched: 'fail' }, 13_113],
    [
      'computes',
      { whenMatched: [{ $set: { s: { $add: ['$a', '$$new.n', 1] } } }], whenNotMatched: 'discard' },
      [{ _id: 1, a: 0, s: 2 }],
    ],
    [
      'computes with variables',
      { let: { k: '$n' }, whenMatched: [{ $set: { k: '$$k' } }], whenNotMatched: 'discard' },
      [{ _id: 1, a: 0, k: 1 }],
    ],
  ])('%s', async (_, options, expected) => {
    await target.insertOne({ _id: 1, a: 0 })
    const merged = run({ $sort: { _id: 1 } }, { $merge: { into: 'target', ...options } })
    if (typeof expected === 'number') {
      expect(await codeOf(merged)).toBe(expected)
      expect(await all('target')).toEqual([{ _id: 1, a: 0 }])
    } else {
      await merged
      expect(await all('target')).toEqual(expected)
    }
  })

  it('finds documents by other fields where those are unique', async () => {
    expect(await codeOf(run({ $merge: { into: 'more', on: 'n' } }))).toBe(51_183)
    await database.collection('more').createIndex({ n: 1 }, { unique: true })
    await database.collection<Item>('more').insertOne({ _id: 100, n: 2 })
    await run({ $project: { _id: 0, n: 1, g: 1 } }, { $merge: { into: 'more', on: 'n' } })
    expect(await database.collection('more').countDocuments()).toBe(3)
    expect(await database.collection('more').findOne({ n: 2 })).toEqual({ _id: 100, n: 2, g: 0 })
    expect(await codeOf(run({ $project: { x: 1 } }, { $merge: { into: 'more', on: 'n' } }))).toBe(51_132)
    const failing = { $merge: { into: 'more', on: 'n', whenMatched: 'fail' } }
    expect(await codeOf(run({ $project: { x: 1 } }, failing))).toBe(51_132)
    const error: unknown = await run({ $match: { n: 2 } }, failing).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 11_000, errorResponse: { keyPattern: { n: 1 }, keyValue: { n: 2 } } })
    await database.collection('more').dropIndexes()
  })
})

describe('a stage', () => {
  it('$unionWith brings in another collection, or documents', async () => {
    await database.collection<Item>('more').insertMany([
      { _id: 7, n: 7 },
      { _id: 8, n: 8 },
    ])
    const union = await run(
      { $match: { n: { $gt: 2 } } },
      { $unionWith: { coll: 'more', pipeline: [{ $match: { n: 8 } }] } },
      { $unionWith: 'none' },
      { $unionWith: { pipeline: [{ $documents: [{ n: 9 }] }] } },
      { $group: { _id: null, n: { $push: '$n' } } },
    )
    expect(union).toEqual([{ _id: null, n: [3, 8, 9] }])
  })

  it('$documents begins a pipeline of a database', async () => {
    const made = await database
      .aggregate([{ $documents: [{ a: 1 }, { a: { $add: [1, 1] } }] }, { $match: { a: 2 } }])
      .toArray()
    expect(made).toEqual([{ a: 2 }])
    expect(await codeOf(database.aggregate([{ $match: {} }]).toArray())).toBe(73)
  })

  it('$sample draws each document once', async () => {
    const drawn = await run({ $sample: { size: 2 } })
    expect(new Set(drawn.map(({ _id }) => _id as unknown)).size).toBe(2)
    expect(await run({ $sample: { size: 9 } })).toHaveLength(3)
    expect(await codeOf(run({ $sample: { size: 0 } }))).toBe(28_747)
  })

  it('$redact leaves out parts', async () => {
    await items.insertOne({ _id: 9, level: 1, a: { level: 5, x: 1 }, b: [{ level: 1, y: 2 }, { level: 9 }] })
    const redacted = await run(
      { $match: { _id: 9 } },
      { $redact: { $cond: [{ $lte: ['$level', 3] }, '$$DESCEND', '$$PRUNE'] } },
    )
    expect(redacted).toEqual([{ _id: 9, level: 1, b: [{ level: 1, y: 2 }] }])
    expect(await run({ $redact: { $cond: [{ $eq: ['$_id', 9] }, '$$KEEP', '$$PRUNE'] } })).toHaveLength(1)
    expect(await codeOf(run({ $redact: 1 }))).toBe(17_053)
  })
})
