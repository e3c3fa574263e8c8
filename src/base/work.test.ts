import { describe, expect, it } from 'vitest'
import { attempt, beginTurn, charge, isTurnOver, tooMuch, turnUnits, unitsDone } from './work.ts'

describe('the meter', () => {
  it('sums what is charged until a turn begins', () => {
    beginTurn()
    charge(5)
    charge(7)
    expect(unitsDone()).toBe(12)
    expect(isTurnOver()).toBe(false)
    charge(turnUnits)
    expect(isTurnOver()).toBe(true)
    beginTurn()
    expect(isTurnOver()).toBe(false)
  })

  it('ends an attempt that charges beyond its bound, and only that', () => {
    beginTurn()
    let steps = 0
    const work = (): never => {
      for (;;) {
        steps++
        charge(10)
      }
    }
    expect(attempt(100, work)).toBe(tooMuch)
    expect(steps).toBe(11)
    expect(unitsDone()).toBe(110)
    charge(1_000_000_000)
    beginTurn()
    expect(attempt(100, () => 'done')).toBe('done')
  })

  it('passes errors of the work through', () => {
    beginTurn()
    const work = (): never => {
      throw new Error('its own')
    }
    expect(() => attempt(1, work)).toThrow('its own')
    charge(1_000_000_000)
  })

  it('gives an outer bound its due', () => {
    beginTurn()
    const inner = (): unknown => attempt(1000, () => charge(200))
    expect(attempt(100, inner)).toBe(tooMuch)
    beginTurn()
    expect(attempt(1000, () => attempt(100, () => charge(200)))).toBe(tooMuch)
    beginTurn()
    expect(attempt(1000, () => [attempt(100, () => charge(200)), 'goes on'])).toEqual([tooMuch, 'goes on'])
  })
})
