/**
 * Foreign keys at work: what follows from a row that refers, and from a row that is referred to.
 *
 *   a referring row is inserted,       the referred row must be there, and stay: it is held in `key share`
 *   or its reference changes
 *   a referred row is deleted,         NO ACTION, RESTRICT: no row may refer to it any more; CASCADE, SET NULL,
 *   or its key changes                 SET DEFAULT: the rows that refer to it follow
 *
 * **When.** As PostgreSQL, at the end of the statement: a later row of the same statement may be the one that is missed. What
 * holds at once needs no second look, since whoever takes it away later has to answer for it, so only what does not hold
 * yet becomes a task of the agenda. Checks (not actions) of a deferred constraint wait for the end of the transaction.
 *
 * **Why no two transactions can get past each other.** Take one that inserts a row referring to P, and one that deletes P.
 * The first holds P's row in `key share` from its check to its end; the second holds it in `update` from its delete to its
 * end. These exclude each other, so one of them comes first and ends before the other gets its lock; and the other looks
 * *after* it has the lock, at the newest committed state:
 *
 *   inserted first   the delete waits, then finds the row that refers to P: violation, or the action
 *   deleted first    the insert waits, then does not find P: violation
 *
 * So neither may look at its snapshot, which may be older than the lock: `Transaction.newest` is the newest state with the
 * own writes over it. A transaction that runs within one turn takes no locks; nobody can come between its look and its
 * commit, and it waits for those who hold one. An update that leaves the keys of P alone holds it in `no key update`, which
 * does not exclude `key share`; one that changes a key that others may refer to takes `update` (`rows.ts`).
 *
 * **Snapshots.** At repeatable read and above a referred row must also be in the snapshot: one that is newer is not there,
 * and one that is gone since is a serialization failure, as in PostgreSQL. A row that refers to P and is newer than the
 * snapshot is a violation for NO ACTION; to change it would be to change what was committed since, which fails by itself.
 * What is looked up here is not noted as read by a serializable transaction: the locks already say all there is to say.
 *
 * Invariants: after a statement (for what is deferred: after a transaction) every row whose reference is complete refers to
 * a row that is there; a check looks at the newest state, in the turn in which it has got its locks.
 */
import { PolylogError } from '../../base/errors.ts'
import { copySlice, type Slice, sliceOf } from '../../base/slice.ts'
import type { StatementSteps, Task, Transaction } from '../../database/contract.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import { describeKey } from './constraints.ts'
import type { ForeignKeyAction } from './definition.ts'
import { defaultOf } from './expressions.ts'
import { type ForeignKey, foreignKeysOf, foreignKeysTo, type ReferencingRow } from './foreign-key.ts'
import type { Values } from './keys.ts'
import { ancestorsOf, isDetaching } from './partitions/partitioning.ts'
import { isRestored } from './restoring.ts'
import type { Column, Table } from './table.ts'
import type { SqlValue } from './types/value.ts'

/** What an action does to the rows that refer: `rows.ts`, which calls this file and is called back. */
export interface RowChanges {
  deleteRow(transaction: Transaction, table: Table, key: Slice, oldRow: Values): void
  setColumns(
    transaction: Transaction,
    table: Table,
    key: Slice,
    oldRow: Values,
    newRow: SqlValue[],
    set: readonly Column[],
  ): void
}

/** About, beside the bytes of a key. */
const taskBytes = 200

// ---- the referring side

/** After a row was inserted under `key`. */
export function checkReferences(transaction: Transaction, table: Table, row: Values, key: Slice): void {
  for (const foreignKey of foreignKeysOf(transaction.catalog, table)) checkReference(transaction, foreignKey, row, key)
}

/** After the columns `set` of the row under `key` were changed. `isMoved`: it had another key before. */
export function checkChangedReferences(
  transaction: Transaction,
  table: Table,
  oldRow: Values,
  newRow: Values,
  key: Slice,
  isMoved: boolean,
): void {
  for (const foreignKey of foreignKeysOf(transaction.catalog, table)) {
    const { columns } = foreignKey
    // A check that waits for a row looks for it by its key.
    if (!isMoved && columns.every((column) => isSame(column, oldRow, newRow))) continue
    checkReference(transaction, foreignKey, newRow, key)
  }
}

