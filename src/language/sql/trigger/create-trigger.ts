/** CREATE, ALTER and DROP TRIGGER, and what ALTER TABLE says of triggers: changes of a table's definition. */
import type { RoutineCalls } from '../../../model/table/definition.ts'
import { routinesCalled } from '../expression/routines-called.ts'
import type { CreateTrigStmt, Node, RangeVar, RenameStmt } from 'libpg-query'
import { privilege } from '../../../database/access/privileges.ts'
import { AccessError } from '../../../database/access/rights.ts'
import type { ObjectAddress } from '../../../database/catalog/objects.ts'
import type { TableEvent } from '../../../model/table/row-hooks.ts'
import { redefine } from '../../../model/table/schema.ts'
import { Table } from '../../../model/table/table.ts'
import { triggerPart } from '../../../model/table/table-kind.ts'
import {
  type TriggerDefinition,
  type Triggered,
  type TriggerList,
  type TriggerState,
  type TriggerTiming,
  triggersOf,
  withChangedTriggers,
  withTrigger,
} from '../../../model/table/triggers.ts'
import { isView } from '../../../model/table/view-kind.ts'
import { changeView, TriggeredView } from '../../../model/table/view-triggers.ts'
import { stringsOf } from '../bind/tree.ts'
import type { Binder } from '../bind/binder.ts'
import { routinesOf } from '../bind/bind-routine.ts'
import { createBareBinder } from '../bind/bind.ts'
import { unfolded } from '../bind/coerce.ts'
import { deparse } from '../expression/deparse.ts'
import { columnsRead } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import { currentContext, type SqlRun } from '../plan/run.ts'
import type { Routine } from '../routine/routines.ts'
import { nothing } from '../statement/execution.ts'
import { currentTable } from '../statement/partitions/links.ts'
import { changeCopies, replaceCopies, shareWithAll } from '../statement/partitions/shared-triggers.ts'
import { findCollection, getTable, refuseBusy, shownName } from '../statement/naming.ts'
import { type Planned, planSteps } from '../statement/prepared.ts'
import { bindWhen } from './runner.ts'

/** Bits of PostgreSQL's `tgtype`. */
const bits = { row: 1, before: 2, insert: 4, delete: 8, update: 16, truncate: 32, instead: 64 } as const
const events: readonly TableEvent[] = ['insert', 'delete', 'update', 'truncate']

function eventsOf(mask: number): TableEvent[] {
  return events.filter((one) => (mask & bits[one]) !== 0)
}

function timingOf(mask: number): TriggerTiming {
  if ((mask & bits.before) !== 0) return 'before'
  return (mask & bits.instead) !== 0 ? 'instead' : 'after'
}

export function planCreateTrigger(_binder: Binder, statement: CreateTrigStmt): Planned {
  const { trigname = '', relation, replace } = statement
  return planSteps({ kind: 'schema' }, 'CREATE TRIGGER', (run) => {
    const table = getTriggered(run, relation!)
    const { rights } = run.transaction.principal
    if (!rights.owns(table.collection)) rights.require(table.collection, privilege.trigger)
    refuseBusy(run, table, 'CREATE TRIGGER')
    const trigger = definitionOf(run, table, statement)
    const before = triggersOf(table).find(({ name }) => name === trigname)
    run.transaction.access.beginChange(table.id)
    try {
      if (before !== undefined) replaceTrigger(run, table, before, trigger, replace === true)
      else if (table instanceof Table) redefine(run.transaction, table, withTrigger(table.definition, trigger))
      else changeView(run.transaction, table.collection, (definition) => withTrigger(definition, trigger))
      if (trigger.isForRow === true && table instanceof Table) shareWithAll(run, currentTable(run, table))
    } finally {
      run.transaction.access.endChange(table.id)
    }
    return nothing
  })
}

/** A view, or a table. */
function getTriggered(run: SqlRun, relation: RangeVar): Table | TriggeredView {
  const view = findCollection(run, relation)
  return view !== undefined && isView(view) ? TriggeredView.of(view) : getTable(run, relation)
}

