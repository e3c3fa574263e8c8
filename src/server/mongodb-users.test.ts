/** Users and roles by MongoDB's commands: by the unmodified driver, and tried at the other doors. */
import type { Document, MongoClient } from 'mongodb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { privilege } from '../database/access/privileges.ts'
import { password, ServerWithUsers } from './testing-users.ts'

let world: ServerWithUsers
let root: MongoClient
const unauthorized = { code: 13, codeName: 'Unauthorized' }

beforeEach(async () => {
  world = await ServerWithUsers.start()
  root = world.mongo()
  await root.db('shop').collection('orders').insertOne({ n: 1 })
  await root.db('shop').collection('secrets').insertOne({ n: 1 })
  await root.db('bank').collection('accounts').insertOne({ n: 1 })
})
afterEach(() => world.stop())

const command = (body: Document, db = 'shop'): Promise<Document> => root.db(db).command(body)

async function makeUser(name: string, ...roles: (string | Document)[]): Promise<MongoClient> {
  // As mongosh sends it.
  const writeConcern = { w: 'majority', wtimeout: 600_000 }
  await command({ createUser: name, pwd: password, roles, writeConcern })
  return world.mongo(name)
}

const admin = (role: string): Document => ({ role, db: 'admin' })
const infoOf = async (name: string, more: Document = {}): Promise<Document> =>
  ((await command({ usersInfo: name, ...more }))['users'] as Document[])[0]!

