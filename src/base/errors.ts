/**
 * One error class for the whole of Polylog. A code exists only where a caller would act differently; every gateway maps
 * the closed union with an exhaustive `Record`, so that a new code does not compile until each protocol answers it.
 */
export type ErrorCode =
  // the caller's request
  | 'syntax' // text or bytes that the language does not allow
  | 'invalid_argument' // well-formed, wrong value
  | 'out_of_range' // a number, date or size beyond its type's limits
  | 'wrong_type' // the operation does not fit the value or column that it meets
  | 'unsupported' // known to the protocol, not built here: the message names it
  | 'division_by_zero'
  | 'undefined_object' // a database, namespace, collection, index, function, type that does not exist
  | 'undefined_column'
  | 'ambiguous'
  | 'duplicate_object'
  | 'dependent_objects' // something else still needs what is to be dropped
  | 'conflict' // what was to be changed is not any more what the caller takes it for
  // constraints
  | 'unique_violation'
  | 'not_null_violation'
  | 'check_violation'
  | 'foreign_key_violation'
  | 'foreign_model_violation' // rule 7: a write through another model's door that would lose something
  // transactions
  | 'serialization_failure' // retry the transaction
  | 'deadlock'
  | 'lock_not_available' // NOWAIT
  | 'transaction_aborted' // statement in a transaction that already failed
  | 'no_transaction' // none is open, or the token names none that lives
  | 'active_transaction' // one is open where none may be
  | 'transaction_ended' // a joined party speaks after the decision; detail.outcome tells it
  | 'read_only' // writes refused: read-only transaction, or the process after a failed sync
  | 'not_leading' // this process takes no writes now, another one may: what was asked for is certainly not done
  | 'canceled'
  | 'timeout'
  // limits and trouble
  | 'too_large' // a value, statement or transaction beyond its stated limit
  | 'out_of_memory' // a budget ran out
  | 'too_many_connections' // of a role, a database, an address, or all
  | 'disk_full'
  | 'outcome_unknown' // the sync failed: the commit may or may not have reached the disk
  | 'data_corrupted'
  | 'data_newer' // written by a newer version of Polylog
  | 'directory_locked'
  | 'trimmed' // the log no longer holds what was asked for
  | 'shutting_down'
  | 'io_error'
  | 'denied'
  | 'internal'

export interface ErrorDetail {
  /** 1-based character position in the statement's text, where one is known. */
  readonly position?: number
  readonly hint?: string
  readonly collection?: string
  readonly column?: string
  readonly constraint?: string
  readonly outcome?: 'committed' | 'aborted'
  /** A more exact code of one protocol, where the thrower knows it: a SQLSTATE. */
  readonly sqlState?: string
  /** The same for MongoDB: the server's numeric code. */
  readonly mongoCode?: number
  readonly [name: string]: unknown
}

/** Made by the thousand, by floods and by batches: where from costs more than all else of them, and says nothing. */
const plentiful: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['out_of_memory', 'canceled', 'unique_violation'])

export class PolylogError extends Error {
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly detail: ErrorDetail

  constructor(code: ErrorCode, message: string, options: { detail?: ErrorDetail; cause?: unknown } = {}) {
    const { stackTraceLimit } = Error
    if (plentiful.has(code)) Error.stackTraceLimit = 0
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    Error.stackTraceLimit = stackTraceLimit
    this.name = 'PolylogError'
    this.code = code
    this.retryable = code === 'serialization_failure' || code === 'deadlock'
    this.detail = options.detail ?? {}
  }
}

/** A broken invariant is our bug: it must stop the process before it can write. Hosts turn it into `fatal`. */
export class InvariantError extends Error {
  constructor(message: string) {
    super(`invariant broken: ${message}`)
    this.name = 'InvariantError'
  }
}

/** The message is made whether it is needed or not: where that costs, throw `InvariantError`. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}
