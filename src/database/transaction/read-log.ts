/**
 * What a serializable transaction has read: keys, ranges as far as its scans came, and the catalog. Commit asks the
 * conflict index whether any of it has changed since the snapshot. Beyond a bound everything counts as read: more aborts,
 * no more memory.
 */
import { PolylogError } from '../../base/errors.ts'
import { sliceToLatin1, type KeyRange, type Slice } from '../../base/slice.ts'
import { keyspaceOf } from '../../base/tuple.ts'
import { catalogKeyspace, definitionsRange } from '../catalog/catalog-state.ts'
import type { ConflictIndex, RecentChanges } from './conflict-index.ts'
import type { Sequence } from '../contract.ts'
import type { ReadRangeTracker } from './transaction-cursor.ts'

const maxEntries = 100_000
/** Every statement looks names up. */
const definitions = {
  start: sliceToLatin1(definitionsRange.start),
  end: sliceToLatin1(definitionsRange.end),
}

/** Ranges that are compared with a change one by one. */
const rangesLookedAtMax = 1000

/** Above every key: no keyspace number begins with FF. */
const afterAllKeys = '\xff'

const everything = { start: '', end: afterAllKeys }

class ReadRange implements ReadRangeTracker {
  readonly #range: KeyRange
  readonly #reverse: boolean
  start: string
  end: string

  constructor(range: KeyRange, reverse: boolean) {
    this.#range = range
    this.#reverse = reverse
    this.start = sliceToLatin1(reverse ? range.end : range.start)
    this.end = this.start
  }

  /** A cursor may be sought back: what it has read stays read. */
  reached(key: Slice | undefined): void {
    if (this.#reverse) {
      const start = sliceToLatin1(key ?? this.#range.start)
      if (start < this.start) this.start = start
    } else {
      const end = key === undefined ? sliceToLatin1(this.#range.end) : `${sliceToLatin1(key)}\0`
      if (end > this.end) this.end = end
    }
  }
}

export class ReadLog {
  /** Numbers of the collections that it was read from, also where all counts as read. */
  readonly collections: Set<number> = new Set()
  #lastCollection = 0
  #points = new Set<string>()
  #ranges: ReadRange[] = []
  #everything = false
  /** What lies around the first `count` ranges. */
  #aroundFirst = { start: '', end: '', count: -1 }

  read(key: Slice): void {
    this.#note(key)
    if (this.#everything) return
    this.#points.add(sliceToLatin1(key))
    this.#bound()
  }

  /** Told by the cursor how far it came. */
  scanned(range: KeyRange, reverse: boolean): ReadRangeTracker | undefined {
    this.#note(range.start)
    if (this.#everything) return undefined
    const tracker = new ReadRange(range, reverse)
    this.#ranges.push(tracker)
    this.#bound()
    return tracker
  }

  #note(key: Slice): void {
    // The beginning of everything belongs to no collection.
    if (key.start === key.end) return
    const keyspace = keyspaceOf(key)
    if (keyspace === this.#lastCollection || keyspace === catalogKeyspace) return
    this.#lastCollection = keyspace
    this.collections.add(keyspace)
  }

  #bound(): void {
    if (this.#points.size + this.#ranges.length <= maxEntries) return
    this.#everything = true
    this.#points = new Set()
    this.#ranges = []
  }

  /** `changedSince` in steps, for a commit that is made in slices: see `ReadValidation`. */
  validation(sequence: Sequence, conflicts: ConflictIndex): ReadValidation {
    return new ReadValidation(this, sequence, conflicts)
  }

  /** Everything that was read, as ranges of keys. */
  *parts(): Generator<{ readonly start: string; readonly end: string }> {
    yield definitions
    if (this.#everything) yield { start: '', end: afterAllKeys }
    for (const key of this.#points) yield { start: key, end: `${key}\0` }
    yield* this.#ranges
  }

  /** Whether one of the parts holds the key; of very many ranges only what lies around them all is looked at. */
  covers(key: string): boolean {
    if (this.#everything || this.#points.has(key)) return true
    if (definitions.start <= key && key < definitions.end) return true
    if (this.#ranges.length > rangesLookedAtMax) return this.#around.start <= key && key < this.#around.end
    return this.#ranges.some((range) => range.start <= key && key < range.end)
  }

  /** Of two numbers of ranges that may both be large, neither is gone through for each of the other: likewise. */
  overlaps(start: string, end: string): boolean {
    const isLong = this.#points.size + this.#ranges.length > rangesLookedAtMax
    for (const part of isLong ? [everything] : this.parts()) {
      if (part.start < end && start < part.end) return true
    }
    return false
  }

  get #around(): { readonly start: string; readonly end: string; readonly count: number } {
    if (this.#aroundFirst.count === this.#ranges.length) return this.#aroundFirst
    let start = afterAllKeys
    let end = ''
    for (const range of this.#ranges) {
      if (range.start < start) start = range.start
      if (range.end > end) end = range.end
    }
    return (this.#aroundFirst = { start, end, count: this.#ranges.length })
  }

  changedSince(sequence: Sequence, conflicts: ConflictIndex): boolean {
    if (conflicts.changed(definitions.start, definitions.end, sequence)) return true
    if (this.#everything) return conflicts.changed('', afterAllKeys, sequence)
    for (const key of this.#points) if (conflicts.lastChange(key) > sequence) return true
    return this.#ranges.some((range) => range.start < range.end && conflicts.changed(range.start, range.end, sequence))
  }
}

/**
 * The check of a serializable transaction whose commit takes several turns: everything read is compared with what was
 * committed before the check began, a few parts a step, and what is committed since with everything read.
 */
export class ReadValidation {
  readonly #log: ReadLog
  readonly #since: Sequence
  readonly #conflicts: ConflictIndex
  readonly #parts: Iterator<{ readonly start: string; readonly end: string }>
  readonly #recent: RecentChanges

  constructor(log: ReadLog, since: Sequence, conflicts: ConflictIndex) {
    this.#log = log
    this.#since = since
    this.#conflicts = conflicts
    this.#parts = log.parts()
    this.#recent = conflicts.follow()
  }

  /** Compares so many parts; `changed` where one has changed. */
  step(count: number): 'changed' | 'more' | 'done' {
    if (this.changedRecently()) return 'changed'
    for (let i = 0; i < count; i++) {
      const part = this.#parts.next()
      if (part.done === true) return 'done'
      const { start, end } = part.value
      if (start < end && this.#conflicts.changed(start, end, this.#since)) return 'changed'
    }
    return 'more'
  }

  /** By what was committed since the last time this was asked. */
  changedRecently(): boolean {
    const keys = this.#recent.keys.splice(0)
    const ranges = this.#recent.ranges.splice(0)
    return keys.some((key) => this.#log.covers(key)) || ranges.some(({ start, end }) => this.#log.overlaps(start, end))
  }

  end(): void {
    this.#conflicts.unfollow(this.#recent)
  }
}

export function readsChanged(): PolylogError {
  return new PolylogError(
    'serialization_failure',
    'could not serialize access due to read/write dependencies among transactions',
    { detail: { hint: 'The transaction might succeed if retried.' } },
  )
}
