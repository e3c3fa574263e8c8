/**
 * Encodes transactions one after another into one growing buffer: the bytes of a group commit (`record.ts` has the table).
 *
 * `begin`, operations, `end`; or `abandon`, which takes back everything since `begin`. Nothing is allocated per
 * operation. The length and the number of operations stand before what they count, so `begin` leaves a gap as large as
 * the last record needed, and `end` moves the body by the difference, which is mostly none.
 *
 * After `end` the writer is an `AppendBatch` but for its clock. Slices given to it are copied at once.
 */
import { copyRun, viewOf } from '../base/bytes.ts'
import { assert } from '../base/errors.ts'
import type { Slice } from '../base/slice.ts'
import { LogError } from './commit-log.ts'
import { beforeBit, copyInto, grown, operationKinds, type OperationKind, type Origin } from './record.ts'
import { maxVarint, varintSize, writeVarint } from './varint.ts'

/** Kind, keyspace, shared, suffix length: what an operation needs at most beside its key. */
const maxOperationHead = 1 + 5 + 5 + 5
/** What `end` may need beside what is there: a large value is not moved for it. */
const closingBytes = 16

export class RecordWriter {
  /** Replaced when it grows: read it anew after writing. */
  bytes: Uint8Array
  /** Where each ended record starts. */
  offsets: Uint32Array = new Uint32Array(64)
  /** Ended records. */
  count = 0
  /** Bytes used. */
  length = 0

  private view: DataView
  private mark = -1
  private bodyStart = 0
  private countAt = 0
  private operationsStart = 0
  private operations = 0
  private lengthGap = 1
  private countGap = 1

  /** The previous key: in `bytes` while it shared nothing, else in `keyBuffer`. */
  private keyInBytes = false
  private keyStart = 0
  private keyEnd = 0
  private keyBuffer: Uint8Array = new Uint8Array(256)

  constructor(capacity: number = 64 * 1024) {
    this.bytes = new Uint8Array(capacity)
    this.view = viewOf(this.bytes)
  }

  /** Forgets all records; keeps the buffer. */
  reset(): void {
    this.count = 0
    this.length = 0
    this.mark = -1
  }

  /** Bytes of the record that is open; an upper bound within a few bytes of what `end` will return. */
  get openBytes(): number {
    return this.mark < 0 ? 0 : this.length - this.mark
  }

  /** Operations of the record that is open. */
  get openOperations(): number {
    return this.operations
  }

  begin(origin: Origin, flags: number, author?: Uint8Array): void {
    assert(this.mark < 0, 'a record is begun while another is open')
    const authorLength = author === undefined ? 0 : author.length
    this.mark = this.length
    this.reserve(authorLength + 5 * 3 + 2)
    const bytes = this.bytes
    let at = this.length + this.lengthGap
    this.bodyStart = at
    bytes[at++] = origin
    bytes[at++] = flags
    at = writeVarint(bytes, at, authorLength)
    if (author !== undefined) {
      copyInto(bytes, at, author, 0, authorLength)
      at += authorLength
    }
    this.countAt = at
    this.operationsStart = this.length = at + this.countGap
    this.operations = 0
    this.keyInBytes = true
    this.keyStart = this.keyEnd = 0
  }

  /** `flags`: 0 or `derivedBit`. `before`: the value that was there, `null` for none; left out, nothing is recorded. */
  put(keyspace: number, key: Slice, value: Slice, flags = 0, before?: Slice | null): void {
    this.operation(operationKinds.put, flags, keyspace, key, before)
    this.run(value)
    if (before !== undefined) this.image(before)
  }

  delete(keyspace: number, key: Slice, flags = 0, before?: Slice | null): void {
    this.operation(operationKinds.delete, flags, keyspace, key, before)
    if (before !== undefined) this.image(before)
  }

  /** All keys from `start` up to and without `end`. */
  deleteRange(keyspace: number, start: Slice, end: Slice, flags = 0): void {
    this.operation(operationKinds.deleteRange, flags, keyspace, start, undefined)
    const size = end.end - end.start
    this.reserve(size + 10)
    const shared = sharedPrefix(start.bytes, start.start, start.end, end)
    let at = writeVarint(this.bytes, this.length, shared)
    at = writeVarint(this.bytes, at, size - shared)
    copyRun(end.bytes, end.start + shared, end.end, this.bytes, this.view, at)
    this.length = at + size - shared
  }

  /** The change that led to a put of the same key, for collections that are declared counters or CRDTs. */
  delta(keyspace: number, key: Slice, change: Slice, flags = 0): void {
    this.operation(operationKinds.delta, flags, keyspace, key, undefined)
    this.run(change)
  }

  notify(channel: Slice, payload: Slice): void {
    this.operation(operationKinds.notify, 0, 0, channel, undefined)
    this.run(payload)
  }

