/** Every kind of reply waits for what it has seen, though no command says so. */
import { deserialize, Long, serialize, UUID, type Document } from 'bson'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Database } from '../../database/database.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { Sessions } from '../../session/sessions.ts'
import { holdLog } from '../../session/testing.ts'
import { defaultGatewayLimits, type Gateway } from '../gateway.ts'
import { Door } from '../door.ts'
import { mongodbProtocol } from './gateway.ts'
import { connectLocally, messageOf, type RawClient } from './testing.ts'

let databases: Map<string, Database>
let sessions: Sessions
let gateway: Gateway
let client: RawClient

beforeEach(async () => {
  const opened = [await openTestDatabase({ name: 'polylog' }), await openTestDatabase({ name: 'other' })]
  databases = new Map(opened.map((database) => [database.name, database]))
  sessions = new Sessions(opened[0]!.host, () => databases)
  gateway = new Door(mongodbProtocol, sessions, defaultGatewayLimits)
  client = connectLocally(gateway)
  await ask({ insert: 'items', documents: [{ _id: 1 }], $db: 'test' })
})

afterEach(async () => {
  await gateway.close(0)
  for (const database of databases.values()) await database.close()
})

async function ask(document: Document): Promise<Document> {
  return deserialize((await client.command(serialize(document)))!)
}

const turn = (): Promise<void> => new Promise((resolve) => sessions.host.turn(resolve))

/** Sends all in one piece; nothing may come before the log of `name` has what they see. */
async function held(name: string, ...documents: readonly Document[]): Promise<Document[]> {
  const log = holdLog(databases.get(name)!)
  await write()
  client.send(Buffer.concat(documents.map((document) => messageOf(serialize(document)))))
  for (let i = 0; i < 10; i++) await turn()
  expect(client.replyCount).toBe(0)
  log.release()
  const replies: Document[] = []
  for (const _ of documents) replies.push(deserialize((await client.reply())!))
  return replies
}

/** By somebody else, and not durable yet. */
async function write(): Promise<void> {
  const other = connectLocally(gateway)
  other.send(messageOf(serialize({ insert: 'items', documents: [{ _id: 2 }, { _id: 3 }], $db: 'test' })))
  for (let i = 0; i < 3; i++) await turn()
  expect(other.replyCount).toBe(0)
}

const find = { find: 'items', $db: 'test' }

describe('a reply that tells of what is not durable yet waits', () => {
  it('with what was found', async () => {
    expect(await held('polylog', find)).toMatchObject([
      { cursor: { firstBatch: [{ _id: 1 }, { _id: 2 }, { _id: 3 }] } },
    ])
  })

  it('with the error of a write', async () => {
    const replies = await held('polylog', { insert: 'items', documents: [{ _id: 2 }], $db: 'test' })
    expect(replies).toMatchObject([{ writeErrors: [{ code: 11_000 }] }])
  })

  it('with the error of a command', async () => {
    const update = { $set: { _id: 2 } }
    const replies = await held('polylog', { findAndModify: 'items', query: { _id: 3 }, update, $db: 'test' })
    expect(replies).toMatchObject([{ ok: 0, code: 66 }])
  })

  it('in a transaction, and at its end', async () => {
    const lsid = { id: new UUID() }
    const inside = { lsid, txnNumber: Long.fromNumber(1), autocommit: false }
    const begin = { ...find, ...inside, startTransaction: true }
    const replies = await held('polylog', begin, { commitTransaction: 1, ...inside, $db: 'admin' })
    expect(replies).toMatchObject([{ ok: 1 }, { ok: 1 }])
  })

  it('at the strictest level of those that leave together', async () => {
    const insert = { insert: 'items', documents: [{ _id: 9 }], $db: 'test' }
    const replies = await held('polylog', insert, { ...find, writeConcern: { w: 1, j: false } })
    expect(replies).toMatchObject([{ ok: 1 }, { ok: 1 }])
  })

  it('though a ping comes behind it', async () => {
    expect(await held('polylog', find, { ping: 1, $db: 'admin' })).toHaveLength(2)
  })

  it('though the connection goes to another database behind it', async () => {
    const hello = { hello: 1, client: { application: { name: 'polylog:other' } }, $db: 'admin' }
    const replies = await held('polylog', find, hello, find)
    expect(replies[0]).toMatchObject({ cursor: { firstBatch: [{ _id: 1 }, { _id: 2 }, { _id: 3 }] } })
    expect(replies[2]).toMatchObject({ cursor: { firstBatch: [] } })
  })
})

it('a reply that tells of nothing waits for nothing', async () => {
  holdLog(databases.get('polylog')!)
  await write()
  expect(await ask({ ping: 1, $db: 'admin' })).toMatchObject({ ok: 1 })
})
