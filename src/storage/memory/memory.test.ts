import { describe, expect, test } from 'vitest'
import { copySlice, sliceOf } from '../../base/slice.ts'
import type { Slice } from '../../base/slice.ts'
import { SeededRandom } from '../../host/simulated/random.ts'
import { describeStore, isFoundOut } from '../contract/contract-suite.ts'
import type { OrderedStore } from '../store.ts'
import { checkFamily, checkTree } from './check.ts'
import { chunkBytes } from './address-space.ts'
import { MemoryStore, openMemoryStore } from './memory.ts'
import { roundLarge } from './size-classes.ts'
import { headsAt, leafRecordsAt, pageBase, pageWordsOf } from './page-layout.ts'

const monotonic = (): number => 0

describeStore({
  name: 'memory',
  create: () => new MemoryStore({ monotonic, poison: true }),
  open: (host, folder) => openMemoryStore(host, folder),
  check: (stores) => checkStores(stores),
})

/** References of records beyond 2^31 are negative; the epoch's upper part changes on the way. */
const late = { epoch: 2 ** 32 - 40, recordChunk: 6000 }

describeStore({
  name: 'memory that is large and has run for long',
  create: () => new MemoryStore({ monotonic, poison: true, from: late }),
  open: (host, folder) => openMemoryStore(host, folder),
  check: (stores) => checkStores(stores),
})

function checkStores(stores: readonly OrderedStore[]): void {
  const memory = stores.filter((store) => store instanceof MemoryStore)
  checkFamily(memory[0]!.family, memory)
}

const key = (n: number): Slice => sliceOf(Buffer.from(`key ${String(n).padStart(6, '0')}`))
const value = (text: string): Slice => sliceOf(Buffer.from(text))

function fill(store: MemoryStore, from: number, to: number, text: string): void {
  for (let n = from; n < to; n++) store.put(key(n), value(`${text} ${n}`))
  store.publish(store.sequence + 1)
}

function read(store: MemoryStore, n: number): string | undefined {
  const found = store.current.get(key(n))
  return found === undefined ? undefined : Buffer.from(copySlice(found)).toString()
}

describe('forks', () => {
  const orders = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ]

  for (const order of orders) {
    test(`of forks close in the order ${order.join(' ')} and leave nothing`, () => {
      const base = new MemoryStore({ monotonic, poison: true })
      fill(base, 0, 5000, 'base')
      const fork = base.forkMemory()
      fill(fork, 1000, 3000, 'fork')
      fill(base, 4000, 6000, 'later')
      const second = fork.forkMemory()
      second.deleteRange({ start: key(0), end: key(1500) })
      fill(second, 0, 10, 'second')
      fill(fork, 0, 500, 'fork again')
      const stores = [base, fork, second]
      const open = new Set(stores)
      for (const which of order) {
        stores[which]!.close()
        open.delete(stores[which]!)
        while (stores[which]!.reclaim(0));
        if (open.size > 0) checkFamily(base.family, [...open])
        if (open.has(base)) expect([read(base, 0), read(base, 4500)]).toEqual(['base 0', 'later 4500'])
        if (open.has(fork)) expect([read(fork, 499), read(fork, 4500)]).toEqual(['fork again 499', 'base 4500'])
        if (open.has(second)) {
          expect([read(second, 9), read(second, 499), read(second, 2000)]).toEqual(['second 9', undefined, 'fork 2000'])
        }
      }
      expect(base.family.members.size).toBe(0)
      expect(base.family.space.pages).toEqual([])
    })
  }
})

describe('range deletes', () => {
  test('shorten the prefixes of the page behind the gap, where its branch begins with it', () => {
    for (const end of [7430, 8250, 12_640]) {
      const store = new MemoryStore({ monotonic, poison: true })
      fill(store, 0, 15_000, 'first')
      store.deleteRange({ start: key(1000), end: key(end) })
      store.publish(store.sequence + 1)
      checkFamily(store.family, [store])
      fill(store, end - 500, end - 400, 'again')
      checkFamily(store.family, [store])
      expect([read(store, end - 450), read(store, end - 1), read(store, end)]).toEqual([
        `again ${end - 450}`,
        undefined,
        `first ${end}`,
      ])
      store.close()
    }
  })
})

describe('chunks', () => {
  test('go when they are empty', () => {
    const store = new MemoryStore({ monotonic })
    for (let n = 0; n < 80_000; n++) store.put(key(n), { bytes: new Uint8Array(500), start: 0, end: 500 })
    store.put(key(90_000), { bytes: new Uint8Array(1 << 20), start: 0, end: 1 << 20 })
    store.publish(1)
    const { reservedBytes } = store.statistics()
    expect(reservedBytes).toBeGreaterThan(20 << 20)
    store.deleteRange({ start: key(0), end: key(99_999) })
    store.publish(2)
    store.snapshot().release()
    while (store.reclaim(0));
    const after = store.statistics()
    expect(after.keys).toBe(0)
    expect(after['records']).toBe(0)
    // One for pages, one that is kept for records, and the buffer of the long one for the next.
    expect(after.reservedBytes).toBeLessThanOrEqual(2 * chunkBytes + roundLarge((1 << 20) + 64))
    store.close()
  })

  test('come back to their source, of pages and of records', () => {
    const store = new MemoryStore({ monotonic })
    const { source } = store.family
    for (let n = 0; n < 400_000; n++) store.put(key(n), { bytes: new Uint8Array(8), start: 0, end: 8 })
    store.publish(1)
    const taken = source.taken
    expect(taken * chunkBytes).toBe(store.family.reservedBytes)
    store.deleteRange({ start: key(0), end: key(999_999) })
    store.publish(2)
    store.snapshot().release()
    while (store.reclaim(0));
    expect(source.taken).toBeLessThan(taken)
    expect(source.taken * chunkBytes).toBe(store.family.reservedBytes)
    store.close()
  })
})

