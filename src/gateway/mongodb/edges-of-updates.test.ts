/** Edges of updates, upserts, findAndModify and bulk writes, as the server documents them. */
import {
  Decimal128,
  Double,
  Int32,
  Long,
  MongoBulkWriteError,
  MongoServerError,
  ObjectId,
  type AnyBulkWriteOperation,
  type Document,
} from 'mongodb'
import { describe, expect, it } from 'vitest'
import { openTestDriver } from './testing.ts'

interface Row {
  _id: number | string
  [name: string]: unknown
}

const { client } = await openTestDriver()

let serial = 0
const fresh = (name: string) => client.db('edges').collection<Row>(`${name}${++serial}`)
const errorCode = (error: unknown): unknown => (error instanceof MongoServerError ? `error ${error.code}` : error)

interface Options {
  readonly filter?: Document
  readonly arrayFilters?: Document[]
}

const max = Long.fromString('9223372036854775807')

const updates: [string, Document, Document | Document[], unknown, Options?][] = [
  ['$set on a missing path', {}, { $set: { 'a.b.0': 'x' } }, { a: { b: { 0: 'x' } } }],
  ['$set behind an array', { a: ['x'] }, { $set: { 'a.2.b': 'y' } }, { a: ['x', null, { b: 'y' }] }],
  [
    '$set of a name with a dollar within',
    { a: {} },
    { $set: { 'a.$b': 1, 'a.$each.c': 2 } },
    { a: { $b: new Int32(1), $each: { c: new Int32(2) } } },
  ],
  ['$set of a name with a dollar', { a: 1 }, { $set: { $b: 1 } }, 'error 52'],
  ['$set of an element in the first place', { a: [1] }, { $set: { '$[].b': 1 } }, 'error 2'],
  ['$set through null', { a: null }, { $set: { 'a.b': 1 } }, 'error 28'],
  ['$set through a string', { a: 'x' }, { $set: { 'a.b': 1 } }, 'error 28'],
  ['$set of a name in an array', { a: [] }, { $set: { 'a.b': 1 } }, 'error 28'],
  ['$set of _id', {}, { $set: { _id: 2 } }, 'error 66'],
  ['$unset of an element', { a: ['x', 'y'] }, { $unset: { 'a.0': 1 } }, { a: [null, 'y'] }],
  ['$unset beyond an array', { a: ['x'] }, { $unset: { 'a.7': 1, 'a.b': 1, 'c.d': 1 } }, { a: ['x'] }],
  ['$inc of null', { a: null }, { $inc: { a: 1 } }, 'error 14'],
  ['$inc by text', { a: 1 }, { $inc: { a: 'x' } }, 'error 14'],
  ['$inc over a long', { a: max }, { $inc: { a: 1 } }, 'error 2'],
  [
    '$inc to a decimal',
    { a: new Int32(1) },
    { $inc: { a: Decimal128.fromString('0.10') } },
    { a: Decimal128.fromString('1.10') },
  ],
  ['$inc of a long by an int', { a: Long.fromInt(1) }, { $inc: { a: 1 } }, { a: Long.fromInt(2) }],
  [
    '$mul of nothing',
    {},
    { $mul: { a: new Double(2.5), b: Long.fromInt(2) } },
    { a: new Double(0), b: Long.fromInt(0) },
  ],
  ['$min across types', { a: 'x' }, { $min: { a: null } }, { a: null }],
  ['$max across types', { a: 'x' }, { $max: { a: true } }, { a: true }],
  ['$min of an equal number keeps the type', { a: new Int32(1) }, { $min: { a: new Double(1) } }, { a: new Int32(1) }],
  ['$rename to a place', { a: 'x', b: { c: 'y' } }, { $rename: { a: 'b.d' } }, { b: { c: 'y', d: 'x' } }],
  ['$rename over a field', { a: 'x', b: 'y' }, { $rename: { a: 'b' } }, { b: 'x' }],
  ['$rename of nothing', { b: 'y' }, { $rename: { a: 'b' } }, { b: 'y' }],
  ['$rename out of an array', { a: [{ b: 'x' }] }, { $rename: { 'a.0.b': 'c' } }, 'error 2'],
  ['$rename into an array', { a: [{ b: 'x' }], c: 'y' }, { $rename: { c: 'a.0.d' } }, 'error 2'],
  ['$rename below itself', { a: 'x' }, { $rename: { a: 'a.b' } }, 'error 2'],
  ['$currentDate of false', { a: 'x' }, { $currentDate: { a: 'no' } }, 'error 2'],
  ['$bit', { a: new Int32(13) }, { $bit: { a: { and: 10, or: 1 } } }, { a: new Int32(9) }],
  ['$bit of a double', { a: new Double(1) }, { $bit: { a: { or: 1 } } }, 'error 2'],
  ['$push to text', { a: 'x' }, { $push: { a: 'y' } }, 'error 2'],
  ['$push to null', { a: null }, { $push: { a: 'y' } }, 'error 2'],
  ['$push of an array', { a: ['x'] }, { $push: { a: ['y'] } }, { a: ['x', ['y']] }],
  [
    '$push with everything',
    { a: ['c'] },
    { $push: { a: { $each: ['b', 'a'], $sort: 1, $slice: 2 } } },
    { a: ['a', 'b'] },
  ],
  [
    '$push at a place from the end',
    { a: ['a', 'b'] },
    { $push: { a: { $each: ['x'], $position: -1 } } },
    { a: ['a', 'x', 'b'] },
  ],
  ['$push with $slice 0', { a: ['a', 'b'] }, { $push: { a: { $each: ['x'], $slice: 0 } } }, { a: [] }],
  ['$push of nothing', {}, { $push: { a: { $each: [] } } }, { a: [] }],
  ['$push with an unknown modifier', { a: [] }, { $push: { a: { $each: [], $what: 1 } } }, 'error 2'],
  [
    '$push sorted by a field',
    { a: [{ k: 'b' }] },
    { $push: { a: { $each: [{ k: 'a' }, { k: 'c' }], $sort: { k: -1 } } } },
    { a: [{ k: 'c' }, { k: 'b' }, { k: 'a' }] },
  ],
  [
    '$addToSet knows numbers',
    { a: [new Int32(1)] },
    { $addToSet: { a: { $each: [new Double(1), 'x', 'x'] } } },
    { a: [new Int32(1), 'x'] },
  ],
  ['$addToSet of an array', { a: ['x'] }, { $addToSet: { a: ['x'] } }, { a: ['x', ['x']] }],
  ['$addToSet to text', { a: 'x' }, { $addToSet: { a: 'x' } }, 'error 2'],
  ['$pop of nothing', { a: [], c: { d: 'x' } }, { $pop: { a: 1, b: -1, 'c.e': 1 } }, { a: [], c: { d: 'x' } }],
  ['$pop of text', { a: 'x' }, { $pop: { a: 1 } }, 'error 14'],
  ['$pop by two', { a: ['x'] }, { $pop: { a: 2 } }, 'error 9'],
  ['$pull by condition', { a: ['a', 'b', 'c'] }, { $pull: { a: { $in: ['a', 'c'] } } }, { a: ['b'] }],
  ['$pull of null', { a: [null, 'x'] }, { $pull: { a: null } }, { a: ['x'] }],
  [
    '$pull of objects',
    { a: [{ k: 'a', v: 'x' }, { k: 'b' }, 'c'] },
    { $pull: { a: { k: 'a' } } },
    { a: [{ k: 'b' }, 'c'] },
  ],
  ['$pull of an array', { a: [['x'], 'x'] }, { $pull: { a: ['x'] } }, { a: ['x'] }],
  ['$pull by a regular expression', { a: ['ab', 'b'] }, { $pull: { a: /a/ } }, { a: ['b'] }],
  ['$pull by $not', { a: ['a', 'b'] }, { $pull: { a: { $not: { $eq: 'a' } } } }, { a: ['a'] }],
  ['$pull from text', { a: 'x' }, { $pull: { a: 'x' } }, 'error 2'],
  ['$pullAll', { a: ['a', 'b', ['a']] }, { $pullAll: { a: ['a'] } }, { a: ['b', ['a']] }],
  [
    '$ of the first match',
    { a: ['x', 'y', 'y'] },
    { $set: { 'a.$': 'z' } },
    { a: ['x', 'z', 'y'] },
    { filter: { a: 'y' } },
  ],
  [
    '$ of $elemMatch',
    {
      a: [
        { k: 'a', v: 'x' },
        { k: 'b', v: 'x' },
      ],
    },
    { $set: { 'a.$.v': 'z' } },
    {
      a: [
        { k: 'a', v: 'x' },
        { k: 'b', v: 'z' },
      ],
    },
    { filter: { a: { $elemMatch: { k: 'b', v: 'x' } } } },
  ],
  [
    '$ of the alternative that holds',
    { a: ['x', 'y', 'z'], b: 1 },
    { $set: { 'a.$': 'w' } },
    { a: ['x', 'y', 'w'], b: new Int32(1) },
    { filter: { $or: [{ a: 'x', b: 2 }, { a: 'none' }, { a: 'z' }] } },
  ],
  ['$ of $nor', { a: ['x'] }, { $set: { 'a.$': 'z' } }, 'error 2', { filter: { $nor: [{ a: 'y' }] } }],
  ['$ of nothing', { a: ['x'] }, { $set: { 'a.$': 'z' } }, 'error 2'],
  ['$ twice', { a: [['x']] }, { $set: { 'a.$.$': 'z' } }, 'error 2', { filter: { a: ['x'] } }],
  ['$ first', { a: ['x'] }, { $set: { $: 'z' } }, 'error 2'],
  [
    '$[]',
    { a: [{ b: ['x', 'y'] }, { b: [] }] },
    { $set: { 'a.$[].b.$[]': 'z' } },
    { a: [{ b: ['z', 'z'] }, { b: [] }] },
  ],
  ['$[] of nothing', {}, { $set: { 'a.$[]': 'z' } }, 'error 2'],
  ['$[] of text', { a: 'x' }, { $set: { 'a.$[]': 'z' } }, 'error 2'],
  [
    'an array filter',
    { a: [{ k: 'a' }, { k: 'b' }] },
    { $set: { 'a.$[one].v': 'z' }, $unset: { 'a.$[two].k': 1 } },
    { a: [{ k: 'a', v: 'z' }, {}] },
    { arrayFilters: [{ 'one.k': 'a' }, { 'two.k': { $gt: 'a' } }] },
  ],
  [
    'an array filter of alternatives',
    { a: ['x', 'y', 'z'] },
    { $set: { 'a.$[e]': 'w' } },
    { a: ['w', 'y', 'w'] },
    { arrayFilters: [{ $or: [{ e: 'x' }, { e: 'z' }] }] },
  ],
  ['an array filter that is not used', { a: [] }, { $set: { b: 1 } }, 'error 9', { arrayFilters: [{ e: 1 }] }],
  ['an array filter that is not there', { a: ['x'] }, { $set: { 'a.$[e]': 1 } }, 'error 2'],
  ['an array filter twice', { a: [] }, { $set: { 'a.$[e]': 1 } }, 'error 9', { arrayFilters: [{ e: 1 }, { e: 2 }] }],
  ['an array filter of two names', { a: [] }, { $set: { 'a.$[e]': 1 } }, 'error 9', { arrayFilters: [{ e: 1, f: 2 }] }],
  ['an array filter with a bad name', { a: ['x'] }, { $set: { 'a.$[E]': 1 } }, 'error 2', { arrayFilters: [{ E: 1 }] }],
  ['$ on a path of its own', { a: ['x'] }, { $set: { 'a.0': 'y', 'a.$': 'z' } }, 'error 40', { filter: { a: 'x' } }],
  ['$[] on an element of its own', { a: ['x'] }, { $set: { 'a.$[]': 'y', 'a.0': 'z' } }, 'error 40'],
  [
    'two array filters on one element',
    { a: ['x', 'y'] },
    { $set: { 'a.$[e]': 'z', 'a.$[f]': 'z' } },
    'error 40',
    { arrayFilters: [{ e: 'x' }, { f: { $lte: 'x' } }] },
  ],
  [
    'two array filters on two elements',
    { a: [{ k: 'x' }, { k: 'y' }] },
    { $set: { 'a.$[e].v': 'z', 'a.$[f].w': 'z' } },
    {
      a: [
        { k: 'x', v: 'z', w: 'z' },
        { k: 'y', w: 'z' },
      ],
    },
    { arrayFilters: [{ 'e.k': 'x' }, { 'f.k': { $gte: 'x' } }] },
  ],
  [
    '$pull by alternatives',
    { a: [{ k: 'x' }, { k: 'y' }, 'x'] },
    { $pull: { a: { $or: [{ k: 'x' }, { k: 'z' }] } } },
    { a: [{ k: 'y' }, 'x'] },
  ],
  ['$addToSet with more than $each', { a: [] }, { $addToSet: { a: { $each: ['x'], $slice: 1 } } }, 'error 2'],
  ['conflicting paths', {}, { $set: { a: 1 }, $inc: { 'a.b': 1 } }, 'error 40'],
  ['an empty name', {}, { $set: { 'a..b': 1 } }, 'error 56'],
  ['an unknown operator', {}, { $nonsense: { a: 1 } }, 'error 9'],
  ['an operator of no object', {}, { $set: 5 }, 'error 9'],
  ['nothing', { a: 'x' }, { $set: {} }, { a: 'x' }],
  ['a pipeline', { a: 'x', b: 'y' }, [{ $set: { c: '$a' } }, { $unset: 'b' }], { a: 'x', c: 'x' }],
  ['a pipeline that removes _id', { a: 'x' }, [{ $unset: '_id' }], { a: 'x' }],
  ['a pipeline with a stage for readers', {}, [{ $match: {} }], 'error 72'],
  ['a replacement by a pipeline', { a: 'x' }, [{ $replaceWith: { b: '$a' } }], { b: 'x' }],
]