  catalogPut(keyspace: number, key: Slice, value: Slice): void {
    this.operation(operationKinds.catalogPut, 0, keyspace, key, undefined)
    this.run(value)
  }

  catalogDelete(keyspace: number, key: Slice): void {
    this.operation(operationKinds.catalogDelete, 0, keyspace, key, undefined)
  }

  /** Closes the record and returns its bytes, its length field included. */
  end(): number {
    assert(this.mark >= 0, 'a record is ended that was not begun')
    const countSize = varintSize(this.operations)
    const bodySize = this.countAt - this.bodyStart + countSize + (this.length - this.operationsStart)
    if (bodySize > maxVarint) throw new LogError('too-large', `a record of ${bodySize} bytes exceeds 4 GiB`)
    const lengthSize = varintSize(bodySize)
    if (lengthSize !== this.lengthGap || countSize !== this.countGap) this.close(lengthSize, countSize)
    writeVarint(this.bytes, this.mark, bodySize)
    writeVarint(this.bytes, this.countAt, this.operations)
    if (this.count === this.offsets.length) this.growOffsets()
    this.offsets[this.count++] = this.mark
    const size = this.length - this.mark
    this.mark = -1
    return size
  }

  /** Takes back everything since `begin`. */
  abandon(): void {
    assert(this.mark >= 0, 'a record is abandoned that was not begun')
    this.length = this.mark
    this.mark = -1
  }

  /** Moves head and operations so that the two numbers fit exactly, and remembers their sizes as the next guess. */
  private close(lengthSize: number, countSize: number): void {
    const headShift = lengthSize - this.lengthGap
    const shift = headShift + countSize - this.countGap
    if (shift > 0) this.reserve(shift)
    const moveHead = (): unknown => this.bytes.copyWithin(this.bodyStart + headShift, this.bodyStart, this.countAt)
    // To the right, the operations make room first; to the left, the head does.
    if (headShift < 0) moveHead()
    this.bytes.copyWithin(this.operationsStart + shift, this.operationsStart, this.length)
    if (headShift > 0) moveHead()
    this.length += shift
    this.countAt += headShift
    this.lengthGap = lengthSize
    this.countGap = countSize
  }

  private operation(kind: OperationKind, flags: number, keyspace: number, key: Slice, before?: Slice | null): void {
    const size = key.end - key.start
    this.reserve(size + maxOperationHead)
    const bytes = this.bytes
    const shared =
      this.operations++ === 0
        ? 0
        : sharedPrefix(this.keyInBytes ? bytes : this.keyBuffer, this.keyStart, this.keyEnd, key)
    let at = this.length
    bytes[at++] = kind | flags | (before === undefined ? 0 : beforeBit)
    at = writeVarint(bytes, at, keyspace)
    at = writeVarint(bytes, at, shared)
    at = writeVarint(bytes, at, size - shared)
    copyRun(key.bytes, key.start + shared, key.end, bytes, this.view, at)
    this.length = at + size - shared
    this.rememberKey(key, shared, size, at)
  }

  private rememberKey(key: Slice, shared: number, size: number, at: number): void {
    if (shared === 0) {
      this.keyInBytes = true
      this.keyStart = at
      this.keyEnd = at + size
      return
    }
    if (size > this.keyBuffer.length) this.keyBuffer = grown(this.keyBuffer, size)
    const from = this.keyInBytes ? 0 : shared
    copyInto(this.keyBuffer, from, key.bytes, key.start + from, key.end)
    this.keyInBytes = false
    this.keyStart = 0
    this.keyEnd = size
  }

  private run(value: Slice): void {
    const size = value.end - value.start
    this.reserve(size + 5)
    const at = writeVarint(this.bytes, this.length, size)
    copyRun(value.bytes, value.start, value.end, this.bytes, this.view, at)
    this.length = at + size
  }

  private image(before: Slice | null): void {
    this.reserve(5)
    if (before === null) {
      this.bytes[this.length++] = 0
      return
    }
    const size = before.end - before.start
    this.reserve(size + 5)
    const at = writeVarint(this.bytes, this.length, size + 1)
    copyRun(before.bytes, before.start, before.end, this.bytes, this.view, at)
    this.length = at + size
  }

  private reserve(size: number): void {
    const needed = this.length + size
    if (needed > this.bytes.length) this.grow(needed)
  }

  private grow(needed: number): void {
    this.bytes = grown(this.bytes, needed + closingBytes)
    this.view = viewOf(this.bytes)
  }

  private growOffsets(): void {
    const larger = new Uint32Array(this.offsets.length * 2)
    larger.set(this.offsets)
    this.offsets = larger
  }
}

function sharedPrefix(previous: Uint8Array, start: number, end: number, key: Slice): number {
  const bytes = key.bytes
  let i = start
  for (let j = key.start; i < end && j < key.end && previous[i] === bytes[j]; i++) j++
  return i - start
}
