import { expect, it } from 'vitest'
import { SeededRandom } from '../../host/simulated/random.ts'
import { estimate, HyperLogLog, registerCount } from './hyperloglog.ts'

it.each([
  ['sparse ones', 32, 40],
  ['dense ones', 51, registerCount],
])('registers keep the highest that each was raised to: %s', (_, highest, raised) => {
  const random = new SeededRandom(highest)
  const counter = HyperLogLog.empty()
  const expected = new Uint8Array(registerCount)
  for (let i = 0; i < raised * 2; i++) {
    const register = random.below(raised === registerCount ? registerCount : raised)
    const value = random.between(1, highest)
    expect(counter.raise(register, value)).toBe(value > expected[register]!)
    expected[register] = Math.max(expected[register]!, value)
  }
  expect(counter.isDense).toBe(highest > 32)
  const found = new Uint8Array(registerCount)
  counter.mergeInto(found)
  expect(found).toEqual(expected)
  counter.markStale()
  expect(counter.count()).toBe(BigInt(estimate(expected)))
})