describe('an update', () => {
  it.each(updates)('%s', async (_, before, change, expected, options = {}) => {
    const rows = fresh('updates')
    await rows.insertOne({ _id: 1, ...before })
    const { filter = {}, arrayFilters } = options
    const done = await rows
      .updateOne({ _id: 1, ...filter }, change, arrayFilters === undefined ? {} : { arrayFilters })
      .catch(errorCode)
    if (typeof expected === 'string') {
      expect(done).toBe(expected)
      return
    }
    expect(done).toMatchObject({ matchedCount: 1 })
    const found = await rows.findOne({}, { promoteValues: false, promoteLongs: false })
    expect(found).toEqual({ _id: new Int32(1), ...(expected as Document) })
    expect(Object.keys(found!)).toEqual(['_id', ...Object.keys(expected as Document)])
  })

  it('of many finds none twice by an index that it changes', async () => {
    const rows = fresh('moved')
    await rows.insertMany(Array.from({ length: 50 }, (_, n) => ({ _id: n, n })))
    await rows.createIndex({ n: 1 })
    const done = await rows.updateMany({ n: { $gte: 0 } }, { $inc: { n: 10 } } as Document, { hint: { n: 1 } })
    expect([done.matchedCount, done.modifiedCount]).toEqual([50, 50])
    expect(await rows.countDocuments({ $expr: { $ne: ['$n', { $add: ['$_id', 10] }] } })).toBe(0)
    const back = await rows.updateMany({ n: { $lte: 100 } }, { $mul: { n: 1 } } as Document)
    expect([back.matchedCount, back.modifiedCount]).toEqual([50, 0])
  })
})

