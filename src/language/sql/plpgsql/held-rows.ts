/** Rows of a loop within which transactions end: all of them are there before the first one is looked at. */
import type { StatementSteps } from '../../../database/contract.ts'
import { KeptRows } from '../../../query/kept-rows.ts'
import type { PreparedStatement, Row, SqlValue } from '../contract.ts'
import { type InnerOptions, runInner } from '../routine/inner-statement.ts'
import { asStatement, type StandingAlone } from '../routine/standing-alone.ts'
import { sqlRows } from '../types/row-format.ts'
import type { Frame } from './frame.ts'

const rowsPerPiece = 256
const bytesPerPiece = 256 * 1024

export class HeldRows {
  readonly #alone: StandingAlone
  #rows: KeptRows<SqlValue[]> | undefined

  constructor(alone: StandingAlone) {
    this.#alone = alone
  }

  *gather(frame: Frame, prepared: PreparedStatement, values: readonly SqlValue[]): StatementSteps<void> {
    const { caller, context, isReadOnly, within } = frame
    const work = (): StatementSteps<void> => this.#gather({ caller, context, isReadOnly, within }, prepared, values)
    yield* asStatement(this.#alone, work)
    frame.rowCount = this.length
  }

  *#gather(options: InnerOptions, prepared: PreparedStatement, values: readonly SqlValue[]): StatementSteps<void> {
    this.close()
    const rows = (this.#rows = new KeptRows(this.#alone.openWorkspace(), sqlRows))
    yield* runInner(prepared, values, options, (batch) => keep(rows, batch))
    const written = rows.end()
    if (written !== undefined) yield written
  }

  get length(): number {
    return this.#rows?.length ?? 0
  }

  /** Some of those from a place on, which is counted from 0. */
  *piece(from: number): StatementSteps<readonly Row[]> {
    const count = Math.min(rowsPerPiece, this.length - from)
    const read = this.#rows!.read({ from, count, step: 1, bytes: bytesPerPiece })
    if (!(read instanceof Promise)) return read
    let rows: readonly Row[] = []
    yield read.then((found) => void (rows = found))
    return rows
  }

  close(): void {
    this.#rows?.close()
    this.#rows = undefined
  }
}

function* keep(rows: KeptRows<SqlValue[]>, batch: readonly Row[]): StatementSteps<boolean> {
  for (const row of batch) {
    const written = rows.put(row as SqlValue[])
    if (written !== undefined) yield written
  }
  return true
}
