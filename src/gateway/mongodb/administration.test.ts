/** What shells and tools ask about the server and its collections. */
import { type Document, MongoServerError } from 'mongodb'
import { beforeAll, describe, expect, it } from 'vitest'
import { keyspaceRange } from '../../base/tuple.ts'
import { openTestDriver } from './testing.ts'

const { client, server } = await openTestDriver()
const database = client.db('administration')
type Item = Document & { _id: number }
const items = database.collection<Item>('items')

async function codeOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => 'done',
    (error: unknown) => (error instanceof MongoServerError ? error.code : error),
  )
}

beforeAll(async () => {
  await items.insertMany([1, 2, 3, 4].map((n) => ({ _id: n, n, list: [n, n + 10] })))
  await items.createIndex({ list: 1 })
  await database.createCollection('view', { viewOn: 'items', pipeline: [] })
})

describe('validate', () => {
  it('counts what is there, and finds nothing wrong', async () => {
    expect(await database.command({ validate: 'items', full: true })).toMatchObject({
      ns: 'administration.items',
      valid: true,
      nrecords: 4,
      nIndexes: 2,
      keysPerIndex: { _id_: 4, list_1: 8 },
      nInvalidDocuments: 0,
      errors: [],
    })
  })

  it('finds an entry that is missing, and one that nobody has made', async () => {
    const damaged = database.collection<Item>('damaged')
    await damaged.insertMany([1, 2, 3].map((n) => ({ _id: n, n })))
    await damaged.createIndex({ n: 1 })
    const session = server.test.sessions.openSession({ user: 'test', door: 'test' })
    await session.run((transaction) => {
      const { id, indexes } = transaction.catalog.findCollection('administration', 'damaged')!
      const cursor = transaction.scan(keyspaceRange(id, indexes[0]!.id))
      cursor.next()
      const bytes = cursor.key.bytes.slice(cursor.key.start, cursor.key.end)
      transaction.delete({ bytes, start: 0, end: bytes.length })
    })
    session.close()
    const found = await database.command({ validate: 'damaged' })
    expect([found['valid'], found['errorCount'], found['nInvalidDocuments']]).toEqual([false, 1, 0])
    expect(found['errors'][0]).toMatch(/^administration\.damaged\.n_1: /)
  })

  it('repairs nothing, and is of collections', async () => {
    expect(await codeOf(database.command({ validate: 'items', repair: true }))).toBe(115)
    expect(await codeOf(database.command({ validate: 'none' }))).toBe(26)
    expect(await codeOf(database.command({ validate: 'view' }))).toBe(166)
  })
})

describe('$collStats', () => {
  it('counts, and tells of bytes in the units that are asked for', async () => {
    const [counted] = await items.aggregate([{ $collStats: { count: {} } }]).toArray()
    expect(counted).toMatchObject({ ns: 'administration.items', count: 4 })
    const [stored] = await items.aggregate([{ $collStats: { storageStats: {} } }]).toArray()
    const { size, nindexes, indexSizes } = (stored as Document)['storageStats']
    expect([size > 0, nindexes, indexSizes.list_1 > 0]).toEqual([true, 2, true])
    const command = await database.command({ collStats: 'items' })
    expect(command).toMatchObject({ ...(stored as Document)['storageStats'], ns: 'administration.items' })
    const scaled = items.aggregate([
      { $collStats: { storageStats: { scale: 1024 } } },
      { $project: { s: '$storageStats.size' } },
    ])
    expect((await scaled.toArray())[0]).toEqual({ s: Math.floor(size / 1024) })
    expect(await items.estimatedDocumentCount()).toBe(4)
  })

  it.each<readonly [string, Document[], number]>([
    ['items', [{ $collStats: { latencyStats: {} } }], 115],
    ['items', [{ $collStats: { nonsense: {} } }], 40_415],
    ['items', [{ $match: {} }, { $collStats: { count: {} } }], 115],
    ['none', [{ $collStats: { count: {} } }], 26],
    ['view', [{ $collStats: { count: {} } }], 166],
  ])('%s %o is refused', async (name, pipeline, code) => {
    expect(await codeOf(database.collection(name).aggregate(pipeline).toArray())).toBe(code)
  })
})