const upserts: [string, Document, Document | Document[], unknown][] = [
  [
    'equalities become fields',
    { a: 'x', 'b.c': { $eq: 'y' }, d: { $gt: 1 } },
    { $set: { e: 'z' } },
    { a: 'x', b: { c: 'y' }, e: 'z' },
  ],
  ['also of $and', { $and: [{ a: 'x' }, { b: 'y' }] }, { $inc: { n: 1 } }, { a: 'x', b: 'y', n: 1 }],
  ['not of two alternatives', { $or: [{ a: 'x' }, { a: 'y' }] }, { $set: { b: 1 } }, { b: 1 }],
  ['$all of one', { a: { $all: ['x'] } }, { $set: { b: 1 } }, { a: 'x', b: 1 }],
  ['the _id of the filter', { _id: 7 }, { $set: { a: 1 } }, { _id: 7, a: 1 }],
  ['a replacement keeps the _id', { _id: 7, a: 'x' }, { b: 1 }, { _id: 7, b: 1 }],
  ['$setOnInsert', { a: 'x' }, { $setOnInsert: { b: 1 }, $push: { c: 1 } }, { a: 'x', b: 1, c: [1] }],
  ['$unset and $pull do nothing', { a: 'x' }, { $unset: { q: 1 }, $pull: { p: 1 }, $min: { m: 2 } }, { a: 'x', m: 2 }],
  ['an operator on what the filter says', { a: 5 }, { $inc: { a: 1 } }, { a: 6 }],
  ['a pipeline', { a: 'x' }, [{ $set: { b: '$a' } }], { a: 'x', b: 'x' }],
  ['a path twice', { $and: [{ a: 'x' }, { a: 'y' }] }, { $set: { b: 1 } }, 'error 54'],
  ['a path and one below it', { a: { b: 1 }, 'a.c': 2 }, { $set: { d: 1 } }, 'error 54'],
  ['an _id that changes', { _id: 7 }, { $set: { _id: 8 } }, 'error 66'],
  ['$ of no match', { a: 1 }, { $set: { 'b.$': 1 } }, 'error 2'],
]

