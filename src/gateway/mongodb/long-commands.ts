/**
 * For tests and measurements: every command, stage and update operator of MongoDB whose work grows with what it is given, and
 * its largest operands. One list of sizes gives what is counted (`long-turns.test.ts`), the largest that are taken what is
 * measured (`bench/areas/mongodb-turns.ts`).
 */
import { type Collection, Long, type Db, type Document } from 'mongodb'

export interface LongCase {
  readonly before?: () => Promise<unknown>
  readonly run: () => Promise<unknown>
}

export interface LongCommandSizes {
  /** Of arrays, fields, lists of operands. */
  readonly size: number
  /** Of the longest arrays. */
  readonly huge: number
  readonly rows: number
  /** Of $or and $and. */
  readonly conditions: number
  /** Of an array for which a collection of rows is looked through again and again. */
  readonly few: number
}

export interface LongCommands {
  /** Makes what the cases read. */
  fill(): Promise<void>
  readonly ofCommands: LongCases
  readonly ofStages: LongCases
  readonly ofUpdates: LongCases
  /** `a` of the document in `long`. */
  readonly numbers: readonly number[]
}

/** By the name of what is tried. */
type LongCases = Readonly<Record<string, readonly LongCase[]>>

interface Row {
  _id: number
  [name: string]: unknown
}

