/**
 * ALTER TABLE of a table that others inherit from: what each of its commands does to those, and what a table may not be
 * changed in because it has it from another one. The words are PostgreSQL 15's.
 */
import type { AlterTableCmd } from 'libpg-query'
import type { StatementSteps } from '../../../../database/contract.ts'
import { inPlace } from '../../../../database/transaction/wait.ts'
import type { ColumnDefinition } from '../../../../model/table/definition.ts'
import { keyColumns } from '../../../../model/table/partitions/partition-definition.ts'
import { childTables, parentOf } from '../../../../model/table/partitions/partitioning.ts'
import type { Table } from '../../../../model/table/table.ts'
import type { Notice } from '../../contract.ts'
import { failure } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import { currentTable, redefineAlong } from './links.ts'

export type Step = (run: SqlRun, table: Table, notices: Notice[]) => StatementSteps<Table> | Table

/** Of one command of ALTER TABLE: `isOnly` leaves out those that inherit. */
export interface Reach {
  readonly isOnly: boolean
}

export function childrenOf(run: SqlRun, table: Table): Table[] {
  return childTables(run.transaction.catalog, currentTable(run, table))
}

export function* runStep(step: Step, run: SqlRun, table: Table, notices: Notice[]): StatementSteps<Table> {
  const changed = yield* inPlace(run.transaction, () => step(run, table, notices))
  return 'next' in changed ? yield* changed : changed
}

/** The same for each that inherits, from above. */
function recursing(step: Step): Step {
  return function* (run, table, notices): StatementSteps<Table> {
    yield* runStep(step, run, table, notices)
    for (const child of childrenOf(run, table)) yield* runStep(recursing(step), run, currentTable(run, child), notices)
    return currentTable(run, table)
  }
}

const alike: ReadonlySet<string> = new Set([
  'AT_SetNotNull',
  'AT_DropNotNull',
  'AT_ColumnDefault',
  'AT_DropExpression',
  'AT_AlterColumnType',
  'AT_SetStorage',
])

/** A command that means the same for those that inherit; others look after them by themselves. */
export function withChildren(commands: readonly AlterTableCmd[], { isOnly }: Reach, step: Step): Step {
  if (!commands.every(({ subtype = '' }) => alike.has(subtype))) return step
  return (run, table, notices) => {
    for (const command of commands) refuseChange(run, table, command, isOnly)
    return (isOnly ? step : recursing(step))(run, table, notices)
  }
}

function refuseChange(run: SqlRun, table: Table, { subtype, name = '' }: AlterTableCmd, isOnly: boolean): void {
  const { partitioning, bound } = table.definition
  const hasChildren = childrenOf(run, table).length > 0
  if (subtype === 'AT_SetNotNull' && isOnly && partitioning !== undefined && hasChildren) {
    throw failure('42P16', 'constraint must be added to child tables too', { hint: 'Do not specify the ONLY keyword.' })
  }
  if (subtype === 'AT_DropNotNull') {
    if (isOnly && partitioning !== undefined && hasChildren) {
      throw failure('42P16', 'cannot remove constraint from only the partitioned table when partitions exist', {
        hint: 'Do not specify the ONLY keyword.',
      })
    }
    if (bound !== undefined && parentOf(run.transaction.catalog, table).findColumn(name)?.isNotNull === true) {
      throw failure('42P16', `column "${name}" is marked NOT NULL in parent table`)
    }
  }
  if (subtype !== 'AT_AlterColumnType') return
  const column = table.findColumn(name)
  if ((column?.definition.inherited ?? 0) > 0) throw failure('42P16', `cannot alter inherited column "${name}"`)
  refuseKeyColumn(table, name, 'alter')
  if (isOnly && hasChildren) {
    throw failure('42P16', `type of inherited column "${name}" must be changed in child tables too`)
  }
}

export function refuseKeyColumn(table: Table, name: string, verb: 'alter' | 'drop'): void {
  const { partitioning } = table.definition
  const number = table.findColumn(name)?.number
  if (partitioning === undefined || number === undefined || !keyColumns(partitioning).includes(number)) return
  const message = `cannot ${verb} column "${name}" because it is part of the partition key of relation "${table.name}"`
  throw failure('42P16', message)
}

// ---- columns

export function changedColumn(
  run: SqlRun,
  table: Table,
  name: string,
  change: (column: ColumnDefinition) => ColumnDefinition,
): Table {
  const now = currentTable(run, table)
  const columns = now.definition.columns.map((one) => (one.name === name && one.dropped !== true ? change(one) : one))
  return redefineAlong(run, now, { ...now.definition, columns })
}

/** Before a column is added. Errors: 42809 in a partition, 42P16 where others would lack it. */
export function refuseAdding(run: SqlRun, table: Table, isOnly: boolean): void {
  if (table.definition.bound !== undefined) throw failure('42809', 'cannot add column to a partition')
  if (isOnly && childrenOf(run, table).length > 0) {
    throw failure('42P16', 'column must be added to child tables too')
  }
}

/** The child has a column of the name: it becomes that of the parent as well. */
export function mergeAdded(run: SqlRun, parent: Table, child: Table, name: string, notices: Notice[]): Table {
  const [theirs, own] = [parent.getColumn(name), child.getColumn(name)]
  if (theirs.type !== own.type || theirs.modifier !== own.modifier) {
    throw failure('42804', `child table "${child.name}" has different type for column "${name}"`)
  }
  const message = `merging definition of column "${name}" for child "${child.name}"`
  notices.push({ severity: 'NOTICE', sqlState: '00000', message })
  return changedColumn(run, child, name, (one) => ({ ...one, inherited: (one.inherited ?? 0) + 1 }))
}

/** Before a column goes. */
export function refuseDropping(run: SqlRun, table: Table, name: string, isOnly: boolean): void {
  const column = table.findColumn(name)
  if ((column?.definition.inherited ?? 0) > 0) throw failure('42P16', `cannot drop inherited column "${name}"`)
  refuseKeyColumn(table, name, 'drop')
  if (!isOnly || table.definition.partitioning === undefined || childrenOf(run, table).length === 0) return
  throw failure('42P16', 'cannot drop column from only the partitioned table when partitions exist', {
    hint: 'Do not specify the ONLY keyword.',
  })
}

/**
 * What becomes of a column of a child once the parent has it no more: it goes as well where it was there for the parent's sake
 * alone, by `drop`; `isOnly` leaves it to the child.
 */
export function* partColumn(
  run: SqlRun,
  child: Table,
  name: string,
  isOnly: boolean,
  drop: (table: Table) => StatementSteps<void>,
): StatementSteps<void> {
  const column = child.findColumn(name)
  const { inherited = 0, local } = column?.definition ?? {}
  if (column === undefined || inherited === 0) return
  if (!isOnly && inherited === 1 && local === false) {
    yield* drop(child)
    return
  }
  yield* inPlace(run.transaction, () =>
    changedColumn(run, child, name, ({ inherited: _, local: __, ...one }) => ({
      ...one,
      ...(inherited > 1 && { inherited: inherited - 1 }),
      ...(!isOnly && inherited > 1 && local === false && { local: false as const }),
    })),
  )
}

/** Before a column is renamed. */
export function refuseRenaming(run: SqlRun, table: Table, name: string, isOnly: boolean): void {
  if ((table.findColumn(name)?.definition.inherited ?? 0) > 0) {
    throw failure('42P16', `cannot rename inherited column "${name}"`)
  }
  if (isOnly && childrenOf(run, table).length > 0) {
    throw failure('42P16', `inherited column "${name}" must be renamed in child tables too`)
  }
}