function isSame({ ordinal, type }: Column, oldRow: Values, newRow: Values): boolean {
  const [a, b] = [oldRow[ordinal]!, newRow[ordinal]!]
  return a === b || (a !== null && b !== null && type.compare(a, b) === 0)
}

function checkReference(transaction: Transaction, foreignKey: ForeignKey, row: Values, key: Slice): void {
  if (foreignKey.refersToNothing(row)) return
  transaction.access.actForOwner(foreignKey.referenced.id)
  const isLate = transaction.agenda.isDeferred(foreignKey.constraint)
  if (!isLate && isReferenceMet(transaction, foreignKey, row)) return
  transaction.agenda.putOff(new ReferenceCheck(foreignKey, copySlice(key)))
}

/** Whether the row that `row` refers to is there; it stays. The reference is complete, or MATCH FULL. */
function isReferenceMet(transaction: Transaction, foreignKey: ForeignKey, row: Values): boolean {
  if (foreignKey.columns.some(({ ordinal }) => row[ordinal] === null)) return false
  const values = foreignKey.referredTo(row)
  if (values === undefined) return false
  const home = foreignKey.homeOf(transaction, values)
  if (home === undefined || isDetaching(transaction.newest.committedCatalog(), home.referenced)) return false
  if (home !== foreignKey) transaction.access.actForOwner(home.referenced.id)
  const seesNewer = transaction.isolation === 'read committed'
  const isInSnapshot = seesNewer || home.findReferenced({ get: (key) => transaction.peek(key) }, values) !== undefined
  const found = home.findReferenced(transaction.newest, values)
  if (found !== undefined && isInSnapshot) {
    transaction.hold(found, 'key share')
    return true
  }
  if (found === undefined && isInSnapshot && !seesNewer) {
    throw new PolylogError('serialization_failure', 'could not serialize access due to concurrent update', {
      detail: { hint: 'The transaction might succeed if retried.' },
    })
  }
  return false
}

/** Of a row as it is when the check runs: it may have been changed or deleted since. */
class ReferenceCheck implements Task {
  readonly constraint
  readonly collection: number
  readonly sizeBytes: number
  readonly #foreignKey: ForeignKey
  readonly #key: Uint8Array

  constructor(foreignKey: ForeignKey, key: Uint8Array) {
    this.constraint = foreignKey.constraint
    this.collection = foreignKey.referencing.id
    this.sizeBytes = taskBytes + key.length
    this.#foreignKey = foreignKey
    this.#key = key
  }

