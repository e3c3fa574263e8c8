/**
 * Hash join: builds a table of the inner (right) input by key, then streams the outer (left) one past it. A key of
 * `undefined` matches nothing, as a null. `right` and `full` also hand out inner rows that no outer row matched, at the
 * end, in the order of the inner input.
 *
 * Where the table does not fit into memory it becomes a grace join: both inputs are divided by the hash of their keys
 * (`partitions.ts`), and each pair of partitions is joined by itself, by this operator again. Rows that share a key are in
 * one pair, so the joins together give what one would, in another order.
 */
import type { JoinKind } from './nested-loop-join.ts'
import { OperatorMemory } from './operator-memory.ts'
import { type Batch, batchRows, InputCursor, type Operator, paused, type Paused, type Run } from './operator.ts'
import { mostLevels, Partitions, PartitionWalk } from './partitions.ts'
import { entryBytes, type HashKey, keyBytes, type RowFormat } from './row-format.ts'
import { OperatorIo } from './spill.ts'

export interface HashJoinPlan<L, R, O, X extends Run> {
  readonly kind: JoinKind
  readonly outerFormat: RowFormat<L>
  readonly innerFormat: RowFormat<R>
  readonly outerKey: (row: L, run: X) => HashKey | undefined
  readonly innerKey: (row: R, run: X) => HashKey | undefined
  /** At least one side is there; which may be missing depends on the kind. */
  readonly combine: (outer: L | undefined, inner: R | undefined) => O
  readonly accepts: ((joined: O, run: X) => boolean) | undefined
}

interface Entry<R> {
  readonly row: R
  readonly key: HashKey | undefined
  matched: boolean
}

const none: readonly never[] = []

export class HashJoin<L, R, O, X extends Run> implements Operator<O, X> {
  readonly #outer: InputCursor<L, X>
  readonly #inner: InputCursor<R, X>
  readonly #plan: HashJoinPlan<L, R, O, X>
  readonly #level: number
  readonly #keepsInner: boolean
  /** That there is a row with the key says everything. */
  readonly #needsOne: boolean
  readonly #memory = new OperatorMemory('Hash Join')
  readonly #io = new OperatorIo()
  #table = new Map<HashKey, Entry<R>[]>()
  /** All of the table, in order of input. */
  #entries: Entry<R>[] = []
  #built = false
  #ended = false
  #candidates: readonly Entry<R>[] | undefined
  #candidateAt = 0
  #matched = false
  #unmatchedAt = 0
  #out: O[] = []
  #pauseNext = false
  #divided: DividedInputs<L, R> | undefined
  /** Entries that have gone from the table to the partitions. */
  #moved = 0
  #walk: PartitionWalk<O, X> | undefined

  constructor(outer: Operator<L, X>, inner: Operator<R, X>, plan: HashJoinPlan<L, R, O, X>, level = 0) {
    this.#outer = new InputCursor(outer)
    this.#inner = new InputCursor(inner)
    this.#plan = plan
    this.#level = level
    this.#keepsInner = plan.kind === 'right' || plan.kind === 'full'
    this.#needsOne = (plan.kind === 'semi' || plan.kind === 'anti') && plan.accepts === undefined
  }

