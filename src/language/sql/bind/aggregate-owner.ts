/**
 * Which query block an aggregate belongs to: the innermost one whose columns it reads, or its own where it reads none.
 *
 * `SELECT (SELECT sum(u.a)) FROM u` sums over u: the aggregate is the outer block's, and the subquery captures its value.
 * While its arguments are bound, the subquery has captured u.a; those captures are taken back, or the outer block would
 * have to give a column that is not grouped.
 */
import { columnsRead, type Expression, mapChildren, someExpression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import type { Frame, Scope } from './scope.ts'

export class AggregateOwner {
  #scope: Scope
  /** From the block where the aggregate stands outwards, and how much each had captured before it. */
  readonly #frames: { readonly frame: Frame; readonly captured: number }[] = []
  /** How many of them lie between the aggregate and its owner. */
  #crossed = 0

  /** Before the arguments are bound. */
  constructor(scope: Scope) {
    this.#scope = scope
    for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
      if (at.frame !== undefined) this.#frames.push({ frame: at.frame, captured: at.frame.captures.length })
    }
  }

  /** The aggregate over the rows of the block that it belongs to. */
  lift(aggregate: Expression): Expression {
    let lifted = aggregate
    let scope = this.#scope
    while (readsOnlyOutside(lifted)) {
      while (scope.frame === undefined) scope = scope.parent!
      const { frame } = scope
      lifted = outside(lifted, frame)
      scope = scope.parent!
      this.#crossed++
    }
    if (this.#crossed > 0) for (const { frame, captured } of this.#frames) frame.truncate(captured)
    this.#scope = scope
    return lifted
  }

  /** Throws 42803 where that block may not have one in this place. */
  check(location: number | undefined, what = 'aggregate functions'): void {
    const { forbidsAggregates } = this.#scope
    if (forbidsAggregates === undefined) return
    throw failure('42803', `${what} are not allowed in ${forbidsAggregates}`, { location })
  }

  /** The aggregate's value where it stands. */
  bring(aggregate: Expression): Expression {
    let brought = aggregate
    for (let i = this.#crossed - 1; i >= 0; i--) brought = this.#frames[i]!.frame.capture(brought)
    return brought
  }
}

function readsOnlyOutside(expression: Expression): boolean {
  return columnsRead(expression).size === 0 && someExpression(expression, ({ kind }) => kind === 'captured')
}

function outside(expression: Expression, frame: Frame): Expression {
  if (expression.kind === 'captured') return frame.captures[expression.slot]!
  return mapChildren(expression, (child) => outside(child, frame))
}
