import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sliceOf, sliceToLatin1, type Slice } from '../../base/slice.ts'
import type { Cursor } from '../store.ts'
import { MemoryStore } from './memory.ts'

const texts = ['', 'a', 'aa', 'ba', 'ab', 'aab', 'b'.repeat(300), `a${'b'.repeat(299)}`]
const entries = 1000
const key = (n: number): Slice => sliceOf(Buffer.from(String(n).padStart(4, '0')))
const slice = (text: string): Slice => sliceOf(Buffer.from(text))

const shown = (cursor: Cursor): string[] => [sliceToLatin1(cursor.key), sliceToLatin1(cursor.value)]

/** What `nextUntil` is said to do. */
function oneByOne(cursor: Cursor, text: string, count: number): number {
  for (let passed = 1; passed <= count; passed++) {
    if (!cursor.next()) return passed - 1
    if (sliceToLatin1(cursor.value) === text) return passed
  }
  return count
}

test('a look for a value is as many steps as it takes one by one, over all leaves', () => {
  const anyLook = fc.record({
    from: fc.nat(entries),
    to: fc.nat(entries),
    reverse: fc.boolean(),
    looks: fc.array(fc.tuple(fc.constantFrom(...texts), fc.constantFrom(1, 7, 100, entries)), { maxLength: 8 }),
  })
  const anyValues = fc.array(fc.tuple(fc.nat(entries), fc.constantFrom(...texts)), { maxLength: 12 })
  fc.assert(
    fc.property(fc.constantFrom(...texts), anyValues, fc.array(anyLook, { maxLength: 6 }), (most, others, looks) => {
      const store = new MemoryStore({ monotonic: () => 0, poison: true })
      for (let n = 0; n < entries; n++) store.put(key(n), slice(most))
      for (const [n, text] of others) store.put(key(n), slice(text))
      store.publish(1)
      for (const { from, to, reverse, looks: each } of looks) {
        const range = { start: key(Math.min(from, to)), end: key(Math.max(from, to)) }
        const [real, naive] = [0, 1].map(() => store.current.scan(range, { reverse }))
        for (const [text, count] of each) {
          const passed = real!.nextUntil!(slice(text), count)
          expect(passed).toBe(oneByOne(naive!, text, count))
          if (passed > 0) expect(shown(real!)).toEqual(shown(naive!))
        }
        expect(real!.next()).toBe(naive!.next())
      }
      store.close()
    }),
    { numRuns: 60 },
  )
})
