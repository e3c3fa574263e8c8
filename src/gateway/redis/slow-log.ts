/**
 * SLOWLOG: commands that took longer than `slowlog-log-slower-than` microseconds, waiting included. (Redis does not count for how
 * long one waits.) Those that are done within a turn take less than two milliseconds or so, and only where less is asked for
 * are all of them timed.
 */
import type { Slice } from '../../base/slice.ts'

export interface SlowCommand {
  /** Grows with each. */
  readonly id: number
  readonly startedMs: number
  readonly us: number
  readonly shown: readonly Slice[]
  readonly remote: string
  readonly clientName: string
}

const finestUs = 4000

/** Of `slowlog-max-len`: entries hold up to some 4 KiB. */
export const mostSlowCommands = 100_000

export class SlowLog {
  /** The newest last. */
  #entries: SlowCommand[] = []
  #count = 0
  #most = 128
  thresholdUs = 10_000

  /** Whether what is done at once may belong here. */
  get isFine(): boolean {
    return this.thresholdUs >= 0 && this.thresholdUs < finestUs
  }

  wants(us: number): boolean {
    return this.thresholdUs >= 0 && us >= this.thresholdUs && this.#most > 0
  }

  get most(): number {
    return this.#most
  }

  set most(most: number) {
    this.#most = most
    this.#trim()
  }

  add(entry: Omit<SlowCommand, 'id'>): void {
    this.#entries.push({ id: this.#count++, ...entry })
    this.#trim()
  }

  #trim(): void {
    if (this.#entries.length > this.#most) this.#entries.splice(0, this.#entries.length - this.#most)
  }

  get length(): number {
    return this.#entries.length
  }

  /** The newest first. */
  newest(count: number): readonly SlowCommand[] {
    return this.#entries.slice(Math.max(0, this.#entries.length - count)).reverse()
  }

  clear(): void {
    this.#entries = []
  }
}
