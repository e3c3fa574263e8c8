/** The standard's views of the catalog, as far as tools read them. */
import { allPrivileges, noPrivileges, privilege, type Privileges } from '../../../database/access/privileges.ts'
import { wordOf } from '../../../database/access/rights.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import { formatType, getType } from '../../../model/table/types/registry.ts'
import { domainModifier } from '../../../model/table/types/user/domain.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import { isView, viewDefinitionOf } from '../../../model/table/view-kind.ts'
import { isTemporaryName } from '../../../model/table/temporary-names.ts'
import { unpackNumericModifier } from '../../../model/table/types/numeric.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import type { ForeignKey } from '../../../model/table/foreign-key.ts'
import { accessViews } from './information-schema-access.ts'
import { constraintsOf } from './constraints.ts'
import { systemNamespaces } from './identity.ts'
import { memoryRelation } from './memory-relation.ts'
import { standardViews, views, writableColumns } from './pg-views.ts'
import { viewsOf } from './registered-views.ts'
import { ownerName } from './roles.ts'
import { relationsOf } from './relations.ts'
import { collections, tables } from './stored-tables.ts'

type Values = readonly SqlValue[]

const { text, int4 } = oid
const schema = 'information_schema'
const texts = (names: string): (readonly [string, number])[] => names.split(' ').map((name) => [name, text] as const)

function* allRelations(run: SqlRun): Generator<Relation> {
  for (const collection of collections(run)) {
    if (isOthersTemporary(run, collection) || wordOf(collection) === 'materialized view') continue
    if (collection.kind !== 'sequence' && mayAny(run, collection)) yield* relationsOf(collection)
  }
  yield* viewsOf(run.context)
}

function isOthersTemporary({ context }: SqlRun, { namespace: { name } }: Collection): boolean {
  return isTemporaryName(name) && name !== context.temporarySchema
}

/** The standard shows nobody what it has nothing to do with. */
function mayAny({ transaction }: SqlRun, collection: Collection, of: Privileges = allPrivileges): boolean {
  return (transaction.principal.rights.onAnyColumn(collection) & of) !== noPrivileges
}

function maySeeColumn({ transaction }: SqlRun, { collection }: Relation, column: number): boolean {
  if (collection === undefined) return true
  return transaction.principal.rights.onColumn(collection, column) !== noPrivileges
}

function* tableRows(run: SqlRun): Generator<Values> {
  for (const relation of allRelations(run)) {
    const isView = relation.kind === 'view'
    yield [
      run.context.database,
      relation.schema,
      relation.name,
      isView ? 'VIEW' : isTemporaryName(relation.schema) ? 'LOCAL TEMPORARY' : 'BASE TABLE',
      null,
      null,
      null,
      null,
      null,
      isWritable(run, relation) ? 'YES' : 'NO',
      'NO',
      null,
    ]
  }
}

/** Of one column, or of any. */
function isWritable(run: SqlRun, { kind, collection }: Relation, column?: number): boolean {
  if (kind !== 'view') return true
  if (collection === undefined || !isView(collection)) return false
  const columns = writableColumns(run, collection)
  return columns !== undefined && (column === undefined ? columns.size > 0 : columns.has(column))
}

