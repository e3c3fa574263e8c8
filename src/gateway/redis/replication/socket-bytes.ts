/** What comes in by a socket, for who reads it in steps; the other side waits where too much has come. */
import { hear } from '../../../host/deaf.ts'
import type { Socket } from '../../../host/host.ts'
import type { MoreBytes } from '../../../model/keyvalue/rdb/rdb-input.ts'

const mostWaitingBytes = 4 * 1024 * 1024

export class SocketBytes implements MoreBytes {
  readonly #socket: Socket
  #chunks: Uint8Array[] = []
  #bytes = 0
  #isPaused = false
  #hasEnded = false
  #wake: ((bytes: Uint8Array | undefined) => void) | undefined
  /** Something has come. */
  onBytes: () => void = () => undefined

  constructor(socket: Socket) {
    this.#socket = socket
    hear(socket, {
      onData: (chunk) => this.#take(Buffer.from(chunk)),
      onEnd: () => this.end(),
      onClose: () => this.end(),
    })
  }

  #take(chunk: Uint8Array): void {
    this.onBytes()
    if (this.#wake !== undefined) return this.#hand(chunk)
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes < mostWaitingBytes || this.#isPaused) return
    this.#isPaused = true
    this.#socket.pause()
  }

  #hand(chunk: Uint8Array | undefined): void {
    const wake = this.#wake!
    this.#wake = undefined
    wake(chunk)
  }

  /** Nothing more comes. */
  end(): void {
    this.#hasEnded = true
    if (this.#wake !== undefined) this.#hand(undefined)
  }

  /** Nothing waits to be read. */
  get isEmpty(): boolean {
    return this.#bytes === 0
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#bytes > 0) {
      const bytes = Buffer.concat(this.#chunks)
      this.#chunks = []
      this.#bytes = 0
      if (this.#isPaused) this.#socket.resume()
      this.#isPaused = false
      return Promise.resolve(bytes)
    }
    if (this.#hasEnded) return Promise.resolve(undefined)
    return new Promise((resolve) => (this.#wake = resolve))
  }
}
