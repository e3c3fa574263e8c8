/**
 * ATTACH PARTITION, INHERIT and NO INHERIT: what a table must be like to be shown among the rows of
 * another one, and what it has of it from then on (PostgreSQL's `MergeAttributesIntoExisting` and what is around it).
 */
import type { StatementSteps } from '../../../../database/contract.ts'
import { inPlace } from '../../../../database/transaction/wait.ts'
import type { PartitionBoundSpec, RangeVar } from 'libpg-query'
import type { CheckDefinition, ColumnDefinition, TableDefinition } from '../../../../model/table/definition.ts'
import { writeBound } from '../../../../model/table/partitions/bounds.ts'
import { familyOf, Partitioning } from '../../../../model/table/partitions/partitioning.ts'
import type { Column, Table } from '../../../../model/table/table.ts'
import { failure } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import { getOwnTable, getTable } from '../naming.ts'
import { refuseStrayRows } from './belonging.ts'
import { refuseParent } from './heritage.ts'
import { currentTable, forgetChild, noteChild, redefineAlong, shareForeignKeys, shareIndexes } from './links.ts'
import { checkBound, readBoundSpec } from './partition-bound.ts'
import { shareReferences } from './shared-references.ts'
import { shareTriggers } from './shared-triggers.ts'

export function* attachPartition(
  run: SqlRun,
  parent: Table,
  name: RangeVar,
  spec: PartitionBoundSpec,
): StatementSteps<Table> {
  const { transaction } = run
  const child = yield* inPlace(transaction, () => {
    if (parent.definition.partitioning === undefined)
      throw failure('42809', `table "${parent.name}" is not partitioned`)
    const found = getOwnTable(run, name, 'ALTER TABLE')
    refuseAttached(run, parent, found)
    const partitioning = Partitioning.of(transaction.catalog, parent)
    const bound = readBoundSpec(run, partitioning, spec)
    const merged = mergedInto(parent, found, true)
    checkBound(partitioning, found.name, bound, spec)
    const written = writeBound(partitioning.types, bound)
    const made = redefineAlong(run, found, { ...merged, inherits: [parent.id], bound: written })
    noteChild(run, parent, made.id)
    return currentTable(run, made)
  })
  const now = currentTable(run, parent)
  yield* refuseStrayRows(run, child, 'attached')
  const { defaultPartition } = Partitioning.of(transaction.catalog, now)
  if (defaultPartition !== undefined && defaultPartition.table.id !== child.id) {
    yield* refuseStrayRows(run, defaultPartition.table, 'default')
  }
  const indexed = yield* shareIndexes(run, now, currentTable(run, child))
  const shared = yield* shareForeignKeys(run, now, indexed)
  yield* inPlace(transaction, () => {
    shareReferences(run, shared)
    shareTriggers(run, now, currentTable(run, shared))
  })
  return currentTable(run, now)
}

function refuseAttached(run: SqlRun, parent: Table, child: Table): void {
  const { bound, inherits = [], children = [], partitioning } = child.definition
  if (bound !== undefined) throw failure('42809', `"${child.name}" is already a partition`)
  if (inherits.length > 0) throw failure('42809', 'cannot attach inheritance child as partition')
  const hasChildren =
    partitioning === undefined && children.length > 0 && familyOf(run.transaction.catalog, child).length > 1
  if (hasChildren) throw failure('42809', 'cannot attach inheritance parent as partition')
  refuseCircle(run, parent, child)
  const extra = child.columns.find(({ name }) => parent.findColumn(name) === undefined)
  if (extra === undefined) return
  const message = `table "${child.name}" contains column "${extra.name}" not found in parent "${parent.name}"`
  throw failure('42804', message, { detail: 'The new partition may contain only the columns present in parent.' })
}

function refuseCircle(run: SqlRun, parent: Table, child: Table): void {
  if (!familyOf(run.transaction.catalog, child).some(({ id }) => id === parent.id)) return
  throw failure('42P07', 'circular inheritance not allowed', {
    detail: `"${parent.name}" is already a child of "${child.name}".`,
  })
}

