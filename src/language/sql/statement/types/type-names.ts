/** Types that statements make and change, by their names. */
import type { Node } from 'libpg-query'
import type { Collection, Namespace } from '../../../../database/catalog/catalog.ts'
import { isType, typeOfCollection } from '../../../../model/table/type-kinds.ts'
import { createBareBinder } from '../../bind/bind.ts'
import type { Binder } from '../../bind/binder.ts'
import { itemsOf, stringsOf } from '../../bind/tree.ts'
import { findMadeType } from '../../bind/made-types.ts'
import { bindTypeName } from '../../bind/type-name.ts'
import { failure } from '../../failure.ts'
import { currentContext, type SqlRun } from '../../plan/run.ts'
import { isNameTaken, targetNamespace } from '../naming.ts'

export function binderOf(run: SqlRun): Binder {
  return createBareBinder(currentContext(run))
}

/** `a.b` of a statement that names a type, in either way of the grammar. */
export function pathOf(node: Node | readonly Node[] | undefined): string[] {
  if (node === undefined) return []
  if (!('length' in node)) {
    if ('TypeName' in node) return stringsOf(node.TypeName.names)
    return stringsOf(itemsOf(node))
  }
  return stringsOf(node)
}

/** The schema of a new type, whose name must be free there. Errors: 42710. */
export function newTypeName(run: SqlRun, path: readonly string[]): { namespace: Namespace; name: string } {
  const [relname = '', schemaname] = [...path].reverse()
  const namespace = targetNamespace(run, schemaname === undefined ? { relname } : { relname, schemaname })
  refuseTaken(run, namespace, relname)
  return { namespace, name: relname }
}

/** Tables are types, too, and keep their names from others. */
export function refuseTaken({ transaction }: SqlRun, { name: schema }: Namespace, name: string): void {
  const { catalog } = transaction
  const isTaken = catalog.findCollection(schema, name, 'type') !== undefined || isNameTaken(transaction, schema, name)
  if (isTaken) throw failure('42710', `type "${name}" already exists`)
}

/** Errors: 42704; one that is built in, or is a table's, is refused. */
export function getTypeCollection(run: SqlRun, path: readonly string[]): Collection {
  const type = findMadeType(binderOf(run), path)
  const collection = type?.made && run.transaction.catalog.collectionById(type.made.id)
  if (collection === undefined) {
    // Of one that is built in nobody here is the owner.
    bindTypeName(undefined, { names: path.map((sval): Node => ({ String: { sval } })) })
    throw failure('42501', `must be owner of type ${path.at(-1)}`)
  }
  if (isType(collection)) return collection
  throw failure('42809', `${collection.name} is a table's row type`, { hint: 'Use ALTER TABLE instead.' })
}

/** Of its owner, to change it. Errors: 42704, 42501. */
export function getOwnType(run: SqlRun, path: readonly string[], kind?: string): Collection {
  const collection = getTypeCollection(run, path)
  if (kind !== undefined && collection.kind !== kind) {
    throw failure('42809', `${typeOfCollection(collection).title} is not ${kind === 'enum' ? 'an' : 'a'} ${kind}`)
  }
  run.transaction.principal.rights.requireOwner(collection)
  return collection
}
