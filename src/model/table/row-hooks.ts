/**
 * Where rules of a table take part in the change of a row: the places, and the list of those who have something to do there.
 *
 * A *rule* is declared once, by `registerRowRule`, for all tables; it says what it has to do with a table, and with an update
 * of some of its columns. That is asked once per version of the table, so a table that a rule has nothing to do with pays
 * nothing for it. The table model's own rules are declared in the same way (`built-in-rules.ts`); triggers and whatever a
 * higher layer adds stand in the same list, behind them.
 *
 *   place    an insert, an update, a delete of a row        may
 *   before   nothing is written yet                         change the new row, leave the row out
 *   derive   the row is as its writer wants it              set columns that follow from others
 *   check    the row is as it will be stored                throw
 *   write    the row itself is stored or gone               write and test what is derived from it: index entries
 *   after    all of that is done                            look at other rows, and put off to the end of the statement
 *
 * and around all rows, whichever door they come by:
 *
 *   before a statement   at its first row of the table, or before that, where the door knows that it begins
 *   after a statement    behind everything that its rows have put off, as a task of the agenda; it is given the rows that
 *                        the statement has changed, old and new, where it has asked for them (`transition-rows.ts`)
 *
 * A statement is what a client means by it: a COPY of any size, a command of MongoDB with all of its documents.
 *
 * A place runs inside the batch of its row: where it has to wait it is run again from the beginning of the row, on the same
 * row as before. An update that moves a row to another key is a delete and an insert for `write`, and one update for all
 * other places.
 *
 * Invariants: rules are registered while modules load, before a table is written; a rule sees `set` columns and those that it has asked
 * for (`needed`) of an old row, and the others perhaps as NULL.
 */
import type { Slice } from '../../base/slice.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import type { Values } from './keys.ts'
import { isRestored } from './restoring.ts'
import type { Table } from './table.ts'
import { eventOf, transitionNotes, type TransitionNotes, transitionRows } from './transition-rows.ts'
import type { SqlValue } from './types/value.ts'

export type RowEvent = 'insert' | 'update' | 'delete'
export type TableEvent = RowEvent | 'truncate'

/** Rows are whole, by ordinal. `key`: the row's whole key; `rowKey`: its part behind the table's number. */
export interface InsertHooks {
  /** False: the row is left out, and nobody is told. */
  before?(transaction: Transaction, row: SqlValue[]): boolean
  derive?(transaction: Transaction, row: SqlValue[]): void
  check?(transaction: Transaction, row: Values): void
  write?(transaction: Transaction, row: Values, rowKey: Slice): void
  after?(transaction: Transaction, row: Values, key: Slice): void
}

/** An update of certain columns. */
export interface UpdateHooks {
  /** Ordinals that both rows must hold, beside those that are set. */
  readonly needed?: Iterable<number>
  /** False: the row stays as it is. Ordinals that it may change beyond those that are set: `RowRule.alsoSets`. */
  before?(transaction: Transaction, newRow: SqlValue[], oldRow: Values): boolean
  derive?(transaction: Transaction, newRow: SqlValue[]): void
  check?(transaction: Transaction, newRow: Values, key: Slice): void
  write?(transaction: Transaction, newRow: Values, oldRow: Values, rowKey: Slice): void
  /** `isMoved`: it had another key before. */
  after?(transaction: Transaction, newRow: Values, oldRow: Values, key: Slice, isMoved: boolean): void
}

export interface DeleteHooks {
  /** Ordinals that the old row must hold. */
  readonly needed?: Iterable<number>
  /** False: the row stays. */
  before?(transaction: Transaction, oldRow: Values): boolean
  write?(transaction: Transaction, oldRow: Values, rowKey: Slice): void
  /** `isMoved`: it goes to another partition. */
  after?(transaction: Transaction, oldRow: Values, key: Slice, isMoved: boolean): void
}

/** Once per statement, table and event, however many rows there are. */
export interface StatementHooks {
  /** Events of which `after` is given the rows: they are kept until then, in a temporary file where they are many. */
  readonly rows?: readonly RowEvent[]
  before?(transaction: Transaction, event: TableEvent): void
  after?(transaction: Transaction, event: TableEvent, rows: TransitionRows): StatementSteps<void> | undefined
}

/** A row that the statement has changed, as it was and as it is stored: both whole. */
export interface ChangedRow {
  /** Undefined where it was inserted. */
  readonly oldRow: Values | undefined
  /** Undefined where it was deleted. */
  readonly newRow: Values | undefined
}

