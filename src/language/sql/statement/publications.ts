/** CREATE, ALTER and DROP PUBLICATION, and ALTER TABLE … REPLICA IDENTITY. */
import type {
  AlterOwnerStmt,
  AlterPublicationStmt,
  AlterTableCmd,
  CreatePublicationStmt,
  DefElem,
  DropStmt,
  Node,
  PublicationTable,
  RangeVar,
  RenameStmt,
} from 'libpg-query'
import { privilege } from '../../../database/access/privileges.ts'
import { AccessError, notOwner, wordOf } from '../../../database/access/rights.ts'
import type { Catalog, JsonObject } from '../../../database/catalog/catalog.ts'
import { indexDefinitionOf } from '../../../model/table/definition.ts'
import { familyOf } from '../../../model/table/partitions/partitioning.ts'
import { type ReplicaIdentity, withIdentity } from '../../../model/table/publication/identity.ts'
import {
  findPublication,
  mayBePublished,
  type Publication,
  type PublicationContent,
  publicationKind,
  type PublishedTable,
  type RowAction,
  rowActions,
} from '../../../model/table/publication/publication.ts'
import { redefine } from '../../../model/table/schema.ts'
import { Table } from '../../../model/table/table.ts'
import { isTable, primaryIndexKey } from '../../../model/table/table-kind.ts'
import { findType } from '../../../model/table/types/registry.ts'
import { isTemporaryName } from '../../../model/table/temporary-names.ts'
import { requireBoolean, unfolded } from '../bind/coerce.ts'
import type { Binder } from '../bind/binder.ts'
import { createBareBinder } from '../bind/bind.ts'
import { optionText, stringOf, stringsOf } from '../bind/tree.ts'
import type { Notice } from '../contract.ts'
import { deparse } from '../expression/deparse.ts'
import { columnsRead, type Expression, someExpression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { currentContext, type SqlRun } from '../plan/run.ts'
import { skipping } from './create-schema.ts'
import { nothing } from './execution.ts'
import { requireNamespace } from './grant.ts'
import { findCollection, getTable, shownName } from './naming.ts'
import { newOwner } from './owners.ts'
import { type Planned, planSteps } from './prepared.ts'
import { scopeOfColumns } from './table-scope.ts'

interface Objects {
  readonly schemas: readonly number[]
  readonly tables: readonly PublishedTable[]
}

interface Options {
  readonly actions?: readonly RowAction[]
  readonly viaRoot?: boolean
}

export function planCreatePublication(statement: CreatePublicationStmt): Planned {
  const { pubname: name = '', for_all_tables: isForAll, pubobjects, options: nodes } = statement
  return planSteps({ kind: 'schema' }, 'CREATE PUBLICATION', (run) => {
    const { transaction } = run
    const { rights, database, roleId } = transaction.principal
    rights.requireInDatabase(privilege.create, database)
    if (isForAll === true) requireSuperuser(run, 'FOR ALL TABLES')
    if (findPublication(transaction.catalog, name) !== undefined) {
      throw failure('42710', `publication "${name}" already exists`)
    }
    const { actions = rowActions, viaRoot } = readOptions(nodes)
    const objects = readObjects(run, pubobjects)
    const content: PublicationContent = {
      ...(roleId !== undefined && { ownerId: roleId }),
      actions,
      ...(viaRoot === true && { viaRoot }),
      ...(isForAll === true && { allTables: true as const }),
      ...objects,
    }
    check(run.transaction.catalog, name, content)
    transaction.globals.create(publicationKind, name, toJson(content))
    return nothing
  })
}

export function planAlterPublication(statement: AlterPublicationStmt): Planned {
  const { pubname: name = '', pubobjects, options: nodes, action } = statement
  return planSteps({ kind: 'schema' }, 'ALTER PUBLICATION', (run) => {
    const publication = getOwn(run, name)
    if (nodes !== undefined) {
      const { actions = publication.actions, viaRoot = publication.viaRoot } = readOptions(nodes)
      store(run, publication, { actions, viaRoot })
      return nothing
    }
    refuseForAll(publication, pubobjects)
    const given = readObjects(run, pubobjects, action === 'AP_DropObjects')
    store(run, publication, changed(run.transaction.catalog, publication, given, action))
    return nothing
  })
}

function changed(catalog: Catalog, publication: Publication, given: Objects, action: string | undefined): Objects {
  const { name } = publication
  const schemas = publication.schemas.filter((id) => catalog.namespaceById(id) !== undefined)
  const tables = publication.tables.filter(({ table }) => catalog.collectionById(table) !== undefined)
  const nameOf = (table: number): string => catalog.collectionById(table)!.name
  const schemaName = (id: number): string => catalog.namespaceById(id)!.name
  const known = (id: number): boolean => tables.some(({ table }) => table === id)
  if (action === 'AP_SetObjects') return given
  if (action === 'AP_DropObjects') {
    const missing = given.tables.find(({ table }) => !known(table))
    if (missing !== undefined) {
      throw failure('42704', `relation "${nameOf(missing.table)}" is not part of the publication`)
    }
    const other = given.schemas.find((id) => !schemas.includes(id))
    if (other !== undefined) {
      throw failure('42704', `tables from schema "${schemaName(other)}" are not part of the publication`)
    }
    const isDropped = (id: number): boolean => given.tables.some(({ table }) => table === id)
    return {
      tables: tables.filter(({ table }) => !isDropped(table)),
      schemas: schemas.filter((id) => !given.schemas.includes(id)),
    }
  }
  const twice = given.tables.find(({ table }) => known(table))
  if (twice !== undefined) {
    throw failure('42710', `relation "${nameOf(twice.table)}" is already member of publication "${name}"`)
  }
  const again = given.schemas.find((id) => schemas.includes(id))
  if (again !== undefined) {
    throw failure('42710', `schema "${schemaName(again)}" is already member of publication "${name}"`)
  }
  return { tables: [...tables, ...given.tables], schemas: [...schemas, ...given.schemas] }
}

function refuseForAll({ name, allTables }: Publication, objects: readonly Node[] = []): void {
  if (allTables !== true) return
  const isOfTables = objects.some((one) => specOf(one).pubobjtype === 'PUBLICATIONOBJ_TABLE')
  throw failure('55000', `publication "${name}" is defined as FOR ALL TABLES`, {
    detail: isOfTables
      ? 'Tables cannot be added to or dropped from FOR ALL TABLES publications.'
      : 'Schemas cannot be added to or dropped from FOR ALL TABLES publications.',
  })
}

export function planDropPublication({ objects = [], missing_ok: isOptional }: DropStmt): Planned {
  const names = objects.map(stringOf)
  return planSteps({ kind: 'schema' }, 'DROP PUBLICATION', (run) => {
    const notices: Notice[] = []
    for (const name of names) {
      if (isOptional !== true || findPublication(run.transaction.catalog, name) !== undefined) {
        run.transaction.globals.drop(getOwn(run, name).object)
      } else notices.push(skipping('00000', `publication "${name}" does not exist`))
    }
    return { rowCount: 0, notices }
  })
}

export function planRenamePublication({ object, newname = '' }: RenameStmt): Planned {
  return planSteps({ kind: 'schema' }, 'ALTER PUBLICATION', (run) => {
    const publication = getOwn(run, stringOf(object))
    if (findPublication(run.transaction.catalog, newname) !== undefined) {
      throw failure('42710', `publication "${newname}" already exists`)
    }
    run.transaction.globals.alter(publication.object, { name: newname })
    return nothing
  })
}

export function planOwnPublication({ object, newowner }: AlterOwnerStmt): Planned {
  return planSteps({ kind: 'schema' }, 'ALTER PUBLICATION', (run) => {
    const publication = getOwn(run, stringOf(object))
    const { ownerId } = newOwner(run, newowner)
    store(run, publication, { ownerId })
    return nothing
  })
}

function getOwn({ transaction }: SqlRun, name: string): Publication {
  const found = findPublication(transaction.catalog, name)
  if (found === undefined) throw failure('42704', `publication "${name}" does not exist`)
  if (!transaction.principal.rights.owns(found)) throw notOwner('publication', name)
  return found
}

/** What is given as undefined is left out. */
type Change = { readonly [Name in keyof PublicationContent]?: PublicationContent[Name] | boolean | undefined }

function store({ transaction }: SqlRun, { object, name }: Publication, change: Change): void {
  const entries = Object.entries({ ...object.definition, ...change })
  const content = Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== false))
  check(transaction.catalog, name, content as unknown as PublicationContent)
  transaction.globals.alter(object, { definition: content as JsonObject })
}

