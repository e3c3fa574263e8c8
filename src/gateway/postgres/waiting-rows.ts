/** Rows that a portal or a cursor keeps until its client asks for them, and how they are sent then. */
import { beginTurn } from '../../base/work.ts'
import { sqlRows } from '../../language/sql/types/row-format.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import { RowQueue } from '../../query/row-queue.ts'
import type { Client } from './client.ts'
import { isLargeRow } from './large-values.ts'
import { afterDone } from './language.ts'
import type { RowEncoder } from './rows.ts'

export type WaitingRows = RowQueue<SqlValue[]>

export const rowsPerPiece = 256
export const bytesPerPiece: number = 256 * 1024

export function openWaitingRows(client: Client): WaitingRows {
  return new RowQueue(client.session.openWorkspace('the rows of a portal'), sqlRows)
}

type Write = (rows: readonly SqlValue[][]) => void | Promise<void>

/** Gives `write` the next `count` rows, piece by piece, as there is room for them; then tells `done` how many there were. */
export function writeWaiting(
  client: Client,
  rows: WaitingRows,
  count: number,
  write: Write,
  done: (written: number) => void,
): void | Promise<void> {
  const first = rows.take(Math.min(count, rowsPerPiece), bytesPerPiece)
  if (first instanceof Promise || (first.length < count && rows.length > 0)) {
    return writeOn(client, rows, count, { write, done }, first)
  }
  return afterDone(write(first), () => done(first.length))
}

async function writeOn(
  client: Client,
  rows: WaitingRows,
  count: number,
  { write, done }: { write: Write; done: (written: number) => void },
  first: SqlValue[][] | Promise<SqlValue[][]>,
): Promise<void> {
  const { maxPendingOutputBytes } = client.limits
  let written = 0
  for (let piece = first; ; piece = rows.take(Math.min(count - written, rowsPerPiece), bytesPerPiece)) {
    const taken = await piece
    await write(taken)
    written += taken.length
    if (written >= count || rows.length === 0) return done(written)
    if (client.outbox.pendingBytes < maxPendingOutputBytes) continue
    client.outbox.flush()
    await client.outbox.roomBelow(maxPendingOutputBytes)
  }
}

/** Into the outbox; large ones some of it a turn. */
export function writeRows(
  client: Client,
  encoder: RowEncoder,
  rows: readonly (readonly SqlValue[])[],
): void | Promise<void> {
  if (rows.some(isLargeRow)) return writeInTurns(client, encoder, rows)
  for (const row of rows) encoder.write(row, client.outbox.writer)
}

async function writeInTurns(
  client: Client,
  encoder: RowEncoder,
  rows: readonly (readonly SqlValue[])[],
): Promise<void> {
  for (const row of rows) {
    if (!isLargeRow(row)) {
      encoder.write(row, client.outbox.writer)
      continue
    }
    const steps = encoder.writeInSteps(row)
    for (;;) {
      beginTurn()
      const step = steps.next()
      if (step.done === true) {
        client.outbox.append(step.value)
        break
      }
      await client.pause()
    }
  }
}