export interface TransitionRows {
  /** In the order of the changes. Each is a batch of its own: `look` may write, and wait. */
  each(look: (changed: ChangedRow) => void): StatementSteps<void>
}

/** Each answers undefined where it has nothing to do with the table. */
export interface RowRule {
  readonly name: string
  onInsert?(table: Table): InsertHooks | undefined
  /** Ordinals that change where those in `set` do. */
  alsoSets?(table: Table, set: ReadonlySet<number>): Iterable<number>
  /** It may set them to anything: who asks which columns a statement sets does not mean them. */
  readonly setsByCode?: boolean
  /** `named`: the columns that the statement sets, and what is generated from them. */
  onUpdate?(table: Table, set: ReadonlySet<number>, named: ReadonlySet<number>): UpdateHooks | undefined
  onDelete?(table: Table): DeleteHooks | undefined
  onStatement?(table: Table): StatementHooks | undefined
}

let registered: readonly RowRule[] = []

/** Answers how to take it back. */
export function registerRowRule(rule: RowRule): () => void {
  registered = [...registered, rule]
  return () => {
    registered = registered.filter((one) => one !== rule)
  }
}

type Functions<H, P extends keyof H> = readonly NonNullable<H[P]>[]

/** What hooks do in one place, in the order of the rules. */
function at<H extends object, P extends keyof H>(hooks: readonly H[], place: P): Functions<H, P> {
  return hooks.flatMap((one) => {
    const hook = one[place]
    return typeof hook === 'function' ? [hook.bind(one) as NonNullable<H[P]>] : []
  })
}

/** The hooks of one event by their places: arrays, most of them empty, that the way of a row walks along. */
export interface InsertPlaces {
  readonly before: Functions<InsertHooks, 'before'>
  readonly derive: Functions<InsertHooks, 'derive'>
  readonly check: Functions<InsertHooks, 'check'>
  readonly write: Functions<InsertHooks, 'write'>
  readonly after: Functions<InsertHooks, 'after'>
}

export interface UpdatePlaces {
  readonly needed: ReadonlySet<number>
  readonly before: Functions<UpdateHooks, 'before'>
  readonly derive: Functions<UpdateHooks, 'derive'>
  readonly check: Functions<UpdateHooks, 'check'>
  readonly write: Functions<UpdateHooks, 'write'>
  readonly after: Functions<UpdateHooks, 'after'>
}

export interface DeletePlaces {
  readonly needed: ReadonlySet<number>
  readonly before: Functions<DeleteHooks, 'before'>
  readonly write: Functions<DeleteHooks, 'write'>
  readonly after: Functions<DeleteHooks, 'after'>
}

/** What the rules have to do with one version of a table. */
export class TableRules {
  readonly rules: readonly RowRule[]
  readonly insert: InsertPlaces
  readonly delete: DeletePlaces
  readonly statement: readonly StatementHooks[]
  readonly #table: Table
  /** Events whose rows are kept until the end of the statement. */
  readonly #noted: ReadonlySet<RowEvent>

