/**
 * What has arrived of a connection and is not consumed: [start, end) of `bytes`. Parsers extend it and read in place.
 *
 * A chunk of the socket is used where it lies as long as whole messages lie in it. A message that spans chunks is put
 * together in a buffer of our own, which is given up as soon as the connection rests. Which buffer depends on whether the
 * parser knows how long the message will be:
 *
 *     chunk of the socket        own buffer, doubled            gathered: the length is known, and large
 *     ┌──────┬──────┬────┐       ┌─────────────────┬───────┐    ┌───┐┌───┐┌───┐ first half in blocks
 *     │ done │ done │ ha │  ──▶  │ half a message  │ room  │    └───┘└───┘└───┘ … ──▶ ┌─────────────────────┐ second half
 *     └──────┴──────┴────┘       └─────────────────┴───────┘    moved block by block  └─────────────────────┘ in place
 *            ↑start      ↑end
 *
 * - Not known, or small: the buffer doubles as bytes really come. What a length promises takes no memory.
 * - Known and large (`expect`): doubling would copy tens of megabytes in one turn, and leave as many as garbage behind. So
 *   the first half goes to blocks. With the second half the message is certain enough to have its place: what comes now is
 *   put where it belongs, and as much of the blocks is moved there with it. No turn copies more than some chunks, and
 *   blocks are used again. Until it is whole the parser sees only what it has seen before.
 *
 * What is held is charged to the connection's account before it is held, so that half messages of many connections are
 * bounded in total: who finds no memory hears of it, and is closed.
 *
 * Invariants: bytes that were handed out are never written over, where a buffer grows they stay where they were; `push` in
 * the middle of a message moves `start`, `at` and `end` together; the capacity is below twice what is in it and never
 * above `largestBytes` by more than a chunk; what is gathered is charged exactly.
 */
import type { Payer } from '../base/memory-account.ts'
import { Gathering } from './gathering.ts'

const nothing = new Uint8Array(0)
/** What Node reads from a socket at once. */
const chunkBytes = 64 * 1024
/** Less is copied as fast as it is gathered. */
const gatheredFromBytes = 512 * 1024

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
  protected payer: Payer | undefined
  #chargedBytes = 0
  /** Of the message at hand, from `start` on; 0 where that is not known. */
  #expectedBytes = 0
  /** Of it, what lies behind `end`. */
  #gathering: Gathering | undefined

  /** `largestBytes`: of one message. */
  constructor(largestBytes: number) {
    this.#largestBytes = largestBytes
  }

  /** From here on; a buffer that nobody pays for is a test's. */
  chargeTo(payer: Payer | undefined): void {
    this.payer = payer
  }

  get bufferedBytes(): number {
    return this.end - this.start + (this.#gathering?.sizeBytes ?? 0)
  }

  /** The message at hand takes so many bytes from `start` on, or more, and cannot be parsed any further before. */
  protected expect(bytes: number): void {
    this.#expectedBytes = bytes
  }

  /** Takes over `chunk`. Throws `out_of_memory`. */
  push(chunk: Uint8Array): void {
    if (this.#gathering !== undefined) return this.#gather(this.#gathering, chunk)
    // Holds for this chunk: the parser says it again where it is still so.
    const expectedBytes = this.#expectedBytes
    this.#expectedBytes = 0
    if (this.start === this.end) {
      this.bytes = chunk
      this.#isOwn = false
      if (this.#chargedBytes > 0) this.#charge(0)
      this.start = 0
      this.at = 0
      this.end = chunk.length
      return
    }
    const missing = expectedBytes - (this.end - this.start)
    if (missing >= gatheredFromBytes && missing > chunk.length) {
      this.#gathering = new Gathering(missing)
      return this.#gather(this.#gathering, chunk)
    }
    if (!this.#isOwn || this.end + chunk.length > this.bytes.length) this.#move(chunk.length)
    this.bytes.set(chunk, this.end)
    this.end += chunk.length
  }

  #gather(gathering: Gathering, chunk: Uint8Array): void {
    this.#charge(this.#chargedBytes + chunk.length, 'a message that arrives')
    const had = this.bytes.subarray(this.start, this.end)
    const whole = gathering.push(had, chunk)
    if (whole === undefined) return
    this.#gathering = undefined
    this.#expectedBytes = 0
    this.bytes = whole
    this.#isOwn = true
    this.at -= this.start
    this.end = whole.length
    this.start = 0
  }

  #move(count: number): void {
    const needed = this.end - this.start + count
    const capacity = this.#pay(needed, Math.max(needed, Math.min(2 * needed, this.#largestBytes + chunkBytes)))
    // Nobody reads beyond `end`: zeros would be written for nothing, a second time over all that arrives.
    const larger = Buffer.allocUnsafeSlow(capacity)
    larger.set(this.bytes.subarray(this.start, this.end))
    this.bytes = larger
    this.#isOwn = true
    this.at -= this.start
    this.end -= this.start
    this.start = 0
  }

  /** The larger of the two that is to be had. */
  #pay(needed: number, wanted: number): number {
    if (this.payer === undefined) return wanted
    const before = this.#chargedBytes
    if (wanted <= before || this.payer.account.tryCharge(wanted - before)) {
      this.#chargedBytes = Math.max(wanted, before)
      return wanted
    }
    this.#charge(needed, 'a message that arrives')
    return needed
  }

  #charge(bytes: number, what?: string): void {
    this.payer?.account.resize(this.#chargedBytes, bytes, what)
    this.#chargedBytes = bytes
  }

  /** Nothing of what has arrived is needed any more. */
  drop(): void {
    this.#gathering?.drop()
    this.#gathering = undefined
    this.#expectedBytes = 0
    this.start = this.end
    this.rest()
  }

  /**
   * Nothing of what was handed out is needed any more, but what is parsed of a message that has not come whole: a connection
   * that is idle holds no more than it must. A small chunk is a piece of a larger buffer, which others' chunks lie in, too.
   */
  rest(): void {
    if (this.start < this.end) {
      if (!this.#isOwn && this.bytes.buffer.byteLength > 2 * this.bytes.length) this.#move(0)
      return
    }
    if (this.#chargedBytes > 0) this.#charge(0)
    this.bytes = nothing
    this.#isOwn = false
    this.start = 0
    this.at = 0
    this.end = 0
  }
}
