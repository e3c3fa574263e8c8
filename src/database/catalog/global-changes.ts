/**
 * Changes of what lies in no namespace. A name is locked by name among those of its kind, so that two transactions cannot
 * give it at once; an object is locked by its number, so that two cannot change it.
 */
import { PolylogError } from '../../base/errors.ts'
import { encodeGlobal, globalKey } from './catalog-entries.ts'
import type { GlobalObject, JsonObject } from './catalog.ts'
import { checkName, collectionLockKey, newId, refuseTwice } from './schema-changes.ts'
import type { KernelTransaction } from '../transaction/transaction.ts'

export type GlobalChange = Partial<Pick<GlobalObject, 'name' | 'definition'>>

export class GlobalChanges {
  readonly #transaction: KernelTransaction

  constructor(transaction: KernelTransaction) {
    this.#transaction = transaction
  }

  /** Errors: `duplicate_object` where one of this kind has the name, `invalid_argument`. */
  create(kind: string, name: string, definition: JsonObject): GlobalObject {
    const transaction = this.#transaction
    takeName(transaction, kind, name)
    const owner = transaction.principal.user
    return write(transaction, { id: newId(transaction), kind, name, owner, version: 0, definition })
  }

  /** Another name, another definition, or both. Errors: as `create`. */
  alter(object: GlobalObject, change: GlobalChange): GlobalObject {
    const now = hold(this.#transaction, object)
    if (change.name !== undefined && change.name !== now.name) takeName(this.#transaction, now.kind, change.name)
    return write(this.#transaction, { ...now, ...change })
  }

  drop(object: GlobalObject): void {
    const { id } = hold(this.#transaction, object)
    this.#transaction.changeCatalog(globalKey(id), undefined)
  }
}

function takeName(transaction: KernelTransaction, kind: string, name: string): void {
  checkName(name)
  transaction.locks.lockName(`\xffglobal ${JSON.stringify([kind, name])}`, 'update')
  refuseTwice(transaction, name, (catalog) => catalog.findGlobal(kind, name)?.id)
}

function write(transaction: KernelTransaction, object: GlobalObject): GlobalObject {
  const written = { ...object, version: transaction.kernel.nextVersion() }
  transaction.changeCatalog(globalKey(object.id), encodeGlobal(written))
  return written
}

/** As it is now: nobody else changes it until the end. */
function hold(transaction: KernelTransaction, { id, name }: GlobalObject): GlobalObject {
  transaction.locks.lockName(collectionLockKey(id), 'access exclusive')
  const newest = transaction.kernel.catalog.globalById(id)
  if (newest?.version !== transaction.baseCatalog.globalById(id)?.version) transaction.changedMeanwhile(`"${name}"`)
  const now = transaction.catalog.globalById(id)
  if (now === undefined) throw new PolylogError('undefined_object', `"${name}" does not exist`)
  return now
}
