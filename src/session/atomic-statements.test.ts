/** Statements that must have seen what was there when they are committed, however many turns they take. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sliceOf, sliceToLatin1 } from '../base/slice.ts'
import { KeyWriter, keyspaceRange } from '../base/tuple.ts'
import type { Statement, Transaction } from '../database/contract.ts'
import type { Session } from './contract.ts'
import { openTestSessions, type TestSessions } from './testing.ts'

let world: TestSessions
let [one, other]: Session[] = []
let collection = 0

beforeEach(async () => {
  world = await openTestSessions({ limits: { largeCommitWrites: 20 } })
  ;[one, other] = [1, 2].map(() => world.sessions.openSession({ user: 'test', door: 'test' }))
  collection = (await one!.run((tx) => tx.createCollection(tx.createNamespace('n'), 'c', 'document', {}))).id
  for (let n = 0; n < 5; n++) put(n)
})
afterEach(() => world.close())

const keyOf = (group: number, n: number): KeyWriter => new KeyWriter(32).begin(collection, group).int64(n)

function put(n: number): void {
  void other!.run((tx) => tx.put(keyOf(1, n), sliceOf(Buffer.from('x'))), { isAtomic: true })
}

function countOf(tx: Transaction): number {
  const cursor = tx.scan(keyspaceRange(collection, 1))
  let count = 0
  while (cursor.next()) count++
  return count
}

const stored = (): Promise<string> | string =>
  one!.run((tx) => sliceToLatin1(tx.get(keyOf(2, 0)) ?? sliceOf(Buffer.from('nothing'))), { readOnly: true })

/** Counts, gives up the thread as often as is said while `meanwhile` happens, and writes what it has counted. */
function counting(meanwhile: () => void, pauses = 1): { statement: Statement<number>; runs: () => number } {
  let runs = 0
  const statement: Statement<number> = function* (tx) {
    runs++
    const count = countOf(tx)
    for (let i = 0; i < pauses; i++) {
      yield new Promise<void>((resolve) => setImmediate(resolve))
      meanwhile()
    }
    tx.put(keyOf(2, 0), sliceOf(Buffer.from(String(count))))
    return count
  }
  return { statement, runs: () => runs }
}

describe('an atomic statement', () => {
  test('is run again where others have changed what it has read', async () => {
    let changes = 1
    const { statement, runs } = counting(() => changes-- > 0 && put(10))
    expect(await one!.run(statement, { isAtomic: true })).toBe(6)
    // Once until it paused, once until it was overtaken, and a third time.
    expect(runs()).toBe(3)
    expect(await stored()).toBe('6')
  })

  test('another one is not, and writes what was there', async () => {
    let changes = 1
    const { statement } = counting(() => changes-- > 0 && put(10))
    expect(await one!.run(statement)).toBe(5)
  })

  test('lets writers wait where they overtake it again and again', async () => {
    let written = 5
    const { statement, runs } = counting(() => put(++written + 100), 1)
    expect(await one!.run(statement, { isAtomic: true })).toBe(5 + runs() - 2)
    expect(runs()).toBe(5)
    const count = await stored()
    // The last one waited until it was committed.
    const after = await one!.run(countOf, { readOnly: true })
    expect([Number(count), after]).toEqual([8, 9])
  })

  test('lets writers of what it has only read wait as well', async () => {
    const { id } = await one!.run((tx) => tx.createCollection(tx.createNamespace('m'), 'd', 'document', {}))
    const target = new KeyWriter(32).begin(id, 1).int64(0)
    let written = 5
    const puts: unknown[] = []
    const copying: Statement<number> = function* (tx) {
      const count = countOf(tx)
      for (let i = 0; i < 3; i++) {
        yield new Promise<void>((resolve) => setImmediate(resolve))
        puts.push(other!.run((tx) => tx.put(keyOf(1, ++written + 100), sliceOf(Buffer.from('x')))))
      }
      tx.put(target, sliceOf(Buffer.from(String(count))))
      return count
    }
    const count = await one!.run(copying, { isAtomic: true })
    const found = (tx: Transaction): string => sliceToLatin1(tx.get(target)!)
    expect(await one!.run(found, { readOnly: true })).toBe(String(count))
    // Whoever came while it held them had to wait for it: nobody has been lost, and the last ones came afterwards.
    expect(puts.at(-1)).toBeInstanceOf(Promise)
    await Promise.all(puts)
    expect(await one!.run(countOf, { readOnly: true })).toBe(5 + puts.length)
    expect(count).toBe(5 + puts.length - 3)
  })

  test('that is too large for one turn sees what was there when it is published', async () => {
    const statement: Statement<number> = (tx) => {
      const count = countOf(tx)
      for (let n = 0; n < 100; n++) tx.put(keyOf(2, n), sliceOf(Buffer.from(String(count))))
      return count
    }
    const storing = one!.run(statement, { isAtomic: true })
    put(10)
    expect(await storing).toBe(6)
    expect(await stored()).toBe('6')
  })
})