describe('an upsert', () => {
  it.each(upserts)('%s', async (_, filter, change, expected) => {
    const rows = fresh('upserts')
    const isReplacement = !Array.isArray(change) && !Object.keys(change)[0]!.startsWith('$')
    const done = await (
      isReplacement
        ? rows.replaceOne(filter, change, { upsert: true })
        : rows.updateOne(filter, change, { upsert: true })
    ).catch(errorCode)
    if (typeof expected === 'string') {
      expect(done).toBe(expected)
      expect(await rows.countDocuments()).toBe(0)
      return
    }
    expect(done).toMatchObject({ matchedCount: 0, modifiedCount: 0, upsertedCount: 1 })
    const found = await rows.findOne()
    if ('_id' in (expected as Document)) expect(found).toEqual(expected)
    else expect(found).toEqual({ _id: found!._id, ...(expected as Document) })
  })
})

describe('an insert', () => {
  it('refuses an _id that cannot be looked up', async () => {
    for (const [_id, code] of [
      [[1], 53],
      [/x/, 53],
      [{ $a: 1 }, 52],
    ]) {
      const insert = client.db('edges').command({ insert: 'ids', documents: [{ _id }] })
      expect(await insert).toMatchObject({ n: 0, writeErrors: [{ index: 0, code }] })
    }
  })

  it('refuses an index without a name', async () => {
    const command = { createIndexes: 'ids', indexes: [{ key: { a: 1 } }] }
    expect(await client.db('edges').command(command).catch(errorCode)).toBe('error 9')
  })
})

