/**
 * Frames: which rows around the one at hand a function sees, as the places `head` and, behind the last, `tail`. What is
 * excluded lies within and is the business of who walks over the frame.
 *
 * Both ends only go forward from row to row, so that finding them costs no more than going once over the partition: for
 * RANGE and GROUPS they are looked for from where they were (PostgreSQL's update_frameheadpos and update_frametailpos).
 */
import { charge } from '../../../../base/work.ts'
import { pauseIfOver } from '../../../../query/partition-rows.ts'
import type { HashKey } from '../../../../query/row-format.ts'
import type { FrameBound, InRange, WindowFrame } from '../../bind/windows/window.ts'
import type { SqlValue } from '../../contract.ts'
import type { Evaluate } from '../../expression/compile.ts'
import { failure } from '../../failure.ts'
import { noRow, type SqlRun } from '../run.ts'
import { type Place, unitsPerLook } from './place.ts'

/** Of RANGE with an offset: the one column that is sorted by. */
export interface RangeColumn {
  readonly column: number
  readonly descending: boolean
  readonly nullsFirst: boolean
}

export interface CompiledFrame extends WindowFrame {
  readonly startOffset: Evaluate | undefined
  readonly endOffset: Evaluate | undefined
  readonly range: RangeColumn | undefined
}

type RangeTest = (value: SqlValue, base: SqlValue, offset: SqlValue, subtracts: boolean, isUpper: boolean) => boolean

export class Frame {
  readonly exclude: WindowFrame['exclude']
  readonly #place: Place
  readonly #compiled: CompiledFrame
  #startOffset: SqlValue | undefined
  #endOffset: SqlValue | undefined
  /** The row that they are known for. */
  #headOf = -1
  #tailOf = -1
  #head = 0
  #tail = 0
  #headGroup: GroupWalk | undefined
  #tailGroup: GroupWalk | undefined

  constructor(compiled: CompiledFrame, place: Place) {
    this.#compiled = compiled
    this.#place = place
    this.exclude = compiled.exclude
  }

  /** All frames of a partition begin at its first row. */
  get startsAtFirst(): boolean {
    return this.#compiled.start.kind === 'unbounded preceding'
  }

  /** Of the row that was asked for last: neither ever goes back. */
  get lastHead(): number {
    return this.#head
  }

  get lastTail(): number {
    return this.#tail
  }

  begin(): void {
    this.#headOf = this.#tailOf = -1
    this.#head = this.#tail = 0
    this.#headGroup = this.#tailGroup = undefined
  }

  head(run: SqlRun): number {
    const { at } = this.#place
    if (this.#headOf !== at) {
      this.#head = this.#findHead(at, run)
      this.#headOf = at
    }
    return this.#head
  }

  /** Never before the head. */
  tail(run: SqlRun): number {
    const { at } = this.#place
    if (this.#tailOf !== at) {
      const head = this.head(run)
      this.#tail = this.#findTail(at, run)
      if (this.#tail < head) this.#tail = head
      this.#tailOf = at
    }
    return this.#tail
  }

  /** The first place that it looks at again, for rows behind the one at hand. */
  looksFrom(): number {
    const { mode, startOffset, endOffset } = this.#compiled
    if (mode === 'rows') return Infinity
    if (mode === 'groups') {
      return Math.min(this.#headGroup?.looksFrom ?? Infinity, this.#tailGroup?.looksFrom ?? Infinity)
    }
    return Math.min(startOffset === undefined ? Infinity : this.#head, endOffset === undefined ? Infinity : this.#tail)
  }

  #findHead(at: number, run: SqlRun): number {
    const { start, mode } = this.#compiled
    if (start.kind === 'unbounded preceding') return 0
    if (start.kind === 'current row') return mode === 'rows' ? at : this.#place.peerStart
    const offset = this.#offsetOfStart(run)
    if (mode === 'rows') return this.#within(at + signed(start, offset), run)
    if (mode === 'groups') {
      this.#headGroup ??= new GroupWalk(this.#place)
      return this.#headGroup.startOf(this.#place.group + signed(start, offset), run)
    }
    this.#walkRange(start, offset, false, run)
    return this.#head
  }

  #findTail(at: number, run: SqlRun): number {
    const { end, mode } = this.#compiled
    const { rows } = this.#place
    if (end.kind === 'unbounded following') return rows.count(run)
    if (end.kind === 'current row') return mode === 'rows' ? at + 1 : this.#place.peerEnd(run)
    const offset = this.#offsetOfEnd(run)
    if (mode === 'rows') return this.#within(at + 1 + signed(end, offset), run)
    if (mode === 'groups') {
      this.#tailGroup ??= new GroupWalk(this.#place)
      return this.#tailGroup.startOf(this.#place.group + 1 + signed(end, offset), run)
    }
    this.#walkRange(end, offset, true, run)
    return this.#tail
  }

  /** Of places behind the partition's end: that end. */
  #within(place: number, run: SqlRun): number {
    if (place <= 0) return 0
    return this.#place.rows.has(place - 1, run) ? place : this.#place.rows.count(run)
  }

