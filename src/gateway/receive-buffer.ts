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
 * Invariants: bytes that were handed out are never written over, where a buffer grows they stay where they were; `push` in
 * the middle of a message moves `start`, `at` and `end` together; the capacity is below twice what is in it and never
 * above `largestBytes` by more than a chunk.
 */
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

  /** `largestBytes`: of one message. */
  constructor(largestBytes: number) {
    this.#largestBytes = largestBytes
  }

  get bufferedBytes(): number {
    return this.end - this.start
  }

  /** Takes over `chunk`. */
  push(chunk: Uint8Array): void {
    if (this.start === this.end) {
      this.bytes = chunk
      this.#isOwn = false
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
    const capacity = Math.max(needed, Math.min(2 * needed, this.#largestBytes + chunkBytes))
    const larger = new Uint8Array(capacity)
    larger.set(this.bytes.subarray(this.start, this.end))
    this.bytes = larger
    this.#isOwn = true
    this.at -= this.start
    this.end -= this.start
    this.start = 0
  }

  /** Nothing of what was handed out is needed any more: a connection that is idle holds no more than it must. */
  rest(): void {
    if (this.start < this.end) return
    this.bytes = nothing
    this.#isOwn = false
    this.start = 0
    this.at = 0
    this.end = 0
  }
}
