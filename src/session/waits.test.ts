import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { copySlice, sliceOf, sliceToLatin1 } from '../base/slice.ts'
import { KeyWriter, keyspaceRange } from '../base/tuple.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import { Elsewhere, type StatementSteps, type Transaction } from '../database/contract.ts'
import { advance, inPlace } from '../database/transaction/wait.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { MissingStore } from '../storage/contract/missing-store.ts'
import { openMemoryStore } from '../storage/memory/memory.ts'
import type { Session } from './contract.ts'
import { openTestSessions, type TestSessions } from './testing.ts'

const poolPages = 8

let store: MissingStore
let server: TestSessions
let collection: Collection

beforeEach(async () => {
  store = new MissingStore(await openMemoryStore(createRealHost(), undefined), poolPages)
  server = await openTestSessions({ store })
  collection = await openSession().run((tx) => {
    return tx.createCollection(tx.createNamespace('test'), 'numbers', 'keyvalue', {})
  })
})

afterEach(() => server.close())

function openSession(): Session {
  return server.sessions.openSession({ user: 'test', door: 'test' })
}

function keyOf(name: string): KeyWriter {
  return new KeyWriter(32).begin(collection.id, 1).string(name)
}

function numbered(i: number): string {
  return `k${String(i).padStart(6, '0')}`
}

function read(tx: Transaction, name: string): number {
  const found = tx.get(keyOf(name))
  return found === undefined ? 0 : Number(sliceToLatin1(found))
}

function write(tx: Transaction, name: string, value: number): void {
  tx.put(keyOf(name), sliceOf(Buffer.from(String(value))))
}

async function fill(count: number): Promise<void> {
  await openSession().run((tx) => {
    for (let i = 0; i < count; i++) write(tx, numbered(i), 1)
  })
}

/** Counts what a scan visits, its first visits apart from the others. */
function* scan(tx: Transaction, visited: Map<string, number>): StatementSteps<number> {
  let total = 0
  const cursor = tx.scan(keyspaceRange(collection.id))
  for (let found = advance(tx, cursor); found !== false; found = advance(tx, cursor)) {
    if (found !== true) {
      yield found
      continue
    }
    const key = sliceToLatin1(cursor.key)
    visited.set(key, (visited.get(key) ?? 0) + 1)
    total += Number(sliceToLatin1(cursor.value))
    if (tx.slice.spend(1)) yield undefined
  }
  return total
}

