/** One question to a running server, over its PostgreSQL door: a start, a login, a simple query, and its rows as texts. */
import { hear } from '../host/deaf.ts'
import { PolylogError } from '../base/errors.ts'
import type { Address, Host, Socket } from '../host/host.ts'
import { ScramClient } from '../principal/scram-client.ts'
import { UsageError } from './arguments.ts'

export interface Caller {
  readonly address: Address
  readonly user: string
  readonly database: string
  /** For a server that asks. */
  readonly password: string | undefined
}

/** Of `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. Errors: `UsageError`. */
export function callerOf(text: string): Caller {
  let url: URL
  let decoded: readonly string[]
  try {
    url = new URL(text)
    decoded = [url.username, url.password, url.pathname.slice(1)].map(decodeURIComponent)
  } catch {
    throw new UsageError('--url takes postgres://USER:PASSWORD@HOST:PORT/DATABASE')
  }
  const [user, password, database] = decoded
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') {
    throw new UsageError(`--url takes postgres://HOST:PORT/DATABASE, not "${url.protocol}"`)
  }
  if (url.search !== '') throw new UsageError('--url takes no parameters')
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1'
  return {
    address: { host, port: Number(url.port || 7654) },
    user: user || 'polylog',
    database: database || 'polylog',
    password: password || undefined,
  }
}

type Texts = readonly (string | null)[]

/** Longer messages than this are nobody's answer to a question from here. */
const maxMessageBytes = 16 * 1024 * 1024
const ready = 0x5a

/**
 * Errors: `NetworkError`, `io_error` where the server goes away, `denied` where it asks for a password that there is not, or
 * asks for it otherwise than by SCRAM, or the server's own.
 */
export async function queryOnce(host: Host, caller: Caller, sql: string): Promise<Texts[]> {
  const { address, user, database, password } = caller
  const chance = new Uint8Array(18)
  host.random(chance)
  const login = password === undefined ? undefined : new ScramClient(password, chance)
  const connection = new Connection(await host.network.connect(address), login)
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

function message(type: string, body: string | Buffer): Buffer {
  const text = Buffer.from(body as string)
  const head = Buffer.from(`${type}\0\0\0\0`)
  head.writeInt32BE(4 + text.length, 1)
  return Buffer.concat([head, text])
}

class Connection {
  readonly #socket: Socket
  readonly #login: ScramClient | undefined
  #received: Buffer = Buffer.alloc(0)
  #rows: Texts[] = []
  #failure: Error | undefined
  #settle: { resolve: (rows: Texts[]) => void; reject: (error: Error) => void } | undefined
  #isClosed = false

  constructor(socket: Socket, login: ScramClient | undefined) {
    this.#socket = socket
    this.#login = login
    const onData = (chunk: Uint8Array): void => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#takeMessages()
    }
    hear(socket, { onData, onEnd: () => this.#lost(), onClose: () => this.#lost() })
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
    else if (name === 'R') {
      this.#prove(body).catch((error: unknown) => {
        this.#fail(error as Error)
        this.close()
      })
    } else if (type === ready) {
      if (this.#failure !== undefined) return this.#fail(this.#failure)
      this.#settle?.resolve(this.#rows)
      this.#settle = undefined
    }
  }

  async #prove(body: Buffer): Promise<void> {
    const code = body.readInt32BE(0)
    if (code === 0) return
    const login = this.#login
    if (login === undefined) throw new PolylogError('denied', 'the server asks for a password: say it in --url')
    const text = body.toString('utf8', 4)
    if (code === 10 && text.split('\0').includes('SCRAM-SHA-256')) {
      const first = Buffer.from(login.first)
      const head = Buffer.from('SCRAM-SHA-256\0\0\0\0\0')
      head.writeInt32BE(first.length, head.length - 4)
      this.#socket.write(message('p', Buffer.concat([head, first])))
    } else if (code === 11) this.#socket.write(message('p', await login.prove(text)))
    else if (code === 12) login.check(text)
    else throw new PolylogError('denied', 'the server asks for a password otherwise than by SCRAM-SHA-256')
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
