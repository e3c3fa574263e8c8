/**
 * Handshakes of TLS, one after another: each takes up to a millisecond of the thread that all share, and a thousand clients
 * may come at once. Some begin in each turn of the event loop, the others wait in the order in which they came.
 */
import type { Host, Identity, SecureSocket, Socket } from '../host/host.ts'

const mostInTurn = 4

/** A handshake that waits, until it begins or its connection goes. */
export interface Waiting {
  begin(identity: Identity): void
}

export class Handshakes {
  /** Undefined: there is no certificate, and TLS is not spoken. */
  identity: Identity | undefined
  readonly #host: Host
  readonly #waiting = new Set<Waiting>()
  #isTurning = false
  /** Of this turn. */
  #begun = 0

  constructor(host: Host) {
    this.#host = host
  }

  secure(socket: Socket, identity: Identity, first: Uint8Array): SecureSocket {
    return this.#host.network.secure(socket, identity, first)
  }

  /** Calls `begin`, now or later. */
  enter(waiting: Waiting): void {
    this.#waiting.add(waiting)
    this.#turn()
  }

  leave(waiting: Waiting): void {
    this.#waiting.delete(waiting)
  }

  #turn(): void {
    for (const waiting of this.#waiting) {
      if (this.#begun >= mostInTurn) break
      this.#begun++
      this.#waiting.delete(waiting)
      waiting.begin(this.identity!)
    }
    if (this.#isTurning || this.#begun === 0) return
    this.#isTurning = true
    this.#host.turn(() => {
      this.#isTurning = false
      this.#begun = 0
      this.#turn()
    })
  }
}
