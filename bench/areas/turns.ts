/**
 * The longest turn of the server's event loop while a client of MongoDB does its worst: values as long as a message, arrays
 * of a hundred thousand elements, tens of thousands of errors. The rule is 10 ms of processor time for any of it (decision
 * 081); what a round takes includes its collection of garbage. Each case is run three times, and the least of its longest
 * turns counts, since a machine that does other things only ever adds to them. POLYLOG_BENCH_ONLY=find,push runs those whose
 * names have one of these in them.
 */
import { Binary, type Collection, type Db, type Document, MongoClient } from 'mongodb'
import type { Area } from '../area.ts'
import { removeFolder, scratchFolder } from '../processes.ts'
import { MeteredServer, measureTurn, type TurnCase } from '../turns.ts'

const rounds = 3
const megabyte = 1024 * 1024

interface Numbered extends Document {
  _id: number
}

interface Case {
  readonly name: string
  readonly before?: (db: Db) => Promise<unknown>
  readonly run: (db: Db) => Promise<unknown>
}

const listOf = <T>(count: number, of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i))
const numbers = (count: number): number[] => listOf(count, (i) => i)
const fields = (count: number, of: (i: number) => unknown = (i) => i): Document =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, of(i)]))
const text = (megabytes: number): string => 'x'.repeat(megabytes * megabyte)

/** A collection that is used by one case, empty but for these. */
const fresh =
  (...documents: Numbered[]) =>
  async (db: Db): Promise<void> => {
    await db.dropCollection('new')
    if (documents.length > 0) await db.collection<Numbered>('new').insertMany(documents)
  }

const own = (db: Db): Collection<Numbered> => db.collection<Numbered>('new')
const pushed = (db: Db, a: unknown): Promise<unknown> => own(db).updateOne({ _id: 1 }, { $push: { a } } as Document)
const rows = (db: Db): Collection<Numbered> => db.collection<Numbered>('rows')
const large = (db: Db): Collection<Numbered> => db.collection<Numbered>('large')
const wide = (db: Db): Collection<Numbered> => db.collection<Numbered>('wide')
const lists = (db: Db): Collection<Numbered> => db.collection<Numbered>('lists')

async function fill(db: Db): Promise<void> {
  for (let from = 0; from < 30_000; from += 10_000) {
    await rows(db).insertMany(
      listOf(10_000, (i) => ({ _id: from + i, k: from + i, few: i % 7, name: `name ${from + i}` })),
    )
  }
  for (let _id = 0; _id < 6; _id++) await large(db).insertOne({ _id, n: _id, text: text(15) })
  await wide(db).insertOne({ _id: 1, ...fields(100_000) })
  await lists(db).insertOne({ _id: 1, a: numbers(200_000), o: listOf(100_000, (v) => ({ v, w: 1 })) })
}

