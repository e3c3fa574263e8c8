import { deaf } from '../deaf.ts'
import type { SocketListener, Socket } from '../host.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { SimulatedWorld } from './simulated-world.ts'

/**
 * One end of a simulated connection.
 *
 * Bytes wait at the sender (`pendingBytes`) until the network takes a piece of them, at a seeded moment and of a seeded
 * size, and hands it to the receiver; what a paused receiver does not take waits in its window, and when that is full
 * the sender's bytes stay where they are.
 *
 * Invariants:
 * - One piece at a time is under way in each direction, so nothing overtakes within a connection.
 * - The end of a half comes after its last byte, and `onClose` comes last and once.
 * - The receiver gets copies, made when they arrive: a sender that changes what it has handed over is found out.
 */
export class SimulatedSocket implements Socket {
  listener: SocketListener = deaf
  readonly owner: SimulatedProcess
  readonly remote: string
  readonly isLocal: boolean
  pendingBytes = 0
  readonly #world: SimulatedWorld
  readonly #forget: (socket: SimulatedSocket) => void
  #peer: SimulatedSocket | undefined
  /** The owner has been handed the socket and has given its handlers. */
  #opened = false
  #closed = false
  /** The connection is broken; who has not heard of it yet goes on writing into the void. */
  #broken = false
  /** The other end is no more; a write to it will be answered by a reset. */
  #peerGone = false
  #finished = false
  #paused = false
  #underWay = false
  #flushing = false
  #wantsDrain = false
  #outgoing: Uint8Array[] = []
  #sentEnd: 'no' | 'asked' | 'sent' = 'no'
  #window: Uint8Array[] = []
  #windowBytes = 0
  #heardEnd: 'no' | 'waits' | 'told' = 'no'

  constructor(
    world: SimulatedWorld,
    owner: SimulatedProcess,
    { remote, isLocal }: Pick<Socket, 'remote' | 'isLocal'>,
    forget: (socket: SimulatedSocket) => void,
  ) {
    this.#world = world
    this.owner = owner
    this.remote = remote
    this.isLocal = isLocal
    this.#forget = forget
  }

  static join(one: SimulatedSocket, other: SimulatedSocket): void {
    one.#peer = other
    other.#peer = one
  }

