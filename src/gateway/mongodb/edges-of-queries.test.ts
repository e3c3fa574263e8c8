/** Edges of filters, projections, sorts and cursors, as the server documents them: each row names the answer. */
import { Decimal128, Long, MongoServerError, type Document, type FindOptions } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { openTestDriver } from './testing.ts'

interface Row {
  _id: number | string
  [name: string]: unknown
}

const { client } = await openTestDriver()

let serial = 0

/** The `_id`s that match, with and without an index on `indexed`. */
async function matching(documents: readonly Document[], filter: Document, indexed?: string): Promise<unknown> {
  const rows = client.db('edges').collection<Row>(`queries${++serial}`)
  await rows.insertMany(documents.map((one, i) => ({ _id: i + 1, ...one })))
  if (indexed !== undefined) await rows.createIndex({ [indexed]: 1 })
  const found = rows.find(filter).sort({ _id: 1 })
  return await found.toArray().then(
    (list) => list.map(({ _id }) => _id),
    (error: unknown) => (error instanceof MongoServerError ? `error ${error.code}` : error),
  )
}

const nulls = [
  { a: null },
  {},
  { a: 0 },
  { a: [] },
  { a: [null] },
  { a: [{}] },
  { a: { b: null } },
  { a: [{ b: 1 }, {}] },
]
const lists = [{ a: [1, 5] }, { a: [3] }, { a: 3 }, { a: [[3]] }, { a: [0, 9] }, { a: 'x' }, { a: [] }]
const objects = [
  { a: [{ b: 0 }, { b: 9 }] },
  { a: [{ b: 3 }] },
  { a: { b: [3, 8] } },
  { a: [[{ b: 3 }]] },
  { a: { 0: { b: 3 } } },
  { a: [] },
]
const texts = [{ a: 'abc' }, { a: 'abc\n' }, { a: 'abc\nd' }, { a: ['x', 'ABC'] }, { a: 'abc\n\n' }]
const numbers = [
  { a: 1 },
  { a: Long.fromNumber(1) },
  { a: Decimal128.fromString('1.0') },
  { a: Number.NaN },
  { a: Decimal128.fromString('NaN') },
  { a: '1' },
  { a: true },
  { a: Number.POSITIVE_INFINITY },
]

