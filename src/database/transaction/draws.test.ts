/** A batch that has to wait and is run again is dealt what it had drawn, at each place on its way. */
import { describe, expect, test } from 'vitest'
import type { Savepoint, Wait } from '../contract.ts'
import { draw, drawNumber } from './draws.ts'
import { beginInPlace, inPlace, type WaitingTransaction } from './wait.ts'

const page: Wait = Promise.resolve()

const transaction: WaitingTransaction = {
  savepoint: () => ({}) as Savepoint,
  waitOf: (error) => {
    if (error !== page) throw error
    return page
  },
  batchDone: () => undefined,
}

/** Draws a number and a byte, in that order, `waits` times in vain. */
function drawing(waits: number): { batch: () => number[]; drawn: () => [number, number] } {
  let numbers = 0
  let bytes = 0
  let left = waits
  const services = { random: (into: Uint8Array) => void into.fill(++bytes) }
  const batch = (): number[] => {
    const number = drawNumber(
      1,
      () => BigInt(++numbers),
      () => undefined,
    )
    const byte = new Uint8Array(1)
    draw(byte, services)
    if (left-- > 0) throw page
    return [Number(number), byte[0]!]
  }
  return { batch, drawn: () => [numbers, bytes] }
}

describe('a batch that has to wait', () => {
  test.each([
    ['in place', inPlace],
    ['as the beginning of steps', beginInPlace],
  ])('%s has the same numbers and chance when it is run again, and draws no others', (_, run) => {
    const { batch, drawn } = drawing(2)
    const steps = run(transaction, batch)
    expect([steps.next().value, steps.next().value]).toEqual([page, page])
    expect(steps.next()).toEqual({ done: true, value: [1, 1] })
    expect(drawn()).toEqual([1, 1])
  })

  test('draws anew once it got through', () => {
    const { batch } = drawing(1)
    const results = [1, 2].map(() => {
      const steps = inPlace(transaction, batch)
      let step = steps.next()
      while (step.done !== true) step = steps.next()
      return step.value
    })
    expect(results).toEqual([
      [1, 1],
      [2, 2],
    ])
  })
})
