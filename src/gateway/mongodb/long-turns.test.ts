/**
 * Every command, stage and update operator there is, given as much as it takes: between two pauses it looks at a bounded
 * number of elements, writes a bounded number of them and charges no more than a turn. One that is added without a row here,
 * or without a reason why it needs none, fails.
 */
import { Long, MongoClient, type Db, type Document } from 'mongodb'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { turnMeter } from '../../base/turn-meter.ts'
import { turnUnits } from '../../base/work.ts'
import { stageNames } from '../../language/mql/pipeline.ts'
import { arrayChanges } from '../../language/mql/update-arrays.ts'
import { fieldChanges } from '../../language/mql/update-operators.ts'
import { FieldCursor } from '../../model/document/bson.ts'
import { BsonWriter } from '../../model/document/bson-writer.ts'
import { DocumentEntries } from '../../model/document/index-keys.ts'
import { commands } from './commands/commands.ts'
import { openTestMongodb, type TestMongodb } from './testing.ts'

vi.mock('../../base/work.ts', async (load) => {
  const { metered } = await import('../../base/turn-meter.ts')
  return metered(await load())
})

/** A step of a walk is 15 units. */
const callsPerTurn = 150_000
/** A step within a turn may take as long again, and an attempt that another thread goes on with likewise. */
const unitsPerTurn = 3.5 * turnUnits

const size = 8000
const numbers = Array.from({ length: size }, (_, i) => (i * 7919) % size)
const fields = (value: (i: number) => unknown): Document =>
  Object.fromEntries(Array.from({ length: size }, (_, i) => [`f${i}`, value(i)]))
const many = fields((i) => i)
const items = numbers.map((v) => ({ v, w: `w${v}` }))

interface Row {
  _id: number
  [name: string]: unknown
}

let server: TestMongodb
let client: MongoClient
let db: Db

beforeAll(async () => {
  server = await openTestMongodb()
  client = new MongoClient(server.url)
  db = client.db('d')
  await db.collection<Row>('wide').insertOne({ _id: 1, ...many })
  await db.collection<Row>('list').insertOne({ _id: 1, a: numbers.slice(0, 3000) })
  await db.collection<Row>('long').insertOne({ _id: 1, a: numbers, o: items, n: 1 })
  await db.collection<Row>('huge').insertOne({ _id: 1, o: Array.from({ length: 40_000 }, (_, v) => ({ v, w: 1 })) })
  await db.collection<Row>('flat').insertOne({ _id: 1, a: Array.from({ length: 40_000 }, (_, i) => i) })
  await db.collection<Row>('rows').insertMany(Array.from({ length: 800 }, (_, _id) => ({ _id, k: _id % 400 })))
  turnMeter.count(FieldCursor.prototype, ['next'])
  turnMeter.count(BsonWriter.prototype, ['value', 'elements', 'document'])
  turnMeter.count(DocumentEntries.prototype, ['next'])
})

afterAll(async () => {
  await client.close()
  await server.close()
})

async function expectBounded(run: () => Promise<unknown>): Promise<void> {
  turnMeter.reset()
  await run()
  turnMeter.endTurn()
  const { turns, mostCalls, mostUnits } = turnMeter
  const shown = `${turns} turns, at most ${mostCalls} calls, ${mostUnits} units`
  const isIn = { calls: mostCalls <= callsPerTurn, units: mostUnits <= unitsPerTurn, pauses: turns >= 2 }
  expect(isIn, shown).toEqual({ calls: true, units: true, pauses: true })
}

const command = (document: Document) => (): Promise<unknown> => db.command(document)
const unwound = (...stages: readonly Document[]): (() => Promise<unknown>) =>
  command({ aggregate: 'huge', pipeline: [{ $unwind: '$o' }, ...stages], cursor: {} })
const inIds = { _id: { $in: numbers } }

/** A collection of its own, with an index of arrays. */
async function indexed(document?: Document): Promise<void> {
  await db.dropCollection('new')
  await db.createCollection('new')
  await db.createIndex('new', { a: 1 })
  if (document !== undefined) await db.collection<Row>('new').insertOne({ _id: 1, ...document })
}

type Case = { readonly before?: () => Promise<unknown>; readonly run: () => Promise<unknown> }

