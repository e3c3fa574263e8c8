/** Commits in slices, among small ones, readers, forks and failures. The limits are low, so that a few keys are many. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { PolylogError } from '../../base/errors.ts'
import { sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { SeededRandom } from '../../host/simulated/random.ts'
import { openMemoryLog } from '../../log/memory-log.ts'
import { LockWait, type Isolation, type Sequence } from '../contract.ts'
import type { Database } from '../database.ts'
import { prepareRollback } from '../transaction/sliced-rollback.ts'
import { commitNow, openTestDatabase } from '../testing.ts'
import type { KernelTransaction } from '../transaction/transaction.ts'

let database: Database

beforeEach(async () => {
  database = await openTestDatabase({ limits: { largeCommitWrites: 20, sliceKeys: 7, pieceBytes: 200 } })
})

afterEach(() => database.close())

const writer = new KeyWriter(32)
const keyOf = (group: string, n: number): KeyWriter => writer.begin(20, 1).string(group).int64(n)
const copyOf = (group: string, n: number): KeyWriter => new KeyWriter(32).begin(20, 1).string(group).int64(n)
const valueOf = (text: string): ReturnType<typeof sliceOf> => sliceOf(Buffer.from(text))
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function begin(isolation: Isolation = 'repeatable read'): KernelTransaction {
  const transaction = database.begin({ isolation, readOnly: false, interactive: true })
  transaction.beginStatement()
  return transaction
}

/** A transaction that puts `count` keys of the group. */
function putMany(group: string, count: number, text: string, isolation?: Isolation): KernelTransaction {
  const transaction = begin(isolation)
  for (let n = 0; n < count; n++) transaction.put(keyOf(group, n), valueOf(text))
  transaction.leaveTurn(false)
  return transaction
}

function putSmall(group: string, n: number, text: string): Sequence {
  const transaction = begin('read committed')
  try {
    transaction.put(keyOf(group, n), valueOf(text))
    return commitNow(transaction)
  } finally {
    transaction.rollback()
  }
}

/** The values of the group, each once. */
function valuesOf(group: string, from: Database = database): string[] {
  const cursor = from.newest.scan({ start: copyOf(group, 0), end: copyOf(group, 1e9) })
  const found = new Set<string>()
  while (cursor.next()) found.add(sliceToLatin1(cursor.value))
  return [...found]
}

const countOf = (group: string): number | undefined =>
  database.newest.count({ start: copyOf(group, 0), end: copyOf(group, 1e9) })

async function failureOf(committing: Sequence | Promise<Sequence>): Promise<string | undefined> {
  try {
    await committing
    return undefined
  } catch (error) {
    return (error as PolylogError).code
  }
}