/* oxlint-disable-next-line max-lines-per-function -- a table */
export function longCommands(given: () => Db, { size, huge, rows, conditions, few }: LongCommandSizes): LongCommands {
  const numbers = Array.from({ length: size }, (_, i) => (i * 7919) % size)
  const fields = (value: (i: number) => unknown): Document =>
    Object.fromEntries(Array.from({ length: size }, (_, i) => [`f${i}`, value(i)]))
  const many = fields((i) => i)
  const line = numbers.map((n) => [(n % 360) - 180, (n % 97) - 45])
  const items = numbers.map((v) => ({ v, w: `w${v}` }))

  const on = (name: string): Collection<Row> => given().collection<Row>(name)

  async function fill(): Promise<void> {
    await on('wide').insertOne({ _id: 1, ...many })
    await on('list').insertOne({ _id: 1, a: numbers.slice(0, few) })
    await on('long').insertOne({ _id: 1, a: numbers, o: items, n: 1 })
    await on('huge').insertOne({ _id: 1, o: Array.from({ length: huge }, (_, v) => ({ v, w: 1 })) })
    await on('flat').insertOne({ _id: 1, a: Array.from({ length: huge }, (_, i) => i) })
    await given().createIndex('places', { at: '2dsphere' })
    await on('places').insertMany(Array.from({ length: rows }, (_, _id) => ({ _id, at: [_id % 180, _id % 90] })))
    await on('shapes').insertOne({ _id: 1, at: { type: 'LineString', coordinates: line } })
    await on('rows').insertMany(Array.from({ length: rows }, (_, _id) => ({ _id, k: _id % (rows / 2) })))
  }

  const command = (document: Document) => (): Promise<unknown> => given().command(document)
  const unwound = (...stages: readonly Document[]): (() => Promise<unknown>) =>
    command({ aggregate: 'huge', pipeline: [{ $unwind: '$o' }, ...stages], cursor: {} })
  const added = (x: unknown): (() => Promise<unknown>) =>
    command({
      aggregate: 'rows',
      pipeline: [{ $limit: 1 }, { $addFields: { x } }, { $project: { _id: 1 } }],
      cursor: {},
    })
  const arcs = { type: 'MultiPoint', coordinates: line.slice(0, 500).map(([x, y]) => [x! / 3, y! / 3]) }
  const inIds = { _id: { $in: numbers } }

  /** A collection of its own, with an index of arrays. */
  async function indexed(document?: Document): Promise<void> {
    await given().dropCollection('new')
    await given().createCollection('new')
    await given().createIndex('new', { a: 1 })
    if (document !== undefined) await on('new').insertOne({ _id: 1, ...document })
  }

  const commandCases: LongCases = {
    insert: [
      { before: indexed, run: command({ insert: 'new', documents: [{ _id: 1, a: numbers }] }) },
      { before: indexed, run: command({ insert: 'new', documents: numbers.map((_id) => ({ _id })) }) },
      { before: indexed, run: command({ insert: 'new', documents: [{ _id: 1, ...many }] }) },
      { run: command({ insert: 'wide', documents: numbers.map(() => ({ _id: 1 })), ordered: false }) },
    ],
    update: [
      {
        before: () => indexed({ n: 1 }),
        run: command({ update: 'new', updates: [{ q: {}, u: [{ $set: { o: numbers, p: items } }] }] }),
      },
      {
        before: () => indexed({ a: numbers }),
        run: command({ update: 'new', updates: [{ q: { _id: 1 }, u: { a: numbers.map((n) => n + 5) } }] }),
      },
      {
        before: () => indexed({ a: numbers }),
        run: command({ update: 'new', updates: [{ q: inIds, u: { $push: { a: -1 } }, multi: true }] }),
      },
      { before: indexed, run: command({ update: 'new', updates: [{ q: { _id: 1 }, u: many, upsert: true }] }) },
      { run: command({ update: 'rows', updates: numbers.map((n) => ({ q: { _id: n }, u: { $set: { n } } })) }) },
    ],
    delete: [
      { before: () => indexed({ a: numbers }), run: command({ delete: 'new', deletes: [{ q: {}, limit: 0 }] }) },
      { before: () => indexed(), run: command({ delete: 'new', deletes: [{ q: inIds, limit: 0 }] }) },
      { run: command({ delete: 'new', deletes: numbers.map((_id) => ({ q: { _id }, limit: 1 })) }) },
    ],
    findAndModify: [
      {
        before: () => indexed({ a: numbers }),
        run: command({
          findAndModify: 'new',
          query: inIds,
          update: { $set: { a: items } },
          new: true,
          fields: { a: 1 },
        }),
      },
      { before: () => indexed({ a: numbers }), run: command({ findAndModify: 'new', sort: { a: 1 }, remove: true }) },
    ],
    find: [
      { run: command({ find: 'rows', filter: inIds, sort: { k: -1 } }) },
      { run: command({ find: 'rows', filter: { $or: numbers.slice(0, conditions).map((k) => ({ k: -k - 1 })) } }) },
      {
        run: command({
          find: 'rows',
          filter: { $and: numbers.slice(0, conditions).map((k) => ({ k: { $ne: k + size } })) },
          limit: 2,
        }),
      },
      { run: command({ find: 'wide', projection: fields(() => 1) }) },
      { run: command({ find: 'wide', projection: fields(() => 0) }) },
      { run: command({ find: 'huge', projection: { 'o.v': 1 } }) },
      { run: command({ find: 'huge', projection: { 'o.v': 0 } }) },
      { run: command({ find: 'huge', projection: { o: { $slice: 5000 - huge } } }) },
      { run: command({ find: 'huge', projection: { o: { $elemMatch: { v: huge - 1 } } } }) },
      { run: command({ find: 'long', sort: { 'o.w': 1, 'o.v': -1 }, projection: { _id: 1 } }) },
      { run: command({ find: 'places', filter: { at: { $nearSphere: [3, 4] } } }) },
      { run: command({ find: 'shapes', filter: { at: { $geoIntersects: { $geometry: arcs } } } }) },
      { run: command({ find: 'long', filter: { a: { $all: numbers.slice(0, 20) } }, projection: { _id: 1 } }) },
    ],
    aggregate: [
      { run: command({ aggregate: 'rows', pipeline: [{ $match: inIds }], cursor: {} }) },
      {
        run: command({
          aggregate: 'places',
          pipeline: [{ $geoNear: { near: [1, 2], spherical: true, distanceField: 'd' } }, { $limit: 1 }],
          cursor: {},
        }),
      },
      { run: unwound({ $sortByCount: '$o.v' }, { $limit: 1 }) },
      {
        run: unwound({ $facet: { a: [{ $sort: { 'o.v': -1 } }], b: [{ $group: { _id: '$o.v' } }] } }, { $unset: 'a' }),
      },
      { run: unwound({ $group: { _id: null, all: { $push: '$o' } } }) },
      { run: added(Array.from({ length: huge }, (_, v) => ({ v, w: 1 }))) },
      { run: added(Array.from({ length: huge / 2 }, () => ({ v: '$n' }))) },
      { run: added({ $concatArrays: numbers.map((v) => [v, '$n']) }) },
    ],
    count: [{ run: command({ count: 'rows', query: { k: { $nin: numbers } } }) }],
    distinct: [
      { run: command({ distinct: 'long', key: 'a' }) },
      { run: command({ distinct: 'flat', key: 'a' }) },
      { run: command({ distinct: 'rows', key: 'k', query: inIds }) },
    ],
    explain: [{ run: command({ explain: { find: 'rows', filter: { k: { $in: numbers } } } }) }],
    createIndexes: [
      {
        before: async () => {
          await given().dropCollection('new')
          await on('new').insertOne({ _id: 1, a: numbers })
        },
        run: command({ createIndexes: 'new', indexes: [{ key: { a: 1 }, name: 'a', unique: true }] }),
      },
    ],
    convertToCapped: [
      {
        before: async () => {
          await given().dropCollection('new')
          await on('new').insertMany(numbers.map((_id) => ({ _id })))
        },
        run: command({ convertToCapped: 'new', size: 4096 }),
      },
    ],
    killCursors: [{ run: command({ killCursors: 'rows', cursors: numbers.map((n) => Long.fromNumber(n + 1)) }) }],
  }

  const stageCases: Readonly<Record<string, readonly [string, unknown][]>> = {
    $match: [['rows', { k: { $in: numbers } }]],
    $project: [['wide', fields(() => 1)]],
    $addFields: [['wide', fields((i) => ({ $add: [i, 1] }))]],
    $set: [['long', { a: { $map: { input: '$a', in: { $add: ['$$this', 1] } } } }]],
    $unset: [['wide', Object.keys(many)]],
    $replaceRoot: [['long', { newRoot: { x: '$a', y: '$a' } }]],
    $replaceWith: [['long', { x: '$a', y: '$o' }]],
    $unwind: [['list', '$a']],
    $sort: [['long', { a: 1, n: -1 }]],
    $limit: [['rows', Math.floor(rows * 0.75)]],
    $skip: [['rows', Math.floor(rows * 0.75)]],
    $count: [['rows', 'n']],
    $group: [
      ['rows', { _id: '$k', all: { $push: '$$ROOT' } }],
      ['rows', { _id: null, all: { $push: '$k' } }],
    ],
    $sortByCount: [['rows', '$k']],
    $bucket: [['rows', { groupBy: '$k', boundaries: Array.from({ length: Math.floor(rows / 20) }, (_, i) => i * 20) }]],
    $facet: [['rows', { a: [{ $sort: { k: 1 } }], b: [{ $group: { _id: '$k' } }] }]],
    $lookup: [
      ['rows', { from: 'rows', localField: 'k', foreignField: 'k', as: 'f' }],
      ['long', { from: 'long', localField: 'a', foreignField: 'a', as: 'f' }],
    ],
    $unionWith: [['rows', { coll: 'rows', pipeline: [{ $match: inIds }] }]],
    $sample: [['rows', { size: rows }]],
    $bucketAuto: [['rows', { groupBy: '$k', buckets: Math.floor(rows / 4) }]],
    $setWindowFields: [
      [
        'rows',
        {
          sortBy: { k: 1 },
          output: {
            near: { $push: '$_id', window: { documents: [-20, 20] } },
            all: { $sum: '$k', window: { documents: ['unbounded', 'unbounded'] } },
          },
        },
      ],
      ['rows', { sortBy: { k: 1 }, output: { some: { $avg: '$_id', window: { range: [-50, 50] } } } }],
    ],
    $fill: [['rows', { sortBy: { _id: 1 }, output: { k: { method: 'linear' }, x: { method: 'locf' } } }]],
    $densify: [['rows', { field: 'k', range: { step: 10 / size, bounds: 'full' } }]],
    $graphLookup: [
      ['rows', { from: 'rows', startWith: '$k', connectFromField: 'k', connectToField: '_id', as: 'f' }],
      ['long', { from: 'rows', startWith: '$a', connectFromField: '_id', connectToField: '_id', as: 'f' }],
    ],
    $redact: [['rows', { $cond: [{ $gt: ['$k', 1] }, '$$KEEP', '$$DESCEND'] }]],
  }

  const updateCases: Readonly<Record<string, readonly Document[]>> = {
    $set: [many, { x: numbers }],
    $setOnInsert: [many],
    $unset: [many],
    $inc: [many, { 'a.$[]': 1 }],
    $mul: [many],
    $min: [many],
    $max: [many],
    $currentDate: [fields(() => true)],
    $bit: [fields(() => ({ and: 1 }))],
    $rename: [fields((i) => `g${i}`)],
    $push: [{ a: { $each: numbers, $sort: 1, $slice: 1000 } }, { o: { $each: items, $position: 5, $sort: { w: 1 } } }],
    $addToSet: [{ a: { $each: numbers.map((n) => n + 1) } }],
    $pop: [{ a: 1 }],
    $pull: [{ a: { $in: numbers } }, { o: { v: { $gt: 100 } } }],
    $pullAll: [{ a: numbers }],
  }

  const staged = ([name, operands]: [string, readonly [string, unknown][]]): [string, LongCase[]] => [
    name,
    operands.map(([from, stage]) => ({
      run: command({ aggregate: from, pipeline: [{ [name]: stage }, { $count: 'n' }], cursor: {} }),
    })),
  ]
  const updated = ([name, operands]: [string, readonly Document[]]): [string, LongCase[]] => [
    name,
    operands.map((operand) => ({
      before: () => indexed({ a: numbers, o: items }),
      run: command({ update: 'new', updates: [{ q: { _id: 1 }, u: { [name]: operand } }] }),
    })),
  ]
  return {
    fill,
    ofCommands: commandCases,
    ofStages: Object.fromEntries(Object.entries(stageCases).map(staged)),
    ofUpdates: Object.fromEntries(Object.entries(updateCases).map(updated)),
    numbers,
  }
}
