/**
 * Which transaction was the newest at a time: the last one whose group commit's clock is not later. The clock stands in the
 * log and never goes back, so that is for the log to say; marks say where to begin reading.
 *
 * A mark is the first sequence of a group commit, and its clock. Marks are some way apart, and twice as far where there would
 * be too many; of what was committed before the start there is none.
 */
import type { CommitLog } from '../../log/commit-log.ts'
import type { Sequence } from '../contract.ts'

const mostMarks = 16_384
const firstApartMs = 100
const mostRecent = 256

/** The hybrid clock's milliseconds. */
export function clockMs(clock: bigint): number {
  return Number(clock >> 16n)
}

export class CommitTimes {
  readonly #log: CommitLog
  #sequences: number[] = []
  #timesMs: number[] = []
  #apartMs = firstApartMs
  /** Of the last group commits: the first sequence, and the clock. */
  readonly #recent: { readonly first: Sequence; readonly timeMs: number }[] = []

  constructor(log: CommitLog) {
    this.#log = log
  }

  /** The log gets this one, which is the first of its group, with this clock; in order, but for those that it has refused. */
  note(sequence: Sequence, timeMs: number): void {
    this.#recent.push({ first: sequence, timeMs })
    if (this.#recent.length > mostRecent) this.#recent.splice(0, mostRecent / 2)
    const last = this.#timesMs.at(-1)
    if (last !== undefined && timeMs - last < this.#apartMs) return
    this.#sequences.push(sequence)
    this.#timesMs.push(timeMs)
    if (this.#sequences.length > mostMarks) this.#thin()
  }

  /** When it was committed, of what has gone to the log; undefined where that is long ago. */
  recentTimeOf(sequence: Sequence): number | undefined {
    return this.#recent.findLast(({ first }) => first <= sequence)?.timeMs
  }

  #thin(): void {
    this.#apartMs *= 2
    this.#sequences = this.#sequences.filter((_, i) => i % 2 === 0)
    this.#timesMs = this.#timesMs.filter((_, i) => i % 2 === 0)
  }

  /** The newest at that time, of what the log holds; one less than its oldest where all of that came later. */
  async sequenceAt(timeMs: number): Promise<Sequence> {
    const { oldest } = await this.#log.end()
    for (let mark = this.#markBefore(timeMs); ; mark--) {
      const from = Math.max(oldest, this.#sequences[mark] ?? oldest)
      const found = await this.#read(from, timeMs)
      // A mark may be of one that the log has refused.
      if (found >= from || from === oldest) return Math.min(found, (await this.#log.end()).end)
    }
  }

  /** The newest from `from` on that is not later; `from - 1` where there is none. */
  async #read(from: Sequence, timeMs: number): Promise<Sequence> {
    let found = from - 1
    for await (const { last, clock, continues } of this.#log.read(from)) {
      if (clockMs(clock) > timeMs) break
      if (continues !== true) found = last
    }
    return found
  }

  /** When it was committed; undefined where the log does not hold it. */
  async timeOf(sequence: Sequence): Promise<number | undefined> {
    const { oldest, end } = await this.#log.end()
    if (sequence < oldest || sequence > end) return undefined
    for await (const { clock } of this.#log.read(sequence, { to: sequence })) return clockMs(clock)
    return undefined
  }

  /** The last one that is not later; -1 where there is none. */
  #markBefore(timeMs: number): number {
    let low = 0
    let high = this.#timesMs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#timesMs[middle]! <= timeMs) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}
