/**
 * The last line below all doors: a transaction touches no key of a collection with which whose statement it is has nothing to do.
 *
 * Doors ask for what a statement is about to do, by its names, before it runs. A door that forgets to, or a way around its
 * question, meets this: it knows no more than the key, so it asks whether the caller has any privilege at all there, or one
 * that changes something. Checks of rules act as the owner of what they look at (`actForOwner`), as in PostgreSQL.
 *
 * The same collection is asked for again and again: the last answer is kept, by the rights it was given for.
 */
import type { Slice } from '../../base/slice.ts'
import { KeyReader } from '../../base/tuple-reader.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { AccessError, type Rights } from './rights.ts'

/** Smaller ones are the system's own; the catalog is everybody's to read. */
const firstGuarded = 16

export class Guard {
  #rights: Rights | undefined
  readonly #touched = new Set<number>()
  readonly #written = new Set<number>()
  #exempt: Set<number> | undefined

  /** Of the next transaction. */
  reset(): void {
    this.#rights = undefined
    this.#exempt = undefined
  }

  actForOwner(collection: number): void {
    this.#exempt ??= new Set()
    this.#exempt.add(collection)
  }

  /** Errors: `AccessError`. */
  check(rights: Rights, catalog: Catalog, key: Slice, writes: boolean): void {
    if (rights !== this.#rights) {
      this.#rights = rights
      this.#touched.clear()
      this.#written.clear()
    }
    const id = new KeyReader(key).orderedVarint()
    const known = writes ? this.#written : this.#touched
    if (id < firstGuarded || known.has(id) || this.#exempt?.has(id) === true) return
    const collection = catalog.collectionById(id)
    if (collection === undefined) return
    if (!rights.touches(collection, writes)) throw new AccessError('table', collection.name)
    known.add(id)
  }
}
