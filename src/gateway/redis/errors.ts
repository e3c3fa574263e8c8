/**
 * Redis's error lines for our codes. Where Redis has the same error, the thrower's message is in Redis's words already; the
 * codes `POLYLOG…` are ours, for what Redis does not know.
 */
import { PolylogError, type ErrorCode } from '../../base/errors.ts'

/** An answer of a command: the error line without its `-`. Thrown before anything was written. */
export class CommandError extends Error {
  constructor(line: string) {
    super(line)
    this.name = 'CommandError'
  }
}

const prefixes: Readonly<Record<ErrorCode, string>> = {
  syntax: 'ERR',
  invalid_argument: 'ERR',
  out_of_range: 'ERR',
  wrong_type: 'WRONGTYPE',
  unsupported: 'ERR',
  division_by_zero: 'ERR',
  undefined_object: 'ERR',
  undefined_column: 'ERR',
  ambiguous: 'ERR',
  duplicate_object: 'ERR',
  dependent_objects: 'ERR',
  conflict: 'ERR',
  unique_violation: 'ERR',
  not_null_violation: 'ERR',
  check_violation: 'ERR',
  foreign_key_violation: 'ERR',
  foreign_model_violation: 'ERR',
  serialization_failure: 'POLYLOGCONFLICT',
  deadlock: 'POLYLOGCONFLICT',
  lock_not_available: 'POLYLOGCONFLICT',
  transaction_aborted: 'POLYLOGABORTED',
  no_transaction: 'ERR',
  active_transaction: 'ERR',
  transaction_ended: 'POLYLOGENDED',
  read_only: 'READONLY',
  not_leading: 'READONLY',
  canceled: 'ERR',
  timeout: 'ERR',
  too_large: 'ERR',
  out_of_memory: 'OOM',
  too_many_connections: 'ERR max number of clients reached:',
  disk_full: 'MISCONF',
  outcome_unknown: 'POLYLOGUNKNOWN',
  data_corrupted: 'ERR',
  data_newer: 'ERR',
  directory_locked: 'ERR',
  trimmed: 'ERR',
  shutting_down: 'ERR',
  io_error: 'ERR',
  denied: 'NOPERM',
  internal: 'ERR',
}

function isAnswer(error: unknown): error is CommandError | PolylogError {
  return error instanceof CommandError || error instanceof PolylogError
}

/** The line without its `-`. Rethrows what is no answer: see `session/faults.ts`. */
export function errorLine(error: unknown): string {
  if (!isAnswer(error)) throw error
  if (error instanceof CommandError) return error.message
  if (error.code === 'transaction_ended') return `POLYLOGENDED ${error.detail.outcome ?? 'aborted'}`
  return `${prefixes[error.code]} ${error.message}`
}

/** Codes that say that the caller's command was wrong: inside EXEC the other commands run all the same. */
const commandCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'syntax',
  'invalid_argument',
  'out_of_range',
  'wrong_type',
  'unsupported',
  'undefined_object',
])

export function isCommandError(error: unknown): boolean {
  return error instanceof CommandError || (error instanceof PolylogError && commandCodes.has(error.code))
}

/** Of a write where a master is followed. */
export const readOnlyReplica = "READONLY You can't write against a read only replica."

/** Of a write where `min-replicas-to-write` was set: there are none of Redis's kind. */
export const noReplicas = 'NOREPLICAS Not enough good replicas to write.'

export function syntaxError(): CommandError {
  return new CommandError('ERR syntax error')
}

export function notAnInteger(): CommandError {
  return new CommandError('ERR value is not an integer or out of range')
}

export function notAFloat(): CommandError {
  return new CommandError('ERR value is not a valid float')
}

export function invalidExpiry(command: string): CommandError {
  return new CommandError(`ERR invalid expire time in '${command}' command`)
}

export function wrongArity(fullName: string): CommandError {
  return new CommandError(`ERR wrong number of arguments for '${fullName}' command`)
}
