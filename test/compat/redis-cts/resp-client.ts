/**
 * The least client of Redis's protocol (RESP2) that a suite needs: one command at a time, replies as plain values. It
 * shares no code with the server under test, so that a fault in the one is not hidden by the other.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** An integer is a number, a string of bytes is text in UTF-8, null is null, an array is an array. */
export type Reply = string | number | null | ReplyError | readonly Reply[]

export class ReplyError {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

const replyLimitMs = 10_000

export class RespClient {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #closed = false
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#closed = true
      this.#wake()
    })
  }

  static async connect(host: string, port: number): Promise<RespClient> {
    const socket = connect({ host, port, noDelay: true })
    await once(socket, 'connect')
    return new RespClient(socket)
  }

  /** Sends a command and waits for its reply; throws where the connection ends or no reply comes. */
  async call(parts: readonly Buffer[]): Promise<Reply> {
    this.#socket.write(encodeCommand(parts))
    const endAtMs = performance.now() + replyLimitMs
    for (;;) {
      const parsed = parseReply(this.#received, 0)
      if (parsed !== undefined) {
        this.#received = this.#received.subarray(parsed.end)
        return parsed.reply
      }
      if (this.#closed) throw new Error('the server closed the connection')
      if (performance.now() >= endAtMs) throw new Error(`no reply within ${replyLimitMs / 1000} s`)
      await this.#more(endAtMs - performance.now())
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  #more(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(limitMs, 1))
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

export function encodeCommand(parts: readonly Buffer[]): Buffer {
  const chunks: Buffer[] = [Buffer.from(`*${parts.length}\r\n`)]
  for (const part of parts) chunks.push(Buffer.from(`$${part.length}\r\n`), part, Buffer.from('\r\n'))
  return Buffer.concat(chunks)
}

/** The reply that begins at `start` and where it ends, or undefined while bytes are missing. */
export function parseReply(bytes: Buffer, start: number): { reply: Reply; end: number } | undefined {
  const lineEnd = bytes.indexOf('\r\n', start)
  if (lineEnd === -1) return undefined
  const rest = bytes.toString('utf8', start + 1, lineEnd)
  const end = lineEnd + 2
  const type = String.fromCharCode(bytes[start] ?? 0)
  if (type === '+') return { reply: rest, end }
  if (type === '-') return { reply: new ReplyError(rest), end }
  if (!/^-?\d+$/.test(rest)) throw new Error(`not a reply: ${type}${rest}`)
  const count = Number(rest)
  if (type === ':') return { reply: count, end }
  if (type === '$') return count === -1 ? { reply: null, end } : parseBulk(bytes, end, count)
  if (type === '*') return count === -1 ? { reply: null, end } : parseArray(bytes, end, count)
  throw new Error(`not a reply: ${type}${rest}`)
}

function parseBulk(bytes: Buffer, start: number, length: number): { reply: Reply; end: number } | undefined {
  const end = start + length
  if (bytes.length < end + 2) return undefined
  if (bytes.toString('latin1', end, end + 2) !== '\r\n') throw new Error('a bulk string does not end with its length')
  return { reply: bytes.toString('utf8', start, end), end: end + 2 }
}

function parseArray(bytes: Buffer, start: number, count: number): { reply: Reply; end: number } | undefined {
  const elements: Reply[] = []
  let end = start
  while (elements.length < count) {
    const element = parseReply(bytes, end)
    if (element === undefined) return undefined
    elements.push(element.reply)
    end = element.end
  }
  return { reply: elements, end }
}
