/**
 * A client of a Redis server, Polylog's or another: commands go out one behind another, and their replies come in that order.
 * Who sends waits where too much is under way.
 */
import { hear } from '../host/deaf.ts'
import { PolylogError } from '../base/errors.ts'
import type { Address, Host, Socket } from '../host/host.ts'
import { UsageError } from './arguments.ts'

/** Undefined is null; an error is one that the server has answered. */
export type Reply = Uint8Array | string | number | undefined | Error | readonly Reply[]

export interface RedisCaller {
  readonly address: Address
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: number
}

/** Of `redis://USER:PASSWORD@HOST:PORT/DATABASE`. Errors: `UsageError`. */
export function redisCallerOf(text: string): RedisCaller {
  const form = '--url takes redis://USER:PASSWORD@HOST:PORT/NUMBER'
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new UsageError(form)
  }
  const database = url.pathname.slice(1) || '0'
  if (url.protocol !== 'redis:' || url.search !== '' || !/^\d{1,5}$/.test(database)) throw new UsageError(form)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1'
  return {
    address: { host, port: Number(url.port || 7654) },
    user: decodeURIComponent(url.username) || undefined,
    password: decodeURIComponent(url.password) || undefined,
    database: Number(database),
  }
}

type Argument = Uint8Array | string | number | bigint

/** So much may wait in memory to leave, or for its reply. */
const mostPendingBytes = 4 * 1024 * 1024
const mostPendingReplies = 10_000
const gatheredBytes = 64 * 1024

export async function connectToRedis(
  host: Host,
  { address, user, password, database }: RedisCaller,
): Promise<RedisClient> {
  const client = new RedisClient(await host.network.connect(address))
  if (password !== undefined) await client.call('AUTH', ...(user === undefined ? [] : [user]), password)
  if (database !== 0) await client.call('SELECT', database)
  return client
}

interface Waiter {
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
}

export class RedisClient {
  readonly #socket: Socket
  readonly #replies = new ReplyReader()
  #waiting: Waiter[] = []
  #answered = 0
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0
  #roomWaiter: (() => void) | undefined
  #lost: Error | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    hear(socket, {
      onData: (chunk) => this.#take(chunk),
      onDrain: () => this.#tellRoom(),
      onEnd: () => this.#lose(),
      onClose: () => this.#lose(),
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Errors: the server's answer, `io_error` where it goes away. */
  async call(...args: readonly Argument[]): Promise<Reply> {
    const reply = this.send(...args)
    this.flush()
    const answer = await reply
    if (answer instanceof Error) throw answer
    return answer
  }

  /** Leaves with others; the reply may be an error. */
  send(...args: readonly Argument[]): Promise<Reply> {
    this.#gather(Buffer.from(`*${args.length}\r\n`))
    for (const arg of args) {
      const bytes = arg instanceof Uint8Array ? arg : Buffer.from(String(arg))
      this.#gather(Buffer.from(`$${bytes.length}\r\n`))
      this.#gather(bytes)
      this.#gather(Buffer.from('\r\n'))
    }
    if (this.#gatheredBytes >= gatheredBytes) this.flush()
    return new Promise((resolve, reject) => {
      if (this.#lost === undefined) this.#waiting.push({ resolve, reject })
      else reject(this.#lost)
    })
  }

  /** Undefined where there is room for more. */
  room(): Promise<void> | undefined {
    if (!this.#isFull) return undefined
    this.flush()
    return new Promise((resolve) => (this.#roomWaiter = resolve))
  }

  flush(): void {
    if (this.#gathered.length === 0) return
    this.#socket.write(Buffer.concat(this.#gathered))
    this.#gathered = []
    this.#gatheredBytes = 0
  }

  get #isFull(): boolean {
    if (this.#lost !== undefined) return false
    const isMuch = this.#socket.pendingBytes + this.#gatheredBytes > mostPendingBytes
    return isMuch || this.#waiting.length - this.#answered > mostPendingReplies
  }

  #gather(bytes: Uint8Array): void {
    this.#gathered.push(bytes)
    this.#gatheredBytes += bytes.length
  }

  #take(chunk: Uint8Array): void {
    this.#replies.add(chunk)
    for (let reply = this.#replies.next(); reply !== notYet; reply = this.#replies.next()) {
      this.#waiting[this.#answered++]?.resolve(reply)
    }
    if (this.#answered > mostPendingReplies || this.#answered === this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#answered)
      this.#answered = 0
    }
    this.#tellRoom()
  }

  #tellRoom(): void {
    if (this.#isFull) return
    this.#roomWaiter?.()
    this.#roomWaiter = undefined
  }

  #lose(): void {
    this.#lost ??= new PolylogError('io_error', 'the server has closed the connection')
    for (const { reject } of this.#waiting.slice(this.#answered)) reject(this.#lost)
    this.#waiting = []
    this.#answered = 0
    this.#tellRoom()
  }
}

const notYet: unique symbol = Symbol('not yet')
const carriageReturn = 0x0d

/** Replies of RESP2 out of bytes as they come. */
class ReplyReader {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  /** Chunks that are not looked at before so many bytes are there: a long string is not put together for each. */
  #chunks: Uint8Array[] = []
  #chunkBytes = 0
  #needed = 0

  add(chunk: Uint8Array): void {
    this.#chunks.push(Buffer.from(chunk))
    this.#chunkBytes += chunk.length
    if (this.#bytes.length - this.#at + this.#chunkBytes < this.#needed) return
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), ...this.#chunks])
    this.#at = 0
    this.#chunks = []
    this.#chunkBytes = 0
    this.#needed = 0
  }

  next(): Reply | typeof notYet {
    if (this.#needed > 0) return notYet
    const start = this.#at
    const reply = this.#read()
    if (reply === notYet) this.#at = start
    return reply
  }

  #read(): Reply | typeof notYet {
    const lineEnd = this.#bytes.indexOf(carriageReturn, this.#at)
    if (lineEnd < 0 || lineEnd + 2 > this.#bytes.length) return notYet
    const type = String.fromCharCode(this.#bytes[this.#at]!)
    const text = this.#bytes.toString('utf8', this.#at + 1, lineEnd)
    this.#at = lineEnd + 2
    if (type === '+') return text
    if (type === '-') return new PolylogError('invalid_argument', text)
    const number = Number(text)
    if (type === ':') return number
    if (number < 0) return undefined
    if (type === '$') return this.#bulk(number)
    if (type !== '*') throw new PolylogError('io_error', 'what answers does not speak as Redis does')
    const replies: Reply[] = []
    for (let left = number; left > 0; left--) {
      const reply = this.#read()
      if (reply === notYet) return notYet
      replies.push(reply)
    }
    return replies
  }

  #bulk(length: number): Uint8Array | typeof notYet {
    const end = this.#at + length
    if (end + 2 > this.#bytes.length) {
      this.#needed = length + 2
      return notYet
    }
    const bytes = this.#bytes.subarray(this.#at, end)
    this.#at = end + 2
    return bytes
  }
}
