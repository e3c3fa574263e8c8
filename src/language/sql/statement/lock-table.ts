/** LOCK TABLE: relations as a whole, those that inherit from them, and what views read. What ALTER TABLE locks. */
import type { AlterTableCmd, LockStmt, RangeVar } from 'libpg-query'
import { privilege, type Privileges } from '../../../database/access/privileges.ts'
import { referencesOf } from '../../../database/catalog/objects.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import { tableModes } from '../../../database/transaction/lock-modes.ts'
import type { TableLockMode } from '../../../database/contract.ts'
import { familyOf } from '../../../model/table/partitions/partitioning.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { Table } from '../../../model/table/table.ts'
import { isView } from '../../../model/table/view-kind.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { nothing } from './execution.ts'
import { findCollection, findPart, shownName } from './naming.ts'
import { detachesConcurrently } from './partitions/partition-steps.ts'
import { type Planned, planSteps } from './prepared.ts'

export function planLockTable({ relations = [], mode = 8, nowait }: LockStmt): Planned {
  const names = relations.flatMap((node) => ('RangeVar' in node ? [node.RangeVar] : []))
  const wanted = tableModes[mode - 1]!
  return planSteps({ kind: 'session' }, 'LOCK TABLE', (run) => {
    if (run.transaction.isSingleStatement) throw failure('25P01', 'LOCK TABLE can only be used in transaction blocks')
    for (const name of names) lockNamed(run, name, wanted, nowait === true)
    return nothing
  })
}

function lockNamed(run: SqlRun, name: RangeVar, mode: TableLockMode, nowait: boolean): void {
  const named = findCollection(run, name)
  if (named === undefined) {
    if (findPart(run, name) !== undefined) throw noTable(name)
    throw failure('42P01', `relation "${shownName(name)}" does not exist`)
  }
  if (named.model === 'table' && !isTable(named) && !isView(named)) throw noTable(name)
  const { rights } = run.transaction.principal
  if ((rights.onCollection(named) & sufficientFor(mode)) === 0) throw rights.refusal(named)
  for (const collection of lockedWith(run, named, name.inh === true)) {
    if (run.transaction.locks.lockCollection(collection.id, mode, nowait ? 'skip' : 'wait')) continue
    throw failure('55P03', `could not obtain lock on relation "${collection.name}"`)
  }
}

function noTable({ relname }: RangeVar): Error {
  return failure('42809', `"${relname}" is not a table or view`)
}

/** Any of these. */
function sufficientFor(mode: TableLockMode): Privileges {
  const writing = privilege.update | privilege.delete | privilege.truncate
  if (mode === 'access share') return writing | privilege.read
  return mode === 'row exclusive' ? writing | privilege.insert : writing
}

function lockedWith(run: SqlRun, named: Collection, withChildren: boolean): readonly Collection[] {
  const { catalog } = run.transaction
  if (isView(named)) {
    const read = [...referencesOf(named)].flatMap((id) => catalog.collectionById(id) ?? [])
    const relations = read.filter((one) => isTable(one) || isView(one))
    return [named, ...relations.flatMap((one) => lockedWith(run, one, true))]
  }
  if (!isTable(named) || !withChildren) return [named]
  return familyOf(catalog, Table.of(named)).map(({ collection }) => collection)
}

/** What leaves readers alone, and the others against which it is held. */
const weaker: Readonly<Record<string, TableLockMode>> = {
  AT_SetStatistics: 'share update exclusive',
  AT_ValidateConstraint: 'share update exclusive',
  AT_AttachPartition: 'share update exclusive',
  AT_DetachPartitionFinalize: 'share update exclusive',
  AT_SetRelOptions: 'share update exclusive',
  AT_ResetRelOptions: 'share update exclusive',
  AT_ClusterOn: 'share update exclusive',
  AT_DropCluster: 'share update exclusive',
  AT_EnableTrig: 'share row exclusive',
  AT_DisableTrig: 'share row exclusive',
  AT_EnableTrigAll: 'share row exclusive',
  AT_DisableTrigAll: 'share row exclusive',
  AT_EnableTrigUser: 'share row exclusive',
  AT_DisableTrigUser: 'share row exclusive',
}

function modeToAlter(command: AlterTableCmd): TableLockMode {
  const { subtype, def } = command
  if (detachesConcurrently(command)) return 'share update exclusive'
  const isReference =
    subtype === 'AT_AddConstraint' &&
    def !== undefined &&
    'Constraint' in def &&
    def.Constraint.contype === 'CONSTR_FOREIGN'
  return isReference ? 'share row exclusive' : (weaker[subtype ?? ''] ?? 'access exclusive')
}

/** The strongest that one of its commands needs, on the table and on those to which they come down. */
export function lockToAlter({ transaction }: SqlRun, table: Table, commands: readonly AlterTableCmd[]): void {
  const mode = tableModes[Math.max(...commands.map((command) => tableModes.indexOf(modeToAlter(command))))]!
  const locked = mode === 'access exclusive' ? familyOf(transaction.catalog, table) : [table]
  for (const { id } of locked) transaction.locks.lockCollection(id, mode)
}
