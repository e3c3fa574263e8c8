/**
 * The transactions that have begun and not ended. Each remembers its place, so that coming and going is a push and a pop:
 * a `Set` would make a new table every few statements.
 */
import type { KernelTransaction } from './transaction.ts'

export class OpenTransactions implements Iterable<KernelTransaction> {
  readonly #list: KernelTransaction[] = []

  add(transaction: KernelTransaction): void {
    transaction.placeAmongOpen = this.#list.length
    this.#list.push(transaction)
  }

  delete(transaction: KernelTransaction): void {
    const place = transaction.placeAmongOpen
    if (this.#list[place] !== transaction) return
    const last = this.#list.pop()!
    if (last === transaction) return
    this.#list[place] = last
    last.placeAmongOpen = place
  }

  get size(): number {
    return this.#list.length
  }

  /** Those of now, in no order: they may end while they are gone through. */
  [Symbol.iterator](): Iterator<KernelTransaction> {
    return [...this.#list].values()
  }
}
