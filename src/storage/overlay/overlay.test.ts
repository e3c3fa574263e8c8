import { describe, expect, test } from 'vitest'
import { InvariantError } from '../../base/errors.ts'
import { copySlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import { describeStore } from '../contract/contract-suite.ts'
import { NaiveBase, openNaiveBase } from '../contract/naive-base.ts'
import { NaiveStore } from '../contract/naive-store.ts'
import { isMiss, type OrderedStore, type Reader } from '../store.ts'
import { Overlay } from './overlay.ts'

function newOverlay(): { store: Overlay; base: NaiveBase } {
  const base = new NaiveBase()
  return { store: new Overlay(new NaiveStore(), base), base }
}

describeStore({
  name: 'an overlay over a base that misses',
  create: () => newOverlay().store,
  open: (_host, folder) => Promise.resolve(new Overlay(new NaiveStore(), openNaiveBase(folder))),
  handOver: (store) => (store as Overlay).handOver(),
  mayNotCount: true,
  runs: 12,
})

const key = (n: number): Slice => sliceOf(Buffer.from(`key ${String(n).padStart(4, '0')}`))
const value = (text: string): Slice => sliceOf(Buffer.from(text))
const range = (from: number, to: number): KeyRange => ({ start: key(from), end: key(to) })

function write(store: Overlay, from: number, to: number, text: string): void {
  for (let n = from; n < to; n++) store.put(key(n), value(`${text} ${n}`))
  store.publish(store.current.sequence + 1)
}

/** As a statement does: what is missing is loaded, and it goes on. */
async function through<T>(store: OrderedStore, read: () => T): Promise<T> {
  for (;;) {
    try {
      return read()
    } catch (error) {
      if (!isMiss(error)) throw error
      const snapshot = store.snapshot()
      await snapshot.load(error)
      snapshot.release()
    }
  }
}

async function texts(store: OrderedStore, keys: readonly number[], reader: Reader = store.current): Promise<string[]> {
  const found: string[] = []
  for (const n of keys) {
    found.push(
      await through(store, () => {
        const slice = reader.get(key(n))
        return slice === undefined ? '-' : Buffer.from(copySlice(slice)).toString()
      }),
    )
  }
  return found
}

describe('handing over', () => {
  test('moves everything, and readers from before and after see no difference', async () => {
    const { store, base } = newOverlay()
    write(store, 0, 600, 'old')
    await store.handOver()
    while (store.reclaim(0));
    expect(store.statistics()).toMatchObject({ overlayEntries: 0, keys: 600 })
    store.deleteRange(range(100, 200))
    store.delete(key(50))
    write(store, 150, 160, 'new')
    const pinned = store.snapshot()
    const seen = ['old 0', '-', '-', 'new 150', 'old 299']
    expect(await texts(store, [0, 50, 120, 150, 299])).toEqual(seen)
    await store.handOver()
    for (let swept = true; swept; swept = store.reclaim(0)) {
      expect(await texts(store, [0, 50, 120, 150, 299])).toEqual(seen)
      expect(await texts(store, [0, 50, 120, 150, 299], pinned)).toEqual(seen)
    }
    expect(store.statistics()).toMatchObject({ overlayEntries: 0, hiddenRanges: 0, keys: 509 })
    expect([base.applied, base.persistedThrough, store.hasMore]).toEqual([2, 2, false])
    pinned.release()
    store.close()
  })

  test('leaves what is written while the base takes a batch', async () => {
    const { store } = newOverlay()
    write(store, 0, 30, 'old')
    const handing = store.handOver()
    store.deleteRange(range(10, 20))
    store.delete(key(5))
    write(store, 12, 14, 'new')
    const seen = ['old 0', '-', '-', 'new 12', 'old 20']
    expect(await texts(store, [0, 5, 11, 12, 20])).toEqual(seen)
    await handing
    while (store.reclaim(0));
    expect(store.statistics()).toMatchObject({ overlayEntries: 3, hiddenRanges: 1 })
    expect(await texts(store, [0, 5, 11, 12, 20])).toEqual(seen)
    store.close()
  })

  test('a range hides the base up to its end, and no further, in both directions', async () => {
    const { store } = newOverlay()
    write(store, 0, 30, 'old')
    await store.handOver()
    while (store.reclaim(0));
    store.deleteRange(range(10, 20))
    store.deleteRange(range(20, 22))
    store.publish(2)
    for (const reverse of [false, true]) {
      const snapshot = store.snapshot()
      const cursor = snapshot.scan(range(0, 99), { reverse })
      const found: string[] = []
      while (await through(store, () => cursor.next())) found.push(Buffer.from(copySlice(cursor.key)).toString())
      const expected = Array.from({ length: 30 }, (_, n) => n).filter((n) => n < 10 || n >= 22)
      const names = expected.map((n) => Buffer.from(copySlice(key(n))).toString())
      expect(found).toEqual(reverse ? names.reverse() : names)
      snapshot.release()
    }
    store.close()
  })

  test('waits until nothing of it can be taken back', async () => {
    const { store, base } = newOverlay()
    write(store, 0, 10, 'first')
    const mark = store.mark()
    write(store, 0, 10, 'second')
    const handing = store.handOver()
    for (let i = 0; i < 100; i++) await Promise.resolve()
    expect(base.applied).toBe(0)
    const later = store.mark()
    mark.release()
    await handing
    expect([base.applied, base.persistedThrough]).toEqual([1, 2])
    later.rollback()
    expect(await texts(store, [3])).toEqual(['second 3'])
    later.release()
    store.close()
  })

  test('is undone by going back to before it, and the next one takes what is left', async () => {
    const { store, base } = newOverlay()
    store.deleteRange(range(0, 5))
    write(store, 2, 3, 'kept')
    const mark = store.mark()
    store.deleteRange(range(0, 9))
    write(store, 3, 4, 'undone')
    const handing = store.handOver()
    mark.rollback()
    await handing
    expect([base.applied, store.current.sequence]).toEqual([0, 1])
    mark.release()
    await store.handOver()
    expect([base.applied, base.persistedThrough]).toEqual([1, 1])
    expect(await texts(store, [2, 3])).toEqual(['kept 2', '-'])
    store.close()
  })

  test('going back shows again what a range had hidden since', async () => {
    const { store } = newOverlay()
    write(store, 0, 10, 'a')
    await store.handOver()
    while (store.reclaim(0));
    const mark = store.mark()
    store.deleteRange(range(0, 5))
    store.publish(2)
    expect(await texts(store, [3, 7])).toEqual(['-', 'a 7'])
    mark.rollback()
    expect(await texts(store, [3, 7])).toEqual(['a 3', 'a 7'])
    mark.release()
    store.close()
  })

  test('what the base has refused stays in the overlay and is handed over again', async () => {
    const { store, base } = newOverlay()
    write(store, 0, 10, 'a')
    base.failure = new Error('no space')
    await expect(store.handOver()).rejects.toThrow('no space')
    expect(store.statistics()).toMatchObject({ overlayEntries: 10 })
    expect([base.persistedThrough, store.hasMore]).toEqual([0, true])
    await store.handOver()
    while (store.reclaim(0));
    expect(store.statistics()).toMatchObject({ overlayEntries: 0 })
    expect(await texts(store, [9])).toEqual(['a 9'])
    store.close()
  })

  test('going back to a mark brings no swept entry back for good', async () => {
    const { store } = newOverlay()
    write(store, 0, 10, 'a')
    const mark = store.mark()
    await store.handOver()
    while (store.reclaim(0));
    write(store, 0, 5, 'b')
    mark.rollback()
    expect(await texts(store, [0, 9])).toEqual(['a 0', 'a 9'])
    while (store.reclaim(0));
    expect(store.statistics()).toMatchObject({ overlayEntries: 0 })
    expect(await texts(store, [0, 9])).toEqual(['a 0', 'a 9'])
    mark.release()
    store.close()
  })

  test('what a draft wrote before a hand-over began is not taken for handed over', async () => {
    const { store } = newOverlay()
    write(store, 0, 10, 'a')
    const draft = store.draft(() => true)!
    draft.put(key(3), value('drafted'))
    draft.deleteRange(range(5, 8))
    await store.handOver()
    while (store.reclaim(0));
    draft.adopt()
    store.publish(2)
    while (store.reclaim(0));
    expect(await texts(store, [3, 6, 9])).toEqual(['drafted', '-', 'a 9'])
    await store.handOver()
    while (store.reclaim(0));
    expect(await texts(store, [3, 6, 9])).toEqual(['drafted', '-', 'a 9'])
    expect(store.statistics()).toMatchObject({ overlayEntries: 0, hiddenRanges: 0 })
    store.close()
  })

  test('ends with the store, which takes nothing back that the base has', async () => {
    const { store, base } = newOverlay()
    write(store, 0, 10, 'a')
    const mark = store.mark()
    write(store, 0, 10, 'b')
    const handing = store.handOver()
    store.stop()
    mark.release()
    await handing
    await store.handOver()
    expect(base.applied).toBe(0)
    expect(() => mark.rollback()).toThrow(InvariantError)
    store.close()
  })
})

test('a cursor that shows what the base has ends at a mutation, too', async () => {
  const { store } = newOverlay()
  write(store, 0, 300, 'old')
  await store.handOver()
  while (store.reclaim(0));
  const cursor = store.current.scan(range(0, 300))
  expect(await through(store, () => cursor.next())).toBe(true)
  store.delete(key(1))
  expect(() => cursor.next()).toThrow(InvariantError)
  cursor.seek(key(1))
  expect(await through(store, () => cursor.next())).toBe(true)
  expect(Buffer.from(copySlice(cursor.key)).toString()).toBe('key 0002')
  store.publish(2)
  store.close()
})

test('counts exactly, or says that it cannot', async () => {
  const { store, base } = newOverlay()
  write(store, 0, 300, 'old')
  expect(await through(store, () => store.current.count(range(0, 50)))).toBe(50)
  expect(store.current.count(range(0, 300))).toBeUndefined()
  await store.handOver()
  while (store.reclaim(0));
  store.deleteRange(range(10, 20))
  store.delete(key(30))
  store.delete(key(400))
  write(store, 12, 14, 'new')
  write(store, 299, 302, 'new')
  expect(await through(store, () => store.current.count(range(0, 500)))).toBe(300 - 10 - 1 + 2 + 2)
  expect(await through(store, () => store.current.count(range(11, 30)))).toBe(2 + 10)
  expect(base.misses).toBeGreaterThan(0)
  store.close()
})
