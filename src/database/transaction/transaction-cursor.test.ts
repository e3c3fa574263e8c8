/**
 * Random programs against a naive map: what a transaction reads by key and by cursor, over a store and its own writes.
 *
 * The model keeps the visible entries as a `Map` and gives every cursor a sorted copy of them when it is opened or
 * sought, which is the whole of the contract: later writes show from the next `seek` on.
 */
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { MutableSlice, sliceOf, sliceToLatin1, type KeyRange } from '../../base/slice.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { openMemoryStore } from '../../storage/memory/memory.ts'
import type { OrderedStore, Reader, Snapshot } from '../../storage/store.ts'
import { TransactionCursor } from './transaction-cursor.ts'
import { WriteSet } from './write-set.ts'

const bytesOf = (text: string): ReturnType<typeof sliceOf> => sliceOf(Buffer.from(text, 'latin1'))
const rangeOf = (start: string, end: string): KeyRange => ({ start: bytesOf(start), end: bytesOf(end) })

type Entry = readonly [string, string]

/** What a cursor must give: the entries as they were, and how far it has come. */
class ModelCursor {
  entries: Entry[]
  at = 0
  readonly low: string
  readonly high: string
  readonly reverse: boolean

  constructor(low: string, high: string, reverse: boolean, visible: ReadonlyMap<string, string>) {
    this.low = low
    this.high = high
    this.reverse = reverse
    this.entries = this.#sorted(visible)
  }

  #sorted(visible: ReadonlyMap<string, string>): Entry[] {
    const inside = [...visible].filter(([key]) => key >= this.low && key < this.high)
    inside.sort(([a], [b]) => (a < b ? -1 : 1))
    return this.reverse ? inside.reverse() : inside
  }

  seek(key: string, visible: ReadonlyMap<string, string>): void {
    this.entries = this.#sorted(visible)
    const found = this.entries.findIndex(([own]) => (this.reverse ? own <= key : own >= key))
    this.at = found < 0 ? this.entries.length : found
  }

  next(): Entry | undefined {
    return this.entries[this.at++]
  }
}

/** A transaction's reads and writes, twice over: as it is, and as the model has it. */
class Pair {
  readonly store: OrderedStore
  readonly writes = new WriteSet()
  reader: Reader
  snapshot: Snapshot | undefined
  sequence = 1
  made = 0
  base: Map<string, string>
  /** One visible map per operation that was made, for savepoints. */
  history: { count: number; visible: Map<string, string> }[] = []
  visible: Map<string, string>
  cursors: { real: TransactionCursor; model: ModelCursor }[] = []

  constructor(store: OrderedStore, base: Map<string, string>) {
    this.store = store
    this.base = base
    for (const [key, value] of base) store.put(bytesOf(key), bytesOf(value))
    store.publish(this.sequence)
    this.reader = store.current
    this.visible = new Map(base)
  }

  put(key: string, value: string): void {
    this.writes.put(bytesOf(key), bytesOf(value), false)
    this.visible.set(key, value)
  }

  /** A key that nobody has had: behind `key`, before the next one. */
  putNew(key: string, value: string): void {
    const made = `${key}-${String(++this.made).padStart(3, '0')}`
    this.writes.putNew(bytesOf(made), bytesOf(value), false)
    this.visible.set(made, value)
  }

  /** One of those that `putNew` made. */
  changeNew(which: number, value: string): void {
    const made = [...this.visible.keys()].filter((key) => key.includes('-'))
    const key = made[which % Math.max(1, made.length)]
    if (key === undefined) return
    this.checkGet(key)
    if (value === '') this.delete(key)
    else this.put(key, value)
    this.checkGet(key)
  }

  delete(key: string): void {
    this.writes.delete(bytesOf(key), false)
    this.visible.delete(key)
  }

  deleteRange(low: string, high: string): void {
    this.writes.deleteRange(rangeOf(low, high), false)
    for (const key of Array.from(this.visible.keys())) if (key >= low && key < high) this.visible.delete(key)
  }

  savepoint(): void {
    this.history.push({ count: this.writes.count, visible: new Map(this.visible) })
  }

  rollback(): void {
    const to = this.history.pop()
    if (to === undefined) return
    this.writes.rollbackTo(to.count)
    this.visible = to.visible
    this.cursors = []
  }

  open(low: string, high: string, reverse: boolean): void {
    const real = new TransactionCursor(() => this.reader, this.writes, rangeOf(low, high), { reverse })
    this.cursors.push({ real, model: new ModelCursor(low, high, reverse, this.visible) })
  }

  next(which: number, steps: number): void {
    const cursor = this.cursors[which % Math.max(1, this.cursors.length)]
    if (cursor === undefined) return
    for (let i = 0; i < steps; i++) {
      const expected = cursor.model.next()
      expect(cursor.real.next()).toBe(expected !== undefined)
      if (expected === undefined) return
      expect([sliceToLatin1(cursor.real.key), sliceToLatin1(cursor.real.value)]).toEqual(expected)
    }
  }