/** Answers the table as it is then. */
function changeTrigger(
  run: SqlRun,
  table: Table | TriggeredView,
  trigger: TriggerDefinition,
  change: (trigger: TriggerDefinition) => TriggerDefinition,
): Table | undefined {
  const changed = <D extends TriggerList>(definition: D): D =>
    withChangedTriggers(definition, (one) => (one.id === trigger.id ? change(one) : one))
  if (table instanceof Table) return redefine(run.transaction, table, changed(table.definition))
  changeView(run.transaction, table.collection, changed)
  return undefined
}

function replaceTrigger(
  run: SqlRun,
  table: Table | TriggeredView,
  before: TriggerDefinition,
  trigger: Omit<TriggerDefinition, 'id'>,
  isAllowed: boolean,
): void {
  if (before.parent !== undefined) {
    throw failure('42710', `trigger "${before.name}" for relation "${table.name}" is an internal or a child trigger`)
  }
  if (!isAllowed) {
    throw failure('42710', `trigger "${before.name}" for relation "${table.name}" already exists`)
  }
  if (before.constraint !== undefined || trigger.constraint !== undefined) {
    throw failure('42710', `trigger "${before.name}" for relation "${table.name}" is a constraint trigger`)
  }
  const made = { ...trigger, id: before.id }
  const changed = changeTrigger(run, table, before, () => made)
  if (changed !== undefined) replaceCopies(run, changed, made)
}

function definitionOf(run: SqlRun, table: Triggered, statement: CreateTrigStmt): Omit<TriggerDefinition, 'id'> {
  const { trigname: name = '', row, columns = [], whenClause, args = [], isconstraint } = statement
  const timing = timingOf(statement.timing ?? 0)
  const isForRow = row === true
  const all = eventsOf(statement.events ?? 0)
  checkShape(table, statement, { timing, isForRow, all })
  const numbers = columns.map((node) => {
    const column = stringsOf([node])[0]!
    const found = table.columns.find((one) => one.name === column)
    if (found === undefined) {
      throw failure('42703', `column "${column}" of relation "${table.name}" does not exist`)
    }
    return found.number
  })
  const tables = transitionTables(statement, { timing, isForRow, all })
  const when = whenClause && whenText(run, table, whenClause, { isForRow, all, timing })
  const routine = functionOf(run, statement)
  return {
    name,
    function: routine.collection.id,
    timing,
    events: all,
    ...(isForRow && { isForRow }),
    ...(numbers.length > 0 && { columns: numbers }),
    ...(when !== undefined && { when: when.text, reads: when.reads, ...when.called }),
    ...(args.length > 0 && { arguments: stringsOf(args) }),
    ...tables,
    ...(isconstraint === true && { constraint: constraintOf(run, statement) }),
  }
}

function constraintOf(
  run: SqlRun,
  { deferrable, initdeferred, constrrel }: CreateTrigStmt,
): NonNullable<TriggerDefinition['constraint']> {
  const references = constrrel === undefined ? undefined : getTable(run, constrrel).id
  return {
    isDeferrable: deferrable === true,
    isInitiallyDeferred: initdeferred === true,
    ...(references !== undefined && { references }),
  }
}

function checkShape(table: Triggered, { whenClause, columns, transitionRels }: CreateTrigStmt, shape: Shape): void {
  const { timing, isForRow, all } = shape
  const isOfTable = table instanceof Table
  if (isOfTable && timing === 'instead') {
    throw misplaced(table, 'table', 'Tables cannot have INSTEAD OF triggers.')
  }
  if (!isOfTable && isForRow && timing !== 'instead') {
    throw misplaced(table, 'view', 'Views cannot have row-level BEFORE or AFTER triggers.')
  }
  if (!isOfTable && all.includes('truncate')) throw misplaced(table, 'view', 'Views cannot have TRUNCATE triggers.')
  if (isForRow && all.includes('truncate')) throw failure('0A000', 'TRUNCATE FOR EACH ROW triggers are not supported')
  if (timing === 'instead') {
    if (!isForRow) throw failure('0A000', 'INSTEAD OF triggers must be FOR EACH ROW')
    if (whenClause !== undefined) throw failure('0A000', 'INSTEAD OF triggers cannot have WHEN conditions')
    if (columns !== undefined) throw failure('0A000', 'INSTEAD OF triggers cannot have column lists')
  }
  if (!isOfTable && transitionRels !== undefined) {
    throw misplaced(table, 'view', 'Triggers on views cannot have transition tables.')
  }
}

