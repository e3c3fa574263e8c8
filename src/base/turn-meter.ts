/**
 * For tests: what is done between two pauses, counted. A test's file mocks the meter of the thread by this one's, which
 * tells of each turn that begins:
 *
 *     vi.mock('../../base/work.ts', async (load) => {
 *       const { metered } = await import('../../base/turn-meter.ts')
 *       return metered(await load())
 *     })
 */
import type * as Work from './work.ts'

type Method = (this: unknown, ...args: unknown[]) => unknown

class TurnMeter {
  turns = 0
  mostCalls = 0
  mostBytes = 0
  mostUnits = 0
  #calls = 0
  #bytes = 0
  #unitsDone: () => number = () => 0

  watch(unitsDone: () => number): void {
    this.#unitsDone = unitsDone
  }

  reset(): void {
    this.turns = this.mostCalls = this.mostBytes = this.mostUnits = this.#calls = this.#bytes = 0
  }

  endTurn(): void {
    this.turns++
    this.mostCalls = Math.max(this.mostCalls, this.#calls)
    this.mostBytes = Math.max(this.mostBytes, this.#bytes)
    this.mostUnits = Math.max(this.mostUnits, this.#unitsDone())
    this.#calls = this.#bytes = 0
  }

  /** What was done since the last turn is nobody's. */
  forgetTurn(): void {
    this.#calls = this.#bytes = 0
  }

  /** Counts the calls of methods, and the bytes that `bytesOf` finds in their arguments. */
  count(prototype: object, names: readonly string[], bytesOf: (...args: never[]) => number = () => 0): void {
    const methods = prototype as Record<string, Method>
    const counted = (bytes: number): void => {
      this.#calls++
      this.#bytes += bytes
    }
    for (const name of names) {
      const method = methods[name]!
      methods[name] = function (...args) {
        counted(bytesOf(...(args as never[])))
        return method.apply(this, args)
      }
    }
  }
}

export const turnMeter: TurnMeter = new TurnMeter()

export function metered(work: typeof Work): typeof Work {
  turnMeter.watch(work.unitsDone)
  return {
    ...work,
    beginTurn: (): void => {
      turnMeter.endTurn()
      work.beginTurn()
    },
    // What another thread does where there are any.
    toItsEnd: (job) => {
      turnMeter.endTurn()
      const result = work.toItsEnd(job)
      work.beginTurn()
      turnMeter.forgetTurn()
      return result
    },
  }
}
