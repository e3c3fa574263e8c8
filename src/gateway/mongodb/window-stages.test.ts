/** Stages that look at several documents at once, and accumulators that rank: facts from the manual of MongoDB 7.0. */
import { type Document, Long, MongoServerError } from 'mongodb'
import { beforeAll, describe, expect, it } from 'vitest'
import { openTestDriver } from './testing.ts'

const { client } = await openTestDriver()
const database = client.db('windows')
type Item = Document & { _id: number | string }
const sales = database.collection<Item>('sales')
const day = (n: number): Date => new Date(Date.UTC(2024, 0, n))

async function codeOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => 'done',
    (error: unknown) => (error instanceof MongoServerError ? error.code : error),
  )
}

async function given(documents: readonly Document[], ...pipeline: Document[]): Promise<Document[]> {
  return database.aggregate([{ $documents: documents }, ...pipeline]).toArray()
}

beforeAll(async () => {
  await sales.insertMany([
    { _id: 1, shop: 'a', at: day(1), n: 10 },
    { _id: 2, shop: 'b', at: day(1), n: 5 },
    { _id: 3, shop: 'a', at: day(2), n: 20 },
    { _id: 4, shop: 'a', at: day(5), n: 20 },
    { _id: 5, shop: 'b', at: day(3), n: 7 },
    { _id: 6, shop: 'a', at: day(6), n: 40 },
  ])
})

async function windowed(output: Document, sortBy: Document = { at: 1 }): Promise<Document> {
  const found = sales.aggregate([{ $setWindowFields: { partitionBy: '$shop', sortBy, output: { w: output } } }])
  return Object.fromEntries((await found.toArray()).map(({ _id, w }) => [_id, w]))
}