describe('a large commit', () => {
  test('is seen by nobody before all of it is, while small ones are made', async () => {
    const committing = putMany('large', 200, 'new').commit()
    expect(committing).toBeInstanceOf(Promise)
    let small = 0
    const state = { isOver: false }
    void Promise.resolve(committing).then(() => (state.isOver = true))
    while (!state.isOver) {
      expect([0, 200]).toContain(countOf('large'))
      const sequence = putSmall('small', small++, 'x')
      expect(database.newestSequence).toBe(sequence)
      await turn()
    }
    expect(small).toBeGreaterThan(20)
    expect([countOf('large'), countOf('small')]).toEqual([200, small])
    expect(await committing).toBe(database.newestSequence)
    expect(database.locks.size).toBe(0)
    expect(database.store.statistics().pinnedSnapshots).toBeLessThanOrEqual(1)
  })

  test('is one transaction in the feed, at its place', async () => {
    putSmall('small', 1, 'before')
    const committing = putMany('large', 100, 'new').commit()
    await turn()
    const meanwhile = putSmall('small', 2, 'meanwhile')
    const sequence = await committing
    const after = putSmall('small', 3, 'after')
    await database.pipeline.settled()
    expect([meanwhile < sequence, sequence < after]).toEqual([true, true])
    const counts: number[] = []
    for await (const { changes } of database.feed({ from: meanwhile, to: after })) counts.push(changes.length)
    expect(counts).toEqual([1, 100, 1])
  })

  test('is read from the feed over several turns', async () => {
    putSmall('small', 1, 'first')
    const sequence = await putMany('large', 5_000, 'new').commit()
    await database.pipeline.settled()
    let turns = 0
    const state = { isOver: false }
    const count = async (): Promise<void> => {
      for (; !state.isOver; turns++) await turn()
    }
    const counting = count()
    for await (const { changes } of database.feed({ from: sequence, to: sequence })) expect(changes).toHaveLength(5_000)
    state.isOver = true
    await counting
    expect(turns).toBeGreaterThanOrEqual(5)
  })

  test('holds its locks until everybody sees it', async () => {
    const committing = putMany('large', 100, 'new').commit()
    await turn()
    expect(() => putSmall('large', 50, 'other')).toThrow(LockWait)
    await committing
    putSmall('large', 50, 'other')
    expect(valuesOf('large').sort()).toEqual(['new', 'other'])
  })

  test('is a conflict for whoever began before, like any other', async () => {
    const writing = begin()
    writing.get(keyOf('large', 7))
    writing.leaveTurn(false)
    const reading = begin('serializable')
    const cursor = reading.scan({ start: copyOf('large', 3), end: copyOf('large', 5) })
    while (cursor.next());
    reading.put(keyOf('elsewhere', 1), valueOf('x'))
    reading.leaveTurn(false)
    const others = begin('serializable')
    others.get(keyOf('other', 7))
    others.put(keyOf('elsewhere', 2), valueOf('x'))
    others.leaveTurn(false)
    const since = database.newestSequence
    database.conflicts.open(since)
    await putMany('large', 100, 'new').commit()
    expect(() => writing.put(keyOf('large', 7), valueOf('mine'))).toThrow('could not serialize access')
    expect(await failureOf((async () => reading.commit())())).toBe('serialization_failure')
    expect(await failureOf((async () => others.commit())())).toBeUndefined()
    const names = [copyOf('large', 7), copyOf('large', 100), copyOf('other', 7)].map((key) => sliceToLatin1(key))
    expect(names.map((name) => database.conflicts.changed(name, `${name}\0`, since))).toEqual([true, false, false])
    database.conflicts.close(since)
    writing.rollback()
    reading.rollback()
  })

  test.each(['before', 'in the middle', 'never'])('is validated against commits made meanwhile: %s', async (when) => {
    putSmall('read', 1, 'old')
    const transaction = begin('serializable')
    transaction.get(keyOf('read', 1))
    const cursor = transaction.scan({ start: copyOf('range', 10), end: copyOf('range', 20) })
    while (cursor.next());
    for (let n = 0; n < 100; n++) transaction.put(keyOf('large', n), valueOf('new'))
    transaction.leaveTurn(false)
    if (when === 'before') putSmall('read', 1, 'changed')
    const committing = failureOf(transaction.commit())
    for (let i = 0; i < 5; i++) await turn()
    if (when === 'in the middle') putSmall('range', 15, 'phantom')
    putSmall('range', 20, 'outside')
    expect(await committing).toBe(when === 'never' ? undefined : 'serialization_failure')
    transaction.rollback()
    expect(countOf('large')).toBe(when === 'never' ? 100 : 0)
    expect(database.store.statistics()['drafts']).toBe(when === 'never' ? 1 : 0)
  })

  test('waits for the one before it', async () => {
    const first = putMany('first', 100, 'new').commit()
    const second = putMany('second', 100, 'new').commit()
    const third = putMany('third', 100, 'new').commit()
    const sequences = await Promise.all([first, second, third])
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b))
    expect([countOf('first'), countOf('second'), countOf('third')]).toEqual([100, 100, 100])
  })

  test.each([0, 1, 5, 20, 40])('leaves nothing where it is rolled back after %i turns', async (turns) => {
    const transaction = putMany('large', 100, 'new')
    const committing = failureOf(transaction.commit())
    for (let i = 0; i < turns; i++) await turn()
    const wasPublished = transaction.committedAt !== undefined
    transaction.rollback()
    expect(await committing).toBe(wasPublished ? undefined : 'transaction_aborted')
    expect(countOf('large')).toBe(wasPublished ? 100 : 0)
    expect(database.locks.size).toBe(0)
    const again = putMany('large', 100, 'again')
    await again.commit()
    expect(valuesOf('large')).toEqual(['again'])
  })

  test('stops where its caller says so', async () => {
    const transaction = putMany('large', 100, 'new')
    let turns = 0
    const committing = failureOf(
      transaction.commit({
        check: () => {
          if (++turns === 9) throw new RangeError('stopped')
        },
        orWoken: (pause) => pause,
      }),
    )
    expect(await committing).toBe('out_of_memory')
    expect([countOf('large'), turns]).toEqual([0, 9])
    transaction.rollback()
  })

  test('deletes many keys as quickly as few, with what came into the range meanwhile', async () => {
    await putMany('large', 300, 'old').commit()
    const transaction = begin('read committed')
    transaction.deleteRange({ start: copyOf('large', 0), end: copyOf('large', 1000) })
    for (let n = 0; n < 5; n++) transaction.put(keyOf('large', n), valueOf('new'))
    transaction.leaveTurn(false)
    const committing = transaction.commit()
    expect(committing).toBeInstanceOf(Promise)
    putSmall('large', 700, 'meanwhile')
    await committing
    expect([countOf('large'), valuesOf('large')]).toEqual([5, ['new']])
  })

  test('keeps what was put into a range after it was deleted, in whatever order the keys come', async () => {
    await putMany('large', 100, 'old').commit()
    const transaction = begin()
    for (let n = 0; n < 60; n++) transaction.put(keyOf('large', n), valueOf('hidden'))
    transaction.deleteRange({ start: copyOf('large', 0), end: copyOf('large', 90) })
    for (let n = 60; n > 20; n--) transaction.put(keyOf('large', n), valueOf('new'))
    transaction.delete(keyOf('large', 95))
    await transaction.commit()
    expect([countOf('large'), valuesOf('large')]).toEqual([49, ['new', 'old']])
  })

  test('is a conflict in the ranges that it deletes, too', async () => {
    await putMany('large', 300, 'old').commit()
    const since = database.newestSequence
    database.conflicts.open(since)
    const transaction = begin('read committed')
    transaction.deleteRange({ start: copyOf('large', 0), end: copyOf('large', 200) })
    await transaction.commit()
    const changed = (from: number, to: number): boolean =>
      database.conflicts.changed(sliceToLatin1(copyOf('large', from)), sliceToLatin1(copyOf('large', to)), since)
    expect([changed(50, 60), changed(190, 250), changed(200, 250)]).toEqual([true, true, false])
    expect(database.conflicts.lastChange(sliceToLatin1(copyOf('large', 7)))).toBe(database.newestSequence)
    database.conflicts.close(since)
  })

  test('is filled anew where a range with keys of its own is deleted', async () => {
    await putMany('large', 10, 'old').commit()
    const committing = putMany('large', 100, 'new').commit()
    for (let i = 0; i < 25; i++) await turn()
    expect(database.store.statistics()['drafts']).toBe(1)
    const small = begin('read committed')
    small.deleteRange({ start: copyOf('large', 0), end: copyOf('large', 50) })
    commitNow(small)
    expect(database.store.statistics()['drafts']).toBe(0)
    await committing
    expect([countOf('large'), valuesOf('large')]).toEqual([100, ['new']])
  })
})

