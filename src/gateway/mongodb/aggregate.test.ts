import { Decimal128, Double, Int32, Long, MongoServerError, type Document } from 'mongodb'
import { beforeAll, describe, expect, it } from 'vitest'
import { openTestDriver } from './testing.ts'

interface Row {
  _id: unknown
  [name: string]: unknown
}

const { client } = await openTestDriver()
beforeAll(async () => {
  const shop = client.db('shop')
  await shop.collection<Row>('orders').insertMany([
    {
      _id: 1,
      who: 'ann',
      total: 10,
      items: [
        { sku: 'a', n: 1 },
        { sku: 'b', n: 2 },
      ],
      at: new Date('2024-01-31T10:00:00Z'),
    },
    {
      _id: 2,
      who: 'bob',
      total: Decimal128.fromString('0.1'),
      items: [{ sku: 'a', n: 5 }],
      at: new Date('2024-02-29T10:00:00Z'),
    },
    { _id: 3, who: 'ann', total: 2.5, items: [], at: new Date('2023-12-31T23:59:59Z') },
    { _id: 4, who: 'eve', total: Long.fromString('9007199254740993'), at: null },
  ])
  await shop.collection<Row>('skus').insertMany([
    { _id: 'a', name: 'apple' },
    { _id: 'b', name: 'bread' },
  ])
})

const run = (pipeline: Document[], options = {}): Promise<Document[]> =>
  client.db('shop').collection('orders').aggregate(pipeline, options).toArray()

const one = async (expression: unknown): Promise<unknown> => {
  const [found] = await run([{ $match: { _id: 1 } }, { $project: { _id: 0, r: expression } }], { promoteValues: false })
  return found!['r']
}

describe('pipelines', () => {
  it('group with exact sums', async () => {
    const groups = await run(
      [{ $group: { _id: '$who', n: { $sum: 1 }, total: { $sum: '$total' } } }, { $sort: { _id: 1 } }],
      {
        promoteValues: false,
      },
    )
    expect(groups).toEqual([
      { _id: 'ann', n: new Int32(2), total: new Double(12.5) },
      { _id: 'bob', n: new Int32(1), total: Decimal128.fromString('0.1') },
      { _id: 'eve', n: new Int32(1), total: Long.fromString('9007199254740993') },
    ])
  })

  it('unwind, match, project, sort, skip, limit, count', async () => {
    expect(
      await run([
        { $match: { who: { $in: ['ann', 'bob'] } } },
        { $unwind: { path: '$items', includeArrayIndex: 'i' } },
        { $project: { sku: '$items.sku', i: 1, _id: 0, big: { $gte: ['$items.n', 2] } } },
        { $sort: { sku: 1, big: -1 } },
        { $skip: 1 },
        { $limit: 2 },
      ]),
    ).toEqual([
      { i: 0, sku: 'a', big: false },
      { i: 1, sku: 'b', big: true },
    ])
    expect(await run([{ $unwind: '$items' }, { $count: 'n' }])).toEqual([{ n: 3 }])
    expect(await run([{ $match: { who: 'nobody' } }, { $count: 'n' }])).toEqual([])
  })

  it('look up, facet, bucket, sort by count', async () => {
    const joined = await run([
      { $match: { _id: 1 } },
      { $unwind: '$items' },
      { $lookup: { from: 'skus', localField: 'items.sku', foreignField: '_id', as: 'sku' } },
      { $project: { _id: 0, name: { $first: '$sku.name' } } },
    ])
    expect(joined).toEqual([{ name: 'apple' }, { name: 'bread' }])
    const [facets] = await run([
      {
        $facet: {
          people: [{ $sortByCount: '$who' }, { $limit: 1 }],
          sizes: [{ $bucket: { groupBy: '$_id', boundaries: [0, 2, 9] } }],
        },
      },
    ])
    expect(facets).toEqual({
      people: [{ _id: 'ann', count: 2 }],
      sizes: [
        { _id: 0, count: 1 },
        { _id: 2, count: 3 },
      ],
    })
  })

  it('change documents', async () => {
    expect(
      await run([
        { $match: { _id: 3 } },
        { $set: { 'who.name': '$who', n: { $size: '$items' } } },
        { $unset: ['items', 'at', 'total'] },
      ]),
    ).toEqual([{ _id: 3, who: { name: 'ann' }, n: 0 }])
    expect(
      await run([
        { $match: { _id: 1 } },
        { $unwind: '$items' },
        { $replaceRoot: { newRoot: '$items' } },
        { $limit: 1 },
      ]),
    ).toEqual([{ sku: 'a', n: 1 }])
  })

  it.each([
    [[{ $nonsense: 1 }], 40_324],
    [[{ $graphLookup: {} }], 40_105],
    [[{ $geoNear: {} }], 16_605],
    [[{ $project: { a: { $nonsense: 1 } } }], 168],
    [[{ $group: { n: { $sum: 1 } } }], 15_955],
    [[{ $limit: 0 }], 15_958],
    [[{ $match: 1 }], 15_959],
    [[{ $project: { a: 1, b: 0 } }], 31_254],
    [[{ $sort: {} }], 15_976],
  ])('%j is refused with %i', async (pipeline, code) => {
    const error = await run(pipeline as Document[]).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(MongoServerError)
    expect((error as MongoServerError).code).toBe(code)
  })
})

