/**
 * Statistics views of what is stored, with the columns of PostgreSQL 15: tables, indexes and sequences, checkpoints and the log.
 *
 * A number that Polylog counts is shown: of tables and their indexes scans, rows read and rows changed (decision 160). One that is
 * what it is for good is 0: nothing is vacuumed by itself, and there is no shared buffer pool, so nothing was written from
 * one. What nobody counts here is NULL, and not 0: scans of documents and keys of Redis, pages read by table and index.
 * Decision 053 lists them.
 */
import { Decimal } from '../../../base/decimal.ts'
import { keyspaceRange, primaryIndex } from '../../../base/tuple.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import { notificationChannels, type TableStatistics } from '../../../database/statistics/statistics.ts'
import { isSequence } from '../../../model/table/sequence.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { routineByNumber } from './function-numbers.ts'
import { collectionOid, indexByOid } from './identity.ts'
import { memoryRelation, type RowMaker } from './memory-relation.ts'
import {
  indexStatistics,
  liveRows,
  ofIndexes,
  seenStatistics,
  tableStatistics,
  timeOfUpkeep,
} from './seen-statistics.ts'
import { served, timeOf } from './served-rows.ts'
import { tellsSize } from './relation-size.ts'
import { collections, indexesOfTable, tables } from './stored-tables.ts'

type Values = readonly SqlValue[]
type Columns = readonly (readonly [name: string, type: number])[]

const { int8, float8, name, numeric, text, timestamptz } = oid

const ofType = (type: number, names: string): Columns => names.split(' ').map((column) => [column, type] as const)

const relationColumns: Columns = [['relid', oid.oid], ...ofType(name, 'schemaname relname')]

const scanned = 'seq_scan seq_tup_read idx_scan idx_tup_fetch n_tup_ins n_tup_upd n_tup_del n_tup_hot_upd'

const tableColumns: Columns = [
  ...relationColumns,
  ...ofType(int8, `${scanned} n_live_tup n_dead_tup n_mod_since_analyze n_ins_since_vacuum`),
  ...ofType(timestamptz, 'last_vacuum last_autovacuum last_analyze last_autoanalyze'),
  ...ofType(int8, 'vacuum_count autovacuum_count analyze_count autoanalyze_count'),
]

const tableBlockColumns: Columns = [
  ...relationColumns,
  ...ofType(int8, 'heap_blks_read heap_blks_hit idx_blks_read idx_blks_hit'),
  ...ofType(int8, 'toast_blks_read toast_blks_hit tidx_blks_read tidx_blks_hit'),
]

const indexColumns: Columns = [
  ['relid', oid.oid],
  ['indexrelid', oid.oid],
  ...ofType(name, 'schemaname relname indexrelname'),
]

const identityOf = (collection: Collection): Values => [
  collectionOid(collection),
  collection.namespace.name,
  collection.name,
]

const uncounted = (columns: Columns, from: number): Values => columns.slice(from).map(() => null)

/** What pg_class shows as a table: documents and the keys of Redis too. */
function* shownTables(run: SqlRun): Generator<Collection> {
  for (const collection of collections(run)) if (!isSequence(collection)) yield collection
}

function* sequences(run: SqlRun): Generator<Collection> {
  for (const collection of collections(run)) if (isSequence(collection)) yield collection
}

const ofScans: Values = scanned.split(' ').map(() => null)
/** When, and how often, what is no table was vacuumed. */
const neverVacuumed: Values = [null, null, null, null, 0n, 0n, 0n, 0n]
/** Since `checkpoint_sync_time`: the writes of the one are not counted, and nobody else writes buffers. */
const noBuffers: Values = [0, null, 0n, 0n, 0n, 0n, 0n]

function rowCounts(run: SqlRun, collection: Collection, counted: TableStatistics): Values {
  const { scans, rowsRead, inserted, updated, deleted, dead, changedSinceAnalyze, insertedSinceVacuum } = counted
  const reads = [BigInt(scans), BigInt(rowsRead), ofIndexes(counted, 'scans'), ofIndexes(counted, 'rowsFetched')]
  // A row that is changed stays where it is: there is no other way for it.
  const changes = [inserted, updated, deleted, 0].map(BigInt)
  const since = [dead, changedSinceAnalyze, insertedSinceVacuum].map(BigInt)
  return [...reads, ...changes, liveRows(run, collection, counted), ...since]
}