describe('$setWindowFields', () => {
  it.each<readonly [string, Document, Document]>([
    ['the whole partition', { $sum: '$n' }, { 1: 90, 3: 90, 4: 90, 6: 90, 2: 12, 5: 12 }],
    [
      'up to the current',
      { $sum: '$n', window: { documents: ['unbounded', 'current'] } },
      { 1: 10, 3: 30, 4: 50, 6: 90, 2: 5, 5: 12 },
    ],
    ['around it', { $avg: '$n', window: { documents: [-1, 1] } }, { 1: 15, 3: 50 / 3, 4: 80 / 3, 6: 30, 2: 6, 5: 6 }],
    [
      'before it alone',
      { $push: '$n', window: { documents: [-2, -1] } },
      { 1: [], 3: [10], 4: [10, 20], 6: [20, 20], 2: [], 5: [5] },
    ],
    [
      'days of a range',
      { $push: '$n', window: { range: [-3, 'current'], unit: 'day' } },
      { 1: [10], 3: [10, 20], 4: [20, 20], 6: [20, 40], 2: [5], 5: [5, 7] },
    ],
    [
      'the last of a window',
      { $last: '$n', window: { documents: ['current', 1] } },
      { 1: 20, 3: 20, 4: 40, 6: 40, 2: 7, 5: 7 },
    ],
    ['a number', { $documentNumber: {} }, { 1: 1, 3: 2, 4: 3, 6: 4, 2: 1, 5: 2 }],
    [
      'another place',
      { $shift: { output: '$n', by: 1, default: 'none' } },
      { 1: 20, 3: 20, 4: 40, 6: 'none', 2: 7, 5: 'none' },
    ],
    [
      'a moving average',
      { $expMovingAvg: { input: '$n', alpha: 0.5 } },
      { 1: 10, 3: 15, 4: 17.5, 6: 28.75, 2: 5, 5: 6 },
    ],
    [
      'how fast it grows',
      { $derivative: { input: '$n', unit: 'day' }, window: { documents: [-1, 0] } },
      { 1: null, 3: 10, 4: 0, 6: 20, 2: null, 5: 1 },
    ],
    [
      'the area below',
      { $integral: { input: '$n', unit: 'day' }, window: { documents: ['unbounded', 'current'] } },
      { 1: 0, 3: 15, 4: 75, 6: 105, 2: 0, 5: 12 },
    ],
    [
      'two variables',
      { $covariancePop: ['$n', { $multiply: ['$n', 2] }] },
      { 1: 237.5, 3: 237.5, 4: 237.5, 6: 237.5, 2: 2, 5: 2 },
    ],
    ['the middle', { $median: { input: '$n', method: 'approximate' } }, { 1: 20, 3: 20, 4: 20, 6: 20, 2: 5, 5: 5 }],
  ])('of %s', async (_, output, expected) => {
    expect(await windowed(output)).toEqual(expected)
  })

  it('ranks equals alike', async () => {
    expect(await windowed({ $rank: {} }, { n: 1 })).toEqual({ 1: 1, 3: 2, 4: 2, 6: 4, 2: 1, 5: 2 })
    expect(await windowed({ $denseRank: {} }, { n: -1 })).toEqual({ 6: 1, 3: 2, 4: 2, 1: 3, 5: 1, 2: 2 })
  })

  it('has windows of values', async () => {
    const documents = [1, 2, 4, 7, 8].map((x) => ({ x }))
    const found = await given(documents, {
      $setWindowFields: { sortBy: { x: 1 }, output: { 'a.near': { $sum: '$x', window: { range: [-1, 2] } } } },
    })
    expect(found.map(({ a }) => a.near as number)).toEqual([3, 7, 4, 15, 15])
  })

  it('gives every window of a large partition', async () => {
    const documents = Array.from({ length: 3000 }, (_, x) => ({ x }))
    const found = await given(documents, {
      $setWindowFields: { sortBy: { x: -1 }, output: { s: { $sum: '$x', window: { documents: [-99, 0] } } } },
    })
    expect(found).toHaveLength(3000)
    expect([found[0], found[98], found[99], found[2999]].map((one) => (one as Document)['s'] as number)).toEqual([
      2999, 292_050, 294_950, 4950,
    ])
  })

  it.each<readonly [string, Document, number]>([
    ['a window without an order', { output: { w: { $sum: '$n', window: { documents: [-1, 0] } } } }, 5_339_901],
    [
      'a range of two fields',
      { sortBy: { a: 1, b: 1 }, output: { w: { $sum: '$n', window: { range: [-1, 0] } } } },
      5_339_902,
    ],
    ['an unknown function', { output: { w: { $nonsense: '$n' } } }, 9],
    ['a rank with a window', { sortBy: { n: 1 }, output: { w: { $rank: {}, window: {} } } }, 5_371_601],
    [
      'a range of dates without a unit',
      { sortBy: { at: 1 }, output: { w: { $sum: '$n', window: { range: [-1, 0] } } } },
      5_429_414,
    ],
    ['partitions of arrays', { partitionBy: ['$n'], output: { w: { $sum: '$n' } } }, 5_429_513],
    ['unknown fields', { output: {}, order: {} }, 40_415],
  ])('refuses %s', async (_, specification, code) => {
    expect(await codeOf(sales.aggregate([{ $setWindowFields: specification }]).toArray())).toBe(code)
  })
})

describe('$fill', () => {
  const documents = [
    { _id: 1, t: 1, a: 10, p: 'x' },
    { _id: 2, t: 2, p: 'x' },
    { _id: 3, t: 4, a: 40, p: 'x' },
    { _id: 4, t: 5, a: null, p: 'x' },
    { _id: 5, t: 1, p: 'y' },
  ]

  it('carries on, draws lines and puts values, in each partition', async () => {
    const filled = async (output: Document): Promise<unknown[]> => {
      const fill = { partitionByFields: ['p'], sortBy: { t: 1 }, output }
      return (await given(documents, { $fill: fill }, { $sort: { _id: 1 } })).map(({ a }) => a as unknown)
    }
    expect(await filled({ a: { method: 'locf' } })).toEqual([10, 10, 40, 40, null])
    expect(await filled({ a: { method: 'linear' } })).toEqual([10, 20, 40, null, null])
    expect(await filled({ a: { value: { $multiply: ['$t', 2] } } })).toEqual([10, 4, 40, 10, 2])
    expect(await codeOf(given(documents, { $fill: { output: { a: { method: 'locf' } } } }))).toBe(9)
    expect(await codeOf(given(documents, { $fill: { output: { a: { method: 'spline' } } } }))).toBe(6_050_202)
  })
})

