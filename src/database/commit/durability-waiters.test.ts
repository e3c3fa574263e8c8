import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PolylogError } from '../../base/errors.ts'
import type { Durability } from '../../log/commit-log.ts'
import { DurabilityWaiters } from './durability-waiters.ts'

const level = fc.constantFrom<Durability>('memory', 'written', 'synced')
const sequence = fc.integer({ min: 1, max: 40 })
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('wait' as const), sequence, level }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reach' as const), sequence, level }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), sequence }) },
)
const strictness: readonly Durability[] = ['memory', 'written', 'synced']

test('each is told once, when its own level has come to its sequence or that is lost, as a plain list says', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const waiters = new DurabilityWaiters()
      const through: Record<Durability, number> = { memory: 0, written: 0, synced: 0 }
      let waiting: { id: number; sequence: number; level: Durability }[] = []
      const told: string[] = []
      for (const [id, one] of steps.entries()) {
        told.length = 0
        let expected: string[] = []
        if (one.kind === 'wait') {
          waiting.push({ id, ...one })
          waiters.add({ ...one, run: (error) => told.push(`${id} ${error?.code ?? 'there'}`) })
        } else if (one.kind === 'reach') {
          through[one.level] = Math.max(through[one.level], one.sequence)
          const isReady = (waiter: (typeof waiting)[0]): boolean => through[waiter.level] >= waiter.sequence
          expected = waiting.filter(isReady).map((waiter) => `${waiter.id} there`)
          waiting = waiting.filter((waiter) => !isReady(waiter))
          waiters.tellReached((asked) => through[asked])
        } else {
          const isLost = (waiter: (typeof waiting)[0]): boolean => waiter.sequence >= one.sequence
          expected = waiting.filter(isLost).map((waiter) => `${waiter.id} disk_full`)
          waiting = waiting.filter((waiter) => !isLost(waiter))
          waiters.tellLost((at) => (at >= one.sequence ? new PolylogError('disk_full', 'no space') : undefined))
        }
        expect(told.toSorted()).toEqual(expected.toSorted())
        expect(waiters.isEmpty).toBe(waiting.length === 0)
        const strictest = strictness.findLast((name) => waiting.some((waiter) => waiter.level === name))
        expect(waiters.level).toBe(strictest ?? 'memory')
      }
    }),
    { numRuns: 300, seed: 5 },
  )
})

test('who is told may wait again at once', () => {
  const waiters = new DurabilityWaiters()
  const told: number[] = []
  const wait = (at: number): void =>
    waiters.add({ sequence: at, level: 'synced', run: () => told.push(at) && wait(at + 1) })
  wait(1)
  for (const reached of [1, 1, 2, 3]) waiters.tellReached(() => reached)
  expect(told).toEqual([1, 2, 3])
})
