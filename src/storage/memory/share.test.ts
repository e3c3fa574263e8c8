import { expect, test } from 'vitest'
import { copySlice, type Slice, sliceOf } from '../../base/slice.ts'
import { SeededRandom } from '../../host/simulated/random.ts'
import { checkFamily } from './check.ts'
import { MemoryStore } from './memory.ts'

const monotonic = (): number => 0
const named = (name: string): Slice => sliceOf(Buffer.from(name))
const value = named
const number = (n: number): string => String(n).padStart(6, '0')

/** Of each leaf's 82. */
const entriesOfLeaf = (store: MemoryStore, entries: number): number => entries / store.statistics().pages

test('keys that come by turns at several places fill the pages there', () => {
  const store = new MemoryStore({ monotonic, poison: true })
  for (let n = 0; n < 8000; n++) {
    store.put(named(`a ${number(n)}`), value('row'))
    store.put(named(`b ${number(n)}`), value('entry'))
    store.put(named(`c ${number(n)}`), value('entry'))
  }
  store.publish(1)
  checkFamily(store.family, [store])
  expect(entriesOfLeaf(store, 24_000)).toBeGreaterThan(55)
  store.close()
})

test('keys that come anywhere fill pages to four fifths, whoever holds the pages beside them', () => {
  const random = new SeededRandom(11)
  const store = new MemoryStore({ monotonic, poison: true })
  const names = new Set<string>()
  const held = []
  for (let n = 0; n < 20_000; n++) {
    // Most begin alike, so that borders between pages have prefixes of many lengths.
    const name = `${'ab'.repeat(random.bits() % 4)}${number(random.bits() % 1_000_000)}`
    names.add(name)
    store.put(named(name), value(name))
    if (n % 500 !== 0) continue
    store.publish(store.sequence + 1)
    held.push(store.snapshot())
    if (held.length > 3) held.shift()!.release()
    checkFamily(store.family, [store])
  }
  store.publish(store.sequence + 1)
  for (const snapshot of held) snapshot.release()
  while (store.reclaim(0));
  checkFamily(store.family, [store])
  expect(entriesOfLeaf(store, names.size)).toBeGreaterThan(62)
  for (const name of names) expect(Buffer.from(copySlice(store.current.get(named(name))!)).toString()).toBe(name)
  store.close()
})
