/**
 * Changes of roles that wait for the end of a transaction block.
 *
 * Roles lie in a log of their own, so no transaction of another database can change them with its own data. What a block says of
 * roles is therefore kept as what is to be done, and done at its COMMIT, in one transaction there. Before it is kept it is tried,
 * with all that was said before: in a transaction that is rolled back. So each statement hears of its own errors, and the catalog
 * that the trial has left is what the block sees of roles.
 *
 *   add ──tried, with those before it──▶ kept ──commit──▶ done, durable
 *                                           └──rollback──▶ forgotten
 *
 * Numbers that a trial gives to new roles are not those that they will have: nobody acts as one of them before the COMMIT.
 */
import type { Catalog } from '../database/catalog/catalog.ts'
import type { Transaction } from '../database/contract.ts'

export interface RoleTransaction {
  readonly run: (transaction: Transaction) => void
  /** Once it is durable. */
  readonly done: () => void
}

export interface PendingParts {
  /** Runs it in the database `system`, takes it back, and answers the catalog that it has left. */
  readonly attempt: (run: (transaction: Transaction) => void) => Promise<Catalog>
  readonly change: (change: RoleTransaction) => Promise<void>
}

interface Kept extends RoleTransaction {
  readonly after: Catalog
}

export class PendingChanges {
  readonly #parts: PendingParts
  #kept: Kept[] = []

  constructor(parts: PendingParts) {
    this.#parts = parts
  }

  /** How many there are: for `rollbackTo`. */
  get mark(): number {
    return this.#kept.length
  }

  /** As the block sees it; undefined where it has changed nothing. */
  get catalog(): Catalog | undefined {
    return this.#kept.at(-1)?.after
  }

  /** Errors: of the change. */
  async add(change: RoleTransaction): Promise<void> {
    const kept = this.#kept
    const after = await this.#parts.attempt((transaction) => {
      for (const { run } of [...kept, change]) run(transaction)
    })
    kept.push({ ...change, after })
  }

  rollbackTo(mark: number): void {
    this.#kept = this.#kept.slice(0, mark)
  }

  /** Durable when it resolves. Errors: where others have changed roles meanwhile, those of the changes; then nothing is done. */
  async commit(): Promise<void> {
    const kept = this.#kept
    this.#kept = []
    if (kept.length === 0) return
    await this.#parts.change({
      run: (transaction) => {
        for (const { run } of kept) run(transaction)
      },
      done: () => {
        for (const { done } of kept) done()
      },
    })
  }
}