function toJson(content: PublicationContent): JsonObject {
  return content as unknown as JsonObject
}

/** What fits together only as a whole. */
function check(catalog: Catalog, name: string, { tables, schemas, viaRoot }: PublicationContent): void {
  const hasSchemas = schemas.some((id) => catalog.namespaceById(id) !== undefined)
  for (const { table: id, columns, where } of tables) {
    const collection = catalog.collectionById(id)
    if (collection === undefined || !isTable(collection)) continue
    const { schema, definition } = Table.of(collection)
    if (columns !== undefined && hasSchemas) {
      const what = `cannot use column list for relation "${schema}.${collection.name}" in publication "${name}"`
      throw failure('22023', what, {
        detail: 'Column lists cannot be specified in publications containing FOR TABLES IN SCHEMA elements.',
      })
    }
    if (definition.partitioning === undefined || viaRoot === true) continue
    const why = 'cannot be used for a partitioned table when publish_via_partition_root is false.'
    if (where !== undefined) {
      const what = `cannot use publication WHERE clause for relation "${collection.name}"`
      throw failure('22023', what, { detail: `WHERE clause ${why}` })
    }
    if (columns === undefined) continue
    const what = `cannot use column list for relation "${schema}.${collection.name}" in publication "${name}"`
    throw failure('22023', what, { detail: `Column lists ${why}` })
  }
}