describe('$currentOp', () => {
  const admin = client.db('admin')

  it('shows who is connected, and goes on as any pipeline', async () => {
    const pipeline = [{ $currentOp: { allUsers: true, idleConnections: true } }, { $match: { desc: 'mongodb' } }]
    const all = await admin.aggregate(pipeline).toArray()
    expect(all.length).toBeGreaterThan(0)
    // What runs at the moment is this; it ends in its turn.
    expect(all.every(({ type, opid }) => type === 'op' && typeof opid === 'number')).toBe(true)
    expect(await admin.aggregate([{ $currentOp: {} }, { $match: { active: false } }]).toArray()).toEqual([])
  })

  it('is of the deployment alone', async () => {
    expect(await codeOf(database.aggregate([{ $currentOp: {} }]).toArray())).toBe(73)
    expect(await codeOf(items.aggregate([{ $currentOp: {} }]).toArray())).toBe(73)
    expect(await codeOf(admin.aggregate([{ $currentOp: { backtrace: true } }]).toArray())).toBe(115)
    expect(await codeOf(admin.aggregate([{ $currentOp: { all: true } }]).toArray())).toBe(40_415)
  })
})

it('lists its commands, and those of them that need nobody', async () => {
  const { commands } = await database.command({ listCommands: 1 })
  expect(commands.find).toEqual({ help: '', requiresAuth: true })
  expect(commands.hello.requiresAuth).toBe(false)
  expect(commands.findAndModify.aliases).toEqual(['findandmodify'])
})

it('has no profiler, and says so', async () => {
  expect(await database.command({ profile: -1 })).toMatchObject({ was: 0 })
  expect(await database.command({ profile: 0 })).toMatchObject({ was: 0 })
  expect(await codeOf(database.command({ profile: 2 }))).toBe(115)
})

describe('the stable API', () => {
  const strict = { apiVersion: '1', apiStrict: true }

  it.each<readonly [Document, unknown]>([
    [{ find: 'items', ...strict }, 'done'],
    [{ find: 'items', apiVersion: '1' }, 'done'],
    [{ distinct: 'items', key: 'n', apiVersion: '1', apiStrict: false }, 'done'],
    [{ distinct: 'items', key: 'n', ...strict }, 323],
    [{ find: 'items', noCursorTimeout: true, ...strict }, 323],
    [{ aggregate: 'items', pipeline: [{ $collStats: { count: {} } }], cursor: {}, ...strict }, 'done'],
    [{ aggregate: 'items', pipeline: [{ $collStats: { storageStats: {} } }], cursor: {}, ...strict }, 323],
    [{ aggregate: 1, pipeline: [{ $listLocalSessions: {} }], cursor: {}, ...strict }, 323],
    [{ createIndexes: 'items', indexes: [{ key: { n: 1 }, name: 'n', sparse: true }], ...strict }, 323],
    [{ find: 'items', apiVersion: '2' }, 322],
    [{ find: 'items', apiStrict: true }, 4_886_600],
  ])('%o: %s', async (command, expected) => {
    expect(await codeOf(database.command(command))).toBe(expected)
  })
})

it('has no search indexes, and says so as a server without that service', async () => {
  expect(await codeOf(items.createSearchIndex({ definition: { mappings: { dynamic: true } } }))).toBe(31_082)
  expect(await codeOf(items.listSearchIndexes().toArray())).toBe(31_082)
})

it('refuses $out with a linearizable read concern', async () => {
  const writing = items.aggregate([{ $out: 'copied' }], { readConcern: { level: 'linearizable' } })
  expect(await codeOf(writing.toArray())).toBe(72)
})

it('does no operation of a command that has an unknown field in one', async () => {
  const updates = [
    { q: { _id: 1 }, u: { $set: { seen: true } } },
    { q: { _id: 2 }, u: { $set: { seen: true } }, sort: { n: 1 } },
  ]
  expect(await codeOf(database.command({ update: 'items', updates }))).toBe(40_415)
  expect(await codeOf(database.command({ delete: 'items', deletes: [{ q: {}, limit: 0, lmit: 1 }] }))).toBe(40_415)
  expect(await items.countDocuments({ seen: true })).toBe(0)
  expect(await items.countDocuments()).toBe(4)
})