  nextUntil(which: number, value: string, count: number): void {
    const cursor = this.cursors[which % Math.max(1, this.cursors.length)]
    if (cursor === undefined) return
    let passed = 0
    let last: Entry | undefined
    while (passed < count && last?.[1] !== value) {
      const some = cursor.real.nextUntil(bytesOf(value), count - passed)
      if (some === 0) break
      passed += some
      last = [sliceToLatin1(cursor.real.key), sliceToLatin1(cursor.real.value)]
    }
    let expected = 0
    for (let found: Entry | undefined; expected < count;) {
      found = cursor.model.next()
      if (found === undefined) break
      expected++
      if (expected === passed) expect(last).toEqual(found)
      if (found[1] === value) break
    }
    expect(passed).toBe(expected)
  }

  skip(which: number, count: number): void {
    const cursor = this.cursors[which % Math.max(1, this.cursors.length)]
    if (cursor === undefined) return
    const there = Math.max(0, Math.min(count, cursor.model.entries.length - cursor.model.at))
    let passed = 0
    for (let some = -1; some !== 0; passed += some) some = cursor.real.skip(count - passed)
    expect(passed).toBe(there)
    cursor.model.at += there
  }

  count(low: string, high: string): void {
    const range = rangeOf(low, high)
    const own = this.writes.countChange(range, this.reader)
    if (this.writes.hasRanges) return expect(own).toBeUndefined()
    const expected = [...this.visible.keys()].filter((key) => key >= low && key < high).length
    expect(this.reader.count(range)! + own!).toBe(expected)
  }

  seek(which: number, key: string): void {
    const cursor = this.cursors[which % Math.max(1, this.cursors.length)]
    if (cursor === undefined) return
    cursor.real.seek(bytesOf(key))
    cursor.model.seek(key, this.visible)
  }

  /** The turn ends: the state is pinned, and others write. */
  pin(others: readonly Entry[]): void {
    if (this.snapshot === undefined) {
      this.snapshot = this.store.snapshot()
      this.reader = this.snapshot
      for (const { real } of this.cursors) real.park()
    }
    for (const [key, value] of others) {
      if (value === '') this.store.delete(bytesOf(key))
      else this.store.put(bytesOf(key), bytesOf(value))
    }
    this.store.publish(++this.sequence)
  }

  checkGet(key: string): void {
    const own = this.writes.get(bytesOf(key), new MutableSlice())
    const found = own === undefined ? this.reader.get(bytesOf(key)) : (own ?? undefined)
    expect(found === undefined ? undefined : sliceToLatin1(found)).toBe(this.visible.get(key))
  }

  /** Applying the effective operations to the base gives what the transaction sees. */
  checkRecord(): void {
    const result = new Map(this.base)
    this.writes.forEachEffective((kind, key, operation) => {
      const name = sliceToLatin1(key)
      const value = this.writes.payloadOf(operation, new MutableSlice())
      if (kind === 0) result.set(name, sliceToLatin1(value))
      else if (kind === 1) result.delete(name)
      else if (kind === 2) {
        const end = sliceToLatin1(value)
        for (const other of Array.from(result.keys())) if (other >= name && other < end) result.delete(other)
      }
    })
    expect(result).toEqual(this.visible)
  }
}

type Step = (pair: Pair) => void

const keys = fc.integer({ min: 0, max: 25 }).map((n) => 'k' + String.fromCharCode(97 + n))
const values = fc.integer({ min: 0, max: 12 }).map((n) => `v${n}`)
const ranges = fc.tuple(keys, keys).map(([a, b]): [string, string] => (a < b ? [a, b] : [b, a]))
const wide = fc.oneof({ weight: 2, arbitrary: fc.constant<[string, string]>(['a', 'z']) }, ranges)