describe('built-in roles', () => {
  const reads = (client: MongoClient, db: string): Promise<unknown> => client.db(db).collection('x').find().toArray()
  const writes = (client: MongoClient, db: string): Promise<unknown> => client.db(db).collection('x').insertOne({})
  const indexes = (client: MongoClient, db: string): Promise<unknown> =>
    client.db(db).collection('orders').createIndex({ n: 1 })
  const deeds = { reads, writes, indexes }
  const nowhere = { reads: [], writes: [], indexes: [] }
  const shop = ['shop']
  const both = ['shop', 'bank']

  test.each([
    ['read', 'shop', { ...nowhere, reads: shop }],
    ['readWrite', 'shop', { reads: shop, writes: shop, indexes: shop }],
    ['dbAdmin', 'shop', { ...nowhere, indexes: shop }],
    ['dbOwner', 'shop', { reads: shop, writes: shop, indexes: shop }],
    ['userAdmin', 'shop', nowhere],
    ['readAnyDatabase', 'admin', { ...nowhere, reads: both }],
    ['readWriteAnyDatabase', 'admin', { reads: both, writes: both, indexes: both }],
    ['dbAdminAnyDatabase', 'admin', { ...nowhere, indexes: both }],
    ['userAdminAnyDatabase', 'admin', nowhere],
    ['clusterAdmin', 'admin', nowhere],
    ['clusterMonitor', 'admin', nowhere],
    ['backup', 'admin', { ...nowhere, reads: both }],
    ['root', 'admin', { reads: both, writes: both, indexes: both }],
  ] as [string, string, Record<keyof typeof deeds, string[]>][])(
    '%s of %s is what it says, and can be read back and taken away',
    async (role, db, allowed) => {
      await command({ create: 'x' })
      await command({ create: 'x' }, 'bank')
      await command({ createIndexes: 'orders', indexes: [{ key: { a: 1 }, name: 'a' }] }, 'bank')
      const client = await makeUser('ada', { role, db })
      expect(await infoOf('ada')).toEqual({
        _id: 'admin.ada',
        user: 'ada',
        db: 'admin',
        roles: [{ role, db }],
        mechanisms: ['SCRAM-SHA-256'],
      })
      const tried = async (): Promise<Record<string, string[]>> => {
        const done: Record<string, string[]> = {}
        for (const [name, deed] of Object.entries(deeds)) {
          done[name] = []
          for (const where of both) {
            const outcome = await deed(client, where).catch((error: unknown) => error as Document)
            if ((outcome as Document)['code'] === undefined) done[name].push(where)
            else expect(outcome).toMatchObject(unauthorized)
          }
        }
        return done
      }
      expect(await tried()).toEqual(allowed)
      const monitors = ['clusterAdmin', 'clusterMonitor', 'root'].includes(role)
      const status = client.db('admin').command({ serverStatus: 1 })
      if (monitors) expect((await status)['ok']).toBe(1)
      else await expect(status).rejects.toMatchObject(unauthorized)
      // On the open connection, at once.
      await command({ revokeRolesFromUser: 'ada', roles: [{ role, db }] })
      expect((await infoOf('ada'))['roles']).toEqual([])
      expect(await tried()).toEqual(nowhere)
      await command({ grantRolesToUser: 'ada', roles: [{ role, db }] })
      expect(await tried()).toEqual(allowed)
    },
  )

  test('that others stand for are kept as long as those are', async () => {
    await makeUser('ada', 'readWrite', 'read', 'dbAdmin')
    expect((await infoOf('ada'))['roles']).toEqual([{ role: 'readWrite', db: 'shop' }])
    await command({ revokeRolesFromUser: 'ada', roles: ['read'] })
    expect((await infoOf('ada'))['roles']).toEqual([{ role: 'readWrite', db: 'shop' }])
    await command({ updateUser: 'ada', roles: ['read', { role: 'dbAdmin', db: 'bank' }] })
    expect((await infoOf('ada'))['roles']).toEqual([
      { role: 'dbAdmin', db: 'bank' },
      { role: 'read', db: 'shop' },
    ])
  })

  test('what is refused of an update has taken nothing', async () => {
    await makeUser('ada', 'readWrite', admin('clusterMonitor'))
    await command({ createRole: 'sellers', roles: [], privileges: [] })
    const resource = { db: 'shop', collection: 'orders' }
    await command({ createRole: 'own', roles: ['sellers'], privileges: [{ resource, actions: ['find'] }] })
    const before = await infoOf('ada')
    const clerk = await makeUser('clerk', { role: 'userAdmin', db: 'shop' })
    const asClerk = (body: Document): Promise<Document> => clerk.db('shop').command(body)
    // What it may not give: all of a database, a role of the server, a password.
    for (const change of [
      { roles: [admin('readAnyDatabase')] },
      { roles: ['read', admin('root')] },
      { roles: ['read', 'sellers'] },
      { roles: ['read', admin('clusterMonitor')], pwd: 'other' },
    ]) {
      await expect(asClerk({ updateUser: 'ada', ...change })).rejects.toMatchObject(unauthorized)
      expect(await infoOf('ada')).toEqual(before)
    }
    const role = async (): Promise<unknown> =>
      ((await command({ rolesInfo: 'own', showPrivileges: true }))['roles'] as Document[])[0]
    const known = await role()
    const nowhere = { resource: { db: 'shop', collection: 'nowhere' }, actions: ['find'] }
    await expect(command({ updateRole: 'own', roles: [], privileges: [nowhere] })).rejects.toMatchObject({ code: 26 })
    expect(await role()).toEqual(known)
    await command({ updateRole: 'own', roles: [], privileges: [] })
    expect(await role()).toMatchObject({ roles: [], privileges: [] })
  })

  test('are known where the server knows them', async () => {
    for (const role of ['root', 'readAnyDatabase', 'restore', 'nonsense']) {
      await expect(makeUser('ada', { role, db: 'shop' })).rejects.toMatchObject({ code: 31, codeName: 'RoleNotFound' })
    }
    expect((await command({ usersInfo: 1 }))['users']).toHaveLength(1)
    const { roles } = await command({ rolesInfo: { role: 'read', db: 'shop' }, showPrivileges: true })
    expect(roles[0]).toMatchObject({
      isBuiltin: true,
      privileges: [{ resource: { db: 'shop', collection: '' }, actions: ['find'] }],
    })
  })

  test('of a database that is not there make it, empty, and stay when it is dropped', async () => {
    const client = await makeUser('ada', { role: 'readWrite', db: 'fresh' })
    const { databases } = await command({ listDatabases: 1, nameOnly: true })
    expect((databases as Document[]).map(({ name }) => name as string)).not.toContain('fresh')
    await client.db('fresh').collection('c').insertOne({})
    await client.db('fresh').dropDatabase()
    await client.db('fresh').collection('c').insertOne({})
    expect(await client.db('fresh').collection('c').countDocuments()).toBe(1)
  })
})