const filters: [string, Document[], Document, unknown][] = [
  ['null is also missing', nulls, { a: null }, [1, 2, 5]],
  ['null below a path', nulls, { 'a.b': null }, [1, 2, 3, 6, 7, 8]],
  ['not null', nulls, { a: { $ne: null } }, [3, 4, 6, 7, 8]],
  ['null in a list', nulls, { a: { $in: [null, 0] } }, [1, 2, 3, 5]],
  ['none of a list with null', nulls, { a: { $nin: [null, 0] } }, [4, 6, 7, 8]],
  ['exists', nulls, { a: { $exists: true } }, [1, 3, 4, 5, 6, 7, 8]],
  ['exists below a path', nulls, { 'a.b': { $exists: true } }, [7, 8]],
  ['exists at a position', nulls, { 'a.0': { $exists: true } }, [5, 6, 8]],
  ['the type null is not missing', nulls, { a: { $type: 'null' } }, [1, 5]],
  ['the type of elements, and array', nulls, { a: { $type: ['array', 'int'] } }, [3, 4, 5, 6, 8]],
  ['at least null', nulls, { a: { $gte: null } }, [1, 2, 5]],
  ['an array equals itself or an element', lists, { a: [3] }, [2, 4]],
  ['conditions of one field by several elements', lists, { a: { $gt: 4, $lt: 2 } }, [1, 5]],
  ['$elemMatch by one element', lists, { a: { $elemMatch: { $gt: 2, $lt: 6 } } }, [1, 2]],
  ['$not of several', lists, { a: { $not: { $gt: 4, $lt: 2 } } }, [2, 3, 4, 6, 7]],
  ['$not of a regular expression', lists, { a: { $not: /x/ } }, [1, 2, 3, 4, 5, 7]],
  ['$size', lists, { a: { $size: 1 } }, [2, 4]],
  ['$all', lists, { a: { $all: [5, 1] } }, [1]],
  ['$all of nothing', lists, { a: { $all: [] } }, []],
  ['$all of an array', lists, { a: { $all: [[3]] } }, [2, 4]],
  ['$ne looks at elements', lists, { a: { $ne: 3 } }, [1, 4, 5, 6, 7]],
  ['a position', lists, { 'a.1': { $gte: 5 } }, [1, 5]],
  ['several elements of a path', objects, { 'a.b': { $gt: 4, $lt: 2 } }, [1]],
  ['$not of several on a path', objects, { 'a.b': { $not: { $gt: 4, $lt: 2 } } }, [2, 3, 4, 5, 6]],
  ['$elemMatch of objects', objects, { a: { $elemMatch: { b: 3 } } }, [2]],
  ['a position in nested arrays', objects, { 'a.0.b': 3 }, [2, 4, 5]],
  ['equal numbers of all types', numbers, { a: 1 }, [1, 2, 3]],
  ['NaN equals NaN', numbers, { a: Number.NaN }, [4, 5]],
  ['NaN is in no range', numbers, { a: { $lte: 1 } }, [1, 2, 3]],
  ['not greater holds for other types', numbers, { a: { $not: { $gt: 0 } } }, [4, 5, 6, 7]],
  ['$mod takes numbers only', numbers, { a: { $mod: [2, 1] } }, [1, 2, 3]],
  ['the type number', numbers, { a: { $type: 'number' } }, [1, 2, 3, 4, 5, 8]],
  ['$expr tells missing from null', nulls, { $expr: { $eq: ['$a', null] } }, [1]],
  ['the end of a text is before its last newline', texts, { a: /c$/ }, [1, 2]],
  ['the end of a line', texts, { a: /c$/m }, [1, 2, 3, 5]],
  ['$regex with $options', texts, { a: { $regex: '^abc$', $options: 'i' } }, [1, 2, 4]],
  ['$options without $regex', lists, { a: { $options: 'i' } }, 'error 2'],
  ['$ne of a regular expression', lists, { a: { $ne: /x/ } }, 'error 2'],
  ['operators in $in', lists, { a: { $in: [{ $gt: 1 }] } }, 'error 2'],
  ['operators in $nin', lists, { a: { $nin: [{ $gt: 1 }] } }, 'error 2'],
  ['an unknown operator', lists, { a: { $near: 1 } }, 'error 2'],
  ['$and of nothing', lists, { $and: [] }, 'error 2'],
  ['$not of a value', lists, { a: { $not: 3 } }, 'error 2'],
  ['$elemMatch of a value', lists, { a: { $elemMatch: 3 } }, 'error 2'],
  ['$type of no type', lists, { a: { $type: 'missing' } }, 'error 2'],
  ['$type of none', lists, { a: { $type: [] } }, 'error 9'],
  ['$exists of a value that is false', nulls, { a: { $exists: 0 } }, [2]],
]

describe('a filter', () => {
  it.each(filters)('%s', async (_, documents, filter, expected) => {
    expect(await matching(documents, filter)).toEqual(expected)
    const indexed = Object.keys(filter)[0]!
    if (!indexed.startsWith('$')) expect(await matching(documents, filter, indexed)).toEqual(expected)
  })
})

const document = {
  _id: 1,
  a: 1,
  list: [1, 2, 3, 4],
  docs: [{ k: 1, v: 'x' }, { k: 2, v: 'y' }, 5, [{ k: 3, v: 'z' }]],
  sub: { p: 1, q: 2 },
}