function misplaced({ name }: Triggered, word: string, detail: string): Error {
  return failure('42809', `"${name}" is a ${word}`, { detail })
}

interface Shape {
  readonly timing: TriggerTiming
  readonly isForRow: boolean
  readonly all: readonly TableEvent[]
}

function transitionTables(
  { transitionRels = [], columns = [] }: CreateTrigStmt,
  { timing, isForRow, all }: Shape,
): Pick<TriggerDefinition, 'oldTable' | 'newTable'> {
  let oldTable: string | undefined
  let newTable: string | undefined
  for (const node of transitionRels) {
    if (!('TriggerTransition' in node)) continue
    const { name = '', isNew, isTable } = node.TriggerTransition
    if (isTable !== true) {
      throw failure('0A000', 'ROW variable naming in the REFERENCING clause is not supported', {
        hint: 'Use OLD TABLE or NEW TABLE for naming transition tables.',
      })
    }
    if (timing !== 'after') throw failure('42P17', 'transition table name can only be specified for an AFTER trigger')
    if (all.includes('truncate')) throw failure('0A000', 'TRUNCATE triggers with transition tables are not supported')
    if (all.length > 1) {
      throw failure('0A000', 'transition tables cannot be specified for triggers with more than one event')
    }
    if (columns.length > 0)
      throw failure('0A000', 'transition tables cannot be specified for triggers with column lists')
    const which = isNew === true ? 'NEW' : 'OLD'
    const isThere = isNew === true ? all[0] !== 'delete' : all[0] !== 'insert'
    if (!isThere) {
      const able = isNew === true ? 'an INSERT or UPDATE' : 'a DELETE or UPDATE'
      throw failure('42P17', `${which} TABLE can only be specified for ${able} trigger`)
    }
    if ((isNew === true ? newTable : oldTable) !== undefined) {
      throw failure('42P17', `${which} TABLE cannot be specified multiple times`)
    }
    if (isNew === true) newTable = name
    else oldTable = name
  }
  if (oldTable !== undefined && oldTable === newTable) {
    throw failure('42P17', 'OLD TABLE name and NEW TABLE name cannot be the same')
  }
  const isNamed = oldTable !== undefined || newTable !== undefined
  if (isForRow && isNamed) throw notBuilt('a row trigger with transition tables')
  return { ...(oldTable !== undefined && { oldTable }), ...(newTable !== undefined && { newTable }) }
}

interface WhenText {
  readonly text: string
  readonly reads: readonly number[]
  readonly called: RoutineCalls
}

function whenText(run: SqlRun, table: Triggered, node: Node, { isForRow, all }: Shape): WhenText {
  const bound = unfolded(() => bindWhen(currentContext(run), table, node))
  const width = table.columns.length
  const read = [...columnsRead(bound)]
  if (!isForRow && read.length > 0) {
    throw failure('42P17', "statement trigger's WHEN condition cannot reference column values")
  }
  if (all.includes('insert') && read.some((index) => index < width)) {
    throw failure('42P17', "INSERT trigger's WHEN condition cannot reference OLD values")
  }
  if (all.includes('delete') && read.some((index) => index >= width)) {
    throw failure('42P17', "DELETE trigger's WHEN condition cannot reference NEW values")
  }
  const text = deparse(bound, {
    column: (index) => `${index < width ? 'old' : 'new'}.${quoteIdentifier(table.columns[index % width]!.name)}`,
  })
  const reads = [...new Set(read.map((index) => table.columns[index % width]!.number))]
  return { text, reads, called: routinesCalled(bound) }
}

