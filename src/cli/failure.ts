/** How the command says that something went wrong, and what its status means to scripts. */
import { PolylogError, type ErrorCode } from '../base/errors.ts'
import { errorText } from '../base/logged-error.ts'
import { NetworkError } from '../host/host.ts'
import { log } from '../host/real/log.ts'
import { usage, UsageError } from './arguments.ts'

export const exitCodes = { clean: 0, failed: 1, usage: 2, locked: 3, corrupt: 4 } as const

function exitCodeOf(error: unknown): number {
  if (!(error instanceof PolylogError)) return exitCodes.failed
  const codes: Partial<Record<ErrorCode, number>> = {
    directory_locked: exitCodes.locked,
    data_corrupted: exitCodes.corrupt,
  }
  // What was said with the command does not fit the directory.
  if (error.detail['isEncryptionKey'] === true) return exitCodes.usage
  return codes[error.code] ?? exitCodes.failed
}

function messageOf(error: unknown): string {
  if (error instanceof PolylogError || error instanceof NetworkError) return error.message
  return errorText(error, false)
}

/** Says on stderr what went wrong, and lets the process end with the exit code for it. */
export function reportFailure(error: unknown): void {
  if (error instanceof UsageError) {
    process.stderr.write(`polylog: ${error.message}\n\n${usage}`)
    process.exitCode = exitCodes.usage
  } else {
    log('error', messageOf(error))
    process.exitCode = exitCodeOf(error)
  }
}