/** The child's definition with the parent's columns and checks noted as inherited. Errors: 42804 where it lacks some. */
function mergedInto(parent: Table, child: Table, isPartition: boolean): TableDefinition {
  const inherited = <T extends { readonly inherited?: number }>(one: T): T => ({
    ...one,
    inherited: (one.inherited ?? 0) + 1,
    ...(isPartition && { local: false as const }),
  })
  for (const column of parent.columns) checkColumn(child, column)
  const columns = child.definition.columns.map((one): ColumnDefinition => {
    return one.dropped !== true && parent.findColumn(one.name) !== undefined ? inherited(one) : one
  })
  const wanted = parent.checks.filter(({ noInherit }) => noInherit !== true)
  for (const { name, expression } of wanted) {
    const own = child.checks.find((one) => one.name === name)
    if (own === undefined) throw failure('42804', `child table is missing constraint "${name}"`)
    if (own.expression !== expression) {
      throw failure('42804', `child table "${child.name}" has different definition for check constraint "${name}"`)
    }
    if (own.notValid === true) {
      throw failure('42P17', `constraint "${name}" conflicts with NOT VALID constraint on child table "${child.name}"`)
    }
    if (own.noInherit !== true) continue
    throw failure(
      '42P16',
      `constraint "${name}" conflicts with non-inherited constraint on child table "${child.name}"`,
    )
  }
  const checks = child.checks.map((one): CheckDefinition => {
    return wanted.some(({ name }) => name === one.name) ? inherited(one) : one
  })
  return { ...child.definition, columns, checks }
}

function checkColumn(child: Table, { name, type, modifier, isNotNull, generated }: Column): void {
  const own = child.findColumn(name)
  if (own === undefined) throw failure('42804', `child table is missing column "${name}"`)
  if (own.type !== type || own.modifier !== modifier) {
    throw failure('42804', `child table "${child.name}" has different type for column "${name}"`)
  }
  if (isNotNull && !own.isNotNull) throw failure('42804', `column "${name}" in child table must be marked NOT NULL`)
  if (generated !== undefined && own.generated === undefined) {
    throw failure('42804', `column "${name}" in child table must be a generated column`)
  }
}

/** Columns and checks that it had of the parent are its own. */
export function parted(parent: Table, { definition }: Table): TableDefinition {
  const own = <T extends { readonly inherited?: number; readonly local?: false }>(one: T): T => {
    const { inherited = 0, local: _, ...rest } = one
    return (inherited > 1 ? { ...one, inherited: inherited - 1 } : rest) as T
  }
  const columns = definition.columns.map((one) => (parent.findColumn(one.name) === undefined ? one : own(one)))
  const checks = definition.checks.map((one) =>
    parent.checks.some(({ name, noInherit }) => name === one.name && noInherit !== true) ? own(one) : one,
  )
  return { ...definition, columns, checks }
}

export function addInherit(run: SqlRun, child: Table, name: RangeVar): Table {
  if (child.definition.bound !== undefined) throw failure('42809', 'cannot change inheritance of a partition')
  if (child.definition.partitioning !== undefined) {
    throw failure('42809', 'cannot change inheritance of partitioned table')
  }
  const parent = getOwnTable(run, name, 'ALTER TABLE')
  refuseParent(parent)
  const { inherits = [] } = child.definition
  if (inherits.includes(parent.id)) {
    throw failure('42P07', `relation "${parent.name}" would be inherited from more than once`)
  }
  refuseCircle(run, parent, child)
  redefineAlong(run, child, { ...mergedInto(parent, child, false), inherits: [...inherits, parent.id] })
  noteChild(run, parent, child.id)
  return currentTable(run, child)
}

export function dropInherit(run: SqlRun, child: Table, name: RangeVar): Table {
  if (child.definition.bound !== undefined) throw failure('42809', 'cannot change inheritance of a partition')
  const parent = getTable(run, name)
  const { inherits = [] } = child.definition
  if (!inherits.includes(parent.id)) {
    throw failure('42P01', `relation "${parent.name}" is not a parent of relation "${child.name}"`)
  }
  redefineAlong(run, child, { ...parted(parent, child), inherits: inherits.filter((id) => id !== parent.id) })
  forgetChild(run, parent, child.id)
  return currentTable(run, child)
}
