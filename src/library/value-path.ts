/**
 * Where a walk through a caller's value stands: the steps to it, for messages, and what it stands in, so that a value that
 * holds itself, or is nested too deep, is refused instead of followed.
 */
import { PolylogError } from '../base/errors.ts'
import { pathOf } from './arguments.ts'

type Fault = 'invalid_argument' | 'out_of_range' | 'too_large'

export class ValuePath {
  readonly #what: string
  readonly #maxDepth: number
  readonly #steps: (string | number)[] = []
  readonly #ancestors = new Set<object>()

  /** `what` names the whole for messages. */
  constructor(what: string, maxDepth: number) {
    this.#what = what
    this.#maxDepth = maxDepth
  }

  /** One step further. */
  at<T>(step: string | number, run: () => T): T {
    this.#steps.push(step)
    const result = run()
    this.#steps.pop()
    return result
  }

  /** Into an object or an array. */
  within<T>(
    value: object,
    run: () => T,
    tooDeep: () => PolylogError = () => this.failed('too_large', `is nested deeper than ${this.#maxDepth}`),
  ): T {
    if (this.#ancestors.has(value)) throw this.refused('refers to what it is in')
    if (this.#ancestors.size >= this.#maxDepth) throw tooDeep()
    this.#ancestors.add(value)
    const result = run()
    this.#ancestors.delete(value)
    return result
  }

  /** Throws where a field has no name to be kept by. */
  checkNames(value: object): void {
    if (Object.getOwnPropertySymbols(value).length > 0) throw this.refused('has a symbol for a name')
  }

  refused(problem: string): PolylogError {
    return this.failed('invalid_argument', problem)
  }

  failed(code: Fault, problem: string): PolylogError {
    const place = this.#steps.length === 0 ? this.#what : `${this.#what} at ${pathOf(this.#steps)}`
    return new PolylogError(code, `${place} ${problem}`)
  }
}
