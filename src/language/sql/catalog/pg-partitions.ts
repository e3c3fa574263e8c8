/** pg_inherits and pg_partitioned_table: which tables, and which indexes, are parts of others; and how bounds and keys are shown. */
import { readBound } from '../../../model/table/partitions/bounds.ts'
import { childTables, keyTypes, orderedChildren } from '../../../model/table/partitions/partitioning.ts'
import {
  type PartitionKeyDefinition,
  shownKeyExpression,
} from '../../../model/table/partitions/partition-definition.ts'
import { Table } from '../../../model/table/table.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { getType } from '../../../model/table/types/registry.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { boundText } from './bound-text.ts'
import { collectionByOid, collectionOid } from './identity.ts'
import { memoryRelation } from './memory-relation.ts'
import { allObjects, objectBy, type StoredObjects } from './stored-objects.ts'
import { indexesOfTable, parentIndexOid, tablesAmong } from './stored-tables.ts'

/** Undefined of what is no partition. */
export function shownBound(run: SqlRun, { definition }: Table): string | undefined {
  const { bound, inherits = [] } = definition
  const parent = bound && run.transaction.catalog.collectionById(inherits[0]!)
  if (bound === undefined || parent === undefined) return undefined
  const types = keyTypes(Table.of(parent))
  return boundText({ types }, readBound(types, bound))
}

/** As PARTITION BY had it. */
export function shownPartitioning(table: Table): string | undefined {
  const { partitioning } = table.definition
  if (partitioning === undefined) return undefined
  return `${partitioning.strategy.toUpperCase()} (${partitioning.keys.map((key) => shownKey(table, key)).join(', ')})`
}

function shownKey(
  table: Table,
  { column, expression, collation, operatorClass, type }: PartitionKeyDefinition,
): string {
  const key =
    column === undefined ? shownKeyExpression(expression!) : quoteIdentifier(table.columnByNumber(column).name)
  const named = collation === undefined || collation === 'default' ? '' : ` COLLATE ${quoteIdentifier(collation)}`
  const isUsual = operatorClass === undefined || operatorClass === `${getType(type).name}_ops`
  return `${key}${named}${isUsual ? '' : ` ${operatorClass}`}`
}

function* inheritance(run: SqlRun, objects: StoredObjects = allObjects(run)): Generator<readonly SqlValue[]> {
  const { catalog } = run.transaction
  for (const table of tablesAmong(objects.relations())) {
    for (const [i, id] of (table.definition.inherits ?? []).entries()) {
      const parent = catalog.collectionById(id)
      if (parent === undefined) continue
      const isPending = isTable(parent) && Table.of(parent).definition.detaching === table.id
      yield [collectionOid(table.collection), collectionOid(parent), i + 1, isPending]
    }
    for (const index of indexesOfTable(table)) {
      const above = parentIndexOid(catalog, index)
      if (above !== undefined) yield [index.oid, above, 1, false]
    }
  }
}

const letters = { list: 'l', range: 'r', hash: 'h' } as const

function* partitionedTables(run: SqlRun, objects: StoredObjects = allObjects(run)): Generator<readonly SqlValue[]> {
  for (const table of tablesAmong(objects.relations())) {
    const { partitioning } = table.definition
    if (partitioning === undefined) continue
    const inDefault = childTables(run.transaction.catalog, table).find(
      ({ definition }) => definition.bound?.kind === 'default',
    )
    const { keys, strategy } = partitioning
    const texts = keys.flatMap(({ expression }) => expression ?? [])
    const zeros = keys.map(() => 0)
    yield [
      collectionOid(table.collection),
      letters[strategy],
      keys.length,
      inDefault === undefined ? 0 : collectionOid(inDefault.collection),
      keys.map(({ column = 0 }) => column),
      zeros,
      zeros,
      texts.length === 0 ? null : texts.join(', '),
    ]
  }
}

export const pgPartitions: readonly Relation[] = [
  memoryRelation(
    'pg_catalog',
    'pg_inherits',
    [
      ['inhrelid', oid.oid],
      ['inhparent', oid.oid],
      ['inhseqno', oid.int4],
      ['inhdetachpending', oid.bool],
    ],
    inheritance,
    { inhrelid: objectBy.relation, inhparent: objectBy.referred },
  ),
  memoryRelation(
    'pg_catalog',
    'pg_partitioned_table',
    [
      ['partrelid', oid.oid],
      ['partstrat', oid.char],
      ['partnatts', oid.int2],
      ['partdefid', oid.oid],
      ['partattrs', oid.int2vector],
      ['partclass', oid.oidvector],
      ['partcollation', oid.oidvector],
      ['partexprs', oid.nodeTree],
    ],
    partitionedTables,
    { partrelid: objectBy.uniqueRelation },
  ),
]

// ---- trees of partitions

/** Undefined of what is no table. */
export function tableByOid({ transaction }: SqlRun, value: number): Table | undefined {
  const collection = collectionByOid(transaction.catalog, value)
  return collection !== undefined && isTable(collection) ? Table.of(collection) : undefined
}

/** The partition itself, its parent, and so on; nothing of what takes no part. */
export function partitionAncestors(run: SqlRun, value: number): Table[] {
  const table = tableByOid(run, value)
  if (table === undefined || !takesPart(table)) return []
  const chain = [table]
  for (let one = table; one.definition.bound !== undefined;) {
    const parent = run.transaction.catalog.collectionById(one.definition.inherits![0]!)
    if (parent === undefined) break
    chain.push((one = Table.of(parent)))
  }
  return chain
}

function takesPart({ definition }: Table): boolean {
  return definition.bound !== undefined || definition.partitioning !== undefined
}

/** `pg_partition_tree`: each with its parent, whether it has rows of its own, and how deep it lies. */
export function* partitionTree(run: SqlRun, value: number): Generator<readonly SqlValue[]> {
  const root = tableByOid(run, value)
  if (root === undefined || !takesPart(root)) return
  const [, above] = partitionAncestors(run, value)
  let level = [{ table: root, parent: above === undefined ? null : collectionOid(above.collection) }]
  for (let depth = 0; level.length > 0; depth++) {
    for (const { table, parent } of level) {
      yield [collectionOid(table.collection), parent, table.definition.partitioning === undefined, depth]
    }
    level = level.flatMap(({ table }) => {
      const parent = collectionOid(table.collection)
      return orderedChildren(run.transaction.catalog, table).map((child) => ({ table: child, parent }))
    })
  }
}
