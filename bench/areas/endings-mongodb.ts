/** Pipelines of MongoDB that would run for long, ended by `maxTimeMS`, `killOp`, their cursor's end, the connection's, SIGTERM. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Db, type Document, MongoClient } from 'mongodb'
import type { Area } from '../area.ts'
import { type Running, startPolylog } from '../processes.ts'
import { type Ending, endingRow } from './endings.ts'

const rowsOfCollection = 60_000
/** Until a pipeline is told to end it runs so long. */
const headStartMs = 400

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
const range = (end: number): Document => ({ $range: [0, end] })
const sumOf = (input: Document, each: unknown): Document => ({
  $reduce: { input, initialValue: 0, in: { $add: ['$$value', each] } },
})
const nested = (depth: number): Document =>
  depth === 0 ? { $add: ['$$this', 1] } : { $map: { input: range(1000), in: nested(depth - 1) } }

const pipelines: Readonly<Record<string, readonly Document[]>> = {
  'nested-map': [{ $project: { x: nested(4) } }],
  reduce: [{ $project: { x: sumOf(range(1_000_000), '$n') } }],
  product: [{ $lookup: { from: 'rows', pipeline: [], as: 'all' } }, { $unwind: '$all' }, { $match: { 'all.n': -1 } }],
  'lookup-expr': [
    {
      $lookup: { from: 'rows', let: { n: '$n' }, pipeline: [{ $match: { $expr: { $lt: ['$$n', '$n'] } } }], as: 'all' },
    },
    { $match: { n: -1 } },
  ],
  unwind: [
    { $set: { a: range(10_000) } },
    { $unwind: '$a' },
    { $group: { _id: { $multiply: ['$a', '$n'] } } },
    { $count: 'n' },
  ],
  sort: [{ $set: { a: range(200) } }, { $unwind: '$a' }, { $sort: { a: -1, text: 1 } }, { $skip: 20_000_000 }],
  facet: [
    { $set: { a: range(50) } },
    { $unwind: '$a' },
    { $facet: { x: [{ $sort: { a: 1 } }, { $count: 'n' }], y: [{ $group: { _id: '$_id' } }, { $count: 'n' }] } },
  ],
  'regular-expression': [
    {
      $set: { long: { $reduce: { input: range(14), initialValue: '$text', in: { $concat: ['$$value', '$$value'] } } } },
    },
    { $match: { long: /(x|y)*z(x|y)*w$/ } },
  ],
  'group-set': [{ $set: { a: range(500) } }, { $unwind: '$a' }, { $group: { _id: null, all: { $addToSet: '$a' } } }],
  filter: [
    {
      $match: { $expr: { $gt: [{ $size: { $filter: { input: range(100_000), cond: { $eq: ['$$this', -1] } } } }, 0] } },
    },
  ],
}

async function withServer<T>(work: (server: Running, client: MongoClient, db: Db) => Promise<T>): Promise<T> {
  const server = await startPolylog({})
  const client = await MongoClient.connect(`mongodb://127.0.0.1:${server.port}/?retryReads=false`)
  try {
    const db = client.db('endings')
    for (let from = 0; from < rowsOfCollection; from += 10_000) {
      const rows = numbers(10_000).map((i) => ({ n: from + i, text: `xyxy${i}` }))
      await db.collection('rows').insertMany(rows)
    }
    return await work(server, client, db)
  } finally {
    await client.close(true)
    await server.stop()
  }
}

function run(db: Db, pipeline: readonly Document[], options: Document = {}): Promise<number> {
  return db
    .collection('rows')
    .aggregate([...pipeline], { batchSize: 1, ...options })
    .toArray()
    .then(
      () => performance.now(),
      () => performance.now(),
    )
}

export const endingsOfMongodb: Area = {
  name: 'endings-mongodb',
  apart: false,
  async *rows() {
    for await (const ending of measured()) yield endingRow({ ...ending, name: `mongodb-${ending.name}` })
  },
}

async function* measured(): AsyncGenerator<Ending> {
  const found: Ending[] = []
  await withServer(async (server, client, db) => {
    for (const [name, pipeline] of Object.entries(pipelines)) {
      const begun = performance.now()
      found.push({
        name,
        way: 'maxTimeMS',
        ms: (await run(db, pipeline, { maxTimeMS: headStartMs })) - begun - headStartMs,
      })
      found.push({ name, way: 'killOp', ms: await byKillOp(client, db, pipeline) })
      found.push({ name, way: 'disconnect', ms: await byDisconnect(server, client, pipeline) })
    }
  })
  yield* found
  for (const [name, pipeline] of Object.entries(pipelines)) yield { name, way: 'SIGTERM', ms: await bySignal(pipeline) }
}

async function operations(client: MongoClient): Promise<Document[]> {
  const { inprog } = await client.db('admin').command({ currentOp: 1 })
  return (inprog as Document[]).filter((one) => JSON.stringify(one).includes('aggregate'))
}

async function byKillOp(client: MongoClient, db: Db, pipeline: readonly Document[]): Promise<number> {
  const ended = run(db, pipeline)
  await sleep(headStartMs)
  const [operation] = await operations(client)
  const begun = performance.now()
  if (operation === undefined) return (await ended) - begun
  await client.db('admin').command({ killOp: 1, op: operation['opid'] as number })
  return (await ended) - begun
}

async function byDisconnect(server: Running, client: MongoClient, pipeline: readonly Document[]): Promise<number> {
  const other = await MongoClient.connect(`mongodb://127.0.0.1:${server.port}/?retryReads=false`)
  const ended = run(other.db('endings'), pipeline)
  await sleep(headStartMs)
  const begun = performance.now()
  await other.close(true)
  await ended
  while ((await operations(client)).length > 0);
  return performance.now() - begun
}

/** To the end of the connection. */
function bySignal(pipeline: readonly Document[]): Promise<number> {
  return withServer(async (server, _client, db) => {
    const ended = run(db, pipeline)
    await sleep(headStartMs)
    const begun = performance.now()
    const stopped = server.stop()
    const ms = (await ended) - begun
    await stopped
    return ms
  })
}
