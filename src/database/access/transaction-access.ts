/**
 * Who may do what, within one transaction: changes of it, and the last line below all doors.
 *
 * A transaction touches no key of a collection with which whose statement it is has nothing to do. Doors ask for what a
 * statement is about to do, by its names, before it runs. A door that forgets to, or a way around its question, meets this: it
 * knows no more than the key, so it asks whether the caller has any privilege at all there, or one that changes something.
 * Checks of rules act as the owner of what they look at (`actForOwner`), as in PostgreSQL. Keys of a table with policies that concern
 * the caller are given only to who has said that it tests them (`passPolicies`).
 *
 * The same collections are asked for again and again, also by the statements that follow in transactions of their own: the
 * answers are kept as long as the rights and the catalog are the same objects.
 */
import type { Slice } from '../../base/slice.ts'
import { keyspaceOf } from '../../base/tuple.ts'
import { firstCollectionId } from '../catalog/catalog-entries.ts'
import type { Catalog, Collection, Namespace } from '../catalog/catalog.ts'
import type { Owned, Principal } from '../contract.ts'
import { findKind } from '../catalog/objects.ts'
import { changeAccess, changeNamespaceOwner } from '../catalog/access-changes.ts'
import { nobody } from '../nobody.ts'
import type { KernelTransaction } from '../transaction/transaction.ts'
import type { AccessList } from './access-list.ts'
import { AccessError, type Rights, unlimited } from './rights.ts'

export class TransactionAccess {
  readonly #transaction: KernelTransaction
  /** Whose answers are kept, */
  #rights: Rights | undefined
  /** and of which catalog; undefined where the transaction has met what holds for it alone. */
  #catalog: Catalog | undefined
  #isNew = true
  readonly #read = new Set<number>()
  readonly #written = new Set<number>()
  /** Whose policies are tested, for those whose answers are kept. */
  #policed: Set<number> | undefined
  /** Whose rows rules of others look at, and change. */
  #exempt: Set<number> | undefined
  /** Whose definitions change along with those of others. */
  #changing: Set<number> | undefined

  constructor(transaction: KernelTransaction) {
    this.#transaction = transaction
  }

  /** Of the next transaction. Most ask nothing, or what the last one has asked. */
  reset(): void {
    this.#isNew = true
    this.#policed = undefined
    this.#exempt = undefined
    this.#changing = undefined
  }

  /** Errors: `AccessError`. */
  check(rights: Rights, key: Slice, writes: boolean): void {
    // Smaller ones are the system's own; the catalog is everybody's to read.
    const id = keyspaceOf(key)
    if (id < firstCollectionId) return
    if (this.#isNew || rights !== this.#rights) this.#begin(rights)
    const known = writes ? this.#written : this.#read
    if (known.has(id) || this.#exempt?.has(id) === true) return
    const { catalog } = this.#transaction
    const collection = catalog.collectionById(id)
    if (collection === undefined) return
    if (!rights.touches(collection, writes)) throw new AccessError('table', collection.name)
    if (this.#isUnderPolicies(rights, collection)) {
      if (this.#policed?.has(id) !== true) throw new AccessError('table', collection.name, affected(collection))
      this.#catalog = undefined
    }
    // What holds in a catalog that is this transaction's own is for no other, nor what it has said to test.
    if (catalog !== this.#catalog) this.#catalog = undefined
    known.add(id)
  }

  /** What somebody has said to test it tests whatever it is given or loses meanwhile. */
  #begin(rights: Rights): void {
    const { catalog } = this.#transaction
    this.#isNew = false
    if (rights === this.#rights && catalog === this.#catalog) return
    if (rights.member?.roleId !== this.#rights?.member?.roleId) this.#policed = undefined
    this.#rights = rights
    this.#catalog = catalog
    this.#read.clear()
    this.#written.clear()
  }

  #isUnderPolicies(rights: Rights, collection: Collection): boolean {
    return findKind(collection.kind)?.hidesRows?.(collection, rights) === true
  }

  passPolicies(collection: number): void {
    const { rights } = this.#transaction.principal
    if (rights === unlimited) return
    if (this.#isNew || rights !== this.#rights) this.#begin(rights)
    this.#policed ??= new Set()
    this.#policed.add(collection)
  }

  actForOwner(collection: number): void {
    this.#exempt ??= new Set()
    this.#exempt.add(collection)
  }

  beginChange(collection: number): void {
    this.#changing ??= new Set()
    this.#changing.add(collection)
  }

  endChange(collection: number): void {
    this.#changing?.delete(collection)
  }

  isChanging(collection: number): boolean {
    return this.#changing?.has(collection) === true
  }

  /** Errors: `AccessError` where its definition is not the caller's to change. */
  requireChange(collection: Collection): void {
    if (!this.isChanging(collection.id)) this.#transaction.principal.rights.requireOwner(collection)
  }

  /** Likewise, to drop it: the owner of the namespace may, and need not have anything to do with it otherwise. */
  requireDrop(collection: Collection): void {
    const { rights } = this.#transaction.principal
    if (!this.isChanging(collection.id) && !rights.owns(collection.namespace)) rights.requireDrop(collection)
  }

  /** What the server does of its own, for a caller that may have it done. */
  asServer<T>(run: () => T): T {
    return this.#as(nobody, run)
  }

  /** What a rule does to the rows of what is owned: with the rights of its owner, and in its name. */
  asOwner<T>(owned: Owned, run: () => T): T {
    const { principal } = this.#transaction
    return this.#as(principal.asOwner?.(owned) ?? principal, run)
  }

  /** As it is where that is the same session: whoever it acts as by then. */
  asParty<T>(party: Principal, run: () => T): T {
    return party.sessionId === this.#transaction.principal.sessionId ? run() : this.#as(party, run)
  }

  #as<T>(principal: Principal, run: () => T): T {
    const transaction = this.#transaction
    const before = transaction.principal
    transaction.principal = principal
    try {
      return run()
    } finally {
      transaction.principal = before
    }
  }

  change(id: number, part: string, change: (before: AccessList | undefined) => AccessList | undefined): void {
    changeAccess(this.#transaction, id, part, change)
  }

  giveNamespace(namespace: Namespace, owner: string, ownerId: number | undefined): void {
    changeNamespaceOwner(this.#transaction, { ...namespace, owner, ownerId })
  }
}

function affected({ name }: Collection): string {
  return `query would be affected by row-level security policy for table "${name}"`
}
