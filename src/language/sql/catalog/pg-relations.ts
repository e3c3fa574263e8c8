/** pg_class and what describes relations: columns, indexes, constraints, defaults. */
import { partText } from '../../../database/catalog/objects.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import { memoryEngine } from '../../../database/engines.ts'
import { constraintRows } from './constraints.ts'
import type { RowSecurity } from '../../../model/table/policies.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { isSequence, sequenceDefinitionOf } from '../../../model/table/sequence.ts'
import { Table } from '../../../model/table/table.ts'
import { findType } from '../../../model/table/types/registry.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { collectionOid, defaultOid, namespaceOid, systemNamespaces } from './identity.ts'
import { accessTexts, ownerPrivileges } from './access-text.ts'
import { ownerName, ownerOid, ownRoleOid } from './roles.ts'
import { memoryRelation } from './memory-relation.ts'
import { viewsOf } from './registered-views.ts'
import { relationOid, relationsOf } from './relations.ts'
import { collections, describeIndex, indexesOfTable, tables } from './stored-tables.ts'

type Values = readonly SqlValue[]

const {
  name,
  oid: oidType,
  int2,
  int4,
  bool,
  text,
  float4,
  int2vector,
  oidvector,
  nodeTree,
  char,
  aclitemArray,
  textArray,
  int2Array,
} = oid

interface ClassRow {
  readonly oid: number
  readonly name: string
  readonly namespace: number
  readonly owner: number
  readonly kind: string
  readonly columns: number
  readonly hasIndex?: boolean
  readonly checks?: number
  readonly rowSecurity?: RowSecurity | undefined
  /** What PostgreSQL keeps references by: psql looks for those only where it is true. */
  readonly hasTriggers?: boolean
  readonly options?: readonly string[]
  readonly access?: readonly string[] | null
}

function classRow(one: ClassRow): Values {
  const method = one.kind === 'i' ? 403 : one.kind === 'r' ? 2 : 0
  return [
    one.oid,
    one.name,
    one.namespace,
    0,
    0,
    one.owner,
    method,
    one.oid,
    0,
    0,
    -1,
    0,
    0,
    one.hasIndex === true,
    false,
    'p',
    one.kind,
    one.columns,
    one.checks ?? 0,
    false,
    one.hasTriggers === true,
    false,
    one.rowSecurity?.enabled === true,
    one.rowSecurity?.forced === true,
    true,
    'd',
    false,
    0,
    one.access ?? null,
    one.options ?? null,
    null,
  ]
}

/** What the owner has of it, and whoever has been given something. */
function accessOf(run: SqlRun, collection: Collection): string[] | null {
  return accessTexts(run, collection, '', ownerPrivileges[isSequence(collection) ? 'sequence' : 'table'])
}

function* classes(run: SqlRun): Generator<Values> {
  for (const collection of collections(run)) {
    const namespace = namespaceOid(collection.namespace)
    const owner = ownerOid(run, collection)
    const access = accessOf(run, collection)
    const base = { oid: collectionOid(collection), name: collection.name, namespace, owner, access }
    if (isSequence(collection)) yield classRow({ ...base, kind: 'S', columns: 3 })
    else if (isTable(collection)) yield* tableClasses(Table.of(collection), base)
    else {
      const columns = relationsOf(collection)[0]?.columns.length ?? 0
      yield classRow({ ...base, kind: 'r', columns, hasIndex: true, ...optionsOf(collection) })
    }
  }
  for (const view of viewsOf(run.context)) {
    const namespace = systemNamespaces.get(view.schema)!
    const columns = view.columns.length
    yield classRow({ oid: relationOid(view), name: view.name, namespace, owner: ownRoleOid, kind: 'v', columns })
  }
}

type ClassBase = Pick<ClassRow, 'oid' | 'name' | 'namespace' | 'owner' | 'access'>