  /** The owner has the socket from this turn on. */
  open(): void {
    this.#opened = true
    if (this.#peer !== undefined) this.#peer.#pump()
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed || this.#sentEnd !== 'no' || bytes.length === 0) return true
    if (this.#peerGone) {
      // What nobody will ever receive is answered by a reset.
      this.#close(this.#world.random.between(20, 500))
      return true
    }
    this.#outgoing.push(bytes)
    this.pendingBytes += bytes.length
    this.#pump()
    if (this.pendingBytes < HIGH_WATER_BYTES) return true
    this.#wantsDrain = true
    return false
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#flushLater()
  }

  end(): void {
    if (this.#closed || this.#sentEnd !== 'no') return
    this.#sentEnd = 'asked'
    if (this.#peerGone) this.#close(this.#world.random.between(1, 100))
    else this.#pump()
  }

  destroy(): void {
    if (this.#closed) return
    this.#leavePeer(0)
    this.#close(1)
  }

  /** The connection breaks. */
  break(kind: 'cut' | 'half-open'): void {
    const peer = this.#peer
    if (this.#broken || this.#closed || peer === undefined) return
    this.#broken = true
    peer.#broken = true
    const deaf = kind === 'cut' ? undefined : this.#world.random.chance(0.5) ? this : peer
    for (const side of [this as SimulatedSocket, peer]) {
      if (side !== deaf) side.#close(this.#world.random.between(1, 100_000))
    }
  }

  /** The owner has ended; the peer hears of it after a silence. */
  abandon(silenceUs: number): void {
    if (!this.#closed) this.#leavePeer(silenceUs)
    this.#closed = true
    this.#forget(this)
  }

  /** Tells the peer, by an end or by a reset, as chance has it. */
  #leavePeer(silenceUs: number): void {
    const peer = this.#peer
    if (peer === undefined || peer.#closed || this.#broken) return
    const gentle = this.#sentEnd === 'sent' || this.#world.random.chance(0.5)
    const delayUs = silenceUs + this.#world.random.between(20, 500)
    this.#world.schedule(peer.owner, delayUs, gentle ? 'end' : 'reset', () => {
      peer.#peerGone = true
      if (!gentle || peer.#sentEnd !== 'no' || peer.pendingBytes > 0) return peer.#close(1)
      peer.#hearEnd()
    })
  }

  /** Starts the next piece on its way to the peer, unless one is. */
  #pump(): void {
    const peer = this.#peer
    if (this.#underWay || this.#broken || peer === undefined || !peer.#opened || this.#closed || peer.#closed) return
    const hasEnd = this.#sentEnd === 'asked' && this.pendingBytes === 0
    if (!hasEnd && (this.pendingBytes === 0 || peer.#windowBytes >= WINDOW_BYTES)) return
    this.#underWay = true
    this.#world.schedule(peer.owner, this.#delayUs(), hasEnd ? 'end' : 'chunk', () => {
      this.#underWay = false
      if (this.#broken || peer.#closed || this.#closed) return
      const place = { process: peer.owner.name, path: peer.remote }
      if (this.#world.faults.strikes('cut', place)) return this.break('cut')
      if (this.#world.faults.strikes('half-open', place)) return this.break('half-open')
      if (hasEnd) this.#deliverEnd(peer)
      else this.#deliverPiece(peer)
    })
  }

  #deliverPiece(peer: SimulatedSocket): void {
    const { random } = this.#world
    const most = Math.min(this.pendingBytes, WINDOW_BYTES - peer.#windowBytes)
    const piece = this.#take(random.chance(0.5) ? most : random.between(1, most))
    this.#world.recordBytes(piece)
    if (this.pendingBytes === 0 && this.#wantsDrain) {
      this.#wantsDrain = false
      this.#world.schedule(this.owner, random.between(1, 50), 'drain', () => {
        if (!this.#closed) this.listener.onDrain()
      })
    }
    peer.#window.push(piece)
    peer.#windowBytes += piece.length
    this.#pump()
    peer.#flush()
  }

  #deliverEnd(peer: SimulatedSocket): void {
    this.#sentEnd = 'sent'
    peer.#hearEnd()
    this.#closeWhenBothEnded()
  }

  #hearEnd(): void {
    if (this.#heardEnd !== 'no') return
    this.#heardEnd = 'waits'
    this.#flush()
  }

  /** Hands over what has arrived, as long as the owner takes it. */
  #flush(): void {
    while (!this.#paused && !this.#closed) {
      const chunk = this.#window.shift()
      if (chunk === undefined) break
      this.#windowBytes -= chunk.length
      this.listener.onData(chunk)
    }
    if (this.#peer !== undefined) this.#peer.#pump()
    if (this.#heardEnd !== 'waits' || this.#paused || this.#closed) return
    this.#heardEnd = 'told'
    this.listener.onEnd()
    this.#closeWhenBothEnded()
  }

  #flushLater(): void {
    if (this.#flushing || this.#closed) return
    this.#flushing = true
    this.#world.schedule(this.owner, this.#world.random.between(1, 20), 'resume', () => {
      this.#flushing = false
      this.#flush()
    })
  }

  #take(count: number): Uint8Array {
    const piece = new Uint8Array(count)
    let filled = 0
    while (filled < count) {
      const first = this.#outgoing[0] as Uint8Array
      const part = first.subarray(0, count - filled)
      piece.set(part, filled)
      filled += part.length
      if (part.length === first.length) this.#outgoing.shift()
      else this.#outgoing[0] = first.subarray(part.length)
    }
    this.pendingBytes -= count
    return piece
  }

  #closeWhenBothEnded(): void {
    const ended = this.#sentEnd === 'sent' || (this.#peerGone && this.#sentEnd === 'asked')
    if (ended && this.#heardEnd === 'told') this.#close(1)
  }

  #close(delayUs: number): void {
    if (this.#closed) return
    this.#world.schedule(this.owner, delayUs, 'close', () => this.#finish())
    // A broken connection is silent until its owner hears of the break; an end or a reset is heard at once.
    if (!this.#broken) this.#closed = true
  }

  #finish(): void {
    if (this.#finished) return
    this.#finished = true
    this.#closed = true
    this.#outgoing = []
    this.#window = []
    this.pendingBytes = 0
    this.#forget(this)
    this.listener.onClose()
  }

  #delayUs(): number {
    const { random, faults } = this.#world
    const delayUs = random.between(20, 300)
    const slow = faults.strikes('slow-network', { process: this.owner.name, path: this.remote })
    return slow ? delayUs * random.between(10, 1000) : delayUs
  }
}

/** Node's own mark for sockets. */
const HIGH_WATER_BYTES = 16_384
const WINDOW_BYTES = 65_536
