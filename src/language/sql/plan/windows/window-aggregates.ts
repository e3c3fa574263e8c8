/**
 * Aggregates over frames. What the last frame came to is gone on with: rows behind its tail are added; rows before the new
 * head are taken out where the aggregate can (`functions/moving-aggregates.ts`), else the frame is gone through anew.
 *
 * With rows left out of the frame an aggregate that can take out does so with them too, for the row at hand; any other goes
 * through what is left, for each row.
 *
 * Each row that is taken in or out is a step after which it may be interrupted.
 */
import { charge } from '../../../../base/work.ts'
import { pauseIfOver } from '../../../../query/partition-rows.ts'
import type { OperatorMemory } from '../../../../query/operator-memory.ts'
import type { SqlValue } from '../../contract.ts'
import type { Aggregate } from '../../expression/expression.ts'
import type { MovingAggregate } from '../../functions/moving-aggregates.ts'
import { valuesBytes } from '../../types/row-format.ts'
import type { SqlRow, SqlRun } from '../run.ts'
import { type Excluded, excludedOf, partsOf } from './excluded.ts'
import type { Frame } from './frames.ts'
import type { Place } from './place.ts'
import type { RowFunction } from './row-functions.ts'

/** Of taking a row in or out. */
const unitsPerStep = 150

export interface WindowedAggregate {
  readonly aggregate: Aggregate
  readonly moving: MovingAggregate | undefined
  /** Where its arguments stand in the rows. */
  readonly columns: readonly number[]
  /** Where FILTER's answer does. */
  readonly filter: number | undefined
}

/** The state of an aggregate over rows that stand together. */
class Gathered {
  readonly #of: WindowedAggregate
  readonly #memory: OperatorMemory
  #state: unknown
  #heldBytes = 0

  constructor(of: WindowedAggregate, memory: OperatorMemory) {
    this.#of = of
    this.#memory = memory
    this.begin()
  }

  begin(): void {
    const { moving, aggregate } = this.#of
    this.#state = moving === undefined ? aggregate.begin() : moving.begin
    this.#memory.release(this.#heldBytes)
    this.#heldBytes = 0
  }

  add(row: SqlRow, run: SqlRun): void {
    charge(unitsPerStep)
    const values = this.#valuesOf(row)
    if (values === undefined) return
    const { moving, aggregate } = this.#of
    this.#state = (moving ?? aggregate).add(this.#state, values)
    if (moving !== undefined || aggregate.keeps === 'nothing') return
    const bytes =
      aggregate.keeps === 'all' ? 2 * valuesBytes(values) : Math.max(0, valuesBytes(values) - this.#heldBytes)
    if (bytes === 0) return
    this.#memory.hold(run, bytes)
    this.#heldBytes += bytes
  }

  /** False where that cannot be done. */
  remove(row: SqlRow): boolean {
    charge(unitsPerStep)
    const values = this.#valuesOf(row)
    if (values === undefined) return true
    const left = this.#of.moving!.remove(this.#state, values)
    if (left === undefined) return false
    this.#state = left
    return true
  }

  /** Undefined: the row is none for it. */
  #valuesOf(row: SqlRow): SqlValue[] | undefined {
    const { columns, filter, aggregate } = this.#of
    if (filter !== undefined && row[filter] !== true) return undefined
    if (aggregate.strict && columns.length > 0 && row[columns[0]!] === null) return undefined
    return columns.map((column) => row[column]!)
  }

  finish(): SqlValue {
    const { moving, aggregate } = this.#of
    const value = (moving ?? aggregate).finish(this.#state)
    // The list itself goes on growing.
    return aggregate.keeps === 'all' && Array.isArray(value) ? [...(value as readonly SqlValue[])] : value
  }

  /** As it was when `kept` was taken; of one that can take out, whose states do not change. */
  get kept(): unknown {
    return this.#state
  }

  restore(kept: unknown): void {
    this.#state = kept
  }
}

export class AggregateOfFrame implements RowFunction {
  readonly #of: WindowedAggregate
  readonly #place: Place
  readonly #frame: Frame
  readonly #gathered: Gathered
  /** The rows that are in it. */
  #head = 0
  #tail = 0
  /** Where nothing has changed since. */
  #value: SqlValue | undefined
  readonly #rest: RestOfFrame