function* tableClasses(table: Table, base: ClassBase): Generator<Values> {
  const indexes = indexesOfTable(table)
  const { foreignKeys = [], referencedBy = [], rowSecurity } = table.definition
  yield classRow({
    ...base,
    kind: 'r',
    columns: table.columns.length,
    hasIndex: indexes.length > 0,
    checks: table.checks.length,
    rowSecurity,
    ...optionsOf(table.collection),
    hasTriggers: foreignKeys.length > 0 || referencedBy.length > 0,
  })
  for (const index of indexes) {
    yield classRow({
      ...base,
      oid: index.oid,
      name: index.name,
      access: null,
      kind: 'i',
      columns: index.parts.length,
    })
  }
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
    column.type,
    -1,
    length,
    column.number,
    type?.element === undefined ? 0 : 1,
    -1,
    column.modifier,
    length > 0 && length <= 8,
    'i',
    'p',
    '',
    column.isNotNull,
    more.hasDefault === true,
    false,
    more.identity ?? '',
    more.generated ?? '',
    false,
    true,
    0,
    type?.category === 'S' ? 100 : 0,
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
}

function* attributes(run: SqlRun): Generator<Values> {
  for (const collection of collections(run)) {
    if (isTable(collection)) yield* tableAttributes(run, Table.of(collection))
    else {
      for (const relation of relationsOf(collection).slice(0, 1)) {
        for (const column of relation.columns) yield attributeRow(collectionOid(collection), column)
      }
    }
  }
  for (const view of viewsOf(run.context))
    for (const column of view.columns) yield attributeRow(relationOid(view), column)
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
      { hasDefault, identity, access, ...(isGenerated && { generated: 's' }) },
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

function* indexRows(run: SqlRun): Generator<Values> {
  for (const table of tables(run)) {
    for (const index of indexesOfTable(table)) {
      const options = index.parts.map((part) => Number(part.isDescending) + 2 * Number(part.nullsFirst))
      const numbers = index.parts.map(({ column }) => column.number)
      const zeros = index.parts.map(() => 0)
      yield [
        index.oid,
        collectionOid(table.collection),
        numbers.length,
        numbers.length,
        index.isUnique,
        false,
        index.isPrimary,
        false,
        index.deferrable === undefined,
        false,
        true,
        false,
        true,
        true,
        false,
        numbers,
        zeros,
        zeros,
        options,
        null,
        null,
      ]
    }
  }
}

function* defaults(run: SqlRun): Generator<Values> {
  for (const table of tables(run)) {
    for (const column of table.columns) {
      const expression = column.generated?.expression ?? column.default
      if (expression === undefined || column.definition.identity !== undefined) continue
      yield [defaultOid(table.collection, column.number), collectionOid(table.collection), column.number, expression]
    }
  }
}

function* tableRows(run: SqlRun): Generator<Values> {
  for (const table of tables(run)) {
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

function* indexDefinitions(run: SqlRun): Generator<Values> {
  for (const table of tables(run)) {
    for (const index of indexesOfTable(table)) yield [table.schema, table.name, index.name, null, describeIndex(index)]
  }
}

function* sequences(run: SqlRun): Generator<Values> {
  for (const collection of collections(run)) {
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
      ['relacl', aclitemArray],
      ['reloptions', textArray],
      ['relpartbound', nodeTree],
    ],
    classes,
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
  ),
  memoryRelation(
    'pg_catalog',
    'pg_index',
    [
      ['indexrelid', oidType],
      ['indrelid', oidType],
      ['indnatts', int2],
      ['indnkeyatts', int2],
      ['indisunique', bool],
      ['indnullsnotdistinct', bool],
      ['indisprimary', bool],
      ['indisexclusion', bool],
      ['indimmediate', bool],
      ['indisclustered', bool],
      ['indisvalid', bool],
      ['indcheckxmin', bool],
      ['indisready', bool],
      ['indislive', bool],
      ['indisreplident', bool],
      ['indkey', int2vector],
      ['indcollation', oidvector],
      ['indclass', oidvector],
      ['indoption', int2vector],
      ['indexprs', nodeTree],
      ['indpred', nodeTree],
    ],
    indexRows,
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
  ),
  memoryRelation(
    'pg_catalog',
    'pg_indexes',
    [
      ['schemaname', name],
      ['tablename', name],
      ['indexname', name],
      ['tablespace', name],
      ['indexdef', text],
    ],
    indexDefinitions,
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
  ),
]