describe('drafts', () => {
  test('lose nothing that was let go of before them and is forgotten while they are open', () => {
    const store = new MemoryStore({ monotonic, poison: true })
    fill(store, 0, 500, 'first')
    const mark = store.mark()
    fill(store, 0, 500, 'x'.repeat(400))
    store.deleteRange({ start: key(300), end: key(400) })
    store.publish(store.sequence + 1)
    const draft = store.draft(() => false)!
    draft.put(key(1), value('drafted'))
    mark.release()
    fill(store, 600, 1600, 'later')
    expect(store.statistics()['undoEntries']).toBe(0)
    draft.adopt()
    store.publish(store.sequence + 1)
    while (store.reclaim(0));
    checkFamily(store.family, [store])
    expect([read(store, 1), read(store, 700)]).toEqual(['drafted', 'later 700'])
    expect(store.statistics()).toMatchObject({ keys: 1400, drafts: 0, retiredObjects: 0, pinnedSnapshots: 0 })
    store.close()
  })

  for (const plantedFault of ['unfollowed-draft', 'past-retired'] as const) {
    test(`would notice: ${plantedFault}`, async () => {
      const create = (): MemoryStore => new MemoryStore({ monotonic, poison: true, plantedFault })
      expect(await isFoundOut({ create, check: checkStores })).toBe(true)
    })
  }
})

describe('marks', () => {
  test('an entry of the undo log that is forgotten would be noticed', async () => {
    const create = (): MemoryStore => new MemoryStore({ monotonic, plantedFault: 'forgotten-undo' })
    expect(await isFoundOut({ create })).toBe(true)
  })

  test('copy no page, and keep old values for as long as they are held', () => {
    const store = new MemoryStore({ monotonic, poison: true })
    fill(store, 0, 3000, 'first')
    const { pages, records } = store.statistics()
    const mark = store.mark()
    for (let round = 0; round < 5; round++) fill(store, 0, 3000, `rnd ${round}`)
    expect(store.statistics()).toMatchObject({ pages, records, marks: 1, undoEntries: 15_000, retiredObjects: 0 })
    const long = 'x'.repeat(600)
    for (let round = 0; round < 3; round++) fill(store, 0, 1000, `${long} ${round}`)
    expect(store.statistics()).toMatchObject({ pages, records: records! + 3000, undoEntries: 18_000 })
    mark.release()
    expect(store.statistics()['undoEntries']).toBe(18_000)
    fill(store, 0, 3000, 'final')
    expect(store.statistics()['undoEntries']).toBe(12_000)
    while (store.reclaim(0));
    expect(store.statistics()).toMatchObject({ records, marks: 0, undoEntries: 0 })
    checkFamily(store.family, [store])
  })

  test('put a value back that was overwritten in place, though a snapshot has read the newer one', () => {
    const store = new MemoryStore({ monotonic, poison: true })
    fill(store, 0, 100, 'first')
    const earliest = store.mark()
    fill(store, 0, 100, 'again')
    const mark = store.mark()
    fill(store, 0, 100, 'newer')
    const pinned = store.snapshot()
    fill(store, 50, 150, 'newest')
    mark.rollback()
    expect([0, 50, 99, 100].map((n) => read(store, n))).toEqual(['again 0', 'again 50', 'again 99', undefined])
    fill(store, 0, 10, 'other')
    earliest.rollback()
    expect([0, 50, 99].map((n) => read(store, n))).toEqual(['first 0', 'first 50', 'first 99'])
    expect(Buffer.from(copySlice(pinned.get(key(7))!)).toString()).toBe('newer 7')
    pinned.release()
    checkFamily(store.family, [store])
  })

  test('that come and go keep only what is between them', () => {
    const store = new MemoryStore({ monotonic, poison: true })
    let mark = store.mark()
    for (let round = 0; round < 400; round++) {
      fill(store, 0, 50, `round ${round}`)
      const next = store.mark()
      mark.release()
      mark = next
      expect(store.statistics()['undoEntries']).toBeLessThan(150)
    }
    fill(store, 0, 50, 'gone')
    mark.rollback()
    expect(read(store, 7)).toBe('round 399 7')
    checkFamily(store.family, [store])
  })

  test('that a store is closed with leave nothing', () => {
    const store = new MemoryStore({ monotonic, poison: true })
    fill(store, 0, 3000, 'first')
    const fork = store.forkMemory()
    const mark = fork.mark()
    fill(fork, 1000, 2000, 'second')
    fork.deleteRange({ start: key(0), end: key(2500) })
    fork.publish(fork.sequence + 1)
    fork.close()
    mark.release()
    while (store.reclaim(0));
    checkFamily(store.family, [store])
    expect(store.statistics().pinnedSnapshots).toBe(0)
    store.close()
  })

  test('a store that nobody reads from any more frees at once, however long ago it was read', () => {
    const store = new MemoryStore({ monotonic, poison: true })
    fill(store, 0, 3000, 'first')
    const pinned = store.snapshot()
    fill(store, 0, 1000, 'second')
    expect(store.statistics()['retiredObjects']).toBeGreaterThan(1000)
    pinned.release()
    for (let round = 0; round < 5; round++) fill(store, 0, 3000, `round ${round}`)
    while (store.reclaim(0));
    expect(store.statistics()['retiredObjects']).toBe(0)
    expect(store.statistics()['records']).toBeLessThan(3_100)
    checkFamily(store.family, [store])
  })
})

