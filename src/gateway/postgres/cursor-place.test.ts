/** FETCH and MOVE, against somebody who goes one row at a time. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Direction, passageOf } from './cursor-place.ts'

/** The rows that are passed, and where he stands then. */
function walk(at: number, length: number, { direction, count }: Direction): { rows: number[]; at: number } {
  const isRow = (place: number): boolean => place >= 1 && place <= length
  const stand = (place: number): { rows: number[]; at: number } => {
    const to = Math.max(0, Math.min(length + 1, place))
    return { rows: isRow(to) ? [to] : [], at: to }
  }
  if (direction === 'absolute') return stand(count >= 0 ? count : length + 1 + count)
  if (direction === 'relative' || count === 0) return stand(at + (direction === 'relative' ? count : 0))
  const rows: number[] = []
  const step = Math.sign(count)
  let place = at
  while (rows.length < Math.abs(count)) {
    if (place !== (step > 0 ? length + 1 : 0)) place += step
    if (!isRow(place)) break
    rows.push(place)
  }
  return { rows, at: place }
}

it('passes the rows that one would pass who goes step by step, and stands where he does', () => {
  const count = fc.oneof(fc.integer({ min: -7, max: 7 }), fc.constantFrom(Infinity, -Infinity))
  const forward = count.map((one): Direction => ({ direction: 'forward', count: one }))
  const toPlace = fc.record({
    direction: fc.constantFrom('absolute' as const, 'relative' as const),
    count: fc.integer({ min: -9, max: 9 }),
  })
  const programs = fc.array(fc.oneof(forward, toPlace), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(fc.nat({ max: 6 }), programs, (length, program) => {
      let at = 0
      for (const direction of program) {
        const passage = passageOf(at, length, direction)
        const rows = Array.from({ length: passage.count }, (_, i) => passage.from + passage.step * i)
        expect({ rows, at: passage.at }).toEqual(walk(at, length, direction))
        at = passage.at
      }
    }),
  )
})
