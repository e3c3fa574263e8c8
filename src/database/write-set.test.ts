/** What a write set of many operations says, against a plain map: the hash table is divided, the bytes are in chunks. */
import { describe, expect, test } from 'vitest'
import { MutableSlice, sliceOf, sliceToLatin1 } from '../base/slice.ts'
import type { Slice } from '../base/slice.ts'
import { SeededRandom } from '../host/simulated/random.ts'
import { KeyNumbers } from './key-numbers.ts'
import { WriteSet } from './write-set.ts'

const keyOf = (n: number): Slice => sliceOf(Buffer.from(`key ${n}`))

describe('a write set of many operations', () => {
  test.each([1, 2])('says what a map says, also after going back to savepoints (seed %i)', (seed) => {
    const random = new SeededRandom(seed)
    const writes = new WriteSet()
    let model = new Map<number, string | null>()
    const savepoints: { count: number; model: Map<number, string | null> }[] = []
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 1500; i++) {
        const n = round % 2 === 0 ? round * 1500 + i : random.below(40_000)
        if (random.chance(0.2)) {
          writes.delete(keyOf(n), false)
          model.set(n, null)
        } else {
          const text = `value ${round} ${'x'.repeat(random.below(60))}`
          writes.put(keyOf(n), sliceOf(Buffer.from(text)), false)
          model.set(n, text)
        }
      }
      if (round % 10 === 4) writes.put(keyOf(-1), sliceOf(new Uint8Array(3 << 20)), false)
      if (round % 10 === 4) model.set(-1, '\0'.repeat(3 << 20))
      if (random.chance(0.5)) savepoints.push({ count: writes.count, model: new Map(model) })
      else if (random.chance(0.4) && savepoints.length > 0) {
        const to = savepoints.pop()!
        writes.rollbackTo(to.count)
        model = to.model
      }
      compare(writes, model, random)
    }
    writes.rollbackTo(0)
    compare(writes, new Map(), random)
  })

  test('keeps nothing large when it is empty again', () => {
    const writes = new WriteSet()
    for (let i = 0; i < 50_000; i++) writes.put(keyOf(i), sliceOf(new Uint8Array(100)), false)
    writes.reset()
    expect([writes.count, writes.sizeBytes, writes.find(keyOf(7)), writes.sorted.isEmpty]).toEqual([0, 0, -1, true])
    writes.put(keyOf(7), keyOf(8), true)
    expect(writes.isDerived(0)).toBe(true)
    expect(writes.touches({ start: keyOf(7), end: keyOf(70) })).toBe(true)
  })
})

function compare(writes: WriteSet, model: ReadonlyMap<number, string | null>, random: SeededRandom): void {
  const value = new MutableSlice()
  for (let i = 0; i < 500; i++) {
    const n = random.below(60_000)
    const found = writes.get(keyOf(n), value)
    expect(found && sliceToLatin1(found)).toBe(model.get(n))
  }
  const { sorted } = writes
  const found: string[] = []
  const key = new MutableSlice()
  for (let at = sorted.first(keyOf(0), false); at >= 0; at = sorted.next(at, false)) {
    found.push(sliceToLatin1(writes.keyOf(sorted.at(at), key)))
  }
  const expected = [...model.keys()].filter((n) => n >= 0).map((n) => `key ${n}`)
  expect(found).toEqual(expected.sort())
  const last = sorted.last(keyOf(9), true)
  const before = found.findLast((name) => name <= 'key 9')
  expect(last < 0 ? undefined : sliceToLatin1(writes.keyOf(sorted.at(last), key))).toBe(
    before ?? (model.has(-1) ? 'key -1' : undefined),
  )
}

test('a table of keys holds what was put into it, newest numbers', () => {
  const keys = new KeyNumbers()
  for (let round = 0; round < 2; round++) for (let i = 0; i < 40_000; i++) keys.set(`k\xff${i}`, (i + round) % 4)
  expect(keys.size).toBe(40_000)
  expect(['7', '39999', '40000', ''].map((name) => keys.get(`k\xff${name}`))).toEqual([0, 0, undefined, undefined])
  expect([...keys].slice(0, 2)).toEqual([
    { key: 'k\xff0', number: 1 },
    { key: 'k\xff1', number: 2 },
  ])
})
