/**
 * Changes of what lies in no namespace. A name is locked by name among those of its kind, so that two transactions cannot
 * give it at once; an object is locked by its number, so that two cannot change it.
 */
import { PolylogError } from '../../base/errors.ts'
import { encodeGlobal, globalKey } from './catalog-state.ts'
import type { GlobalObject, JsonObject } from './catalog.ts'
import { checkName, collectionLockKey, newId, refuseTwice } from './schema-changes.ts'
import type { KernelTransaction } from '../transaction/transaction.ts'

export type GlobalChange = Partial<Pick<GlobalObject, 'name' | 'definition'>>

export function createGlobal(
  transaction: KernelTransaction,
  kind: string,
  name: string,
  definition: JsonObject,
): GlobalObject {
  takeName(transaction, kind, name)
  const owner = transaction.principal.user
  return write(transaction, { id: newId(transaction), kind, name, owner, version: 0, definition })
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

export function alterGlobal(transaction: KernelTransaction, object: GlobalObject, change: GlobalChange): GlobalObject {
  const now = hold(transaction, object)
  if (change.name !== undefined && change.name !== now.name) takeName(transaction, now.kind, change.name)
  return write(transaction, { ...now, ...change })
}

export function dropGlobal(transaction: KernelTransaction, object: GlobalObject): void {
  const { id } = hold(transaction, object)
  transaction.changeCatalog(globalKey(id), undefined)
}

/** As it is now: nobody else changes it until the end. */
function hold(transaction: KernelTransaction, { id, name }: GlobalObject): GlobalObject {
  transaction.locks.lockName(collectionLockKey(id), 'update')
  const newest = transaction.kernel.catalog.globalById(id)
  if (newest?.version !== transaction.baseCatalog.globalById(id)?.version) transaction.changedMeanwhile(`"${name}"`)
  const now = transaction.catalog.globalById(id)
  if (now === undefined) throw new PolylogError('undefined_object', `"${name}" does not exist`)
  return now
}
