/** Where new objects go, and the names that constraints and sequences get when none is given. */
import type { RangeVar } from 'libpg-query'
import { privilege } from '../../../database/access/privileges.ts'
import type { Collection, Namespace } from '../../../database/catalog/catalog.ts'
import type { Transaction } from '../../../database/contract.ts'
import { type ObjectAddress, partsOf } from '../../../database/catalog/objects.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { isTemporaryName } from '../../../model/table/temporary-names.ts'
import { Table } from '../../../model/table/table.ts'
import { namedPath, schemaNamed } from '../bind/names.ts'
import { searchPathOf } from '../bind/objects.ts'
import { systemNamespaces } from '../catalog/identity.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { temporaryNamespace, wantsTemporary } from './temporary.ts'

/** The schema of a new object: the one that is named, else the first of the search path that is there. */
export function targetNamespace(run: SqlRun, name: RangeVar): Namespace {
  const { transaction, context } = run
  const schema = name.schemaname
  if (wantsTemporary(name, context.temporarySchema)) return temporaryNamespace(run, name)
  if (schema !== undefined) {
    if (isTemporaryName(schema)) {
      throw failure('42P16', 'cannot create relations in temporary schemas of other sessions')
    }
    if (systemNamespaces.has(schema)) {
      throw failure('42501', `permission denied to create "${schema}.${name.relname}"`, {
        detail: 'System catalog modifications are currently disallowed.',
      })
    }
    const found = transaction.catalog.namespaces.get(schema)
    if (found !== undefined) return creatable(run, found)
    if (schema === 'public') return transaction.createNamespace('public')
    throw failure('3F000', `schema "${schema}" does not exist`, { location: name.location })
  }
  for (const candidate of namedPath(context)) {
    if (candidate === context.temporarySchema) continue
    const found = transaction.catalog.namespaces.get(candidate)
    if (found !== undefined && maySearch(run, candidate, false)) return creatable(run, found)
    if (candidate === 'public') return transaction.createNamespace('public')
  }
  throw failure('3F000', 'no schema has been selected to create in')
}

function creatable({ transaction }: SqlRun, namespace: Namespace): Namespace {
  transaction.principal.rights.requireInNamespace(namespace, privilege.create)
  return namespace
}

/** Tables, sequences and indexes share one space of names in a schema. */
export function isNameTaken(transaction: Transaction, namespace: string, name: string): boolean {
  const { catalog } = transaction
  return (catalog.findCollection(namespace, name) ?? catalog.findOwnerOfPart(namespace, name)) !== undefined
}

/** The schema that a relation is to move to, with what is named after it; undefined where it lies there already. */
export function placeFor({ transaction }: SqlRun, relation: Collection, schema: string): Namespace | undefined {
  const found = transaction.catalog.namespaces.get(schema)
  const namespace = found === undefined && schema === 'public' ? transaction.createNamespace(schema) : found
  if (systemNamespaces.has(schema)) throw failure('42501', `permission denied for schema ${schema}`)
  if (schema === 'pg_temp' || isTemporaryName(schema) || isTemporaryName(relation.namespace.name)) {
    throw failure('0A000', 'cannot move objects into or out of temporary schemas')
  }
  if (namespace === undefined) throw failure('3F000', `schema "${schema}" does not exist`)
  if (namespace.id === relation.namespace.id) return undefined
  const parts = partsOf(relation).filter(({ isRelation }) => isRelation === true)
  for (const { name } of [relation, ...parts]) {
    if (!isNameTaken(transaction, schema, name)) continue
    throw failure('42P07', `relation "${name}" already exists in schema "${schema}"`)
  }
  return namespace
}

const maxNameBytes = 63

/** `orders_email_key`, cut to what a name may be, with a number where it is taken. */
export function freeName(isTaken: (name: string) => boolean, ...parts: readonly string[]): string {
  return freeNames(isTaken)(...parts)
}

/** The same for many names, none of which is free again: what was taken before is not asked for anew. */
export function freeNames(isTaken: (name: string) => boolean): (...parts: readonly string[]) => string {
  const numbers = new Map<string, number>()
  return (...parts) => {
    const key = JSON.stringify(parts)
    const [name, number] = nameFrom(numbers.get(key) ?? 0, isTaken, parts)
    numbers.set(key, number)
    return name
  }
}

