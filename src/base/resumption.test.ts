import { expect, it } from 'vitest'
import { eachTurn } from './resumption-turns.ts'
import { gatherInParts, leaveResumption, mapInParts, part, Resumption } from './resumption.ts'
import { attempt, beginTurn, charge, isTurnOver, turnUnits } from './work.ts'

const list = (length: number): number[] => Array.from({ length }, (_, i) => i)

it('goes on in the next turn with what it has made, and makes each element once', () => {
  const made: number[] = []
  const turns = eachTurn(() =>
    mapInParts(list(1000), (i) => {
      charge(turnUnits / 100)
      made.push(i)
      return i * 2
    }),
  )
  expect(turns.result).toEqual(list(1000).map((i) => i * 2))
  expect(made).toEqual(list(1000))
  expect(turns.units.length).toBeGreaterThanOrEqual(10)
  expect(Math.max(...turns.units)).toBeLessThan(turnUnits * 1.1)
})

it('finds parts within the steps of others again, each with its own', () => {
  const sum = (numbers: readonly number[]): number => {
    return gatherInParts(
      numbers,
      () => ({ all: 0 }),
      (state, i) => {
        charge(turnUnits / 50)
        state.all += i
      },
    ).all
  }
  const { result, units } = eachTurn(() => {
    const before = sum(list(200))
    // Lists of different lengths, of which some are no parts.
    const each = mapInParts(list(100), (i) => sum(list(i)))
    return [before, each, sum(list(300))]
  })
  expect(result).toEqual([19_900, list(100).map((i) => (i * Math.max(0, i - 1)) / 2), 44_850])
  expect(units.length).toBeGreaterThan(90)
})

it('comes further in each turn, however much is done between its parts', () => {
  const { result, units } = eachTurn(() => {
    charge(2 * turnUnits)
    return mapInParts(list(65), (i) => i)
  })
  expect(result).toEqual(list(65))
  expect(units).toHaveLength(65)
})

it('is a plain loop outside, within an attempt, and in what it leads to', () => {
  const work = (): number[] =>
    mapInParts(list(300), (i) => {
      charge(turnUnits)
      return i
    })
  beginTurn()
  expect(work()).toHaveLength(300)
  const resumption = new Resumption()
  beginTurn()
  expect(resumption.run(() => attempt(Number.MAX_SAFE_INTEGER, work))).toHaveLength(300)
  const led = resumption.run(() => {
    leaveResumption()
    return work()
  })
  expect(led).toHaveLength(300)
  expect(isTurnOver()).toBe(true)
})

it('hands on what its steps throw', () => {
  const resumption = new Resumption()
  const run = (): void => {
    part(
      () => 0,
      () => {
        throw new RangeError('as asked')
      },
    )
  }
  expect(() => resumption.run(run)).toThrow('as asked')
  expect(() => resumption.run(run)).toThrow('as asked')
})
