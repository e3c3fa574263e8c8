/** A statement of somebody who may not read by himself what its views read: the transaction lets their owners' reads pass. */
import type { Transaction, Wait } from '../../../database/contract.ts'
import type { Execution, Notice, Paused, Row, SqlContext } from '../contract.ts'
import type { StandingAlone } from '../routine/standing-alone.ts'

export class OwnersExecution implements Execution {
  readonly #inner: Execution
  readonly #collections: readonly number[]

  constructor(inner: Execution, collections: readonly number[]) {
    this.#inner = inner
    this.#collections = collections
  }

  next(transaction: Transaction, context: SqlContext): Row[] | Paused | undefined {
    for (const id of this.#collections) transaction.access.actForOwner(id)
    return this.#inner.next(transaction, context)
  }

  get waitFor(): Wait {
    return this.#inner.waitFor
  }

  get rowCount(): number {
    return this.#inner.rowCount
  }

  get notices(): readonly Notice[] {
    return this.#inner.notices
  }

  standAlone(alone: StandingAlone): void {
    this.#inner.standAlone?.(alone)
  }

  reset(): void {
    this.#inner.reset()
  }
}