const projections: [string, Document, Document | string, Document?][] = [
  ['inclusion', { a: 1 }, { _id: 1, a: 1 }],
  ['without _id', { a: 1, _id: 0 }, { a: 1 }],
  ['_id alone', { _id: 1 }, { _id: 1 }],
  ['exclusion', { docs: 0, list: 0, sub: 0 }, { _id: 1, a: 1 }],
  ['exclusion with _id kept', { _id: 1, docs: 0, list: 0, sub: 0 }, { _id: 1, a: 1 }],
  ['a path through arrays', { 'docs.k': 1 }, { _id: 1, docs: [{ k: 1 }, { k: 2 }, [{ k: 3 }]] }],
  [
    'an excluded path',
    { 'docs.k': 0, list: 0, sub: 0, a: 0 },
    { _id: 1, docs: [{ v: 'x' }, { v: 'y' }, 5, [{ v: 'z' }]] },
  ],
  ['a path through a number', { 'a.b': 1 }, { _id: 1 }],
  ['nested', { sub: { q: true } }, { _id: 1, sub: { q: 2 } }],
  ['$slice keeps the rest', { list: { $slice: -2 }, docs: 0, sub: 0 }, { _id: 1, a: 1, list: [3, 4] }],
  ['$slice with inclusion', { a: 1, list: { $slice: [1, 2] } }, { _id: 1, a: 1, list: [2, 3] }],
  ['$slice from before the beginning', { a: 1, list: { $slice: [-9, 2] } }, { _id: 1, a: 1, list: [1, 2] }],
  ['$slice as an expression', { list: { $slice: ['$list', 2] } }, { _id: 1, list: [1, 2] }],
  ['$elemMatch', { docs: { $elemMatch: { k: 2 } } }, { _id: 1, docs: [{ k: 2, v: 'y' }] }],
  [
    '$elemMatch by alternatives',
    { docs: { $elemMatch: { $or: [{ k: 9 }, { v: 'y' }] } } },
    { _id: 1, docs: [{ k: 2, v: 'y' }] },
  ],
  ['$elemMatch of none', { docs: { $elemMatch: { k: 9 } } }, { _id: 1 }],
  ['the position', { 'list.$': 1 }, { _id: 1, list: [3] }, { list: { $gt: 2 } }],
  ['the position of objects', { 'docs.$': 1 }, { _id: 1, docs: [{ k: 2, v: 'y' }] }, { 'docs.k': 2 }],
  ['an expression', { r: { $add: ['$a', 1] } }, { _id: 1, r: 2 }],
  ['a field path', { r: '$sub.q', _id: 0 }, { r: 2 }],
  ['inclusion in exclusion', { a: 0, list: 1 }, 'error 31253'],
  ['exclusion in inclusion', { a: 1, list: 0 }, 'error 31254'],
  ['an empty object', { a: {} }, 'error 51270'],
  ['a position that is not asked for', { 'list.$': 1 }, 'error 51246', { a: 1 }],
  ['colliding paths', { sub: 1, 'sub.p': 1 }, 'error 31249'],
  ['paths that collide the other way', { 'sub.p': 1, sub: 1 }, 'error 31250'],
  ['a path that ends in a dot', { 'a.': 1 }, 'error 40353'],
  ['an unknown operator', { a: { $nonsense: 1 } }, 'error 168'],
]

describe('a projection', () => {
  it.each(projections)('%s', async (_, projection, expected, filter: Document = {}) => {
    const rows = client.db('edges').collection<Row>('projected')
    await rows.replaceOne({ _id: 1 }, document, { upsert: true })
    const answer = await rows.findOne(filter, { projection }).catch((error: unknown) => {
      return error instanceof MongoServerError ? `error ${error.code}` : error
    })
    expect(answer).toEqual(expected)
    if (typeof expected === 'object') expect(Object.keys(answer as Document)).toEqual(Object.keys(expected))
  })
})

const mixed: Row[] = [
  { _id: 'array', a: [5, 20] },
  { _id: 'empty', a: [] },
  { _id: 'missing' },
  { _id: 'null', a: null },
  { _id: 'number', a: 10 },
  { _id: 'string', a: 'x' },
  { _id: 'object', a: { b: 1 } },
  { _id: 'true', a: true },
  { _id: 'date', a: new Date(0) },
  { _id: 'nan', a: Number.NaN },
]

const sorts: [string, Row[], Document, string[]][] = [
  [
    'ascending by the least of an array',
    mixed,
    { a: 1, _id: 1 },
    ['empty', 'missing', 'null', 'nan', 'array', 'number', 'string', 'object', 'true', 'date'],
  ],
  [
    'descending by the largest',
    mixed,
    { a: -1, _id: 1 },
    ['date', 'true', 'object', 'string', 'array', 'number', 'nan', 'missing', 'null', 'empty'],
  ],
  [
    'by two fields of the same elements',
    [
      {
        _id: 'x',
        a: [
          { b: 1, c: 9 },
          { b: 2, c: 0 },
        ],
      },
      { _id: 'y', a: [{ b: 1, c: 5 }] },
    ],
    { 'a.b': 1, 'a.c': 1 },
    ['y', 'x'],
  ],
  [
    'by a position',
    [
      { _id: 'x', a: [3, 1] },
      { _id: 'y', a: [2, 9] },
    ] as Row[],
    { 'a.0': 1 },
    ['y', 'x'],
  ],
]

describe('a sort', () => {
  it.each(sorts)('%s', async (_, documents, sort, expected) => {
    const plain = client.db('edges').collection<Row>(`sorts${++serial}`)
    await plain.insertMany(documents)
    const order = async (): Promise<unknown[]> => (await plain.find().sort(sort).toArray()).map(({ _id }) => _id)
    expect(await order()).toEqual(expected)
    await plain.createIndex(sort)
    expect(await order()).toEqual(expected)
  })

  it('by two arrays is refused', async () => {
    const rows = client.db('edges').collection<Row>('parallel')
    await rows.insertMany([{ _id: 1, a: [1, 2], b: [3, 4] }])
    await expect(rows.find().sort({ a: 1, b: 1 }).toArray()).rejects.toMatchObject({ code: 2 })
  })
})

