/** Types of the catalog by their names and numbers. */
import type { Catalog, Collection } from '../../../database/catalog/catalog.ts'
import { typeOfCollection, isType } from '../../../model/table/type-kinds.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { quoteIdentifier } from '../../../model/table/types/identifier.ts'
import { findType, findTypeByName, formatType, isArrayType } from '../../../model/table/types/registry.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import { placeOfType } from '../../../model/table/types/user/content.ts'
import { privilege } from '../../../database/access/privileges.ts'
import { unlimited } from '../../../database/access/rights.ts'
import type { SqlContext } from '../contract.ts'
import type { Binder } from './binder.ts'
import { searchPathOf, splitName } from './names.ts'

/** Where names of types are looked for: what binds a statement, or a context alone. */
type TypeScope = Pick<Binder, 'searchPath' | 'maySearch' | 'requireSchema' | 'findCollection' | 'usedTypes'>

/** What a name stands for: a type, a table's rows, or, below an underscore, arrays of either. */
export function findMadeType(binder: TypeScope, path: readonly string[]): SqlType | undefined {
  const name = path.at(-1) ?? ''
  const schemas = path.length > 1 ? [path[path.length - 2]!] : binder.searchPath.filter((one) => binder.maySearch(one))
  for (const schema of schemas) {
    if (path.length > 1) binder.requireSchema(schema)
    const collection = typeCollection(binder, schema, name)
    if (collection !== undefined) return noted(binder, collection)
    const element = name.startsWith('_') ? typeCollection(binder, schema, name.slice(1)) : undefined
    if (element !== undefined) return findType(noted(binder, element).arrayOid)
  }
  return undefined
}

function typeCollection(binder: TypeScope, schema: string, name: string): Collection | undefined {
  const type = binder.findCollection(schema, name, 'type')
  if (type !== undefined) return type
  const rows = binder.findCollection(schema, name)
  return rows !== undefined && isTable(rows) ? rows : undefined
}

function noted(binder: TypeScope, collection: Collection): SqlType {
  binder.usedTypes.add(collection.id)
  return typeOfCollection(collection)
}

/** By the number that clients and definitions have; undefined where there is none. */
export function typeByNumber(catalog: Catalog, number: number): SqlType | undefined {
  const place = placeOfType(number)
  if (place === undefined) return findType(number)
  const collection = catalog.collectionById(place.id)
  if (collection === undefined || !(isType(collection) || isTable(collection))) return undefined
  const type = typeOfCollection(collection)
  return place.isArray ? findType(type.arrayOid) : type
}

/** The same of a number that a client gives for a parameter. */
export function typeOfNumber(binder: Pick<Binder, 'catalog' | 'findCollection'>, number: number): SqlType | undefined {
  const type = typeByNumber(binder.catalog, number)
  const collection = type?.made && binder.catalog.collectionById(type.made.id)
  if (collection !== undefined) binder.findCollection(collection.namespace.name, collection.name, collection.space)
  return type
}

/** `format_type`, of a number that a client has. */
export function formatNumber(context: SqlContext, number: number, modifier: number): string {
  const { catalog } = context
  const type = typeByNumber(catalog, number)
  const collection = type?.made && catalog.collectionById(type.made.id)
  if (collection === undefined) return formatType(type?.oid ?? number, modifier)
  return `${shownTypeName(context, collection)}${isArrayType(type!) ? '[]' : ''}`
}

/** Whether its name alone means it; null of what is no type. */
export function isTypeVisible(context: SqlContext, number: number): boolean | null {
  const type = typeByNumber(context.catalog, number)
  if (type === undefined) return null
  if (type.made === undefined) return true
  const found = findMadeType(scopeOf(context), [isArrayType(type) ? `_${type.element!.name}` : type.name])
  return found?.made?.id === type.made.id
}

/** The number that clients know a type by, whose name is a text; undefined where there is none. */
export function typeNumberNamed(context: SqlContext, text: string): number | undefined {
  const plain = text.trim().replace(/\(.*\)/, '')
  const builtIn = findTypeByName(plain.toLowerCase().replace(/^pg_catalog\./, ''))
  if (builtIn !== undefined) return builtIn.oid
  const isArray = plain.endsWith('[]')
  const path = splitName(isArray ? plain.slice(0, -2) : plain)
  const made = findMadeType(scopeOf(context), path)
  if (made === undefined) return isArray ? undefined : findCatalogType(path)?.oid
  const type = isArray ? findType(made.arrayOid) : made
  return type?.catalogOid
}

/** By the names of the catalog, which may be quoted: `"pg_catalog"."int4"`. */
function findCatalogType(path: readonly string[]): SqlType | undefined {
  const [name, schema = 'pg_catalog'] = path.toReversed()
  const found = schema === 'pg_catalog' ? findTypeByName(name!) : undefined
  return found?.name === name ? found : undefined
}

function scopeOf(context: SqlContext): TypeScope {
  const { catalog, rights = unlimited } = context
  return {
    searchPath: searchPathOf(context),
    usedTypes: new Set(),
    findCollection: (namespace, name, space) => catalog.findCollection(namespace, name, space),
    maySearch: (schema) => {
      const namespace = catalog.namespaces.get(schema)
      return namespace === undefined || (rights.ofNamespace(namespace) & privilege.usage) !== 0
    },
    requireSchema: (schema) => {
      const namespace = catalog.namespaces.get(schema)
      if (namespace !== undefined) rights.requireUse(namespace)
    },
  }
}

/** With its schema only where the search path does not find it. */
export function shownTypeName(context: SqlContext, { id, namespace, name }: Collection): string {
  const found = findMadeType(scopeOf(context), [name])
  const own = quoteIdentifier(name)
  return found?.made?.id === id ? own : `${quoteIdentifier(namespace.name)}.${own}`
}