function readOptions(nodes: readonly Node[] = []): Options {
  const options: { actions?: RowAction[]; viaRoot?: boolean } = {}
  for (const node of nodes) {
    const { defname = '', arg, location } = (node as { DefElem: DefElem }).DefElem
    const key = defname === 'publish' ? 'actions' : 'viaRoot'
    if (defname !== 'publish' && defname !== 'publish_via_partition_root') {
      throw failure('42601', `unrecognized publication parameter: "${defname}"`)
    }
    if (options[key] !== undefined) throw failure('42601', 'conflicting or redundant options', { location })
    if (key === 'actions') options.actions = readActions(optionText(arg) ?? '')
    else options.viaRoot = readBoolean(defname, arg)
  }
  return options
}

function readActions(text: string): RowAction[] {
  const words = text.split(',').map((word) => word.trim().toLowerCase())
  if (words.length === 1 && words[0] === '') return []
  const unknown = words.find((word) => !rowActions.some((action) => action === word))
  if (unknown === undefined) return rowActions.filter((action) => words.includes(action))
  throw failure('42601', `unrecognized value for publication option "publish": "${unknown}"`)
}

function readBoolean(name: string, arg: Node | undefined): boolean {
  const text = arg === undefined ? 'true' : (optionText(arg) ?? '').toLowerCase()
  if (['true', 'on', '1'].includes(text)) return true
  if (['false', 'off', '0'].includes(text)) return false
  throw failure('42601', `${name} requires a Boolean value`)
}

function specOf(node: Node): {
  readonly pubobjtype?: string
  readonly name?: string
  readonly pubtable?: PublicationTable
} {
  return 'PublicationObjSpec' in node ? node.PublicationObjSpec : {}
}

