/** A follower: what another one commits is there, whole, with its catalog, and it can take over. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { PolylogError } from '../../base/errors.ts'
import { sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { SimulatedProcess } from '../../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { batchOf } from '../../log/commit-log-contract.ts'
import { openMemoryLog } from '../../log/memory-log.ts'
import { SharedLog } from '../../log/shared-log.ts'
import { openMemoryStore } from '../../storage/memory/memory.ts'
import type { Sequence } from '../contract.ts'
import { catalogOf, contentOf, History } from '../directory/crash-history.ts'
import { Database } from '../database.ts'
import type { DatabaseParts } from '../database-parts.ts'
import type { KernelTransaction } from '../transaction/transaction.ts'

let world: SimulatedWorld
let host: SimulatedProcess
let shared: SharedLog
let leader: Database
let follower: Database
let opened: Database[]

const limits = { largeCommitWrites: 8, sliceKeys: 4 }

async function partsOf(name: string): Promise<DatabaseParts> {
  const store = await openMemoryStore(host, undefined)
  return { host, name, log: shared.open(), store, limits, leadership: { owner: name, ttlMs: 0 } }
}

async function follow(): Promise<Database> {
  const database = await world.complete(Database.follow(await partsOf('follower')))
  opened.push(database)
  return database
}

beforeEach(async () => {
  world = new SimulatedWorld(5)
  host = world.startProcess('server')
  shared = new SharedLog(openMemoryLog())
  opened = []
  leader = await world.complete(Database.open(await partsOf('leader')))
  follower = await follow()
})

afterEach(async () => {
  for (const database of [...opened, leader]) await world.complete(database.close())
})

const keyOf = (name: string): KeyWriter => new KeyWriter(32).begin(20, 1).string(name)

function commit(database: Database, change: (transaction: KernelTransaction) => void): Promise<Sequence> {
  const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  transaction.beginStatement()
  try {
    change(transaction)
    return world.complete(Promise.resolve(transaction.commit()).finally(() => transaction.rollback()))
  } catch (error) {
    transaction.rollback()
    throw error
  }
}

const put = (name: string, value: string) => (transaction: KernelTransaction) =>
  transaction.put(keyOf(name), sliceOf(Buffer.from(value)))

function read(database: Database, name: string): string | undefined {
  const found = database.newest.get(keyOf(name))
  return found === undefined ? undefined : sliceToLatin1(found)
}

const caughtUp = (database = follower): Promise<void> => world.complete(database.role.waitFor(leader.newestSequence))

function expectSame(): void {
  expect(contentOf(follower)).toBe(contentOf(leader))
  expect(catalogOf(follower)).toEqual(catalogOf(leader))
}

test('holds after every commit what the leader holds, catalog and counters included', async () => {
  const history = new History(11)
  for (let i = 0; i < 120; i++) {
    history.step(leader)
    await world.complete(history.settled())
    await world.complete(leader.pipeline.settled())
    if (i % 10 !== 0) continue
    await caughtUp()
    expectSame()
  }
  await caughtUp()
  expectSame()
  expect(history.largeCommits).toBeGreaterThan(3)
  const late = await follow()
  expect(contentOf(late)).toBe(contentOf(leader))
})

test('shows a large record whole or not at all', async () => {
  await commit(leader, put('before', '1'))
  await caughtUp()
  const many = 3_000
  const seen = new Set<number>()
  const range = { start: keyOf('many'), end: keyOf('many:') }
  let isThere = false
  const end = await commit(leader, (transaction) => {
    for (let n = 0; n < many; n++) transaction.put(keyOf(`many ${n}`), sliceOf(Buffer.alloc(60)))
  })
  while (!isThere) {
    seen.add(follower.newest.count(range) ?? -1)
    isThere = follower.newestSequence >= end
    if (!isThere) await world.complete(new Promise<void>((resolve) => follower.turn(resolve)))
  }
  expect([...seen]).toEqual([0, many])
  expect(follower.role.sliced).toBe(1)
  expectSame()
})

test('shows a transaction that the log gives in pieces when its last one is there', async () => {
  const raw = await world.complete(shared.open().acquire('raw', 0))
  const group = raw.beginStaging()
  const count = (): number =>
    follower.newest.count({ start: new KeyWriter(8).orderedVarint(1), end: new KeyWriter(8).orderedVarint(2) }) ?? -1
  for (const name of ['a', 'b']) await world.complete(raw.stage(group, batchOf([name])))
  await world.complete(raw.append(0, batchOf(['between']), 'synced'))
  await world.complete(follower.role.waitFor(1))
  expect([count(), follower.newestSequence]).toEqual([1, 1])
  await world.complete(raw.append(1, Object.assign(batchOf(['c']), { stagedAs: group.number }), 'synced'))
  await world.complete(follower.role.waitFor(2))
  expect([count(), follower.newestSequence]).toEqual([4, 2])
})

test('refuses writes, and tells who watches of what it applies', async () => {
  await commit(leader, put('a', '1'))
  await caughtUp()
  const since = follower.newestSequence
  follower.conflicts.open(since)
  await expect(async () => commit(follower, put('a', '2'))).rejects.toMatchObject({ code: 'not_leading' })
  await commit(leader, put('a', '3'))
  await caughtUp()
  const key = sliceToLatin1(keyOf('a'))
  expect(follower.conflicts.changed(key, `${key}\0`, since)).toBe(true)
  follower.conflicts.close(since)
  const told = new Promise((resolve) => follower.whenDurable(follower.newestSequence, 'synced', resolve))
  expect(await world.complete(told)).toBeUndefined()
})

describe('waiting for a sequence', () => {
  test('ends when it is there', async () => {
    const order: string[] = []
    const waiting = follower.role.waitFor(1).then(() => order.push(read(follower, 'a') ?? 'nothing'))
    await commit(leader, put('a', '1'))
    await world.complete(waiting)
    expect(order).toEqual(['1'])
  })

  test('ends when nobody wants to wait any longer, and when the database is closed', async () => {
    const abort = new AbortController()
    const code = (waiting: Promise<void>): Promise<string> =>
      waiting.then(
        () => 'there',
        (error: unknown) => (error as PolylogError).code,
      )
    const waiting = [code(follower.role.waitFor(7, abort.signal)), code(follower.role.waitFor(7))]
    abort.abort()
    expect(await world.complete(waiting[0]!)).toBe('canceled')
    await world.complete(follower.close())
    expect(await world.complete(waiting[1]!)).toBe('shutting_down')
  })
})

describe('taking over', () => {
  test('goes on after the last record of the leader before, with numbers that nobody was given', async () => {
    const ids: number[] = []
    const numbers: number[] = []
    const make = (database: Database, name: string): Promise<Sequence> =>
      commit(database, (transaction) => {
        const namespace = transaction.catalog.namespaces.get('test') ?? transaction.createNamespace('test')
        const { id } = transaction.createCollection(namespace, name, 'table', {})
        ids.push(namespace.id, id)
        numbers.push(transaction.services.nextNumber())
        transaction.put(new KeyWriter(32).begin(id, 1).int64(numbers.at(-1)!), sliceOf(new Uint8Array(1)))
      })
    const deaf = await partsOf('deaf')
    const readAll = deaf.log.read.bind(deaf.log)
    // What it follows never comes: taking over is what brings it in.
    deaf.log.read = (from, options) => readAll(options?.to === undefined ? 1_000 : from, { ...options })
    follower = await world.complete(Database.follow(deaf))
    opened.push(follower)
    for (const name of ['a', 'b']) await make(leader, name)
    await world.complete(leader.pipeline.settled())
    expect(follower.newestSequence).toBe(0)
    await world.complete(follower.lead())
    await make(follower, 'c')
    expect(follower.newestSequence).toBe(3)
    expect(new Set(numbers).size).toBe(3)
    expect(new Set(ids).size).toBe(4)
    expect(follower.catalog.collectionsOf('test').map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    await world.run({ until: () => leader.pipeline.state === 'stepped down' })
    await expect(async () => commit(leader, put('x', '1'))).rejects.toMatchObject({ code: 'not_leading' })
  })

  test('leaves no numbers with transactions that were there before: another one gave them out', async () => {
    const transaction = follower.begin({ isolation: 'read committed', readOnly: false, interactive: true })
    transaction.beginStatement()
    const make = (): unknown => transaction.createNamespace('mine')
    expect(make).toThrow(expect.objectContaining({ code: 'not_leading' }))
    expect(() => transaction.services.nextNumber()).toThrow(expect.objectContaining({ code: 'not_leading' }))
    await commit(leader, (tx) => tx.createNamespace('theirs'))
    await world.complete(leader.pipeline.settled())
    await world.complete(follower.lead())
    const lastId = follower.lastCollectionId
    transaction.rollback()
    await commit(follower, (tx) => tx.createNamespace('mine'))
    const ids = ['theirs', 'mine'].map((name) => follower.catalog.namespaces.get(name)?.id)
    expect(ids).toEqual([lastId, lastId + 1])
  })

  test('is for followers', async () => {
    await expect(world.complete(leader.lead())).rejects.toMatchObject({ code: 'invalid_argument' })
  })
})
