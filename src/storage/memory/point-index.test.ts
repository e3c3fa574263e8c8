/** What is found by hash; `describeStore` in memory.test.ts compares it with descents in random programs. */
import { expect, test } from 'vitest'
import { copySlice, sliceOf, type Slice } from '../../base/slice.ts'
import { checkFamily } from './check.ts'
import { MemoryStore } from './memory.ts'

const key = (n: number): Slice => sliceOf(Buffer.from(`key ${String(n).padStart(6, '0')}`))
const value = (text: string): Slice => sliceOf(Buffer.from(text))

function filled(keys: number, text = 'old'): MemoryStore {
  const store = new MemoryStore({ monotonic: () => 0, poison: true })
  for (let n = 0; n < keys; n++) store.put(key(n), value(`${text} ${n}`))
  store.publish(1)
  return store
}

function read(reader: { get(key: Slice): Slice | undefined }, n: number): string | undefined {
  const found = reader.get(key(n))
  return found === undefined ? undefined : Buffer.from(copySlice(found)).toString()
}

function known(store: MemoryStore): number {
  let count = 0
  store.points.each(() => count++)
  return count
}

function readAll(store: MemoryStore, keys: number): void {
  for (let round = 0; round < 8; round++) for (let n = 0; n < keys; n++) read(store.current, n)
}

test('holds nearly all keys in eight bytes a key, and nothing before it is asked', () => {
  const store = filled(20_000)
  expect(store.points.bytes).toBe(0)
  readAll(store, 20_000)
  expect(store.points.bytes).toBeLessThanOrEqual(8 * 20_000)
  expect(known(store)).toBeGreaterThan(19_000)
  expect(store.statistics().reservedBytes).toBe(store.family.reservedBytes + store.points.bytes)
  checkFamily(store.family, [store])
})

test('follows values that get another record, and keys that go', () => {
  const store = filled(1000)
  readAll(store, 1000)
  const pinned = store.snapshot()
  for (let n = 0; n < 1000; n += 2) store.put(key(n), value('n'.repeat(n)))
  for (let n = 1; n < 1000; n += 2) store.delete(key(n))
  store.publish(2)
  checkFamily(store.family, [store])
  expect(known(store)).toBeGreaterThan(400)
  expect([read(store.current, 500), read(store.current, 501)]).toEqual(['n'.repeat(500), undefined])
  expect([read(pinned, 500), read(pinned, 501)]).toEqual(['old 500', 'old 501'])
})

test('a snapshot is not told what was inserted, overwritten or brought back after it', () => {
  const store = filled(1000)
  readAll(store, 1000)
  const mark = store.mark()
  store.deleteRange({ start: key(0), end: key(990) })
  store.publish(2)
  const pinned = store.snapshot()
  mark.rollback()
  readAll(store, 1000)
  expect([read(store.current, 5), read(pinned, 5), read(pinned, 995)]).toEqual(['old 5', undefined, 'old 995'])
  checkFamily(store.family, [store])
})

test('a snapshot is not told what a draft has written before it and published after it', () => {
  const store = filled(1000)
  const draft = store.draft(() => true)!
  for (let n = 0; n < 1000; n++) draft.put(key(n), value(`drafted ${n}`))
  store.put(key(2000), value('small'))
  store.publish(2)
  const pinned = store.snapshot()
  draft.adopt()
  store.publish(3)
  readAll(store, 1000)
  expect([read(store.current, 5), read(pinned, 5)]).toEqual(['drafted 5', 'old 5'])
})

test('large ranges that go empty it, small ones do not', () => {
  const store = filled(100_000)
  readAll(store, 10_000)
  const before = known(store)
  store.deleteRange({ start: key(20_000), end: key(20_200) })
  store.publish(2)
  expect(known(store)).toBe(before)
  store.deleteRange({ start: key(20_000), end: key(90_000) })
  store.publish(3)
  expect(known(store)).toBe(0)
  expect(read(store.current, 95_000)).toBe('old 95000')
  expect(read(store.current, 50_000)).toBeUndefined()
  expect(known(store)).toBe(1)
})

test('a fork and its parent find their own', () => {
  const store = filled(1000)
  readAll(store, 1000)
  const fork = store.forkMemory()
  readAll(fork, 1000)
  for (let n = 0; n < 1000; n++) store.put(key(n), value(`parent ${n}`))
  store.publish(2)
  for (let n = 0; n < 1000; n += 2) fork.delete(key(n))
  fork.publish(2)
  expect([read(store.current, 4), read(store.current, 5)]).toEqual(['parent 4', 'parent 5'])
  expect([read(fork.current, 4), read(fork.current, 5)]).toEqual([undefined, 'old 5'])
  checkFamily(store.family, [store, fork])
})
