/** `$lookup` by look-ups, by a table and by a pipeline: what a document finds among many is what it finds alone. */
import { Double, Int32, Long, MongoServerError, type Document } from 'mongodb'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { SeededRandom } from '../../host/simulated/random.ts'
import { PlanScan } from '../../language/mql/plan-scan.ts'
import { GroupJoin } from '../../query/group-join.ts'
import { openTestDriver } from './testing.ts'

interface Row {
  _id: number
  [name: string]: unknown
}

const { client } = await openTestDriver()
const shop = client.db('lookups')
const rows = 150

const values = [
  null,
  1,
  2,
  new Double(1),
  Long.fromNumber(2),
  'a',
  'b',
  '',
  true,
  [1, 'a'],
  [],
  [null],
  [[1, 'a']],
  { x: 1 },
  { x: 2 },
]

beforeAll(async () => {
  const random = new SeededRandom(5)
  const value = (): unknown => values[random.below(values.length)]
  const document = (_id: number): Row => {
    const made: Row = { _id, n: new Int32(_id % 9) }
    if (random.chance(0.8)) made['v'] = value()
    if (random.chance(0.7)) made['list'] = [{ v: value() }, { v: value() }, value()]
    return made
  }
  await shop.collection<Row>('left').insertMany(Array.from({ length: rows }, (_, i) => document(i)))
  await shop.collection<Row>('right').insertMany(Array.from({ length: rows }, (_, i) => document(i)))
  await shop.collection<Row>('indexed').insertMany(Array.from({ length: rows }, (_, i) => document(i)))
  await shop.collection('indexed').createIndex({ v: 1 })
  await shop.collection('indexed').createIndex({ 'list.v': 1 })
})

afterEach(() => void vi.restoreAllMocks())

async function found(pipeline: Document[], only?: number): Promise<Map<number, number[]>> {
  const match = only === undefined ? [] : [{ $match: { _id: only } }]
  const documents = await shop
    .collection<Row>('left')
    .aggregate([...match, ...pipeline])
    .toArray()
  return new Map(
    documents.map((one) => [one['_id'] as number, (one['f'] as Row[]).map(({ _id }) => _id).sort((a, b) => a - b)]),
  )
}

const refused = async (stage: Document): Promise<number | undefined> => {
  const error: unknown = await shop
    .collection('left')
    .aggregate([{ $lookup: stage }])
    .toArray()
    .catch((one: unknown) => one)
  return error instanceof MongoServerError ? (error.code as number) : undefined
}

describe('$lookup by fields', () => {
  const paths = ['v', 'list.v', 'list', 'n', 'list.0.v', 'none']

  it.each(['right', 'indexed'])('finds in %s by a table what it finds by look-ups', async (from) => {
    const tables = vi.spyOn(GroupJoin.prototype, 'next')
    for (const localField of paths) {
      for (const foreignField of paths) {
        const stage = [{ $lookup: { from, localField, foreignField, as: 'f' } }]
        tables.mockClear()
        const together = await found(stage)
        expect(tables).toHaveBeenCalled()
        expect(together.size).toBe(rows)
        tables.mockClear()
        for (let _id = 0; _id < rows; _id += 13) {
          expect({ stage, ids: together.get(_id) }).toEqual({ stage, ids: (await found(stage, _id)).get(_id) })
        }
        expect(tables).not.toHaveBeenCalled()
      }
    }
  })

  it('goes by an index for few documents', async () => {
    const tables = vi.spyOn(GroupJoin.prototype, 'next')
    const stage = { from: 'indexed', localField: '_id', foreignField: '_id', as: 'f' }
    const few = await shop
      .collection('left')
      .aggregate([{ $limit: 5 }, { $lookup: stage }])
      .toArray()
    expect(few.map(({ _id, f }) => [_id as number, (f as Row[])[0]!._id])).toEqual([0, 1, 2, 3, 4].map((i) => [i, i]))
    expect(tables).not.toHaveBeenCalled()
  })

  it('reads a collection without an index a few times at most', async () => {
    await shop.collection<Row>('wide').insertMany(Array.from({ length: 600 }, (_, _id) => ({ _id, k: _id % 50 })))
    const stage = { from: 'wide', localField: 'k', foreignField: 'k', as: 'f' }
    const [counted] = await shop
      .collection('wide')
      .aggregate([{ $lookup: stage }, { $unwind: '$f' }, { $count: 'n' }])
      .toArray()
    expect(counted).toEqual({ n: 600 * 12 })
  })

  it('finds nothing in a collection that is not there', async () => {
    const all = await found([{ $lookup: { from: 'nowhere', localField: 'v', foreignField: 'v', as: 'f' } }])
    expect([...all.values()].every(({ length }) => length === 0)).toBe(true)
  })
})

