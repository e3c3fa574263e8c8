/**
 * ANY and ALL over a list: the three-valued fold of one operator.
 *
 * A list may be long and its operator dear, so a fold can be interrupted between two elements or within one. It remembers
 * how far it was, and the same fold of the same values goes on there.
 */
import { charge, isTurnOver } from '../../../base/work.ts'
import { canWait, suspended } from '../../../database/transaction/wait.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import type { Evaluate } from './compile.ts'
import { isSame, sameValues } from './same-values.ts'

export interface FoldProgress {
  readonly left: SqlValue
  readonly values: readonly SqlValue[]
  readonly at: number
  readonly unknown: boolean
}

/** Between two looks at the meter. */
const elementsAtOnce = 256
const unitsPerElement = 25

export class Fold {
  readonly #all: boolean
  /** Over a row of two: what is on the left, and an element; where those are rows, over the one behind the other. */
  readonly #operator: Evaluate
  readonly #isOfRows: boolean

  constructor(all: boolean, operator: Evaluate, isOfRows = false) {
    this.#all = all
    this.#operator = operator
    this.#isOfRows = isOfRows
  }

  over(left: SqlValue, values: readonly SqlValue[], run: SqlRun): boolean | null {
    const before = run.folds?.get(this)
    const goesOn = before !== undefined && isSame(before.left, left) && sameValues(before.values, values)
    let at = goesOn ? before.at : 0
    let unknown = goesOn && before.unknown
    try {
      for (; at < values.length; at++) {
        if (at % elementsAtOnce === elementsAtOnce - 1) this.#look()
        // A row of its own: calls tell by the row whether they have been made.
        const result = this.#operator(this.#rowOf(left, values[at]!), run)
        if (result === !this.#all) return this.#end(run, !this.#all)
        if (result === null) unknown = true
      }
    } catch (error) {
      run.folds ??= new Map<Fold, FoldProgress>()
      run.folds.set(this, { left, values, at, unknown })
      throw error
    }
    return this.#end(run, unknown ? null : this.#all)
  }

  #rowOf(left: SqlValue, element: SqlValue): SqlValue[] {
    return this.#isOfRows ? [...(left as SqlValue[]), ...(element as SqlValue[])] : [left, element]
  }

  #look(): void {
    if (isTurnOver() && canWait()) throw suspended
    charge(elementsAtOnce * unitsPerElement)
  }

  #end(run: SqlRun, result: boolean | null): boolean | null {
    run.folds?.delete(this)
    return result
  }
}
