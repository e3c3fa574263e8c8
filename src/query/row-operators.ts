/** Operators that look at one row at a time: filter, project, limit, and sources that need no storage. */
import { isTurnOver } from '../base/work.ts'
import { BatchMemory } from './operator-memory.ts'
import {
  type Batch,
  batchBytes,
  batchRows,
  InputCursor,
  type Operator,
  paused,
  type Paused,
  type Run,
} from './operator.ts'

export class Filter<R, X extends Run> implements Operator<R, X> {
  readonly #input: InputCursor<R, X>
  readonly #accepts: (row: R, run: X) => boolean
  #out: R[] = []

  constructor(input: Operator<R, X>, accepts: (row: R, run: X) => boolean) {
    this.#input = new InputCursor(input)
    this.#accepts = accepts
  }

  next(run: X): Batch<R> {
    const input = this.#input
    for (;;) {
      const row = input.current(run)
      if (row === paused) return paused
      if (row === undefined) break
      const accepted = this.#accepts(row, run)
      input.advance()
      if (accepted) this.#out.push(row)
      if (input.drained && this.#out.length > 0) break
    }
    const out = this.#out
    this.#out = []
    return out.length > 0 ? out : undefined
  }

  reset(): void {
    this.#out = []
    this.#input.reset()
  }
}

/** All rows of its input, or none: `passes` is asked once, before the first. */
export class Gate<R, X extends Run> implements Operator<R, X> {
  readonly #input: Operator<R, X>
  readonly #passes: (run: X) => boolean
  #isOpen: boolean | undefined

  constructor(input: Operator<R, X>, passes: (run: X) => boolean) {
    this.#input = input
    this.#passes = passes
  }

  next(run: X): Batch<R> {
    this.#isOpen ??= this.#passes(run)
    return this.#isOpen ? this.#input.next(run) : undefined
  }

  reset(): void {
    this.#isOpen = undefined
    this.#input.reset()
  }
}

export class Project<R, S, X extends Run> implements Operator<S, X> {
  readonly #input: InputCursor<R, X>
  readonly #project: (row: R, run: X) => S
  readonly #sizeOf: ((row: S) => number) | undefined
  readonly #batch = new BatchMemory('Project')
  #out: S[] = []
  #outBytes = 0

  /** `sizeOf`: where rows may come out larger than they go in. */
  constructor(input: Operator<R, X>, project: (row: R, run: X) => S, sizeOf?: (row: S) => number) {
    this.#input = new InputCursor(input)
    this.#project = project
    this.#sizeOf = sizeOf
  }