describe('a user', () => {
  test('changes its password and what is kept with it', async () => {
    await command({
      createUser: 'ada',
      pwd: 'one',
      roles: [],
      customData: { employee: 7 },
      mechanisms: ['SCRAM-SHA-256'],
    })
    expect((await infoOf('ada'))['customData']).toEqual({ employee: 7 })
    await command({ updateUser: 'ada', customData: { a: [1] } })
    expect(await infoOf('ada', { showCustomData: false })).not.toHaveProperty('customData')
    const ada = world.mongo('ada', 'one')
    expect(await ada.db('shop').command({ connectionStatus: 1 })).toMatchObject({
      authInfo: { authenticatedUsers: [{ user: 'ada', db: 'admin' }], authenticatedUserRoles: [] },
    })
    await ada.db('shop').command({ updateUser: 'ada', pwd: 'two' })
    await expect(world.mongo('ada', 'one').db('shop').command({ ping: 1 })).rejects.toMatchObject({ code: 18 })
    expect(await world.mongo('ada', 'two').db('shop').command({ usersInfo: 'ada' })).toMatchObject({
      users: [{ user: 'ada', customData: { a: [1] } }],
    })
    const more = ada.db('shop').command({ updateUser: 'ada', roles: ['read'] })
    await expect(more).rejects.toMatchObject(unauthorized)
    await command({ dropUser: 'ada' })
    await expect(command({ dropUser: 'ada' })).rejects.toMatchObject({ code: 11, codeName: 'UserNotFound' })
    await expect(ada.db('shop').collection('orders').findOne()).rejects.toMatchObject(unauthorized)
  })

  test('is refused what is not kept, by name', async () => {
    const tries: readonly (readonly [Document, RegExp])[] = [
      [{ pwd: 'x', roles: [], mechanisms: ['SCRAM-SHA-1'] }, /SCRAM-SHA-1 is not supported/],
      [{ pwd: 'x', roles: [], mechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-1'] }, /SCRAM-SHA-1 is not supported/],
      [{ pwd: 'x', roles: [], digestPassword: false }, /digestPassword/],
      [{ pwd: 'x', roles: [], authenticationRestrictions: [{ clientSource: ['::1'] }] }, /authenticationRestrictions/],
      [{ roles: [] }, /Must provide a 'pwd'/],
      [{ pwd: 'x' }, /roles' is missing/],
      [{ pwd: '', roles: [] }, /a password cannot be empty/],
      [{ pwd: 'x', roles: [], nonsense: 1 }, /unknown field/],
    ]
    for (const [rest, words] of tries) {
      await expect(command({ createUser: 'ada', ...rest })).rejects.toThrow(words)
    }
    await expect(command({ createUser: 'root', pwd: 'x', roles: [] })).rejects.toMatchObject({ code: 51_003 })
    const large = { text: 'x'.repeat(16 * 1024) }
    await expect(command({ createUser: 'ada', pwd: 'x', roles: [], customData: large })).rejects.toThrow('customData')
    await expect(command({ usersInfo: 1, showCredentials: true })).rejects.toMatchObject({ code: 115 })
    await expect(command({ dropAllUsersFromDatabase: 1 }, 'admin')).rejects.toMatchObject({ code: 115 })
    expect(await command({ dropAllUsersFromDatabase: 1 })).toMatchObject({ n: 0 })
    await expect(command({ dropUser: 'root' })).rejects.toThrow('superuser')
    await expect(command({ revokeRolesFromUser: 'root', roles: [admin('root')] })).rejects.toThrow('superuser')
    const session = root.startSession()
    session.startTransaction()
    const within = root.db('shop').command({ createUser: 'ada', pwd: 'x', roles: [] }, { session })
    await expect(within).rejects.toMatchObject({ code: 263 })
    await session.endSession()
    expect((await command({ usersInfo: { forAllDBs: true }, filter: { user: { $ne: 'root' } } }))['users']).toEqual([])
  })

  test('is seen by itself, and by who looks after users', async () => {
    const ada = await makeUser('ada', 'read')
    await makeUser('bob')
    const own = await ada.db('shop').command({ usersInfo: 'ada', showPrivileges: true })
    expect(own['users'][0]).toMatchObject({
      inheritedRoles: [{ role: 'read', db: 'shop' }],
      inheritedPrivileges: expect.arrayContaining([
        { resource: { db: 'shop', collection: '' }, actions: ['find'] },
      ]) as unknown,
    })
    for (const asked of [1, 'bob', ['ada', 'bob'], 'nobody', { forAllDBs: true }]) {
      await expect(ada.db('shop').command({ usersInfo: asked })).rejects.toMatchObject(unauthorized)
    }
  })
})

describe('who looks after users', () => {
  test('of one database gives what is in it, and nothing else', async () => {
    const ada = await makeUser('ada', 'userAdmin')
    await makeUser('bob')
    const give = (...roles: Document[]): Promise<Document> => ada.db('shop').command({ grantRolesToUser: 'bob', roles })
    await give({ role: 'readWrite', db: 'shop' })
    await ada.db('shop').command({ revokeRolesFromUser: 'bob', roles: ['readWrite'] })
    await give({ role: 'dbOwner', db: 'shop' })
    for (const role of [{ role: 'read', db: 'bank' }, admin('readAnyDatabase'), admin('root'), admin('backup')]) {
      await expect(give({ role: 'read', db: 'shop' }, role)).rejects.toMatchObject(unauthorized)
    }
    expect((await infoOf('bob'))['roles']).toEqual([{ role: 'dbOwner', db: 'shop' }])
    await expect(ada.db('shop').command({ createUser: 'eve', pwd: 'x', roles: [] })).rejects.toMatchObject(unauthorized)
    await expect(ada.db('shop').command({ updateUser: 'bob', pwd: 'x' })).rejects.toMatchObject(unauthorized)
    await expect(ada.db('shop').command({ dropUser: 'bob' })).rejects.toMatchObject(unauthorized)
    expect((await infoOf('bob'))['roles']).toEqual([{ role: 'dbOwner', db: 'shop' }])
    await expect(ada.db('shop').command({ revokeRolesFromUser: 'root', roles: [admin('root')] })).rejects.toMatchObject(
      unauthorized,
    )
  })

  test('of all databases makes users, but no superuser', async () => {
    const ada = (await makeUser('ada', admin('userAdminAnyDatabase'))).db('admin')
    await ada.command({
      createUser: 'bob',
      pwd: password,
      roles: [{ role: 'read', db: 'bank' }, admin('clusterAdmin')],
    })
    await ada.command({ createRole: 'clerk', roles: ['read'], privileges: [] })
    await ada.command({ grantRolesToUser: 'bob', roles: ['clerk'] })
    await ada.command({ updateUser: 'bob', pwd: 'other' })
    await expect(ada.command({ createUser: 'eve', pwd: 'x', roles: ['root'] })).rejects.toMatchObject(unauthorized)
    await world.system.create('sql', { login: true, password, createRole: true })
    const half = world
      .mongo('sql')
      .db('shop')
      .command({ createUser: 'eve', pwd: 'x', roles: ['read'] })
    await expect(half).rejects.toMatchObject(unauthorized)
    expect(world.system.find('eve')).toBeUndefined()
    await expect(ada.command({ grantRolesToUser: 'ada', roles: ['root'] })).rejects.toMatchObject(unauthorized)
    await expect(ada.command({ updateUser: 'root', pwd: 'x' })).rejects.toMatchObject(unauthorized)
    await expect(ada.command({ dropUser: 'root' })).rejects.toMatchObject(unauthorized)
    await ada.command({ dropUser: 'bob' })
    await ada.command({ dropRole: 'clerk' })
    expect((await command({ rolesInfo: 1 }))['roles']).toEqual([])
  })
})

describe('a role that is made', () => {
  const ofOrders = (...actions: string[]): Document => ({ resource: { db: 'shop', collection: 'orders' }, actions })

  test('is what it has been given, to its members and theirs', async () => {
    await command({ createRole: 'clerk', roles: [], privileges: [ofOrders('find', 'insert')] })
    await command({ createRole: 'chief', roles: ['clerk'], privileges: [] })
    const orders = (await makeUser('ada', 'chief')).db('shop').collection('orders')
    await orders.insertOne({ n: 2 })
    expect(await orders.countDocuments()).toBe(2)
    await expect(orders.deleteMany({})).rejects.toMatchObject(unauthorized)
    const { roles } = await command({ rolesInfo: 'clerk', showPrivileges: true })
    expect(roles[0]).toMatchObject({
      role: 'clerk',
      isBuiltin: false,
      roles: [],
      privileges: [
        { resource: { db: 'shop', collection: '' }, actions: ['polylog:usage'] },
        ofOrders('find', 'insert'),
      ],
    })
    expect((await command({ rolesInfo: 'chief' }))['roles'][0]).toMatchObject({ roles: [admin('clerk')] })
    expect((await infoOf('ada'))['roles']).toEqual([admin('chief')])
    await command({ grantPrivilegesToRole: 'clerk', privileges: [ofOrders('remove')] })
    await orders.deleteOne({ n: 2 })
    await command({ revokePrivilegesFromRole: 'clerk', privileges: [ofOrders('remove', 'insert')] })
    await expect(orders.insertOne({})).rejects.toMatchObject(unauthorized)
    await command({ updateRole: 'clerk', privileges: [ofOrders('insert')] })
    await orders.insertOne({})
    await expect(orders.countDocuments()).rejects.toMatchObject(unauthorized)
    await command({ revokeRolesFromRole: 'chief', roles: ['clerk'] })
    await expect(orders.insertOne({})).rejects.toMatchObject(unauthorized)
    await command({ grantRolesToRole: 'chief', roles: ['clerk', 'read'] })
    expect(await orders.countDocuments()).toBe(2)
    await command({ updateRole: 'chief', roles: [] })
    await command({ dropRole: 'clerk' })
    await command({ dropRole: 'chief' })
    await expect(orders.countDocuments()).rejects.toMatchObject(unauthorized)
    expect((await infoOf('ada'))['roles']).toEqual([])
  })

  test('takes actions that can be given, and says which cannot', async () => {
    const tries: readonly (readonly [Document, RegExp | number])[] = [
      [ofOrders('createIndex'), /createIndex cannot be given alone here: give createCollection, dropCollection/],
      [ofOrders('listIndexes'), /listIndexes cannot be given alone here: give find; or/],
      [ofOrders('find', 'validate'), /unsupported action privilege string: validate/],
      [{ resource: { db: 'shop', collection: 'missing' }, actions: ['find'] }, 26],
      [{ resource: { db: '', collection: 'orders' }, actions: ['find'] }, /no resource here/],
      [{ resource: { anyResource: true }, actions: ['anyAction'] }, 40_415],
      [{ resource: { cluster: true }, actions: ['shutdown'] }, /unsupported action privilege string: shutdown/],
      [{ resource: { cluster: true }, actions: ['find'] }, /unsupported/],
      [
        ofOrders('createCollection'),
        /createCollection cannot be given alone here: give createCollection, dropCollection/,
      ],
    ]
    await command({ createRole: 'clerk', roles: [], privileges: [] })
    for (const [given, expected] of tries) {
      const tried = command({ grantPrivilegesToRole: 'clerk', privileges: [given] })
      if (typeof expected === 'number') await expect(tried).rejects.toMatchObject({ code: expected })
      else await expect(tried).rejects.toThrow(expected)
    }
    // What cannot be given as it was asked for is not made.
    const missing = { resource: { db: 'shop', collection: 'missing' }, actions: ['find'] }
    const half = command({ createRole: 'half', roles: ['read'], privileges: [missing] })
    await expect(half).rejects.toMatchObject({ code: 26 })
    expect((await command({ rolesInfo: 'half' }))['roles']).toEqual([])
    await expect(command({ createRole: 'read', roles: [], privileges: [] })).rejects.toThrow('built-in')
    await expect(command({ createRole: 'clerk', roles: [], privileges: [] })).rejects.toMatchObject({ code: 51_002 })
    await expect(command({ createRole: 'root', roles: [], privileges: [] })).rejects.toThrow()
    await expect(command({ grantRolesToRole: 'clerk', roles: ['clerk'] })).rejects.toThrow('member')
    expect((await command({ rolesInfo: 'clerk', showPrivileges: true }))['roles'][0]).toMatchObject({ privileges: [] })
    const all = ['find', 'insert', 'update', 'remove', 'createCollection', 'dropCollection', 'createIndex', 'dropIndex']
    await command({
      grantPrivilegesToRole: 'clerk',
      privileges: [{ resource: { db: 'shop', collection: '' }, actions: all }],
    })
    expect((await command({ rolesInfo: 'clerk', showPrivileges: true }))['roles'][0]['privileges']).toEqual([
      { resource: { db: 'shop', collection: '' }, actions: all },
    ])
  })
})

describe('what one door gives, the others keep', () => {
  test('a user of MongoDB reads by SQL and Redis what it may read, and writes nothing', async () => {
    await world.redis().set('k', 'v')
    const ada = await makeUser('ada', 'read', { role: 'read', db: 'redis' })
    const pg = await world.pg('ada')
    expect((await pg.query('SELECT n FROM shop.orders')).rows).toHaveLength(1)
    expect(await world.redis('ada').get('k')).toBe('v')
    expect(await ada.db('redis').collection('db0').countDocuments()).toBe(1)
    await expect(pg.query('SELECT * FROM bank.accounts')).rejects.toMatchObject({ code: '42501' })
    await expect(pg.query('DELETE FROM shop.orders')).rejects.toMatchObject({ code: '42501' })
    await expect(pg.query('INSERT INTO shop.orders (n) VALUES (3)')).rejects.toMatchObject({ code: '42501' })
    await expect(world.redis('ada').set('k', 'w')).rejects.toThrow()
    await expect(ada.db('shop').collection('orders').insertOne({})).rejects.toMatchObject(unauthorized)
    await expect(ada.db('redis').collection('db0').deleteMany({})).rejects.toMatchObject(unauthorized)
    await command({ revokeRolesFromUser: 'ada', roles: ['read', { role: 'read', db: 'redis' }] })
    await expect(pg.query('SELECT n FROM shop.orders')).rejects.toMatchObject({ code: '42501' })
    await expect(world.redis('ada').get('k')).rejects.toThrow()
  })

  test('what other doors have given is told in the words of MongoDB, or in its own', async () => {
    await (await world.pg()).query('CREATE TABLE prices (id int PRIMARY KEY, price int)')
    await world.addUser('ada')
    await world.give('ada', 'public.prices', privilege.read | privilege.truncate)
    await world.give('ada', 'public.prices', privilege.update, 'column 2')
    await world.give('ada', 'bank', privilege.history)
    await world.give('ada', '', privilege.read)
    const told = await infoOf('ada', { showPrivileges: true })
    expect(told['roles']).toEqual([admin('readAnyDatabase')])
    expect(told['inheritedPrivileges']).toEqual(
      expect.arrayContaining([
        { resource: { db: '', collection: '' }, actions: ['find', 'polylog:connect', 'polylog:temporary'] },
        { resource: { db: 'bank', collection: '' }, actions: ['polylog:history'] },
        { resource: { db: 'public', collection: 'prices' }, actions: ['find', 'polylog:truncate'] },
        { resource: { db: 'public', collection: 'prices', polylogColumn: '2' }, actions: ['update'] },
      ]),
    )
    // Who goes takes along what it has been given.
    await command({ dropUser: 'ada' })
    const session = world.sessions.openSession({ user: 'test', door: 'library' })
    const lists = [...session.catalog.access.values()].flatMap((parts) => [...parts.values()])
    expect(lists.flat().filter(({ to }) => to > 0)).toEqual([])
    session.close()
  })

  test('what a role of SQL owns keeps it from being dropped, whole', async () => {
    await makeUser('ada', admin('readWriteAnyDatabase'))
    const pg = await world.pg('ada')
    await pg.query('CREATE SCHEMA own')
    await expect(command({ dropUser: 'ada' })).rejects.toThrow('cannot be dropped')
    expect((await infoOf('ada'))['roles']).toEqual([admin('readWriteAnyDatabase')])
  })
})

test('what users have been given is there after a restart of the driver, and written down in the audit', async () => {
  await makeUser('ada', 'read')
  await command({ revokeRolesFromUser: 'ada', roles: ['read'] })
  await expect(world.mongo('ada').db('shop').collection('orders').find({ word: 'plum' }).toArray()).rejects.toThrow()
  await world.system.audit.settle()
  const rows = [...world.system.audit.rows()].map(({ event, principal, object, detail }) => [
    event,
    principal,
    object,
    detail,
  ])
  expect(rows).toContainEqual(['privilege granted', 'root', 'ada', 'createUser'])
  expect(rows).toContainEqual(['privilege revoked', 'root', 'ada', 'revokeRolesFromUser'])
  expect(rows).toContainEqual(['access denied', 'ada', 'shop.orders', 'find'])
})
