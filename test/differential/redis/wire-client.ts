/** A connection that takes bytes and gives replies, to either server. */
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { readReply, type Reply } from './reply.ts'

/** Both servers are on this machine and have nothing else to do. */
const patienceMs = 5_000

/** `closed`: the server has closed the connection. `silent`: nothing came. */
export type Answer = Reply | 'closed' | 'silent'

export class WireClient {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #at = 0
  #isClosed = false
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      this.#received =
        this.#at === this.#received.length ? chunk : Buffer.concat([this.#received.subarray(this.#at), chunk])
      this.#at = 0
      this.#wake()
    })
    socket.on('close', () => {
      this.#isClosed = true
      this.#wake()
    })
  }

  static open(target: NetConnectOpts): Promise<WireClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(target)
      socket.once('error', reject)
      socket.once('connect', () => resolve(new WireClient(socket)))
    })
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  send(bytes: Buffer): void {
    if (!this.#isClosed) this.#socket.write(bytes)
  }

  /** Says no more; what was sent is still answered. */
  end(): void {
    this.#socket.end()
  }

  async next(): Promise<Answer> {
    for (;;) {
      const found = readReply(this.#received, this.#at)
      if (found !== undefined) {
        this.#at = found.end
        return found.reply
      }
      if (this.#isClosed) return 'closed'
      if (!(await this.#more())) return 'silent'
    }
  }

  #more(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), patienceMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}
