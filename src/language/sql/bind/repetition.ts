/**
 * How much of a statement stands in more places than its text has. `x BETWEEN a AND b` compares x twice, `CASE x WHEN …` with
 * each branch, a comparison of rows looks at an entry for each that is behind it: PostgreSQL's parser multiplies them
 * likewise. One within the other that is a power of how deep they are nested, so that what some hundred bytes stand for is
 * counted, and refused beyond a bound.
 */
import type { Node } from 'libpg-query'
import { type Expression, partsOf } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { expressionsIn } from './tree.ts'

/** Some tenths of a second's binding and planning. */
const mostParts = 100_000
/** Of a long text, which is bound in turns. */
const mostPartsOfLong = 1_000_000
/** Binding takes as long as looking at a bound part that often. */
const bindingParts = 4

export class Repetition {
  readonly #most: number
  #parts = 0

  constructor(isLong: boolean) {
    this.#most = isLong ? mostPartsOfLong : mostParts
  }

  /** What was counted up to a place. */
  get parts(): number {
    return this.#parts
  }

  set parts(parts: number) {
    this.#parts = parts
  }

  /** An expression stands in so many places more; one that is but a column or a constant is not counted. */
  shared(expression: Expression, times: number = 1): void {
    if (times > 0) this.#count((partsOf(expression, this.#most) - 1) * times)
  }

  /** So many expressions have been bound for a place that is one of several. */
  bound(expressions: number): void {
    this.#count((expressions - 1) * bindingParts)
  }

  /** The same of what is still to be bound. */
  written(node: Node): void {
    this.bound(expressionsIn(node, this.#most))
  }

  #count(parts: number): void {
    this.#parts += Math.max(0, parts)
    if (this.#parts <= this.#most) return
    throw failure('54001', 'statement is too complex', {
      detail: 'What is compared several times makes it too long.',
      hint: 'Compute it once, in a query in FROM.',
    })
  }
}