const commandCases: Readonly<Record<string, readonly Case[]>> = {
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
      run: command({ findAndModify: 'new', query: inIds, update: { $set: { a: items } }, new: true, fields: { a: 1 } }),
    },
    { before: () => indexed({ a: numbers }), run: command({ findAndModify: 'new', sort: { a: 1 }, remove: true }) },
  ],
  find: [
    { run: command({ find: 'rows', filter: inIds, sort: { k: -1 } }) },
    { run: command({ find: 'rows', filter: { $or: numbers.slice(0, 700).map((k) => ({ k: -k - 1 })) } }) },
    {
      run: command({
        find: 'rows',
        filter: { $and: numbers.slice(0, 700).map((k) => ({ k: { $ne: k + size } })) },
        limit: 2,
      }),
    },
    { run: command({ find: 'wide', projection: fields(() => 1) }) },
    { run: command({ find: 'wide', projection: fields(() => 0) }) },
    { run: command({ find: 'huge', projection: { 'o.v': 1 } }) },
    { run: command({ find: 'huge', projection: { 'o.v': 0 } }) },
    { run: command({ find: 'huge', projection: { o: { $slice: -35_000 } } }) },
    { run: command({ find: 'huge', projection: { o: { $elemMatch: { v: 39_999 } } } }) },
    { run: command({ find: 'long', sort: { 'o.w': 1, 'o.v': -1 }, projection: { _id: 1 } }) },
    { run: command({ find: 'long', filter: { a: { $all: numbers.slice(0, 20) } }, projection: { _id: 1 } }) },
  ],
  aggregate: [
    { run: command({ aggregate: 'rows', pipeline: [{ $match: inIds }], cursor: {} }) },
    { run: unwound({ $sortByCount: '$o.v' }, { $limit: 1 }) },
    { run: unwound({ $facet: { a: [{ $sort: { 'o.v': -1 } }], b: [{ $group: { _id: '$o.v' } }] } }, { $unset: 'a' }) },
    { run: unwound({ $group: { _id: null, all: { $push: '$o' } } }) },
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
        await db.dropCollection('new')
        await db.collection<Row>('new').insertOne({ _id: 1, a: numbers })
      },
      run: command({ createIndexes: 'new', indexes: [{ key: { a: 1 }, name: 'a', unique: true }] }),
    },
  ],
  killCursors: [{ run: command({ killCursors: 'rows', cursors: numbers.map((n) => Long.fromNumber(n + 1)) }) }],
}

/** Whatever they are given, their work is bounded; `why` by `what`. */
const bounded: Readonly<Record<string, string>> = {
  'what batches hold is bounded, and the query is compiled': 'getMore',
  'names and numbers':
    'hello ping buildInfo connectionStatus whatsmyuri getParameter hostInfo getCmdLineOpts getLog serverStatus ' +
    'startSession polylogDatabases listDatabases listCollections endSessions killSessions abortTransaction commitTransaction polylogJoin polylogToken create drop dropDatabase ' +
    'renameCollection collMod listIndexes dropIndexes collStats dbStats top validate killOp currentOp logout saslStart saslContinue authenticate',
  'roles and what they have been given, by name':
    'createUser updateUser dropUser dropAllUsersFromDatabase grantRolesToUser revokeRolesFromUser usersInfo rolesInfo ' +
    'createRole updateRole dropRole grantRolesToRole revokeRolesFromRole grantPrivilegesToRole revokePrivilegesFromRole',
}

const boundedNames = Object.values(bounded).flatMap((names) => names.split(' '))

describe('no command does much in one turn:', () => {
  it('all are here', () => {
    const known = new Set([...Object.keys(commandCases), ...boundedNames])
    expect(commands.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([])
  })

  it.each(Object.entries(commandCases))('%s', async (_, cases) => {
    for (const { before, run } of cases) {
      await before?.()
      await expectBounded(run)
    }
  })
})

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
  $limit: [['rows', 600]],
  $skip: [['rows', 600]],
  $count: [['rows', 'n']],
  $group: [
    ['rows', { _id: '$k', all: { $push: '$$ROOT' } }],
    ['rows', { _id: null, all: { $push: '$k' } }],
  ],
  $sortByCount: [['rows', '$k']],
  $bucket: [['rows', { groupBy: '$k', boundaries: Array.from({ length: 50 }, (_, i) => i * 20) }]],
  $facet: [['rows', { a: [{ $sort: { k: 1 } }], b: [{ $group: { _id: '$k' } }] }]],
  $lookup: [
    ['rows', { from: 'rows', localField: 'k', foreignField: 'k', as: 'f' }],
    ['long', { from: 'long', localField: 'a', foreignField: 'a', as: 'f' }],
  ],
}

describe('no stage does much in one turn:', () => {
  it('all are here', () => {
    expect(stageNames.filter((name) => stageCases[name] === undefined)).toEqual([])
  })

  it.each(Object.entries(stageCases))('%s', async (name, cases) => {
    for (const [from, stage] of cases) {
      await expectBounded(command({ aggregate: from, pipeline: [{ [name]: stage }, { $count: 'n' }], cursor: {} }))
    }
  })
})

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

describe('no update operator does much in one turn:', () => {
  it('all are here', () => {
    const names = [...fieldChanges.keys(), ...arrayChanges.keys(), '$rename']
    expect(names.filter((name) => updateCases[name] === undefined)).toEqual([])
  })

  it.each(Object.entries(updateCases))('%s', async (name, operands) => {
    for (const operand of operands) {
      await indexed({ a: numbers, o: items })
      const update = { q: { _id: 1 }, u: { [name]: operand } }
      await expectBounded(command({ update: 'new', updates: [update] }))
    }
  })
})

it('the values of an array that distinct answers are in order', async () => {
  expect(await db.collection('long').distinct('a')).toEqual(numbers.toSorted((a, b) => a - b))
})
