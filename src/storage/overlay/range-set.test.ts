import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RangeSet, type TextRange } from './range-set.ts'

const textOf = (n: number): string => String(n).padStart(2, '0')
const range = fc.tuple(fc.nat(40), fc.nat(40)).map(([a, b]): TextRange => ({ start: textOf(a), end: textOf(b) }))

/** By the keys that it holds. */
function keysOf(set: RangeSet): string[] {
  return Array.from({ length: 41 }, (_, n) => textOf(n)).filter((key) => set.around(key) !== undefined)
}

test('a set of ranges holds what a set of keys would, and its ranges never touch', () => {
  const property = fc.property(fc.array(range, { maxLength: 12 }), fc.array(range), range, (added, others, part) => {
    const model = new Set<string>()
    const build = (ranges: readonly TextRange[]): RangeSet => {
      let set = RangeSet.empty()
      for (const each of ranges) set = set.with(each)
      return set
    }
    const set = build(added).union(build(others))
    for (const { start, end } of [...added, ...others]) {
      for (let n = Number(start); n < Number(end); n++) model.add(textOf(n))
    }
    expect(keysOf(set)).toEqual([...model].sort())
    const ranges = [...set]
    expect(ranges.length).toBe(set.size)
    for (const [i, { start, end }] of ranges.entries()) {
      expect(start < end && (i === 0 || ranges[i - 1]!.end < start)).toBe(true)
    }
    const within = [...set.within(part)].flatMap(({ start, end }) =>
      Array.from({ length: Number(end) - Number(start) }, (_, i) => textOf(Number(start) + i)),
    )
    expect(within).toEqual([...model].sort().filter((key) => key >= part.start && key < part.end))
  })
  fc.assert(property, { numRuns: 300 })
})