describe('findAndModify', () => {
  const modify = async (command: Document): Promise<unknown> =>
    await client
      .db('edges')
      .command({ findAndModify: 'modified', ...command })
      .catch(errorCode)

  it('answers the document before or after, by its order, and what it did', async () => {
    const rows = client.db('edges').collection<Row>('modified')
    await rows.insertMany([
      { _id: 1, n: 1 },
      { _id: 2, n: 2 },
    ])
    expect(await modify({ sort: { n: -1 }, update: { $inc: { n: 10 } } })).toMatchObject({
      lastErrorObject: { n: 1, updatedExisting: true },
      value: { _id: 2, n: 2 },
      ok: 1,
    })
    expect(await modify({ query: { _id: 2 }, update: { m: 1 }, new: true, fields: { _id: 0 } })).toMatchObject({
      value: { m: 1 },
    })
    expect(await modify({ query: { _id: 9 }, update: { $set: { a: 1 } } })).toMatchObject({
      lastErrorObject: { n: 0, updatedExisting: false },
      value: null,
      ok: 1,
    })
    expect(await modify({ query: { _id: 9 }, update: { $set: { a: 1 } }, upsert: true })).toMatchObject({
      lastErrorObject: { n: 1, updatedExisting: false, upserted: 9 },
      value: null,
      ok: 1,
    })
    expect(await modify({ query: { _id: 9 }, remove: true })).toMatchObject({
      lastErrorObject: { n: 1 },
      value: { _id: 9, a: 1 },
      ok: 1,
    })
    expect(await modify({ query: { _id: 9 }, remove: true })).toMatchObject({
      lastErrorObject: { n: 0 },
      value: null,
      ok: 1,
    })
  })

  it('refuses what contradicts itself', async () => {
    expect(await modify({ query: {} })).toBe('error 9')
    expect(await modify({ remove: true, update: {} })).toBe('error 9')
    expect(await modify({ remove: true, new: true })).toBe('error 9')
    expect(await modify({ remove: true, upsert: true })).toBe('error 9')
    expect(await modify({ update: [{ $match: {} }] })).toBe('error 72')
  })
})

