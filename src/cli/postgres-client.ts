/** One question to a running server, over its PostgreSQL door: a start, a simple query, and its rows as texts. */
import { PolylogError } from '../base/errors.ts'
import type { Address, Host, Socket } from '../host/host.ts'

export interface Caller {
  readonly address: Address
  readonly user: string
  readonly database: string
}

type Texts = readonly (string | null)[]

/** Longer messages than this are nobody's answer to a question from here. */
const maxMessageBytes = 16 * 1024 * 1024
const ready = 0x5a

/** Errors: `NetworkError`, `io_error` where the server goes away, `denied` where it asks for a password, or the server's own. */
export async function queryOnce(host: Host, { address, user, database }: Caller, sql: string): Promise<Texts[]> {
  const connection = new Connection(await host.network.connect(address))
  try {
    await connection.ask(startup(user, database))
    return await connection.ask(message('Q', `${sql}\0`))
  } finally {
    connection.close()
  }
}

function startup(user: string, database: string): Buffer {
  const parameters = Buffer.from(`user\0${user}\0database\0${database}\0\0`)
  const bytes = Buffer.alloc(8)
  bytes.writeInt32BE(8 + parameters.length, 0)
  bytes.writeInt32BE(196_608, 4)
  return Buffer.concat([bytes, parameters])
}

function message(type: string, body: string): Buffer {
  const text = Buffer.from(body)
  const head = Buffer.from(`${type}\0\0\0\0`)
  head.writeInt32BE(4 + text.length, 1)
  return Buffer.concat([head, text])
}

class Connection {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #rows: Texts[] = []
  #failure: Error | undefined
  #settle: { resolve: (rows: Texts[]) => void; reject: (error: Error) => void } | undefined
  #isClosed = false

  constructor(socket: Socket) {
    this.#socket = socket
    socket.onData = (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#takeMessages()
    }
    socket.onEnd = () => this.#lost()
    socket.onClose = () => this.#lost()
  }

  /** Its rows, once the server is ready for another. */
  ask(bytes: Uint8Array): Promise<Texts[]> {
    this.#rows = []
    this.#failure = undefined
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      if (this.#isClosed) this.#lost()
      else this.#socket.write(bytes)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #lost(): void {
    this.#isClosed = true
    this.#fail(this.#failure ?? new PolylogError('io_error', 'the server has closed the connection'))
  }

  #fail(error: Error): void {
    this.#settle?.reject(error)
    this.#settle = undefined
  }

  #takeMessages(): void {
    while (this.#received.length >= 5) {
      const length = this.#received.readInt32BE(1)
      if (length < 4 || length > maxMessageBytes) {
        return this.#fail(new PolylogError('io_error', 'what answers does not speak as PostgreSQL does'))
      }
      if (this.#received.length < 1 + length) return
      const type = this.#received[0]!
      const body = this.#received.subarray(5, 1 + length)
      this.#received = this.#received.subarray(1 + length)
      this.#take(type, body)
    }
  }

  #take(type: number, body: Buffer): void {
    const name = String.fromCharCode(type)
    if (name === 'D') this.#rows.push(textsOf(body))
    else if (name === 'E') this.#failure ??= errorOf(body)
    else if (name === 'R' && body.readInt32BE(0) !== 0) {
      this.#fail(new PolylogError('denied', 'the server asks for a password, which cannot be given here'))
    } else if (type === ready) {
      if (this.#failure !== undefined) return this.#fail(this.#failure)
      this.#settle?.resolve(this.#rows)
      this.#settle = undefined
    }
  }
}

function textsOf(body: Buffer): Texts {
  const texts: (string | null)[] = []
  let at = 2
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const size = body.readInt32BE(at)
    at += 4
    texts.push(size < 0 ? null : body.toString('utf8', at, at + size))
    at += Math.max(0, size)
  }
  return texts
}

/** The fields of an ErrorResponse: a letter and a text each. */
function errorOf(body: Buffer): PolylogError {
  let text = 'the server answers with an error'
  for (let at = 0; at < body.length && body[at] !== 0;) {
    const end = body.indexOf(0, at + 1)
    if (end < 0) break
    if (body[at] === 0x4d) text = body.toString('utf8', at + 1, end)
    at = end + 1
  }
  return new PolylogError('internal', text)
}
