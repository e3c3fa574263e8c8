/**
 * What code an input reaches and how much of it runs, told by V8's own block counters (the inspector's precise coverage).
 *
 * V8 counts each block of each function and tells them as nested ranges; a range that ran as often as the one around it is
 * left out. So a block was reached if the innermost range around it that is told has a count above zero, and what has not
 * been reached yet is remembered as ranges with the count zero. Input is new where such a range is reached, or a function.
 *
 * `steps` is the sum of all counts: calls and rounds of loops, the same on every machine, where time is not. What a native
 * call does (a search, a copy) is one step.
 *
 * A function that was compiled before the counting began has one counter for all of it: what is to be looked at has to be
 * called for the first time afterwards, and once counting has stopped there is no second time in the same process.
 *
 * Counters make code about four times slower, and reading them takes about a millisecond; so inputs are run by the batch,
 * and one by one only where a batch had something new.
 */
import { Session, type Profiler } from 'node:inspector'

interface Reached {
  readonly steps: number
  /** Blocks and functions that nothing has reached before. */
  readonly fresh: number
}

type Ranges = readonly Profiler.CoverageRange[]

/** Of one function: what was told with the count zero, and what was so once and has been reached since. */
class FunctionBlocks {
  readonly unreached = new Map<string, number>()
  readonly reached = new Set<string>()

  /** Blocks that are reached for the first time. */
  freshOf(ranges: Ranges): string[] {
    const fresh: string[] = []
    for (const [key, start] of this.unreached) if (innermost(ranges, start).count > 0) fresh.push(key)
    return fresh
  }

  note(ranges: Ranges, fresh: readonly string[]): void {
    for (const key of fresh) {
      this.unreached.delete(key)
      this.reached.add(key)
    }
    for (const { startOffset, endOffset, count } of ranges) {
      if (count > 0) continue
      const key = `${startOffset}-${endOffset}`
      if (!this.reached.has(key)) this.unreached.set(key, startOffset)
    }
  }
}

/** Ranges are told from the outside in. */
function innermost(ranges: Ranges, at: number): Profiler.CoverageRange {
  let found = ranges[0]!
  for (const range of ranges) if (range.startOffset <= at && at < range.endOffset) found = range
  return found
}

export class Coverage {
  readonly #session = new Session()
  readonly #functions = new Map<string, FunctionBlocks>()
  readonly #counted: RegExp
  #blocks = 0

  /** `counted`: of which scripts, by their addresses. */
  constructor(counted: RegExp = /\/src\/|\/re2js\/|\/fuzz\.test\.ts/) {
    this.#counted = counted
    this.#session.connect()
    this.#post('Profiler.enable')
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Of all inputs so far. */
  get blocks(): number {
    return this.#blocks
  }

  /** Nothing has been reached yet. */
  forget(): void {
    this.#functions.clear()
    this.#blocks = 0
    this.skip()
  }

  /** Forgets what has run since the last look. */
  skip(): void {
    this.#take()
  }

  /** What has run since the last look. `isKept`: what is reached counts as reached from here on. */
  look(isKept = true): Reached {
    let steps = 0
    let fresh = 0
    for (const { url, functions } of this.#take()) {
      if (!this.#counted.test(url)) continue
      for (const { ranges } of functions) {
        const [whole] = ranges
        for (const { count } of ranges) steps += count
        if (whole !== undefined && whole.count > 0) fresh += this.#note(`${url} ${whole.startOffset}`, ranges, isKept)
      }
    }
    if (isKept) this.#blocks += fresh
    return { steps, fresh }
  }

  #note(name: string, ranges: Ranges, isKept: boolean): number {
    const known = this.#functions.get(name)
    const blocks = known ?? new FunctionBlocks()
    const fresh = blocks.freshOf(ranges)
    if (isKept) {
      this.#functions.set(name, blocks)
      blocks.note(ranges, fresh)
    }
    return fresh.length + (known === undefined ? 1 : 0)
  }

  stop(): void {
    this.#post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }

  #take(): readonly Profiler.ScriptCoverage[] {
    return (this.#post('Profiler.takePreciseCoverage') as Profiler.TakePreciseCoverageReturnType).result
  }

  /** Answered before it returns. */
  #post(method: string, parameters: object = {}): unknown {
    let answer: unknown
    this.#session.post(method, parameters, (error, result) => {
      if (error !== null) throw error
      answer = result
    })
    return answer
  }
}
