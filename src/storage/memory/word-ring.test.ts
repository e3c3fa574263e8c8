import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WordRing } from './word-ring.ts'

type Step = { readonly kind: 'push' | 'pop' | 'shift'; readonly count: number } | { readonly kind: 'shrink' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('push' as const), count: fc.nat(3000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('pop' as const, 'shift' as const), count: fc.nat(3000) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'shrink' as const }) },
)

function everyEntry(ring: WordRing): number[] {
  const found: number[] = []
  ring.each((at) => found.push(ring.words[at]!))
  return found
}

describe('a ring of words', () => {
  test.each([1, 3])('gives back what was put into it, from both ends (%i words an entry)', (wordsPerEntry) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const ring = new WordRing(wordsPerEntry)
        const model: number[] = []
        let first = 0
        let next = 0
        let wrong = 0
        for (const one of steps) {
          if (one.kind === 'shrink') ring.shrink()
          else if (one.kind === 'push') {
            for (let i = 0; i < one.count; i++) {
              model.push(++next)
              const at = ring.push()
              ring.words.fill(next, at, at + wordsPerEntry)
            }
          } else {
            for (let i = Math.min(one.count, model.length - first); i > 0; i--) {
              const at = one.kind === 'pop' ? ring.pop() : ring.shift()
              const expected = one.kind === 'pop' ? model.pop()! : model[first++]!
              if (ring.words[at + wordsPerEntry - 1] !== expected) wrong++
            }
          }
        }
        expect(wrong).toBe(0)
        expect(everyEntry(ring)).toEqual(model.slice(first))
      }),
      { numRuns: 30 },
    )
  })

  test('takes many at once, and is not kept large', () => {
    const ring = new WordRing(1)
    const numbers = Int32Array.from({ length: 300_000 }, (_, i) => i)
    ring.pushAll(numbers, 100, 50)
    expect(Array.from({ length: 50 }, () => ring.words[ring.shift()])).toEqual([...numbers.subarray(100, 150)])
    ring.pushAll(numbers, 0, 300_000)
    expect(everyEntry(ring).every((n, i) => n === i)).toBe(true)
    expect(ring.tail - ring.head).toBe(300_000)
    while (ring.tail - ring.head > 3) ring.shift()
    const large = ring.words.length
    for (let i = 0; i < 20; i++) ring.shrink()
    expect(ring.words.length).toBeLessThan(large)
    expect(everyEntry(ring)).toEqual([299_997, 299_998, 299_999])
  })
})