  private constructor(table: Table, rules: readonly RowRule[]) {
    this.#table = table
    this.rules = rules
    this.statement = rules.flatMap((rule) => rule.onStatement?.(table) ?? [])
    this.#noted = new Set(this.statement.flatMap(({ rows }) => rows ?? []))
    const inserts = [...this.#noting('insert'), ...rules.flatMap((rule) => rule.onInsert?.(table) ?? [])]
    const deletes = [...this.#noting('delete'), ...rules.flatMap((rule) => rule.onDelete?.(table) ?? [])]
    this.insert = {
      before: at(inserts, 'before'),
      derive: at(inserts, 'derive'),
      check: at(inserts, 'check'),
      write: at(inserts, 'write'),
      after: at(inserts, 'after'),
    }
    this.delete = {
      needed: new Set(deletes.flatMap(({ needed }) => [...(needed ?? [])])),
      before: at(deletes, 'before'),
      write: at(deletes, 'write'),
      after: at(deletes, 'after'),
    }
  }

  /** What notes the rows comes first, so that they are in the order of the changes. */
  #noting<E extends RowEvent>(event: E): TransitionNotes[E][] {
    return this.#noted.has(event) ? [transitionNotes(this.#table)[event]] : []
  }

  static of(table: Table): TableRules {
    const { rules } = table
    if (rules !== undefined && rules.rules === registered) return rules
    return (table.rules = new TableRules(table, registered))
  }

  /** The columns that an update of `ordinals` changes: also those that follow from them. */
  setBy(ordinals: Iterable<number>): ReadonlySet<number> {
    return this.#closure(this.namedBy(ordinals), () => true)
  }

  /** Without those that code may change that the rules run. */
  namedBy(ordinals: Iterable<number>): ReadonlySet<number> {
    return this.#closure(ordinals, ({ setsByCode }) => setsByCode !== true)
  }

  #closure(ordinals: Iterable<number>, isMeant: (rule: RowRule) => boolean): ReadonlySet<number> {
    const set = new Set(ordinals)
    for (let size = -1; size < set.size;) {
      size = set.size
      for (const rule of this.rules.filter(isMeant)) {
        for (const ordinal of rule.alsoSets?.(this.#table, set) ?? []) set.add(ordinal)
      }
    }
    return set
  }

  /** `set` as `setBy` answers it, `named` as `namedBy` does. */
  update(set: ReadonlySet<number>, named: ReadonlySet<number>): UpdatePlaces {
    const own = this.rules.flatMap((rule) => rule.onUpdate?.(this.#table, set, named) ?? [])
    const updates = [...this.#noting('update'), ...own]
    return {
      needed: new Set(updates.flatMap(({ needed }) => [...(needed ?? [])])),
      before: at(updates, 'before'),
      derive: at(updates, 'derive'),
      check: at(updates, 'check'),
      write: at(updates, 'write'),
      after: at(updates, 'after'),
    }
  }
}

/** About what a task for the end of a statement holds. */
const taskBytes = 100

/**
 * The running statement is about to do this with rows of the table: runs what comes before, and puts off what comes after,
 * where that was not done yet. Every row that is written says so itself; a door does where there may be none.
 */
export function beginEvent(transaction: Transaction, table: Table, event: TableEvent): void {
  const { statement } = TableRules.of(table)
  if (statement.length > 0) openStatement(transaction, table, statement, event)
}

/** The statement names another table, by which it writes rows of this one: what this one's does with whole statements is not for it. */
export function passEvent(transaction: Transaction, table: Table, event: RowEvent): void {
  if (TableRules.of(table).statement.length > 0) transaction.agenda.isFirst(eventOf(table.id, event))
}

/** Of a statement that may do several things: what comes after them comes in the opposite order. */
export function beginEvents(transaction: Transaction, table: Table, events: readonly RowEvent[]): void {
  const { statement } = TableRules.of(table)
  const fresh =
    statement.length === 0 ? [] : events.filter((one) => !transaction.agenda.hasBegun(eventOf(table.id, one)))
  for (const event of fresh) runBefore(transaction, statement, event)
  for (const event of fresh.toReversed()) putOffAfter(transaction, table, statement, event)
}

export function openStatement(
  transaction: Transaction,
  table: Table,
  hooks: readonly StatementHooks[],
  event: TableEvent,
): void {
  if (isRestored() || transaction.agenda.hasBegun(eventOf(table.id, event))) return
  // What has to wait in there is run again: it has begun once all of it is done.
  runBefore(transaction, hooks, event)
  putOffAfter(transaction, table, hooks, event)
}

function runBefore(transaction: Transaction, hooks: readonly StatementHooks[], event: TableEvent): void {
  for (const hook of hooks) hook.before?.(transaction, event)
}

function putOffAfter(
  transaction: Transaction,
  table: Table,
  hooks: readonly StatementHooks[],
  event: TableEvent,
): void {
  putOffAll(transaction, table.id, hooks, event, (later) => transitionRows(later, table, event))
}

function putOffAll(
  transaction: Transaction,
  collection: number,
  hooks: readonly StatementHooks[],
  event: TableEvent,
  rows: (later: Transaction) => TransitionRows,
): void {
  const { agenda } = transaction
  agenda.isFirst(eventOf(collection, event))
  for (const hook of hooks) {
    if (hook.after === undefined) continue
    const run = (later: Transaction) => hook.after!(later, event, rows(later))
    agenda.putOffBehind({ collection, sizeBytes: taskBytes, run })
  }
}

const noRows: TransitionRows = { *each() {} }

/** The same of a view, which keeps no rows. */
export function beginViewEvent(
  transaction: Transaction,
  view: number,
  hooks: readonly StatementHooks[],
  event: RowEvent,
): void {
  if (hooks.length === 0 || transaction.agenda.hasBegun(eventOf(view, event))) return
  runBefore(transaction, hooks, event)
  putOffAll(transaction, view, hooks, event, () => noRows)
}
