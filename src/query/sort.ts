/**
 * Sort: reads all of its input, sorts it and hands it out; stable. With a `keep` bound (the first n) it keeps only
 * the first n rows, pruning whenever it holds twice as many.
 *
 * What does not fit into its memory is an external merge sort: what is there is sorted, written as a run to a temporary
 * file and forgotten, as often as it takes; at the end the runs are merged (`merge-files.ts`).
 *
 *   gather ──memory full──▶ order ──▶ write a run ──▶ gather …
 *     └─────input ended────▶ order ──no run yet──▶ hand out from memory
 *                              └─────▶ write a run ──▶ hand out the merge of all runs
 */
import { MergedKeyFormat, type Keyed } from './keyed-rows.ts'
import { FileMerge } from './merge-files.ts'
import { OperatorMemory } from './operator-memory.ts'
import { type Batch, batchRows, InputCursor, type Operator, paused, type Paused, type Run } from './operator.ts'
import { RankedRows } from './ranked-rows.ts'
import type { RowFormat } from './row-format.ts'
import { SortedRuns } from './sorted-runs.ts'
import { OperatorIo, type SpillWriter } from './spill.ts'

export interface SortPlan<R, K, X extends Run> {
  readonly format: RowFormat<R>
  /** Of the keys, where they are not the rows themselves: they are kept beside them. */
  readonly keyFormat?: RowFormat<K>
  readonly keyOf: (row: R, run: X) => K
  readonly compare: (a: K, b: K) => number
  /** A number that is never smaller of a key that comes later; `compare` tells what has one apart. */
  readonly rankOf?: ((key: K) => number) | undefined
  /** How many rows are wanted. */
  readonly keep?: ((run: X) => number) | undefined
}

const noRank = (): number => 0

/** Handed out at once where rows come from a file: what is decoded is not charged. */
const rowsOfMerge = 32

export class Sort<R, K, X extends Run> implements Operator<R, X> {
  readonly #input: InputCursor<R, X>
  readonly #plan: SortPlan<R, K, X>
  readonly #keyed: MergedKeyFormat<R, K>
  readonly #compare: (a: Keyed<R, K>, b: Keyed<R, K>) => number
  readonly #memory = new OperatorMemory('Sort')
  readonly #io = new OperatorIo()
  readonly #runs: SortedRuns<Keyed<R, K>> | RankedRows<Keyed<R, K>>
  #phase: 'begin' | 'gather' | 'order' | 'write' | 'memory' | 'files' = 'begin'
  #keepRows = Infinity
  #inputEnded = false
  #sorted: Keyed<R, K>[] = []
  #at = 0
  #files: FileMerge<Keyed<R, K>> | undefined
  #writer: SpillWriter<Keyed<R, K>> | undefined
  #pauseNext = false