function nameFrom(
  first: number,
  isTaken: (name: string) => boolean,
  [table = '', ...rest]: readonly string[],
): readonly [name: string, number: number] {
  const suffix = rest.filter((part) => part !== '').join('_')
  for (let number = first; ; number++) {
    const end = `_${suffix}${number === 0 ? '' : number}`
    const room = maxNameBytes - Buffer.byteLength(end)
    const name =
      Buffer.from(table)
        .subarray(0, room)
        .toString()
        .replace(/\ufffd$/, '') + end
    if (!isTaken(name)) return [name, number]
  }
}

/** An existing collection by name, through the search path; undefined where there is none. */
export function findCollection(run: SqlRun, name: RangeVar): Collection | undefined {
  const { transaction, context } = run
  const relname = name.relname ?? ''
  const path = name.schemaname === undefined ? namedPath(context) : [schemaNamed(context, name.schemaname)]
  for (const schema of path) {
    if (!maySearch(run, schema, name.schemaname !== undefined)) continue
    const found = transaction.catalog.findCollection(schema, relname)
    if (found !== undefined) return found
  }
  return undefined
}

/** Whether names are looked for in a schema; of one that was named, 42501 where the caller may not use it. */
function maySearch({ transaction }: SqlRun, schema: string, isNamed: boolean): boolean {
  const namespace = transaction.catalog.namespaces.get(schema)
  if (namespace === undefined) return true
  const { rights } = transaction.principal
  if (isNamed) rights.requireUse(namespace)
  return (rights.ofNamespace(namespace) & privilege.usage) !== 0
}

/** An existing index by name, through the search path; undefined where there is none. */
export function findPart(run: SqlRun, name: RangeVar): ObjectAddress | undefined {
  const { transaction, context } = run
  const relname = name.relname ?? ''
  for (const schema of name.schemaname === undefined
    ? searchPathOf(context)
    : [schemaNamed(context, name.schemaname)]) {
    if (!maySearch(run, schema, name.schemaname !== undefined)) continue
    const owner = transaction.catalog.findOwnerOfPart(schema, relname)
    const part = owner && partsOf(owner).find((each) => each.isRelation === true && each.name === relname)
    if (part !== undefined) return { id: owner!.id, part: { kind: part.kind, key: part.key } }
  }
  return undefined
}

export function shownName(name: RangeVar): string {
  return name.schemaname === undefined ? (name.relname ?? '') : `${name.schemaname}.${name.relname}`
}

/** For `command`: not while a query reads it, or something that its rows have put off is still to be done. */
export function getIdleTable(run: SqlRun, name: RangeVar, command: string): Table {
  const table = getTable(run, name)
  refuseBusy(run, table, command)
  return table
}

/** The same, for who may change it: its owner. */
export function getOwnTable(run: SqlRun, name: RangeVar, command: string): Table {
  const table = getTable(run, name)
  run.transaction.principal.rights.requireOwner(table.collection)
  refuseBusy(run, table, command)
  return table
}

interface NamedTable {
  readonly id: number
  readonly name: string
}

export function refuseBusy(run: SqlRun, table: NamedTable, command: string): void {
  if (run.context.isBeingRead?.(table.id) === true) {
    const why = 'it is being used by active queries in this session'
    throw failure('55006', `cannot ${command} "${table.name}" because ${why}`)
  }
  refusePending(run, table, command)
}

/** A new name does not concern those who read. */
export function refusePending(run: SqlRun, table: NamedTable, command: string): void {
  if (!run.transaction.agenda.isPending(table.id)) return
  throw failure('55006', `cannot ${command} "${table.name}" because it has pending trigger events`)
}

/** The table that a schema change is about, as the transaction sees it now. */
export function getTable(run: SqlRun, name: RangeVar): Table {
  const collection = findCollection(run, name)
  if (collection === undefined) {
    throw failure('42P01', `relation "${shownName(name)}" does not exist`)
  }
  return asTable(collection)
}

/** A relation that was found, as the table that it has to be. */
export function asTable(collection: Collection): Table {
  if (isTable(collection)) return Table.of(collection)
  if (collection.model === 'table') throw failure('42809', `"${collection.name}" is not a table`)
  throw failure(
    '0A000',
    `"${collection.name}" is a collection of model ${collection.model}: its schema cannot be changed by SQL`,
    {
      hint: collection.model === 'document' ? 'Use the MongoDB door.' : 'Use the Redis door.',
    },
  )
}