describe('the assertions', () => {
  test('hold for every pinned version, and notice damage', () => {
    const store = new MemoryStore({ monotonic })
    fill(store, 0, 2000, 'first')
    const pinned = store.snapshot()
    const { root } = store.tree
    const { sealedEpoch } = store.versions
    fill(store, 500, 2500, 'second')
    checkTree(store.family, root, sealedEpoch)
    expect(() => checkTree(store.family, store.tree.root, sealedEpoch)).toThrow('younger than its epoch')
    const leaf = store.tree.path[store.tree.depth]!
    const words = pageWordsOf(store.family.space, leaf)
    const at = pageBase(leaf) + headsAt
    words[at]! ^= 1
    expect(() => checkFamily(store.family, [store])).toThrow('wrong head')
    words[at]! ^= 1
    checkFamily(store.family, [store])
    const record = words[pageBase(leaf) + leafRecordsAt]!
    store.family.records.free(record)
    expect(() => checkFamily(store.family, [store])).toThrow('reachable and free')
    expect(() => store.family.records.free(record)).toThrow('freed twice')
    pinned.release()
  })
})

test('a range may end behind the last key of any page, and before the first of the next', () => {
  for (let from = 0; from < 260; from += 37) {
    for (let to = from + 1; to < 300; to += 7) {
      const store = new MemoryStore({ monotonic, poison: true })
      fill(store, 0, 300, 'value')
      const behind = Buffer.concat([Buffer.from(`key ${String(to).padStart(6, '0')}`), Buffer.of(0)])
      store.deleteRange({ start: key(from), end: sliceOf(behind) })
      store.publish(store.sequence + 1)
      checkFamily(store.family, [store])
      expect(store.statistics().keys).toBe(300 - (to - from + 1))
      expect([read(store, from), read(store, to), read(store, to + 1)]).toEqual([
        undefined,
        undefined,
        to + 1 < 300 ? `value ${to + 1}` : undefined,
      ])
      store.close()
    }
  }
})

describe('keys that come in order', () => {
  const named = (name: string): Slice => sliceOf(Buffer.from(name))
  const number = (n: number): string => String(n).padStart(6, '0')

  test('fill the pages between others as they do behind all', () => {
    const store = new MemoryStore({ monotonic, poison: true })
    for (let n = 0; n < 40; n++) store.put(named(`a ${number(n)}`), value('before'))
    for (let n = 0; n < 40; n++) store.put(named(`z ${number(n)}`), value('behind'))
    for (let n = 0; n < 8000; n++) store.put(named(`m ${number(n)}`), value('new'))
    store.publish(1)
    checkFamily(store.family, [store])
    // 82 entries to a leaf.
    expect(store.statistics().pages).toBeLessThan((8000 / 82) * 1.1)
    store.close()
  })

  test('come to their places among keys that come and go anywhere', () => {
    const random = new SeededRandom(7)
    const below = (count: number): number => random.bits() % count
    const store = new MemoryStore({ monotonic, poison: true })
    const model = new Map<string, string>()
    for (let round = 0; round < 400; round++) {
      const first = below(50) * 1000
      const step = 1 + below(3)
      for (let i = 0; i < 90; i++) {
        const name = `k${number(first + i * step)}${below(20) === 0 ? 'x' : ''}`
        store.put(named(name), value(`${round}`))
        model.set(name, `${round}`)
        // Beside the key that was put, in front of it or behind.
        const other = `k${number(first + i * step + below(5) - 2)}`
        if (below(10) > 0) continue
        store.delete(named(other))
        model.delete(other)
      }
      store.publish(round + 1)
    }
    checkFamily(store.family, [store])
    const cursor = store.current.scan({ start: named('k'), end: named('l') })
    const found: [string, string][] = []
    while (cursor.next()) {
      found.push([Buffer.from(copySlice(cursor.key)).toString(), Buffer.from(copySlice(cursor.value)).toString()])
    }
    expect(found).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)))
    store.close()
  })
})
