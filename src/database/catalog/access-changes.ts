/** Changes of who may do what, and of who owns a namespace. Whether the caller may is the caller's to ask. */
import { PolylogError } from '../../base/errors.ts'
import type { AccessList } from '../access/access-list.ts'
import { accessKey, accessValue, encodeNamespace, namespaceKey } from './catalog-entries.ts'
import type { Namespace } from './catalog.ts'
import { databaseId } from './objects.ts'
import { collectionLockKey, holdNamespace } from './schema-changes.ts'
import type { KernelTransaction } from '../transaction/transaction.ts'

/**
 * The access list of an object or a part of it, made of the one that it has now (undefined: none is written down, or is to
 * be). Two that change it at once do so one after the other.
 */
export function changeAccess(
  transaction: KernelTransaction,
  id: number,
  part: string,
  change: (before: AccessList | undefined) => AccessList | undefined,
): void {
  const { catalog } = transaction
  transaction.locks.lockName(`\xffaccess ${id}`, 'update')
  if (transaction.kernel.catalog.access.get(id) !== transaction.baseCatalog.access.get(id)) {
    transaction.changedMeanwhile('what is given on it')
  }
  const namespace = catalog.namespaceById(id)
  if (namespace !== undefined) holdNamespace(transaction, namespace)
  else if (id !== databaseId) {
    transaction.locks.lockName(collectionLockKey(id), 'access share')
    if (
      transaction.kernel.catalog.collectionById(id)?.version !== transaction.baseCatalog.collectionById(id)?.version
    ) {
      transaction.changedMeanwhile('what is given')
    }
    if (catalog.collectionById(id) === undefined) throw new PolylogError('undefined_object', 'it does not exist')
  }
  const after = change(catalog.access.get(id)?.get(part))
  transaction.changeCatalog(accessKey(id, part), after && accessValue(after))
}

export function changeNamespaceOwner(transaction: KernelTransaction, namespace: Namespace): void {
  holdNamespace(transaction, namespace)
  transaction.locks.lockName(`\xffaccess ${namespace.id}`, 'update')
  transaction.changeCatalog(namespaceKey(namespace.id), encodeNamespace(namespace))
}
