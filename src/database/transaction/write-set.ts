/**
 * A transaction's private writes: what commit turns into one record, and what its own reads see over the snapshot.
 *
 * Operations lie in the order in which they were made, their bytes in one arena, what is known of them in one table, so
 * that a small transaction allocates nothing, one object serves transaction after transaction, and millions of operations
 * neither burden the garbage collector nor ever make one of them wait for something large to be copied. A savepoint is a
 * position in that order; rolling back cuts the arrays there, in as many steps as one likes.
 *
 * Keys are found by comparing while there are few, by a hash table of our own after that. For scans, `sorted` holds one
 * operation per distinct key in order, brought up to date when somebody asks. From some thousands on it is kept up to date
 * and the only way to find a key: a commit needs the order in any case, keys mostly come in series, each next to the one
 * before, and a hash table of millions is a walk through all of memory for each.
 * What was put as new (`putNew`) is found by `sorted` alone: whole collections are built so, and hardly looked at again.
 *
 * Where there is a place for them (`SpilledValues`), values that come after the first megabytes lie there, longer ones first:
 * behind the key stands then where, in twelve bytes. Keys and what is known of operations stay in memory, about a hundred bytes each.
 *
 * Invariants: `superseded` is the next operation on the same key, or none; `previous` the one before. A range
 * delete hides every earlier operation on its keys and all of the snapshot's; later ones show. An operation that is
 * superseded, or hidden by a later range delete, is not part of the record.
 */
import { assert } from '../../base/errors.ts'
import {
  compareSlices,
  copySlice,
  latin1ToBytes,
  MutableSlice,
  sliceOf,
  type KeyRange,
  type Slice,
} from '../../base/slice.ts'
import type { Reader } from '../../storage/store.ts'
import { ByteArena } from './byte-arena.ts'
import { HashIndex, hashBytes } from './hash-index.ts'
import * as at from './operation-table.ts'
import { SortedOperations } from './sorted-operations.ts'
import { SpilledValues, type SpillOptions } from './spilled-values.ts'

export const writeKinds = { put: 0, delete: 1, deleteRange: 2, notify: 3 } as const
export type WriteOperation = (typeof writeKinds)[keyof typeof writeKinds]

const none = -1
/** Up to so many operations, comparing them all is cheaper than hashing. */
const linearLimit = 8

/** Own writes to a range that are looked up in the snapshot to count its keys. */
const countedKeysMax = 256

const sampledOperations = 32
/** Its multiples divide an interval evenly, and have no period. */
const goldenRatio = 0.618033988749895

interface SpilledRef {
  readonly chunk: number
  readonly start: number
  readonly length: number
}

interface HiddenRange {
  readonly operation: number
  readonly start: Slice
  readonly end: Slice
}

/** From so many operations on all of them are in `sorted`, and none in a hash table. */
const sortedFrom = 2048
/** Going back to so few operations forgets the others all at once. */
const rebuiltMax = 2048
const kindBits = 3
const derivedFlag = 4
const newFlag = 8
/** The value lies elsewhere: what stands behind the key is its chunk, start and length. */
const spilledFlag = 16
const spilledRefBytes = 12
/** Shorter values stay beside their keys, until so many times as many bytes lie in memory as longer ones are let have. */
const leastSpilledBytes = 128
const shortSpilledAt = 4
/** Of one being written: the arena copies it. */
const spilledRef = new DataView(new ArrayBuffer(spilledRefBytes))
const spilledRefSlice = sliceOf(new Uint8Array(spilledRef.buffer))

/** Of all write sets. */
let takenBack = 0

export class WriteSet {
  /** Another number whenever some of it was taken back, or all of it is done with. */
  takenBack: number = ++takenBack
  readonly #arena = new ByteArena()
  readonly #table = new at.OperationTable()
  #count = 0
  #index: HashIndex | undefined
  /** Empty, of a transaction before: it costs more to make than a few operations. */
  #spareIndex: HashIndex | undefined
  /** Operations that were put as new, which are not in the index. */
  #newCount = 0
  #ranges: HiddenRange[] = []
  #sorted = new SortedOperations(this)
  #isOrdered = false
  /** Operations below it are in `sorted`. */
  #sortedThrough = 0
  readonly #visitedKey = new MutableSlice()
  readonly #visitedValue = new MutableSlice()
  readonly #spillOptions: SpillOptions | undefined
  #spilled: SpilledValues | undefined

  /** `spillOptions`: left out, all stays in memory. */
  constructor(spillOptions?: SpillOptions) {
    this.#spillOptions = spillOptions
  }

