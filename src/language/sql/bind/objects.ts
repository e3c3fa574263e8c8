/** Names of objects and their numbers: what the casts to and from regclass, regtype, regnamespace and regrole do. */
import { noPrivileges, privilege } from '../../../database/access/privileges.ts'
import { unlimited } from '../../../database/access/rights.ts'
import { partsOf } from '../../../database/catalog/objects.ts'
import type { SqlContext } from '../contract.ts'
import { failure } from '../failure.ts'
import { schemaNamed, searchPathOf, splitName } from './names.ts'
import { formatNumber, typeNumberNamed } from './made-types.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import { oid } from '../types/oids.ts'
import {
  collectionByOid,
  collectionOid,
  indexByOid,
  indexOid,
  namespaceNameByOid,
  namespaceOidByName,
} from '../catalog/identity.ts'
import { functionByName, functionBySignature, functionText } from './function-names.ts'
import { namedRoleOid, shownRoleName } from '../catalog/roles.ts'
import { registerSystemView, systemViewNameByOid, systemViewOid } from '../catalog/system-view-names.ts'

export { searchPathOf }

/** The number of the object with this name; throws where there is none. */
export function lookUpObject(context: SqlContext, type: number, text: string): number {
  if (/^\d+$/.test(text)) return Number(text) >>> 0
  if (text === '-') return 0
  if (type === oid.regclass) return lookUpRelation(context, text)
  if (type === oid.regtype) {
    const found = typeNumberNamed(context, text)
    if (found !== undefined) return found
    throw failure('42704', `type "${text}" does not exist`)
  }
  if (type === oid.regnamespace) {
    const found = namespaceOidByName(context.catalog, splitName(text)[0]!)
    if (found !== undefined) return found
    throw failure('3F000', `schema "${text}" does not exist`)
  }
  if (type === oid.regrole) {
    const name = splitName(text)[0]!
    const found = namedRoleOid(context, name)
    if (found !== undefined) return found
    throw failure('42704', `role "${name}" does not exist`)
  }
  const isSignature = type === oid.regprocedure
  const found = isSignature ? functionBySignature(context, text) : functionByName(context, text)
  if (found !== undefined) return found
  throw failure('42883', `function "${text}" does not exist`)
}

function lookUpRelation(context: SqlContext, text: string): number {
  const parts = splitName(text)
  const found = findRelationOid(context, parts)
  if (found !== undefined) return found
  throw failure('42P01', `relation "${text}" does not exist`)
}

/** Errors: `AccessError` where a schema is named that the caller may not use; one of the search path is passed over. */
export function findRelationOid(context: SqlContext, parts: readonly string[]): number | undefined {
  const name = parts[parts.length - 1]!
  const rights = context.rights ?? unlimited
  if (parts.length > 1) {
    const schema = schemaNamed(context, parts[parts.length - 2]!)
    const namespace = context.catalog.namespaces.get(schema)
    if (namespace !== undefined) rights.requireUse(namespace)
    return relationOidIn(context, schema, name)
  }
  for (const schema of searchPathOf(context)) {
    const namespace = context.catalog.namespaces.get(schema)
    if (namespace !== undefined && (rights.ofNamespace(namespace) & privilege.usage) === noPrivileges) continue
    const found = relationOidIn(context, schema, name)
    if (found !== undefined) return found
  }
  return undefined
}

function relationOidIn(context: SqlContext, schema: string, name: string): number | undefined {
  const view = systemViewOid(schema, name) ?? servedViewOid(context, schema, name)
  if (view !== undefined) return view
  const collection = context.catalog.findCollection(schema, name)
  if (collection !== undefined) return collectionOid(collection)
  const owner = context.catalog.findOwnerOfPart(schema, name)
  const index = owner && partsOf(owner).find((one) => one.isRelation === true && one.name === name)
  if (owner === undefined || index === undefined) return undefined
  // Who notes what an answer depends on hears of the index's table, too.
  context.catalog.findCollection(schema, owner.name)
  return indexOid(owner, Number(index.key))
}

/** Of a table of what the server knows. */
function servedViewOid(context: SqlContext, schema: string, name: string): number | undefined {
  if (schema !== 'polylog' || context.systemTables?.some((table) => table.name === name) !== true) return undefined
  return registerSystemView(schema, name)
}

/** As PostgreSQL prints it: with its schema only where the search path does not find it. */
export function describeObject(context: SqlContext, type: number, value: number): string {
  if (value === 0) return '-'
  if (type === oid.regtype) return formatNumber(context, value, -1)
  if (type === oid.regnamespace) {
    const name = namespaceNameByOid(context.catalog, value)
    return name === undefined ? String(value) : quoteIdentifier(name)
  }
  if (type === oid.regrole) return quoteIdentifier(shownRoleName(context, value))
  if (type !== oid.regclass) return functionText(context, value, type === oid.regprocedure)
  const found = relationNameByOid(context, value)
  if (found === undefined) return String(value)
  return qualify(context, found.schema, found.name)
}

export function qualify(context: SqlContext, schema: string, name: string): string {
  const seen = findRelationOid(context, [name])
  const own = relationOidIn(context, schema, name)
  return seen === own ? quoteIdentifier(name) : `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`
}

export function relationNameByOid(context: SqlContext, value: number): { schema: string; name: string } | undefined {
  const view = systemViewNameByOid(value)
  if (view !== undefined) return view
  const collection = collectionByOid(context.catalog, value)
  if (collection !== undefined) return { schema: collection.namespace.name, name: collection.name }
  const index = indexByOid(context.catalog, value)
  if (index === undefined) return undefined
  const parts = partsOf(index.collection).filter(({ isRelation }) => isRelation === true)
  const part = parts.find(({ key }) => indexOid(index.collection, Number(key)) === value)
  return part === undefined ? undefined : { schema: index.collection.namespace.name, name: part.name }
}
