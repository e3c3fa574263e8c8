/**
 * A transaction's private writes: what commit turns into one record, and what its own reads see over the snapshot.
 *
 * Operations lie in the order in which they were made, their bytes in one arena, everything else in parallel arrays, so
 * that a small transaction allocates nothing and one object serves transaction after transaction. A savepoint is a
 * position in that order; rolling back cuts the arrays there.
 *
 * Keys are found by comparing while there are few, by a hash table of our own after that. For scans, `order` holds one
 * operation per distinct key, sorted; it is brought up to date when a scan asks.
 *
 * Invariants: `superseded[i]` is the next operation on the same key, or none; `previous[i]` the one before. A range
 * delete hides every earlier operation on its keys and all of the snapshot's; later ones show. An operation that is
 * superseded, or hidden by a later range delete, is not part of the record.
 */
import { assert } from '../base/errors.ts'
import { ByteWriter } from '../base/bytes.ts'
import { compareSlices, copySlice, MutableSlice, sliceOf, type KeyRange, type Slice } from '../base/slice.ts'
import type { Reader } from '../storage/store.ts'
import { HashIndex, hashBytes } from './hash-index.ts'

export const writeKinds = { put: 0, delete: 1, deleteRange: 2, notify: 3 } as const
export type WriteOperation = (typeof writeKinds)[keyof typeof writeKinds]

const none = -1
/** Up to so many operations, comparing them all is cheaper than hashing. */
const linearLimit = 8

/** Own writes to a range that are looked up in the snapshot to count its keys. */
const countedKeysMax = 256

interface HiddenRange {
  readonly operation: number
  readonly start: Slice
  readonly end: Slice
}

export class WriteSet {
  #arena = new ByteWriter(1024)
  #count = 0
  #kind: number[] = []
  #derived: boolean[] = []
  #keyStart: number[] = []
  #keyEnd: number[] = []
  #valueEnd: number[] = []
  #superseded: number[] = []
  #previous: number[] = []
  #index: HashIndex | undefined
  #ranges: HiddenRange[] = []
  #order: Int32Array = new Int32Array(0)
  #ordered = 0
  /** Operations below it are in `order`. */
  #orderedThrough = 0
  readonly #visitedKey = new MutableSlice()
  readonly #visitedValue = new MutableSlice()
  /** Counts changes of `order`, which move the positions of open cursors. */
  orderVersion = 0

  get count(): number {
    return this.#count
  }

  get sizeBytes(): number {
    return this.#arena.end
  }

