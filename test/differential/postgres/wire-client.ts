/**
 * A PostgreSQL client that shows what a driver hides: object numbers, modifiers, values as they came, positions.
 *
 * It talks to servers on this machine that trust it, one statement at a time.
 */
import { connect, type Socket } from 'node:net'
import type { Statement } from './piece.ts'

export interface Failure {
  readonly state: string
  readonly message: string
  readonly position: string | undefined
}

export interface Answer {
  /** `name:type:modifier` of each column; undefined where there are no rows to come. */
  readonly columns?: readonly string[]
  readonly rows: readonly (readonly (string | null)[])[]
  readonly tag?: string
  readonly failure?: Failure
  /** I, T or E: outside of a transaction, inside, inside of a failed one. */
  readonly status: string
}

/** How a statement is sent, and how its values come back; binary ones are shown as hexadecimal digits. */
export type Protocol = 'simple' | 'text' | 'binary'

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const word = (value: number): Buffer => Buffer.from([(value >> 8) & 255, value & 255])
const long = (value: number): Buffer => Buffer.from([value >> 24, value >> 16, value >> 8, value])

function extended({ text, parameters }: Statement, isBinary: boolean): Buffer {
  const values = parameters.flatMap((value) =>
    value === null ? [long(-1)] : [long(Buffer.byteLength(value)), Buffer.from(value)],
  )
  const format = isBinary ? [word(1), word(1)] : [word(0)]
  return Buffer.concat([
    message('P', Buffer.concat([Buffer.from(`\0${text}\0`), word(0)])),
    message('B', Buffer.concat([Buffer.from('\0\0'), word(0), word(parameters.length), ...values, ...format])),
    message('D', Buffer.from('P\0')),
    message('E', Buffer.concat([Buffer.from('\0'), long(0)])),
    message('S', Buffer.alloc(0)),
  ])
}

export class WireClient {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #wake: () => void = () => undefined
  #error: Error | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    const end = (error?: Error): void => {
      this.#error = error ?? new Error('the server closed the connection')
      this.#wake()
    }
    socket.on('error', end)
    socket.on('close', () => end())
  }

  static async connect(port: number, database: string): Promise<WireClient> {
    const client = new WireClient(connect(port, '127.0.0.1'))
    const parameters = ['user', 'postgres', 'database', database, 'client_encoding', 'UTF8']
    const body = Buffer.concat([long(196_608), ...parameters.map((one) => Buffer.from(`${one}\0`)), Buffer.alloc(1)])
    client.#socket.write(Buffer.concat([long(body.length + 4), body]))
    const { failure } = await client.#answer(false)
    if (failure !== undefined) throw new Error(failure.message)
    return client
  }

  close(): void {
    this.#socket.destroy()
  }

  ask(statement: Statement, protocol: Protocol = 'simple'): Promise<Answer> {
    const isBinary = protocol === 'binary'
    if (protocol === 'simple') this.#socket.write(message('Q', Buffer.from(`${statement.text}\0`)))
    else this.#socket.write(extended(statement, isBinary))
    return this.#answer(isBinary)
  }

  async #answer(isBinary: boolean): Promise<Answer> {
    let columns: string[] | undefined
    let tag: string | undefined
    let failure: Failure | undefined
    const rows: (string | null)[][] = []
    for (;;) {
      const { type, body } = await this.#next()
      if (type === 'T') columns = readColumns(body)
      else if (type === 'D') rows.push(readRow(body, isBinary))
      else if (type === 'C') tag = body.toString('utf8', 0, body.length - 1)
      else if (type === 'E') failure = readFailure(body)
      else if (type === 'Z') {
        const status = body.toString()
        return {
          ...(columns !== undefined && { columns }),
          ...(tag !== undefined && { tag }),
          ...(failure !== undefined && { failure }),
          rows,
          status,
        }
      }
    }
  }

  async #next(): Promise<{ type: string; body: Buffer }> {
    for (;;) {
      const bytes = this.#received
      const end = bytes.length < 5 ? Infinity : 1 + bytes.readInt32BE(1)
      if (bytes.length >= end) {
        this.#received = bytes.subarray(end)
        return { type: String.fromCharCode(bytes[0]!), body: bytes.subarray(5, end) }
      }
      if (this.#error !== undefined) throw this.#error
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}

function readColumns(body: Buffer): string[] {
  let at = 2
  return Array.from({ length: body.readInt16BE(0) }, () => {
    const end = body.indexOf(0, at)
    const name = body.toString('utf8', at, end)
    at = end + 19
    return `${name}:${body.readInt32BE(end + 7)}:${body.readInt32BE(end + 13)}`
  })
}

function readRow(body: Buffer, isBinary: boolean): (string | null)[] {
  let at = 2
  return Array.from({ length: body.readInt16BE(0) }, () => {
    const size = body.readInt32BE(at)
    const from = at + 4
    at = from + Math.max(0, size)
    return size < 0 ? null : body.toString(isBinary ? 'hex' : 'utf8', from, at)
  })
}

function readFailure(body: Buffer): Failure {
  const fields = new Map(
    body
      .toString()
      .split('\0')
      .map((field) => [field[0], field.slice(1)]),
  )
  return { state: fields.get('C') ?? '', message: fields.get('M') ?? '', position: fields.get('P') }
}
