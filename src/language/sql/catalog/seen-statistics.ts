/** Statistics as a transaction sees them, by `stats_fetch_consistency`: as they are, as it has seen each first, or as all were then. */
import type { Collection } from '../../../database/catalog/catalog.ts'
import {
  type DatabaseStatistics,
  type IndexStatistics,
  SeenStatistics,
  TableStatistics,
} from '../../../database/statistics/statistics.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { readSetting } from '../settings/settings.ts'
import { tellsSize } from './relation-size.ts'

export function seenStatistics({ context, transaction }: SqlRun): DatabaseStatistics | SeenStatistics {
  const { counts } = transaction
  const consistency = readSetting(context, 'stats_fetch_consistency')
  if (consistency === 'none') return counts.statistics
  counts.seen ??= consistency === 'snapshot' ? counts.statistics.snapshot() : new SeenStatistics(counts.statistics)
  return counts.seen
}

/** Undefined of what is no table, and of one of whose rows the caller may not know how many there are. */
export function tableStatistics(run: SqlRun, collection: Collection): TableStatistics | undefined {
  if (!isTable(collection) || !tellsSize(run.transaction, collection)) return undefined
  return seenStatistics(run).findTable(collection.id) ?? noStatistics
}

/** Of a table of which nothing was counted. */
const noStatistics = new TableStatistics()

/** What the statistics say, or the rows that there are. */
export function liveRows(run: SqlRun, { id }: Collection, { live }: TableStatistics): bigint {
  return BigInt(live ?? run.transaction.counts.statistics.countRows(id) ?? 0)
}

type Counted = 'scans' | 'entriesRead' | 'rowsFetched'

export function ofIndexes({ indexes }: TableStatistics, counted: Counted): bigint {
  let sum = 0
  for (const index of indexes.values()) sum += index[counted]
  return BigInt(sum)
}

const noIndex: IndexStatistics = { scans: 0, entriesRead: 0, rowsFetched: 0 }

/** `index`: its number; 0 is the primary key. */
export function indexStatistics({ indexes }: TableStatistics, index: number): IndexStatistics {
  return indexes.get(index) ?? noIndex
}

export function timeOfUpkeep(lastMs: number | undefined): SqlValue {
  return lastMs === undefined ? null : BigInt(Math.round(lastMs)) * 1000n
}
