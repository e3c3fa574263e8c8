/** The log's hybrid logical clock: 48 bits of milliseconds, 16 logical. It never goes back. */
export class HybridClock {
  /** Of the last group commit. */
  last: bigint
  #lastMs: number

  constructor(last: bigint) {
    this.last = last
    this.#lastMs = Number(last >> 16n)
  }

  /** Of the next group commit: later than the last one, not before the wall clock. */
  next(nowMs: number): bigint {
    const now = BigInt(Math.floor(nowMs)) << 16n
    this.saw(now > this.last ? now : this.last + 1n)
    return this.last
  }

  /** Another one's group commit. */
  saw(clock: bigint): void {
    if (clock <= this.last) return
    this.last = clock
    this.#lastMs = Number(clock >> 16n)
  }

  /** Whatever is committed from now on is later than this. */
  pass(ms: number): void {
    this.saw(BigInt(ms + 1) << 16n)
  }

  /** The wall clock, and not before the last group commit. */
  timeMs(nowMs: number): number {
    return Math.max(nowMs, this.#lastMs)
  }
}
