/** pg_class and what describes relations: columns, indexes, constraints, defaults. */
import { partText } from '../../../database/catalog/objects.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import { memoryEngine } from '../../../database/engines.ts'
import { constraintRows } from './constraints.ts'
import type { ColumnDefinition } from '../../../model/table/definition.ts'
import type { RowSecurity } from '../../../model/table/policies.ts'
import { identityLetter } from '../../../model/table/publication/identity.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { isSequence, sequenceDefinitionOf } from '../../../model/table/sequence.ts'
import { Table } from '../../../model/table/table.ts'
import { isTemporaryName } from '../../../model/table/temporary-names.ts'
import { isView, viewDefinitionOf } from '../../../model/table/view-kind.ts'
import { numberOfType } from '../../../model/table/types/user/content.ts'
import { findType, shownNumber } from '../../../model/table/types/registry.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { collectionOid, defaultOid, namespaceOid, systemNamespaces } from './identity.ts'
import { accessTexts, ownerPrivileges } from './access-text.ts'
import { ownerName, ownerOid, ownRoleOid } from './roles.ts'
import { memoryRelation } from './memory-relation.ts'
import { viewOptionTexts } from './pg-views.ts'
import { shownBound } from './pg-partitions.ts'
import { collationOf, compositeFields, storageOf } from './pg-types.ts'
import { relationOid, relationsOf } from './relations.ts'
import { methodOf } from './pg-indexes.ts'
import { accessMethods } from './operator-classes.ts'
import { allObjects, objectBy, type StoredObjects } from './stored-objects.ts'
import { indexesOfTable, tablesAmong } from './stored-tables.ts'

type Values = readonly SqlValue[]

const { name, oid: oidType, int2, int4, bool, text, float4, nodeTree, char, aclitemArray, textArray, int2Array } = oid

interface ClassRow {
  readonly oid: number
  readonly name: string
  readonly namespace: number
  readonly owner: number
  readonly kind: string
  readonly columns: number
  /** Of an index. */
  readonly method?: string
  /** That of its rows. */
  readonly type?: number
  readonly hasIndex?: boolean
  readonly checks?: number
  readonly rowSecurity?: RowSecurity | undefined
  readonly identity?: string
  /** What PostgreSQL keeps references by: psql looks for those only where it is true. */
  readonly hasTriggers?: boolean
  readonly hasRules?: boolean
  readonly isUnpopulated?: boolean
  readonly isTemporary?: boolean
  readonly options?: readonly string[]
  readonly access?: readonly string[] | null
  readonly hasChildren?: boolean
  /** Of a partition; null: of an index, which has none. */
  readonly bound?: string | null | undefined
}

function classRow(one: ClassRow): Values {
  const method = one.method ?? (one.kind === 'r' || one.kind === 'm' ? 'heap' : undefined)
  return [
    one.oid,
    one.name,
    one.namespace,
    one.type ?? 0,
    0,
    one.owner,
    method === undefined ? 0 : accessMethods.get(method)!,
    one.oid,
    0,
    0,
    -1,
    0,
    0,
    one.hasIndex === true,
    false,
    one.isTemporary === true ? 't' : 'p',
    one.kind,
    one.columns,
    one.checks ?? 0,
    one.hasRules === true,
    one.hasTriggers === true,
    one.hasChildren === true,
    one.rowSecurity?.enabled === true,
    one.rowSecurity?.forced === true,
    one.isUnpopulated !== true,
    one.identity ?? 'd',
    one.bound !== undefined,
    0,
    0,
    0,
    one.access ?? null,
    one.options ?? null,
    one.bound ?? null,
  ]
}

/** What the owner has of it, and whoever has been given something. */
function accessOf(run: SqlRun, collection: Collection): string[] | null {
  return accessTexts(run, collection, '', ownerPrivileges[isSequence(collection) ? 'sequence' : 'table'])
}

function* classes(run: SqlRun, objects: StoredObjects = allObjects(run)): Generator<Values> {
  for (const collection of objects.relations()) {
    const namespace = namespaceOid(collection.namespace)
    const owner = ownerOid(run, collection)
    const access = accessOf(run, collection)
    const isTemporary = isTemporaryName(collection.namespace.name)
    const base = { oid: collectionOid(collection), name: collection.name, namespace, owner, access, isTemporary }
    if (isSequence(collection)) yield classRow({ ...base, kind: 'S', columns: 3 })
    else if (isTable(collection)) yield* tableClasses(run, Table.of(collection), base)
    else if (isView(collection)) yield viewClass(collection, base)
    else {
      const columns = relationsOf(collection)[0]?.columns.length ?? 0
      yield classRow({ ...base, kind: 'r', columns, hasIndex: true, ...optionsOf(collection) })
    }
  }
  for (const collection of objects.types()) if (collection.kind === 'composite') yield compositeClass(run, collection)
  for (const view of objects.systemViews()) {
    const namespace = systemNamespaces.get(view.schema)!
    const columns = view.columns.length
    yield classRow({ oid: relationOid(view), name: view.name, namespace, owner: ownRoleOid, kind: 'v', columns })
  }
}

