/**
 * What a serializable transaction has read: keys, ranges as far as its scans came, and the catalog. Commit asks the
 * conflict index whether any of it has changed since the snapshot. Beyond a bound everything counts as read: more aborts,
 * no more memory.
 */
import { PolylogError } from '../../base/errors.ts'
import { sliceToLatin1, type KeyRange, type Slice } from '../../base/slice.ts'
import { keyspaceOf } from '../../base/tuple.ts'
import { catalogKeyspace, definitionsRange } from '../catalog/catalog-entries.ts'
import type { ConflictIndex, RecentChanges } from './conflict-index.ts'
import type { Sequence } from '../contract.ts'
import type { KernelTransaction } from './transaction.ts'
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

const noBytes = new Uint8Array(0)

const everything = { start: '', end: afterAllKeys }

/** As far as its scan came. That is told for each entry, so it is kept as bytes and made a string when somebody asks. */
class ReadRange implements ReadRangeTracker {
  readonly #range: KeyRange
  readonly #reverse: boolean
  #start: string
  #end: string
  /** The key reached last, which may lie further than `#start` and `#end` say, and its length; −1: it does not. */
  #reached: Uint8Array = noBytes
  #reachedBytes = -1

  constructor(range: KeyRange, reverse: boolean) {
    this.#range = range
    this.#reverse = reverse
    this.#start = sliceToLatin1(reverse ? range.end : range.start)
    this.#end = this.#start
  }

  get start(): string {
    this.#settle()
    return this.#start
  }

  get end(): string {
    this.#settle()
    return this.#end
  }

  reached(key: Slice | undefined): void {
    if (key === undefined) {
      this.#settle()
      this.#extend(this.#reverse ? sliceToLatin1(this.#range.start) : sliceToLatin1(this.#range.end))
      return
    }
    const { bytes, start, end } = key
    const length = end - start
    if (length > this.#reached.length) this.#reached = new Uint8Array(Math.max(64, 2 * length))
    const reached = this.#reached
    for (let i = 0; i < length; i++) reached[i] = bytes[start + i]!
    this.#reachedBytes = length
  }

  /** A cursor is sought: what it has read before stays read. */
  sought(): void {
    this.#settle()
  }

  #settle(): void {
    if (this.#reachedBytes < 0) return
    const key = sliceToLatin1({ bytes: this.#reached, start: 0, end: this.#reachedBytes })
    this.#reachedBytes = -1
    this.#extend(this.#reverse ? key : `${key}\0`)
  }

  #extend(to: string): void {
    if (this.#reverse) {
      if (to < this.#start) this.#start = to
    } else if (to > this.#end) this.#end = to
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

  /** Keys and ranges. */
  get size(): number {
    return this.#everything ? Infinity : this.#points.size + this.#ranges.length
  }

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

/** Throws where what a transaction has read has changed, and where it has written what a prepared one has read. */
export function validateReads(transaction: KernelTransaction, reads: ReadLog): void {
  const { view, sequence, kernel } = transaction
  if (view.isPinned && reads.changedSince(sequence, kernel.conflicts)) throw readsChanged()
  if (kernel.prepared.guardsReads) kernel.prepared.checkWrites(transaction)
}

export function readsChanged(): PolylogError {
  return new PolylogError(
    'serialization_failure',
    'could not serialize access due to read/write dependencies among transactions',
    { detail: { hint: 'The transaction might succeed if retried.' } },
  )
}