  #offsetOfStart(run: SqlRun): SqlValue {
    return (this.#startOffset ??= this.#offset(this.#compiled.startOffset!, 'starting', run))
  }

  #offsetOfEnd(run: SqlRun): SqlValue {
    return (this.#endOffset ??= this.#offset(this.#compiled.endOffset!, 'ending', run))
  }

  #offset(evaluate: Evaluate, which: string, run: SqlRun): SqlValue {
    const value = evaluate(noRow, run)
    if (value === null) throw failure('22004', `frame ${which} offset must not be null`)
    if (typeof value === 'bigint' && this.#compiled.mode !== 'range' && value < 0n) {
      throw failure('22013', `frame ${which} offset must not be negative`)
    }
    return value
  }

  /** Goes on with the head or the tail as long as the row there is none for it. */
  #walkRange(bound: FrameBound, offset: SqlValue, isTail: boolean, run: SqlRun): void {
    const { descending, nullsFirst, column } = this.#compiled.range!
    const { startInRange, endInRange } = this.#compiled
    const test = (isTail ? endInRange : startInRange) as InRange as RangeTest
    const subtracts = (bound.kind === 'preceding') !== descending
    const base = this.#place.valueAt(this.#place.at, column, run)
    const { rows } = this.#place
    for (;;) {
      const place = isTail ? this.#tail : this.#head
      if (!rows.has(place, run)) return
      const value = this.#place.valueAt(place, column, run)
      const isIn =
        value === null || base === null
          ? isBehindNulls(value === null, base === null, nullsFirst, isTail)
          : test(value, base, offset, subtracts, isTail !== descending) !== isTail
      if (isIn) return
      if (isTail) this.#tail++
      else this.#head++
      charge(unitsPerLook)
      pauseIfOver()
    }
  }
}

/** Nulls are peers of nothing but each other, and stand together at one end. */
function isBehindNulls(isNull: boolean, isBaseNull: boolean, nullsFirst: boolean, isTail: boolean): boolean {
  if (isTail) return nullsFirst ? !isNull && isBaseNull : isNull && !isBaseNull
  return nullsFirst ? !isNull || isBaseNull : isNull || !isBaseNull
}

function signed(bound: FrameBound, offset: SqlValue): number {
  const places = Number(offset)
  return bound.kind === 'preceding' ? -places : places
}

/** Where groups of peers begin, one after the other. */
class GroupWalk {
  readonly #place: Place
  #group = 0
  #start = 0
  #scanned = 1

  constructor(place: Place) {
    this.#place = place
  }

  /** The partition's end where there is no such group. */
  startOf(group: number, run: SqlRun): number {
    if (group <= 0) return 0
    const { rows } = this.#place
    while (this.#group < group) {
      if (!rows.has(this.#scanned, run)) return rows.count(run)
      if (this.#key(this.#scanned, run) !== this.#key(this.#scanned - 1, run)) {
        this.#group++
        this.#start = this.#scanned
      }
      this.#scanned++
      charge(unitsPerLook)
      pauseIfOver()
    }
    return this.#start
  }

  #key(at: number, run: SqlRun): HashKey {
    return this.#place.keyAt(at, run)
  }

  /** The first place that it may look at again. */
  get looksFrom(): number {
    return this.#scanned - 1
  }
}