function compositeClass(run: SqlRun, collection: Collection): Values {
  const base = { oid: collectionOid(collection), name: collection.name, type: numberOfType(collection.id) }
  const place = { namespace: namespaceOid(collection.namespace), owner: ownerOid(run, collection) }
  return classRow({ ...base, ...place, kind: 'c', columns: compositeFields(collection).length })
}

type ClassBase = Pick<ClassRow, 'oid' | 'name' | 'namespace' | 'owner' | 'access' | 'isTemporary'>

function* tableClasses(run: SqlRun, table: Table, base: ClassBase): Generator<Values> {
  const indexes = indexesOfTable(table)
  const {
    foreignKeys = [],
    referencedBy = [],
    rowSecurity,
    partitioning,
    children = [],
    materialized,
    triggers = [],
  } = table.definition
  yield classRow({
    ...base,
    kind: kindOfTable(table),
    type: numberOfType(table.collection.id),
    ...(materialized !== undefined && { hasRules: true, isUnpopulated: !materialized.isPopulated }),
    hasChildren: children.length > 0,
    bound: shownBound(run, table),
    columns: table.columns.length,
    hasIndex: indexes.length > 0,
    checks: table.checks.length,
    rowSecurity,
    identity: identityLetter(table),
    ...optionsOf(table.collection),
    hasTriggers: foreignKeys.length > 0 || referencedBy.length > 0 || triggers.length > 0,
  })
  for (const index of indexes) {
    yield classRow({
      ...base,
      oid: index.oid,
      name: index.name,
      access: null,
      kind: partitioning === undefined ? 'i' : 'I',
      method: methodOf(index),
      hasChildren: partitioning !== undefined && children.length > 0,
      bound: index.isPart ? null : undefined,
      columns: index.parts.length,
    })
  }
}

function kindOfTable({ definition: { partitioning, materialized } }: Table): string {
  if (materialized !== undefined) return 'm'
  return partitioning === undefined ? 'r' : 'p'
}

function viewClass(collection: Collection, base: ClassBase): Values {
  const { columns, options = {}, triggers = [] } = viewDefinitionOf(collection)
  const shown = viewOptionTexts(options)
  const more = shown.length > 0 ? { options: shown } : {}
  return classRow({
    ...base,
    kind: 'v',
    columns: columns.length,
    hasRules: true,
    hasTriggers: triggers.length > 0,
    ...more,
  })
}

/** As a table shows them that was made WITH them. */
function optionsOf({ engine }: Collection): { readonly options?: readonly string[] } {
  return engine === memoryEngine ? {} : { options: [`engine=${engine}`] }
}

function attributeRow(
  relation: number,
  column: {
    readonly name: string
    readonly type: number
    readonly modifier: number
    readonly number: number
    readonly isNotNull: boolean
  },
  more: AttributeMore = {},
): Values {
  const type = findType(column.type)
  const length = type?.lengthBytes ?? -1
  return [
    relation,
    column.name,
    shownNumber(column.type),
    -1,
    length,
    column.number,
    type?.element === undefined ? 0 : 1,
    -1,
    column.modifier,
    length > 0 && length <= 8,
    'i',
    more.storage ?? storageOf(column.type, length),
    '',
    column.isNotNull,
    more.hasDefault === true,
    false,
    more.identity ?? '',
    more.generated ?? '',
    more.isDropped === true,
    more.isLocal !== false,
    more.inherited ?? 0,
    collationOf(column.type),
    more.access ?? null,
    null,
    null,
    null,
  ]
}

interface AttributeMore {
  readonly hasDefault?: boolean
  readonly identity?: string
  readonly generated?: string
  readonly access?: readonly string[] | null
  readonly isLocal?: boolean
  readonly inherited?: number
  readonly isDropped?: boolean
  readonly storage?: ColumnDefinition['storage']
}