describe('a page that is not resident', () => {
  test('is waited for where a scan stands: every row is visited once, every page loaded once', async () => {
    await fill(20_000)
    store.pool.forget()
    const visited = new Map<string, number>()
    expect(await openSession().run((tx) => scan(tx, visited))).toBe(20_000)
    expect(visited.size).toBe(20_000)
    expect(Math.max(...visited.values())).toBe(1)
    expect(store.pool.touched).toBeGreaterThan(20 * poolPages)
    expect(store.pool.loads).toBeLessThanOrEqual(1.2 * store.pool.touched)
    expect(store.pool.misses).toBeLessThan(store.pool.touched)
    expect(store.pool.pinned).toBe(0)
    expect(server.sessions.repeats).toEqual({ restarts: 0, batches: 0 })
  })

  test('is waited for by a statement that returns at once, with more pages pinned than the pool holds', async () => {
    await fill(5_000)
    store.pool.forget()
    let runs = 0
    const sum = await openSession().run((tx) => {
      runs++
      let sum = 0
      for (let i = 0; i < 5_000; i += 250) sum += read(tx, numbered(i))
      write(tx, 'sum', sum)
      return sum
    })
    expect(sum).toBe(20)
    expect(store.pool.touched).toBeGreaterThan(poolPages + 4)
    expect(store.pool.loads).toBe(store.pool.touched)
    expect(runs).toBe(store.pool.loads + 1)
    expect(store.pool.pinned).toBe(0)
    expect(await openSession().run((tx) => read(tx, 'sum'))).toBe(20)
  })

  test('takes back what its batch has written, and nothing of the batches before', async () => {
    await fill(2_000)
    store.pool.forget()
    let began = 0
    let batches = 0
    await openSession().run(function* (tx): StatementSteps<void> {
      began++
      for (let i = 0; i < 2_000; i += 200) {
        yield* inPlace(tx, () => {
          batches++
          write(tx, 'written', read(tx, 'written') + 1)
          write(tx, numbered(i), read(tx, numbered(i)) + 1)
        })
      }
    })
    expect(began).toBe(1)
    expect(batches).toBeGreaterThan(10)
    const values = await openSession().run((tx) => [
      read(tx, 'written'),
      read(tx, numbered(400)),
      read(tx, numbered(1)),
    ])
    expect(values).toEqual([10, 2, 1])
    expect(server.sessions.repeats.restarts).toBe(0)
  })

  test('is an error of the statement where a step throws it after its first yield', async () => {
    await fill(1_000)
    store.pool.forget()
    let runs = 0
    const running = openSession().run(function* (tx): StatementSteps<void> {
      runs++
      write(tx, 'written', 1)
      yield undefined
      read(tx, numbered(500))
    })
    await expect(running).rejects.toMatchObject({ code: 'internal' })
    expect([runs, store.pool.pinned, server.database.open.size]).toEqual([1, 0, 0])
    expect(await openSession().run((tx) => read(tx, 'written'))).toBe(0)
  })

  test('is let go of where its statement was cancelled meanwhile', async () => {
    await fill(1_000)
    store.pool.forget()
    const session = openSession()
    const running = session.run((tx) => scan(tx, new Map()))
    session.cancel()
    await expect(running).rejects.toMatchObject({ code: 'canceled' })
    await new Promise((resolve) => setImmediate(resolve))
    expect(store.pool.pinned).toBe(0)
    expect(server.database.open.size).toBe(0)
  })
})

describe('a lock that is not free', () => {
  interface Counts {
    began: number
  }

  /** `pauses`: its slice is over before it meets the lock. */
  const update = (name: string, counts: Counts, pauses = false) =>
    function* (tx: Transaction): StatementSteps<void> {
      counts.began++
      if (pauses) yield undefined
      yield* inPlace(tx, () => write(tx, 'own', read(tx, 'own') + 1))
      yield* inPlace(tx, () => write(tx, name, read(tx, name) + 1))
    }

  async function someTurns(): Promise<void> {
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
  }

  async function holderOf(name: string): Promise<Session> {
    const holder = openSession()
    holder.begin()
    await holder.run((tx) => write(tx, name, 5))
    return holder
  }

  function pins(): number {
    return server.database.store.statistics().pinnedSnapshots
  }

  function written(): Promise<number[]> {
    return Promise.resolve(openSession().run((tx) => [read(tx, 'own'), read(tx, 'contended')]))
  }

  test('is waited for without a snapshot, and the statement begins again in the turn that grants it', async () => {
    const holder = await holderOf('contended')
    const scheduled = vi.spyOn(server.sessions.scheduler, 'schedule')
    const counts = { began: 0 }
    const pinned = pins()
    const waiting = openSession().run(update('contended', counts))
    await someTurns()
    expect(server.database.locks.waits).toBe(1)
    expect(pins()).toBe(pinned)
    expect(server.database.conflicts.active).toBe(false)
    await holder.commit()
    await waiting
    expect(counts.began).toBe(2)
    expect(scheduled).not.toHaveBeenCalled()
    expect(server.sessions.repeats).toEqual({ restarts: 0, batches: 1 })
    expect(await written()).toEqual([1, 6])
  })

  test('is waited for in place by one that has begun again already', async () => {
    const [first, second] = [await holderOf('first'), await holderOf('second')]
    const counts = { began: 0 }
    const waiting = openSession().run(function* (tx): StatementSteps<void> {
      yield* update('first', counts)(tx)
      yield* inPlace(tx, () => write(tx, 'second', read(tx, 'second') + 1))
    })
    await someTurns()
    await first.commit()
    await someTurns()
    expect(server.database.conflicts.active).toBe(true)
    await second.rollback()
    await waiting
    expect(counts.began).toBe(2)
    expect(server.sessions.repeats).toEqual({ restarts: 0, batches: 1 })
  })

  test('is waited for in place by one that has paused, which goes on where nothing has changed', async () => {
    const holder = await holderOf('contended')
    const counts = { began: 0 }
    const waiting = openSession().run(update('contended', counts, true))
    await someTurns()
    expect(server.database.conflicts.active).toBe(true)
    await holder.rollback()
    await waiting
    expect(counts.began).toBe(1)
    expect(server.sessions.repeats).toEqual({ restarts: 0, batches: 0 })
    expect(await written()).toEqual([1, 1])
  })

  test('restarts one that has paused where the row has changed, in the turn that grants it', async () => {
    const holder = await holderOf('contended')
    const counts = { began: 0 }
    const waiting = openSession().run(update('contended', counts, true))
    await someTurns()
    const scheduled = vi.spyOn(server.sessions.scheduler, 'schedule')
    await holder.commit()
    await waiting
    expect(counts.began).toBe(2)
    // The pause of the second run, and none before it.
    expect(scheduled).toHaveBeenCalledTimes(1)
    expect(server.sessions.repeats).toEqual({ restarts: 1, batches: 0 })
    expect(await written()).toEqual([1, 6])
  })

  test('fails at repeatable read where the row has changed', async () => {
    const holder = await holderOf('contended')
    const other = openSession()
    other.begin({ isolation: 'repeatable read' })
    const counts = { began: 0 }
    const waiting = other.run(update('contended', counts))
    await someTurns()
    await holder.commit()
    await expect(waiting).rejects.toMatchObject({ code: 'serialization_failure' })
    expect(counts.began).toBe(1)
    await other.rollback()
  })
})

