import type { LogLevel } from '../host.ts'

/** Messages to people on stderr: lines on a terminal, one JSON object a line elsewhere. */
export function log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
  if (process.stderr.isTTY) {
    const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${String(value)}`)
    process.stderr.write(`polylog: ${message}${rest.join('')}\n`)
    return
  }
  process.stderr.write(`${JSON.stringify({ level, message, ...fields })}\n`)
}
