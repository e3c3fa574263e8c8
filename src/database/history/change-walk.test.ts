/** What was changed: of random work with crashes, of each transaction exactly the keys that differ between its two states. */
import { expect, it } from 'vitest'
import { copySlice, sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import { keyspaceOf, KeyWriter } from '../../base/tuple.ts'
import { History as Work, databaseOf, name, optionsOn } from '../directory/crash-history.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import type { Database } from '../database.ts'
import { Instance } from '../instance.ts'
import { openTestDatabase, runNow } from '../testing.ts'
import { decodeAuthor, encodeAuthor, joinAuthors, longestAuthor } from './author.ts'
import { ChangeWalk } from './change-walk.ts'

interface Change {
  readonly key: string
  readonly before: string | undefined
  readonly after: string | undefined
}

/** By transaction, in order. */
async function changesOf(database: Database, from: number, to: number): Promise<Map<number, Change[]>> {
  const found = new Map<number, Change[]>()
  const signal = new AbortController().signal
  await database.history.walk(from, to, signal, (walker) => {
    return new ChangeWalk(walker, {
      wants: () => true,
      see: () => undefined,
      give: ({ of, key, before, after }) => {
        const [then, now] = [before.get(key), after.get(key)].map((value) => value && Buffer.from(copySlice(value)))
        const change = { key: sliceToLatin1(key), before: then?.toString('latin1'), after: now?.toString('latin1') }
        found.set(of.sequence, [...(found.get(of.sequence) ?? []), change])
      },
    })
  })
  return found
}

async function stateAt(database: Database, sequence: number): Promise<Map<string, string>> {
  const state = await database.history.at(sequence)
  const entries = new Map<string, string>()
  const { current } = state.database.store
  const cursor = current.scan({ start: sliceOf(new Uint8Array(0)), end: sliceOf(new Uint8Array([0xff])) })
  while (cursor.next()) entries.set(sliceToLatin1(cursor.key), sliceToLatin1(cursor.value))
  state.release()
  return entries
}

it.each([1, 2, 3, 4, 5])('of each transaction are those between its two states (seed %i)', async (seed) => {
  const world = new SimulatedWorld(seed)
  const work = new Work(seed)
  const process = world.startProcess('first', { machine: 'machine' })
  const retention = { keptMs: 60_000, maxLogBytes: 64 * 1024 * 1024 }
  const instance = await world.complete(Instance.open({ ...optionsOn(process), retention }, name))
  const database = databaseOf(instance)
  for (let i = 0; i < 60; i++) {
    work.step(database)
    await world.complete(work.settled())
    if (i % 20 === 10) await world.complete(database.checkpoint())
  }
  await world.complete(database.pipeline.settled())
  const oldest = await world.complete(database.history.oldest())
  const newest = database.newestSequence
  const found = await world.complete(changesOf(database, oldest + 1, newest))
  let compared = 0
  for (let sequence = oldest + 1; sequence <= newest; sequence++) {
    const then = await world.complete(stateAt(database, sequence - 1))
    const now = await world.complete(stateAt(database, sequence))
    const given = found.get(sequence) ?? []
    expect(new Set(given.map(({ key }) => key)).size, 'each once').toBe(given.length)
    for (const { key, before, after } of given) {
      expect([before, after], `sequence ${sequence}`).toEqual([then.get(key), now.get(key)])
    }
    const differing = [...new Set([...then.keys(), ...now.keys()])].filter((key) => then.get(key) !== now.get(key))
    const isNamed = new Set(given.map(({ key }) => key))
    const collections = JSON.stringify([work.catalogs.get(sequence - 1), work.catalogs.get(sequence)])
    for (const key of differing) {
      const id = keyspaceOf(sliceOf(Buffer.from(key, 'latin1')))
      if (id !== 0 && collections.includes(`"id":${id},`)) expect(isNamed.has(key), `${sequence}: ${key}`).toBe(true)
    }
    compared += given.length
  }
  expect(compared).toBeGreaterThan(50)
  expect(work.largeCommits).toBeGreaterThan(0)
  await world.complete(instance.close())
})

it('goes no further where it is told to stop', async () => {
  const database = await openTestDatabase()
  runNow(
    database,
    (transaction) => void transaction.createCollection(transaction.createNamespace('n', false), 'c', 'test', {}),
  )
  const { id } = database.catalog.findCollection('n', 'c')!
  const from = database.newestSequence + 1
  for (let i = 0; i < 5; i++) {
    runNow(database, (transaction) =>
      transaction.put(new KeyWriter(16).begin(id, 1).int64(i), sliceOf(Buffer.from('x'))),
    )
  }
  const abort = new AbortController()
  let given = 0
  await database.history.walk(from, database.newestSequence, abort.signal, (walker) => {
    const give = (): void => {
      if (++given === 2) abort.abort()
    }
    return new ChangeWalk(walker, { wants: () => true, see: () => undefined, give })
  })
  expect(given).toBe(2)
  // A walk ends with its database, whoever looks on.
  let look = (): void => undefined
  const looks = new Promise<void>((resolve) => (look = resolve))
  const walk = database.history.walk(from, database.newestSequence, new AbortController().signal, (walker) => {
    const give = (): Promise<void> => {
      look()
      return new Promise((resolve) => setTimeout(resolve, 10))
    }
    return new ChangeWalk(walker, { wants: () => true, see: () => undefined, give })
  })
  const ended = expect(walk).rejects.toMatchObject({ code: 'shutting_down' })
  await looks
  await database.close()
  await ended
})

it('pauses by time, and not only by their number', async () => {
  const host = createRealHost()
  const database = await openTestDatabase({ host })
  runNow(database, (tx) => void tx.createCollection(tx.createNamespace('n', false), 'c', 'test', {}))
  const { id } = database.catalog.findCollection('n', 'c')!
  runNow(database, (tx) => {
    for (let n = 0; n < 20; n++) tx.put(new KeyWriter(16).begin(id, 1).int64(n), sliceOf(Buffer.from('v')))
  })
  const { monotonic, turn } = host
  let turns = 0
  let nowUs = monotonic.call(host)
  host.monotonic = () => (nowUs += 3_000)
  host.turn = (run) => {
    turns++
    turn.call(host, run)
  }
  await changesOf(database, database.newestSequence, database.newestSequence)
  expect(turns).toBeGreaterThan(20)
  await database.close()
})

it('of a transaction that went to the log in pieces are all of it', async () => {
  const world = new SimulatedWorld(1)
  const process = world.startProcess('first', { machine: 'machine' })
  const limits = { largeCommitWrites: 10, sliceKeys: 7, pieceBytes: 1_500 }
  const instance = await world.complete(Instance.open({ ...optionsOn(process), limits }, name))
  const database = databaseOf(instance)
  runNow(database, (tx) => void tx.createCollection(tx.createNamespace('n', false), 'c', 'test', {}))
  const { id } = database.catalog.findCollection('n', 'c')!
  const transaction = database.begin({ isolation: 'repeatable read', readOnly: false, interactive: true })
  transaction.beginStatement()
  for (let n = 0; n < 60; n++) {
    transaction.put(new KeyWriter(16).begin(id, 1).int64(n), sliceOf(Buffer.from('v'.repeat(300))))
  }
  transaction.leaveTurn(false)
  await world.complete(Promise.resolve(transaction.commit()))
  transaction.rollback()
  const sequence = database.newestSequence
  const found = await world.complete(changesOf(database, sequence, sequence))
  expect(found.get(sequence)).toHaveLength(60)
  await world.complete(instance.close())
})

it('an author is who ran its statements, each session once, as many as there is room for', () => {
  const ada = encodeAuthor('postgres', 7, 300)
  const bob = encodeAuthor('redis', 7, undefined)
  const both = joinAuthors(joinAuthors(joinAuthors(ada, bob), ada), bob)
  expect(decodeAuthor(sliceOf(both))).toEqual([
    { door: 'postgres', session: 7, roleId: 300 },
    { door: 'redis', session: 7, roleId: undefined },
  ])
  let many = ada
  for (let session = 0; session < 1000; session++) many = joinAuthors(many, encodeAuthor('mongodb', session, 1))
  expect(many.length).toBeLessThanOrEqual(longestAuthor)
  expect(decodeAuthor(sliceOf(many)).length).toBeGreaterThan(40)
  // Cut off, of another form, the key of a retried write: of nobody who is known.
  expect(decodeAuthor(sliceOf(ada.subarray(0, 3)))).toEqual([])
  expect(decodeAuthor(sliceOf(Buffer.from('9f2c:1')))).toEqual([])
  expect(decodeAuthor(sliceOf(new Uint8Array(0)))).toEqual([])
})
