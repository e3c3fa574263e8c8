/**
 * Triggers: functions that run when rows of a table change, whichever door changes them.
 *
 * A trigger is a part of the table's definition. What its function is, and how it runs, is told by the language that has
 * registered itself (`registerTriggerRunner`); here stands when it does. As in PostgreSQL, of several that are due at once the
 * first by name runs first; what runs after a row is put off to the end of the statement, behind the table's own rules.
 *
 *   before, each row        the row's way, place `before`: what it answers is the row; a row that it answers nothing for is left out
 *   after, each row         a task of the agenda, with both rows; of a constraint trigger it may be deferred
 *   before, a statement     at its first row, or before
 *   after, a statement      behind all that its rows have put off, with those rows where it has asked for them
 */
import { PolylogError } from '../../base/errors.ts'
import { inStretches } from '../../base/stretches.ts'
import type { Collection } from '../../database/catalog/catalog.ts'
import type { Principal, StatementSteps, Transaction } from '../../database/contract.ts'
import type { RoutineCalls } from './definition.ts'
import type { Values } from './keys.ts'
import { belongs } from './partitions/routing.ts'
import { isRestored } from './restoring.ts'
import {
  registerRowRule,
  type ChangedRow,
  type RowEvent,
  type RowRule,
  type StatementHooks,
  type TableEvent,
} from './row-hooks.ts'
import type { Table } from './table.ts'
import type { SqlType } from './types/type.ts'
import type { SqlValue } from './types/value.ts'

export type TriggerTiming = 'before' | 'after' | 'instead'
export type TriggerState = 'origin' | 'disabled' | 'always' | 'replica'

/** `calls`: of WHEN. */
export interface TriggerDefinition extends RoutineCalls {
  /** Never given out again in the table. */
  readonly id: number
  readonly name: string
  /** The collection of its function. */
  readonly function: number
  readonly timing: TriggerTiming
  readonly events: readonly TableEvent[]
  readonly isForRow?: true
  /** UPDATE OF: by number. */
  readonly columns?: readonly number[]
  /** Columns that `when` reads, by number. */
  readonly reads?: readonly number[]
  /** Over `old` and `new`, as text. */
  readonly when?: string
  readonly arguments?: readonly string[]
  readonly oldTable?: string
  readonly newTable?: string
  /** Of a constraint trigger. */
  readonly constraint?: {
    readonly isDeferrable: boolean
    readonly isInitiallyDeferred: boolean
    readonly references?: number
  }
  /** Of a partition: the trigger of its parent that it goes with. */
  readonly parent?: { readonly table: number; readonly trigger: number }
  /** Left out: `origin`. */
  readonly state?: Exclude<TriggerState, 'origin'>
}

export interface TriggerColumn {
  /** Position in rows. */
  readonly ordinal: number
  readonly number: number
  readonly name: string
  readonly type: SqlType
  readonly modifier: number
}

export interface TriggerList {
  readonly triggers?: readonly TriggerDefinition[]
  /** Left out: 1. */
  readonly nextTrigger?: number
}

/** What triggers are of: a table, or a view (`view-triggers.ts`). */
export interface Triggered {
  readonly id: number
  readonly schema: string
  readonly name: string
  readonly collection: Collection
  readonly columns: readonly TriggerColumn[]
  readonly definition: TriggerList
}

/** What a trigger's function is told. */
export interface Firing {
  readonly table: Triggered
  readonly trigger: TriggerDefinition
  readonly event: TableEvent
  readonly oldRow: Values | undefined
  readonly newRow: Values | undefined
  /** All rows of the statement, for a trigger that has names for them. */
  readonly rows?: readonly ChangedRow[]
}

export interface TriggerRunner {
  /** Whether WHEN lets it run. May throw what there is to wait for. */
  isMet(transaction: Transaction, firing: Firing): boolean
  /** The row that it answers, undefined where that is NULL. What it has to wait for is thrown; the same place goes on with it. */
  runInBatch(transaction: Transaction, place: object, firing: Firing): Values | undefined
  run(transaction: Transaction, firing: Firing): StatementSteps<void>
}

let runner: TriggerRunner | undefined

export function registerTriggerRunner(one: TriggerRunner): void {
  runner = one
}

export function triggersOf({ definition }: { readonly definition: TriggerList }): readonly TriggerDefinition[] {
  return definition.triggers ?? []
}

