import { deaf, hear } from '../deaf.ts'
import type { SocketListener, Secured, SecureSocket, Socket } from '../host.ts'

const ignore = (): void => {}

/** What a simulated server answers to a hello that it takes: an empty record of a handshake. */
const answer = new Uint8Array([0x16, 3, 3, 0, 0])
const headBytes = 5

/**
 * TLS as the simulation has it: nothing is hidden. A client sends one record of a handshake, as a real one does; who accepts
 * answers with an empty one some time later, and from there on bytes pass as they are. So what is simulated is the order of
 * things, and every delay and end between them. A first record that is no ClientHello ends the connection.
 */
export class SimulatedSecureSocket implements SecureSocket {
  listener: SocketListener = deaf
  onSecured: (secured: Secured) => void = ignore
  readonly #lower: Socket
  readonly #later: (run: () => void) => void
  #first: Uint8Array
  #state: 'hello' | 'answering' | 'secured' = 'hello'
  #hasEnded = false

  constructor(lower: Socket, first: Uint8Array, later: (run: () => void) => void) {
    this.#lower = lower
    this.#later = later
    this.#first = first
    hear(lower, {
      onData: (chunk) => this.#receive(chunk),
      onEnd: () => this.#end(),
      onDrain: () => this.listener.onDrain(),
      onClose: () => this.listener.onClose(),
    })
    lower.resume()
    later(() => this.#shake())
  }

  get remote(): string {
    return this.#lower.remote
  }

  get isLocal(): boolean {
    return this.#lower.isLocal
  }

  get pendingBytes(): number {
    return this.#lower.pendingBytes
  }

  #receive(chunk: Uint8Array): void {
    if (this.#state === 'secured') return this.listener.onData(chunk)
    this.#first = Buffer.concat([this.#first, chunk])
    this.#shake()
  }

  #end(): void {
    this.#hasEnded = true
    if (this.#state === 'secured') this.listener.onEnd()
    else if (this.#state === 'hello') this.#lower.destroy()
  }

  #shake(): void {
    const first = this.#first
    if (this.#state !== 'hello' || first.length < headBytes) return
    const sizeBytes = headBytes + first[3]! * 256 + first[4]!
    if (first.length < sizeBytes) return
    if (first[headBytes] !== 1) return this.#lower.destroy()
    this.#state = 'answering'
    this.#later(() => this.#secured(sizeBytes))
  }

  #secured(helloBytes: number): void {
    this.#state = 'secured'
    this.#lower.write(answer)
    this.onSecured({ serverName: undefined, protocol: undefined })
    const rest = this.#first.subarray(helloBytes)
    this.#first = new Uint8Array(0)
    if (rest.length > 0) this.listener.onData(rest)
    if (this.#hasEnded) this.listener.onEnd()
  }

  write(bytes: Uint8Array): boolean {
    return this.#lower.write(bytes)
  }

  pause(): void {
    this.#lower.pause()
  }

  resume(): void {
    this.#lower.resume()
  }

  end(): void {
    this.#lower.end()
  }

  destroy(): void {
    this.#lower.destroy()
  }
}