  next(run: X): Batch<O> {
    if (this.#pauseNext) {
      this.#pauseNext = false
      return paused
    }
    if (this.#ended) return undefined
    if (!this.#built && this.#build(run) === paused) return paused
    if (this.#divided !== undefined) return this.#nextOfPartitions(run, this.#divided)
    for (;;) {
      const outer = this.#outer.current(run)
      if (outer === paused) return paused
      if (outer === undefined) break
      this.#probe(outer, run)
      if (this.#out.length >= batchRows || (this.#outer.drained && this.#out.length > 0)) return this.#handOut(run)
    }
    if (this.#keepsInner) this.#collectUnmatched()
    return this.#handOut(run)
  }

  #handOut(run: X): Batch<O> {
    const out = this.#out
    this.#out = []
    if (out.length === 0) {
      this.#memory.releaseAll()
      this.#ended = true
      return undefined
    }
    this.#pauseNext = run.transaction.slice.spend(out.length)
    return out
  }

  #build(run: X): Paused | undefined {
    for (;;) {
      if (this.#io.isPending(run)) return paused
      if (this.#divided !== undefined && this.#moved < this.#entries.length) {
        if (this.#moveEntries(this.#divided, run) === paused) return paused
        continue
      }
      const row = this.#inner.current(run)
      if (row === paused) return paused
      if (row === undefined) break
      const key = this.#plan.innerKey(row, run)
      if (this.#divided !== undefined) this.#divided.inner.add(key, row, run)
      else if (!this.#keep(row, key, run)) continue
      this.#inner.advance()
    }
    this.#built = true
    return undefined
  }

  /** False where the table has no room for it: then the join is divided, and the row comes again. */
  #keep(row: R, key: HashKey | undefined, run: X): boolean {
    if (!this.#keepsInner && (key === undefined || (this.#needsOne && this.#table.has(key)))) return true
    const bytes = this.#plan.innerFormat.sizeOf(row) + entryBytes + (key === undefined ? 0 : keyBytes(key))
    if (!this.#memory.tryHold(run, bytes)) {
      if (this.#level < mostLevels && this.#entries.length > 0) {
        this.#divide(run)
        return false
      }
      this.#memory.hold(run, bytes)
    }
    const entry = { row: this.#plan.innerFormat.keep(row), key, matched: false }
    this.#entries.push(entry)
    if (key === undefined) return true
    const entries = this.#table.get(key)
    if (entries === undefined) this.#table.set(key, [entry])
    else entries.push(entry)
    return true
  }

  #divide(run: X): void {
    const { outerFormat, innerFormat } = this.#plan
    this.#table = new Map()
    this.#memory.releaseAll()
    this.#divided = {
      outer: new Partitions(run, outerFormat, this.#memory, this.#io, this.#level),
      inner: new Partitions(run, innerFormat, this.#memory, this.#io, this.#level),
    }
  }

  #moveEntries({ inner }: DividedInputs<L, R>, run: X): Paused | undefined {
    for (let moved = 0; this.#moved < this.#entries.length; moved++) {
      if (this.#io.isPending(run)) return paused
      const { key, row } = this.#entries[this.#moved++]!
      inner.add(key, row, run)
      if (moved % batchRows === batchRows - 1 && run.transaction.slice.spend(batchRows)) return paused
    }
    this.#entries = []
    this.#moved = 0
    return undefined
  }

  // ---- probing the table

  /** Goes on with the outer row at hand until its candidates end or the batch is full. */
  #probe(outer: L, run: X): void {
    const { kind, accepts, combine } = this.#plan
    if (this.#candidates === undefined) {
      const key = this.#plan.outerKey(outer, run)
      this.#candidates = (key === undefined ? undefined : this.#table.get(key)) ?? none
      this.#matched = this.#needsOne && this.#candidates.length > 0
      this.#candidateAt = this.#needsOne ? this.#candidates.length : 0
    }
    while (this.#candidateAt < this.#candidates.length) {
      const entry = this.#candidates[this.#candidateAt]!
      const joined = combine(outer, entry.row)
      const accepted = accepts === undefined || accepts(joined, run)
      this.#candidateAt++
      if (!accepted) continue
      this.#matched = true
      entry.matched = true
      if (kind === 'semi' || kind === 'anti') break
      if (this.#out.push(joined) >= batchRows) return
    }
    const keepsOuter = kind === 'left' || kind === 'full' || kind === 'anti'
    if (kind === 'semi' ? this.#matched : keepsOuter && !this.#matched) this.#out.push(combine(outer, undefined))
    this.#candidates = undefined
    this.#outer.advance()
  }

  #collectUnmatched(): void {
    while (this.#unmatchedAt < this.#entries.length && this.#out.length < batchRows) {
      const entry = this.#entries[this.#unmatchedAt++]!
      if (!entry.matched) this.#out.push(this.#plan.combine(undefined, entry.row))
    }
  }

  // ---- pairs of partitions

  #nextOfPartitions(run: X, divided: DividedInputs<L, R>): Batch<O> {
    if (this.#walk === undefined) {
      if (this.#divideOuter(run, divided) === paused) return paused
      this.#walk = this.#walkOver(divided)
    }
    const batch = this.#walk.next(run)
    if (batch === undefined) this.#ended = true
    return batch
  }

  #walkOver({ inner, outer }: DividedInputs<L, R>): PartitionWalk<O, X> {
    return new PartitionWalk<O, X>([inner, outer], this.#io, (partition) => {
      return new HashJoin(outer.source(partition), inner.source(partition), this.#plan, this.#level + 1)
    })
  }

  #divideOuter(run: X, { outer }: DividedInputs<L, R>): Paused | undefined {
    for (let count = 1; ; count++) {
      if (this.#io.isPending(run)) return paused
      const row = this.#outer.current(run)
      if (row === paused) return paused
      if (row === undefined) break
      outer.add(this.#plan.outerKey(row, run), row, run)
      this.#outer.advance()
      if (count % batchRows === 0 && run.transaction.slice.spend(batchRows)) return paused
    }
    return undefined
  }

  /** Of a partition: gives back what it holds. */
  close(): void {
    this.#walk?.close()
    this.#divided?.inner.close()
    this.#divided?.outer.close()
    this.#memory.releaseAll()
  }

  reset(): void {
    this.close()
    this.#outer.reset()
    this.#inner.reset()
    this.#io.forget()
    this.#table = new Map()
    this.#entries = []
    this.#built = false
    this.#ended = false
    this.#divided = undefined
    this.#moved = 0
    this.#walk = undefined
    this.#candidates = undefined
    this.#matched = false
    this.#unmatchedAt = 0
    this.#out = []
    this.#pauseNext = false
  }
}

interface DividedInputs<L, R> {
  readonly outer: Partitions<L>
  readonly inner: Partitions<R>
}