const triggerType = 2279

function functionOf(run: SqlRun, { funcname }: CreateTrigStmt): Routine {
  const path = stringsOf(funcname)
  const found = routinesOf(createBareBinder(currentContext(run)), path).find(({ inputs }) => inputs.length === 0)
  const shown = path.join('.')
  if (found === undefined) throw failure('42883', `function ${shown}() does not exist`)
  if (found.definition.returns?.type !== triggerType) {
    throw failure('42P17', `function ${shown} must return type trigger`)
  }
  const { rights } = run.transaction.principal
  if (!rights.areUnlimited && (rights.onCollection(found.collection) & privilege.execute) === 0) {
    throw new AccessError('function', shown)
  }
  return found
}

/** As DROP and COMMENT name it. Undefined where the table has none of the name. */
export function findTrigger(
  run: SqlRun,
  relation: { relname: string; schemaname?: string },
  name: string,
): ObjectAddress | undefined {
  const table = getTriggered(run, relation)
  const found = triggersOf(table).find((one) => one.name === name)
  return found && { id: table.id, part: triggerPart(found.id) }
}

export function missingTrigger(relation: { relname?: string; schemaname?: string }, name: string): Error {
  return failure('42704', `trigger "${name}" for table "${shownName(relation)}" does not exist`)
}

export function planRenameTrigger({ relation, subname = '', newname = '' }: RenameStmt): Planned {
  return planSteps({ kind: 'schema' }, 'ALTER TRIGGER', (run) => {
    const table = getTriggered(run, relation!)
    run.transaction.principal.rights.requireOwner(table.collection)
    const found = triggersOf(table).find(({ name }) => name === subname)
    if (found === undefined) throw missingTrigger(relation!, subname)
    if (triggersOf(table).some(({ name }) => name === newname)) {
      throw failure('42710', `trigger "${newname}" for relation "${table.name}" already exists`)
    }
    if (found.parent !== undefined) {
      const { name } = run.transaction.catalog.collectionById(found.parent.table)!
      throw failure('0A000', `cannot rename trigger "${subname}" on table "${table.name}"`, {
        hint: `Rename the trigger on the partitioned table "${name}" instead.`,
      })
    }
    const rename = (one: TriggerDefinition): TriggerDefinition => ({ ...one, name: newname })
    const changed = changeTrigger(run, table, found, rename)
    if (changed !== undefined) changeCopies(run, changed, found, rename)
    return nothing
  })
}

const states: Readonly<Record<string, TriggerState>> = {
  AT_EnableTrig: 'origin',
  AT_EnableAlwaysTrig: 'always',
  AT_EnableReplicaTrig: 'replica',
  AT_DisableTrig: 'disabled',
  AT_EnableTrigAll: 'origin',
  AT_DisableTrigAll: 'disabled',
  AT_EnableTrigUser: 'origin',
  AT_DisableTrigUser: 'disabled',
}

export function isTriggerCommand(subtype: string | undefined): boolean {
  return subtype !== undefined && Object.hasOwn(states, subtype)
}

/** ENABLE and DISABLE TRIGGER of one by name, or of all. */
export function setTriggerState(run: SqlRun, table: Table, subtype: string, name: string | undefined): Table {
  const state = states[subtype]!
  if (name !== undefined && !triggersOf(table).some((one) => one.name === name)) {
    throw missingTrigger({ relname: table.name }, name)
  }
  const inState = (one: TriggerDefinition): TriggerDefinition => {
    const { state: _, ...rest } = one
    return state === 'origin' ? rest : { ...rest, state }
  }
  const isMeant = (one: TriggerDefinition): boolean => name === undefined || one.name === name
  const definition = withChangedTriggers(table.definition, (one) => (isMeant(one) ? inState(one) : one))
  const changed = redefine(run.transaction, table, definition)
  for (const one of triggersOf(changed)) if (isMeant(one)) changeCopies(run, changed, one, inState)
  return changed
}
