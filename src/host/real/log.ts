import { errorText } from '../../base/logged-error.ts'
import type { LogLevel } from '../host.ts'

export type Log = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void

/** Messages to people on stderr: lines on a terminal, one JSON object a line elsewhere. */
export const log: Log = logWith(false)

/** `literals`: of fields that are errors, everything is said (`base/logged-error.ts`). */
export function logWith(literals: boolean): Log {
  return (level, message, fields = {}) => {
    const shown = Object.entries(fields).map(([name, value]): [string, unknown] => {
      return value instanceof Error ? [name, errorText(value, literals)] : [name, value]
    })
    writeLine(level, message, Object.fromEntries(shown))
  }
}

function writeLine(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void {
  if (process.stderr.isTTY) {
    const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${String(value)}`)
    process.stderr.write(`polylog: ${message}${rest.join('')}\n`)
    return
  }
  process.stderr.write(`${JSON.stringify({ level, message, ...fields })}\n`)
}
