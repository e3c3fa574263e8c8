/** Operators that compare whole rows: DISTINCT, INTERSECT and EXCEPT (UNION is Distinct over Concatenate). */
import type { HashKey } from './hash-join.ts'
import { checkRowsKept } from './memory-limit.ts'
import { type Batch, InputCursor, type Operator, paused, type Run } from './operator.ts'

/** The first row of every key, in order of input: a sorted input gives DISTINCT ON. */
export class Distinct<R, X extends Run> implements Operator<R, X> {
  readonly #input: InputCursor<R, X>
  readonly #keyOf: (row: R, run: X) => HashKey
  #seen = new Set<HashKey>()
  #out: R[] = []

  constructor(input: Operator<R, X>, keyOf: (row: R, run: X) => HashKey) {
    this.#input = new InputCursor(input)
    this.#keyOf = keyOf
  }

  next(run: X): Batch<R> {
    for (;;) {
      const row = this.#input.current(run)
      if (row === paused) return paused
      if (row === undefined) break
      const key = this.#keyOf(row, run)
      this.#input.advance()
      if (!this.#seen.has(key)) {
        this.#seen.add(key)
        checkRowsKept(this.#seen.size, 'Distinct')
        this.#out.push(row)
      }
      if (this.#input.drained && this.#out.length > 0) break
    }
    const out = this.#out
    this.#out = []
    return out.length > 0 ? out : undefined
  }

  reset(): void {
    this.#seen = new Set()
    this.#out = []
    this.#input.reset()
  }
}

/** INTERSECT [ALL] and EXCEPT [ALL]: counts the rows of the right input, then filters the left one. */
export class SetFilter<R, X extends Run> implements Operator<R, X> {
  readonly #left: InputCursor<R, X>
  readonly #right: InputCursor<R, X>
  readonly #keyOf: (row: R) => HashKey
  readonly #kind: 'intersect' | 'except'
  readonly #all: boolean
  #counts = new Map<HashKey, number>()
  #returned = new Set<HashKey>()
  #loaded = false
  #out: R[] = []

  constructor(
    left: Operator<R, X>,
    right: Operator<R, X>,
    keyOf: (row: R) => HashKey,
    kind: 'intersect' | 'except',
    all: boolean,
  ) {
    this.#left = new InputCursor(left)
    this.#right = new InputCursor(right)
    this.#keyOf = keyOf
    this.#kind = kind
    this.#all = all
  }

  next(run: X): Batch<R> {
    if (!this.#loaded && this.#load(run) === paused) return paused
    for (;;) {
      const row = this.#left.current(run)
      if (row === paused) return paused
      if (row === undefined) break
      this.#left.advance()
      if (this.#takes(this.#keyOf(row))) this.#out.push(row)
      if (this.#left.drained && this.#out.length > 0) break
    }
    const out = this.#out
    this.#out = []
    return out.length > 0 ? out : undefined
  }

  #load(run: X): typeof paused | undefined {
    for (;;) {
      const row = this.#right.current(run)
      if (row === paused) return paused
      if (row === undefined) break
      this.#right.advance()
      const key = this.#keyOf(row)
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
      checkRowsKept(this.#counts.size, 'SetOp')
    }
    this.#loaded = true
    return undefined
  }

  #takes(key: HashKey): boolean {
    const count = this.#counts.get(key) ?? 0
    if (this.#all) {
      if (count > 0) this.#counts.set(key, count - 1)
      return this.#kind === 'intersect' ? count > 0 : count === 0
    }
    if (count > 0 !== (this.#kind === 'intersect') || this.#returned.has(key)) return false
    this.#returned.add(key)
    return true
  }

  reset(): void {
    this.#counts = new Map()
    this.#returned = new Set()
    this.#loaded = false
    this.#out = []
    this.#left.reset()
    this.#right.reset()
  }
}
