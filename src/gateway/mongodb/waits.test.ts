/** Commands over a store whose pages are not all resident: each goes on where it was, and loads what it touches once. */
import { deserialize, serialize, type Document } from 'bson'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRealHost } from '../../host/real/real-host.ts'
import { openTestSessions, type TestSessions } from '../../session/testing.ts'
import { MissingStore } from '../../storage/contract/missing-store.ts'
import { openMemoryStore } from '../../storage/memory/memory.ts'
import { Door } from '../door.ts'
import { defaultGatewayLimits } from '../gateway.ts'
import { mongodbProtocol } from './gateway.ts'
import { connectLocally, type RawClient } from './testing.ts'

let store: MissingStore
let opened: TestSessions
let door: Door
let client: RawClient

async function open(poolPages: number): Promise<void> {
  const host = createRealHost()
  store = new MissingStore(await openMemoryStore(host, undefined), poolPages)
  opened = await openTestSessions({ host, store })
  door = new Door(mongodbProtocol, opened.sessions, defaultGatewayLimits)
  client = connectLocally(door)
  // Only who has said something valid may send much.
  await ask({ ping: 1 })
}

afterEach(async () => {
  await door.close(0)
  await opened.close()
})

async function ask(command: Document, database = 'test'): Promise<Document> {
  const reply = deserialize((await client.command(serialize({ ...command, $db: database })))!)
  expect(reply).toMatchObject({ ok: 1 })
  return reply
}

async function aggregate(collection: string, pipeline: Document[], batchSize = 1000): Promise<Document[]> {
  return (await ask({ aggregate: collection, pipeline, cursor: { batchSize } }))['cursor'].firstBatch
}

/** What `work` comes to with nothing resident at first, and what it loads for it. */
async function cold<T>(work: () => Promise<T>): Promise<{ result: T; loads: number; touched: number; misses: number }> {
  store.pool.forget()
  const { restarts } = opened.sessions.repeats
  const result = await work()
  expect(store.pool.pinned).toBe(0)
  expect(opened.sessions.repeats.restarts).toBe(restarts)
  const { loads, touched, misses } = store.pool
  return { result, loads, touched, misses }
}

const count = 600
const text = (i: number): string => `text ${i} `.repeat(4)

async function fill(): Promise<void> {
  for (let from = 0; from < count; from += 200) {
    const ids = Array.from({ length: 200 }, (_, i) => from + i)
    await ask({
      insert: 'items',
      documents: ids.map((_id) => ({ _id, n: _id % 50, text: text(_id), tags: ['a', _id] })),
    })
    await ask({ insert: 'parts', documents: ids.map((_id) => ({ _id, item: (_id * 7) % count })) })
  }
  await ask({ createIndexes: 'parts', indexes: [{ key: { item: 1 }, name: 'item' }] })
  await ask({ createIndexes: 'items', indexes: [{ key: { tags: 1 }, name: 'tags' }] })
}

