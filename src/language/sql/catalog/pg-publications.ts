/**
 * `pg_publication` and what belongs to it, and the slots from which subscribers read.
 *
 * A table that is partitioned is shown by its partitions, unless changes are published as its own.
 */
import { lsnOf } from '../../../database/following/lsn.ts'
import {
  mayBePublished,
  type Publication,
  publicationsOf,
  type PublishedAs,
  publishedFor,
  type RowAction,
} from '../../../model/table/publication/publication.ts'
import { Table } from '../../../model/table/table.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { collectionByOid, collectionOid, namespaceOid, publicationMemberOid } from './identity.ts'
import { memoryRelation } from './memory-relation.ts'
import { databaseOids } from './pg-objects.ts'
import { ownerOid } from './roles.ts'
import { tables } from './stored-tables.ts'

type Values = readonly SqlValue[]

function* publications(run: SqlRun): Generator<Values> {
  for (const publication of publicationsOf(run.transaction.catalog)) {
    const does = (action: RowAction): boolean => publication.actions.includes(action)
    yield [
      collectionOid(publication),
      publication.name,
      ownerOid(run, publication),
      publication.allTables === true,
      does('insert'),
      does('update'),
      does('delete'),
      does('truncate'),
      publication.viaRoot === true,
    ]
  }
}

function* namedTables({ transaction: { catalog } }: SqlRun): Generator<Values> {
  for (const publication of publicationsOf(catalog)) {
    for (const [i, { table, columns, where }] of publication.tables.entries()) {
      const collection = catalog.collectionById(table)
      if (collection === undefined) continue
      const number = publicationMemberOid(publication, i)
      yield [number, collectionOid(publication), collectionOid(collection), where ?? null, columns ?? null]
    }
  }
}

function* namedSchemas({ transaction: { catalog } }: SqlRun): Generator<Values> {
  for (const publication of publicationsOf(catalog)) {
    for (const [i, id] of publication.schemas.entries()) {
      const namespace = catalog.namespaceById(id)
      if (namespace === undefined) continue
      const number = publicationMemberOid(publication, publication.tables.length + i)
      yield [number, collectionOid(publication), namespaceOid(namespace)]
    }
  }
}

interface Shown {
  readonly table: Table
  readonly way: PublishedAs
}

/** As what its subscribers know them. */
export function tablesPublished(run: SqlRun, { id }: Publication): readonly Shown[] {
  const shown = new Map<number, Shown>()
  for (const table of tables(run)) {
    const published = publishedFor(run.transaction.catalog, table)
    const way = published?.ways.find(({ publication }) => publication.id === id)
    if (way === undefined) continue
    const as = published!.levels[way.level]!
    shown.set(as.id, { table: as, way })
  }
  return [...shown.values()].sort((a, b) => a.table.id - b.table.id)
}

/** Numbers of the columns that it names: without a list all of them, also those that are generated, of which nothing is told. */
export function columnsPublished({ table, way: { columns } }: Shown): number[] {
  return table.columns.map(({ number }) => number).filter((number) => columns === undefined || columns.includes(number))
}

function* publishedTables(run: SqlRun): Generator<Values> {
  for (const publication of publicationsOf(run.transaction.catalog)) {
    for (const shown of tablesPublished(run, publication)) {
      const { table, way } = shown
      const names = columnsPublished(shown).map((number) => table.columnByNumber(number).name)
      yield [publication.name, table.schema, table.name, names, way.where ?? null]
    }
  }
}

function* slots(run: SqlRun): Generator<Values> {
  const { database } = run.context
  for (const slot of run.transaction.services.slots.all) {
    const { name, isTemporary, holder, position, state, maxLagBytes, heldBytes } = slot
    const isLost = state === 'lost'
    yield [
      name,
      'pgoutput',
      'logical',
      databaseOids(run.context).get(database) ?? null,
      database,
      isTemporary,
      holder !== undefined,
      holder ?? null,
      null,
      null,
      isLost ? null : lsnOf(position),
      lsnOf(position),
      isLost ? 'lost' : 'reserved',
      isLost ? null : BigInt(Math.max(0, maxLagBytes - heldBytes)),
      false,
    ]
  }
}

export function isPublishable({ transaction }: SqlRun, relation: number): boolean {
  const collection = collectionByOid(transaction.catalog, relation)
  return collection !== undefined && isTable(collection) && mayBePublished(Table.of(collection))
}

const bools = ['puballtables', 'pubinsert', 'pubupdate', 'pubdelete', 'pubtruncate', 'pubviaroot'] as const

export const pgPublications: readonly Relation[] = [
  memoryRelation(
    'pg_catalog',
    'pg_publication',
    [['oid', oid.oid], ['pubname', oid.name], ['pubowner', oid.oid], ...bools.map((name) => [name, oid.bool] as const)],
    publications,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_publication_rel',
    [
      ['oid', oid.oid],
      ['prpubid', oid.oid],
      ['prrelid', oid.oid],
      ['prqual', oid.nodeTree],
      ['prattrs', oid.int2vector],
    ],
    namedTables,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_publication_namespace',
    [
      ['oid', oid.oid],
      ['pnpubid', oid.oid],
      ['pnnspid', oid.oid],
    ],
    namedSchemas,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_publication_tables',
    [
      ['pubname', oid.name],
      ['schemaname', oid.name],
      ['tablename', oid.name],
      ['attnames', oid.nameArray],
      ['rowfilter', oid.text],
    ],
    publishedTables,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_replication_slots',
    [
      ['slot_name', oid.name],
      ['plugin', oid.name],
      ['slot_type', oid.text],
      ['datoid', oid.oid],
      ['database', oid.name],
      ['temporary', oid.bool],
      ['active', oid.bool],
      ['active_pid', oid.int4],
      ['xmin', oid.xid],
      ['catalog_xmin', oid.xid],
      ['restart_lsn', oid.lsn],
      ['confirmed_flush_lsn', oid.lsn],
      ['wal_status', oid.text],
      ['safe_wal_size', oid.int8],
      ['two_phase', oid.bool],
    ],
    slots,
  ),
]
