/**
 * Errors of the language: PostgreSQL's SQLSTATE and text, and where in the statement. The grammar counts bytes, clients
 * count characters: a `location` in detail is turned into `position` where the statement's text is at hand.
 */
import { type ErrorCode, type ErrorDetail, PolylogError } from '../../base/errors.ts'

/** Of errors whose thrower knows no more exact one. */
const sqlStates: Readonly<Record<ErrorCode, string>> = {
  syntax: '42601',
  invalid_argument: '22023',
  out_of_range: '22003',
  wrong_type: '42804',
  unsupported: '0A000',
  division_by_zero: '22012',
  undefined_object: '42P01',
  undefined_column: '42703',
  ambiguous: '42702',
  duplicate_object: '42P07',
  dependent_objects: '2BP01',
  conflict: '55000',
  unique_violation: '23505',
  not_null_violation: '23502',
  check_violation: '23514',
  foreign_key_violation: '23503',
  foreign_model_violation: '23000',
  serialization_failure: '40001',
  deadlock: '40P01',
  lock_not_available: '55P03',
  transaction_aborted: '25P02',
  no_transaction: '25P01',
  active_transaction: '25001',
  transaction_ended: '25P02',
  read_only: '25006',
  not_leading: '25006',
  canceled: '57014',
  timeout: '57014',
  too_large: '54000',
  out_of_memory: '53200',
  too_many_connections: '53300',
  disk_full: '53100',
  outcome_unknown: '08007',
  data_corrupted: 'XX001',
  data_newer: 'XX001',
  directory_locked: '55006',
  trimmed: '72000',
  shutting_down: '57P01',
  io_error: '58030',
  denied: '42501',
  internal: 'XX000',
}

export function sqlStateOf(error: PolylogError): string {
  return error.detail.sqlState ?? sqlStates[error.code]
}

export interface FailureOptions {
  /** Byte offset in the parsed text. */
  readonly location?: number | undefined
  readonly hint?: string
  readonly detail?: string
}

const codeByState = new Map<string, ErrorCode>([
  ['0A000', 'unsupported'],
  ['22003', 'out_of_range'],
  ['22008', 'out_of_range'],
  ['22012', 'division_by_zero'],
  ['23502', 'not_null_violation'],
  ['23503', 'foreign_key_violation'],
  ['23505', 'unique_violation'],
  ['23514', 'check_violation'],
  ['25001', 'active_transaction'],
  ['25006', 'read_only'],
  ['25P01', 'no_transaction'],
  ['2BP01', 'dependent_objects'],
  ['3F000', 'undefined_object'],
  ['42601', 'syntax'],
  ['42701', 'duplicate_object'],
  ['42702', 'ambiguous'],
  ['42703', 'undefined_column'],
  ['42704', 'undefined_object'],
  ['42710', 'duplicate_object'],
  ['42712', 'duplicate_object'],
  ['42725', 'ambiguous'],
  ['42804', 'wrong_type'],
  ['42809', 'wrong_type'],
  ['42846', 'wrong_type'],
  ['42883', 'undefined_object'],
  ['42P01', 'undefined_object'],
  ['42P06', 'duplicate_object'],
  ['42P07', 'duplicate_object'],
  ['42P18', 'wrong_type'],
  ['53200', 'out_of_memory'],
  ['54000', 'too_large'],
  ['54001', 'too_large'],
  ['54011', 'too_large'],
  ['54023', 'too_large'],
])

export function failure(sqlState: string, message: string, options: FailureOptions = {}): PolylogError {
  const detail: Record<string, unknown> = { sqlState }
  if (options.location !== undefined && options.location >= 0) detail['location'] = options.location
  if (options.hint !== undefined) detail['hint'] = options.hint
  if (options.detail !== undefined) detail['detail'] = options.detail
  return new PolylogError(codeByState.get(sqlState) ?? 'invalid_argument', message, { detail })
}

export function notBuilt(what: string, location?: number): PolylogError {
  return failure('0A000', `${what} is not supported`, { location })
}

/** The same error with a character position, for one that was thrown below the statement that caused it. */
export function withPosition(error: unknown, text: string): unknown {
  if (!(error instanceof PolylogError) || error.detail.position !== undefined) return error
  const location = error.detail['location']
  if (typeof location !== 'number') return error
  const { location: _, ...rest } = error.detail
  const detail: ErrorDetail = { ...rest, position: characterPosition(text, location) }
  return new PolylogError(error.code, error.message, { detail, cause: error })
}

/** Errors of a type's input function know no place; this gives them the literal's. */
export function locate<T>(location: number | undefined, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof PolylogError) || location === undefined || location < 0) throw error
    if (error.detail['location'] !== undefined || error.detail.position !== undefined) throw error
    throw new PolylogError(error.code, error.message, { detail: { ...error.detail, location }, cause: error })
  }
}

function characterPosition(text: string, location: number): number {
  if (Buffer.byteLength(text) === text.length) return location + 1
  return [...Buffer.from(text).subarray(0, location).toString()].length + 1
}