describe('going back over many writes', () => {
  test.each([10, 5_000])('takes as many turns as it needs, with %i writes that stay', async (kept) => {
    const transaction = putMany('kept', kept, 'kept')
    const savepoint = transaction.savepoint()
    for (let n = 0; n < 15_000; n++) {
      if (n % 3 === 0) transaction.put(keyOf('kept', n), valueOf('lost'))
      else transaction.put(keyOf('lost', n), valueOf('lost'))
    }
    let turns = 0
    const preparing = prepareRollback(transaction, savepoint)
    const state = { isOver: preparing === undefined }
    void preparing?.then(() => (state.isOver = true))
    for (; !state.isOver; turns++) {
      putSmall('small', turns, 'x')
      await turn()
    }
    expect(turns > 3).toBe(kept === 5_000)
    transaction.rollbackTo(savepoint)
    expect(transaction.writes.count).toBe(kept)
    await transaction.commit()
    expect([valuesOf('kept'), countOf('kept'), countOf('lost'), countOf('small')]).toEqual([['kept'], kept, 0, turns])
  })
})

describe('random transactions of all sizes', () => {
  test.each([1, 2, 3, 4, 5, 6])('are what the log says, in its order (seed %i)', async (seed) => {
    const log = openMemoryLog()
    await database.close()
    database = await openTestDatabase({ log, limits: { largeCommitWrites: 20, sliceKeys: 7 } })
    const random = new SeededRandom(seed)
    const committing: Promise<unknown>[] = []
    let large = 0
    for (let i = 0; i < 150; i++) {
      const transaction = begin('read committed')
      try {
        change(transaction, random, i)
        const committed = transaction.commit()
        if (typeof committed !== 'number') {
          large++
          committing.push(failureOf(committed))
          if (random.chance(0.1)) void turn().then(() => transaction.rollback())
        }
      } catch (error) {
        if (!(error instanceof LockWait)) throw error
        transaction.rollback()
      }
      if (random.chance(0.05)) database.store.snapshot().release()
      if (random.chance(0.7)) await turn()
    }
    await Promise.all(committing)
    await database.pipeline.settled()
    expect(large).toBeGreaterThan(10)
    expect(await contentByLog(database)).toEqual(contentOf(database))
  })

  /** Some write derived entries, which nobody locks. */
  function change(transaction: KernelTransaction, random: SeededRandom, serial: number): void {
    const group = `g${random.below(3)}`
    const count = random.chance(0.25) ? random.between(21, 80) : random.between(1, 4)
    const kind = random.chance(0.2) ? 'derived' : 'primary'
    if (random.chance(0.1)) {
      const from = random.below(60)
      transaction.deleteRange({ start: copyOf(group, from), end: copyOf(group, from + random.below(60)) })
    }
    for (let i = 0; i < count; i++) {
      const key = keyOf(group, random.below(120))
      if (random.chance(0.3)) transaction.delete(key, kind)
      else transaction.put(key, valueOf(`${serial} ${i}`), kind)
    }
  }

  function contentOf(from: Database): Map<string, string> {
    const content = new Map<string, string>()
    const cursor = from.newest.scan({ start: new KeyWriter(8).begin(20, 1), end: new KeyWriter(8).begin(20, 2) })
    while (cursor.next()) content.set(sliceToLatin1(cursor.key), sliceToLatin1(cursor.value))
    return content
  }

  /** A database that is opened on the same log. */
  async function contentByLog(from: Database): Promise<Map<string, string>> {
    const replayed = await openTestDatabase({ log: from.log })
    const content = contentOf(replayed)
    return content
  }
})