describe('$densify', () => {
  const values = (found: readonly Document[], name: string): unknown[] => found.map((one) => one[name] as unknown)

  it('makes what is missing of a range', async () => {
    const documents = [{ x: 1 }, { x: 3.5 }, { x: 6 }, { y: 1 }]
    const densified = async (range: Document, more: Document = {}): Promise<unknown[]> =>
      values(await given(documents, { $densify: { field: 'x', range, ...more } }), 'x')
    expect(await densified({ step: 2, bounds: 'full' })).toEqual([undefined, 1, 3, 3.5, 5, 6])
    expect(await densified({ step: 2, bounds: [0, 4] })).toEqual([undefined, 0, 1, 2, 3.5, 6])
    expect(await densified({ step: 2, bounds: [8, 12] })).toEqual([undefined, 1, 3.5, 6, 8, 10])
    expect(values(await given([], { $densify: { field: 'x', range: { step: 1, bounds: [1, 3] } } }), 'x')).toEqual([
      1, 2,
    ])
  })

  it('keeps partitions apart, and the ends of months', async () => {
    const documents = [
      { p: 'a', at: new Date('2024-01-31') },
      { p: 'a', at: new Date('2024-04-30') },
      { p: 'b', at: new Date('2024-02-29') },
    ]
    const months = (bounds: string): Promise<Document[]> =>
      given(documents, {
        $densify: { field: 'at', partitionByFields: ['p'], range: { step: 1, unit: 'month', bounds } },
      })
    const shown = (found: readonly Document[]): string[] =>
      found.map(({ p, at }) => `${p} ${(at as Date).toISOString().slice(5, 10)}`)
    expect(shown(await months('partition'))).toEqual(['a 01-31', 'a 02-29', 'a 03-31', 'a 04-30', 'b 02-29'])
    expect(shown(await months('full'))).toEqual([
      'a 01-31',
      'a 02-29',
      'a 03-31',
      'a 04-30',
      'b 01-31',
      'b 02-29',
      'b 03-31',
      'b 04-30',
    ])
  })

  it('has an end', async () => {
    const range = { step: 1, bounds: [0, 1e9] }
    expect(await codeOf(given([{ x: 1 }], { $densify: { field: 'x', range } }, { $count: 'n' }))).toBe(5_897_900)
    expect(await codeOf(given([{ x: 1 }], { $densify: { field: 'x', range: { step: 0, bounds: 'full' } } }))).toBe(
      5_733_401,
    )
    expect(await codeOf(given([{ x: day(1) }], { $densify: { field: 'x', range: { step: 1, bounds: 'full' } } }))).toBe(
      6_053_600,
    )
  })
})

describe('$bucketAuto', () => {
  const documents = [5, 1, 3, 3, 3, 9, 7, 8].map((x, i) => ({ x, i }))

  it('shares documents out, equal values together', async () => {
    expect(await given(documents, { $bucketAuto: { groupBy: '$x', buckets: 3 } })).toEqual([
      { _id: { min: 1, max: 5 }, count: 4 },
      { _id: { min: 5, max: 9 }, count: 3 },
      { _id: { min: 9, max: 9 }, count: 1 },
    ])
    const most = { groupBy: '$x', buckets: 2, output: { most: { $max: '$i' }, all: { $push: '$x' } } }
    expect(await given(documents, { $bucketAuto: most })).toEqual([
      { _id: { min: 1, max: 5 }, most: 4, all: [1, 3, 3, 3] },
      { _id: { min: 5, max: 9 }, most: 7, all: [5, 7, 8, 9] },
    ])
    expect(await codeOf(given(documents, { $bucketAuto: { groupBy: '$x', buckets: 0 } }))).toBe(40_243)
    expect(await codeOf(given(documents, { $bucketAuto: { groupBy: '$x', buckets: 2, granularity: 'R5' } }))).toBe(115)
  })
})