/** Those that are due, by name. */
export function dueOn(
  table: Triggered,
  timing: TriggerTiming,
  event: TableEvent,
  isForRow: boolean,
  set?: ReadonlySet<number>,
): readonly TriggerDefinition[] {
  const due = triggersOf(table).filter((trigger) => {
    if (trigger.timing !== timing || (trigger.isForRow === true) !== isForRow) return false
    if (!trigger.events.includes(event) || trigger.state === 'disabled' || trigger.state === 'replica') return false
    if (set === undefined || trigger.columns === undefined) return true
    return table.columns.some(({ number, ordinal }) => trigger.columns!.includes(number) && set.has(ordinal))
  })
  return due.sort((a, b) => (a.name < b.name ? -1 : 1))
}

export interface Placed {
  readonly place: object
  readonly trigger: TriggerDefinition
}

export function placed(triggers: readonly TriggerDefinition[]): readonly Placed[] {
  return triggers.map((trigger) => ({ place: {}, trigger }))
}

/** They have the row one after the other, and may change the new one. False: one of them has left it out. */
export function runOnRow(
  transaction: Transaction,
  table: Triggered,
  triggers: readonly Placed[],
  event: RowEvent,
  rows: { readonly oldRow: Values | undefined; readonly newRow: SqlValue[] | undefined },
): boolean {
  const { oldRow, newRow } = rows
  if (isRestored()) return true
  for (const { place, trigger } of triggers) {
    const firing = { table, trigger, event, oldRow, newRow: newRow && [...newRow] }
    if (!runner!.isMet(transaction, firing)) continue
    const answer = runner!.runInBatch(transaction, place, firing)
    if (answer === undefined) return false
    if (newRow === undefined) continue
    for (let i = 0; i < newRow.length; i++) newRow[i] = answer[i]!
    if (event === 'insert' && trigger.parent !== undefined && !belongs(transaction, table as Table, newRow)) {
      throw movingRow(table, trigger)
    }
  }
  return true
}

/** The partition was chosen before. */
function movingRow({ schema, name }: Triggered, trigger: TriggerDefinition): PolylogError {
  const message = 'moving row to another partition during a BEFORE FOR EACH ROW trigger is not supported'
  const detail = `Before executing trigger "${trigger.name}", the row was to be in partition "${schema}.${name}".`
  return new PolylogError('unsupported', message, { detail: { sqlState: '0A000', detail } })
}

const bytesPerFiring = 200

function putOff(
  transaction: Transaction,
  table: Table,
  triggers: readonly TriggerDefinition[],
  event: RowEvent,
  oldRow: Values | undefined,
  newRow: Values | undefined,
): void {
  if (isRestored()) return
  const old = oldRow && [...oldRow]
  const now = newRow && [...newRow]
  const { principal } = transaction
  for (const trigger of triggers) {
    const firing = { table, trigger, event, oldRow: old, newRow: now }
    if (!runner!.isMet(transaction, firing)) continue
    const { constraint } = trigger
    transaction.agenda.putOff({
      collection: table.id,
      sizeBytes: bytesPerFiring + 32 * table.columns.length,
      constraint: constraint && { id: triggerConstraintId(table.id, trigger.id), ...constraint },
      run: (later) => asParty(later, principal, runner!.run(later, firing)),
    })
  }
}

/** Who commits may be another party of the transaction. */
function asParty(transaction: Transaction, party: Principal, steps: StatementSteps<void>): StatementSteps<void> {
  return inStretches(steps, (stretch) => transaction.access.asParty(party, stretch))
}

/** By which SET CONSTRAINTS means it. */
export function triggerConstraintId(table: number, trigger: number): string {
  return `${table} trigger ${trigger}`
}

export function statementHooks(table: Triggered): StatementHooks | undefined {
  const ofStatements = triggersOf(table).filter(({ isForRow, state }) => isForRow !== true && state !== 'disabled')
  if (ofStatements.length === 0) return undefined
  // A statement may have several events.
  const places = new Map<string, object>()
  const placeOf = ({ id }: TriggerDefinition, event: TableEvent): object => {
    const name = `${id} ${event}`
    const place = places.get(name) ?? {}
    places.set(name, place)
    return place
  }
  const noted = ofStatements.filter(({ oldTable, newTable }) => oldTable !== undefined || newTable !== undefined)
  const rows = new Set(noted.flatMap(({ events }) => events.filter((one): one is RowEvent => one !== 'truncate')))
  return {
    rows: [...rows],
    before: (transaction, event) => {
      for (const trigger of dueOn(table, 'before', event, false)) {
        const firing = { table, trigger, event, oldRow: undefined, newRow: undefined }
        if (runner!.isMet(transaction, firing)) runner!.runInBatch(transaction, placeOf(trigger, event), firing)
      }
    },
    after: (transaction, event, changed) => {
      const due = dueOn(table, 'after', event, false)
      return due.length === 0 ? undefined : runAfter(transaction, table, event, due, changed)
    },
  }
}