const longWrites: readonly Case[] = [
  { name: 'insert-text-15mb', before: fresh(), run: (db) => own(db).insertOne({ _id: 1, text: text(15) }) },
  {
    name: 'insert-binary-15mb',
    before: fresh(),
    run: (db) => own(db).insertOne({ _id: 1, b: new Binary(Buffer.alloc(15 * megabyte, 7)) }),
  },
  {
    name: 'insert-many-of-three-15mb',
    before: fresh(),
    run: (db) => own(db).insertMany(listOf(3, (_id) => ({ _id, text: text(15) }))),
  },
  {
    name: 'insert-indexed-text-15mb',
    before: async (db) => {
      await fresh()(db)
      await own(db).createIndex({ text: 1 })
    },
    run: (db) => own(db).insertOne({ _id: 1, text: text(15) }),
  },
  {
    name: 'replace-15mb',
    before: fresh({ _id: 1, text: text(15) }),
    run: (db) => own(db).replaceOne({ _id: 1 }, { text: `${text(14)}y` }),
  },
  {
    name: 'set-beside-15mb',
    before: fresh({ _id: 1, text: text(15) }),
    run: (db) => own(db).updateOne({ _id: 1 }, { $set: { n: 1 } }),
  },
  {
    name: 'set-15mb',
    before: fresh({ _id: 1, text: 'a' }),
    run: (db) => own(db).updateOne({ _id: 1 }, { $set: { text: text(15) } }),
  },
  {
    name: 'pipeline-set-beside-15mb',
    before: fresh({ _id: 1, text: text(15) }),
    run: (db) => own(db).updateOne({ _id: 1 }, [{ $set: { n: { $add: [1, 1] } } }]),
  },
  { name: 'update-many-of-six-15mb', run: (db) => large(db).updateMany({}, { $inc: { n: 1 } }) },
  {
    name: 'find-and-modify-15mb',
    run: (db) => large(db).findOneAndUpdate({ _id: 1 }, { $inc: { n: 1 } }, { returnDocument: 'after' }),
  },
  {
    name: 'delete-15mb',
    before: fresh({ _id: 1, text: text(15) }),
    run: (db) => own(db).deleteOne({ _id: 1 }),
  },
  {
    name: 'push-1m',
    before: fresh({ _id: 1, a: [] }),
    run: (db) => pushed(db, { $each: numbers(1_000_000) }),
  },
  {
    name: 'push-one-to-1m',
    before: fresh({ _id: 1, a: numbers(1_000_000) }),
    run: (db) => pushed(db, 1),
  },
  {
    name: 'push-sort-slice-200k',
    before: fresh({ _id: 1, a: numbers(100_000) }),
    run: (db) => pushed(db, { $each: numbers(100_000), $sort: -1, $slice: 150_000 }),
  },
  {
    name: 'upsert-300k-fields',
    before: fresh(),
    run: (db) => own(db).replaceOne({ _id: 1 }, fields(300_000), { upsert: true }),
  },
  {
    name: 'upsert-set-300k-fields',
    before: fresh(),
    run: (db) => own(db).updateOne({ _id: 1 }, { $set: fields(300_000) }, { upsert: true }),
  },
  {
    name: 'set-30k-fields',
    before: fresh({ _id: 1, ...fields(30_000) }),
    run: (db) => own(db).updateOne({ _id: 1 }, { $set: fields(30_000, (i) => i + 1) }),
  },
  {
    name: 'pipeline-set-30k-fields',
    before: fresh({ _id: 1, ...fields(30_000) }),
    run: (db) => own(db).updateOne({ _id: 1 }, [{ $set: fields(30_000, (i) => i + 1) }]),
  },
  {
    name: 'inc-all-200k',
    before: fresh({ _id: 1, a: numbers(200_000) }),
    run: (db) => own(db).updateOne({ _id: 1 }, { $inc: { 'a.$[]': 1 } }),
  },
  {
    name: 'array-filters-200k',
    before: fresh({ _id: 1, a: numbers(200_000) }),
    run: (db) => own(db).updateOne({ _id: 1 }, { $set: { 'a.$[x]': 1 } }, { arrayFilters: [{ x: { $gt: 5 } }] }),
  },
  {
    name: 'duplicate-30k',
    run: (db) =>
      rows(db)
        .insertMany(
          listOf(30_000, (_id) => ({ _id })),
          { ordered: false },
        )
        .catch(() => undefined),
  },
  {
    name: 'duplicate-30k-long-names',
    before: async (db) => {
      await fresh({ _id: 1, text: 'x'.repeat(300) })(db)
      await own(db).createIndex({ text: 1 }, { unique: true })
    },
    run: (db) =>
      own(db)
        .insertMany(
          listOf(30_000, (i) => ({ _id: i + 5, text: 'x'.repeat(300) })),
          { ordered: false },
        )
        .catch(() => undefined),
  },
  {
    name: 'upserts-20k',
    before: fresh(),
    run: (db) =>
      own(db).bulkWrite(
        listOf(20_000, (_id) => ({
          updateOne: { filter: { _id }, update: { $set: { n: 1 } }, upsert: true },
        })),
        { ordered: false },
      ),
  },
  {
    name: 'insert-100k',
    before: fresh(),
    run: (db) => own(db).insertMany(listOf(100_000, (_id) => ({ _id }))),
  },
]

