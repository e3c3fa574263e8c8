/** Commits of many turns whose client gives them up: before they are published nothing stays, after it all does. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { PolylogError } from '../base/errors.ts'
import { sliceOf } from '../base/slice.ts'
import { KeyWriter, keyspaceRange } from '../base/tuple.ts'
import type { CommitLog, Leader } from '../log/commit-log.ts'
import { openMemoryLog } from '../log/memory-log.ts'
import type { Session } from './contract.ts'
import { openTestSessions, type TestSessions } from './testing.ts'

const keys = 100

let log: CommitLog
let leader: Leader
let world: TestSessions
let [one, other]: Session[] = []
let collection = 0
let release: () => void = () => undefined
/** Commits that have pieces for the log since it holds them. */
let staging = 0

beforeEach(async () => {
  log = openMemoryLog()
  const acquire = log.acquire.bind(log)
  log.acquire = async (owner, ttlMs) => (leader = await acquire(owner, ttlMs))
  world = await openTestSessions({ log, limits: { largeCommitWrites: 20, sliceKeys: 7, pieceBytes: 200 } })
  ;[one, other] = [1, 2].map(() => world.sessions.openSession({ user: 'test', door: 'test' }))
  collection = (await one!.run((tx) => tx.createCollection(tx.createNamespace('n'), 'c', 'document', {}))).id
})
afterEach(() => {
  release()
  return world.close()
})

const keyOf = (group: number, n: number): KeyWriter => new KeyWriter(32).begin(collection, group).int64(n)
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const countOf = (group: number): number => world.database.newest.count(keyspaceRange(collection, group))!

function putMany(session: Session, group: number, from = 0): void {
  void session.run((tx) => {
    for (let n = from; n < from + keys; n++) tx.put(keyOf(group, n), sliceOf(Buffer.from('x'.repeat(20))))
  })
}

/** A transaction of many writes, and how its commit ends. */
function commitMany(session: Session, group: number): Promise<string> {
  session.begin()
  putMany(session, group)
  return outcomeOf(session.commit())
}

function outcomeOf(ending: unknown): Promise<string> {
  return Promise.resolve(ending).then(String, (error: unknown) => (error as PolylogError).code)
}

/** From here on the log takes no piece before `release`. */
function holdPieces(): void {
  const stage = leader.stage.bind(leader)
  const held = new Promise<void>((resolve) => (release = resolve))
  const beginStaging = leader.beginStaging.bind(leader)
  staging = 0
  leader.beginStaging = () => {
    staging++
    return beginStaging()
  }
  leader.stage = async (...piece) => {
    await held
    return stage(...piece)
  }
}

describe('a commit of many turns', () => {
  test('that is canceled at any turn is there as a whole or not at all, as its client is told', async () => {
    const told = new Set<string>()
    for (let turns = 0; turns < 60; turns++) {
      const committing = commitMany(one!, 1)
      for (let i = 0; i < turns; i++) await turn()
      const isPublished = countOf(1) > 0
      one!.cancel()
      const outcome = await committing
      told.add(outcome)
      expect([outcome, countOf(1)]).toEqual(isPublished ? ['committed', keys] : ['canceled', 0])
      expect([one!.status, world.database.locks.size]).toEqual(['none', 0])
      await one!.run((tx) => tx.deleteRange(keyspaceRange(collection, 1)))
      await world.database.pipeline.settled()
    }
    expect([...told].sort()).toEqual(['canceled', 'committed'])
  })

  test('is given up at once while the log takes nothing', async () => {
    holdPieces()
    const committing = commitMany(one!, 1)
    for (let i = 0; i < 20; i++) await turn()
    one!.cancel()
    expect(await committing).toBe('canceled')
    expect([countOf(1), world.database.locks.size]).toEqual([0, 0])
    const again = commitMany(other!, 1)
    release()
    expect([await again, countOf(1)]).toEqual(['committed', keys])
  })

  test('ends at once where its session does', async () => {
    holdPieces()
    const committing = commitMany(one!, 1)
    for (let i = 0; i < 20; i++) await turn()
    one!.close()
    expect(await committing).toMatch(/canceled|aborted/)
    expect([countOf(1), world.database.locks.size]).toEqual([0, 0])
  })

  test('is given up at once while it waits for the one before, and lets nobody pass that', async () => {
    holdPieces()
    const first = commitMany(one!, 1)
    await turn()
    const second = commitMany(other!, 2)
    await turn()
    const third = world.sessions.openSession({ user: 'test', door: 'test' })
    other!.cancel()
    expect(await second).toBe('canceled')
    const last = commitMany(third, 3)
    for (let i = 0; i < 20; i++) await turn()
    expect([countOf(1), countOf(2), countOf(3)]).toEqual([0, 0, 0])
    // The first one's: the last one has not begun.
    expect(staging).toBe(1)
    release()
    expect([await first, await last, countOf(1), countOf(2), countOf(3)]).toEqual([
      'committed',
      'committed',
      keys,
      0,
      keys,
    ])
  })

  test('of a statement alone is given up as well', async () => {
    holdPieces()
    const running = outcomeOf(
      one!.run((tx) => {
        for (let n = 0; n < keys; n++) tx.put(keyOf(1, n), sliceOf(Buffer.from('x'.repeat(20))))
      }),
    )
    for (let i = 0; i < 20; i++) await turn()
    one!.cancel()
    expect([await running, countOf(1)]).toEqual(['canceled', 0])
  })
})

test('a rollback of many writes goes on, whoever cancels it', async () => {
  one!.begin()
  for (let i = 0; i < 100; i++) putMany(one!, 1, i * keys)
  void one!.savepoint('a')
  for (let i = 0; i < 100; i++) putMany(one!, 2, i * keys)
  const rollingBack = outcomeOf(one!.rollbackTo('a'))
  one!.cancel()
  expect(await rollingBack).toBe('undefined')
  expect([one!.status, await one!.commit(), countOf(1), countOf(2)]).toEqual(['open', 'committed', 100 * keys, 0])
})