function readObjects(run: SqlRun, nodes: readonly Node[] = [], isDrop = false): Objects {
  const schemas = new Set<number>()
  const tables = new Map<number, PublishedTable>()
  for (const node of nodes) {
    const { pubobjtype, name: schema, pubtable } = specOf(node)
    if (pubobjtype !== 'PUBLICATIONOBJ_TABLE') {
      if (!isDrop) requireSuperuser(run, 'FOR TABLES IN SCHEMA')
      schemas.add(schemaNamed(run, pubobjtype === 'PUBLICATIONOBJ_TABLES_IN_SCHEMA' ? schema! : undefined))
      continue
    }
    for (const one of readTables(run, pubtable!, isDrop)) addTable(run, tables, one)
  }
  return { schemas: [...schemas], tables: [...tables.values()] }
}

function schemaNamed(run: SqlRun, name: string | undefined): number {
  const found = name ?? run.context.searchPath.find((one) => run.transaction.catalog.namespaces.has(one))
  if (found === undefined) throw failure('3F000', 'no schema has been selected for CURRENT_SCHEMA')
  return requireNamespace(run, found).id
}

function addTable({ transaction }: SqlRun, tables: Map<number, PublishedTable>, one: PublishedTable): void {
  const known = tables.get(one.table)
  if (known === undefined) tables.set(one.table, one)
  else if (known.where !== undefined || one.where !== undefined || known.columns !== one.columns) {
    const what = known.where !== undefined || one.where !== undefined ? 'WHERE clauses' : 'column lists'
    const { name } = transaction.catalog.collectionById(one.table)!
    throw failure('42710', `conflicting or redundant ${what} for table "${name}"`)
  }
}

function requireSuperuser({ transaction }: SqlRun, what: string): void {
  if (transaction.principal.rights.areUnlimited) return
  throw new AccessError('publication', '', `must be superuser to create ${what} publication`)
}

/** The one that is named, and those that inherit from it; partitions are meant with their table. */
function readTables(
  run: SqlRun,
  { relation, columns, whereClause }: PublicationTable,
  isDrop: boolean,
): PublishedTable[] {
  const table = publishable(run, relation!)
  if (isDrop) {
    if (whereClause !== undefined)
      throw failure('42601', 'cannot use a WHERE clause when removing a table from a publication')
    if (columns !== undefined) throw failure('42601', 'column list must not be specified in ALTER PUBLICATION ... DROP')
  }
  const isAlone = relation!.inh !== true || table.definition.partitioning !== undefined
  const all = isAlone ? [table] : familyOf(run.transaction.catalog, table)
  return all.map((one): PublishedTable => {
    if (!isDrop && !run.transaction.principal.rights.owns(one.collection)) throw notOwner('table', one.name)
    const numbers = columns && columnNumbers(one, stringsOf(columns))
    const where = whereClause && bindWhere(createBareBinder(currentContext(run)), one, whereClause)
    return { table: one.id, ...(numbers && { columns: numbers }), ...(where !== undefined && { where }) }
  })
}

function publishable(run: SqlRun, name: RangeVar): Table {
  const refuse = (shown: string, kind: string): never => {
    throw failure('22023', `cannot add relation "${shown}" to publication`, {
      detail: `This operation is not supported for ${kind}.`,
    })
  }
  const { schemaname: schema, relname = '' } = name
  const isOfSystem = schema === 'pg_catalog' || schema === 'information_schema'
  const collection = isOfSystem ? undefined : findCollection(run, name)
  if (collection === undefined && (isOfSystem || relname.startsWith('pg_'))) return refuse(relname, 'system tables')
  if (collection === undefined) throw failure('42P01', `relation "${shownName(name)}" does not exist`)
  const word = wordOf(collection)
  if (!isTable(collection) || word !== 'table') {
    const isOther = collection.model !== 'table'
    return refuse(collection.name, isOther ? 'relations of other models' : `${word}s`)
  }
  const table = getTable(run, name)
  if (isTemporaryName(table.schema)) return refuse(table.name, 'temporary tables')
  return mayBePublished(table) ? table : refuse(table.name, `${word}s`)
}

