/** What a server says of itself to drivers: a router, or the one member of a replica set; and its fail points. */
import { type Document, MongoClient, type MongoServerError, type Timestamp } from 'mongodb'
import { afterAll, describe, expect, it } from 'vitest'
import { openTestMongodb, type TestMongodb } from './testing.ts'

const opened: TestMongodb[] = []
const clients: MongoClient[] = []

async function open(choices: Parameters<typeof openTestMongodb>[2], parameters = ''): Promise<MongoClient> {
  const server = await openTestMongodb({}, {}, choices)
  opened.push(server)
  const client = new MongoClient(`${server.url}${parameters}`, { monitorCommands: true })
  clients.push(client)
  return client
}

afterAll(async () => {
  for (const client of clients) await client.close()
  for (const server of opened) await server.close()
})

describe('a replica set of one', () => {
  it('is found by its name, at the address that the client has come to', async () => {
    const client = await open({ mongodbReplicaSet: { name: 'one' } }, '&replicaSet=one')
    const hello = await client.db('admin').command({ hello: 1 })
    expect(hello).toMatchObject({ setName: 'one', isWritablePrimary: true, secondary: false, hosts: [hello['me']] })
    expect(hello['msg']).toBeUndefined()
    const status = await client.db('admin').command({ replSetGetStatus: 1 })
    expect(status).toMatchObject({ set: 'one', myState: 1, members: [{ stateStr: 'PRIMARY', self: true }] })
  })

  it('says the address that it was told to', async () => {
    const server = await openTestMongodb({}, {}, { mongodbReplicaSet: { name: 'one', address: 'db.example:1234' } })
    opened.push(server)
    const client = new MongoClient(`${server.url}&directConnection=true`)
    clients.push(client)
    expect(await client.db('admin').command({ hello: 1 })).toMatchObject({
      hosts: ['db.example:1234'],
      primary: 'db.example:1234',
    })
  })

  it('is none without being asked for', async () => {
    const client = await open({})
    expect(await client.db('admin').command({ hello: 1 })).toMatchObject({ msg: 'isdbgrid' })
    await expect(client.db('admin').command({ replSetGetStatus: 1 })).rejects.toMatchObject({ code: 76 })
  })
})

describe('times', () => {
  it('let a session read what it has written', async () => {
    const client = await open({})
    const sent: unknown[] = []
    client.on('commandStarted', ({ command }) => sent.push(command['readConcern']))
    const session = client.startSession({ causalConsistency: true })
    const items = client.db('times').collection('items')
    await items.insertOne({ a: 1 }, { session })
    const { operationTime } = session
    expect(await items.countDocuments({}, { session })).toBe(1)
    expect(sent.at(-1)).toMatchObject({ afterClusterTime: operationTime })
    await session.endSession()
  })

  it('never go back', async () => {
    const client = await open({})
    const database = client.db('times')
    const times: bigint[] = []
    for (let i = 0; i < 3; i++) {
      const reply = await database.command({ serverStatus: 1 })
      times.push((reply['operationTime'] as Timestamp).toBigInt())
    }
    expect(times.toSorted((x, y) => (x < y ? -1 : 1))).toEqual(times)
  })
})

