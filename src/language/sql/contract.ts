/**
 * What a door that speaks SQL sees of the language: text in, prepared statements out, rows in batches.
 *
 * Values are in the representation of their type's registry entry (`model/table/types`): int2, int4, float4, float8 are
 * numbers, int8 a bigint, numeric a `Decimal`, text and its kin strings, bytea a Uint8Array, uuid and json text, jsonb its
 * canonical text, date days and time/timestamp/timestamptz microseconds since 1970 (date a number, the others bigints),
 * interval `{ months, days, us }`, arrays `readonly SqlValue[]`, null null.
 */
import type { Decimal } from '../../base/decimal.ts'
import type { Catalog } from '../../database/catalog.ts'
import type { Isolation, Pause, Transaction } from '../../database/contract.ts'

export interface Interval {
  readonly months: number
  readonly days: number
  readonly us: bigint
}

export type SqlValue = null | boolean | number | bigint | string | Decimal | Uint8Array | Interval | readonly SqlValue[]
export type Row = readonly SqlValue[]

export interface ResultColumn {
  readonly name: string
  readonly typeOid: number
  readonly typeModifier: number
  /** The table column that it shows unchanged, else 0: RowDescription wants them. */
  readonly tableOid: number
  readonly columnNumber: number
}

/** What the statement needs to know of its caller; the gateway implements it over its session. */
export interface SqlContext {
  readonly catalog: Catalog
  readonly user: string
  readonly database: string
  readonly searchPath: readonly string[]
  /** Session settings as SHOW gives them; `set` validates and throws for what would change a result and is not built. */
  getSetting(name: string): string | undefined
  setSetting(name: string, value: string | undefined, scope: 'session' | 'transaction'): void
  /** polylog_transaction_token(): of the open transaction. */
  transactionToken(): string
  readonly backendId: number
}

/** One parsed statement of a query string. */
export interface ParsedStatement {
  readonly text: string
  /** Node of the grammar, opaque to doors. */
  readonly tree: unknown
  /** Offset in the query string, for error positions. */
  readonly offset: number
}

export type StatementEffect =
  | { readonly kind: 'read' | 'write' | 'schema' | 'session' }
  | { readonly kind: 'begin'; readonly isolation?: Isolation; readonly readOnly?: boolean }
  | { readonly kind: 'commit' | 'rollback' }
  | { readonly kind: 'savepoint' | 'rollback to' | 'release'; readonly name: string }
  | { readonly kind: 'set transaction'; readonly isolation?: Isolation; readonly readOnly?: boolean }
  | { readonly kind: 'join'; readonly token: string } // SELECT polylog_join('…')
  | { readonly kind: 'copy in' | 'copy out' }
  | { readonly kind: 'prepare' | 'execute' | 'deallocate' | 'declare' | 'fetch' | 'close' | 'discard' }

export interface PreparedStatement {
  readonly effect: StatementEffect
  /** `SELECT`, `INSERT`, `CREATE TABLE`: the command tag without counts. */
  readonly command: string
  readonly parameterTypes: readonly number[]
  /** Undefined where no rows come back. */
  readonly columns: readonly ResultColumn[] | undefined
  /** The statement must be prepared again when this no longer holds. */
  isCurrent(catalog: Catalog): boolean
  /** A fresh execution; it may be restarted by `reset` (a lock wait, a restart of a read-committed statement). */
  execute(parameters: readonly SqlValue[]): Execution
}

export const paused: unique symbol = Symbol('paused')
export type Paused = typeof paused

export interface Execution {
  /**
   * The next rows, at most a few hundred; `undefined` at the end; `paused` where the time slice is over or `waitFor` must
   * come first. Statements that write, or lock, produce no rows before they have done all their writes, so that they can
   * be restarted.
   */
  next(transaction: Transaction, context: SqlContext): Row[] | Paused | undefined
  readonly waitFor: Pause
  /** Rows affected or returned, for the command tag; known at the end. */
  readonly rowCount: number
  /** Back to the beginning. */
  reset(): void
}
