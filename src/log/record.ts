/**
 * One transaction as the log keeps it: a record.
 *
 *   record      varint length of the body · body
 *   body        origin u8 · flags u8 · author (varint n + n bytes) · varint operations · operations
 *   operation   kind u8 · varint keyspace · key · what the kind adds · the before image, where bit 7 of the kind is set
 *   key         varint bytes shared with the previous operation's key · varint n + n bytes of suffix
 *
 *   kind                adds
 *   1 put               value: varint n + n bytes
 *   2 delete            –
 *   3 delete range      the end (exclusive): a key that shares with its own start
 *   4 delta             value: the change; it accompanies the put that carries the result
 *   5 notify            value: the payload; the key is the channel, the keyspace 0
 *   6 catalog put       value
 *   7 catalog delete    –
 *
 *   bit 6 of the kind   derived: an index entry, which feeds skip and `verify` recomputes
 *   bit 7               a before image follows: varint 0 where the key was absent, else varint n+1 + n bytes
 *
 * A key stands here without the keyspace number that leads it in the store; that number is the field. All numbers are
 * varints of at most 32 bits in their shortest form. What `flags` and the author mean is the kernel's business.
 *
 * Invariants: the body's length is exactly that of its parts; the first operation shares nothing. Whatever breaks them is `LogError('corrupt')`, and no length is believed before it is checked.
 */
import { copySlice, MutableSlice } from '../base/slice.ts'
import { LogError } from './commit-log.ts'
import { readVarint, varintSize } from './varint.ts'

/** Who caused the transaction. Feeds and replicas treat them differently; the bytes are on people's disks. */
export const origins = { client: 0, expiry: 1, eviction: 2, indexBuild: 3, replication: 4, system: 5 } as const
export type Origin = (typeof origins)[keyof typeof origins]

export const operationKinds = {
  put: 1,
  delete: 2,
  deleteRange: 3,
  delta: 4,
  notify: 5,
  catalogPut: 6,
  catalogDelete: 7,
} as const
export type OperationKind = (typeof operationKinds)[keyof typeof operationKinds]

export const derivedBit = 0x40
export const beforeBit = 0x80
const kindMask = 0x3f

function kindHasValue(kind: number): boolean {
  return kind !== operationKinds.delete && kind !== operationKinds.deleteRange && kind !== operationKinds.catalogDelete
}

/**
 * Reads a record operation by operation without allocating: the form for replay. `key`, `endKey`, `value` and `before`
 * are reused and hold until the next call. A key that shares nothing is a view of the record itself; one that shares is
 * put together in a buffer of the reader.
 */
export class RecordReader {
  origin: Origin = origins.client
  flags = 0
  readonly author: MutableSlice = new MutableSlice()
  /** Operations in the record. */
  operations = 0

  kind: OperationKind = operationKinds.put
  derived = false
  keyspace = 0
  readonly key: MutableSlice = new MutableSlice()
  /** Of a delete range. */
  readonly endKey: MutableSlice = new MutableSlice()
  /** Empty where the kind has none. */
  readonly value: MutableSlice = new MutableSlice()
  /** The before image is given (`hasBefore`), and the key was there (`beforePresent`). */
  hasBefore = false
  beforePresent = false
  readonly before: MutableSlice = new MutableSlice()

  private bytes: Uint8Array = this.key.bytes
  private start = 0
  private at = 0
  private end = 0
  private remaining = 0
  private keyBuffer: Uint8Array = new Uint8Array(256)
  private endBuffer: Uint8Array = new Uint8Array(0)

  /** Starts on the record that fills `bytes` from `start` to `end`. */
  open(bytes: Uint8Array, start: number, end: number): this {
    this.bytes = bytes
    this.start = this.at = start
    this.end = end
    if (this.number() !== end - this.at) this.fail('length')
    this.origin = this.byte() as Origin
    if (this.origin > origins.system) this.fail('origin')
    this.flags = this.byte()
    this.run(this.author, this.number())
    this.operations = this.remaining = this.number()
    this.key.set(bytes, this.at, this.at)
    if (this.remaining === 0 && this.at !== end) this.fail('bytes after the last operation')
    return this
  }

  /** Moves to the next operation; false after the last. */
  next(): boolean {
    if (this.remaining === 0) return false
    const head = this.byte()
    const kind = head & kindMask
    if (kind < operationKinds.put || kind > operationKinds.catalogDelete) this.fail('kind')
    this.kind = kind as OperationKind
    this.derived = (head & derivedBit) !== 0
    this.keyspace = this.number()
    this.readKey()
    if (kind === operationKinds.deleteRange) this.readEndKey()
    if (kindHasValue(kind)) this.run(this.value, this.number())
    else this.value.set(this.bytes, this.at, this.at)
    this.hasBefore = (head & beforeBit) !== 0
    if (this.hasBefore) this.readBefore()
    if (--this.remaining === 0 && this.at !== this.end) this.fail('bytes after the last operation')
    return true
  }