describe('a bulk write', () => {
  it('stops at the first error where it is ordered, and goes on where it is not', async () => {
    const one = new ObjectId()
    const operations: AnyBulkWriteOperation[] = [
      { insertOne: { document: { _id: one } } },
      { insertOne: { document: { _id: one } } },
      { updateOne: { filter: { _id: one }, update: { $set: { a: 'x' } } } },
      { updateOne: { filter: { _id: one }, update: { $inc: { a: 1 } } } },
      { deleteOne: { filter: { _id: new ObjectId() } } },
      { replaceOne: { filter: { _id: new ObjectId() }, replacement: { b: 1 }, upsert: true } },
    ]
    const outcome = async (ordered: boolean): Promise<unknown> => {
      const error: unknown = await client
        .db('edges')
        .collection(`bulk${++serial}`)
        .bulkWrite(operations, { ordered })
        .catch((reason: unknown) => reason)
      if (!(error instanceof MongoBulkWriteError)) return error
      const errors = [error.writeErrors].flat().map(({ index, code }) => [index, code])
      return [error.code, errors, error.insertedCount, error.modifiedCount, error.upsertedCount]
    }
    expect(await outcome(true)).toEqual([11_000, [[1, 11_000]], 1, 0, 0])
    expect(await outcome(false)).toEqual([
      11_000,
      [
        [1, 11_000],
        [3, 14],
      ],
      1,
      1,
      1,
    ])
  })
})

describe('names that begin with a dollar', () => {
  it('are those of a new document, where it is an upsert that makes it', async () => {
    const rows = fresh('dollars')
    await rows.updateOne({ _id: 1 }, { $set: { $key: 'x', 'a.$id': 7 } }, { upsert: true })
    expect(await rows.findOne({ _id: 1 })).toEqual({ _id: 1, $key: 'x', a: { $id: 7 } })
    expect(await rows.updateOne({ _id: 1 }, { $set: { $key: 'y' } }, { upsert: true }).catch(errorCode)).toBe(
      'error 52',
    )
  })

  it('are fields in conditions where they are those of a reference', async () => {
    const rows = fresh('references')
    const members = [7, 8].map((n) => ({ $ref: 'foo', $id: n, $db: 'd' }))
    await rows.insertOne({ _id: 1, members })
    const matches = async (filter: Document): Promise<number> => rows.countDocuments(filter)
    expect(await matches({ members: { $elemMatch: { $id: 8 } } })).toBe(1)
    expect(await matches({ members: { $elemMatch: { $id: 9 } } })).toBe(0)
    expect(await matches({ members: { $elemMatch: { $ref: 'foo', $id: 7, $db: 'd' } } })).toBe(1)
    expect(await matches({ 'members.$id': 8 })).toBe(1)
    expect(await rows.findOne({ members: { $elemMatch: { $nope: 1 } } }).catch(errorCode)).toBe('error 2')
  })
})
