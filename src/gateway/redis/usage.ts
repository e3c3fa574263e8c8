/**
 * How often each command was sent and what it took: INFO's commandstats, latencystats and errorstats.
 *
 * Calls are counted. To ask for the time takes longer than the half of some commands, so one in sixteen is timed, and each that
 * has to wait; what all took is computed from those.
 */

/** Of 8 each time it doubles: a value is told to within an eighth. */
const parts = 8
const bucketCount = 32 * parts

export class CommandUsage {
  calls = 0
  /** Before they ran: wrong arguments, or no right to it. */
  rejected = 0
  failed = 0
  #timed = 0
  #timedUs = 0
  /** Microseconds, by their highest bits; made with the first. */
  #counts: Uint32Array | undefined

  add(us: number): void {
    this.#timed++
    this.#timedUs += us
    this.#counts ??= new Uint32Array(bucketCount)
    this.#counts[bucketOf(us)]!++
  }

  get us(): number {
    return this.#timed === 0 ? 0 : Math.round((this.#timedUs * this.calls) / this.#timed)
  }

  /** How many of the calls were timed. */
  get timed(): number {
    return this.#timed
  }

  /** Of those that were timed, so many percent took at most so many microseconds. */
  percentile(percent: number): number {
    const least = Math.max(1, Math.ceil((percent / 100) * this.#timed))
    let seen = 0
    for (const [bucket, count] of (this.#counts ?? []).entries()) {
      seen += count
      if (seen >= least) return mostIn(bucket)
    }
    return 0
  }

  /** How many took at most so many microseconds, each time twice as many, from the first that were so quick to the last. */
  doublings(): readonly (readonly [us: number, count: number])[] {
    const found: [number, number][] = []
    let seen = 0
    let us = 1
    for (const [bucket, count] of (this.#counts ?? []).entries()) {
      if (count === 0) continue
      while (us < mostIn(bucket)) us *= 2
      seen += count
      const last = found.at(-1)
      if (last?.[0] === us) last[1] = seen
      else found.push([us, seen])
    }
    return found
  }

  reset(): void {
    this.calls = 0
    this.rejected = 0
    this.failed = 0
    this.#timed = 0
    this.#timedUs = 0
    this.#counts = undefined
  }
}

function bucketOf(us: number): number {
  const value = Math.min(us, 0x7fff_ffff)
  if (value < parts) return value
  const power = 31 - Math.clz32(value)
  return (power - 2) * parts + ((value >>> (power - 3)) & (parts - 1))
}

/** The greatest number of microseconds in a bucket. */
function mostIn(bucket: number): number {
  if (bucket < parts) return bucket
  const power = Math.floor(bucket / parts) + 2
  return (parts + (bucket % parts) + 1) * 2 ** (power - 3) - 1
}

const mostCodes = 128

/** Error lines that were written. */
export class ErrorTally {
  errors = 0
  readonly #byCode = new Map<string, number>()

  note(line: string): void {
    this.errors++
    const code = /^[A-Z][A-Z0-9_]*(?= )/.exec(line.slice(0, 64))?.[0] ?? 'ERR'
    const count = this.#byCode.get(code)
    // Scripts answer codes of their own.
    if (count === undefined && this.#byCode.size >= mostCodes) return
    this.#byCode.set(code, (count ?? 0) + 1)
  }

  get byCode(): readonly (readonly [string, number])[] {
    return [...this.#byCode].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  reset(): void {
    this.errors = 0
    this.#byCode.clear()
  }
}