  private readBefore(): void {
    const size = this.number()
    this.beforePresent = size > 0
    this.run(this.before, this.beforePresent ? size - 1 : 0)
  }

  private readKey(): void {
    const shared = this.number()
    const size = this.number()
    const key = this.key
    if (shared === 0) {
      this.run(key, size)
      return
    }
    if (shared > key.end - key.start) this.fail('shared prefix')
    if (size > this.end - this.at) this.fail('key length')
    if (shared + size > this.keyBuffer.length) this.keyBuffer = grown(this.keyBuffer, shared + size)
    // Where the previous key lies in this same buffer its prefix is in place already.
    if (key.bytes !== this.keyBuffer) copyInto(this.keyBuffer, 0, key.bytes, key.start, key.start + shared)
    copyInto(this.keyBuffer, shared, this.bytes, this.at, this.at + size)
    key.set(this.keyBuffer, 0, shared + size)
    this.at += size
  }

  private readEndKey(): void {
    const shared = this.number()
    const size = this.number()
    const key = this.key
    if (shared > key.end - key.start) this.fail('shared prefix')
    if (size > this.end - this.at) this.fail('key length')
    if (shared + size > this.endBuffer.length) this.endBuffer = grown(this.endBuffer, shared + size)
    copyInto(this.endBuffer, 0, key.bytes, key.start, key.start + shared)
    copyInto(this.endBuffer, shared, this.bytes, this.at, this.at + size)
    this.endKey.set(this.endBuffer, 0, shared + size)
    this.at += size
  }

  private byte(): number {
    if (this.at >= this.end) this.fail('cut off')
    return this.bytes[this.at++]!
  }

  private number(): number {
    const value = readVarint(this.bytes, this.at, this.end)
    if (value < 0) this.fail('number')
    this.at += varintSize(value)
    return value
  }

  private run(into: MutableSlice, size: number): void {
    if (size > this.end - this.at) this.fail('length of a run of bytes')
    into.set(this.bytes, this.at, this.at + size)
    this.at += size
  }

  private fail(what: string): never {
    const offset = this.at - this.start
    throw new LogError('corrupt', `damaged record: bad ${what} at byte ${offset} of the record`, {
      position: `record+${offset}`,
    })
  }
}

export interface DecodedRecord {
  readonly origin: Origin
  readonly flags: number
  readonly author: Uint8Array
  readonly operations: DecodedOperation[]
}

export interface DecodedOperation {
  readonly kind: OperationKind
  readonly derived: boolean
  readonly keyspace: number
  readonly key: Uint8Array
  readonly endKey?: Uint8Array
  readonly value?: Uint8Array
  /** `null` where the key was absent; no field where no before image was recorded. */
  readonly before?: Uint8Array | null
}

/** Shared prefixes let few bytes stand for many: what a whole decoded record may hold in keys. */
const maxDecodedKeyBytes = 256 * 1024 * 1024

/** A whole record with copies of its keys and values: for feeds, tools and tests. Replay uses `RecordReader`. */
export function decodeRecord(bytes: Uint8Array, start: number, end: number): DecodedRecord {
  const reader = new RecordReader().open(bytes, start, end)
  const operations: DecodedOperation[] = []
  let keyBytes = 0
  while (reader.next()) {
    keyBytes += reader.key.end - reader.key.start
    if (keyBytes > maxDecodedKeyBytes) throw new LogError('too-large', 'a record whose keys exceed 256 MiB')
    operations.push(copyOperation(reader))
  }
  const { origin, flags } = reader
  return { origin, flags, author: copySlice(reader.author), operations }
}

function copyOperation(reader: RecordReader): DecodedOperation {
  return {
    kind: reader.kind,
    derived: reader.derived,
    keyspace: reader.keyspace,
    key: copySlice(reader.key),
    ...(reader.kind === operationKinds.deleteRange && { endKey: copySlice(reader.endKey) }),
    ...(kindHasValue(reader.kind) && { value: copySlice(reader.value) }),
    ...(reader.hasBefore && { before: reader.beforePresent ? copySlice(reader.before) : null }),
  }
}

/**
 * Copies a run of bytes. A loop wins below some hundred bytes, because `set` needs a view, which is an allocation.
 */
export function copyInto(target: Uint8Array, at: number, source: Uint8Array, start: number, end: number): void {
  if (end - start > 160) {
    target.set(source.subarray(start, end), at)
    return
  }
  for (let i = start; i < end; i++) target[at++] = source[i]!
}

/** A copy with room for at least `size` bytes. */
export function grown(bytes: Uint8Array, size: number): Uint8Array {
  const larger = new Uint8Array(Math.max(size, bytes.length * 2))
  larger.set(bytes)
  return larger
}