describe('expressions', () => {
  const int = (n: number): Int32 => new Int32(n)
  const cases: [string, unknown, unknown][] = [
    ['integers stay integers', { $add: [1, 2] }, int(3)],
    ['longs stay exact', { $add: [Long.fromString('9007199254740993'), 1] }, Long.fromString('9007199254740994')],
    ['overflow to long', { $multiply: [2_000_000_000, 2] }, Long.fromString('4000000000')],
    [
      'decimals stay decimals',
      { $add: [Decimal128.fromString('0.1'), Decimal128.fromString('0.2')] },
      Decimal128.fromString('0.3'),
    ],
    ['division is a double', { $divide: [7, 2] }, new Double(3.5)],
    ['remainder', { $mod: [-7, 3] }, int(-1)],
    ['rounding', { $round: [2.5] }, new Double(2)],
    ['rounding to places', { $round: [1234.5678, 2] }, new Double(1234.57)],
    ['null makes null', { $add: [1, null] }, null],
    ['conditions', { $cond: [{ $gt: ['$total', 5] }, 'much', 'little'] }, 'much'],
    ['switch', { $switch: { branches: [{ case: false, then: 1 }], default: 'd' } }, 'd'],
    ['missing is not null', { $ifNull: ['$nothing', '$who'] }, 'ann'],
    ['paths through arrays', '$items.sku', ['a', 'b']],
    ['map', { $map: { input: '$items', as: 'x', in: { $multiply: ['$$x.n', 10] } } }, [int(10), int(20)]],
    ['filter', { $filter: { input: '$items.n', cond: { $gt: ['$$this', 1] } } }, [int(2)]],
    ['reduce', { $reduce: { input: '$items.n', initialValue: 0, in: { $add: ['$$value', '$$this'] } } }, int(3)],
    ['let', { $let: { vars: { a: 2 }, in: { $multiply: ['$$a', '$total'] } } }, int(20)],
    ['arrays', { $concatArrays: [[1], { $range: [0, 2] }, { $slice: [[7, 8, 9], -1] }] }, [1, 0, 1, 9].map(int)],
    ['elements', { $arrayElemAt: ['$items.sku', -1] }, 'b'],
    [
      'sets',
      {
        $setIntersection: [
          [1, 2, 2],
          [2, 3],
        ],
      },
      [int(2)],
    ],
    [
      'objects',
      {
        $arrayToObject: [
          [
            ['a', 1],
            ['b', 'x'],
          ],
        ],
      },
      { a: int(1), b: 'x' },
    ],
    ['pairs', { $objectToArray: { a: 1 } }, [{ k: 'a', v: int(1) }]],
    ['merge', { $mergeObjects: [{ a: 1, b: 1 }, { b: 2 }] }, { a: int(1), b: int(2) }],
    ['text', { $concat: [{ $toUpper: '$who' }, '-', { $substrCP: ['héllo', 1, 3] }] }, 'ANN-éll'],
    ['split', { $split: ['a,b', ','] }, ['a', 'b']],
    ['trim', { $trim: { input: ' x ' } }, 'x'],
    ['index', { $indexOfCP: ['héllo', 'l'] }, int(2)],
    [
      'regex',
      { $regexFind: { input: 'ab12', regex: '([a-z])(\\d)' } },
      { match: 'b1', idx: int(1), captures: ['b', '1'] },
    ],
    ['types', { $type: '$at' }, 'date'],
    [
      'conversions',
      [{ $toInt: '12' }, { $toString: 1.5 }, { $toBool: 0 }, { $toLong: 1 }],
      [int(12), '1.5', false, Long.fromInt(1)],
    ],
    ['failed conversions', { $convert: { input: 'x', to: 'int', onError: 'no' } }, 'no'],
    [
      'date parts',
      [{ $year: '$at' }, { $month: '$at' }, { $dayOfWeek: '$at' }, { $isoWeek: '$at' }],
      [2024, 1, 4, 5].map(int),
    ],
    ['date texts', { $dateToString: { date: '$at', format: '%Y/%m/%d %H' } }, '2024/01/31 10'],
    ['months', { $dateAdd: { startDate: '$at', unit: 'month', amount: 1 } }, new Date('2024-02-29T10:00:00Z')],
    ['differences of dates', { $subtract: ['$at', new Date('2024-01-31T09:59:59Z')] }, Long.fromInt(1000)],
    ['literals', { $literal: '$who' }, '$who'],
    ['averages', { $avg: [1, 2, 'x'] }, new Double(1.5)],
    ['compensated sums', { $sum: [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1] }, new Double(1)],
  ]
  it.each(cases)('%s', async (_, expression, expected) => {
    expect(await one(expression)).toEqual(expected)
  })
})