describe('a fail point', () => {
  it('is there for tests alone', async () => {
    const client = await open({})
    const set = { configureFailPoint: 'failCommand', mode: 'off' }
    await expect(client.db('admin').command(set)).rejects.toMatchObject({ code: 59 })
  })

  it('fails commands by name, as often as it is told to', async () => {
    const client = await open({ mongodbTestCommands: true }, '&retryReads=false')
    const items = client.db('points').collection('items')
    await client.db('admin').command({
      configureFailPoint: 'failCommand',
      mode: { times: 1 },
      data: { failCommands: ['find'], errorCode: 91, errorLabels: ['Own'] },
    })
    const error = await items.findOne().catch((one: unknown) => one as MongoServerError)
    expect(error).toMatchObject({ code: 91, codeName: 'ShutdownInProgress' })
    expect((error as MongoServerError).hasErrorLabel('Own')).toBe(true)
    expect(await items.findOne()).toBeNull()
  })

  it('closes the connection behind a write, which is done once', async () => {
    const client = await open({ mongodbTestCommands: true })
    const items = client.db('points').collection('behind')
    await client.db('admin').command({ configureFailPoint: 'onPrimaryTransactionalWrite', mode: { times: 1 } })
    await items.insertOne({ _id: 1 as never })
    expect(await items.countDocuments()).toBe(1)
  })

  it('does what it is asked to, and says that so many members are not there', async () => {
    const client = await open({})
    const database = client.db('points')
    const items = database.collection('unmet')
    const insert = async (_id: number, w: unknown): Promise<Document> =>
      database.command({ insert: 'unmet', documents: [{ _id }], writeConcern: { w } })
    await expect(items.insertOne({ a: 1 }, { writeConcern: { w: 3 } })).rejects.toMatchObject({
      code: 100,
      result: { writeConcernError: { code: 100, codeName: 'UnsatisfiableWriteConcern' } },
    })
    await expect(insert(1, 2)).rejects.toMatchObject({ code: 100 })
    await expect(insert(2, 'elsewhere')).rejects.toMatchObject({ code: 79 })
    await expect(insert(3, 51)).rejects.toMatchObject({ code: 9 })
    await expect(insert(4, -1)).rejects.toMatchObject({ code: 9 })
    expect(await insert(5, 'majority')).not.toHaveProperty('writeConcernError')
    expect(await insert(6, 1)).not.toHaveProperty('writeConcernError')
    expect(await items.countDocuments()).toBe(5)
    const session = client.startSession()
    session.startTransaction({ writeConcern: { w: 10 } })
    await items.insertOne({ _id: 7 as never }, { session })
    const error: unknown = await session.commitTransaction().catch((one: unknown) => one)
    expect(error).toMatchObject({ code: 100 })
    expect((error as MongoServerError).hasErrorLabel('UnknownTransactionCommitResult')).toBe(false)
    await session.endSession()
    expect(await items.findOne({ _id: 7 as never })).toEqual({ _id: 7 })
  })

  it('holds the commands of the handshake to the stable API, too', async () => {
    const admin = (await open({})).db('admin')
    expect(await admin.command({ getParameter: 1, requireApiVersion: 1 })).toMatchObject({ requireApiVersion: false })
    await expect(admin.command({ ping: 1, apiVersion: '9' })).rejects.toMatchObject({ code: 322 })
    await expect(admin.command({ ping: 1, apiStrict: true })).rejects.toMatchObject({ code: 4_886_600 })
    await expect(admin.command({ buildInfo: 1, apiVersion: '1', apiStrict: true })).rejects.toMatchObject({ code: 323 })
    expect(await admin.command({ ping: 1, apiVersion: '1', apiStrict: true })).toMatchObject({ ok: 1 })
  })

  it('tells the time with its first answers, too', async () => {
    const client = await open({})
    for (const command of [{ ping: 1 }, { hello: 1 }, { buildInfo: 1 }]) {
      const told = await client.db('admin').command(command)
      expect(told['operationTime']).toEqual((told['$clusterTime'] as Document)['clusterTime'])
    }
  })

  it('adds a write concern error to what is done', async () => {
    const client = await open({ mongodbTestCommands: true })
    const items = client.db('points').collection('concern')
    await client.db('admin').command({
      configureFailPoint: 'failCommand',
      mode: { times: 1 },
      data: { failCommands: ['insert'], writeConcernError: { code: 100, errmsg: 'few' } },
    })
    await expect(items.insertOne({ a: 1 })).rejects.toMatchObject({ code: 100 })
    expect(await items.countDocuments()).toBe(1)
  })
})