function* attributes(run: SqlRun, objects: StoredObjects = allObjects(run)): Generator<Values> {
  for (const collection of objects.relations()) {
    if (isTable(collection)) yield* tableAttributes(run, Table.of(collection))
    else if (isView(collection)) yield* viewAttributes(run, collection)
    else {
      for (const relation of relationsOf(collection).slice(0, 1)) {
        for (const column of relation.columns) yield attributeRow(collectionOid(collection), column)
      }
    }
  }
  for (const collection of objects.types()) {
    if (collection.kind !== 'composite') continue
    for (const field of compositeFields(collection)) {
      yield attributeRow(
        collectionOid(collection),
        { ...field, isNotNull: false },
        { isDropped: field.dropped === true },
      )
    }
  }
  for (const view of objects.systemViews())
    for (const column of view.columns) yield attributeRow(relationOid(view), column)
}

function* viewAttributes(run: SqlRun, collection: Collection): Generator<Values> {
  for (const { name: columnName, type, modifier = -1, number, default: value } of viewDefinitionOf(collection)
    .columns) {
    const access = accessTexts(run, collection, partText({ kind: 'column', key: number }), 0)
    const column = { name: columnName, type, modifier, number, isNotNull: false }
    yield attributeRow(collectionOid(collection), column, { hasDefault: value !== undefined, access })
  }
}

function inheritanceOf({ local, inherited = 0 }: ColumnDefinition): Pick<AttributeMore, 'isLocal' | 'inherited'> {
  return { isLocal: local !== false, inherited }
}

function* tableAttributes(run: SqlRun, table: Table): Generator<Values> {
  const relation = collectionOid(table.collection)
  for (const column of table.columns) {
    const { name: columnName, type, modifier, number, isNotNull, definition } = column
    const identity = definition.identity === 'always' ? 'a' : definition.identity === 'by default' ? 'd' : ''
    // An identity column's default belongs to it and is not shown as one.
    const isGenerated = column.generated !== undefined
    const access = accessTexts(run, table.collection, partText({ kind: 'column', key: number }), 0)
    const hasDefault = isGenerated || (column.default !== undefined && identity === '')
    yield attributeRow(
      relation,
      { name: columnName, type: type.oid, modifier, number, isNotNull },
      {
        hasDefault,
        identity,
        access,
        storage: definition.storage,
        ...inheritanceOf(definition),
        ...(isGenerated && { generated: 's' }),
      },
    )
  }
  for (const index of indexesOfTable(table)) {
    for (const [i, { column }] of index.parts.entries()) {
      yield attributeRow(index.oid, {
        name: column.name,
        type: column.type.oid,
        modifier: column.modifier,
        number: i + 1,
        isNotNull: false,
      })
    }
  }
}

function* defaults(run: SqlRun, objects: StoredObjects = allObjects(run)): Generator<Values> {
  yield* viewDefaults(objects)
  for (const table of tablesAmong(objects.relations())) {
    for (const column of table.columns) {
      const expression = column.generated?.expression ?? column.default
      if (expression === undefined || column.definition.identity !== undefined) continue
      yield [defaultOid(table.collection, column.number), collectionOid(table.collection), column.number, expression]
    }
  }
}

function* viewDefaults(objects: StoredObjects): Generator<Values> {
  for (const collection of objects.relations()) {
    if (!isView(collection)) continue
    for (const { number, default: value } of viewDefinitionOf(collection).columns) {
      if (value !== undefined) yield [defaultOid(collection, number), collectionOid(collection), number, value]
    }
  }
}

function* tableRows(run: SqlRun, objects: StoredObjects = allObjects(run)): Generator<Values> {
  for (const table of tablesAmong(objects.relations())) {
    if (table.definition.materialized !== undefined) continue
    yield [
      table.schema,
      table.name,
      ownerName(run, table.collection),
      null,
      indexesOfTable(table).length > 0,
      false,
      false,
      table.definition.rowSecurity?.enabled === true,
    ]
  }
}

function* sequences(run: SqlRun, objects: StoredObjects = allObjects(run)): Generator<Values> {
  for (const collection of objects.relations()) {
    if (!isSequence(collection)) continue
    const definition = sequenceDefinitionOf(collection)
    yield [
      collectionOid(collection),
      definition.type,
      BigInt(definition.start),
      BigInt(definition.increment),
      BigInt(definition.maximum),
      BigInt(definition.minimum),
      BigInt(definition.cache ?? 1),
      definition.cycle,
    ]
  }
}