function upkeepOf({ vacuum, analyze }: TableStatistics): Values {
  const times = [timeOfUpkeep(vacuum.lastMs), null, timeOfUpkeep(analyze.lastMs), null]
  return [...times, BigInt(vacuum.count), 0n, BigInt(analyze.count), 0n]
}

function* indexCounts(run: SqlRun): Generator<Values> {
  for (const table of tables(run)) {
    const counted = tableStatistics(run, table.collection)
    const [relid, schema, relation] = identityOf(table.collection)
    for (const { oid: number, name: title } of indexesOfTable(table)) {
      const index = counted && indexStatistics(counted, indexByOid(run.transaction.catalog, number)!.indexId)
      const counts = index && [index.scans, index.entriesRead, index.rowsFetched].map(BigInt)
      yield [relid!, number, schema!, relation!, title, ...(counts ?? [null, null, null])]
    }
  }
}

function* functionCounts(run: SqlRun): Generator<Values> {
  for (const [id, { calls, totalUs, ownUs }] of seenStatistics(run).functions()) {
    const collection = run.transaction.catalog.collectionById(id)
    const routine = collection && routineByNumber(run.transaction.catalog, collectionOid(collection))
    if (routine === undefined || calls === 0) continue
    const { name: title } = routine.definition
    yield [collectionOid(collection!), collection!.namespace.name, title, BigInt(calls), totalUs / 1000, ownUs / 1000]
  }
}

function* tableCounts(run: SqlRun): Generator<Values> {
  for (const collection of shownTables(run)) {
    const counted = tableStatistics(run, collection)
    if (counted !== undefined) {
      yield [...identityOf(collection), ...rowCounts(run, collection, counted), ...upkeepOf(counted)]
      continue
    }
    const isTold = tellsSize(run.transaction, collection)
    const count = (): number | undefined => run.transaction.count(keyspaceRange(collection.id, primaryIndex))
    const rows = isTold ? run.transaction.access.asServer(count) : undefined
    const live = rows === undefined ? null : BigInt(rows)
    yield [...identityOf(collection), ...ofScans, live, 0n, null, null, ...neverVacuumed]
  }
}

function relationRows(kind: (run: SqlRun) => Iterable<Collection>, columns: Columns): RowMaker {
  const rest = uncounted(columns, relationColumns.length)
  return function* (run) {
    for (const collection of kind(run)) yield [...identityOf(collection), ...rest]
  }
}

function indexRows(columns: Columns): RowMaker {
  const rest = uncounted(columns, indexColumns.length)
  return function* (run) {
    for (const table of tables(run)) {
      for (const index of indexesOfTable(table)) {
        const [relid, schema, relation] = identityOf(table.collection)
        yield [relid!, index.oid, schema!, relation!, index.name, ...rest]
      }
    }
  }
}

/** Since when everything was counted. */
function startedAt(run: SqlRun): SqlValue {
  for (const value of served(run, 'server')) return timeOf(value('started_ms'))
  return null
}

/** By size or by hand: none is written because a time has passed. */
function* checkpoints(run: SqlRun): Generator<Values> {
  for (const value of served(run, 'durability')) {
    const written = value('checkpoints')
    yield [0n, written, Number(value('checkpoint_ms')), ...noBuffers, startedAt(run)]
  }
}

function* archive(run: SqlRun): Generator<Values> {
  yield [0n, null, null, 0n, null, null, startedAt(run)]
}

/** A group of commits is one write; whether it was synced is its commits' affair, and is not counted. */
function* log(run: SqlRun): Generator<Values> {
  for (const value of served(run, 'durability')) {
    const bytes = Decimal.of(value('record_bytes') as bigint)
    yield [null, 0n, bytes, 0n, value('group_commits'), null, 0, 0, startedAt(run)]
  }
}