  *run(transaction: Transaction): StatementSteps<void> {
    yield* inPlace(transaction, () => this.#check(transaction))
  }

  #check(transaction: Transaction): void {
    const foreignKey = this.#foreignKey.asOf(transaction.catalog)
    const stored = foreignKey === undefined ? undefined : transaction.newest.get(sliceOf(this.#key))
    if (foreignKey === undefined || stored === undefined) return
    const row = foreignKey.referencing.reader.read(stored)
    if (foreignKey.refersToNothing(row) || isReferenceMet(transaction, foreignKey, row)) return
    throw unmetReference(foreignKey, row)
  }
}

export function unmetReference(foreignKey: ForeignKey, row: Values): PolylogError {
  const { referencing, referenced, columns, name } = foreignKey
  const isMixed = columns.some(({ ordinal }) => row[ordinal] === null)
  const key = describeKey(columns.map(ascending), row)
  const detail = isMixed
    ? 'MATCH FULL does not allow mixing of null and nonnull key values.'
    : `Key ${key} is not present in table "${referenced.name}".`
  const message = `insert or update on table "${referencing.name}" violates foreign key constraint "${name}"`
  return violation(referencing, name, message, detail)
}

function ascending(column: Column): { column: Column; isDescending: boolean; nullsFirst: boolean } {
  return { column, isDescending: false, nullsFirst: false }
}

function violation(table: Table, constraint: string, message: string, detail: string): PolylogError {
  return new PolylogError('foreign_key_violation', message, {
    detail: { sqlState: '23503', detail, collection: table.name, schema: table.schema, constraint },
  })
}

// ---- the referred side

/** After a row was deleted (`newRow` undefined), or some of its columns changed. */
export function followReferred(
  transaction: Transaction,
  table: Table,
  oldRow: Values,
  newRow: Values | undefined,
  changes: RowChanges,
): void {
  for (const foreignKey of foreignKeysTo(transaction.catalog, table)) {
    follow(transaction, foreignKey, oldRow, newRow, changes)
  }
}

/** After a row went from one partition to another one: who refers to this partition itself loses it, others do not. */
export function followLeaving(transaction: Transaction, table: Table, oldRow: Values, changes: RowChanges): void {
  for (const foreignKey of foreignKeysTo(transaction.catalog, table)) {
    if (isToItself(foreignKey)) follow(transaction, foreignKey, oldRow, undefined, changes)
  }
}

function isToItself({ referencing, referenced, definition: { id } }: ForeignKey): boolean {
  return referencing.foreignKeys.some((one) => one.id === id && one.references === referenced.id)
}

/** Who refers to the table between that which is named and that which has the row cannot tell a move from a delete. */
export function refuseMoveBelow(transaction: Transaction, root: Table, leaf: Table): void {
  for (const table of ancestorsOf(transaction.catalog, leaf)) {
    if (table.id === root.id) return
    if (!foreignKeysTo(transaction.catalog, table).some(isToItself)) continue
    const message =
      'cannot move tuple across partitions when a non-root ancestor of the source partition is directly referenced in a foreign key'
    throw new PolylogError('unsupported', message, {
      detail: {
        sqlState: '0A000',
        detail: `A foreign key points to ancestor "${table.name}" but not the root ancestor "${root.name}".`,
        hint: `Consider defining the foreign key on table "${root.name}".`,
      },
    })
  }
}

function follow(
  transaction: Transaction,
  foreignKey: ForeignKey,
  oldRow: Values,
  newRow: Values | undefined,
  changes: RowChanges,
): void {
  transaction.access.actForOwner(foreignKey.referencing.id)
  const key = foreignKey.keyOf(oldRow)
  if (key === undefined) return
  if (newRow !== undefined && foreignKey.referencedColumns.every((column) => isIdentical(column, oldRow, newRow)))
    return
  // Without an index this is a walk through a table: not in the middle of a row.
  if (foreignKey.isIndexed && !isReferredTo(transaction, foreignKey, key)) return
  const newKey = newRow && foreignKey.referencedColumns.map(at(newRow))
  transaction.agenda.putOff(new FollowUp(foreignKey, key, newKey, changes))
}

function at(row: Values): (column: Column) => SqlValue {
  return ({ ordinal }) => row[ordinal]!
}

/** Equal, and shown alike: 1.0 and 1.00 are equal, and CASCADE passes on which. */
function isIdentical({ ordinal, type }: Column, oldRow: Values, newRow: Values): boolean {
  const [a, b] = [oldRow[ordinal]!, newRow[ordinal]!]
  return a === b || (a !== null && b !== null && type.formatText(a) === type.formatText(b))
}

/** Of the entries that are looked at in one batch; more make it a task. */
function isReferredTo(transaction: Transaction, foreignKey: ForeignKey, key: Values): boolean {
  const { rows, after } = foreignKey.findReferencing(transaction.newest, key)
  return rows.length > 0 || after !== undefined
}

function stillReferred(transaction: Transaction, foreignKey: ForeignKey, key: Values): PolylogError {
  const { table, name } = foreignKey.shownAs(transaction.catalog)
  const what = `update or delete on table "${foreignKey.referenced.name}"`
  const message = `${what} violates foreign key constraint "${name}" on table "${table.name}"`
  const { referencedColumns } = foreignKey
  const shown: SqlValue[] = []
  for (const [i, { ordinal }] of referencedColumns.entries()) shown[ordinal] = key[i]!
  const described = describeKey(referencedColumns.map(ascending), shown)
  return violation(table, name, message, `Key ${described} is still referenced from table "${table.name}".`)
}

/** Of a row that refers to one of a partition that is to go. */
export function lostReference({ catalog }: Transaction, part: ForeignKey, row: Values): PolylogError {
  const { table, name } = part.shownAs(catalog)
  const message = `removing partition "${part.referenced.name}" violates foreign key constraint "${name}"`
  const key = describeKey(part.columns.map(ascending), row)
  return violation(table, name, message, `Key ${key} is still referenced from table "${table.name}".`)
}

class FollowUp implements Task {
  readonly constraint
  readonly collection: number
  readonly sizeBytes: number
  #foreignKey: ForeignKey
  /** The values that the referred row had. */
  readonly #key: Values
  /** Those that it has now; undefined: it is gone. */
  readonly #newKey: Values | undefined
  readonly #changes: RowChanges
  readonly #action: ForeignKeyAction

  constructor(foreignKey: ForeignKey, key: Values, newKey: Values | undefined, changes: RowChanges) {
    const { onDelete, onUpdate } = foreignKey.definition
    this.collection = foreignKey.referenced.id
    this.#foreignKey = foreignKey
    this.#key = key
    this.#newKey = newKey
    this.#changes = changes
    this.#action = isRestored() ? 'no action' : newKey === undefined ? onDelete : onUpdate
    // Only a check can wait for the end of the transaction: what follows a change follows it at once.
    this.constraint = this.#action === 'no action' ? foreignKey.constraint : undefined
    this.sizeBytes = taskBytes + 32 * key.length
  }

  *run(transaction: Transaction): StatementSteps<void> {
    const action = this.#action
    const foreignKey = this.#foreignKey.asOf(transaction.catalog)
    if (foreignKey === undefined) return
    this.#foreignKey = foreignKey
    if (action === 'no action' || action === 'restrict') {
      yield* this.#refuse(transaction)
      return
    }
    const { collection: owned } = foreignKey.referencing
    yield* this.#eachReferring(transaction, (one) => {
      transaction.access.asOwner(owned, () => this.#apply(transaction, one, action))
    })
    // A row that refers to its default already would be updated to what it is: it must not go unnoticed.
    if (action === 'set default') yield* this.#refuse(transaction)
  }

  *#refuse(transaction: Transaction): StatementSteps<void> {
    const foreignKey = this.#foreignKey
    if (this.#action !== 'restrict') {
      // Another row may have taken its place.
      const isBack = yield* inPlace(
        transaction,
        () => foreignKey.homeOf(transaction, this.#key)?.findReferenced(transaction.newest, this.#key) !== undefined,
      )
      if (isBack) return
    }
    yield* this.#eachReferring(transaction, ({ key }) => {
      // Somebody may be about to take it away.
      transaction.hold(sliceOf(key), 'key share')
      const now = transaction.newest.get(sliceOf(key))
      if (now === undefined || !foreignKey.refersTo(foreignKey.referencing.reader.read(now), this.#key)) return
      throw stillReferred(transaction, foreignKey, this.#key)
    })
  }

  *#eachReferring(transaction: Transaction, visit: (one: ReferencingRow) => void): StatementSteps<void> {
    let after: Uint8Array | undefined
    do {
      const from = after
      const find = () => this.#foreignKey.findReferencing(transaction.newest, this.#key, from)
      const found = yield* inPlace(transaction, find)
      for (const one of found.rows) {
        yield* inPlace(transaction, () => visit(one))
        if (transaction.slice.spend(1)) yield undefined
      }
      after = found.after
      if (transaction.slice.spend(8)) yield undefined
    } while (after !== undefined)
  }

  #apply(transaction: Transaction, { key }: ReferencingRow, action: ForeignKeyAction): void {
    const foreignKey = this.#foreignKey
    const { referencing, columns, definition } = foreignKey
    const slice = sliceOf(key)
    transaction.lock(slice, action === 'cascade' && this.#newKey === undefined ? 'update' : 'no key update')
    const now = transaction.newest.get(slice)
    if (now === undefined) return
    const row = referencing.reader.read(now)
    if (!foreignKey.refersTo(row, this.#key)) return
    if (action === 'cascade' && this.#newKey === undefined) {
      this.#changes.deleteRow(transaction, referencing, slice, row)
      return
    }
    const chosen = this.#newKey === undefined ? definition.setColumns : undefined
    const set = chosen === undefined ? columns : columns.filter(({ number }) => chosen.includes(number))
    const changed = [...row]
    for (const column of set) changed[column.ordinal] = this.#valueFor(transaction, column, action)
    this.#changes.setColumns(transaction, referencing, slice, row, changed, set)
  }

  #valueFor(transaction: Transaction, column: Column, action: ForeignKeyAction): SqlValue {
    if (action === 'set null') return null
    if (action === 'set default') return defaultOf(transaction, column)
    const place = this.#foreignKey.columns.indexOf(column)
    const value = this.#newKey![place]!
    return value === null ? null : this.#foreignKey.cascaded(place, value)
  }
}