  constructor(input: Operator<R, X>, plan: SortPlan<R, K, X>) {
    this.#input = new InputCursor(input)
    this.#plan = plan
    this.#keyed = new MergedKeyFormat(plan.format, plan.keyFormat, plan.rankOf ?? noRank)
    this.#compare = (a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : plan.compare(a.key, b.key))
    const isDropped = (one: Keyed<R, K>): void => this.#memory.release(this.#keyed.sizeOf(one))
    this.#runs =
      plan.rankOf === undefined
        ? new SortedRuns(this.#compare, isDropped)
        : new RankedRows((a, b) => plan.compare(a.key, b.key), isDropped)
  }

  next(run: X): Batch<R> {
    for (;;) {
      if (this.#io.isPending(run)) return paused
      switch (this.#phase) {
        case 'begin':
          this.#keepRows = this.#plan.keep === undefined ? Infinity : this.#plan.keep(run)
          this.#runs.limit(this.#keepRows)
          this.#phase = 'gather'
          break
        case 'gather':
          if (this.#gather(run) === paused) return paused
          break
        case 'order':
          if (this.#order(run) === paused) return paused
          break
        case 'write':
          if (this.#write(run) === paused) return paused
          break
        case 'memory':
          return this.#fromMemory()
        default:
          return this.#fromFiles(run)
      }
    }
  }

  #gather(run: X): Paused | undefined {
    const { keyOf, format, keyFormat } = this.#plan
    const runs = this.#runs
    for (;;) {
      const row = this.#input.current(run)
      if (row === paused) return paused
      if (row === undefined) {
        this.#inputEnded = true
        this.#phase = 'order'
        return undefined
      }
      const keyed = this.#keyed.of(row, keyOf(row, run))
      if (runs instanceof RankedRows && runs.isBeyond(keyed)) {
        this.#input.advance()
        continue
      }
      const bytes = this.#keyed.sizeOf(keyed)
      if (!this.#memory.tryHold(run, bytes) && !this.#isRoomFor(run, bytes)) {
        this.#phase = 'order'
        return undefined
      }
      const kept = format.keep(row)
      const { key, rank } = keyed
      runs.add(
        kept === row ? keyed : { row: kept, key: keyFormat === undefined ? (kept as unknown as K) : key, rank },
        bytes,
      )
      this.#input.advance()
    }
  }

  /** By forgetting what is not wanted, or because nothing could be spilled for it. */
  #isRoomFor(run: X, bytes: number): boolean {
    this.#runs.prune()
    if (this.#memory.tryHold(run, bytes)) return true
    if (!this.#runs.isEmpty) return false
    this.#memory.hold(run, bytes)
    return true
  }

  #order(run: X): Paused | undefined {
    for (;;) {
      const moved = this.#runs.step()
      if (moved === 0) break
      if (run.transaction.slice.spend(moved)) return paused
    }
    this.#sorted = this.#runs.takeAll()
    this.#at = 0
    this.#phase = this.#inputEnded && this.#files === undefined ? 'memory' : 'write'
    return undefined
  }

  #write(run: X): Paused | undefined {
    this.#files ??= new FileMerge(run, {
      format: this.#keyed,
      compare: this.#compare,
      memory: this.#memory,
      io: this.#io,
      keepRows: this.#keepRows,
    })
    const end = Math.min(this.#sorted.length, this.#keepRows)
    const writer = (this.#writer ??= end > 0 ? this.#files.beginRun(run) : undefined)
    const from = this.#at
    while (this.#at < end) {
      const one = this.#sorted[this.#at]!
      // Its place is taken by nothing: what is written need not be kept.
      this.#sorted[this.#at++] = undefined as unknown as Keyed<R, K>
      this.#memory.release(this.#keyed.sizeOf(one))
      writer!.add(one, run)
      if (!writer!.isFull) continue
      this.#io.begin(writer!.flush())
      return run.transaction.slice.spend(this.#at - from) ? paused : undefined
    }
    if (writer !== undefined && !writer.isEmpty) {
      this.#io.begin(writer.flush())
      return undefined
    }
    for (; this.#at < this.#sorted.length; this.#at++) this.#memory.release(this.#keyed.sizeOf(this.#sorted[this.#at]!))
    writer?.close()
    this.#writer = undefined
    this.#sorted = []
    this.#phase = this.#inputEnded ? 'files' : 'gather'
    return undefined
  }

  #fromMemory(): Batch<R> {
    const rows = this.#sorted
    const end = Math.min(rows.length, this.#at + batchRows)
    if (this.#at >= end) {
      this.#sorted = []
      this.#at = 0
      this.#memory.releaseAll()
      return undefined
    }
    const out = rows.slice(this.#at, end).map((one) => one.row)
    this.#at = end
    return out
  }

  #fromFiles(run: X): Batch<R> {
    if (this.#pauseNext) {
      this.#pauseNext = false
      return paused
    }
    const files = this.#files
    if (files === undefined) return undefined
    const out: R[] = []
    while (out.length < rowsOfMerge) {
      const has = files.hasNext(run)
      if (has === true) {
        out.push(files.next().row)
        continue
      }
      if (out.length > 0) break
      if (has === undefined) {
        this.#io.isPending(run)
        return paused
      }
      files.close()
      this.#files = undefined
      return undefined
    }
    this.#pauseNext = run.transaction.slice.spend(out.length)
    return out
  }

  reset(): void {
    this.#phase = 'begin'
    this.#inputEnded = false
    this.#runs.clear()
    this.#sorted = []
    this.#at = 0
    this.#io.forget()
    this.#writer?.close()
    this.#writer = undefined
    this.#files?.close()
    this.#files = undefined
    this.#pauseNext = false
    this.#memory.releaseAll()
    this.#input.reset()
  }
}