describe('$lookup by a pipeline', () => {
  it('runs stages that read no variable once, and the others for each document', async () => {
    const pipeline = [
      { $match: { n: { $lt: 5 } } },
      { $project: { n: 1 } },
      { $match: { $expr: { $eq: ['$n', '$$wanted'] } } },
    ]
    const all = await found([{ $lookup: { from: 'right', let: { wanted: '$n' }, pipeline, as: 'f' } }])
    for (const [id, ids] of all) {
      const wanted = Array.from({ length: rows }, (_, i) => i).filter((i) => i % 9 === id % 9 && i % 9 < 5)
      expect([id, ids]).toEqual([id, wanted])
    }
  })

  it('without variables gives every document the same', async () => {
    const pipeline = [{ $sort: { _id: -1 } }, { $limit: 2 }]
    const all = await found([{ $lookup: { from: 'right', pipeline, as: 'f' } }])
    expect(new Set([...all.values()].map(String))).toEqual(new Set([`${rows - 2},${rows - 1}`]))
    expect((await found([{ $lookup: { from: 'right', pipeline: [], as: 'f' } }])).get(3)).toHaveLength(rows)
  })

  it('sees the variables of the command, and those of $lookup before them', async () => {
    const pipeline = [{ $match: { $expr: { $eq: ['$_id', { $add: ['$$base', '$$own.x'] }] } } }]
    const lookup = { $lookup: { from: 'right', let: { own: { x: '$n' } }, pipeline, as: 'f' } }
    const documents = await shop
      .collection('left')
      .aggregate([{ $match: { _id: { $in: [3, 4] } } }, lookup], { let: { base: 10 } })
      .toArray()
    expect(documents.map(({ f }) => (f as Row[]).map(({ _id }) => _id))).toEqual([[13], [14]])
  })

  it('beside fields runs over the documents that fit', async () => {
    const fields = { from: 'indexed', localField: 'v', foreignField: 'v', as: 'f' }
    const plain = await found([{ $lookup: fields }])
    const pipeline = [{ $match: { $expr: { $lt: ['$_id', '$$own'] } } }, { $sort: { _id: 1 } }, { $limit: 3 }]
    const both = await found([{ $lookup: { ...fields, let: { own: '$_id' }, pipeline } }])
    for (const [id, ids] of plain) expect(both.get(id)).toEqual(ids.filter((one) => one < id).slice(0, 3))
  })

  it.each(['right', 'indexed'])('by an equality of $expr finds in %s what it finds by looking at all', async (from) => {
    for (const path of ['$v', '$list.v', '$list', '$none']) {
      for (const own of ['$v', '$list.v']) {
        const equality = { $eq: [path, '$$own'] }
        const by = (pipeline: Document[]) => found([{ $lookup: { from, let: { own }, pipeline, as: 'f' } }])
        const all = await by([{ $match: { $expr: { $or: [equality] } } }])
        expect(await by([{ $match: { $expr: equality } }]), `${path} ${own}`).toEqual(all)
        expect(await by([{ $set: { z: 1 } }, { $match: { $expr: { $and: [equality, true] } } }])).toEqual(all)
      }
    }
  })

  it.each<[string, Document[]]>([
    ['of the first stage', []],
    ['behind stages that are kept', [{ $match: { k: { $gte: 0 } } }]],
  ])('by an equality of $expr %s looks at rows and matches, not at all for each', async (_, before) => {
    const count = 400
    const shelves = client.db('shelves')
    await shelves.dropDatabase()
    await shelves
      .collection<Row>('plain')
      .insertMany(Array.from({ length: count }, (_one, _id) => ({ _id, k: _id % 40 })))
    await shelves
      .collection<Row>('indexed')
      .insertMany(Array.from({ length: count }, (_one, _id) => ({ _id, k: _id % 40 })))
    await shelves.collection('indexed').createIndex({ k: 1 })
    const looks = vi.spyOn(PlanScan.prototype, 'step')
    for (const from of ['plain', 'indexed']) {
      const pipeline = [...before, { $match: { $expr: { $eq: ['$$own', '$k'] } } }]
      looks.mockClear()
      const [counted] = await shelves
        .collection('plain')
        .aggregate([{ $lookup: { from, let: { own: '$k' }, pipeline, as: 'f' } }, { $unwind: '$f' }, { $count: 'n' }])
        .toArray()
      expect(counted).toEqual({ n: count * 10 })
      // Rows and matches are 4,800; all for each were 160,000.
      expect(looks.mock.calls.length, from).toBeLessThan(8000)
    }
  })

  it('within a pipeline sees both', async () => {
    const inner = {
      from: 'right',
      let: { b: '$n' },
      pipeline: [{ $match: { $expr: { $eq: ['$_id', { $add: ['$$a', '$$b'] }] } } }],
      as: 'g',
    }
    const pipeline = [{ $match: { _id: { $lt: 3 } } }, { $lookup: inner }, { $set: { g: '$g._id' } }]
    const [first] = await shop
      .collection('left')
      .aggregate([{ $match: { _id: 20 } }, { $lookup: { from: 'left', let: { a: '$_id' }, pipeline, as: 'f' } }])
      .toArray()
    expect((first!['f'] as Row[]).map(({ g }) => g)).toEqual([[20], [21], [22]])
  })

  it('says what is wrong with it', async () => {
    expect(await refused({ from: 'right', as: 'f' })).toBe(9)
    expect(await refused({ from: 'right', localField: 'a', as: 'f' })).toBe(9)
    expect(await refused({ from: 'right', localField: 'a', foreignField: 'a', let: {}, as: 'f' })).toBe(9)
    expect(await refused({ from: 'right', let: 1, pipeline: [], as: 'f' })).toBe(9)
    expect(await refused({ from: 'right', let: { Big: 1 }, pipeline: [], as: 'f' })).toBe(9)
    expect(await refused({ from: 'right', pipeline: [{ $nonsense: 1 }], as: 'f' })).toBe(40_324)
    expect(await refused({ from: 'right', pipeline: 1, as: 'f' })).toBe(14)
  })
})

describe('explain', () => {
  it('says what the winning plan and the rejected ones cost, of which it is the least', async () => {
    await shop.collection('indexed').createIndex({ n: 1 })
    const shown = await shop.collection('indexed').find({ n: 3, v: 'a' }).explain('queryPlanner')
    const { winningPlan, rejectedPlans } = shown['queryPlanner'] as { winningPlan: Document; rejectedPlans: Document[] }
    expect(rejectedPlans.length).toBeGreaterThan(0)
    expect(winningPlan['cardinalityEstimate']).toBeLessThanOrEqual(rows)
    for (const one of rejectedPlans)
      expect(one['costEstimate']).toBeGreaterThanOrEqual(winningPlan['costEstimate'] as number)
  })
})
