/** Builds BSON into any `ByteWriter`: replies, changed documents, computed values. */
import { charge } from '../../base/work.ts'
import { ByteWriter } from '../../base/bytes.ts'
import type { Slice } from '../../base/slice.ts'
import { bsonType, BsonValue } from './bson.ts'
import { mongoCode, mongoError } from './mongo-error.ts'

/** `"0"` to `"999"`, the names of most array elements. */
const shortIndexes: readonly string[] = Array.from({ length: 1000 }, (_, index) => String(index))

export function indexName(index: number): string {
  return shortIndexes[index] ?? String(index)
}

export class BsonWriter {
  readonly out: ByteWriter
  /** Where the documents that are open begin. */
  #open: number[] = []
  #base = 0

  constructor(out: ByteWriter = new ByteWriter()) {
    this.out = out
  }

  /** What is written stays there when the writer is reset. */
  keepWritten(): this {
    this.#base = this.out.end
    return this
  }

  reset(): this {
    this.out.truncate(this.#base)
    if (this.#open.length > 0) this.#open = []
    return this
  }

  /** A document that is no element: the outermost. */
  begin(): this {
    this.#open.push(this.out.end)
    this.out.u32le(0)
    return this
  }

  /** The document that was ended last: its last byte is taken back, and more of its elements follow. */
  reopen(): this {
    this.out.truncate(this.out.end - 1)
    this.#open.push(this.#base)
    return this
  }

  beginObject(name: string): this {
    this.#element(bsonType.object, name)
    return this.begin()
  }

  beginArray(name: string): this {
    this.#element(bsonType.array, name)
    return this.begin()
  }

  end(): this {
    this.out.u8(0)
    const start = this.#open.pop()!
    this.out.setU32le(start, this.out.end - start)
    return this
  }

  /** A NUL would end the name early, and the rest of it would be read as a value: names may come from data. */
  #element(type: number, name: string): void {
    if (name.includes('\0')) throw mongoError(mongoCode.badValue, 'a field name cannot contain a null byte')
    this.out.u8(type)
    this.out.utf8(name)
    this.out.u8(0)
  }

  /** What comes before a value, whose bytes the caller writes. */
  head(type: number, name: string): this {
    this.#element(type, name)
    return this
  }

  double(name: string, value: number): this {
    this.#element(bsonType.double, name)
    this.out.f64le(value)
    return this
  }

  int32(name: string, value: number): this {
    this.#element(bsonType.int32, name)
    this.out.i32le(value)
    return this
  }

  int64(name: string, value: bigint | number): this {
    this.#element(bsonType.int64, name)
    this.out.i64le(BigInt(value))
    return this
  }

  /** A count: int32 where it fits, as the server answers. */
  count(name: string, value: number): this {
    return value <= 0x7fff_ffff ? this.int32(name, value) : this.int64(name, value)
  }

  string(name: string, value: string): this {
    this.#element(bsonType.string, name)
    const at = this.out.end
    this.out.u32le(0)
    const size = this.out.utf8(value)
    this.out.u8(0)
    this.out.setU32le(at, size + 1)
    return this
  }

  boolean(name: string, value: boolean): this {
    this.#element(bsonType.boolean, name)
    this.out.u8(value ? 1 : 0)
    return this
  }

  null(name: string): this {
    this.#element(bsonType.null, name)
    return this
  }

  /** Milliseconds since 1970. */
  date(name: string, ms: number | bigint): this {
    this.#element(bsonType.date, name)
    this.out.i64le(BigInt(ms))
    return this
  }

  objectId(name: string, twelveBytes: Uint8Array): this {
    this.#element(bsonType.objectId, name)
    this.out.copy(twelveBytes, 0, 12)
    return this
  }

  timestamp(name: string, seconds: number, counter: number): this {
    this.#element(bsonType.timestamp, name)
    this.out.u32le(counter)
    this.out.u32le(seconds)
    return this
  }

  binary(name: string, subtype: number, bytes: Uint8Array): this {
    this.#element(bsonType.binary, name)
    this.out.u32le(bytes.length)
    this.out.u8(subtype)
    this.out.copy(bytes)
    return this
  }

  /** A value as it is; nothing for a missing one. */
  value(name: string, value: BsonValue): this {
    if (value.type === bsonType.missing) return this
    this.#element(value.type, name)
    this.out.slice(value)
    return this
  }

  document(name: string, document: Slice): this {
    this.#element(bsonType.object, name)
    this.out.slice(document)
    return this
  }

  /** Elements of another document, copied with their names. */
  elements(bytes: Uint8Array, start: number, end: number): this {
    this.out.copy(bytes, start, end)
    return this
  }

  toBytes(): Uint8Array {
    return this.out.toBytes()
  }

  /** What was written, which is not copied where it fills most of its room: nothing more is written. */
  takeValue(): BsonValue {
    const { bytes, end } = this.out
    if (bytes.length - end > bytes.length >> 2) return this.toValue()
    return new BsonValue(bsonType.object, bytes, 0, end)
  }

  toValue(): BsonValue {
    return new BsonValue(bsonType.object, this.toBytes())
  }
}

const shared = new BsonWriter()
let isSharedInUse = false

/** A document of its own, written by `build`. */
export function buildDocument(build: (writer: BsonWriter) => void): Uint8Array {
  const writer = isSharedInUse ? new BsonWriter() : shared.reset()
  isSharedInUse = true
  try {
    writer.begin()
    build(writer)
    const bytes = writer.end().toBytes()
    charge(bytes.length)
    return bytes
  } finally {
    if (writer === shared) isSharedInUse = false
  }
}
