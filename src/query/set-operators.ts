/**
 * Operators that compare whole rows: those that are distinct, the intersection and the difference of two inputs (a union
 * is Distinct over Concatenate).
 *
 * They remember keys. When those fill their memory, rows whose keys are remembered are still answered for at once, all
 * others are divided by the hash of their keys into a temporary file, and each partition is worked on by itself after the
 * input has ended, by the same operator again.
 */
import { OperatorMemory } from './operator-memory.ts'
import { type Batch, InputCursor, type Operator, paused, type Paused, type Run } from './operator.ts'
import { mostLevels, Partitions, PartitionWalk } from './partitions.ts'
import { type HashKey, keyBytes, type RowFormat } from './row-format.ts'
import { OperatorIo } from './spill.ts'

/** The first row of every key. */
export class Distinct<R, X extends Run> implements Operator<R, X> {
  readonly #input: InputCursor<R, X>
  readonly #keyOf: (row: R, run: X) => HashKey
  readonly #format: RowFormat<R>
  readonly #level: number
  readonly #memory = new OperatorMemory('Distinct')
  readonly #io = new OperatorIo()
  #seen = new Set<HashKey>()
  #out: R[] = []
  #partitions: Partitions<R> | undefined
  #walk: PartitionWalk<R, X> | undefined
  #ended = false

  constructor(input: Operator<R, X>, keyOf: (row: R, run: X) => HashKey, format: RowFormat<R>, level = 0) {
    this.#input = new InputCursor(input)
    this.#keyOf = keyOf
    this.#format = format
    this.#level = level
  }

