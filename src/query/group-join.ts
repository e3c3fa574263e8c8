/**
 * Group join: each outer row together with all inner rows that share a key with it, each once, in the order of the inner
 * input; outer rows come out in their own order. A row may have any number of keys, on both sides.
 *
 * It keeps a table of the inner rows by each of their keys, past which the outer ones stream. Where the table does not fit
 * into memory, partitions do not help as they do in `hash-join.ts`, since a row with several keys would be in several of them.
 * So it begins again, as pairs of numbers:
 *
 *   outer rows, numbered ─▶ (number, key) ─┐
 *                                          ├─ hash join by key ─▶ (outer number, inner number, inner row)
 *   inner rows, numbered ─▶ (number, key) ─┘            └─▶ sorted by both numbers ─▶ beside the outer rows again
 *
 * of which each part spills by itself.
 */
import type { ByteReader, ByteWriter } from '../base/bytes.ts'
import { sliceOf, sliceToLatin1 } from '../base/slice.ts'
import { HashJoin } from './hash-join.ts'
import { Materialize } from './materialize.ts'
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
import { BatchMemory, OperatorMemory } from './operator-memory.ts'
import { Expand } from './row-operators.ts'
import { entryBytes, keyBytes, type RowFormat, textBytes } from './row-format.ts'
import { Sort } from './sort.ts'

export interface GroupJoinPlan<L, R, O, X extends Run> {
  /** For errors: what it is called in its language. */
  readonly name: string
  readonly outerFormat: RowFormat<L>
  readonly innerFormat: RowFormat<R>
  /** Different ones; texts of characters below 256. */
  readonly outerKeys: (row: L, run: X) => readonly string[]
  readonly innerKeys: (row: R, run: X) => readonly string[]
  readonly combine: (outer: L, inner: readonly R[]) => O
  readonly sizeOf: (joined: O) => number
}

interface Entry<R> {
  readonly row: R
  readonly number: number
}

/** Rows of the inner side that are put into the result of one outer row: where they lie, and in it. */
const copies = 2

export class GroupJoin<L, R, O, X extends Run> implements Operator<O, X> {
  readonly #outer: Operator<L, X>
  readonly #inner: Operator<R, X>
  readonly #outerRows: InputCursor<L, X>
  readonly #innerRows: InputCursor<R, X>
  readonly #plan: GroupJoinPlan<L, R, O, X>
  readonly #memory: OperatorMemory
  readonly #found: OperatorMemory
  readonly #batch: BatchMemory
  #table = new Map<string, Entry<R>[]>()
  #rows = 0
  #built = false
  #ended = false
  #spilled: SpilledGroupJoin<L, R, O, X> | undefined
  #pauseNext = false

  constructor(outer: Operator<L, X>, inner: Operator<R, X>, plan: GroupJoinPlan<L, R, O, X>) {
    this.#outer = outer
    this.#inner = inner
    this.#outerRows = new InputCursor(outer)
    this.#innerRows = new InputCursor(inner)
    this.#plan = plan
    this.#memory = new OperatorMemory(plan.name)
    this.#found = new OperatorMemory(plan.name)
    this.#batch = new BatchMemory(plan.name)
  }

