/** NOT NULL, CHECK and UNIQUE: what they test and how PostgreSQL words their errors. */
import { PolylogError, type ErrorCode } from '../../base/errors.ts'
import type { Slice } from '../../base/slice.ts'
import { KeyWriter, prefixRange, primaryIndex } from '../../base/tuple.ts'
import type { DeferrableConstraint, StatementSteps, Task, Transaction } from '../../database/contract.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import { indexedRow } from './expressions.ts'
import { hasNull, writeIndexPrefix, writeKeyOfRowKey, type Values } from './keys.ts'
import type { Column, KeyPart, Table, TableIndex } from './table.ts'
import type { SqlValue } from './types/value.ts'

/** A check constraint, compiled by the language that wrote it. */
export interface RowCheck {
  readonly name: string
  /** Ordinals that it reads. */
  readonly reads: ReadonlySet<number>
  /** False where the expression is false; an unknown result (NULL) passes. */
  passes(row: Values, transaction: Transaction): boolean
}

function violation(
  code: ErrorCode,
  sqlState: string,
  table: Table,
  message: string,
  more: { readonly detail: string; readonly constraint?: string; readonly column?: string },
): PolylogError {
  return new PolylogError(code, message, {
    detail: { sqlState, collection: table.name, schema: table.schema, ...more },
  })
}

/** `columns`: those that may have changed. */
export function checkNotNull(table: Table, columns: readonly Column[], row: Values): void {
  for (const column of columns) {
    if (column.isNotNull && row[column.ordinal] === null) throw notNullViolation(table, column, row)
  }
}

function notNullViolation(table: Table, column: Column, row: Values): PolylogError {
  const message = `null value in column "${column.name}" of relation "${table.name}" violates not-null constraint`
  return violation('not_null_violation', '23502', table, message, {
    detail: `Failing row contains ${describeRow(table, row)}.`,
    column: column.name,
  })
}

export function checkRow(transaction: Transaction, table: Table, checks: readonly RowCheck[], row: Values): void {
  for (const check of checks) {
    if (check.passes(row, transaction)) continue
    const message = `new row for relation "${table.name}" violates check constraint "${check.name}"`
    throw violation('check_violation', '23514', table, message, {
      detail: `Failing row contains ${describeRow(table, row)}.`,
      constraint: check.name,
    })
  }
}

export function uniqueViolation(table: Table, name: string, parts: readonly KeyPart[], row: Values): PolylogError {
  const message = `duplicate key value violates unique constraint "${name}"`
  return violation('unique_violation', '23505', table, message, {
    detail: `Key ${describeKey(parts, row)} already exists.`,
    constraint: name,
  })
}

export function describeKey(parts: readonly KeyPart[], row: Values): string {
  const names = parts.map(({ column }) => column.name).join(', ')
  const values = parts.map(({ column }) => describeValue(column, row[column.ordinal]!)).join(', ')
  return `(${names})=(${values})`
}

/** Longer values are cut, as PostgreSQL cuts them: an error must not repeat a megabyte. */
const maxShownCharacters = 64

export function describeRow(table: Table, row: Values): string {
  const values = table.columns.map((column) => {
    const text = describeValue(column, row[column.ordinal]!)
    return text.length > maxShownCharacters ? `${text.slice(0, maxShownCharacters)}...` : text
  })
  return `(${values.join(', ')})`
}

function describeValue(column: Column, value: SqlValue): string {
  return value === null ? 'null' : column.type.formatText(value)
}

const uniqueWriter = new KeyWriter(64)

/**
 * The row key that stands in a unique index where `row` would stand, or undefined. The entry stays locked, so that
 * nobody can take the place before this transaction ends. The slice holds until the next call on the transaction.
 */
export function findUniqueEntry(
  transaction: Transaction,
  table: Table,
  index: TableIndex,
  row: Values,
): Slice | undefined {
  if (hasNull(index, row)) return undefined
  writeIndexPrefix(table, index, row, uniqueWriter)
  transaction.lock(uniqueWriter, 'update')
  return transaction.get(uniqueWriter)
}