function* runAfter(
  transaction: Transaction,
  table: Triggered,
  event: TableEvent,
  due: readonly TriggerDefinition[],
  changed: Parameters<NonNullable<StatementHooks['after']>>[2],
): StatementSteps<void> {
  const rows: ChangedRow[] = []
  const isAsked = due.some(({ oldTable, newTable }) => oldTable !== undefined || newTable !== undefined)
  if (isAsked) yield* changed.each((one) => void rows.push(one))
  for (const trigger of due) {
    const firing: Firing = { table, trigger, event, oldRow: undefined, newRow: undefined, rows }
    if (runner!.isMet(transaction, firing)) yield* runner!.run(transaction, firing)
  }
}

/** Row triggers with names for all rows of the statement run with them, once they are all there. */
const triggers: RowRule = {
  name: 'triggers',
  onInsert(table) {
    const before = placed(dueOn(table, 'before', 'insert', true))
    const after = dueOn(table, 'after', 'insert', true)
    if (before.length === 0 && after.length === 0) return undefined
    return {
      ...(before.length > 0 && {
        before: (transaction: Transaction, row: SqlValue[]) =>
          runOnRow(transaction, table, before, 'insert', { oldRow: undefined, newRow: row }),
      }),
      ...(after.length > 0 && {
        after: (transaction: Transaction, row: Values) => putOff(transaction, table, after, 'insert', undefined, row),
      }),
    }
  },
  setsByCode: true,
  alsoSets(table, set) {
    return dueOn(table, 'before', 'update', true, set).length === 0 ? [] : table.columns.map(({ ordinal }) => ordinal)
  },
  onUpdate(table, _set, named) {
    const before = placed(dueOn(table, 'before', 'update', true, named))
    const after = dueOn(table, 'after', 'update', true, named)
    if (before.length === 0 && after.length === 0) return undefined
    return {
      needed: table.columns.map(({ ordinal }) => ordinal),
      ...(before.length > 0 && {
        before: (transaction: Transaction, newRow: SqlValue[], oldRow: Values) =>
          runOnRow(transaction, table, before, 'update', { oldRow, newRow }),
      }),
      ...(after.length > 0 && {
        after: (transaction: Transaction, newRow: Values, oldRow: Values) =>
          putOff(transaction, table, after, 'update', oldRow, newRow),
      }),
    }
  },
  onDelete(table) {
    const before = placed(dueOn(table, 'before', 'delete', true))
    const after = dueOn(table, 'after', 'delete', true)
    if (before.length === 0 && after.length === 0) return undefined
    return {
      needed: table.columns.map(({ ordinal }) => ordinal),
      ...(before.length > 0 && {
        before: (transaction: Transaction, oldRow: Values) =>
          runOnRow(transaction, table, before, 'delete', { oldRow, newRow: undefined }),
      }),
      ...(after.length > 0 && {
        after: (transaction: Transaction, oldRow: Values) =>
          putOff(transaction, table, after, 'delete', oldRow, undefined),
      }),
    }
  },
  onStatement: statementHooks,
}

/** Behind the table's own rules. */
export function registerTriggers(): void {
  registerRowRule(triggers)
}

// ---- changes of a definition

export function withTrigger<D extends TriggerList>(definition: D, trigger: Omit<TriggerDefinition, 'id'>): D {
  const id = definition.nextTrigger ?? 1
  return { ...definition, triggers: [...(definition.triggers ?? []), { ...trigger, id }], nextTrigger: id + 1 }
}

/** `change` answers undefined for one that goes. */
export function withChangedTriggers<D extends TriggerList>(
  definition: D,
  change: (trigger: TriggerDefinition) => TriggerDefinition | undefined,
): D {
  return { ...definition, triggers: (definition.triggers ?? []).flatMap((one) => change(one) ?? []) }
}
