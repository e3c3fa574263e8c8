/**
 * A client's connection over the simulated network: one request after the other, each answered or lost.
 *
 * `Lost` is what a client must take for an unknown outcome: the connection broke, or nothing came for too long (a
 * half-open connection never says anything).
 */
import { hear } from '../../../src/host/deaf.ts'
import type { Address, Host, Socket } from '../../../src/host/host.ts'

export class Lost extends Error {}

/** Takes a whole reply off the front of what has been received; undefined where it is not whole yet. */
export type Decode<Reply> = (received: Buffer) => { reply: Reply; length: number } | undefined

const patienceMs = 2_000

export class Connection<Reply> {
  readonly #host: Host
  readonly #socket: Socket
  readonly #decode: Decode<Reply>
  #received: Buffer = Buffer.alloc(0)
  #waiting: { resolve: (reply: Reply) => void; reject: (error: Lost) => void }[] = []
  isOpen = true

  private constructor(host: Host, socket: Socket, decode: Decode<Reply>) {
    this.#host = host
    this.#socket = socket
    this.#decode = decode
    hear(socket, { onData: (chunk) => this.#take(chunk), onEnd: () => this.close(), onClose: () => this.close() })
  }

  static async open<Reply>(host: Host, address: Address, decode: Decode<Reply>): Promise<Connection<Reply>> {
    return new Connection(host, await host.network.connect(address), decode)
  }

  /** May be called again before the answer: a pipeline. */
  request(bytes: Uint8Array): Promise<Reply> {
    if (!this.isOpen) return Promise.reject(new Lost('the connection is closed'))
    return new Promise((resolve, reject) => {
      const stop = this.#host.at(patienceMs, () => this.close())
      const done = (): void => stop()
      this.#waiting.push({
        resolve: (reply) => {
          done()
          resolve(reply)
        },
        reject: (error) => {
          done()
          reject(error)
        },
      })
      this.#socket.write(bytes)
    })
  }

  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#socket.destroy()
    for (const { reject } of this.#waiting.splice(0)) reject(new Lost('the connection is lost'))
  }

  #take(chunk: Uint8Array): void {
    this.#received = Buffer.concat([this.#received, chunk])
    for (let found = this.#decode(this.#received); found !== undefined; found = this.#decode(this.#received)) {
      this.#received = this.#received.subarray(found.length)
      const waiting = this.#waiting.shift()
      if (waiting === undefined) return this.close()
      waiting.resolve(found.reply)
    }
  }
}