/** Where the primary key of `row` is taken already: its key, which stays locked. */
export function isPrimaryKeyTaken(transaction: Transaction, key: Slice): boolean {
  transaction.lock(key, 'update')
  return transaction.get(key) !== undefined
}

/**
 * Whether a new row or entry finds its place taken; it stays locked. Of one that another has taken since the snapshot the error is
 * that it is taken, as in PostgreSQL, and not that it was changed: unless something that was read has changed as well, since then no
 * order of the two explains both.
 */
export function isPlaceTaken(transaction: Transaction, key: Slice): boolean {
  let isTakenSince = false
  transaction.lock(key, 'update', 'wait', () => {
    if (transaction.isolation === 'read committed' || transaction.newest.get(key) === undefined) return false
    transaction.validateReads()
    return (isTakenSince = true)
  })
  return transaction.get(key) !== undefined || isTakenSince
}

export function isEntryTaken(transaction: Transaction, table: Table, index: TableIndex, row: Values): boolean {
  return !hasNull(index, row) && isPlaceTaken(transaction, writeIndexPrefix(table, index, row, uniqueWriter))
}

const twinWriter = new KeyWriter(64)

/**
 * Of a deferrable constraint: whether another row has the values of `row` in the newest state. They stay locked, so that
 * nobody else can come to have them before this transaction ends.
 */
export function hasTwin(transaction: Transaction, table: Table, index: TableIndex, row: Values): boolean {
  if (hasNull(index, row)) return false
  transaction.hold(writeIndexPrefix(table, index, row, twinWriter), 'update')
  const cursor = transaction.newest.scan(prefixRange(twinWriter))
  return cursor.next() && cursor.next()
}

/** Looks for a twin once it may be there no more. */
class UniqueCheck implements Task {
  readonly constraint: DeferrableConstraint
  readonly collection: number
  readonly sizeBytes = 300
  readonly #table: Table
  readonly #index: TableIndex
  readonly #row: Values

  constructor(table: Table, index: TableIndex, row: Values) {
    this.constraint = uniqueConstraintOf(table, index)
    this.collection = table.id
    this.#table = table
    this.#index = index
    this.#row = row
  }

  *run(transaction: Transaction): StatementSteps<void> {
    const isDouble = yield* inPlace(transaction, () => hasTwin(transaction, this.#table, this.#index, this.#row))
    if (isDouble) throw uniqueViolation(this.#table, this.#index.name, this.#index.parts, this.#row)
  }
}

export function uniqueConstraintOf(table: Table, { id, deferrable }: TableIndex): DeferrableConstraint {
  return {
    id: `${table.id} index ${id}`,
    isDeferrable: deferrable !== undefined,
    isInitiallyDeferred: deferrable === 'deferred',
  }
}

/** After the entry of `row` was put into a deferrable index. */
export function checkTwin(transaction: Transaction, table: Table, index: TableIndex, row: Values): void {
  if (hasTwin(transaction, table, index, row)) transaction.agenda.putOff(new UniqueCheck(table, index, row))
}

const conflictWriter = new KeyWriter(64)

/**
 * The row that stands in the way of inserting `row`, by the primary key (`index` undefined) or a unique index: a copy of
 * its key, locked. For ON CONFLICT.
 */
export function findConflict(
  transaction: Transaction,
  table: Table,
  index: TableIndex | undefined,
  row: Values,
): Uint8Array | undefined {
  if (index !== undefined) {
    const seen = indexedRow(transaction, table, index, row)
    const rowKey = seen && findUniqueEntry(transaction, table, index, seen)
    if (rowKey === undefined) return undefined
    writeKeyOfRowKey(table, rowKey, conflictWriter)
    transaction.lock(conflictWriter, 'update')
    return conflictWriter.toBytes()
  }
  conflictWriter.begin(table.id, primaryIndex)
  for (const { column } of table.primaryKey!) column.type.writeKey(row[column.ordinal]!, conflictWriter)
  return isPrimaryKeyTaken(transaction, conflictWriter) ? conflictWriter.toBytes() : undefined
}