  /** Empty again; keeps its memory unless it has become large. */
  reset(): void {
    if (this.#count === 0) return
    this.#count = 0
    if (this.#arena.bytes.length > 1024 * 1024) this.#arena = new ByteWriter(1024)
    else this.#arena.reset()
    this.#index = undefined
    if (this.#ranges.length > 0) this.#ranges = []
    if (this.#ordered > 0) this.#forgetOrder()
  }

  #forgetOrder(): void {
    this.#order = new Int32Array(0)
    this.#ordered = 0
    this.#orderedThrough = 0
    this.orderVersion++
  }

  put(key: Slice, value: Slice, derived: boolean): void {
    this.#add(writeKinds.put, key, value, derived)
  }

  delete(key: Slice, derived: boolean): void {
    this.#add(writeKinds.delete, key, undefined, derived)
  }

  deleteRange(range: KeyRange, derived: boolean): void {
    const start = sliceOf(copySlice(range.start))
    const end = sliceOf(copySlice(range.end))
    this.#ranges.push({ operation: this.#count, start, end })
    this.#append(writeKinds.deleteRange, start, end, derived)
  }

  notify(channel: Slice, payload: Slice): void {
    this.#append(writeKinds.notify, channel, payload, false)
  }

  #append(kind: WriteOperation, key: Slice, value: Slice | undefined, derived: boolean): number {
    const operation = this.#count++
    this.#kind[operation] = kind
    this.#derived[operation] = derived
    this.#keyStart[operation] = this.#arena.end
    this.#arena.slice(key)
    this.#keyEnd[operation] = this.#arena.end
    if (value !== undefined) this.#arena.slice(value)
    this.#valueEnd[operation] = this.#arena.end
    this.#superseded[operation] = none
    this.#previous[operation] = none
    return operation
  }

  #add(kind: WriteOperation, key: Slice, value: Slice | undefined, derived: boolean): void {
    const previous = this.find(key)
    const operation = this.#append(kind, key, value, derived)
    if (previous !== none) {
      this.#superseded[previous] = operation
      this.#previous[operation] = previous
    }
    if (this.#index !== undefined) this.#index.set(this.#hashOf(operation), operation, previous)
    else if (this.#count > linearLimit) this.#buildIndex()
  }

  #hashOf(operation: number): number {
    return hashBytes(this.#arena.bytes, this.#keyStart[operation]!, this.#keyEnd[operation]!)
  }

  #buildIndex(): void {
    const index = new HashIndex()
    for (let i = 0; i < this.#count; i++) {
      if (this.#isKeyed(i)) index.set(this.#hashOf(i), i, this.#previous[i]!)
    }
    this.#index = index
  }

  #isKeyed(operation: number): boolean {
    return this.#kind[operation]! <= writeKinds.delete
  }

  /** The newest operation on exactly this key; −1 where there is none. Hiding ranges are not looked at. */
  find(key: Slice): number {
    if (this.#index !== undefined) {
      const hash = hashBytes(key.bytes, key.start, key.end)
      return this.#index.find(hash, (operation) => this.#equals(operation, key))
    }
    for (let i = this.#count - 1; i >= 0; i--) if (this.#isKeyed(i) && this.#equals(i, key)) return i
    return none
  }

  #equals(operation: number, key: Slice): boolean {
    const start = this.#keyStart[operation]!
    const length = this.#keyEnd[operation]! - start
    if (length !== key.end - key.start) return false
    const own = this.#arena.bytes
    // Keys of one transaction share their beginnings: differences show at the end first.
    for (let i = length - 1; i >= 0; i--) if (own[start + i] !== key.bytes[key.start + i]) return false
    return true
  }

  /**
   * What this set says of a key: a slice of its value put into `into`, `null` where it deleted it, `undefined` where it
   * says nothing and the snapshot's value shows.
   */
  get(key: Slice, into: MutableSlice): Slice | null | undefined {
    if (this.#count === 0) return undefined
    const operation = this.find(key)
    if (this.#ranges.length > 0 && this.hides(key, operation)) return null
    if (operation === none) return undefined
    return this.valueOf(operation, into)
  }

  /** The value of a put, or null of a delete. */
  valueOf(operation: number, into: MutableSlice): Slice | null {
    if (this.#kind[operation] === writeKinds.delete) return null
    return into.set(this.#arena.bytes, this.#keyEnd[operation]!, this.#valueEnd[operation]!)
  }

  keyOf(operation: number, into: MutableSlice): MutableSlice {
    return into.set(this.#arena.bytes, this.#keyStart[operation]!, this.#keyEnd[operation]!)
  }

  /** Whether a range delete made after `operation` (−1: after the snapshot) and before `limit` covers the key. */
  hides(key: Slice, operation: number, limit: number = this.#count): boolean {
    return this.hidingEnd(key, operation, limit) !== undefined
  }

  /** The end of a range delete that hides the key: where a scan may go on. */
  hidingEnd(key: Slice, operation: number, limit: number, reverse = false): Slice | undefined {
    for (let i = this.#ranges.length - 1; i >= 0; i--) {
      const range = this.#ranges[i]!
      if (range.operation < operation) return undefined
      if (range.operation >= limit) continue
      if (compareSlices(key, range.start) >= 0 && compareSlices(key, range.end) < 0)
        return reverse ? range.start : range.end
    }
    return undefined
  }

  get hasRanges(): boolean {
    return this.#ranges.length > 0
  }

  /** Forgets every operation from `mark` (an earlier `count`) on. */
  rollbackTo(mark: number): void {
    assert(mark <= this.#count, 'a savepoint lies behind the end of its transaction')
    for (let i = this.#count - 1; i >= mark; i--) {
      if (!this.#isKeyed(i)) continue
      const previous = this.#previous[i]!
      this.#index?.replace(this.#hashOf(i), i, previous)
      if (previous !== none) this.#superseded[previous] = none
    }
    if (mark < this.#count) {
      this.#arena.truncate(this.#keyStart[mark]!)
      this.#count = mark
    }
    while (this.#ranges.length > 0 && this.#ranges[this.#ranges.length - 1]!.operation >= mark) this.#ranges.pop()
    if (this.#orderedThrough > mark) this.#forgetOrder()
  }

  /** Whether the operation belongs into the record. */
  isEffective(operation: number): boolean {
    if (this.#superseded[operation] !== none) return false
    if (this.#ranges.length === 0 || !this.#isKeyed(operation)) return true
    return !this.hides(this.keyOf(operation, this.#visitedKey), operation)
  }

  kindOf(operation: number): WriteOperation {
    return this.#kind[operation]! as WriteOperation
  }

  isDerived(operation: number): boolean {
    return this.#derived[operation]!
  }

  /** What stands behind the key, whatever it means for the operation's kind. */
  payloadOf(operation: number, into: MutableSlice): MutableSlice {
    return into.set(this.#arena.bytes, this.#keyEnd[operation]!, this.#valueEnd[operation]!)
  }

  /** Calls with every operation that belongs into the record, in order. Slices are reused. */
  forEachEffective(visit: (kind: WriteOperation, key: Slice, value: Slice, derived: boolean) => void): void {
    const key = this.#visitedKey
    const value = this.#visitedValue
    for (let i = 0; i < this.#count; i++) {
      if (!this.isEffective(i)) continue
      visit(this.kindOf(i), this.keyOf(i, key), this.payloadOf(i, value), this.isDerived(i))
    }
  }

  /** Sorted operations, one per distinct key: its newest. Positions hold while `orderVersion` does not change. */
  order(): { readonly operations: Int32Array; readonly count: number } {
    if (this.#orderedThrough < this.#count) this.#extendOrder()
    return { operations: this.#order, count: this.#ordered }
  }

  /** The first position in `order` whose key is ≥ (or with `after` >) `key`. */
  lowerBound(key: Slice, after: boolean): number {
    const { operations } = this.order()
    return this.#search(operations, this.#ordered, key, after)
  }

  #search(operations: Int32Array, count: number, key: Slice, after: boolean): number {
    let low = 0
    let high = count
    const probe = new MutableSlice()
    while (low < high) {
      const middle = (low + high) >>> 1
      const difference = compareSlices(this.keyOf(operations[middle]!, probe), key)
      if (difference < 0 || (after && difference === 0)) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Before operation `limit`, the newest on the same key as `operation`; −1 where there was none. */
  newestBefore(operation: number, limit: number): number {
    let at = operation
    while (at >= limit) at = this.#previous[at]!
    return at
  }

  /** How many keys of the range there are more than in `base`; `undefined` where finding out would take long. */
  countChange(range: KeyRange, base: Pick<Reader, 'get'>): number | undefined {
    if (this.hasRanges) return undefined
    const first = this.lowerBound(range.start, false)
    const last = this.lowerBound(range.end, false)
    if (last - first > countedKeysMax) return undefined
    const key = new MutableSlice()
    let change = 0
    for (let at = first; at < last; at++) {
      const operation = this.#order[at]!
      const isThere = this.#kind[operation] === writeKinds.put
      if (isThere !== (base.get(this.keyOf(operation, key)) !== undefined)) change += isThere ? 1 : -1
    }
    return change
  }

  #extendOrder(): void {
    const added: number[] = []
    for (let i = this.#orderedThrough; i < this.#count; i++) if (this.#isKeyed(i)) added.push(i)
    this.#orderedThrough = this.#count
    if (added.length === 0) return
    this.orderVersion++
    const fresh = this.#replaceOrdered(added)
    if (fresh.length > 0) this.#mergeIntoOrder(fresh)
  }

  /** Puts newer operations in the place of ordered ones on the same key; gives back those with a new key, sorted. */
  #replaceOrdered(added: number[]): number[] {
    const a = new MutableSlice()
    const b = new MutableSlice()
    const newest = added.filter((operation) => this.#superseded[operation] === none)
    const fresh: number[] = []
    for (const operation of newest) {
      const at = this.#search(this.#order, this.#ordered, this.keyOf(operation, a), false)
      const found = at < this.#ordered ? this.#order[at]! : none
      if (found !== none && compareSlices(this.keyOf(found, b), a) === 0) this.#order[at] = operation
      else fresh.push(operation)
    }
    return fresh.sort((x, y) => compareSlices(this.keyOf(x, a), this.keyOf(y, b)))
  }

  #mergeIntoOrder(fresh: number[]): void {
    const total = this.#ordered + fresh.length
    if (total > this.#order.length) {
      const larger = new Int32Array(Math.max(64, total * 2))
      larger.set(this.#order.subarray(0, this.#ordered))
      this.#order = larger
    }
    const probe = new MutableSlice()
    let end = this.#ordered
    for (let i = fresh.length - 1; i >= 0; i--) {
      const at = this.#search(this.#order, end, this.keyOf(fresh[i]!, probe), false)
      this.#order.copyWithin(at + i + 1, at, end)
      this.#order[at + i] = fresh[i]!
      end = at
    }
    this.#ordered = total
  }
}
