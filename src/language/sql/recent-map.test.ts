import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RecentMap } from './recent-map.ts'

describe('recent map', () => {
  it('never holds more than its limit, and never a stale value', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(20), fc.nat(), fc.integer({ min: 1, max: 5 }))), (writes) => {
        const map = new RecentMap<number, number>(20)
        const newest = new Map<number, number>()
        for (const [key, value, weight] of writes) {
          map.set(key, value, weight)
          newest.set(key, value)
          expect(map.size).toBeLessThanOrEqual(20)
          expect(map.get(key)).toBe(value)
        }
        for (const [key, value] of newest) expect([value, undefined]).toContain(map.get(key))
      }),
    )
  })

  it('keeps what is asked for while others pass', () => {
    const map = new RecentMap<string, number>(10)
    map.set('kept', 1)
    for (let i = 0; i < 1000; i++) {
      map.set(`other ${i}`, i)
      expect(map.get('kept')).toBe(1)
    }
    expect(map.get('other 0')).toBeUndefined()
  })

  it('does not keep what is too heavy', () => {
    const map = new RecentMap<string, number>(10)
    map.set('heavy', 1, 6)
    expect(map.get('heavy')).toBeUndefined()
  })
})
