/**
 * What has arrived of a connection and is not consumed: [start, end) of `bytes`. Parsers extend it and read in place.
 *
 * A chunk of the socket is used where it lies as long as whole messages lie in it. A message that spans chunks is gathered
 * in a buffer of our own, which doubles as bytes really come: what a length promises takes no memory. That buffer is
 * given up as soon as the connection rests.
 *
 *     chunk of the socket        own buffer                     resting
 *     ┌──────┬──────┬────┐       ┌─────────────────┬───────┐
 *     │ done │ done │ ha │  ──▶  │ half a message  │ room  │ ──▶ nothing
 *     └──────┴──────┴────┘       └─────────────────┴───────┘
 *            ↑start      ↑end
 *
 * The buffer is charged to the connection's account before it grows, so that half messages of many connections are bounded
 * in total: who finds no memory hears of it, and is closed.
 *
 * Invariants: bytes that were handed out are never written over, where a buffer grows they stay where they were; `push` in
 * the middle of a message moves `start`, `at` and `end` together; the capacity is below twice what is in it and never
 * above `largestBytes` by more than a chunk.
 */
import type { MemoryAccount } from '../base/memory-account.ts'

const nothing = new Uint8Array(0)
/** What Node reads from a socket at once. */
const chunkBytes = 64 * 1024

export class ReceiveBuffer {
  bytes: Uint8Array = nothing
  /** Where the message at hand begins. */
  start = 0
  /** Where its parser stands. */
  at = 0
  end = 0
  readonly #largestBytes: number
  /** `bytes` is ours to append to. */
  #isOwn = false
  protected memory: MemoryAccount | undefined
  #chargedBytes = 0

  /** `largestBytes`: of one message. */
  constructor(largestBytes: number) {
    this.#largestBytes = largestBytes
  }

  /** From here on; a buffer that nobody pays for is a test's. */
  chargeTo(memory: MemoryAccount): void {
    this.memory = memory
  }

  get bufferedBytes(): number {
    return this.end - this.start
  }

  /** Takes over `chunk`. Throws `out_of_memory`. */
  push(chunk: Uint8Array): void {
    if (this.start === this.end) {
      this.bytes = chunk
      this.#isOwn = false
      if (this.#chargedBytes > 0) this.#charge(0)
      this.start = 0
      this.at = 0
      this.end = chunk.length
      return
    }
    if (!this.#isOwn || this.end + chunk.length > this.bytes.length) this.#move(chunk.length)
    this.bytes.set(chunk, this.end)
    this.end += chunk.length
  }

  #move(count: number): void {
    const needed = this.end - this.start + count
    const capacity = this.#pay(needed, Math.max(needed, Math.min(2 * needed, this.#largestBytes + chunkBytes)))
    const larger = new Uint8Array(capacity)
    larger.set(this.bytes.subarray(this.start, this.end))
    this.bytes = larger
    this.#isOwn = true
    this.at -= this.start
    this.end -= this.start
    this.start = 0
  }

  /** The larger of the two that is to be had. */
  #pay(needed: number, wanted: number): number {
    const memory = this.memory
    if (memory === undefined) return wanted
    const before = this.#chargedBytes
    if (wanted <= before || memory.tryCharge(wanted - before)) {
      this.#chargedBytes = Math.max(wanted, before)
      return wanted
    }
    memory.resize(before, needed, 'a message that arrives')
    this.#chargedBytes = needed
    return needed
  }

  #charge(bytes: number): void {
    this.memory?.resize(this.#chargedBytes, bytes)
    this.#chargedBytes = bytes
  }

  /** Nothing of what has arrived is needed any more. */
  drop(): void {
    this.start = this.end
    this.rest()
  }

  /** Nothing of what was handed out is needed any more: a connection that is idle holds no more than it must. */
  rest(): void {
    if (this.start < this.end) return
    if (this.#chargedBytes > 0) this.#charge(0)
    this.bytes = nothing
    this.#isOwn = false
    this.start = 0
    this.at = 0
    this.end = 0
  }
}
