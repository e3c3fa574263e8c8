/**
 * Triggers for the rows of a partitioned table: each of its partitions has one of its own that goes with it, down to the tables
 * that have the rows. So rows fire them whichever table a statement names.
 */
import { childTables } from '../../../../model/table/partitions/partitioning.ts'
import type { Table } from '../../../../model/table/table.ts'
import {
  type TriggerDefinition,
  triggersOf,
  withChangedTriggers,
  withTrigger,
} from '../../../../model/table/triggers.ts'
import { failure } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import { currentTable, redefineAlong } from './links.ts'

/** Gives a partition, and those below it, what it lacks of its parent's. Errors: 42710 where it has another one of the name. */
export function shareTriggers(run: SqlRun, parent: Table, child: Table): void {
  for (const trigger of triggersOf(currentTable(run, parent))) {
    if (trigger.isForRow === true) shareTrigger(run, parent, trigger, child)
  }
}

function shareTrigger(run: SqlRun, parent: Table, trigger: TriggerDefinition, given: Table): void {
  const child = currentTable(run, given)
  if (triggersOf(child).some((one) => isCopyOf(one, parent, trigger))) return
  if (triggersOf(child).some(({ name }) => name === trigger.name)) {
    throw failure('42710', `trigger "${trigger.name}" for relation "${child.name}" already exists`)
  }
  redefineAlong(run, child, withTrigger(child.definition, copyFor(parent, trigger, child)))
  for (const below of partitionsOf(run, child)) shareTriggers(run, child, below)
}

function partitionsOf(run: SqlRun, table: Table): readonly Table[] {
  const now = currentTable(run, table)
  return now.definition.partitioning === undefined ? [] : childTables(run.transaction.catalog, now)
}

function isCopyOf({ parent }: TriggerDefinition, table: Table, { id }: Pick<TriggerDefinition, 'id'>): boolean {
  return parent?.table === table.id && parent.trigger === id
}

/** Its columns by the numbers that they have in the partition. */
function copyFor(parent: Table, trigger: TriggerDefinition, child: Table): Omit<TriggerDefinition, 'id'> {
  const { id, columns, reads, ...rest } = trigger
  const numberOf = (number: number): number => child.getColumn(parent.columnByNumber(number).name).number
  return {
    ...rest,
    ...(columns !== undefined && { columns: columns.map(numberOf) }),
    ...(reads !== undefined && { reads: reads.map(numberOf) }),
    parent: { table: parent.id, trigger: id },
  }
}

/** Of all partitions, once the parent has got one. */
export function shareWithAll(run: SqlRun, parent: Table): void {
  for (const child of partitionsOf(run, parent)) shareTriggers(run, parent, child)
}

/** What a table no longer has that is no partition any more. */
export function unshareTriggers(run: SqlRun, parent: Table, child: Table): void {
  for (const { id, ...trigger } of triggersOf(currentTable(run, child))) {
    if (trigger.parent?.table !== parent.id) continue
    changeCopies(run, currentTable(run, child), { id }, () => undefined)
    const now = currentTable(run, child)
    redefineAlong(
      run,
      now,
      withChangedTriggers(now.definition, (one) => (one.id === id ? undefined : one)),
    )
  }
}

/** Changes the ones in the partitions of a table that go with its own. */
export function changeCopies(
  run: SqlRun,
  parent: Table,
  trigger: Pick<TriggerDefinition, 'id'>,
  change: (copy: TriggerDefinition, child: Table) => TriggerDefinition | undefined,
): void {
  for (const child of partitionsOf(run, parent)) {
    const own = triggersOf(child).find((one) => isCopyOf(one, parent, trigger))
    if (own === undefined) continue
    changeCopies(run, child, own, change)
    const now = currentTable(run, child)
    const definition = withChangedTriggers(now.definition, (one) => (one.id === own.id ? change(one, now) : one))
    redefineAlong(run, now, definition)
  }
}

/** What a replaced trigger is in the partitions. */
export function replaceCopies(run: SqlRun, parent: Table, trigger: TriggerDefinition): void {
  changeCopies(run, parent, trigger, (copy, child) => {
    const { parent: link, id } = copy
    return { ...copyFor(parent, trigger, child), parent: link!, id }
  })
}