const reads: readonly Case[] = [
  { name: 'find-15mb', run: (db) => large(db).findOne({ _id: 1 }) },
  { name: 'find-15mb-by-filter', run: (db) => large(db).findOne({ n: { $gte: 0 } }, { projection: { _id: 1 } }) },
  { name: 'find-none-of-six-15mb', run: (db) => large(db).find({ absent: 5 }).toArray() },
  { name: 'find-all-of-six-15mb', run: (db) => drain(large(db).find({}).batchSize(1)) },
  { name: 'regex-over-six-15mb', run: (db) => large(db).find({ text: /xy$/ }).toArray() },
  {
    name: 'equal-text-15mb',
    run: (db) =>
      large(db)
        .find({ text: text(15) }, { projection: { _id: 1 } })
        .toArray(),
  },
  {
    name: 'sort-six-15mb',
    run: (db) =>
      large(db)
        .find({}, { projection: { _id: 1 } })
        .sort({ text: -1 })
        .toArray(),
  },
  {
    name: 'expr-over-six-15mb',
    run: (db) =>
      large(db)
        .find({ $expr: { $eq: ['$n', 77] } })
        .toArray(),
  },
  { name: 'project-100k-fields', run: (db) => wide(db).findOne({}, { projection: fields(100_000, () => 1) }) },
  { name: 'project-one-of-100k-fields', run: (db) => wide(db).findOne({}, { projection: { f99999: 1 } }) },
  { name: 'exclude-one-of-100k-fields', run: (db) => wide(db).findOne({}, { projection: { f99999: 0 } }) },
  { name: 'project-100k-elements', run: (db) => lists(db).findOne({}, { projection: { 'o.v': 1 } }) },
  { name: 'exclude-100k-elements', run: (db) => lists(db).findOne({}, { projection: { 'o.v': 0, a: 0 } }) },
  { name: 'slice-200k-elements', run: (db) => lists(db).findOne({}, { projection: { a: { $slice: [5, 150_000] } } }) },
  {
    name: 'add-field-to-100k-elements',
    run: (db) => drain(lists(db).aggregate([{ $addFields: { 'o.z': 1 } }])),
  },
  {
    name: 'elem-match-100k',
    run: (db) =>
      lists(db).findOne({ o: { $elemMatch: { v: 99_999 } } }, { projection: { o: { $elemMatch: { v: 99_999 } } } }),
  },
  { name: 'positional-100k', run: (db) => lists(db).findOne({ 'o.v': 99_999 }, { projection: { 'o.$': 1 } }) },
  { name: 'all-of-200k', run: (db) => lists(db).findOne({ a: { $all: numbers(1000) } }, { projection: { _id: 1 } }) },
  { name: 'sort-by-count-30k', run: (db) => drain(rows(db).aggregate([{ $sortByCount: '$k' }])) },
  {
    name: 'facet-30k',
    run: (db) => drain(rows(db).aggregate([{ $facet: { a: [{ $sort: { k: -1 } }], b: [{ $group: { _id: '$k' } }] } }])),
  },
  { name: 'group-30k', run: (db) => drain(rows(db).aggregate([{ $group: { _id: '$k', n: { $sum: 1 } } }])) },
  {
    name: 'group-push-30k',
    run: (db) => drain(rows(db).aggregate([{ $group: { _id: null, all: { $push: '$$ROOT' } } }])),
  },
  {
    name: 'group-set-30k',
    run: (db) => drain(rows(db).aggregate([{ $group: { _id: null, all: { $addToSet: '$name' } } }])),
  },
  {
    name: 'group-first-n-30k',
    run: (db) => drain(rows(db).aggregate([{ $group: { _id: null, all: { $minN: { input: '$name', n: 20_000 } } } }])),
  },
  {
    name: 'bucket-30k',
    run: (db) =>
      drain(rows(db).aggregate([{ $bucket: { groupBy: '$k', boundaries: listOf(1000, (i) => i * 31), default: -1 } }])),
  },
  {
    name: 'unwind-200k',
    run: (db) => drain(lists(db).aggregate([{ $unwind: '$a' }, { $group: { _id: '$a' } }, { $count: 'n' }])),
  },
  {
    name: 'lookup-30k',
    run: (db) =>
      drain(
        rows(db).aggregate([
          { $lookup: { from: 'rows', localField: 'k', foreignField: '_id', as: 'f' } },
          { $count: 'n' },
        ]),
      ),
  },
  {
    name: 'lookup-all-in-one',
    run: (db) => drain(rows(db).aggregate([{ $limit: 1 }, { $lookup: { from: 'rows', pipeline: [], as: 'f' } }])),
  },
  { name: 'sort-30k', run: (db) => drain(rows(db).find({}).sort({ name: -1 })) },
  { name: 'distinct-200k', run: (db) => lists(db).distinct('a') },
  { name: 'distinct-30k', run: (db) => rows(db).distinct('name') },
  { name: 'count-30k', run: (db) => rows(db).countDocuments({ name: /9$/ }) },
  {
    name: 'map-200k',
    run: (db) =>
      drain(lists(db).aggregate([{ $project: { a: { $map: { input: '$a', in: { $add: ['$$this', 1] } } } } }])),
  },
  {
    name: 'thousand-stages',
    run: (db) => drain(rows(db).aggregate(listOf(1000, (i) => ({ $addFields: { [`s${i}`]: i } })) as Document[])),
  },
  {
    name: 'or-100k',
    run: (db) =>
      rows(db)
        .find({ $or: listOf(100_000, (k) => ({ k: -k - 1 })) as Document[] })
        .toArray(),
  },
  {
    name: 'in-1m',
    run: (db) =>
      rows(db)
        .find({ k: { $in: listOf(1_000_000, (k) => k + 29_990) } })
        .toArray(),
  },
  {
    name: 'in-1m-ids',
    run: (db) =>
      rows(db)
        .find({ _id: { $in: listOf(1_000_000, (k) => k + 29_990) } })
        .toArray(),
  },
  {
    name: 'in-10k-regex',
    run: (db) =>
      rows(db)
        .find({ name: { $in: listOf(10_000, (k) => new RegExp(`^zz${k}`)) } })
        .toArray(),
  },
  {
    name: 'explain-in-200k',
    run: (db) =>
      db.command({ explain: { find: 'rows', filter: { k: { $in: numbers(200_000) } } }, verbosity: 'executionStats' }),
  },
  { name: 'get-more-16mb', run: (db) => drain(rows(db).find({}).batchSize(30_000)) },
  { name: 'list-10k-collections', before: makeMany, run: (db) => db.client.db('many').listCollections().toArray() },
  {
    name: 'list-10k-names',
    before: makeMany,
    run: (db) => db.client.db('many').listCollections({}, { nameOnly: true }).toArray(),
  },
]

