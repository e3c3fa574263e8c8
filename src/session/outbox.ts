/**
 * The barrier of rule 4: a connection's replies leave when everything they have seen is durable.
 *
 * A gateway writes reply bytes into `writer` and then calls `seal(sequence, durability)`: those bytes wait until the log
 * is durable through `sequence` at that level; bytes behind them wait too, so replies keep their order. `flush` at the end
 * of a turn (or of a pipeline) hands what may leave to the socket in one write.
 *
 * Invariants: bytes leave in the order in which they were written; no byte leaves before its seal's sequence is durable;
 * after a failed sync nothing sealed beyond the last durable sequence ever leaves, `onFailure` is told instead, once.
 */
import { ByteWriter } from '../base/bytes.ts'
import type { PolylogError } from '../base/errors.ts'
import type { Socket } from '../host/host.ts'
import type { Durability, Sequence } from '../log/commit-log.ts'

/** What an outbox needs of the database that its connection talks to. */
export interface DurabilityWatch {
  durableThrough(level: Durability): Sequence
  /** Calls once when `durableThrough(level) >= sequence`, or with the error that makes that impossible. */
  whenDurable(sequence: Sequence, level: Durability, run: (error?: PolylogError) => void): void
}

interface Held {
  readonly bytes: Uint8Array
  readonly sequence: Sequence
  readonly level: Durability
  /** Of the database that the reply has seen: the connection may have changed to another since. */
  readonly watch: DurabilityWatch
  /** The log has reached `sequence`; asked for by each by itself: see `#hold`. */
  isDurable: boolean
}

/** Replies up to this size are copied into an exact buffer; a larger one gives its whole buffer to the socket. */
const copyLimitBytes = 64 * 1024

export class Outbox {
  #writer = new ByteWriter(4096)
  readonly #socket: Socket
  readonly #watch: () => DurabilityWatch
  readonly #onFailure: (error: PolylogError) => void
  /** Flushed but not durable yet, in order. */
  #held: Held[] = []
  #heldBytes = 0
  #needs: Sequence = 0
  #level: Durability = 'memory'
  #closed = false
  #drains: (() => void)[] = []

  /** `watch` is asked at each flush, since a connection may change its database. Takes over the socket's `onDrain`. */
  constructor(socket: Socket, watch: () => DurabilityWatch, onFailure: (error: PolylogError) => void) {
    this.#socket = socket
    this.#watch = watch
    this.#onFailure = onFailure
    socket.onDrain = () => this.#drained()
  }

  /** Where reply bytes go. Do not keep it: a flush may replace it. */
  get writer(): ByteWriter {
    return this.#writer
  }

  /** Bytes written that the peer's kernel has not taken yet: what a budget bounds. */
  get pendingBytes(): number {
    return this.#writer.end + this.#heldBytes + this.#socket.pendingBytes
  }

  /** What is in `writer` may leave once `sequence` is durable at `level`. */
  seal(sequence: Sequence, level: Durability): void {
    if (level !== this.#level && this.#needs > 0 && this.#writer.end > 0) this.#level = stricter(level, this.#level)
    else this.#level = level
    if (sequence > this.#needs) this.#needs = sequence
  }

  flush(): void {
    if (this.#writer.end === 0 || this.#closed) return
    const bytes = this.#takeWritten()
    const sequence = this.#needs
    const level = this.#level
    this.#needs = 0
    const watch = this.#watch()
    if (this.#held.length === 0 && watch.durableThrough(level) >= sequence) {
      this.#socket.write(bytes)
      return
    }
    this.#hold({ bytes, sequence, level, watch, isDurable: false })
  }

  /**
   * Waits from now on, also behind others: a full disk takes sequences back and gives them to other transactions, so that
   * the log's progress, looked at later, may be theirs.
   */
  #hold(held: Held): void {
    this.#held.push(held)
    this.#heldBytes += held.bytes.length
    held.watch.whenDurable(held.sequence, held.level, (error) => {
      if (this.#closed || !this.#held.includes(held)) return
      held.isDurable = error === undefined
      if (error !== undefined) this.#fail(error)
      else if (held === this.#held[0]) this.#release()
    })
  }

  /** Resolves when less than `limitBytes` is pending; `undefined` where that holds already. */
  roomBelow(limitBytes: number): Promise<void> | undefined {
    if (this.pendingBytes < limitBytes || this.#closed) return undefined
    this.flush()
    if (this.pendingBytes < limitBytes) return undefined
    return new Promise((resolve) => {
      const check = (): void => {
        if (this.#closed || this.pendingBytes < limitBytes) resolve()
        else this.#drains.push(check)
      }
      this.#drains.push(check)
    })
  }

  /** Runs when everything that was written before has left (or never will). */
  afterwards(run: () => void): void {
    this.flush()
    if (this.#held.length === 0) run()
    else this.#drains.push(() => this.afterwards(run))
  }

  /** Nothing more is sent; waiters for room go on. */
  close(): void {
    this.#closed = true
    this.#held = []
    this.#heldBytes = 0
    this.#drained()
  }

  #takeWritten(): Uint8Array {
    const writer = this.#writer
    if (writer.end > copyLimitBytes) {
      this.#writer = new ByteWriter(4096)
      return writer.bytes.subarray(0, writer.end)
    }
    const bytes = Buffer.allocUnsafe(writer.end)
    bytes.set(writer.bytes.subarray(0, writer.end))
    writer.reset()
    return bytes
  }

  #release(): void {
    let count = 0
    for (const held of this.#held) {
      if (!held.isDurable) break
      this.#heldBytes -= held.bytes.length
      this.#socket.write(held.bytes)
      count++
    }
    this.#held.splice(0, count)
    this.#drained()
  }

  #fail(error: PolylogError): void {
    this.#held = []
    this.#heldBytes = 0
    this.#writer.reset()
    this.#onFailure(error)
    this.#drained()
  }

  #drained(): void {
    const waiting = this.#drains
    this.#drains = []
    for (const run of waiting) run()
  }
}

function stricter(a: Durability, b: Durability): Durability {
  if (a === 'synced' || b === 'synced') return 'synced'
  return a === 'written' || b === 'written' ? 'written' : 'memory'
}
