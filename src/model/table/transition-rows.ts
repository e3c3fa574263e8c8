/**
 * The rows that a statement has changed, for those who look at them when it has: SQL's transition tables. Each is noted when
 * it has changed, and read again at the end; `statement-notes.ts` keeps the notes.
 *
 *   note    old row: u32 length (0: none), bytes | new row: the same       the rows as they are stored (`codec.ts`)
 */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts'
import type { Transaction } from '../../database/contract.ts'
import { encodeRow } from './codec.ts'
import type { Values } from './keys.ts'
import type {
  ChangedRow,
  DeleteHooks,
  InsertHooks,
  RowEvent,
  TableEvent,
  TransitionRows,
  UpdateHooks,
} from './row-hooks.ts'
import type { Table } from './table.ts'

/** By which a statement knows what it does to a table. */
export function eventOf(collection: number, event: TableEvent): string {
  return `${collection} ${event}`
}

export interface TransitionNotes {
  readonly insert: InsertHooks
  readonly update: UpdateHooks
  readonly delete: DeleteHooks
}

/** What keeps the rows of each event. */
export function transitionNotes(table: Table): TransitionNotes {
  const needed = table.columns.map(({ ordinal }) => ordinal)
  const note = (
    transaction: Transaction,
    event: RowEvent,
    oldRow: Values | undefined,
    newRow: Values | undefined,
  ): void =>
    transaction.agenda.note(eventOf(table.id, event), (into) => {
      writeRow(table, oldRow, into)
      writeRow(table, newRow, into)
    })
  return {
    insert: { after: (transaction, row) => note(transaction, 'insert', undefined, row) },
    update: { needed, after: (transaction, newRow, oldRow) => note(transaction, 'update', oldRow, newRow) },
    delete: { needed, after: (transaction, oldRow) => note(transaction, 'delete', oldRow, undefined) },
  }
}

function writeRow(table: Table, row: Values | undefined, into: ByteWriter): void {
  const start = into.end
  into.u32le(0)
  if (row === undefined) return
  const begin = into.end
  encodeRow(table.layout, row, into)
  into.setU32le(start, into.end - begin)
}

function readRow(table: Table, note: ByteReader): Values | undefined {
  const length = note.u32le()
  if (length === 0) return undefined
  const start = note.at
  note.at = start + length
  return table.reader.read({ bytes: note.bytes, start, end: note.at })
}

export function transitionRows(transaction: Transaction, table: Table, event: TableEvent): TransitionRows {
  return {
    each: (look: (changed: ChangedRow) => void) =>
      transaction.agenda.eachNote(eventOf(table.id, event), (note) => {
        const oldRow = readRow(table, note)
        look({ oldRow, newRow: readRow(table, note) })
      }),
  }
}
