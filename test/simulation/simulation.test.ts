import { describe, expect, test } from 'vitest'
import { planOf, smallerPlans } from './plan.ts'
import { simulate } from './simulation.ts'

describe('the whole server in simulation', { timeout: 240_000 }, () => {
  test('the same seed gives the same history', async () => {
    for (const seed of [3, 7, 31]) {
      const [one, other] = [await simulate(planOf(seed)), await simulate(planOf(seed))]
      expect(other.hash).toBe(one.hash)
      expect(other.history).toEqual(one.history)
      expect((await simulate(planOf(seed + 1))).hash).not.toBe(one.hash)
    }
  })

  test('some seeds have stores whose pages are missing', async () => {
    const seeds = Array.from({ length: 40 }, (_, i) => i + 1)
    const missing = seeds.filter((seed) => planOf(seed).poolPages !== undefined)
    expect(missing.length).toBeGreaterThan(8)
    expect(missing.length).toBeLessThan(24)
    // What lies in an engine misses blocks of its own.
    const inMemory = missing.find((seed) => planOf(seed).engine === undefined)!
    const { pageWaits, violations } = await simulate({ ...planOf(inMemory), poolPages: 8 })
    expect(violations).toEqual([])
    expect(pageWaits).toBeGreaterThan(20)
  })

  test('some seeds are followed, by a process that comes and goes', async () => {
    const seeds = Array.from({ length: 120 }, (_, i) => i + 1).filter((seed) => planOf(seed).follower !== undefined)
    expect(seeds.length).toBeGreaterThan(8)
    expect(seeds.length).toBeLessThan(60)
    const counts: Record<string, number> = {}
    for (const seed of seeds.slice(0, 8)) {
      const { follower, violations } = await simulate(planOf(seed))
      expect(violations).toEqual([])
      for (const [name, times] of Object.entries(follower!)) counts[name] = (counts[name] ?? 0) + times
    }
    expect(counts['compared']).toBeGreaterThan(3)
    expect(Math.min(counts['opened']!, counts['killed']!, counts['stopped']!)).toBeGreaterThan(0)
  })

  test('a disk that lies about its syncs leaves whole transactions, or says what it has done', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { violations, plan } = await simulate(planOf(seed, ['lying-sync']))
      expect(violations, JSON.stringify(plan)).toEqual([])
    }
  })

  test('a plan has smaller ones, and none is the plan itself', () => {
    const plan = planOf(5)
    const smaller = [...smallerPlans(plan)].map((one) => JSON.stringify(one))
    expect(smaller.length).toBeGreaterThan(3)
    expect(smaller).not.toContain(JSON.stringify(plan))
  })
})