test('each of several cursors goes on in its own place, in the state that the statement began with', async () => {
  await fill(6)
  const shown = await openSession().run(function* (tx): StatementSteps<string[]> {
    const cursors = [tx.scan(keyspaceRange(collection.id)), tx.scan(keyspaceRange(collection.id), { reverse: true })]
    cursors.push(tx.scan(keyspaceRange(collection.id)))
    const found: string[] = []
    const show = (which: number): void => {
      const isThere = cursors[which]!.next()
      found.push(
        isThere ? `${which} ${Buffer.from(copySlice(cursors[which]!.key)).subarray(-3, -1).toString()}` : 'end',
      )
    }
    for (const which of [0, 0, 1, 2]) show(which)
    yield Promise.resolve().then(() => openSession().run((other) => other.deleteRange(keyspaceRange(collection.id))))
    for (const which of [2, 1, 0]) show(which)
    return found
  })
  expect(shown).toEqual(['0 00', '0 01', '1 05', '2 00', '2 01', '1 04', '0 02'])
})

describe('a key that was locked while the statement was alone', () => {
  test('is held once it has paused', async () => {
    await fill(3)
    let end = (): void => undefined
    const over = new Promise<void>((resolve) => (end = resolve))
    const running = openSession().run(function* (tx): StatementSteps<void> {
      tx.lock(keyOf(numbered(1)), 'update')
      tx.lock(keyOf(numbered(2)), 'key share')
      yield over
    })
    const other = openSession()
    const mayWrite = (i: number): boolean | Promise<boolean> =>
      other.run((tx) => tx.lock(keyOf(numbered(i)), 'no key update', 'skip'))
    expect([await mayWrite(0), await mayWrite(1), await mayWrite(2)]).toEqual([true, false, true])
    end()
    await running
    expect(await mayWrite(1)).toBe(true)
  })

  test('must not have changed since a snapshot that is older than this turn', async () => {
    await fill(1)
    const session = openSession()
    session.defaultIsolation = 'repeatable read'
    let runs = 0
    const locked = session.run((tx) => {
      if (runs++ === 0) {
        const changed = Promise.resolve().then(() => openSession().run((other) => write(other, numbered(0), 2)))
        throw new Elsewhere(changed, () => undefined)
      }
      tx.lock(keyOf(numbered(0)), 'key share')
    })
    await expect(locked).rejects.toMatchObject({ code: 'serialization_failure' })
    expect(runs).toBe(2)
  })
})
