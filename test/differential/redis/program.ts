/**
 * A program: what two connections send, step after step. A step's bytes go out together, and the next step begins when all
 * of its replies are there, so that both servers see the same order.
 */
export type Request =
  | { readonly kind: 'command'; readonly args: readonly Buffer[]; readonly inline: boolean }
  /** Sent again with the cursor of the reply, at position `cursorAt`, until that is 0; what all replies held is compared. */
  | { readonly kind: 'scan'; readonly args: readonly Buffer[]; readonly cursorAt: number }
  /** Bytes as they are, which `replies` replies answer. */
  | { readonly kind: 'raw'; readonly bytes: Buffer; readonly replies: number }
  /** All that a client of its own sends before it ends its half; all that it is told is compared. Alone in its step. */
  | { readonly kind: 'damaged'; readonly bytes: Buffer }

/** Requests that only make sense together: shrinking takes all or none. */
export type Unit = readonly Request[]

export interface Step {
  readonly connection: number
  readonly units: readonly Unit[]
  /** The bytes go out in two pieces. */
  readonly cutAt?: number
  /** Time that passes afterwards. */
  readonly waitMs?: number
}

export interface Program {
  readonly seed: number
  readonly steps: readonly Step[]
}

export function command(args: readonly (string | Buffer)[], inline = false): Request {
  return {
    kind: 'command',
    args: args.map((arg) => (typeof arg === 'string' ? Buffer.from(arg, 'latin1') : arg)),
    inline,
  }
}

export function encodeRequest(request: Request): Buffer {
  if (request.kind === 'raw' || request.kind === 'damaged') return request.bytes
  if (request.kind === 'command' && request.inline) return Buffer.from(`${request.args.map(quote).join(' ')}\r\n`)
  return encodeArguments(request.args)
}

export function encodeArguments(args: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) parts.push(Buffer.from(`$${arg.length}\r\n`), arg, Buffer.from('\r\n'))
  return Buffer.concat(parts)
}

/** As redis-cli takes it. */
function quote(arg: Buffer): string {
  const text = arg.toString('latin1')
  if (/^[\w.*:+-]+$/.test(text)) return text
  const escaped = text.replace(/[\\"]/g, '\\$&').replace(/[^ -~]/g, hexadecimal)
  return `"${escaped}"`
}

function hexadecimal(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
}

export function describeRequest(request: Request): string {
  if (request.kind === 'raw' || request.kind === 'damaged') return `${request.kind} ${quote(request.bytes)}`
  const line = request.args.map(quote).join(' ')
  if (request.kind === 'scan') return `${line} (and on to the end)`
  return request.inline ? `${line} (inline)` : line
}

/** One line for each request: the connection, then the request as one would give it to redis-cli. */
export function describeProgram(program: Program): string {
  const lines: string[] = []
  for (const { connection, units, cutAt, waitMs } of program.steps) {
    const requests = units.flat()
    const pipelined = requests.length > 1 ? '|' : ' '
    const cut = cutAt === undefined ? '' : ` (cut at ${cutAt})`
    for (const request of requests) lines.push(`${connection}${pipelined} ${shorten(describeRequest(request))}${cut}`)
    if (waitMs !== undefined) lines.push(`   wait ${waitMs} ms`)
  }
  return lines.join('\n')
}

export function shorten(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 200)}… (${text.length} characters) …${text.slice(-50)}`
}