describe('a cursor', () => {
  const command = (document: Document): Promise<Document> => client.db('edges').command(document)

  it('of a batch of nothing has an id', async () => {
    await client
      .db('edges')
      .collection<Row>('cursors')
      .insertMany([{ _id: 1 }, { _id: 2 }, { _id: 3 }])
    for (const filter of [{}, { _id: 1 }]) {
      const { cursor } = await command({ find: 'cursors', filter, batchSize: 0 })
      expect(cursor.firstBatch).toEqual([])
      expect(Number(cursor.id)).not.toBe(0)
      const more = await command({ getMore: Long.fromValue(cursor.id), collection: 'cursors' })
      expect(more['cursor'].nextBatch.length).toBe('_id' in filter ? 1 : 3)
      expect(Number(more['cursor'].id)).toBe(0)
    }
  })

  it('ends with a single batch, and is gone when it is killed', async () => {
    const single = await command({ find: 'cursors', batchSize: 1, singleBatch: true })
    expect([single['cursor'].firstBatch.length, Number(single['cursor'].id)]).toEqual([1, 0])
    const { cursor } = await command({ find: 'cursors', batchSize: 1 })
    const id = Long.fromValue(cursor.id)
    expect(await command({ killCursors: 'cursors', cursors: [id] })).toMatchObject({ cursorsKilled: [cursor.id] })
    expect(await command({ killCursors: 'cursors', cursors: [id] })).toMatchObject({ cursorsNotFound: [cursor.id] })
    await expect(command({ getMore: id, collection: 'cursors' })).rejects.toMatchObject({ code: 43 })
  })

  it('counts, skips and limits', async () => {
    const rows = client.db('edges').collection<Row>('cursors')
    expect(await command({ count: 'cursors', limit: -2 })).toMatchObject({ n: 2 })
    expect(await command({ count: 'cursors', skip: 2 })).toMatchObject({ n: 1 })
    await expect(command({ count: 'cursors', skip: -1 })).rejects.toMatchObject({ code: 51_024 })
    await expect(command({ find: 'cursors', limit: -1 })).rejects.toMatchObject({ code: 51_024 })
    const options: FindOptions = { sort: { _id: 1 }, skip: 1, limit: -1 }
    expect(await rows.find({}, options).toArray()).toEqual([{ _id: 2 }])
  })

  it('is hinted by name and by key, and by no index that is not there', async () => {
    const rows = client.db('edges').collection<Row>('hinted')
    await rows.insertMany([{ _id: 1, a: 1 }, { _id: 2 }])
    await rows.createIndex({ a: 1 }, { name: 'byA', sparse: true })
    expect(await rows.find({}, { hint: 'byA' }).toArray()).toEqual([{ _id: 1, a: 1 }])
    expect(await rows.find({}, { hint: { a: 1 } }).toArray()).toEqual([{ _id: 1, a: 1 }])
    expect(await rows.find({}, { hint: { $natural: -1 } }).toArray()).toEqual([{ _id: 2 }, { _id: 1, a: 1 }])
    await expect(rows.find({}, { hint: { a: -1 } }).toArray()).rejects.toMatchObject({ code: 2 })
    await expect(rows.updateOne({}, { $set: { b: 1 } }, { hint: 'none' })).rejects.toMatchObject({ code: 2 })
    await expect(rows.deleteOne({}, { hint: 'none' })).rejects.toMatchObject({ code: 2 })
  })
})

describe('distinct', () => {
  it('takes elements, null and arrays in arrays, and not what is missing', async () => {
    const rows = client.db('edges').collection<Row>('distinct')
    await rows.insertMany([
      { _id: 1, a: [1, [2, 3], 1] },
      { _id: 2, a: null },
      { _id: 3 },
      { _id: 4, a: [] },
      { _id: 5, a: Long.fromNumber(1), b: [{ c: 1 }, { c: [2, 3] }, 7] },
    ])
    expect(await rows.distinct('a')).toEqual([null, 1, [2, 3]])
    expect(await rows.distinct('b.c')).toEqual([1, 2, 3])
    expect(await rows.distinct('b.1.c')).toEqual([2, 3])
    expect(await rows.distinct('a', { _id: 4 })).toEqual([])
  })
})
