/** A transaction that a driver has forgotten: MongoDB's parties have no connection whose end would tell. Simulated clock. */
import { deserialize, Long, serialize, UUID, type Document } from 'bson'
import { beforeEach, describe, expect, it } from 'vitest'
import type { SimulatedProcess } from '../../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import type { Session } from '../../session/contract.ts'
import { openTestSessions, type TestSessions } from '../../session/testing.ts'
import { defaultGatewayLimits } from '../gateway.ts'
import { Door } from '../door.ts'
import { mongodbProtocol } from './gateway.ts'
import { connectLocally, messageOf, type RawClient } from './testing.ts'

const idleMs = 60_000

let world: SimulatedWorld
let host: SimulatedProcess
let server: TestSessions
let client: RawClient
let inside: Document

beforeEach(async () => {
  world = new SimulatedWorld(5)
  host = world.startProcess('server')
  // Longer than MongoDB's own: it is that one which is seen here.
  server = await world.complete(openTestSessions({ host, sessions: { idleTimeoutMs: 10 * idleMs } }))
  client = connectLocally(new Door(mongodbProtocol, server.sessions, defaultGatewayLimits))
  inside = { lsid: { id: new UUID() }, txnNumber: Long.fromNumber(1), autocommit: false }
})

async function ask(document: Document): Promise<Document> {
  return deserialize((await world.complete(client.command(serialize(document))))!)
}

const later = (ms: number): Promise<void> => world.complete(new Promise((resolve) => void host.at(ms, resolve)))

const insert = (_id: number): Promise<Document> =>
  ask({ insert: 'items', documents: [{ _id }], $db: 'test', ...inside, ...(_id === 1 && { startTransaction: true }) })

function beginOutside(): Session {
  const session = server.sessions.openSession({ user: 'test', door: 'test' })
  session.begin()
  return session
}

describe('a transaction of MongoDB without a command', () => {
  it('is aborted after 60 seconds', async () => {
    await insert(1)
    await later(idleMs - 1)
    expect(server.database.open.size).toBe(1)
    await later(1)
    expect(server.database.open.size).toBe(0)
    expect(await insert(2)).toMatchObject({ ok: 0, code: 251 })
    expect(await ask({ commitTransaction: 1, $db: 'admin', ...inside })).toMatchObject({ ok: 0, code: 251 })
    expect(await ask({ count: 'items', $db: 'test' })).toMatchObject({ n: 0 })
  })

  it('is kept by each command', async () => {
    for (let _id = 1; _id <= 5; _id++) {
      expect(await insert(_id)).toMatchObject({ ok: 1 })
      await later(idleMs - 1)
    }
    expect(await ask({ commitTransaction: 1, $db: 'admin', ...inside })).toMatchObject({ ok: 1 })
    expect(await ask({ count: 'items', $db: 'test' })).toMatchObject({ n: 5 })
  })

  it('takes the others with it where it had joined theirs', async () => {
    const beginner = beginOutside()
    await ask({ polylogJoin: beginner.token(), $db: 'test', ...inside, startTransaction: true })
    await insert(2)
    await later(idleMs - 1)
    expect(beginner.status).toBe('open')
    await later(1)
    expect(beginner.status).toBe('failed')
    expect(beginner.commit()).toBe('aborted')
  })

  it('is not idle while its commit waits for the decision', async () => {
    const beginner = beginOutside()
    await ask({ polylogJoin: beginner.token(), $db: 'test', ...inside, startTransaction: true })
    client.send(messageOf(serialize({ commitTransaction: 1, $db: 'admin', ...inside })))
    await later(2 * idleMs)
    expect(beginner.commit()).toBe('committed')
    expect(deserialize((await world.complete(client.reply()))!)).toMatchObject({ ok: 1 })
  })
})