  next(run: X): Batch<O> {
    if (this.#pauseNext) {
      this.#pauseNext = false
      return paused
    }
    if (this.#ended) return undefined
    if (!this.#built && this.#build(run) === paused) return paused
    if (this.#spilled !== undefined) return this.#spilled.next(run)
    const out: O[] = []
    let bytes = 0
    while (out.length < batchRows && bytes < batchBytes) {
      // What is there goes out before anything below may pause.
      if (out.length > 0 && this.#outerRows.drained) break
      const outer = this.#outerRows.current(run)
      if (outer === paused && out.length === 0) return paused
      if (outer === paused || outer === undefined) break
      const joined = this.#join(outer, run)
      bytes += this.#plan.sizeOf(joined)
      out.push(joined)
      this.#outerRows.advance()
    }
    this.#batch.handsOut(run, bytes)
    if (out.length === 0) {
      this.#ended = true
      this.#forget()
      return undefined
    }
    this.#pauseNext = run.transaction.slice.spend(out.length)
    return out
  }

  #build(run: X): Paused | undefined {
    for (;;) {
      const row = this.#innerRows.current(run)
      if (row === paused) return paused
      if (row === undefined) break
      if (!this.#keep(row, this.#plan.innerKeys(row, run), run)) {
        this.#spill()
        break
      }
      this.#innerRows.advance()
    }
    this.#built = true
    return undefined
  }

  /** False where the table has no room for it. */
  #keep(row: R, keys: readonly string[], run: X): boolean {
    if (keys.length === 0) return true
    const { innerFormat } = this.#plan
    const bytes = keys.reduce((sum, key) => sum + keyBytes(key) + entryBytes, innerFormat.sizeOf(row))
    if (!this.#memory.tryHold(run, bytes)) return false
    const entry = { row: innerFormat.keep(row), number: this.#rows++ }
    for (const key of keys) {
      const entries = this.#table.get(key)
      if (entries === undefined) this.#table.set(key, [entry])
      else entries.push(entry)
    }
    return true
  }

  #forget(): void {
    this.#table = new Map()
    this.#memory.releaseAll()
  }

  #spill(): void {
    this.#forget()
    this.#innerRows.reset()
    this.#spilled = new SpilledGroupJoin(this.#outer, this.#inner, this.#plan)
  }

  #join(outer: L, run: X): O {
    const { outerKeys, innerFormat, combine } = this.#plan
    const entries = this.#entriesOf(outerKeys(outer, run))
    const bytes = entries.reduce((sum, { row }) => sum + innerFormat.sizeOf(row), 0)
    // They lie in the table: what is new is their copies.
    this.#found.hold(run, bytes)
    try {
      return combine(
        outer,
        entries.map(({ row }) => row),
      )
    } finally {
      this.#found.releaseAll()
    }
  }

  #entriesOf(keys: readonly string[]): readonly Entry<R>[] {
    if (keys.length === 1) return this.#table.get(keys[0]!) ?? []
    const entries = new Set<Entry<R>>()
    for (const key of keys) for (const entry of this.#table.get(key) ?? []) entries.add(entry)
    return [...entries].sort((a, b) => a.number - b.number)
  }

  reset(): void {
    this.#spilled?.close()
    this.#spilled = undefined
    this.#outerRows.reset()
    this.#innerRows.reset()
    this.#forget()
    this.#rows = 0
    this.#built = false
    this.#ended = false
    this.#pauseNext = false
  }
}

interface OuterKey {
  readonly number: number
  readonly key: string
}

interface InnerKey<R> extends OuterKey {
  readonly row: R
}

interface Match<R> {
  readonly outer: number
  readonly inner: number
  readonly row: R
}

const numberBytes = 64

function writeText(text: string, into: ByteWriter): void {
  into.varint(text.length)
  into.latin1(text)
}

function readText(from: ByteReader): string {
  return sliceToLatin1(sliceOf(from.take(from.varint())))
}

const outerKeyFormat: RowFormat<OuterKey> = {
  sizeOf: ({ key }) => numberBytes + textBytes(key),
  keep: (row) => row,
  encode: ({ number, key }, into) => {
    into.varint(number)
    writeText(key, into)
  },
  decode: (from) => ({ number: from.varint(), key: readText(from) }),
}

function innerKeyFormat<R>(rows: RowFormat<R>): RowFormat<InnerKey<R>> {
  return {
    sizeOf: ({ key, row }) => numberBytes + textBytes(key) + rows.sizeOf(row),
    keep: ({ number, key, row }) => ({ number, key, row: rows.keep(row) }),
    encode: ({ number, key, row }, into) => {
      into.varint(number)
      writeText(key, into)
      rows.encode(row, into)
    },
    decode: (from) => ({ number: from.varint(), key: readText(from), row: rows.decode(from) }),
  }
}

function matchFormat<R>(rows: RowFormat<R>): RowFormat<Match<R>> {
  return {
    sizeOf: ({ row }) => numberBytes + rows.sizeOf(row),
    keep: ({ outer, inner, row }) => ({ outer, inner, row: rows.keep(row) }),
    encode: ({ outer, inner, row }, into) => {
      into.varint(outer)
      into.varint(inner)
      rows.encode(row, into)
    },
    decode: (from) => ({ outer: from.varint(), inner: from.varint(), row: rows.decode(from) }),
  }
}

class SpilledGroupJoin<L, R, O, X extends Run> {
  readonly #plan: GroupJoinPlan<L, R, O, X>
  readonly #outer: Materialize<L, X>
  readonly #outerRows: InputCursor<L, X>
  readonly #joined: HashJoin<OuterKey, InnerKey<R>, Match<R>, X>
  readonly #matches: InputCursor<Match<R>, X>
  readonly #memory: OperatorMemory
  #number = 0
  #found: R[] = []
  #last = -1

