/** For tests: runs work that is resumed, turn by turn, and counts what each turn does. */
import { Resumption, suspended } from './resumption.ts'
import { beginTurn, unitsDone } from './work.ts'

export interface Turns<T> {
  readonly result: T
  /** Of each turn, the last included. */
  readonly units: readonly number[]
}

const mostTurns = 100_000

export function eachTurn<T>(work: () => T): Turns<T> {
  const resumption = new Resumption()
  const units: number[] = []
  while (units.length < mostTurns) {
    beginTurn()
    try {
      const result = resumption.run(work)
      return { result, units: [...units, unitsDone()] }
    } catch (error) {
      if (error !== suspended) throw error
      units.push(unitsDone())
    }
  }
  throw new Error('it does not come to its end')
}