export const pgRelations: readonly Relation[] = [
  memoryRelation(
    'pg_catalog',
    'pg_class',
    [
      ['oid', oidType],
      ['relname', name],
      ['relnamespace', oidType],
      ['reltype', oidType],
      ['reloftype', oidType],
      ['relowner', oidType],
      ['relam', oidType],
      ['relfilenode', oidType],
      ['reltablespace', oidType],
      ['relpages', int4],
      ['reltuples', float4],
      ['relallvisible', int4],
      ['reltoastrelid', oidType],
      ['relhasindex', bool],
      ['relisshared', bool],
      ['relpersistence', char],
      ['relkind', char],
      ['relnatts', int2],
      ['relchecks', int2],
      ['relhasrules', bool],
      ['relhastriggers', bool],
      ['relhassubclass', bool],
      ['relrowsecurity', bool],
      ['relforcerowsecurity', bool],
      ['relispopulated', bool],
      ['relreplident', char],
      ['relispartition', bool],
      ['relrewrite', oidType],
      ['relfrozenxid', oid.xid],
      ['relminmxid', oid.xid],
      ['relacl', aclitemArray],
      ['reloptions', textArray],
      ['relpartbound', nodeTree],
    ],
    classes,
    { oid: objectBy.uniqueRelation, relname: objectBy.name },
  ),
  memoryRelation(
    'pg_catalog',
    'pg_attribute',
    [
      ['attrelid', oidType],
      ['attname', name],
      ['atttypid', oidType],
      ['attstattarget', int4],
      ['attlen', int2],
      ['attnum', int2],
      ['attndims', int4],
      ['attcacheoff', int4],
      ['atttypmod', int4],
      ['attbyval', bool],
      ['attalign', char],
      ['attstorage', char],
      ['attcompression', char],
      ['attnotnull', bool],
      ['atthasdef', bool],
      ['atthasmissing', bool],
      ['attidentity', char],
      ['attgenerated', char],
      ['attisdropped', bool],
      ['attislocal', bool],
      ['attinhcount', int4],
      ['attcollation', oidType],
      ['attacl', aclitemArray],
      ['attoptions', textArray],
      ['attfdwoptions', textArray],
      ['attmissingval', text],
    ],
    attributes,
    { attrelid: objectBy.relation },
  ),
  memoryRelation(
    'pg_catalog',
    'pg_constraint',
    [
      ['oid', oidType],
      ['conname', name],
      ['connamespace', oidType],
      ['contype', char],
      ['condeferrable', bool],
      ['condeferred', bool],
      ['convalidated', bool],
      ['conrelid', oidType],
      ['contypid', oidType],
      ['conindid', oidType],
      ['conparentid', oidType],
      ['confrelid', oidType],
      ['confupdtype', char],
      ['confdeltype', char],
      ['confmatchtype', char],
      ['conislocal', bool],
      ['coninhcount', int4],
      ['connoinherit', bool],
      ['conkey', int2Array],
      ['confkey', int2Array],
      ['conpfeqop', oid.oidArray],
      ['conppeqop', oid.oidArray],
      ['conffeqop', oid.oidArray],
      ['confdelsetcols', int2Array],
      ['conexclop', oid.oidArray],
      ['conbin', nodeTree],
    ],
    constraintRows,
    {
      oid: objectBy.uniquePart,
      conrelid: objectBy.relationIfAny,
      contypid: objectBy.typeIfAny,
      confrelid: objectBy.referredIfAny,
    },
  ),
  memoryRelation(
    'pg_catalog',
    'pg_attrdef',
    [
      ['oid', oidType],
      ['adrelid', oidType],
      ['adnum', int2],
      ['adbin', nodeTree],
    ],
    defaults,
    { oid: objectBy.uniquePart, adrelid: objectBy.relation },
  ),
  memoryRelation(
    'pg_catalog',
    'pg_tables',
    [
      ['schemaname', name],
      ['tablename', name],
      ['tableowner', name],
      ['tablespace', name],
      ['hasindexes', bool],
      ['hasrules', bool],
      ['hastriggers', bool],
      ['rowsecurity', bool],
    ],
    tableRows,
    { tablename: objectBy.name },
  ),
  memoryRelation(
    'pg_catalog',
    'pg_sequence',
    [
      ['seqrelid', oidType],
      ['seqtypid', oidType],
      ['seqstart', oid.int8],
      ['seqincrement', oid.int8],
      ['seqmax', oid.int8],
      ['seqmin', oid.int8],
      ['seqcache', oid.int8],
      ['seqcycle', bool],
    ],
    sequences,
    { seqrelid: objectBy.uniqueRelation },
  ),
]