  get count(): number {
    return this.#count
  }

  /** Of keys and values. */
  get sizeBytes(): number {
    return this.#arena.sizeBytes + (this.#spilled?.sizeBytes ?? 0)
  }

  /** Of those in memory. */
  get residentBytes(): number {
    return this.#arena.sizeBytes + (this.#spilled?.residentBytes ?? 0)
  }

  get hasSpilled(): boolean {
    return this.#spilled !== undefined
  }

  /** Nothing of the values is read any more: keys only. */
  forgetValues(): void {
    this.#spilled?.close()
  }

  /** Before a write that may be larger than there is room for: throws the wait, or the failure. */
  waitForRoom(): void {
    this.#spilled?.waitForRoom()
  }

  /** Empty again; keeps its memory unless it has become large. */
  reset(): void {
    if (this.#count === 0) return
    this.takenBack = ++takenBack
    this.#count = 0
    this.#arena.reset()
    this.#table.shrink(0)
    if (this.#index?.empty() === true) this.#spareIndex = this.#index
    this.#index = undefined
    this.#newCount = 0
    this.#spilled?.close()
    this.#spilled = undefined
    if (this.#ranges.length > 0) this.#ranges = []
    if (this.#sortedThrough > 0) this.#forgetOrder()
  }

  /** Of a transaction that nobody goes on with: empty, and its memory is for others. */
  release(): void {
    this.reset()
    this.#spareIndex = undefined
    this.#arena.release()
    this.#table.release()
  }

  #forgetOrder(): void {
    const { version } = this.#sorted
    this.#sorted = new SortedOperations(this)
    this.#sorted.version = version + 1
    this.#sortedThrough = 0
    this.#isOrdered = false
  }

  put(key: Slice, value: Slice, derived: boolean): void {
    this.#add(writeKinds.put, key, value, derived)
  }

  /** Of a key that is neither here nor in the snapshot, and that nobody else can come to: it is not looked for. */
  putNew(key: Slice, value: Slice, derived: boolean): void {
    const operation = this.#append(writeKinds.put, key, value, derived)
    this.#table.set(operation, at.kindAt, this.#table.get(operation, at.kindAt) | newFlag)
    this.#newCount++
    if (this.#isOrdered) this.#addInOrder(operation, key)
    else this.#speedUp()
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
    if (value !== undefined && this.#spillOptions !== undefined && this.#isSpilled(kind, value)) {
      return this.#appendSpilled(kind, key, value, derived)
    }
    return this.#appendInline(kind, key, value, derived)
  }

  #appendInline(kind: WriteOperation, key: Slice, value: Slice | undefined, derived: boolean): number {
    const operation = this.#count++
    const table = this.#table
    const arena = this.#arena
    arena.reserve(key.end - key.start + (value === undefined ? 0 : value.end - value.start))
    table.reserve(operation)
    const words = table.wordsOf(operation)
    const place = at.placeOf(operation)
    words[place + at.kindAt] = derived ? kind | derivedFlag : kind
    words[place + at.chunkAt] = arena.chunk
    words[place + at.keyStartAt] = arena.end
    arena.append(key)
    words[place + at.keyEndAt] = arena.end
    if (value !== undefined) arena.append(value)
    words[place + at.valueEndAt] = arena.end
    words[place + at.supersededAt] = none
    words[place + at.previousAt] = none
    return operation
  }

  #isSpilled(kind: WriteOperation, { start, end }: Slice): boolean {
    const length = end - start
    if (kind !== writeKinds.put || length <= spilledRefBytes) return false
    const { fromBytes } = this.#spillOptions!
    return this.#arena.sizeBytes >= (length < leastSpilledBytes ? shortSpilledAt * fromBytes : fromBytes)
  }

  #appendSpilled(kind: WriteOperation, key: Slice, value: Slice, derived: boolean): number {
    const spilled = (this.#spilled ??= new SpilledValues(this.#spillOptions!))
    const start = spilled.add(value)
    spilledRef.setUint32(0, spilled.lastChunk, true)
    spilledRef.setUint32(4, start, true)
    spilledRef.setUint32(8, value.end - value.start, true)
    const operation = this.#appendInline(kind, key, spilledRefSlice, derived)
    this.#table.set(operation, at.kindAt, this.#table.get(operation, at.kindAt) | spilledFlag)
    return operation
  }

  #add(kind: WriteOperation, key: Slice, value: Slice | undefined, derived: boolean): void {
    if (this.#isOrdered) {
      const operation = this.#append(kind, key, value, derived)
      this.#supersede(this.#addInOrder(operation, key), operation)
      return
    }
    const hash = this.#index === undefined ? 0 : hashBytes(key.bytes, key.start, key.end)
    const previous = this.#index === undefined ? this.find(key) : this.#findIndexed(hash, key)
    const operation = this.#append(kind, key, value, derived)
    this.#supersede(previous, operation)
    if (this.#index !== undefined) {
      this.#table.set(operation, at.hashAt, hash)
      this.#index.set(hash, operation, this.#indexed(previous))
    }
    this.#speedUp()
  }

  #supersede(previous: number, operation: number): void {
    if (previous === none) return
    this.#table.set(previous, at.supersededAt, operation)
    this.#table.set(operation, at.previousAt, previous)
  }

