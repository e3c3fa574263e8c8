/** `pg_stat_get_*`, and what resets the statistics that they tell or lets them be seen anew (decision 160). */
import type { Collection } from '../../../database/catalog/catalog.ts'
import type { FunctionStatistics, TableStatistics } from '../../../database/statistics/statistics.ts'
import { collectionByOid, indexByOid } from '../catalog/identity.ts'
import {
  indexStatistics,
  liveRows,
  ofIndexes,
  seenStatistics,
  tableStatistics,
  timeOfUpkeep,
} from '../catalog/seen-statistics.ts'
import type { SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { isRoutine } from '../routine/definition.ts'
import { oid } from '../types/oids.ts'
import { defineFunction } from './registry.ts'

const { int8, float8, timestamptz } = oid

/** Undefined where there is no such table; NULL where the caller is not to know. */
function ofTable(
  name: string,
  gives: number,
  nothing: SqlValue,
  tell: (table: TableStatistics, run: SqlRun, collection: Collection) => SqlValue,
): void {
  const call = (run: SqlRun, number: number): SqlValue => {
    const collection = collectionByOid(run.transaction.newest.committedCatalog(), number)
    if (collection === undefined) return nothing
    const table = tableStatistics(run, collection)
    return table === undefined ? null : tell(table, run, collection)
  }
  defineFunction(`pg_stat_get_${name}`, [oid.oid], gives, call, { needsRun: true, volatility: 'stable' })
}

/** Of a table, or of one of its indexes. */
function ofTableOrIndex(
  name: string,
  tell: (table: TableStatistics) => bigint,
  tellIndex: (table: TableStatistics, index: number) => number,
): void {
  const call = (run: SqlRun, number: number): SqlValue => {
    const catalog = run.transaction.newest.committedCatalog()
    const index = indexByOid(catalog, number)
    const collection = index?.collection ?? collectionByOid(catalog, number)
    if (collection === undefined) return 0n
    const table = tableStatistics(run, collection)
    if (table === undefined) return null
    return index === undefined ? tell(table) : BigInt(tellIndex(table, index.indexId))
  }
  defineFunction(`pg_stat_get_${name}`, [oid.oid], int8, call, { needsRun: true, volatility: 'stable' })
}

ofTableOrIndex(
  'numscans',
  ({ scans }) => BigInt(scans),
  (table, index) => indexStatistics(table, index).scans,
)
ofTableOrIndex(
  'tuples_returned',
  ({ rowsRead }) => BigInt(rowsRead),
  (table, index) => indexStatistics(table, index).entriesRead,
)
ofTableOrIndex(
  'tuples_fetched',
  (table) => ofIndexes(table, 'rowsFetched'),
  (table, index) => indexStatistics(table, index).rowsFetched,
)

const counters: readonly (readonly [name: string, tell: (table: TableStatistics) => number])[] = [
  ['tuples_inserted', ({ inserted }) => inserted],
  ['tuples_updated', ({ updated }) => updated],
  ['tuples_deleted', ({ deleted }) => deleted],
  // A row that is changed stays where it is: none of its index entries but those of changed values are written.
  ['tuples_hot_updated', () => 0],
  ['dead_tuples', ({ dead }) => dead],
  ['mod_since_analyze', ({ changedSinceAnalyze }) => changedSinceAnalyze],
  ['ins_since_vacuum', ({ insertedSinceVacuum }) => insertedSinceVacuum],
  ['vacuum_count', ({ vacuum }) => vacuum.count],
  ['analyze_count', ({ analyze }) => analyze.count],
  // Nothing of the kind runs by itself.
  ['autovacuum_count', () => 0],
  ['autoanalyze_count', () => 0],
]
for (const [name, tell] of counters) ofTable(name, int8, 0n, (table) => BigInt(tell(table)))
ofTable('live_tuples', int8, 0n, (table, run, collection) => liveRows(run, collection, table))
ofTable('last_vacuum_time', timestamptz, null, ({ vacuum }) => timeOfUpkeep(vacuum.lastMs))
ofTable('last_analyze_time', timestamptz, null, ({ analyze }) => timeOfUpkeep(analyze.lastMs))
for (const name of ['last_autovacuum_time', 'last_autoanalyze_time']) ofTable(name, timestamptz, null, () => null)

function ofFunction(name: string, gives: number, tell: (one: FunctionStatistics) => SqlValue): void {
  const call = (run: SqlRun, number: number): SqlValue => {
    const collection = collectionByOid(run.transaction.newest.committedCatalog(), number)
    const found = collection && seenStatistics(run).findFunction(collection.id)
    return found === undefined ? null : tell(found)
  }
  defineFunction(`pg_stat_get_function_${name}`, [oid.oid], gives, call, { needsRun: true, volatility: 'stable' })
}

ofFunction('calls', int8, ({ calls }) => BigInt(calls))
ofFunction('total_time', float8, ({ totalUs }) => totalUs / 1000)
ofFunction('self_time', float8, ({ ownUs }) => ownUs / 1000)

function act(name: string, takes: readonly number[], run: (run: SqlRun, ...values: never[]) => void): void {
  const call = (of: SqlRun, ...values: never[]): SqlValue => {
    run(of, ...values)
    return ''
  }
  defineFunction(name, takes, oid.void, call, { needsRun: true, volatility: 'volatile' })
}

// A transaction adds what it has counted as it ends: nothing is kept back.
act('pg_stat_force_next_flush', [], () => undefined)
act('pg_stat_clear_snapshot', [], ({ transaction }) => void (transaction.counts.seen = undefined))
act('pg_stat_reset', [], (run) => {
  requireSuperuser(run, 'pg_stat_reset')
  run.transaction.counts.statistics.reset()
})
resetsOne('pg_stat_reset_single_table_counters', (collection) => !isRoutine(collection))
resetsOne('pg_stat_reset_single_function_counters', isRoutine)

function resetsOne(name: string, isMeant: (collection: Collection) => boolean): void {
  act(name, [oid.oid], (run, number: number) => {
    requireSuperuser(run, name)
    const collection = collectionByOid(run.transaction.newest.committedCatalog(), number)
    if (collection !== undefined && isMeant(collection)) run.transaction.counts.statistics.resetOne(collection.id)
  })
}

function requireSuperuser({ transaction }: SqlRun, name: string): void {
  if (!transaction.principal.rights.areUnlimited) throw failure('42501', `permission denied for function ${name}`)
}