describe('$graphLookup', () => {
  const staff = database.collection<Item>('staff')
  const lookup = { from: 'staff', startWith: '$boss', connectFromField: 'boss', connectToField: 'name', as: 'above' }

  beforeAll(async () => {
    await staff.insertMany([
      { _id: 1, name: 'Ada' },
      { _id: 2, name: 'Bo', boss: 'Ada' },
      { _id: 3, name: 'Cy', boss: ['Bo'] },
      { _id: 4, name: 'Di', boss: ['Cy', 'Bo'] },
      // In a circle.
      { _id: 5, name: 'Ed', boss: 'Flo' },
      { _id: 6, name: 'Flo', boss: 'Ed' },
    ])
  })

  async function above(more: Document = {}): Promise<Document> {
    const found = await staff.aggregate([{ $graphLookup: { ...lookup, ...more } }, { $sort: { _id: 1 } }]).toArray()
    const shown = found.map(({ name, above: all }) => {
      const one = (all as Document[]).map(({ name: other, d }) => (d === undefined ? other : `${other} ${d}`) as string)
      return [name, one.toSorted()] as const
    })
    return Object.fromEntries(shown)
  }

  it('follows a field as far as it goes, and no further than is said', async () => {
    expect(await above()).toEqual({
      Ada: [],
      Bo: ['Ada'],
      Cy: ['Ada', 'Bo'],
      Di: ['Ada', 'Bo', 'Cy'],
      Ed: ['Ed', 'Flo'],
      Flo: ['Ed', 'Flo'],
    })
    expect(await above({ maxDepth: 0 })).toMatchObject({ Cy: ['Bo'], Di: ['Bo', 'Cy'], Ed: ['Flo'] })
    // At its least depth.
    expect(await above({ depthField: 'd' })).toMatchObject({ Di: ['Ada 1', 'Bo 0', 'Cy 0'], Ed: ['Ed 1', 'Flo 0'] })
    expect(await above({ restrictSearchWithMatch: { name: { $ne: 'Bo' } } })).toMatchObject({ Di: ['Cy'], Cy: [] })
    const [first] = await staff
      .aggregate([{ $match: { _id: 2 } }, { $graphLookup: { ...lookup, depthField: 'd' } }], { promoteLongs: false })
      .toArray()
    expect((first as Document)['above'][0].d).toEqual(Long.fromNumber(0))
  })

  it('finds a document once that several values lead to', async () => {
    const links = database.collection<Item>('links')
    await links.insertMany([
      { _id: 1, names: ['a', 'b'], next: ['b', 'c'] },
      { _id: 2, names: ['c'], next: 'a' },
    ])
    const more = { from: 'links', startWith: 'a', connectFromField: 'next', connectToField: 'names', depthField: 'd' }
    const stages = [{ $match: { _id: 1 } }, { $graphLookup: { ...lookup, ...more } }]
    const [found] = await links.aggregate(stages).toArray()
    const shown = (found!['above'] as Document[]).map(({ _id, d }) => [_id, d] as const)
    expect(shown).toEqual([
      [1, 0],
      [2, 1],
    ])
  })

  it.each<readonly [Document, number]>([
    [{ from: 'staff' }, 40_105],
    [{ ...lookup, maxDepth: -1 }, 40_101],
    [{ ...lookup, nonsense: 1 }, 40_104],
    [{ ...lookup, connectFromField: '$boss' }, 16_410],
  ])('refuses %o', async (specification, code) => {
    expect(await codeOf(staff.aggregate([{ $graphLookup: specification }]).toArray())).toBe(code)
  })

  it('goes on where a depth has thousands', async () => {
    const nodes = database.collection<Item>('nodes')
    await nodes.insertMany(
      Array.from({ length: 3000 }, (_, i) => ({
        _id: i,
        next: i === 0 ? Array.from({ length: 1500 }, (__, j) => j + 1) : [i + 1500],
      })),
    )
    const [found] = await nodes
      .aggregate([
        { $match: { _id: 0 } },
        {
          $graphLookup: {
            from: 'nodes',
            startWith: '$next',
            connectFromField: 'next',
            connectToField: '_id',
            as: 'all',
          },
        },
        { $project: { n: { $size: '$all' } } },
      ])
      .toArray()
    expect(found).toEqual({ _id: 0, n: 2999 })
  })
})