  #addInOrder(operation: number, key: Slice): number {
    this.#sortedThrough = this.#count
    return this.#sorted.add(operation, key)
  }

  /** There are so many that keys are to be found in another way. */
  #speedUp(): void {
    if (this.#count >= sortedFrom) {
      this.#extendOrder()
      this.#isOrdered = true
      this.#index = undefined
    } else if (this.#index === undefined && this.#count > linearLimit) this.#buildIndex()
  }

  #findIndexed(hash: number, key: Slice): number {
    const found = this.#index!.find(hash, (operation) => this.#equals(operation, key))
    return found !== none || this.#newCount === 0 ? found : this.sorted.find(key)
  }

  /** What stands for an operation in the index: itself, or nothing. */
  #indexed(operation: number): number {
    return operation === none || this.isNew(operation) ? none : operation
  }

  #buildIndex(): void {
    const index = this.#spareIndex ?? new HashIndex()
    this.#spareIndex = undefined
    for (let i = 0; i < this.#count; i++) {
      if (!this.#isKeyed(i) || this.isNew(i)) continue
      const { bytes, start, end } = this.keyOf(i, this.#visitedKey)
      const hash = hashBytes(bytes, start, end)
      this.#table.set(i, at.hashAt, hash)
      index.set(hash, i, this.#indexed(this.#table.get(i, at.previousAt)))
    }
    this.#index = index
  }

  #isKeyed(operation: number): boolean {
    return this.kindOf(operation) <= writeKinds.delete
  }

  /** The newest operation on exactly this key; −1 where there is none. Hiding ranges are not looked at. */
  find(key: Slice): number {
    if (this.#isOrdered) return this.#sorted.find(key)
    if (this.#index !== undefined) return this.#findIndexed(hashBytes(key.bytes, key.start, key.end), key)
    for (let i = this.#count - 1; i >= 0; i--) if (this.#isKeyed(i) && this.#equals(i, key)) return i
    return none
  }

  #equals(operation: number, key: Slice): boolean {
    const start = this.#table.get(operation, at.keyStartAt)
    const length = this.#table.get(operation, at.keyEndAt) - start
    if (length !== key.end - key.start) return false
    const own = this.#bytesOf(operation)
    // Keys of one transaction share their beginnings: differences show at the end first.
    for (let i = length - 1; i >= 0; i--) if (own[start + i] !== key.bytes[key.start + i]) return false
    return true
  }

  #bytesOf(operation: number): Uint8Array {
    return this.#arena.chunkAt(this.#table.get(operation, at.chunkAt))
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
    return this.kindOf(operation) === writeKinds.delete ? null : this.payloadOf(operation, into)
  }

  keyOf(operation: number, into: MutableSlice): MutableSlice {
    const words = this.#table.wordsOf(operation)
    const place = at.placeOf(operation)
    const bytes = this.#arena.chunkAt(words[place + at.chunkAt]!)
    return into.set(bytes, words[place + at.keyStartAt]!, words[place + at.keyEndAt]!)
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

  /** The range deletes, in order. */
  get rangeDeletes(): readonly number[] {
    return this.#ranges.map(({ operation }) => operation)
  }

  /** Forgets every operation from `mark` (an earlier `count`) on. */
  rollbackTo(mark: number): void {
    assert(mark <= this.#count, 'a savepoint lies behind the end of its transaction')
    if (mark === 0) {
      this.reset()
      return
    }
    this.takenBack = ++takenBack
    if (mark <= rebuiltMax && this.#count - mark > mark) this.#keepFirst(mark)
    while (this.#count > mark) this.#forgetLast()
    while (this.#ranges.length > 0 && this.#ranges[this.#ranges.length - 1]!.operation >= mark) this.#ranges.pop()
    this.#sortedThrough = Math.min(this.#sortedThrough, mark)
  }

  /** Few stay: what is known of them is made anew, which takes no longer however many go. */
  #keepFirst(count: number): void {
    const table = this.#table
    let sizeBytes = 0
    for (let i = 0; i < count; i++) sizeBytes += this.#inlineBytesOf(i)
    this.#arena.truncate(
      table.get(count, at.chunkAt),
      table.get(count, at.keyStartAt),
      this.#arena.sizeBytes - sizeBytes,
    )
    this.#unspill(count)
    this.#newCount = 0
    for (let i = 0; i < count; i++) {
      if (table.get(i, at.supersededAt) >= count) table.set(i, at.supersededAt, none)
      if (this.isNew(i)) this.#newCount++
    }
    this.#count = count
    table.shrink(count)
    this.#index = undefined
    this.#forgetOrder()
    this.#speedUp()
  }

  /** Keeps the values of the first operations. */
  #unspill(count: number): void {
    if (this.#spilled === undefined) return
    let kept = 0
    let last: SpilledRef = { chunk: -1, start: 0, length: 0 }
    for (let i = 0; i < count; i++) {
      if (!this.#hasSpilled(i)) continue
      last = this.#refOf(i)
      kept += last.length
    }
    this.#spilled.truncate(last.chunk, last.start + last.length, this.#spilled.sizeBytes - kept)
  }

  #forgetLast(): void {
    const operation = this.#count - 1
    const table = this.#table
    if (this.#isKeyed(operation)) {
      const previous = table.get(operation, at.previousAt)
      if (this.isNew(operation)) this.#newCount--
      else this.#index?.replace(table.get(operation, at.hashAt), operation, this.#indexed(previous))
      if (previous !== none) table.set(previous, at.supersededAt, none)
      if (operation < this.#sortedThrough) this.#sorted.remove(this.keyOf(operation, this.#visitedKey), previous)
    }
    if (this.#hasSpilled(operation)) {
      const { chunk, start, length } = this.#refOf(operation)
      this.#spilled!.truncate(chunk, start, length)
    }
    const start = table.get(operation, at.keyStartAt)
    this.#arena.truncate(table.get(operation, at.chunkAt), start, table.get(operation, at.valueEndAt) - start)
    this.#count--
  }

  /** Whether the operation belongs into the record. */
  isEffective(operation: number): boolean {
    if (this.#table.get(operation, at.supersededAt) !== none) return false
    if (this.#ranges.length === 0 || !this.#isKeyed(operation)) return true
    return !this.hides(this.keyOf(operation, this.#visitedKey), operation)
  }

  kindOf(operation: number): WriteOperation {
    return (this.#table.get(operation, at.kindAt) & kindBits) as WriteOperation
  }

  isDerived(operation: number): boolean {
    return (this.#table.get(operation, at.kindAt) & derivedFlag) !== 0
  }

  /** Nobody else can come to its key. */
  isNew(operation: number): boolean {
    return (this.#table.get(operation, at.kindAt) & newFlag) !== 0
  }

  #hasSpilled(operation: number): boolean {
    return (this.#table.get(operation, at.kindAt) & spilledFlag) !== 0
  }

  #refOf(operation: number): SpilledRef {
    const { bytes, start } = this.#inlineOf(operation, this.#visitedValue)
    const view = new DataView(bytes.buffer, bytes.byteOffset + start, spilledRefBytes)
    return { chunk: view.getUint32(0, true), start: view.getUint32(4, true), length: view.getUint32(8, true) }
  }

  /** The value, or the end of a range. Throws a wait where it lies elsewhere and is not in memory. */
  payloadOf(operation: number, into: MutableSlice): MutableSlice {
    if (this.#spilled === undefined || !this.#hasSpilled(operation)) return this.#inlineOf(operation, into)
    const { chunk, start, length } = this.#refOf(operation)
    return this.#spilled.read(chunk, start, start + length, into)
  }

  /** Key and payload of an operation, and which it is. Waits as `payloadOf` does. */
  read(operation: number, key: MutableSlice, payload: MutableSlice): WriteOperation {
    const words = this.#table.wordsOf(operation)
    const place = at.placeOf(operation)
    const bytes = this.#arena.chunkAt(words[place + at.chunkAt]!)
    const keyEnd = words[place + at.keyEndAt]!
    key.set(bytes, words[place + at.keyStartAt]!, keyEnd)
    const flags = words[place + at.kindAt]!
    if ((flags & spilledFlag) === 0) payload.set(bytes, keyEnd, words[place + at.valueEndAt]!)
    else this.payloadOf(operation, payload)
    return (flags & kindBits) as WriteOperation
  }

  /** What stands behind the key. */
  #inlineOf(operation: number, into: MutableSlice): MutableSlice {
    const words = this.#table.wordsOf(operation)
    const place = at.placeOf(operation)
    const bytes = this.#arena.chunkAt(words[place + at.chunkAt]!)
    return into.set(bytes, words[place + at.keyEndAt]!, words[place + at.valueEndAt]!)
  }

  #inlineBytesOf(operation: number): number {
    return this.#table.get(operation, at.valueEndAt) - this.#table.get(operation, at.keyStartAt)
  }

  /** Calls with every operation that belongs into the record, in order. The key is reused. */
  forEachEffective(visit: (kind: WriteOperation, key: Slice, operation: number) => void): void {
    const key = this.#visitedKey
    for (let i = 0; i < this.#count; i++) if (this.isEffective(i)) visit(this.kindOf(i), this.keyOf(i, key), i)
  }

  /** One operation per distinct key, its newest, in the order of keys. Positions hold while its `version` does not change. */
  get sorted(): SortedOperations {
    if (this.#sortedThrough < this.#count) this.#extendOrder()
    return this.#sorted
  }

  /** Whether a key of the range was written to one by one. */
  touches(range: KeyRange): boolean {
    const { sorted } = this
    const position = sorted.first(range.start, false)
    return position !== none && compareSlices(this.keyOf(sorted.at(position), this.#visitedKey), range.end) < 0
  }

  /** Whether a key of the range was written to, one by one or by a range delete. */
  concerns(range: KeyRange): boolean {
    for (const hidden of this.#ranges) {
      if (compareSlices(hidden.start, range.end) < 0 && compareSlices(range.start, hidden.end) < 0) return true
    }
    return this.touches(range)
  }

  // ---- for the conflict index: what was changed, once all of it is committed

  touchesKey(key: string): boolean {
    return this.says(sliceOf(latin1ToBytes(key)))
  }

  touchesRange(start: string, end: string): boolean {
    return this.concerns({ start: sliceOf(latin1ToBytes(start)), end: sliceOf(latin1ToBytes(end)) })
  }

  /** Whether the key is written to here, one by one or by a range delete. */
  says(key: Slice): boolean {
    return this.find(key) !== none || (this.#ranges.length > 0 && this.hides(key, none))
  }

  /** Before operation `limit`, the newest on the same key as `operation`; −1 where there was none. */
  newestBefore(operation: number, limit: number): number {
    let found = operation
    while (found >= limit) found = this.#table.get(found, at.previousAt)
    return found
  }

  /** How many keys of the range there are more than in `base`; `undefined` where finding out would take long. */
  countChange(range: KeyRange, base: Pick<Reader, 'get'>): number | undefined {
    if (this.hasRanges) return undefined
    const { sorted } = this
    const key = new MutableSlice()
    let change = 0
    let counted = 0
    for (let place = sorted.first(range.start, false); place !== none; place = sorted.next(place, false)) {
      const operation = sorted.at(place)
      if (compareSlices(this.keyOf(operation, key), range.end) >= 0) break
      if (++counted > countedKeysMax) return undefined
      const isThere = this.kindOf(operation) === writeKinds.put
      if (isThere !== (base.get(key) !== undefined)) change += isThere ? 1 : -1
    }
    return change
  }

  /** About how many operations are on keys of the range: from a sample, so in constant time. */
  estimate(range: KeyRange): number {
    const sampled = Math.min(this.#count, sampledOperations)
    const key = new MutableSlice()
    let hits = 0
    for (let i = 0; i < sampled; i++) {
      // Even distances would meet the same one of a row's entries every time.
      const operation = Math.floor(((i * goldenRatio) % 1) * this.#count)
      if (!this.#isKeyed(operation)) continue
      this.keyOf(operation, key)
      if (compareSlices(key, range.start) >= 0 && compareSlices(key, range.end) < 0) hits++
    }
    return sampled === 0 ? 0 : Math.round((hits * this.#count) / sampled)
  }

  #extendOrder(): void {
    const key = this.#visitedKey
    for (; this.#sortedThrough < this.#count; this.#sortedThrough++) {
      const operation = this.#sortedThrough
      if (this.#isKeyed(operation)) this.#sorted.add(operation, this.keyOf(operation, key))
    }
  }
}
