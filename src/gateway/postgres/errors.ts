/**
 * Our codes in PostgreSQL's words: a SQLSTATE for each. Who throws may know a more exact one (`detail.sqlState`).
 */
import { PolylogError, type ErrorCode } from '../../base/errors.ts'

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

export function sqlError(code: ErrorCode, sqlState: string, message: string, hint?: string): PolylogError {
  return new PolylogError(code, message, { detail: hint === undefined ? { sqlState } : { sqlState, hint } })
}

/** Bytes that are not the protocol: the connection ends. */
export class ProtocolViolation extends PolylogError {
  override readonly name = 'ProtocolViolation'
}

export function protocolViolation(message: string): ProtocolViolation {
  return new ProtocolViolation('syntax', message, { detail: { sqlState: '08P01' } })
}

/** A message that is well-framed and wrong inside: an error that the connection survives. */
export function invalidMessage(message: string): PolylogError {
  return sqlError('syntax', '08P01', message)
}

/** Roles lie in a log of the server's own, so that no transaction changes both. */
export function mixedBlock(command: string, changed: string): PolylogError {
  const message = `${command} cannot run inside a transaction block that has changed ${changed}`
  const hint = "Roles lie in a log of the server's own: change them in a block of their own, or outside of one."
  return sqlError('active_transaction', '25001', message, hint)
}

export function abortedBlock(): PolylogError {
  const message = 'current transaction is aborted, commands ignored until end of transaction block'
  return sqlError('transaction_aborted', '25P02', message)
}
