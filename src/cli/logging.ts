/** Messages to people on stderr: lines on a terminal, one JSON object a line elsewhere. */
export type LogLevel = 'info' | 'warning' | 'error'

export function log(level: LogLevel, message: string, fields: Record<string, unknown> = {}): void {
  if (process.stderr.isTTY) {
    const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${String(value)}`)
    process.stderr.write(`polylog: ${message}${rest.join('')}\n`)
    return
  }
  process.stderr.write(`${JSON.stringify({ level, message, ...fields })}\n`)
}