const steps: fc.Arbitrary<[string, Step]> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(keys, values).map(([k, v]): [string, Step] => [`put ${k}`, (p) => p.put(k, v)]) },
  {
    weight: 4,
    arbitrary: fc.tuple(keys, values).map(([k, v]): [string, Step] => [`new ${k}`, (p) => p.putNew(k, v)]),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.nat(20), fc.oneof(values, fc.constant('')))
      .map(([w, v]): [string, Step] => [`change ${w} ${v}`, (p) => p.changeNew(w, v)]),
  },
  { weight: 3, arbitrary: keys.map((k): [string, Step] => [`delete ${k}`, (p) => p.delete(k)]) },
  { weight: 2, arbitrary: ranges.map(([a, b]): [string, Step] => [`range ${a} ${b}`, (p) => p.deleteRange(a, b)]) },
  { weight: 1, arbitrary: fc.constant<[string, Step]>(['savepoint', (p) => p.savepoint()]) },
  { weight: 1, arbitrary: fc.constant<[string, Step]>(['rollback', (p) => p.rollback()]) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(wide, fc.boolean())
      .map(([[a, b], r]): [string, Step] => [`open ${a} ${b} ${r}`, (p) => p.open(a, b, r)]),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.nat(9), fc.integer({ min: 1, max: 6 }))
      .map(([c, n]): [string, Step] => [`next ${c} ${n}`, (p) => p.next(c, n)]),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.nat(9), fc.nat(9)).map(([c, n]): [string, Step] => [`skip ${c} ${n}`, (p) => p.skip(c, n)]),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.nat(9), values, fc.integer({ min: 1, max: 9 }))
      .map(([c, v, n]): [string, Step] => [`until ${c} ${v} ${n}`, (p) => p.nextUntil(c, v, n)]),
  },
  { weight: 2, arbitrary: wide.map(([a, b]): [string, Step] => [`count ${a} ${b}`, (p) => p.count(a, b)]) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat(9), keys).map(([c, k]): [string, Step] => [`seek ${c} ${k}`, (p) => p.seek(c, k)]),
  },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.tuple(keys, fc.oneof(values, fc.constant(''))), { maxLength: 4 })
      .map((others): [string, Step] => [`pin ${others.join(' ')}`, (p) => p.pin(others)]),
  },
  { weight: 3, arbitrary: keys.map((k): [string, Step] => [`get ${k}`, (p) => p.checkGet(k)]) },
)

describe('a transaction’s reads over its own writes', () => {
  test('are those of a naive map', async () => {
    const host = createRealHost()
    const bases = fc.dictionary(keys, values, { maxKeys: 20 })
    const program = fc.array(steps, { minLength: 1, maxLength: 60, size: 'max' })
    const property = fc.asyncProperty(bases, program, async (base, list) => {
      const store = await openMemoryStore(host, undefined)
      const pair = new Pair(store, new Map(Object.entries(base)))
      for (const [, run] of list) run(pair)
      for (let i = 0; i < pair.cursors.length; i++) pair.next(i, 100)
      for (const key of ['ka', 'km', 'kz']) pair.checkGet(key)
      pair.checkRecord()
      pair.snapshot?.release()
      store.close()
    })
    await fc.assert(property, { numRuns: 200 })
  }, 60_000)

  test('hold for more operations than are compared one by one', async () => {
    const store = await openMemoryStore(createRealHost(), undefined)
    const pair = new Pair(store, new Map([['k5', 'base']]))
    for (let i = 0; i < 3000; i++) pair.put(`k${(i * 7919) % 1000}`, String(i))
    for (let i = 0; i < 3000; i++) pair.putNew(`k${(i * 7919) % 1000}`, String(i))
    pair.savepoint()
    for (let i = 0; i < 900; i++) pair.changeNew(i * 3, i % 3 === 0 ? '' : 'changed')
    for (let i = 0; i < 500; i++) pair.delete(`k${i * 2}`)
    pair.deleteRange('k3', 'k4')
    pair.rollback()
    for (let i = 0; i < 1000; i++) pair.checkGet(`k${i}`)
    pair.open('a', 'z', true)
    pair.next(0, 2000)
    pair.checkRecord()
    store.close()
  })

  test.each([false, true])('pass over what is written behind them once (reverse: %s)', async (reverse) => {
    const store = await openMemoryStore(createRealHost(), undefined)
    const pair = new Pair(store, new Map(Array.from({ length: 500 }, (_, i) => [`k${1000 + i}`, 'old'] as const)))
    pair.put('k9999', 'own')
    pair.put('k0000', 'own')
    const newestBefore = vi.spyOn(pair.writes, 'newestBefore')
    // Within the range, and behind it.
    for (const [low, high] of [
      ['k', 'l'],
      ['k0000', 'k2000'],
      ['k1000', 'l'],
    ] as const) {
      newestBefore.mockClear()
      pair.savepoint()
      pair.open(low, high, reverse)
      for (let i = 0; i < 500; i++) {
        pair.next(0, 1)
        pair.put(reverse ? `k0${500 - i}` : `k${3000 + i}`, 'new')
      }
      expect(newestBefore.mock.calls.length).toBeLessThan(3000)
      pair.rollback()
    }
    store.close()
  })

  test.each([1, 2, 5, 9])('go on behind what was passed over, %i entries, when the turn ends there', async (count) => {
    const store = await openMemoryStore(createRealHost(), undefined)
    const pair = new Pair(store, new Map(Array.from({ length: 9 }, (_, i) => [`k${i}`, `v${i}`] as const)))
    for (const reverse of [false, true]) pair.open('a', 'z', reverse)
    for (const which of [0, 1]) pair.skip(which, count)
    pair.pin([['k4', '']])
    for (const which of [0, 1]) pair.next(which, 10)
    pair.snapshot?.release()
    store.close()
  })
})
