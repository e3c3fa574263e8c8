/**
 * The catalog as one transaction sees it: that of its snapshot, with what it has changed itself laid over it.
 *
 * Invariant: where it has changed nothing, `own` is `base`, so that plans, which compare catalogs by identity, hold.
 */
import type { Slice } from '../../base/slice.ts'
import { writableSince } from './catalog-entries.ts'
import type { CatalogChange, CatalogState } from './catalog-state.ts'

export class TransactionCatalog {
  /** The newest committed one when the statement began. */
  base: CatalogState
  own: CatalogState
  changes: CatalogChange[] = []
  /** Of `over`, as long as it is the same. */
  #last: { base: CatalogState; own: CatalogState; catalog: CatalogState } | undefined

  constructor(base: CatalogState) {
    this.base = this.own = base
  }

  /** Of the next transaction. */
  reset(): void {
    if (this.changes.length > 0) this.changes = []
    this.own = this.base
  }

  /** A statement begins on a newer snapshot. */
  refresh(base: CatalogState): void {
    this.base = base
    this.own = this.#apply(base)
  }

  change(key: Slice, value: Slice | undefined): void {
    this.changes.push({ key, value })
    this.own = this.own.applied(key, value)
  }

  /** Whether a collection has been changed between the base and what is newest, other than beside its writers. */
  isOutdated(collection: number, newest: CatalogState): boolean {
    if (this.base === newest) return false
    const [before, now] = [this.base.collectionById(collection), newest.collectionById(collection)]
    if (before?.version === now?.version) return false
    return before === undefined || now === undefined || before.version < writableSince(now)
  }

  /** Forgets all changes but the first `count`. */
  rollbackTo(count: number): void {
    if (this.changes.length === count) return
    this.changes.length = count
    this.own = this.#apply(this.base)
  }

  /** The own changes over another base. */
  over(base: CatalogState): CatalogState {
    if (base === this.base) return this.own
    const last = this.#last
    if (last?.base === base && last.own === this.own) return last.catalog
    this.#last = { base, own: this.own, catalog: this.#apply(base) }
    return this.#last.catalog
  }

  #apply(base: CatalogState): CatalogState {
    if (this.changes.length === 0) return base
    let catalog = base
    for (const { key, value } of this.changes) catalog = catalog.applied(key, value)
    return catalog
  }
}