/** PostgreSQL's small caches of files: of what they are for there are only messages, whose pages nobody reads back. */
function* smallCaches(run: SqlRun): Generator<Values> {
  const pages = Math.floor(seenStatistics(run).sentBytes(notificationChannels) / pageBytes)
  for (const cache of [
    'CommitTs',
    'MultiXactMember',
    'MultiXactOffset',
    'Notify',
    'Serial',
    'Subtrans',
    'Xact',
    'other',
  ]) {
    yield [cache, cache === 'Notify' ? BigInt(pages) : 0n, 0n, 0n, 0n, 0n, 0n, 0n, startedAt(run)]
  }
}

const pageBytes = 8192

/** `pg_stat_all_tables` and what it is of user tables, and of the system's, of which there are none. */
function threefold(prefix: string, kind: string, columns: Columns, rows: RowMaker): Relation[] {
  const view = (which: string, maker: RowMaker): Relation =>
    memoryRelation('pg_catalog', `${prefix}_${which}_${kind}`, columns, maker)
  return [view('all', rows), view('user', rows), view('sys', () => [])]
}

const scannedIndexColumns: Columns = [...indexColumns, ...ofType(int8, 'idx_scan idx_tup_read idx_tup_fetch')]
const indexBlockColumns: Columns = [...indexColumns, ...ofType(int8, 'idx_blks_read idx_blks_hit')]
const sequenceBlockColumns: Columns = [...relationColumns, ...ofType(int8, 'blks_read blks_hit')]
const functionColumns: Columns = [
  ['funcid', oid.oid],
  ...ofType(name, 'schemaname funcname'),
  ['calls', int8],
  ...ofType(float8, 'total_time self_time'),
]
const transactionColumns: Columns = [...relationColumns, ...ofType(int8, scanned)]

export const pgStoredStatistics: readonly Relation[] = [
  ...threefold('pg_stat', 'tables', tableColumns, tableCounts),
  ...threefold('pg_stat_xact', 'tables', transactionColumns, relationRows(shownTables, transactionColumns)),
  ...threefold('pg_statio', 'tables', tableBlockColumns, relationRows(shownTables, tableBlockColumns)),
  ...threefold('pg_stat', 'indexes', scannedIndexColumns, indexCounts),
  ...threefold('pg_statio', 'indexes', indexBlockColumns, indexRows(indexBlockColumns)),
  ...threefold('pg_statio', 'sequences', sequenceBlockColumns, relationRows(sequences, sequenceBlockColumns)),
  memoryRelation('pg_catalog', 'pg_stat_user_functions', functionColumns, functionCounts),
  memoryRelation(
    'pg_catalog',
    'pg_stat_bgwriter',
    [
      ...ofType(int8, 'checkpoints_timed checkpoints_req'),
      ...ofType(float8, 'checkpoint_write_time checkpoint_sync_time'),
      ...ofType(int8, 'buffers_checkpoint buffers_clean maxwritten_clean buffers_backend buffers_backend_fsync'),
      ['buffers_alloc', int8],
      ['stats_reset', timestamptz],
    ],
    checkpoints,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_stat_archiver',
    [
      ['archived_count', int8],
      ['last_archived_wal', text],
      ['last_archived_time', timestamptz],
      ['failed_count', int8],
      ['last_failed_wal', text],
      ['last_failed_time', timestamptz],
      ['stats_reset', timestamptz],
    ],
    archive,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_stat_wal',
    [
      ...ofType(int8, 'wal_records wal_fpi'),
      ['wal_bytes', numeric],
      ...ofType(int8, 'wal_buffers_full wal_write wal_sync'),
      ...ofType(float8, 'wal_write_time wal_sync_time'),
      ['stats_reset', timestamptz],
    ],
    log,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_stat_slru',
    [
      ['name', text],
      ...ofType(int8, 'blks_zeroed blks_hit blks_read blks_written blks_exists flushes truncates'),
      ['stats_reset', timestamptz],
    ],
    smallCaches,
  ),
]
