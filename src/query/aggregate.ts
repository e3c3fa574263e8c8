/**
 * Hash aggregation: one accumulator per group, groups in order of their first row. Without grouping keys there is exactly
 * one group, also for no rows at all.
 *
 * When the groups fill the operator's memory no new ones are begun: rows of a group that is there still go into it, all
 * others are divided by the hash of their keys into a temporary file (`partitions.ts`). After the groups in memory have
 * been handed out, each partition is aggregated by itself, by this operator again. What one group keeps (`array_agg`)
 * cannot be divided: it is charged, and ends with `out_of_memory` where there is too much of it.
 */
import { isTurnOver } from '../base/work.ts'
import { OperatorMemory } from './operator-memory.ts'
import { type Batch, batchRows, InputCursor, type Operator, paused, type Run } from './operator.ts'
import { mostLevels, Partitions, PartitionWalk } from './partitions.ts'
import { type HashKey, keyBytes, type RowFormat } from './row-format.ts'
import { OperatorIo } from './spill.ts'

export interface AggregatePlan<R, G, O, X extends Run> {
  readonly format: RowFormat<R>
  /** `undefined`: one group for everything. */
  readonly keyOf: ((row: R, run: X) => HashKey) | undefined
  /** A new group; `row` is its first one, and missing where there is no row at all. */
  readonly begin: (row: R | undefined, run: X) => G
  /** With keys: the groups that are there where there is no row at all. */
  readonly withoutRows?: (run: X) => readonly G[]
  /** What a new group holds beside its key. */
  readonly groupBytes: (group: G) => number
  /** Evaluates what the accumulators need of a row; may be interrupted, so it changes nothing. */
  readonly evaluate: (row: R, run: X) => unknown[]
  /** Takes what `evaluate` gave. The bytes that the group has grown by. */
  readonly add: (group: G, values: unknown[], run: X) => number
  /** May be interrupted, and is called again for the same group then. */
  readonly finish: (group: G, run: X) => O
}

/** Results of that size are handed out by themselves. */
const largeGroupBytes = 64 * 1024

export class HashAggregate<R, G, O, X extends Run> implements Operator<O, X> {
  readonly #input: InputCursor<R, X>
  readonly #plan: AggregatePlan<R, G, O, X>
  readonly #level: number
  readonly #memory = new OperatorMemory('HashAggregate')
  readonly #io = new OperatorIo()
  #groups = new Map<HashKey, G>()
  /** The bytes that groups have grown by since they began. */
  #grown = new Map<G, number>()
  #loaded = false
  #ended = false
  #results: Iterator<G> | undefined
  /** The group that is being finished, which may be interrupted, and what has been made of those before it. */
  #finishing: G | undefined
  #out: O[] = []
  #partitions: Partitions<R> | undefined
  #walk: PartitionWalk<O, X> | undefined

  constructor(input: Operator<R, X>, plan: AggregatePlan<R, G, O, X>, level = 0) {
    this.#input = new InputCursor(input)
    this.#plan = plan
    this.#level = level
  }

  next(run: X): Batch<O> {
    if (this.#ended) return undefined
    if (!this.#loaded && this.#load(run) === paused) return paused
    if (this.#walk !== undefined) return this.#nextOfPartitions(this.#walk, run)
    const results = (this.#results ??= this.#groups.values())
    const out = this.#out
    while (out.length < batchRows) {
      const group = (this.#finishing ??= results.next().value as G | undefined)
      if (group === undefined) break
      out.push(this.#plan.finish(group, run))
      this.#finishing = undefined
      if (isTurnOver() || (this.#grown.size > 0 && (this.#grown.get(group) ?? 0) > largeGroupBytes)) break
    }
    if (out.length > 0) {
      this.#out = []
      return out
    }
    this.#forgetGroups()
    this.#memory.releaseAll()
    if (this.#partitions === undefined) return this.#end()
    this.#walk = this.#walkOver(this.#partitions)
    return this.#nextOfPartitions(this.#walk, run)
  }

  #load(run: X): typeof paused | undefined {
    const { keyOf, begin, evaluate, add } = this.#plan
    for (;;) {
      if (this.#io.isPending(run)) return paused
      const row = this.#input.current(run)
      if (row === paused) return paused
      if (row === undefined) break
      const key = keyOf === undefined ? '' : keyOf(row, run)
      let group = this.#groups.get(key)
      if (group === undefined && this.#partitions !== undefined) {
        this.#partitions.add(key, row, run)
        this.#input.advance()
        continue
      }
      const values = evaluate(row, run)
      group ??= this.#begin(key, begin(row, run), run)
      if (group === undefined) continue
      const grown = add(group, values, run)
      this.#input.advance()
      if (grown === 0) continue
      this.#grown.set(group, (this.#grown.get(group) ?? 0) + grown)
      this.#memory.hold(run, grown)
    }
    while (this.#partitions?.finish() === false) if (this.#io.isPending(run)) return paused
    if (this.#groups.size === 0 && this.#level === 0) {
      const groups = keyOf === undefined ? [begin(undefined, run)] : (this.#plan.withoutRows?.(run) ?? [])
      for (const [i, group] of groups.entries()) this.#groups.set(i, group)
    }
    this.#loaded = true
    return undefined
  }

  /** Undefined where there is no room for it: from here on new groups go to partitions. */
  #begin(key: HashKey, group: G, run: X): G | undefined {
    const bytes = keyBytes(key) + this.#plan.groupBytes(group)
    if (!this.#memory.tryHold(run, bytes)) {
      if (this.#level < mostLevels && this.#groups.size > 0) {
        this.#partitions = new Partitions(run, this.#plan.format, this.#memory, this.#io, this.#level)
        return undefined
      }
      this.#memory.hold(run, bytes)
    }
    this.#groups.set(key, group)
    return group
  }

  #forgetGroups(): void {
    this.#groups = new Map()
    this.#grown = new Map()
  }

  #walkOver(divided: Partitions<R>): PartitionWalk<O, X> {
    return new PartitionWalk<O, X>([divided], this.#io, (partition) => {
      return new HashAggregate(divided.source(partition), this.#plan, this.#level + 1)
    })
  }

  #nextOfPartitions(walk: PartitionWalk<O, X>, run: X): Batch<O> {
    return walk.next(run) ?? this.#end()
  }

  #end(): undefined {
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
    this.#forgetGroups()
    this.#loaded = false
    this.#ended = false
    this.#results = undefined
    this.#finishing = undefined
    this.#out = []
    this.#partitions = undefined
    this.#walk = undefined
    this.#input.reset()
  }
}
