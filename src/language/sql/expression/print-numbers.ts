import { childrenOf, type Expression, ownFingerprint } from './expression.ts'

/**
 * Numbers of expressions: equal where their fingerprints are. A fingerprint is as long as its expression, and so those of
 * all of its parts together are as long as it is deep; a number is made of the numbers of the parts.
 */
export class PrintNumbers {
  readonly #numbers = new Map<string, number>()
  readonly #known = new Map<Expression, number>()

  of(expression: Expression): number {
    if (expression.kind === 'sealed') return this.of(expression.inner)
    let number = this.#known.get(expression)
    if (number === undefined) this.#known.set(expression, (number = this.#make(expression)))
    return number
  }

  #make(expression: Expression): number {
    const parts = childrenOf(expression).map((child) => this.of(child))
    const print = `${ownFingerprint(expression)}(${parts.join()})`
    const known = this.#numbers.get(print)
    if (known !== undefined) return known
    this.#numbers.set(print, this.#numbers.size)
    return this.#numbers.size - 1
  }
}
