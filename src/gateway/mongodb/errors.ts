/** Polylog's errors as MongoDB's numbers, names and labels. The map is exhaustive: a new code must be answered here. */
import type { ErrorCode, PolylogError } from '../../base/errors.ts'

/** The server's numbers where the thrower knows no more exact one (`detail.mongoCode`). */
const numbers: Record<ErrorCode, number> = {
  syntax: 9,
  invalid_argument: 2,
  out_of_range: 2,
  wrong_type: 14,
  unsupported: 115,
  division_by_zero: 2,
  undefined_object: 26,
  undefined_column: 2,
  ambiguous: 2,
  duplicate_object: 48,
  dependent_objects: 115,
  conflict: 20,
  unique_violation: 11_000,
  not_null_violation: 121,
  check_violation: 121,
  foreign_key_violation: 121,
  foreign_model_violation: 121,
  serialization_failure: 112,
  deadlock: 112,
  lock_not_available: 24,
  transaction_aborted: 251,
  no_transaction: 251,
  active_transaction: 117,
  transaction_ended: 251,
  read_only: 10_107,
  not_leading: 10_107,
  canceled: 11_601,
  timeout: 50,
  too_large: 10_334,
  out_of_memory: 146,
  // The server closes such connections; a login that is refused is the nearest that drivers know.
  too_many_connections: 18,
  disk_full: 14_031,
  outcome_unknown: 64,
  data_corrupted: 8,
  data_newer: 8,
  directory_locked: 8,
  trimmed: 286,
  shutting_down: 91,
  io_error: 8,
  denied: 13,
  internal: 8,
}

/** Names of the numbers that are answered, from the server's error_codes.yml. Others are `Location<number>`. */
const names: ReadonlyMap<number, string> = new Map([
  [2, 'BadValue'],
  [8, 'UnknownError'],
  [9, 'FailedToParse'],
  [11, 'UserNotFound'],
  [13, 'Unauthorized'],
  [14, 'TypeMismatch'],
  [15, 'Overflow'],
  [17, 'ProtocolError'],
  [18, 'AuthenticationFailed'],
  [20, 'IllegalOperation'],
  [22, 'InvalidBSON'],
  [24, 'LockTimeout'],
  [26, 'NamespaceNotFound'],
  [27, 'IndexNotFound'],
  [28, 'PathNotViable'],
  [31, 'RoleNotFound'],
  [40, 'ConflictingUpdateOperators'],
  [43, 'CursorNotFound'],
  [47, 'NoMatchingDocument'],
  [48, 'NamespaceExists'],
  [50, 'MaxTimeMSExpired'],
  [52, 'DollarPrefixedFieldName'],
  [53, 'InvalidIdField'],
  [54, 'NotSingleValueField'],
  [56, 'EmptyFieldName'],
  [57, 'DottedFieldName'],
  [59, 'CommandNotFound'],
  [64, 'WriteConcernFailed'],
  [66, 'ImmutableField'],
  [67, 'CannotCreateIndex'],
  [72, 'InvalidOptions'],
  [73, 'InvalidNamespace'],
  [85, 'IndexOptionsConflict'],
  [86, 'IndexKeySpecsConflict'],
  [91, 'ShutdownInProgress'],
  [100, 'UnsatisfiableWriteConcern'],
  [112, 'WriteConflict'],
  [115, 'CommandNotSupported'],
  [117, 'ConflictingOperationInProgress'],
  [121, 'DocumentValidationFailure'],
  [133, 'FailedToSatisfyReadPreference'],
  [166, 'CommandNotSupportedOnView'],
  [189, 'PrimarySteppedDown'],
  [168, 'InvalidPipelineOperator'],
  [171, 'CannotIndexParallelArrays'],
  [175, 'QueryPlanKilled'],
  [225, 'TransactionTooOld'],
  [237, 'CursorKilled'],
  [239, 'SnapshotTooOld'],
  [241, 'ConversionFailure'],
  [246, 'SnapshotUnavailable'],
  [251, 'NoSuchTransaction'],
  [260, 'InvalidResumeToken'],
  [263, 'OperationNotSupportedInTransaction'],
  [280, 'ChangeStreamFatalError'],
  [286, 'ChangeStreamHistoryLost'],
  [322, 'APIVersionError'],
  [323, 'APIStrictError'],
  [146, 'ExceededMemoryLimit'],
  [10_107, 'NotWritablePrimary'],
  [10_334, 'BSONObjectTooLarge'],
  [11_000, 'DuplicateKey'],
  [11_601, 'Interrupted'],
  [14_031, 'OutOfDiskSpace'],
  [31_082, 'SearchNotEnabled'],
  [40_324, 'Location40324'],
  [40_415, 'IDLUnknownField'],
])

export interface MongoFailure {
  readonly code: number
  readonly codeName: string
  readonly message: string
  readonly error: PolylogError
}

export function toFailure(error: PolylogError): MongoFailure {
  const code = error.detail.mongoCode ?? numbers[error.code]
  return { code, codeName: names.get(code) ?? `Location${code}`, message: error.message, error }
}

/** Where an error happened, which decides what a driver may do about it. */
export interface FailurePlace {
  readonly inTransaction: boolean
  /** The transaction was joined: a label would make a driver run it again and again. */
  readonly joined: boolean
  readonly isCommit: boolean
  /** A write that carries a number and may be sent again. */
  readonly isRetryable: boolean
}

/** Numbers after which the same command may succeed on another try (the drivers' specification of retryable writes). */
const retryable: ReadonlySet<number> = new Set([6, 7, 89, 91, 189, 262, 9001, 10_107, 11_600, 11_602, 13_435, 13_436])
const transient: ReadonlySet<number> = new Set([
  24, 91, 112, 189, 225, 239, 246, 251, 267, 10_107, 11_600, 11_602, 13_435, 13_436,
])

/** After which a driver opens a change stream again, behind its last token. */
const resumable: ReadonlySet<number> = new Set([
  6, 7, 63, 89, 91, 133, 150, 189, 234, 262, 9001, 10_107, 11_600, 11_602, 13_388, 13_435, 13_436,
])

/** After which nobody can go on where it was. */
const lostStreams: ReadonlySet<number> = new Set([280, 286])

/** Of an error in place of more events. */
export function streamLabelsOf({ code }: Pick<MongoFailure, 'code'>): string[] {
  return resumable.has(code) ? ['ResumableChangeStreamError'] : []
}

export function labelsOf({ code, error }: MongoFailure, place: FailurePlace): string[] {
  if (place.joined || error.code === 'transaction_ended') return []
  const labels: string[] = lostStreams.has(code) ? ['NonResumableChangeStreamError'] : []
  const isTransient = transient.has(code) || error.code === 'not_leading'
  if (place.isCommit) {
    if (error.code === 'outcome_unknown') labels.push('UnknownTransactionCommitResult')
    else if (isTransient) labels.push('TransientTransactionError')
    // What was certainly not done needs all of the transaction again, not only its end.
    if (retryable.has(code) && error.code !== 'not_leading') labels.push('RetryableWriteError')
    return labels
  }
  if (place.inTransaction) return isTransient ? ['TransientTransactionError'] : []
  if (place.isRetryable && retryable.has(code)) labels.push('RetryableWriteError')
  return labels
}