function* columnRows(run: SqlRun): Generator<Values> {
  const defaults = new Map<string, string>()
  const generations = new Map<string, string>()
  const identities = new Map<string, string>()
  for (const view of views(run)) {
    for (const { name, default: value } of viewDefinitionOf(view).columns) {
      if (value !== undefined) defaults.set(`${view.namespace.name}\0${view.name}\0${name}`, value)
    }
  }
  for (const table of tables(run)) {
    for (const { name, default: value, definition, generated } of table.columns) {
      const key = `${table.schema}\0${table.name}\0${name}`
      if (definition.identity !== undefined) identities.set(key, definition.identity.toUpperCase())
      else if (value !== undefined) defaults.set(key, value)
      if (generated !== undefined) generations.set(key, generated.expression)
    }
  }
  for (const relation of allRelations(run)) {
    for (const [i, column] of relation.columns.entries()) {
      if (!maySeeColumn(run, relation, column.number)) continue
      const key = `${relation.schema}\0${relation.name}\0${column.name}`
      const declared = getType(column.type)
      const type = declared.base ?? declared
      const modifier = declared.base === undefined ? column.modifier : domainModifier(declared)
      const isText = type.oid === oid.varchar || type.oid === oid.bpchar
      const numeric = type.oid === oid.numeric && modifier >= 0 ? unpackNumericModifier(modifier) : undefined
      const bits = { [oid.int2]: 16, [oid.int4]: 32, [oid.int8]: 64, [oid.float4]: 24, [oid.float8]: 53 }[type.oid]
      const domain = declared.base === undefined ? undefined : declared.made!.content
      yield [
        run.context.database,
        relation.schema,
        relation.name,
        column.name,
        i + 1,
        defaults.get(key) ?? null,
        column.isNotNull ? 'NO' : 'YES',
        dataTypeOf(type),
        isText && modifier >= 4 ? modifier - 4 : null,
        numeric?.precision ?? bits ?? null,
        numeric?.scale ?? (bits !== undefined && bits !== 24 && bits !== 53 ? 0 : null),
        domain === undefined ? null : run.context.database,
        domain?.schema ?? null,
        domain?.name ?? null,
        run.context.database,
        type.made?.content.schema ?? 'pg_catalog',
        type.name,
        identities.has(key) ? 'YES' : 'NO',
        identities.get(key) ?? null,
        generations.has(key) ? 'ALWAYS' : 'NEVER',
        generations.get(key) ?? null,
        isWritable(run, relation, column.number) ? 'YES' : 'NO',
      ]
    }
  }
}

/** What is no type of the standard is called after its kind. */
function dataTypeOf({ element, made, oid: number }: SqlType): string {
  if (element !== undefined) return 'ARRAY'
  return made === undefined ? formatType(number, -1) : 'USER-DEFINED'
}

const constraintKinds = { p: 'PRIMARY KEY', u: 'UNIQUE', c: 'CHECK', f: 'FOREIGN KEY' } as const

function* constraintRows(run: SqlRun): Generator<Values> {
  const { database } = run.context
  for (const { table, name, kind, deferrable } of constraintsOf(run)) {
    if (!mayAny(run, table.collection, ~privilege.read)) continue
    const own = [database, table.schema, name, database, table.schema, table.name]
    yield [
      ...own,
      constraintKinds[kind],
      deferrable === undefined ? 'NO' : 'YES',
      deferrable === 'deferred' ? 'YES' : 'NO',
      'YES',
    ]
  }
}

function* keyColumnRows(run: SqlRun): Generator<Values> {
  const { database } = run.context
  for (const { table, name, index, foreignKey } of constraintsOf(run)) {
    if (!mayAny(run, table.collection)) continue
    const own = [database, table.schema, name, database, table.schema, table.name]
    const key = foreignKey === undefined ? [] : referencedKey(foreignKey)
    for (const [i, { column }] of (index?.parts ?? []).entries()) yield [...own, column.name, i + 1, null]
    for (const [i, { name: column }] of (foreignKey?.columns ?? []).entries()) {
      yield [...own, column, i + 1, key.indexOf(foreignKey!.definition.referencedColumns[i]!) + 1]
    }
  }
}

/** Column numbers of the unique constraint that a foreign key relies on, in its order. */
function referencedKey({ referenced, definition }: ForeignKey): number[] {
  const index = referenced.indexes.find(({ id }) => id === definition.index)
  return (index?.parts ?? referenced.primaryKey ?? []).map(({ column }) => column.number)
}

