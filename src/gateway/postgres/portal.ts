/**
 * Statements and portals that a client keeps by name. A portal is a statement with its parameters and result formats;
 * executed for a number of rows, it keeps the rows that were not asked for yet.
 */
import type { ParsedStatement, PreparedStatement, Row } from '../../language/sql/contract.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import { sqlError } from './errors.ts'
import { RowEncoder } from './rows.ts'
import type { DescribedColumn } from './wire.ts'

/** `parsed` undefined: an empty query string. */
export interface ClientStatement {
  readonly parsed: ParsedStatement | undefined
  prepared: PreparedStatement | undefined
  /** OIDs as the client gave them, 0 where it left them open. */
  readonly givenTypes: readonly number[]
}

export class Portal {
  readonly statement: ClientStatement
  readonly parameters: readonly SqlValue[]
  /** Per column, 0 text or 1 binary; undefined: all text. */
  readonly formats: readonly number[] | undefined
  /** Rows of an earlier Execute that are still to be asked for. */
  rest: RowQueue | undefined
  /** Set when it has run to its end. */
  isDone = false
  #encoder: RowEncoder | undefined

  constructor(statement: ClientStatement, parameters: readonly SqlValue[], formats: readonly number[] | undefined) {
    this.statement = statement
    this.parameters = parameters
    this.formats = formats
  }

  encoder(columns: readonly DescribedColumn[]): RowEncoder {
    this.#encoder ??= new RowEncoder(columns, this.formats)
    return this.#encoder
  }
}

/** Rows that a portal or a cursor holds: bounded, since the client decides when it takes them. */
export class RowQueue {
  #rows: Row[] = []
  #at = 0
  #bytes = 0
  readonly #limitBytes: number

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get length(): number {
    return this.#rows.length - this.#at
  }

  /** Roughly, of all rows that were put in. */
  get bytes(): number {
    return this.#bytes
  }

  push(row: Row): void {
    this.#bytes += sizeOf(row)
    if (this.#bytes > this.#limitBytes) {
      const message = `a portal cannot hold more than ${this.#limitBytes} bytes of rows`
      throw sqlError('out_of_memory', '53200', message, 'Fetch all rows at once, or fewer by LIMIT.')
    }
    this.#rows.push(row)
  }

  take(count: number): Row[] {
    const end = Math.min(this.#rows.length, this.#at + count)
    const taken = this.#rows.slice(this.#at, end)
    this.#at = end
    if (this.#at === this.#rows.length) {
      this.#rows = []
      this.#at = 0
    }
    return taken
  }
}

/** Roughly what a row occupies. */
function sizeOf(row: Row): number {
  let bytes = 24 + row.length * 16
  for (const value of row) {
    if (typeof value === 'string') bytes += value.length * 2
    else if (value instanceof Uint8Array) bytes += value.length
    else if (typeof value === 'object' && value !== null) bytes += Array.isArray(value) ? sizeOf(value) : 48
  }
  return bytes
}

export interface Cursor {
  readonly name: string
  readonly columns: readonly DescribedColumn[]
  readonly rows: RowQueue
  /** WITH HOLD: outlives its transaction. */
  readonly isHeld: boolean
}
