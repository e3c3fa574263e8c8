/** What MongoDB's commands ask of who sends them, by the unmodified driver. */
import { type Db, type Document, Long, type MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { privilege } from '../database/access/privileges.ts'
import { commands } from '../gateway/mongodb/commands/commands.ts'
import { ServerWithUsers } from './testing-users.ts'

const { read, insert, update, schema, usage, create, administer } = privilege
let world: ServerWithUsers
let root: Db
const ofOrders = { resource: { db: 'shop', collection: 'orders' }, actions: ['find'] }
const unauthorized = { code: 13, codeName: 'Unauthorized' }

beforeAll(async () => {
  world = await ServerWithUsers.start()
  root = world.mongo().db('shop')
  await world.system.create('clerk', { login: false })
  await root.collection('orders').insertMany([1, 2, 3].map((n) => ({ _id: n, n })) as Document[])
  await root.collection('secrets').insertOne({ word: 'plum' })
  await world.mongo().db('bank').collection('accounts').insertOne({ owner: 'eve' })
  await (await world.pg()).query('CREATE TABLE prices (id int PRIMARY KEY, price int)')
})
afterAll(() => world.stop())

let names = 0

/** A new user with nothing but this. */
async function userWith(given: Readonly<Record<string, number>>): Promise<MongoClient> {
  const name = `user${++names}`
  await world.addUser(name)
  for (const [on, privileges] of Object.entries(given)) await world.give(name, on, privileges)
  return world.mongo(name)
}

const answer = (db: Db, command: Document): Promise<Document> =>
  db.command(command).catch((error: unknown) => error as Document)

describe('a user who has been given nothing', () => {
  /** Each command as somebody may send it, and whether it is answered. A command that is not here has no rule. */
  const tried: Readonly<Record<string, readonly [Document, 'answered' | 'refused']>> = {
    hello: [{ hello: 1 }, 'answered'],
    ping: [{ ping: 1 }, 'answered'],
    buildInfo: [{ buildInfo: 1 }, 'answered'],
    saslStart: [{ saslStart: 1, mechanism: 'PLAIN', payload: 'x' }, 'answered'],
    authenticate: [{ authenticate: 1, mechanism: 'MONGODB-X509' }, 'answered'],
    saslContinue: [{ saslContinue: 1, conversationId: 1, payload: 'x' }, 'answered'],
    logout: [{ logout: 1 }, 'answered'],
    connectionStatus: [{ connectionStatus: 1 }, 'answered'],
    whatsmyuri: [{ whatsmyuri: 1 }, 'answered'],
    setParameter: [{ setParameter: 1, cursorTimeoutMillis: 1 }, 'refused'],
    getParameter: [{ getParameter: 1, featureCompatibilityVersion: 1 }, 'refused'],
    serverStatus: [{ serverStatus: 1 }, 'refused'],
    currentOp: [{ currentOp: 1 }, 'answered'],
    killOp: [{ killOp: 1, op: 987_654 }, 'answered'],
    getLog: [{ getLog: 'startupWarnings' }, 'refused'],
    endSessions: [{ endSessions: [] }, 'answered'],
    startSession: [{ startSession: 1 }, 'answered'],
    killSessions: [{ killSessions: [] }, 'answered'],
    refreshSessions: [{ refreshSessions: [] }, 'answered'],
    killAllSessions: [{ killAllSessions: [] }, 'refused'],
    replSetGetStatus: [{ replSetGetStatus: 1 }, 'refused'],
    configureFailPoint: [{ configureFailPoint: 'failCommand', mode: 'off' }, 'refused'],
    polylogDatabases: [{ polylogDatabases: 1 }, 'answered'],
    commitTransaction: [{ commitTransaction: 1 }, 'answered'],
    abortTransaction: [{ abortTransaction: 1 }, 'answered'],
    polylogJoin: [{ polylogJoin: 'x' }, 'answered'],
    polylogToken: [{ polylogToken: 1 }, 'answered'],
    find: [{ find: 'orders' }, 'refused'],
    aggregate: [{ aggregate: 'orders', pipeline: [], cursor: {} }, 'refused'],
    count: [{ count: 'orders' }, 'refused'],
    distinct: [{ distinct: 'orders', key: 'n' }, 'refused'],
    getMore: [{ getMore: Long.fromNumber(7), collection: 'orders' }, 'answered'],
    killCursors: [{ killCursors: 'orders', cursors: [Long.fromNumber(7)] }, 'answered'],
    insert: [{ insert: 'orders', documents: [{ a: 1 }] }, 'refused'],
    update: [{ update: 'orders', updates: [{ q: {}, u: { $set: { a: 1 } } }] }, 'refused'],
    delete: [{ delete: 'orders', deletes: [{ q: {}, limit: 0 }] }, 'refused'],
    findAndModify: [{ findAndModify: 'orders', remove: true }, 'refused'],
    listDatabases: [{ listDatabases: 1 }, 'answered'],
    listCollections: [{ listCollections: 1 }, 'refused'],
    create: [{ create: 'mine' }, 'refused'],
    collMod: [{ collMod: 'orders', validationLevel: 'off' }, 'refused'],
    convertToCapped: [{ convertToCapped: 'orders', size: 4096 }, 'refused'],
    drop: [{ drop: 'orders' }, 'refused'],
    dropDatabase: [{ dropDatabase: 1 }, 'refused'],
    renameCollection: [{ renameCollection: 'shop.orders', to: 'shop.mine' }, 'refused'],
    createIndexes: [{ createIndexes: 'orders', indexes: [{ key: { n: 1 }, name: 'n' }] }, 'refused'],
    listIndexes: [{ listIndexes: 'orders' }, 'refused'],
    dropIndexes: [{ dropIndexes: 'orders', index: '*' }, 'refused'],
    collStats: [{ collStats: 'orders' }, 'refused'],
    validate: [{ validate: 'orders' }, 'refused'],
    profile: [{ profile: -1 }, 'refused'],
    listCommands: [{ listCommands: 1 }, 'answered'],
    dbStats: [{ dbStats: 1 }, 'refused'],
    explain: [{ explain: { find: 'orders' } }, 'refused'],
    createUser: [{ createUser: 'mallory', pwd: 'x', roles: [] }, 'refused'],
    updateUser: [{ updateUser: 'root', pwd: 'x' }, 'refused'],
    dropUser: [{ dropUser: 'root' }, 'refused'],
    dropAllUsersFromDatabase: [{ dropAllUsersFromDatabase: 1 }, 'refused'],
    grantRolesToUser: [{ grantRolesToUser: 'root', roles: ['read'] }, 'refused'],
    revokeRolesFromUser: [{ revokeRolesFromUser: 'root', roles: ['read'] }, 'refused'],
    usersInfo: [{ usersInfo: 'root' }, 'refused'],
    createRole: [{ createRole: 'mallory', roles: [], privileges: [] }, 'refused'],
    updateRole: [{ updateRole: 'clerk', roles: ['clerk'] }, 'refused'],
    dropRole: [{ dropRole: 'clerk' }, 'refused'],
    grantRolesToRole: [{ grantRolesToRole: 'clerk', roles: ['read'] }, 'refused'],
    revokeRolesFromRole: [{ revokeRolesFromRole: 'clerk', roles: ['read'] }, 'refused'],
    grantPrivilegesToRole: [{ grantPrivilegesToRole: 'clerk', privileges: [ofOrders] }, 'refused'],
    revokePrivilegesFromRole: [{ revokePrivilegesFromRole: 'clerk', privileges: [ofOrders] }, 'refused'],
    rolesInfo: [{ rolesInfo: 'clerk' }, 'refused'],
  }

  test.each(commands.map((command) => [command.name] as const))('%s', async (name) => {
    const [command, expected] = tried[name] ?? expect.fail(`${name} is not tried`)
    const db = (await userWith({})).db('shop')
    const found = await answer(db, command)
    if (expected === 'refused') expect(found).toMatchObject(unauthorized)
    else expect(found['code']).not.toBe(13)
    // On what is not there, and in a database that is not, likewise: nobody finds out what there is.
    if (expected === 'refused') {
      const [[first, value]] = Object.entries(command) as [[string, unknown]]
      const other = value === 'orders' ? { ...command, [first]: 'missing' } : command
      const nowhere = world.mongo(`user${names}`).db('nowhere')
      for (const where of [db, nowhere]) expect(await answer(where, other)).toMatchObject(unauthorized)
    }
    expect(await root.collection('orders').countDocuments()).toBe(3)
  })

  test('is answered as the server does, without what the command holds', async () => {
    const db = (await userWith({})).db('shop')
    await expect(db.collection('orders').find({ word: 'plum' }).toArray()).rejects.toMatchObject({
      ...unauthorized,
      message: 'not authorized on shop to execute command { find: "orders", $db: "shop" }',
    })
  })

  test('sees no database, and of collections those that it may see', async () => {
    const client = await userWith({ shop: usage, 'shop.orders': read })
    const db = client.db('shop')
    expect(await db.listCollections({}, { nameOnly: true, authorizedCollections: true } as never).toArray()).toEqual([
      { name: 'orders', type: 'collection' },
    ])
    await expect(db.listCollections().toArray()).rejects.toMatchObject(unauthorized)
    const { databases } = await client.db('admin').command({ listDatabases: 1 })
    expect((databases as Document[]).map(({ name }) => name as string)).toEqual(['shop'])
    await expect(client.db('admin').command({ listDatabases: 1, authorizedDatabases: false })).rejects.toMatchObject(
      unauthorized,
    )
    const none = await (await userWith({})).db('admin').command({ listDatabases: 1, nameOnly: true })
    expect(none['databases']).toEqual([])
  })

  test('before a login nothing is answered but what proves who it is', async () => {
    const client = world.mongo('nobody', 'wrong')
    await expect(client.db('shop').command({ find: 'orders' })).rejects.toMatchObject({ code: 18 })
  })
})

describe('a pipeline', () => {
  const lookup = (from: string, pipeline?: Document[]): Document => ({
    $lookup: pipeline ? { from, as: 'x', pipeline } : { from, localField: 'n', foreignField: 'n', as: 'x' },
  })
  const hidden: readonly (readonly [string, Document[]])[] = [
    ['$lookup by fields', [lookup('secrets')]],
    ['$lookup by a pipeline', [lookup('secrets', [{ $project: { word: 1 } }])]],
    ['in the pipeline of a $lookup', [lookup('orders', [{ $limit: 1 }, lookup('secrets')])]],
    ['in $facet', [{ $facet: { a: [lookup('secrets')] } }]],
    ['in the pipeline of a $lookup in $facet', [{ $facet: { a: [lookup('orders', [lookup('secrets', [])])] } }]],
    ['where no document comes', [{ $match: { n: 77 } }, lookup('secrets')]],
    ['of what is not there', [lookup('missing')]],
  ]

  test.each(hidden)('is refused where it names what may not be read: %s', async (_, pipeline) => {
    const client = await userWith({ shop: usage, 'shop.orders': read })
    const orders = client.db('shop').collection('orders')
    expect(await orders.aggregate([lookup('orders')]).toArray()).toHaveLength(3)
    await expect(orders.aggregate(pipeline).toArray()).rejects.toMatchObject(unauthorized)
    await expect(orders.aggregate(pipeline).explain()).rejects.toMatchObject(unauthorized)
    await expect(
      client.db('shop').command({ explain: { aggregate: 'orders', pipeline, cursor: {} } }),
    ).rejects.toMatchObject(unauthorized)
  })

  test.each(['$merge', '$out', '$unionWith', '$graphLookup'])('%s is no way around', async (stage) => {
    const client = await userWith({ shop: usage, 'shop.orders': read })
    const pipeline = [{ [stage]: stage === '$merge' ? { into: 'secrets' } : 'secrets' }]
    await expect(client.db('shop').collection('orders').aggregate(pipeline).toArray()).rejects.toThrow()
    expect(await root.collection('secrets').countDocuments()).toBe(1)
  })
})

describe('writing', () => {
  test('asks for what is written, and for `read` where what is there is looked at', async () => {
    const orders = (await userWith({ shop: usage, 'shop.orders': insert | update })).db('shop').collection('orders')
    await orders.insertOne({ n: 4 })
    // Also without a condition: a pipeline, a filter of elements, or an error tells what is there.
    await expect(orders.updateMany({}, { $set: { seen: 1 } })).rejects.toMatchObject(unauthorized)
    await expect(orders.updateMany({}, [{ $set: { seen: '$n' } }])).rejects.toMatchObject(unauthorized)
    await expect(orders.updateOne({ n: 4 }, { $set: { n: 4 } })).rejects.toMatchObject(unauthorized)
    await expect(orders.deleteMany({})).rejects.toMatchObject(unauthorized)
    const remover = await userWith({ shop: usage, 'shop.orders': privilege.delete })
    await expect(remover.db('shop').collection('orders').deleteOne({ n: 99 })).rejects.toMatchObject(unauthorized)
    await expect(orders.findOneAndUpdate({}, { $set: { n: 4 } })).rejects.toMatchObject(unauthorized)
    await expect(orders.find().toArray()).rejects.toMatchObject(unauthorized)
    const only = (await userWith({ shop: usage, 'shop.orders': read | update })).db('shop').collection('orders')
    await expect(only.updateOne({ n: 99 }, { $set: { n: 1 } }, { upsert: true })).rejects.toMatchObject(unauthorized)
    await expect(
      only.bulkWrite([
        { updateOne: { filter: { n: 4 }, update: { $set: { n: 5 } } } },
        { updateOne: { filter: { n: 98 }, update: { $set: { n: 1 } }, upsert: true } },
      ]),
    ).rejects.toMatchObject(unauthorized)
    // A command is all or nothing.
    expect(await root.collection('orders').countDocuments({ n: 4 })).toBe(1)
    await root.collection('orders').deleteMany({ n: 4 })
  })

  test('makes a collection, or a database, where that may be made only', async () => {
    const writer = (await userWith({ shop: insert })).db('shop')
    await writer.collection('orders').insertOne({ n: 5 })
    await expect(writer.collection('fresh').insertOne({ n: 5 })).rejects.toMatchObject(unauthorized)
    const maker = await userWith({ shop: insert | schema })
    await world.mongo().db('other').createCollection('there')
    await maker.db('shop').collection('fresh').insertOne({ n: 5 })
    await maker.db('shop').collection('fresh').createIndex({ n: 1 })
    await maker.db('shop').collection('fresh').drop()
    await expect(maker.db('another').collection('fresh').insertOne({ n: 5 })).rejects.toMatchObject(unauthorized)
    await expect(
      maker.db('admin').command({ renameCollection: 'shop.orders', to: 'another.orders' }),
    ).rejects.toMatchObject(unauthorized)
    // Nor is renaming a way to read.
    const keeper = await userWith({ shop: schema, other: read | insert | schema, '': create })
    const moved = keeper.db('admin').command({ renameCollection: 'shop.secrets', to: 'other.secrets' })
    await expect(moved).rejects.toMatchObject(unauthorized)
    const anywhere = await userWith({ '': insert | create })
    await anywhere.db('brandnew').collection('fresh').insertOne({ n: 5 })
    await root.collection('orders').deleteMany({ n: 5 })
  })

  test('in a transaction asks likewise, and the first that is refused ends it', async () => {
    const client = await userWith({ shop: usage, 'shop.orders': insert | read })
    const session = client.startSession()
    session.startTransaction()
    const db = client.db('shop')
    await db.collection('orders').insertOne({ n: 6 }, { session })
    await expect(db.collection('secrets').findOne({}, { session })).rejects.toMatchObject(unauthorized)
    await expect(session.commitTransaction()).rejects.toThrow()
    expect(await root.collection('orders').countDocuments({ n: 6 })).toBe(0)
    await expect(
      client.withSession((own) =>
        own.withTransaction(() => client.db('elsewhere').collection('c').insertOne({}, { session: own })),
      ),
    ).rejects.toMatchObject(unauthorized)
    await session.endSession()
  })
})

describe('what others have opened', () => {
  test('a cursor is asked for its next batch by who opened it, as long as that may read', async () => {
    const client = await userWith({ shop: usage, 'shop.orders': read })
    const name = `user${names}`
    const db = client.db('shop')
    const { cursor } = await db.command({ find: 'orders', batchSize: 1 })
    const more = { getMore: cursor.id as Long, collection: 'orders', batchSize: 1 }
    const other = (await userWith({ shop: read })).db('shop')
    await expect(other.command(more)).rejects.toMatchObject(unauthorized)
    await expect(root.command(more)).rejects.toMatchObject(unauthorized)
    await expect(other.command({ killCursors: 'orders', cursors: [cursor.id] })).rejects.toMatchObject(unauthorized)
    expect((await db.command(more))['cursor'].nextBatch).toHaveLength(1)
    // What is taken away counts for the next batch.
    const session = world.sessions.openSession({ user: 'test', door: 'library' })
    const { id } = world.system.find(name)!
    await session.run((transaction) => {
      const orders = transaction.catalog.findCollection('shop', 'orders')!
      transaction.access.change(orders.id, '', (list) => list!.filter(({ to }) => to !== id))
    })
    await expect(db.command(more)).rejects.toMatchObject(unauthorized)
    const { cursor: second } = await root.command({ find: 'orders', batchSize: 1 })
    expect(await root.command({ killCursors: 'orders', cursors: [second.id] })).toMatchObject({
      cursorsKilled: [second.id],
    })
    session.close()
  })

  test('a transaction of another user, under the same lsid, is another one', async () => {
    const client = await userWith({ shop: insert | read })
    const session = client.startSession()
    session.startTransaction()
    await client.db('shop').collection('orders').insertOne({ n: 7 }, { session })
    const other = await userWith({ shop: insert | read })
    const stolen = other.startSession()
    Object.assign(stolen.serverSession, { id: session.id })
    stolen.startTransaction()
    expect(await other.db('shop').collection('orders').findOne({ n: 7 }, { session: stolen })).toBeNull()
    await stolen.abortTransaction()
    await session.commitTransaction()
    expect(await root.collection('orders').deleteMany({ n: 7 })).toMatchObject({ deletedCount: 1 })
    await session.endSession()
  })

  test('what runs is seen and ended by its own user, and by who may administer', async () => {
    await root.collection('locked').insertOne({ _id: 1 as never })
    const holder = world.mongo()
    const session = holder.startSession()
    session.startTransaction()
    await holder
      .db('shop')
      .collection('locked')
      .updateOne({}, { $set: { a: 1 } }, { session })
    const client = await userWith({ shop: read | update })
    const waiting = client
      .db('shop')
      .collection('locked')
      .updateMany({}, { $set: { a: 2 } })
    waiting.catch(() => undefined)
    const inprog = async (db: Db): Promise<Document[]> => (await db.command({ currentOp: 1 }))['inprog'] as Document[]
    let seen = await inprog(root)
    while (seen.length === 0) seen = await inprog(root)
    const other = (await userWith({ shop: read })).db('shop')
    expect(await inprog(other)).toEqual([])
    await expect(other.command({ killOp: 1, op: seen[0]!['opid'] as number })).rejects.toMatchObject(unauthorized)
    const monitor = (await userWith({ '': administer })).db('shop')
    expect(await inprog(monitor)).toHaveLength(1)
    expect((await inprog(client.db('shop')))[0]).toMatchObject({ user: `user${names - 2}` })
    await monitor.command({ killOp: 1, op: seen[0]!['opid'] as number })
    await expect(waiting).rejects.toThrow()
    await session.abortTransaction()
    await session.endSession()
  })
})

describe('what other doors have made', () => {
  test('a table is read by who may read all of it', async () => {
    const client = await userWith({})
    const name = `user${names}`
    const prices = client.db('public').collection('prices')
    await world.give(name, 'public.prices', read, 'column 1')
    await expect(prices.find().toArray()).rejects.toMatchObject(unauthorized)
    await expect(prices.countDocuments()).rejects.toMatchObject(unauthorized)
    await world.give(name, 'public.prices', read)
    expect(await prices.find().toArray()).toEqual([])
    await expect(prices.insertOne({ _id: 1 as never, price: 5 })).rejects.toMatchObject(unauthorized)
  })

  test('keys of Redis, likewise', async () => {
    await world.redis().set('k', 'v')
    const client = await userWith({})
    const keys = client.db('redis').collection('db0')
    await expect(keys.find().toArray()).rejects.toMatchObject(unauthorized)
    await world.give(`user${names}`, 'redis', read)
    expect(await keys.find().toArray()).toHaveLength(1)
  })

  test('a role that is gone, or renamed, is another one than who comes later under its name', async () => {
    const client = await userWith({ shop: read })
    const name = `user${names}`
    expect(await client.db('shop').collection('orders').countDocuments()).toBe(3)
    await world.system.rename(name, 'formerly')
    await world.addUser(name)
    const session = client.startSession()
    session.startTransaction()
    expect(await client.db('shop').collection('orders').find({}, { session }).toArray()).toHaveLength(3)
    await session.abortTransaction()
    await session.endSession()
  })
})