function* referentialRows(run: SqlRun): Generator<Values> {
  const { database } = run.context
  for (const { table, name, foreignKey } of constraintsOf(run)) {
    if (foreignKey === undefined || !mayAny(run, table.collection, ~privilege.read)) continue
    const { referenced, definition } = foreignKey
    const index = referenced.indexes.find(({ id }) => id === definition.index)
    const relies = index === undefined ? referenced.primaryKeyName! : index.isConstraint ? index.name : null
    yield [
      database,
      table.schema,
      name,
      relies === null ? null : database,
      relies === null ? null : referenced.schema,
      relies,
      definition.match === 'full' ? 'FULL' : 'NONE',
      definition.onUpdate.toUpperCase(),
      definition.onDelete.toUpperCase(),
    ]
  }
}

/** Columns that a constraint is about; of a foreign key those that it refers to. */
function* columnUsageRows(run: SqlRun): Generator<Values> {
  const { database } = run.context
  for (const { table, name, index, foreignKey } of constraintsOf(run)) {
    const owner = foreignKey?.referenced ?? table
    if (!run.transaction.principal.rights.owns(owner.collection)) continue
    const columns = foreignKey?.referencedColumns ?? index?.parts.map(({ column }) => column) ?? []
    for (const column of columns) {
      yield [database, owner.schema, owner.name, column.name, database, table.schema, name]
    }
  }
}

function* schemaRows(run: SqlRun): Generator<Values> {
  const { database, user } = run.context
  const { catalog, principal } = run.transaction
  for (const name of systemNamespaces.keys()) yield [database, name, user]
  for (const namespace of catalog.namespaces.values()) {
    if (principal.rights.ofNamespace(namespace) !== noPrivileges)
      yield [database, namespace.name, ownerName(run, namespace)]
  }
}

export const informationSchema: readonly Relation[] = [
  ...accessViews,
  memoryRelation(
    schema,
    'views',
    texts(
      'table_catalog table_schema table_name view_definition check_option is_updatable is_insertable_into is_trigger_updatable is_trigger_deletable is_trigger_insertable_into',
    ),
    standardViews,
  ),
  memoryRelation(
    schema,
    'tables',
    texts(
      'table_catalog table_schema table_name table_type self_referencing_column_name reference_generation user_defined_type_catalog user_defined_type_schema user_defined_type_name is_insertable_into is_typed commit_action',
    ),
    tableRows,
  ),
  memoryRelation(
    schema,
    'columns',
    [
      ...texts('table_catalog table_schema table_name column_name'),
      ['ordinal_position', int4],
      ...texts('column_default is_nullable data_type'),
      ['character_maximum_length', int4],
      ['numeric_precision', int4],
      ['numeric_scale', int4],
      ...texts(
        'domain_catalog domain_schema domain_name udt_catalog udt_schema udt_name is_identity identity_generation is_generated generation_expression is_updatable',
      ),
    ],
    columnRows,
  ),
  memoryRelation(
    schema,
    'table_constraints',
    texts(
      'constraint_catalog constraint_schema constraint_name table_catalog table_schema table_name constraint_type is_deferrable initially_deferred enforced',
    ),
    constraintRows,
  ),
  memoryRelation(
    schema,
    'key_column_usage',
    [
      ...texts(
        'constraint_catalog constraint_schema constraint_name table_catalog table_schema table_name column_name',
      ),
      ['ordinal_position', int4],
      ['position_in_unique_constraint', int4],
    ],
    keyColumnRows,
  ),
  memoryRelation(
    schema,
    'referential_constraints',
    texts(
      'constraint_catalog constraint_schema constraint_name unique_constraint_catalog unique_constraint_schema unique_constraint_name match_option update_rule delete_rule',
    ),
    referentialRows,
  ),
  memoryRelation(
    schema,
    'constraint_column_usage',
    texts('table_catalog table_schema table_name column_name constraint_catalog constraint_schema constraint_name'),
    columnUsageRows,
  ),
  memoryRelation(schema, 'schemata', texts('catalog_name schema_name schema_owner'), schemaRows),
]