  constructor(outer: Operator<L, X>, inner: Operator<R, X>, plan: GroupJoinPlan<L, R, O, X>) {
    const { outerFormat, innerFormat, outerKeys, innerKeys } = plan
    this.#plan = plan
    this.#memory = new OperatorMemory(plan.name)
    this.#outer = new Materialize(outer, outerFormat)
    this.#outerRows = new InputCursor(this.#outer.reader())
    const outerPairs = new Expand(
      this.#outer.reader(),
      numbered(outerKeys, (_row, number, key): OuterKey => ({ number, key })),
    )
    const innerPairs = new Expand(
      inner,
      numbered(innerKeys, (row, number, key): InnerKey<R> => ({ number, key, row })),
    )
    this.#joined = new HashJoin(outerPairs, innerPairs, {
      kind: 'inner',
      outerFormat: outerKeyFormat,
      innerFormat: innerKeyFormat(innerFormat),
      outerKey: ({ key }) => key,
      innerKey: ({ key }) => key,
      combine: (a, b) => ({ outer: a!.number, inner: b!.number, row: b!.row }),
      accepts: undefined,
    })
    const sorted = new Sort<Match<R>, Match<R>, X>(this.#joined, {
      format: matchFormat(innerFormat),
      keyOf: (match) => match,
      compare: (a, b) => a.outer - b.outer || a.inner - b.inner,
    })
    this.#matches = new InputCursor(sorted)
  }

  /** One at a time: each may come with megabytes of others. */
  next(run: X): Batch<O> {
    for (;;) {
      const match = this.#matches.current(run)
      if (match === paused) return paused
      if (match === undefined || match.outer !== this.#number) break
      this.#matches.advance()
      // By several keys a row is found as often.
      if (match.inner === this.#last) continue
      this.#memory.hold(run, copies * this.#plan.innerFormat.sizeOf(match.row))
      this.#found.push(this.#plan.innerFormat.keep(match.row))
      this.#last = match.inner
    }
    const outer = this.#outerRows.current(run)
    if (outer === paused) return paused
    if (outer === undefined) return undefined
    const joined = this.#plan.combine(outer, this.#found)
    this.#outerRows.advance()
    this.#memory.releaseAll()
    this.#found = []
    this.#last = -1
    this.#number++
    return [joined]
  }

  close(): void {
    this.#memory.releaseAll()
    this.#joined.close()
    this.#outer.reset()
  }
}

/** A pair for each key of a row. */
function numbered<R, P, X extends Run>(
  keysOf: (row: R, run: X) => readonly string[],
  pair: (row: R, number: number, key: string) => P,
): (row: R, run: X) => Iterator<P> {
  let next = 0
  return (row, run) => {
    const keys = keysOf(row, run)
    const number = next++
    return keys.map((key) => pair(row, number, key))[Symbol.iterator]()
  }
}
