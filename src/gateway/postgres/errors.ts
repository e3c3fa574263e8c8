/**
 * Our codes in PostgreSQL's words: a SQLSTATE for each. Who throws may know a more exact one (`detail.sqlState`).
 */
import { PolylogError, type ErrorCode } from '../../base/errors.ts'

export { sqlStateOf } from '../../language/sql/failure.ts'

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