describe('with a pool of 4 pages', () => {
  beforeEach(async () => {
    await open(4)
    await fill()
  })

  it('pipelines come to their end', async () => {
    const stages: [string, Document[]][] = [
      ['group', [{ $group: { _id: '$n', sum: { $sum: '$_id' } } }, { $sort: { _id: 1 } }, { $limit: 2 }]],
      ['sort', [{ $sort: { text: -1 } }, { $limit: 1 }, { $project: { n: 1 } }]],
      ['unwind', [{ $unwind: '$tags' }, { $match: { tags: { $gte: count - 10 } } }, { $count: 'n' }]],
      [
        'lookup',
        [
          { $lookup: { from: 'parts', localField: '_id', foreignField: 'item', as: 'p' } },
          { $unwind: '$p' },
          { $count: 'n' },
        ],
      ],
      ['facet', [{ $facet: { all: [{ $count: 'n' }], few: [{ $match: { n: 7 } }, { $count: 'n' }] } }]],
    ]
    const results: Record<string, Document[]> = {}
    for (const [name, pipeline] of stages) {
      const { result, touched } = await cold(() => aggregate('items', pipeline))
      expect(touched).toBeGreaterThan(5)
      results[name] = result
    }
    expect(results).toEqual({
      group: [0, 1].map((n) => ({ _id: n, sum: 12 * n + 50 * ((12 * 11) / 2) })),
      sort: [{ _id: 99, n: 49 }],
      unwind: [{ n: 10 }],
      lookup: [{ n: count }],
      facet: [{ all: [{ n: count }], few: [{ n: 12 }] }],
    })
  })

  it('reads and writes are made once', async () => {
    const filter = { text: { $ne: '' } }
    const change = { q: filter, u: { $inc: { n: 1000 } }, multi: true }
    expect(await ask({ count: 'items', query: filter })).toMatchObject({ n: count })
    expect((await ask({ distinct: 'items', key: 'n', query: filter }))['values']).toHaveLength(50)
    expect(await ask({ update: 'items', updates: [change] })).toMatchObject({ n: count, nModified: count })
    const updates = [5, 500].map((_id) => ({ q: { _id }, u: { $inc: { n: 1 } } }))
    expect(await ask({ update: 'items', updates })).toMatchObject({ nModified: 2 })
    const sorted = { findAndModify: 'items', query: { tags: 'a' }, sort: { text: -1 }, update: { $inc: { n: 1 } } }
    expect((await ask({ ...sorted, new: true }))['value']).toMatchObject({ _id: 99, n: 1050 })
    const [total] = await aggregate('items', [{ $group: { _id: null, n: { $sum: '$n' } } }])
    expect(total).toMatchObject({ n: 1000 * count + 12 * ((50 * 49) / 2) + 3 })
    expect(await ask({ delete: 'items', deletes: [{ q: { _id: { $gte: 100 } }, limit: 0 }] })).toMatchObject({
      n: 500,
    })
    expect(await ask({ collStats: 'items' })).toMatchObject({ count: 100 })
    expect(opened.sessions.repeats.restarts).toBe(0)
  })

  it('a cursor goes on where its batch ended', async () => {
    const first = (await ask({ find: 'items', filter: { tags: { $gte: 0 } }, sort: { tags: 1 }, batchSize: 150 }))[
      'cursor'
    ]
    const ids: number[] = first.firstBatch.map(({ _id }: Document) => _id)
    for (let id = first.id; id !== 0 && ids.length < count;) {
      const { cursor } = await ask({ getMore: first.id, collection: 'items', batchSize: 150 })
      ids.push(...cursor.nextBatch.map(({ _id }: Document) => _id))
      id = cursor.id
    }
    expect(ids).toEqual(Array.from({ length: count }, (_, i) => i))
  })
})

describe('with a pool that holds them all', () => {
  beforeEach(async () => {
    await open(1000)
    await fill()
  })

  it.each([
    ['a scan', [{ $match: { text: { $ne: '' } } }, { $count: 'n' }], 1],
    [
      'look-ups by an index',
      [{ $lookup: { from: 'parts', localField: '_id', foreignField: 'item', as: 'p' } }, { $count: 'n' }],
      1,
    ],
    [
      'a look-up in all',
      [{ $limit: 3 }, { $lookup: { from: 'items', localField: 'n', foreignField: 'n', as: 'p' } }, { $count: 'n' }],
      1,
    ],
    ['entries of an index', [{ $match: { tags: { $gte: 200 } } }, { $count: 'n' }], 1],
  ])('%s loads hardly more pages than it touches', async (_name, pipeline, length) => {
    const { result, loads, touched } = await cold(() => aggregate('items', pipeline))
    expect(result).toHaveLength(length)
    expect(touched).toBeGreaterThan(6)
    expect(loads).toBeLessThanOrEqual(1.2 * touched)
  })
})