describe('explain', () => {
  it('names the index', async () => {
    const orders = client.db('shop').collection('orders')
    await orders.createIndex({ who: 1, total: -1 })
    const plan = async (filter: Document, sort: Document = {}): Promise<Document> =>
      (await orders.find(filter).sort(sort).explain('queryPlanner'))['queryPlanner'].winningPlan
    expect(await plan({ who: 'ann' }, { total: 1 })).toMatchObject({
      stage: 'FETCH',
      inputStage: { stage: 'IXSCAN', indexName: 'who_1_total_-1', direction: 'backward' },
    })
    expect(await plan({ at: null })).toMatchObject({ stage: 'COLLSCAN', direction: 'forward' })
    expect(await plan({ _id: 1 as never })).toMatchObject({ stage: 'IDHACK' })
    expect(await plan({ who: 'ann' }, { at: 1 })).toMatchObject({ stage: 'SORT', inputStage: { stage: 'FETCH' } })
  })
})

describe('find and modify', () => {
  it('answers the document before or after', async () => {
    const counters = client.db('shop').collection<{ _id: string; n: number }>('counters')
    const next = (): Promise<Document | null> =>
      counters.findOneAndUpdate({ _id: 'c' }, { $inc: { n: 1 } }, { upsert: true, returnDocument: 'after' })
    expect(await next()).toEqual({ _id: 'c', n: 1 })
    expect(await next()).toEqual({ _id: 'c', n: 2 })
    expect(await counters.findOneAndReplace({ _id: 'c' }, { n: 9 })).toEqual({ _id: 'c', n: 2 })
    expect(await counters.findOneAndDelete({ n: 9 }, { sort: { _id: 1 }, projection: { n: 1, _id: 0 } })).toEqual({
      n: 9,
    })
    expect(await counters.findOneAndDelete({ n: 9 })).toBeNull()
  })
})

describe('collections and databases', () => {
  it('are listed, made, renamed and dropped', async () => {
    const db = client.db('many')
    await db.createCollection('one')
    await expect(db.createCollection('one')).rejects.toMatchObject({ code: 48 })
    await db.collection('two').insertOne({ x: 1 })
    const names = async (): Promise<string[]> => (await db.listCollections().toArray()).map(({ name }) => name).sort()
    expect(await names()).toEqual(['one', 'two'])
    await db.collection('two').rename('three')
    expect(await names()).toEqual(['one', 'three'])
    expect((await client.db().admin().listDatabases()).databases.map(({ name }) => name)).toContain('many')
    expect(await db.collection('three').indexes()).toEqual([{ v: 2, key: { _id: 1 }, name: '_id_' }])
    await db.collection('three').drop()
    await db.dropDatabase()
    expect(await names()).toEqual([])
  })

  it('refuse what is not built, by name', async () => {
    const db = client.db('many')
    const timeseries = { timeField: 't' }
    await expect(db.createCollection('times', { timeseries })).rejects.toMatchObject({ code: 115 })
    await expect(db.collection('a').createIndex({ a: 'text' })).rejects.toMatchObject({ code: 67 })
    await expect(
      db
        .collection('a')
        .find({}, { collation: { locale: 'zh' } })
        .toArray(),
    ).rejects.toMatchObject({ code: 2 })
    await expect(db.command({ shutdown: 1 })).rejects.toMatchObject({ code: 59 })
  })
})