  constructor(of: WindowedAggregate, place: Place, frame: Frame, memory: OperatorMemory) {
    this.#of = of
    this.#place = place
    this.#frame = frame
    this.#gathered = new Gathered(of, memory)
    this.#rest = new RestOfFrame(place, new Gathered(of, memory))
  }

  begin(): void {
    this.#restartAt(0)
    this.#rest.begin()
  }

  value(run: SqlRun): SqlValue {
    const [head, tail] = [this.#frame.head(run), this.#frame.tail(run)]
    const excluded = excludedOf(this.#frame.exclude, this.#place, run)
    const isWhole = excluded.end <= excluded.start
    if (!isWhole && this.#of.moving === undefined) return this.#rest.value(head, tail, excluded, run)
    this.#moveTo(head, tail, run)
    if (isWhole) return this.#finish()
    return this.#without(head, tail, excluded, run) ?? this.#rest.value(head, tail, excluded, run)
  }

  #moveTo(head: number, tail: number, run: SqlRun): void {
    if (head > this.#head && (head >= this.#tail || this.#of.moving === undefined)) this.#restartAt(head)
    while (this.#head < head) {
      pauseIfOver()
      if (!this.#gathered.remove(this.#place.rows.row(this.#head, run))) {
        this.#restartAt(head)
        break
      }
      this.#head++
      this.#value = undefined
    }
    while (this.#tail < tail) {
      pauseIfOver()
      this.#gathered.add(this.#place.rows.row(this.#tail, run), run)
      this.#tail++
      this.#value = undefined
    }
  }

  #restartAt(head: number): void {
    this.#gathered.begin()
    this.#head = this.#tail = head
    this.#value = undefined
  }

  #finish(): SqlValue {
    if (this.#value === undefined) this.#value = this.#gathered.finish()
    return this.#value
  }

  /** Undefined where something cannot be taken out, or there is too much of it to be worth it. */
  #without(head: number, tail: number, { start, end, kept }: Excluded, run: SqlRun): SqlValue | undefined {
    const [from, to] = [Math.max(head, start), Math.min(tail, end)]
    if (to - from > mostTakenOut) return undefined
    const whole = this.#gathered.kept
    try {
      for (let at = from; at < to; at++) {
        if (at !== kept && !this.#gathered.remove(this.#place.rows.row(at, run))) return undefined
      }
      return this.#gathered.finish()
    } finally {
      this.#gathered.restore(whole)
    }
  }

  keepsFrom(): number {
    const { lastHead, startsAtFirst, exclude } = this.#frame
    if (exclude !== 'nothing') return lastHead
    return startsAtFirst ? this.#tail : Math.min(lastHead, this.#head)
  }
}

/** More peers than that are gone around rather than taken out. */
const mostTakenOut = 64

/** What is left of a frame, gone through from its head: for the row at hand, in steps. */
class RestOfFrame {
  readonly #place: Place
  readonly #gathered: Gathered
  #of = -1
  /** The next row, in the part of that number. */
  #part = 0
  #next = -1

  constructor(place: Place, gathered: Gathered) {
    this.#place = place
    this.#gathered = gathered
  }

  begin(): void {
    this.#of = -1
  }

  value(head: number, tail: number, excluded: Excluded, run: SqlRun): SqlValue {
    if (this.#of !== this.#place.at) {
      this.#gathered.begin()
      this.#of = this.#place.at
      this.#part = 0
      this.#next = -1
    }
    const parts = partsOf(head, tail, excluded)
    for (; this.#part < parts.length; this.#part++) {
      const [from, to] = parts[this.#part]!
      if (this.#next < from) this.#next = from
      while (this.#next < to) {
        pauseIfOver()
        this.#gathered.add(this.#place.rows.row(this.#next, run), run)
        this.#next++
      }
    }
    return this.#gathered.finish()
  }
}
