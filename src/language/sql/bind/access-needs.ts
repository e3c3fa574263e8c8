/**
 * What a statement asks of the collections that it names: PostgreSQL's rules of who may.
 *
 *   a column that is named, wherever       SELECT of it
 *   a table that is read, and no column    SELECT of any of its columns
 *   a value given to a column              INSERT or UPDATE of it
 *   rows that are deleted, or locked       DELETE; UPDATE of any column
 *
 * What is given on the whole is given on each column. Names are noted where they are bound, and asked for once the statement
 * is planned: the plan holds for as long as the rights stay the same.
 */
import { noPrivileges, privilege, type Privileges } from '../../../database/access/privileges.ts'
import type { Rights } from '../../../database/access/rights.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'

/** Where a column's values come from. */
export interface ColumnSource {
  readonly collection: Collection
  /** As the catalog counts them. */
  readonly column: number
}

interface Need {
  readonly collection: Collection
  /** On the whole, or on any column where that can be given of columns. */
  any: Privileges
  readonly columns: Map<number, Privileges>
}

export class AccessNeeds {
  readonly #needs = new Map<number, Need>()

  #of(collection: Collection): Need {
    let need = this.#needs.get(collection.id)
    if (need === undefined) {
      need = { collection, any: noPrivileges, columns: new Map<number, Privileges>() }
      this.#needs.set(collection.id, need)
    }
    return need
  }

  /** Of the whole, or of any column. */
  any(collection: Collection | undefined, wanted: Privileges): void {
    if (collection !== undefined) this.#of(collection).any |= wanted
  }

  column(collection: Collection | undefined, column: number, wanted: Privileges): void {
    if (collection === undefined) return
    const { columns } = this.#of(collection)
    columns.set(column, (columns.get(column) ?? noPrivileges) | wanted)
  }

  reads(source: ColumnSource | undefined): void {
    if (source !== undefined) this.column(source.collection, source.column, privilege.read)
  }

  /** The collections that are read, and which columns of them, by number. */
  reading(): { readonly id: number; readonly columns: readonly number[] }[] {
    return [...this.#needs.values()].map(({ collection: { id }, columns }) => {
      const read = [...columns].filter(([, wanted]) => (wanted & privilege.read) !== 0)
      return { id, columns: read.map(([column]) => column) }
    })
  }

  /** All that is asked of each collection, of whatever columns. */
  *wanted(): Generator<readonly [id: number, Privileges]> {
    for (const { collection, any, columns } of this.#needs.values()) {
      yield [collection.id, [...columns.values()].reduce((all, one) => all | one, any)]
    }
  }

  /** The collections of which anything is asked. */
  named(): number[] {
    return [...this.#needs.keys()]
  }

  /** It names columns of the collection to read them. */
  readsColumns(collection: Collection | undefined): boolean {
    const need = collection && this.#needs.get(collection.id)
    return need !== undefined && [...need.columns.values()].some((wanted) => (wanted & privilege.read) !== 0)
  }

  /** Errors: `AccessError`. */
  check(rights: Rights): void {
    if (rights.areUnlimited) return
    for (const { collection, any, columns } of this.#needs.values()) {
      const whole = rights.onCollection(collection)
      let left = any & ~whole
      for (const [column, wanted] of columns) {
        if ((wanted & ~whole) === noPrivileges) continue
        if ((rights.onColumn(collection, column) & wanted) !== wanted) throw rights.refusal(collection)
        left &= ~wanted
      }
      if (left !== noPrivileges && (rights.onAnyColumn(collection) & left) !== left) throw rights.refusal(collection)
    }
  }
}
