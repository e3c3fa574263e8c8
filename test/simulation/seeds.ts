/** The seeds of every run of the tests, in two files so that both workers have some. */
import { expect, test } from 'vitest'
import { planOf } from './plan.ts'
import { simulate } from './simulation.ts'

export function testSeeds(first: number, last: number): void {
  const block = 10
  const blocks = Array.from({ length: (last - first + 1) / block }, (_, i): [number, number] => {
    return [first + i * block, first + (i + 1) * block - 1]
  })
  test.each(blocks)(
    'seeds %i to %i',
    async (from, to) => {
      for (let seed = from; seed <= to; seed++) {
        const { violations, plan } = await simulate(planOf(seed))
        expect(violations, JSON.stringify(plan)).toEqual([])
      }
    },
    240_000,
  )
}