describe('accumulators that rank', () => {
  const scores = [
    { g: 1, who: 'a', s: 31 },
    { g: 1, who: 'b', s: 33 },
    { g: 1, who: 'c', s: 99 },
    { g: 1, who: 'd', s: 1 },
    { g: 2, who: 'e', s: 10 },
    { g: 2, s: 20 },
  ]
  const grouped = async (output: Document): Promise<unknown[]> =>
    (await given(scores, { $group: { _id: '$g', r: output } }, { $sort: { _id: 1 } })).map(({ r }) => r as unknown)

  it.each<readonly [string, Document, unknown[]]>([
    [
      '$top',
      { $top: { sortBy: { s: -1 }, output: ['$who', '$s'] } },
      [
        ['c', 99],
        [null, 20],
      ],
    ],
    ['$bottom', { $bottom: { sortBy: { s: -1 }, output: '$who' } }, ['d', 'e']],
    [
      '$topN',
      { $topN: { n: 2, sortBy: { s: 1 }, output: '$who' } },
      [
        ['d', 'a'],
        ['e', null],
      ],
    ],
    [
      '$bottomN, in the order of the sort',
      { $bottomN: { n: 3, sortBy: { s: -1 }, output: '$who' } },
      [
        ['b', 'a', 'd'],
        [null, 'e'],
      ],
    ],
    [
      'n of the group',
      { $topN: { n: { $cond: [{ $eq: ['$_id', 1] }, 2, 1] }, sortBy: { s: 1 }, output: '$s' } },
      [[1, 31], [10]],
    ],
    ['n of the group in $firstN', { $firstN: { n: '$_id', input: '$s' } }, [[31], [10, 20]]],
    ['$median', { $median: { input: '$s', method: 'approximate' } }, [31, 10]],
    [
      '$percentile',
      { $percentile: { input: '$s', p: [0, 0.75, 1], method: 'approximate' } },
      [
        [1, 33, 99],
        [10, 20, 20],
      ],
    ],
    ['$median of nothing', { $median: { input: '$none', method: 'approximate' } }, [null, null]],
  ])('%s', async (_, output, expected) => {
    expect(await grouped(output)).toEqual(expected)
  })

  it('of the numbers of an array', async () => {
    const [found] = await given([{ list: [3, 'x', 1, 2], one: 7 }], {
      $project: {
        m: { $median: { input: '$list', method: 'approximate' } },
        p: { $percentile: { input: ['$one', 9], p: [0.5, 0.9], method: 'approximate' } },
        none: { $median: { input: '$nothing', method: 'approximate' } },
      },
    })
    expect(found).toEqual({ m: 2, p: [7, 9], none: null })
  })

  it('keeps the best of many', async () => {
    const many = Array.from({ length: 5000 }, (_, i) => ({ x: (i * 7919) % 5003 }))
    const [found] = await given(many, {
      $group: { _id: null, r: { $topN: { n: 3, sortBy: { x: -1 }, output: '$x' } } },
    })
    const sorted = many.map(({ x }) => x).toSorted((a, b) => b - a)
    expect((found as Document)['r']).toEqual(sorted.slice(0, 3))
  })

  it.each<readonly [Document, number]>([
    [{ $topN: { n: 0, sortBy: { s: 1 }, output: '$s' } }, 5_787_908],
    [{ $top: { sortBy: { s: 1 } } }, 28_648],
    [{ $percentile: { input: '$s', p: [2], method: 'approximate' } }, 7_750_303],
    [{ $median: { input: '$s', method: 'exact' } }, 2],
  ])('refuses %o', async (output, code) => {
    expect(await codeOf(grouped(output))).toBe(code)
  })
})
