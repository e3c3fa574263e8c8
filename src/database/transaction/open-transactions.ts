/**
 * The transactions that have begun and not ended. Each remembers its place, so that coming and going is a push and a pop:
 * a `Set` would make a new table every few statements.
 */
import type { KernelTransaction } from './transaction.ts'

interface Awaited {
  ended(transaction: KernelTransaction): void
}

export class OpenTransactions implements Iterable<KernelTransaction> {
  readonly #list: KernelTransaction[] = []
  /** None, nearly always. */
  readonly #awaited = new Set<Awaited>()

  add(transaction: KernelTransaction): void {
    transaction.placeAmongOpen = this.#list.length
    this.#list.push(transaction)
  }

  delete(transaction: KernelTransaction): void {
    const place = transaction.placeAmongOpen
    if (this.#list[place] !== transaction) return
    for (const awaited of this.#awaited) awaited.ended(transaction)
    const last = this.#list.pop()!
    if (last === transaction) return
    this.#list[place] = last
    last.placeAmongOpen = place
  }

  /** Every transaction that is open now and has written something has ended. */
  async whenWritersEnd(): Promise<void> {
    const writers = this.#list.filter(({ writes }) => writes.count > 0)
    if (writers.length === 0) return
    await new Promise<void>((resolve) => {
      const left = new Set(writers)
      const awaited: Awaited = {
        ended: (transaction) => {
          if (!left.delete(transaction) || left.size > 0) return
          this.#awaited.delete(awaited)
          resolve()
        },
      }
      this.#awaited.add(awaited)
    })
  }

  get size(): number {
    return this.#list.length
  }

  /** Those of now, in no order: they may end while they are gone through. */
  [Symbol.iterator](): Iterator<KernelTransaction> {
    return [...this.#list].values()
  }
}
