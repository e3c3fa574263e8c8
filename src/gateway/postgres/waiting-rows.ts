/** Rows that a portal or a cursor keeps until its client asks for them, and how they are sent then. */
import { sqlRows } from '../../language/sql/types/row-format.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import { RowQueue } from '../../query/row-queue.ts'
import type { Client } from './client.ts'

export type WaitingRows = RowQueue<SqlValue[]>

const rowsPerPiece = 256
const bytesPerPiece = 256 * 1024

export function openWaitingRows(client: Client): WaitingRows {
  return new RowQueue(client.session.openWorkspace('the rows of a portal'), sqlRows)
}

/** Gives `write` the next `count` rows, piece by piece, as there is room for them; then tells `done` how many there were. */
export function writeWaiting(
  client: Client,
  rows: WaitingRows,
  count: number,
  write: (rows: readonly SqlValue[][]) => void,
  done: (written: number) => void,
): void | Promise<void> {
  const first = rows.take(Math.min(count, rowsPerPiece), bytesPerPiece)
  if (first instanceof Promise || (first.length < count && rows.length > 0)) {
    return writeOn(client, rows, count, { write, done }, first)
  }
  write(first)
  return done(first.length)
}

async function writeOn(
  client: Client,
  rows: WaitingRows,
  count: number,
  { write, done }: { write: (rows: readonly SqlValue[][]) => void; done: (written: number) => void },
  first: SqlValue[][] | Promise<SqlValue[][]>,
): Promise<void> {
  const { maxPendingOutputBytes } = client.limits
  let written = 0
  for (let piece = first; ; piece = rows.take(Math.min(count - written, rowsPerPiece), bytesPerPiece)) {
    const taken = await piece
    write(taken)
    written += taken.length
    if (written >= count || rows.length === 0) return done(written)
    if (client.outbox.pendingBytes < maxPendingOutputBytes) continue
    client.outbox.flush()
    await client.outbox.roomBelow(maxPendingOutputBytes)
  }
}
