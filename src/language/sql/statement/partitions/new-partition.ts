/** A new table and those that it inherits from: its bound, and what it shares with a partitioned parent. */
import type { PartitionBoundSpec } from 'libpg-query'
import type { StatementSteps } from '../../../../database/contract.ts'
import { inPlace } from '../../../../database/transaction/wait.ts'
import type { TableDefinition } from '../../../../model/table/definition.ts'
import { writeBound } from '../../../../model/table/partitions/bounds.ts'
import { keyColumns, type BoundDefinition } from '../../../../model/table/partitions/partition-definition.ts'
import { Partitioning } from '../../../../model/table/partitions/partitioning.ts'
import type { Table } from '../../../../model/table/table.ts'
import { failure } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import type { KeyPlan } from '../table-definition.ts'
import { refuseStrayRows } from './belonging.ts'
import type { Heritage } from './heritage.ts'
import { currentTable, noteChild, shareForeignKeys, shareIndexes } from './links.ts'
import { checkBound, readBoundSpec } from './partition-bound.ts'
import { shareReferences } from './shared-references.ts'
import { shareTriggers } from './shared-triggers.ts'

/** Errors: 42P17 where it cannot stand beside the partitions that there are. */
export function newBound(run: SqlRun, parent: Table, name: string, spec: PartitionBoundSpec): BoundDefinition {
  const partitioning = Partitioning.of(run.transaction.catalog, parent)
  const bound = readBoundSpec(run, partitioning, spec)
  checkBound(partitioning, name, bound, spec)
  return writeBound(partitioning.types, bound)
}

export function* joinParents(run: SqlRun, { parents, isPartition }: Heritage, table: Table): StatementSteps<Table> {
  const { transaction } = run
  for (const parent of parents) yield* inPlace(transaction, () => noteChild(run, parent, table.id))
  const [parent] = parents
  if (!isPartition || parent === undefined) return table
  const now = currentTable(run, parent)
  const { defaultPartition } = Partitioning.of(transaction.catalog, now)
  if (defaultPartition !== undefined && defaultPartition.table.id !== table.id) {
    yield* refuseStrayRows(run, defaultPartition.table, 'default')
  }
  const indexed = yield* shareIndexes(run, now, table)
  const shared = yield* shareForeignKeys(run, now, indexed)
  yield* inPlace(transaction, () => {
    shareReferences(run, shared)
    shareTriggers(run, now, currentTable(run, shared))
  })
  return currentTable(run, shared)
}

/** Two rows in different partitions would not be told from each other. */
export function refusePartialKeys(
  table: string,
  { partitioning, columns }: Pick<TableDefinition, 'partitioning' | 'columns'>,
  keys: readonly Pick<KeyPlan, 'kind' | 'columns'>[],
): void {
  if (partitioning === undefined) return
  for (const { kind, columns: names } of keys) {
    const word = kind === 'primary' ? 'PRIMARY KEY' : 'UNIQUE'
    if (partitioning.keys.some(({ column }) => column === undefined)) {
      throw failure('0A000', `unsupported ${word} constraint with partition key definition`, {
        detail: `${word} constraints cannot be used when partition keys include expressions.`,
      })
    }
    for (const number of keyColumns(partitioning)) {
      const { name } = columns.find((one) => one.number === number)!
      if (names.includes(name)) continue
      throw failure('0A000', 'unique constraint on partitioned table must include all partitioning columns', {
        detail: `${word} constraint on table "${table}" lacks column "${name}" which is part of the partition key.`,
      })
    }
  }
}