  next(run: X): Batch<S> {
    const input = this.#input
    for (;;) {
      const row = input.current(run)
      if (row === paused) return paused
      if (row === undefined) break
      const projected = this.#project(row, run)
      input.advance()
      this.#out.push(projected)
      if (this.#sizeOf !== undefined) this.#outBytes += this.#sizeOf(projected)
      if (input.drained || this.#outBytes > batchBytes) break
    }
    const out = this.#out
    if (this.#sizeOf !== undefined) this.#batch.handsOut(run, this.#outBytes)
    this.#out = []
    this.#outBytes = 0
    return out.length > 0 ? out : undefined
  }

  reset(): void {
    this.#out = []
    this.#outBytes = 0
    this.#input.reset()
  }
}

/** A function that yields any number of rows for each, as `unnest` and `$unwind` do. Pulled as far as is asked for. */
export class Expand<R, S, X extends Run> implements Operator<S, X> {
  readonly #input: InputCursor<R, X>
  readonly #expand: (row: R, run: X) => Iterator<S>
  readonly #sizeOf: ((row: S) => number) | undefined
  readonly #batch = new BatchMemory('ProjectSet')
  #pending: Iterator<S> | undefined
  #out: S[] = []
  #outBytes = 0
  #pauseNext = false

  /** `sizeOf`: where rows may be large. */
  constructor(input: Operator<R, X>, expand: (row: R, run: X) => Iterator<S>, sizeOf?: (row: S) => number) {
    this.#input = new InputCursor(input)
    this.#expand = expand
    this.#sizeOf = sizeOf
  }

  next(run: X): Batch<S> {
    if (this.#pauseNext) {
      this.#pauseNext = false
      return paused
    }
    const out = this.#out
    while (out.length < batchRows && this.#outBytes <= batchBytes && !(out.length > 0 && isTurnOver())) {
      if (this.#pending === undefined) {
        // What is there goes out before anything below may pause.
        if (out.length > 0 && this.#input.drained) break
        const row = this.#input.current(run)
        if (row === paused) return paused
        if (row === undefined) break
        this.#pending = this.#expand(row, run)
      }
      const step = this.#pending.next()
      if (step.done !== true) {
        out.push(step.value)
        if (this.#sizeOf !== undefined) this.#outBytes += this.#sizeOf(step.value)
        continue
      }
      this.#pending = undefined
      this.#input.advance()
    }
    if (this.#sizeOf !== undefined) this.#batch.handsOut(run, this.#outBytes)
    this.#out = []
    this.#outBytes = 0
    this.#pauseNext = run.transaction.slice.spend(out.length)
    return out.length > 0 ? out : undefined
  }

  reset(): void {
    this.#pending = undefined
    this.#out = []
    this.#outBytes = 0
    this.#pauseNext = false
    this.#input.reset()
  }
}

export interface Bounds {
  readonly offset: number
  /** Infinity for none. */
  readonly limit: number
}

/** Skips and stops. Bounds are asked for once per execution, since parameters may give them. */
export class Limit<R, X extends Run> implements Operator<R, X> {
  readonly #input: Operator<R, X>
  readonly #boundsOf: (run: X) => Bounds
  readonly #ties: ((a: R, b: R) => boolean) | undefined
  #bounds: Bounds | undefined
  #skipped = 0
  #returned = 0
  #last: R | undefined

  /** `ties`: rows equal to the last one within the limit come as well. */
  constructor(input: Operator<R, X>, boundsOf: (run: X) => Bounds, ties?: (a: R, b: R) => boolean) {
    this.#input = input
    this.#boundsOf = boundsOf
    this.#ties = ties
  }

  next(run: X): Batch<R> {
    const bounds = (this.#bounds ??= this.#boundsOf(run))
    for (;;) {
      if (this.#returned >= bounds.limit) return this.#tied(run)
      const batch = this.#input.next(run)
      if (batch === paused || batch === undefined) return batch
      const skip = Math.min(batch.length, bounds.offset - this.#skipped)
      this.#skipped += skip
      const kept = batch.slice(skip, skip + Math.min(batch.length, bounds.limit - this.#returned))
      this.#returned += kept.length
      if (kept.length === 0) continue
      this.#last = kept.at(-1)
      if (this.#ties === undefined || this.#returned < bounds.limit) return kept
      for (const row of batch.slice(skip + kept.length)) {
        if (!this.#ties(this.#last!, row)) {
          this.#last = undefined
          break
        }
        kept.push(row)
      }
      return kept
    }
  }

  /** After the limit: what still equals the last row. */
  #tied(run: X): Batch<R> {
    const last = this.#last
    if (this.#ties === undefined || last === undefined) return undefined
    const batch = this.#input.next(run)
    if (batch === paused || batch === undefined) return batch
    const other = batch.findIndex((row) => !this.#ties!(last, row))
    if (other >= 0) this.#last = undefined
    const kept = other < 0 ? batch : batch.slice(0, other)
    return kept.length > 0 ? kept : undefined
  }

  reset(): void {
    this.#bounds = undefined
    this.#skipped = 0
    this.#returned = 0
    this.#last = undefined
    this.#input.reset()
  }
}

/**
 * Rows that a function computes, such as VALUES or generate_series; made anew at each beginning. One that takes long over a
 * row gives `paused` in between, where its slice is over; one that may be interrupted is no generator, which that would end.
 */
export class RowSource<R, X extends Run> implements Operator<R, X> {
  readonly #start: (run: X) => Iterator<R | Paused>
  #rows: Iterator<R | Paused> | undefined
  /** Kept where a row has to be waited for. */
  #out: R[] = []
  #ended = false
  #pauseNext = false

  constructor(start: (run: X) => Iterator<R | Paused>) {
    this.#start = start
  }

  next(run: X): Batch<R> {
    if (this.#ended) return undefined
    if (this.#pauseNext) {
      this.#pauseNext = false
      return paused
    }
    const rows = (this.#rows ??= this.#start(run))
    while (this.#out.length < batchRows) {
      const step = rows.next()
      if (step.done === true) {
        this.#ended = true
        break
      }
      if (step.value === paused) return this.#handOut() ?? paused
      this.#out.push(step.value)
    }
    const out = this.#handOut()
    this.#pauseNext = run.transaction.slice.spend(out?.length ?? 0)
    return out
  }

  #handOut(): R[] | undefined {
    const out = this.#out
    if (out.length === 0) return undefined
    this.#out = []
    return out
  }

  reset(): void {
    this.#rows = undefined
    this.#out = []
    this.#ended = false
    this.#pauseNext = false
  }
}

/** All rows of each input, one after another. */
export class Concatenate<R, X extends Run> implements Operator<R, X> {
  readonly #inputs: readonly Operator<R, X>[]
  #at = 0

  constructor(inputs: readonly Operator<R, X>[]) {
    this.#inputs = inputs
  }

  next(run: X): Batch<R> {
    for (; this.#at < this.#inputs.length; this.#at++) {
      const batch = this.#inputs[this.#at]!.next(run)
      if (batch !== undefined) return batch
    }
    return undefined
  }

  reset(): void {
    this.#at = 0
    for (const input of this.#inputs) input.reset()
  }
}
