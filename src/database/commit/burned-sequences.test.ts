import { describe, expect, test } from 'vitest'
import { BurnedSequences } from './burned-sequences.ts'

describe('burned sequences', () => {
  test('are of no state, the way back is of the one before, the others are their own', () => {
    const burned = new BurnedSequences()
    expect(burned.burn(5, 7)).toBe(8)
    expect(burned.burn(9, 9)).toBe(10)
    expect(burned.burn(13, 14)).toBe(15)
    const states = Array.from({ length: 17 }, (_, sequence) => burned.stateOf(sequence))
    expect(states.slice(0, 5)).toEqual([0, 1, 2, 3, 4])
    expect(states.slice(5, 11)).toEqual([undefined, undefined, undefined, 4, undefined, 4])
    expect(states.slice(11)).toEqual([11, 12, undefined, undefined, 12, 16])
    expect(burned.through).toBe(15)
  })

  test('are bounded: of episodes that follow on each other, the oldest become one', () => {
    const burned = new BurnedSequences()
    burned.burn(5, 6)
    burned.burn(10, 12)
    for (let i = 0; i < 5000; i++) burned.burn(100 + 2 * i, 100 + 2 * i)
    expect([4, 5, 6, 7, 8, 9].map((n) => burned.stateOf(n))).toEqual([4, undefined, undefined, 4, 8, 9])
    expect([12, 13, 14, 99].map((n) => burned.stateOf(n))).toEqual([undefined, 9, 14, 99])
    expect([100, 101, 102, 103].map((n) => burned.stateOf(n))).toEqual([undefined, undefined, undefined, undefined])
    expect([10_096, 10_097, 10_098, 10_099].map((n) => burned.stateOf(n))).toEqual([undefined, 99, undefined, 99])
  })

  test('are bounded where none follow on each other: what lies between the oldest counts as refused', () => {
    const burned = new BurnedSequences()
    for (let i = 0; i < 5000; i++) burned.burn(10 * i + 5, 10 * i + 6)
    expect([4, 5, 8, 57].map((n) => burned.stateOf(n))).toEqual([4, undefined, undefined, undefined])
    expect([49_987, 49_994, 49_997, 49_998].map((n) => burned.stateOf(n))).toEqual([49_984, 49_994, 49_994, 49_998])
  })
})