  next(run: X): Batch<R> {
    if (this.#ended) return undefined
    if (this.#walk !== undefined) return this.#nextOfPartitions(this.#walk, run)
    for (;;) {
      if (this.#io.isPending(run)) return paused
      const row = this.#input.current(run)
      if (row === paused) return paused
      if (row === undefined) break
      const key = this.#keyOf(row, run)
      this.#input.advance()
      if (!this.#seen.has(key) && this.#isNew(key, row, run)) this.#out.push(row)
      if (this.#input.drained && this.#out.length > 0) break
    }
    const out = this.#out
    this.#out = []
    if (out.length > 0) return out
    this.#seen = new Set()
    if (this.#partitions === undefined) return this.#end()
    this.#walk = this.#walkOver(this.#partitions)
    return this.#nextOfPartitions(this.#walk, run)
  }

  /** False where that is to be found out later. */
  #isNew(key: HashKey, row: R, run: X): boolean {
    const bytes = keyBytes(key)
    if (this.#partitions !== undefined || !this.#memory.tryHold(run, bytes)) {
      if (this.#level < mostLevels && this.#seen.size > 0) {
        this.#partitions ??= new Partitions(run, this.#format, this.#memory, this.#io, this.#level)
        this.#partitions.add(key, row, run)
        return false
      }
      this.#memory.hold(run, bytes)
    }
    this.#seen.add(key)
    return true
  }

  #walkOver(divided: Partitions<R>): PartitionWalk<R, X> {
    return new PartitionWalk<R, X>([divided], this.#io, (partition) => {
      return new Distinct(divided.source(partition), this.#keyOf, this.#format, this.#level + 1)
    })
  }

  #nextOfPartitions(walk: PartitionWalk<R, X>, run: X): Batch<R> {
    return walk.next(run) ?? this.#end()
  }

  #end(): undefined {
    this.close()
    this.#ended = true
    return undefined
  }

  close(): void {
    this.#walk?.close()
    this.#partitions?.close()
    this.#memory.releaseAll()
  }

  reset(): void {
    this.close()
    this.#io.forget()
    this.#seen = new Set()
    this.#out = []
    this.#partitions = undefined
    this.#walk = undefined
    this.#ended = false
    this.#input.reset()
  }
}

/** The first of neighbours that are equal: the distinct rows of an input that is sorted by its keys, in its order. */
export class DistinctNeighbors<R, X extends Run> implements Operator<R, X> {
  readonly #input: InputCursor<R, X>
  readonly #keyOf: (row: R, run: X) => HashKey
  #last: HashKey | undefined
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
      if (key !== this.#last) this.#out.push(row)
      this.#last = key
      if (this.#input.drained && this.#out.length > 0) break
    }
    const out = this.#out
    this.#out = []
    return out.length > 0 ? out : undefined
  }

  reset(): void {
    this.#last = undefined
    this.#out = []
    this.#input.reset()
  }
}

export interface SetFilterPlan<R, X> {
  /** May be interrupted. */
  readonly keyOf: (row: R, run: X) => HashKey
  readonly format: RowFormat<R>
  readonly kind: 'intersect' | 'except'
  readonly all: boolean
}

interface Counted {
  /** Of the right input. */
  count: number
  isReturned: boolean
}

interface DividedSides<R> {
  readonly left: Partitions<R>
  readonly right: Partitions<R>
}

/** Intersection and difference, with repetitions or without: counts the right input, then filters the left one. */
export class SetFilter<R, X extends Run> implements Operator<R, X> {
  readonly #left: InputCursor<R, X>
  readonly #right: InputCursor<R, X>
  readonly #plan: SetFilterPlan<R, X>
  readonly #level: number
  readonly #memory = new OperatorMemory('SetOp')
  readonly #io = new OperatorIo()
  #known = new Map<HashKey, Counted>()
  #loaded = false
  #out: R[] = []
  #divided: DividedSides<R> | undefined
  #walk: PartitionWalk<R, X> | undefined
  #ended = false

  constructor(left: Operator<R, X>, right: Operator<R, X>, plan: SetFilterPlan<R, X>, level = 0) {
    this.#left = new InputCursor(left)
    this.#right = new InputCursor(right)
    this.#plan = plan
    this.#level = level
  }

  next(run: X): Batch<R> {
    if (this.#ended) return undefined
    if (this.#walk !== undefined) return this.#nextOfPartitions(this.#walk, run)
    if (!this.#loaded && this.#load(run) === paused) return paused
    for (;;) {
      if (this.#io.isPending(run)) return paused
      const row = this.#left.current(run)
      if (row === paused) return paused
      if (row === undefined) break
      const key = this.#plan.keyOf(row, run)
      this.#left.advance()
      if (this.#takes(row, key, run)) this.#out.push(row)
      if (this.#left.drained && this.#out.length > 0) break
    }
    const out = this.#out
    this.#out = []
    if (out.length > 0) return out
    this.#known = new Map()
    if (this.#divided === undefined) return this.#end()
    this.#walk = this.#walkOver(this.#divided)
    return this.#nextOfPartitions(this.#walk, run)
  }

  #load(run: X): Paused | undefined {
    for (;;) {
      if (this.#io.isPending(run)) return paused
      const row = this.#right.current(run)
      if (row === paused) return paused
      if (row === undefined) break
      const key = this.#plan.keyOf(row, run)
      this.#right.advance()
      const known = this.#known.get(key) ?? this.#remember(key, run)
      if (known === undefined) this.#divided!.right.add(key, row, run)
      else known.count++
    }
    this.#loaded = true
    return undefined
  }

  /** Undefined where there is no room: its rows are divided. */
  #remember(key: HashKey, run: X): Counted | undefined {
    if (this.#divided !== undefined) return undefined
    const bytes = keyBytes(key) + 32
    if (!this.#memory.tryHold(run, bytes)) {
      if (this.#level < mostLevels && this.#known.size > 0) {
        this.#divided = {
          left: new Partitions(run, this.#plan.format, this.#memory, this.#io, this.#level),
          right: new Partitions(run, this.#plan.format, this.#memory, this.#io, this.#level),
        }
        return undefined
      }
      this.#memory.hold(run, bytes)
    }
    const known = { count: 0, isReturned: false }
    this.#known.set(key, known)
    return known
  }

  #takes(row: R, key: HashKey, run: X): boolean {
    const { kind, all } = this.#plan
    let known = this.#known.get(key)
    if (known === undefined) {
      // No row of the right is like it, where they are all known.
      if (this.#divided === undefined && (kind === 'intersect' || all)) return kind === 'except'
      known = this.#remember(key, run)
      if (known === undefined) {
        this.#divided!.left.add(key, row, run)
        return false
      }
    }
    if (all) {
      if (known.count === 0) return kind === 'except'
      known.count--
      return kind === 'intersect'
    }
    if (known.count > 0 !== (kind === 'intersect') || known.isReturned) return false
    known.isReturned = true
    return true
  }

  #walkOver({ left, right }: DividedSides<R>): PartitionWalk<R, X> {
    return new PartitionWalk<R, X>([left, right], this.#io, (partition) => {
      return new SetFilter(left.source(partition), right.source(partition), this.#plan, this.#level + 1)
    })
  }

  #nextOfPartitions(walk: PartitionWalk<R, X>, run: X): Batch<R> {
    return walk.next(run) ?? this.#end()
  }

  #end(): undefined {
    this.close()
    this.#ended = true
    return undefined
  }

  close(): void {
    this.#walk?.close()
    this.#divided?.left.close()
    this.#divided?.right.close()
    this.#memory.releaseAll()
  }

  reset(): void {
    this.close()
    this.#io.forget()
    this.#known = new Map()
    this.#loaded = false
    this.#out = []
    this.#divided = undefined
    this.#walk = undefined
    this.#ended = false
    this.#left.reset()
    this.#right.reset()
  }
}
