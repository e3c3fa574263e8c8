/**
 * Statements and portals that a client keeps by name. A portal is a statement with its parameters and result formats;
 * executed for a number of rows, it keeps the rows that were not asked for yet.
 */
import type { ParsedStatement, PreparedStatement } from '../../language/sql/contract.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import type { KeptRows } from '../../query/kept-rows.ts'
import { RowEncoder } from './rows.ts'
import type { WaitingRows } from './waiting-rows.ts'
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
  rest: WaitingRows | undefined
  /** Set when it has run to its end. */
  isDone = false
  #encoder: RowEncoder | undefined

  constructor(statement: ClientStatement, parameters: readonly SqlValue[], formats: readonly number[] | undefined) {
    this.statement = statement
    this.parameters = parameters
    this.formats = formats
  }

  /** It has been begun, or may still be. */
  reads(collection: number): boolean {
    const { prepared } = this.statement
    return !this.isDone && prepared?.effect.kind === 'read' && prepared.uses(collection)
  }

  encoder(columns: readonly DescribedColumn[]): RowEncoder {
    this.#encoder ??= new RowEncoder(columns, this.formats)
    return this.#encoder
  }
}

export interface Cursor {
  readonly name: string
  /** DECLARE, as it was sent. */
  readonly text: string
  readonly prepared: PreparedStatement
  readonly columns: readonly DescribedColumn[]
  readonly rows: KeptRows<SqlValue[]>
  /** Where it stands: see `cursor-place.ts`. */
  at: number
  /** What was asked of it last was an error. */
  isFailed: boolean
  readonly isScroll: boolean
  readonly isBinary: boolean
  readonly declaredMs: number
  /** WITH HOLD: outlives its transaction, where that commits. */
  readonly isHeld: boolean
  /** Its transaction has been committed. */
  isSettled: boolean
}