async function drain(cursor: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of cursor);
}

async function makeMany({ client }: Db): Promise<void> {
  const db = client.db('many')
  if ((await db.listCollections({ name: 'collection9999' }).toArray()).length > 0) return
  for (let from = 0; from < 10_000; from += 500) {
    await Promise.all(listOf(500, (i) => db.createCollection(`collection${from + i}`)))
  }
}

export const turns: Area = {
  name: 'turns',
  apart: false,
  async *rows({ quick }) {
    const folder = scratchFolder('turns')
    const server = await MeteredServer.start(folder)
    const client = await MongoClient.connect(`mongodb://127.0.0.1:${server.running.port}/`)
    try {
      const db = client.db('turns')
      await fill(db)
      const only = process.env['POLYLOG_BENCH_ONLY']?.split(',')
      for (const one of [...longWrites, ...reads]) {
        if (only === undefined || only.some((part) => one.name.includes(part)))
          yield await measureTurn(server, 'turns', caseIn(db, one), quick ? 1 : rounds)
      }
    } finally {
      await client.close()
      await server.running.stop()
      removeFolder(folder)
    }
  },
}

function caseIn(db: Db, { name, before, run }: Case): TurnCase {
  return { name, ...(before && { before: () => before(db) }), run: () => run(db) }
}
