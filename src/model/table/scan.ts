/**
 * Reading rows: all of them, or those that an index or the primary key finds.
 *
 * A scan reads one transaction's view as it was when the scan was opened: an UPDATE does not meet its own rows. It may
 * be kept while its statement pauses, and where a page is missing `next` may be called again.
 */
import type { KeyRange, Slice } from '../../base/slice.ts'
import { copySlice } from '../../base/slice.ts'
import { PolylogError } from '../../base/errors.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { isTurnOver } from '../../base/work.ts'
import { canWait, suspended } from '../../database/transaction/wait.ts'
import type { TransactionReader } from '../../database/contract.ts'
import type { ReadCounts } from '../../database/statistics/transaction-counts.ts'
import type { Cursor } from '../../storage/store.ts'
import type { RowReader, RowReading } from './codec.ts'
import { rowKeyOfEntry, writeKeyOfRowKey } from './keys.ts'
import type { Table, TableIndex } from './table.ts'
import { manyBytes } from './types/array.ts'
import type { SqlValue } from './types/value.ts'

/** Of scans of the rows themselves, which write none: making one takes longer than all else of a look-up. */
const noKey = new KeyWriter(0)

export interface RowScanOptions {
  readonly index?: TableIndex | undefined
  readonly reverse?: boolean
  /** Where rows are counted. */
  readonly counts?: ReadCounts
}

export class RowScan {
  readonly #transaction: Pick<TransactionReader, 'get' | 'scan'>
  readonly #table: Table
  readonly #index: TableIndex | undefined
  readonly #reader: RowReader
  readonly #cursor: Cursor
  /** Of the row that an entry of the index leads to. */
  readonly #key: KeyWriter
  readonly #counts: ReadCounts | undefined
  /** The entry at hand is not answered yet: its row was not there. */
  #isPending = false
  /** How long the stored form of the row is that was read last. */
  rowBytes = 0
  /** The row at hand, which takes more than a turn to read. */
  #reading: RowReading | undefined

  /** `range` of the rows (`index` undefined) or of the index: see `boundedRange`. `cursor`: one that stands in it. */
  constructor(
    transaction: Pick<TransactionReader, 'get' | 'scan'>,
    table: Table,
    reader: RowReader,
    range: KeyRange,
    options: RowScanOptions = {},
    cursor: Cursor = transaction.scan(range, { reverse: options.reverse === true }),
  ) {
    this.#transaction = transaction
    this.#table = table
    this.#reader = reader
    this.#index = options.index
    this.#key = options.index === undefined ? noKey : new KeyWriter(64)
    this.#cursor = cursor
    this.#counts = options.counts
  }

  /** The next row by ordinals, or undefined at the end. */
  next(): SqlValue[] | undefined {
    if (this.#reading !== undefined) return this.#readOn(this.#reading)
    const value = this.#advance()
    if (value === undefined) return undefined
    if (this.#counts !== undefined) this.#counts.rows++
    this.rowBytes = value.end - value.start
    if (value.end - value.start > manyBytes && canWait()) {
      this.#reading = this.#reader.begin(value)
      if (this.#reading !== undefined) return this.#readOn(this.#reading)
    }
    return this.#reader.read(value)
  }

  /** A large row, some of it a turn. */
  #readOn(reading: RowReading): SqlValue[] {
    const value = this.#index === undefined ? this.#cursor.value : this.#transaction.get(this.#key)
    if (value === undefined)
      throw new PolylogError('internal', `a row of "${this.#table.name}" is gone while it is read`)
    while (!reading.step(value)) if (isTurnOver() && canWait()) throw suspended
    this.#reading = undefined
    return reading.row
  }

  /** A copy of the whole key of the row that was read last. */
  rowKey(): Uint8Array {
    return this.#index === undefined ? copySlice(this.#cursor.key) : this.#key.toBytes()
  }

  /** The same as a view, which holds until the next call of anything. */
  get key(): Slice {
    return this.#index === undefined ? this.#cursor.key : this.#key
  }

  #advance(): Slice | undefined {
    const cursor = this.#cursor
    if (this.#index === undefined) return cursor.next() ? cursor.value : undefined
    while (this.#isPending || cursor.next()) {
      this.#isPending = true
      writeKeyOfRowKey(this.#table, rowKeyOfEntry(this.#index, cursor.key, cursor.value), this.#key)
      const row = this.#transaction.get(this.#key)
      this.#isPending = false
      // The entry may be older than a delete that this transaction has made since the scan was opened.
      if (row !== undefined) return row
    }
    return undefined
  }
}