function columnNumbers(table: Table, names: readonly string[]): number[] {
  const numbers = new Set<number>()
  for (const name of names) {
    const column = table.findColumn(name)
    if (column === undefined) throw failure('42703', `column "${name}" of relation "${table.name}" does not exist`)
    if (column.generated !== undefined) {
      throw failure('42P10', `cannot use generated column "${name}" in publication column list`)
    }
    const { number } = column.definition
    if (numbers.has(number)) throw failure('42710', `duplicate column "${name}" in publication column list`)
    numbers.add(number)
  }
  return [...numbers].sort((a, b) => a - b)
}

function bindWhere(binder: Binder, table: Table, node: Node): string {
  const columns = table.columns.map(({ name, type, modifier }) => ({ name, type: type.oid, modifier }))
  const scope = scopeOfColumns(table.name, columns)
  scope.forbidsAggregates = 'publication WHERE expressions'
  const bound = unfolded(() => requireBoolean(binder, binder.expression(scope, node), 'PUBLICATION WHERE'))
  const refused = refusal(bound)
  if (refused !== undefined) {
    const { location } = bound
    throw failure('0A000', 'invalid publication WHERE expression', { detail: refused, location })
  }
  const generated = [...columnsRead(bound)].find((ordinal) => table.columns[ordinal]!.generated !== undefined)
  if (generated !== undefined) {
    throw failure('0A000', 'invalid publication WHERE expression', { detail: 'Generated columns cannot be used.' })
  }
  return deparse(bound)
}

/** Whoever reads it must find the same, whatever else there is: only what is built in, and never changes. */
function refusal(bound: Expression): string | undefined {
  let found: string | undefined
  someExpression(bound, (one) => {
    if (one.kind === 'subquery') {
      found =
        'Only columns, constants, built-in operators, built-in data types, built-in collations, and immutable built-in functions are allowed.'
    } else if (one.kind === 'call' && (one.volatile || one.stable === true)) {
      found = 'User-defined or built-in mutable functions are not allowed.'
    } else if (findType(one.type)?.made !== undefined) found = 'User-defined types are not allowed.'
    return found !== undefined
  })
  return found
}

/** ALTER TABLE … REPLICA IDENTITY; undefined of other commands. */
export function replicaIdentityStep({
  subtype,
  def,
}: AlterTableCmd): ((run: SqlRun, table: Table) => Table) | undefined {
  if (subtype !== 'AT_ReplicaIdentity' || def === undefined || !('ReplicaIdentityStmt' in def)) return undefined
  const { identity_type: type, name = '' } = def.ReplicaIdentityStmt
  return (run, table) => {
    const identity = type === 'i' ? identityByIndex(table, name) : plainIdentities[type ?? 'd']
    return redefine(run.transaction, table, withIdentity(table.definition, identity))
  }
}

const plainIdentities: Readonly<Record<string, ReplicaIdentity | undefined>> = {
  d: undefined,
  f: 'full',
  n: 'nothing',
}

function identityByIndex(table: Table, name: string): ReplicaIdentity {
  if (table.primaryKey !== undefined && table.primaryKeyName === name) return { index: primaryIndexKey }
  const index = table.indexes.find((one) => one.name === name)
  if (index === undefined) throw failure('42704', `index "${name}" for table "${table.name}" does not exist`)
  const refuse = (what: string): never => {
    throw failure('42809', `cannot use ${what} index "${name}" as replica identity`)
  }
  if (!index.isUnique) return refuse('non-unique')
  if (index.deferrable !== undefined) return refuse('non-immediate')
  if (index.expressions.length > 0) return refuse('expression')
  if (index.predicate !== undefined) return refuse('partial')
  for (const { number } of indexDefinitionOf(index.index).columns) {
    const column = table.columnByNumber(number)
    if (column.isNotNull) continue
    const why = `because column "${column.name}" is nullable`
    throw failure('42809', `index "${name}" cannot be used as replica identity ${why}`)
  }
  return { index: index.id }
}
