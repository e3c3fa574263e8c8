/** What clients hear of replies that were held for a log that then found no space, and how they go on. */
import { deserialize, Long, serialize, UUID, type Document } from 'bson'
import { MongoClient } from 'mongodb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openTestSessions, SmallDisk, type TestSessions } from '../../session/testing.ts'
import { openMemoryStore } from '../../storage/memory/memory.ts'
import { defaultGatewayLimits, type Gateway } from '../gateway.ts'
import { Door } from '../door.ts'
import { mongodbProtocol } from './gateway.ts'
import { connectLocally, messageOf, type RawClient } from './testing.ts'

let disk: SmallDisk
let opened: TestSessions
let gateway: Gateway
let a: RawClient
let b: RawClient

const full = {
  ok: 0,
  errmsg: 'no space left on the disk of the log: the write was not done',
  code: 14_031,
  codeName: 'OutOfDiskSpace',
}
const insert = (id: number): Document => ({ insert: 'items', documents: [{ _id: id }], $db: 'test' })
const count = { count: 'items', $db: 'test' }

beforeEach(async () => {
  disk = new SmallDisk()
  // Without missing pages: what has reached the log when is what these tests are about.
  const { host, log } = disk
  opened = await openTestSessions({ host, log, store: await openMemoryStore(host, undefined) })
  gateway = new Door(mongodbProtocol, opened.sessions, defaultGatewayLimits)
  a = connectLocally(gateway)
  b = connectLocally(gateway)
  expect(await ask(a, insert(0))).toMatchObject({ n: 1, ok: 1 })
})
afterEach(async () => {
  await gateway.close(0)
  await opened.close()
})

async function ask(client: RawClient, document: Document): Promise<Document> {
  return deserialize((await client.command(serialize(document)))!)
}

function send(client: RawClient, ...documents: Document[]): void {
  client.send(Buffer.concat(documents.map((document) => messageOf(serialize(document)))))
}

async function replies(client: RawClient, length: number): Promise<Document[]> {
  const all: Document[] = []
  for (let i = 0; i < length; i++) all.push(deserialize((await client.reply())!))
  return all
}

async function refused(client: RawClient, ...documents: Document[]): Promise<Document[]> {
  disk.isFull = true
  send(client, ...documents)
  const told = await replies(client, documents.length)
  disk.empty()
  return told
}

function transaction(): { lsid: Document; txnNumber: Long; autocommit: false } {
  return { lsid: { id: new UUID() }, txnNumber: Long.fromNumber(1), autocommit: false }
}

const turn = (): Promise<void> => new Promise((resolve) => disk.host.turn(resolve))

describe('a reply that finds no space becomes an error, and the connection goes on', () => {
  it('one for each request', async () => {
    expect(await refused(a, insert(1), count, insert(1))).toEqual([full, full, full])
    for (let i = 0; i < 5; i++) await turn()
    expect(a.replyCount).toBe(0)
    expect(await ask(a, count)).toMatchObject({ n: 1, ok: 1 })
    expect(await ask(a, insert(1))).toMatchObject({ n: 1, ok: 1 })
    expect(await ask(b, count)).toMatchObject({ n: 2, ok: 1 })
  })

  it('names the request that it answers', async () => {
    const numbered = (id: number, document: Document): Uint8Array => {
      const bytes = Buffer.from(messageOf(serialize(document)))
      bytes.writeInt32LE(id, 4)
      return bytes
    }
    disk.isFull = true
    a.send(Buffer.concat([numbered(71, insert(1)), numbered(-5, count)]))
    const answered: number[] = []
    const numbers = new Set<number>()
    for (let i = 0; i < 2; i++) {
      const document = (await a.reply())!
      const header = Buffer.from(document.buffer, document.byteOffset - 21)
      answered.push(header.readInt32LE(8))
      numbers.add(header.readInt32LE(4))
    }
    expect([answered, numbers.size]).toEqual([[71, -5], 2])
  })

  it('the commit of a transaction, also when it is repeated', async () => {
    const inside = transaction()
    expect(await ask(a, { ...insert(1), ...inside, startTransaction: true })).toMatchObject({ ok: 1 })
    const commit = { commitTransaction: 1, ...inside, $db: 'admin' }
    expect(await refused(a, commit)).toEqual([full])
    expect(await ask(a, commit)).toEqual(full)
    expect(await ask(b, commit)).toEqual(full)
    expect(await ask(a, count)).toMatchObject({ n: 1 })
  })

  it('what was read in a transaction, which is over then', async () => {
    const inside = transaction()
    disk.hold()
    send(b, insert(1))
    send(a, { ...insert(2), ...inside, startTransaction: true }, { ...count, $db: 'test' })
    disk.isFull = true
    disk.release()
    expect(await replies(a, 2)).toEqual([full, full])
    expect(await replies(b, 1)).toEqual([full])
    disk.empty()
    const commit = { commitTransaction: 1, ...inside, $db: 'admin' }
    expect(await ask(a, commit)).toMatchObject({ ok: 0, code: 251 })
    expect(await ask(a, count)).toMatchObject({ n: 1 })
  })

  it('a write that the driver may repeat is done when it is repeated', async () => {
    const write = { ...insert(1), lsid: { id: new UUID() }, txnNumber: Long.fromNumber(1) }
    expect(await refused(a, write)).toEqual([full])
    expect(await ask(a, write)).toMatchObject({ n: 1, ok: 1 })
  })

  it('but not what the log has, before it', async () => {
    disk.hold()
    send(a, insert(1))
    await turn()
    await turn()
    send(a, insert(2))
    const before = opened.database.durableThrough('synced')
    disk.release()
    while (opened.database.durableThrough('synced') === before) await Promise.resolve()
    disk.isFull = true
    expect(await replies(a, 2)).toMatchObject([{ n: 1, ok: 1 }, full])
    expect(await ask(a, count)).toMatchObject({ n: 2 })
  })

  it('nothing is answered where nothing was to be', async () => {
    disk.isFull = true
    a.send(Buffer.concat([messageOf(serialize(insert(1)), 2), messageOf(serialize(count))]))
    expect(await replies(a, 1)).toEqual([full])
    disk.empty()
    expect(await ask(a, count)).toMatchObject({ n: 1 })
  })
})

it('the driver gets an error, keeps its connection, and writes again when there is room', async () => {
  const listener = await disk.host.network.listen({ host: '127.0.0.1', port: 0 }, (socket) =>
    gateway.accept(socket, new Uint8Array(0)),
  )
  const client = new MongoClient(`mongodb://127.0.0.1:${listener.address.port}/?maxPoolSize=1`)
  let closed = 0
  client.on('connectionClosed', () => closed++)
  const items = client.db('test').collection<{ _id: number }>('items')
  disk.isFull = true
  await expect(items.insertOne({ _id: 1 })).rejects.toMatchObject({ code: 14_031 })
  expect(await items.countDocuments()).toBe(1)
  disk.empty()
  disk.isFull = true
  const session = client.startSession()
  session.startTransaction()
  await items.insertOne({ _id: 1 }, { session })
  await expect(session.commitTransaction()).rejects.toMatchObject({ code: 14_031 })
  await session.endSession()
  disk.empty()
  await items.insertOne({ _id: 1 })
  expect([await items.countDocuments(), closed]).toEqual([2, 0])
  await client.close()
  await listener.close()
})
