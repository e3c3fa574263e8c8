/**
 * Redis data as a `DocumentSource`, to read: `{ _id: key, type, value, expiresAt? }`.
 *
 * Bytes are strings where they are UTF-8, else binary. A hash's value is an object, or an array of `{ field, value }` where
 * a field's name cannot be one in BSON; a set's and a list's is an array, a sorted set's an array of
 * `{ member, score }` in the order of scores, a stream's one of `{ id, fields }`. A value that would pass 16 MB is an error that names its key.
 */
import { isUtf8 } from 'node:buffer'
import { PolylogError } from '../base/errors.ts'
import { copySlice, MutableSlice, sliceOf, sliceToLatin1, type KeyRange } from '../base/slice.ts'
import { keyspaceRange, KeyWriter, prefixRange } from '../base/tuple.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { Transaction } from '../database/contract.ts'
import type { BsonValue } from '../model/document/bson.ts'
import { bsonType } from '../model/document/bson.ts'
import type { Path } from '../model/document/path.ts'
import { readBinary } from '../model/document/values.ts'
import { decodeHeader, Header } from '../model/keyvalue/codec.ts'
import { isLiving } from '../model/keyvalue/keyvalue.ts'
import { decodeLastElement, headerOffset, index as keyIndex, writeHeaderKey } from '../model/keyvalue/keys.ts'
import type { Cursor } from '../storage/store.ts'
import type { DocumentSource, FieldBounds, SourceCursor, SourceIndex, SourceScan } from './document-source.ts'
import { KeyDocument } from './keyvalue-document.ts'
import { idPath, ResumedCursor } from './stored-documents.ts'

/** Keys sort by their bytes, also those that are shown as binary: the order is not that of documents. */
const primary: SourceIndex = {
  name: '_id_',
  unique: true,
  sparse: false,
  isPrimary: true,
  isOrdered: false,
  fields: [{ path: idPath, descending: false }],
}

export class KeyvalueDocuments implements DocumentSource {
  readonly hasRules = false
  readonly collection: Collection
  readonly indexes: readonly SourceIndex[] = [primary]

  constructor(collection: Collection) {
    this.collection = collection
  }

  mayHoldArray(path: Path): boolean {
    return path.names[0] === 'value'
  }

  ranges(_index: SourceIndex, bounds: readonly FieldBounds[]): KeyRange[] | undefined {
    const [bound] = bounds
    if (bound === undefined) return [keyspaceRange(this.collection.id, keyIndex.header)]
    if (bound.kind !== 'points') return undefined
    const keys = bound.values.map(keyBytes).filter((bytes) => bytes !== undefined)
    return keys
      .sort((a, b) => Buffer.compare(a, b))
      .map((bytes) => prefixRange(writeHeaderKey(new KeyWriter(64), this.collection, sliceOf(bytes))))
  }

  scan(reader: Transaction, _index: SourceIndex, range: KeyRange, { reverse, after }: SourceScan): SourceCursor {
    const scan = reader.scan(range, { reverse })
    return new KeyCursor(reader, this.collection, after === undefined ? scan : new ResumedCursor(scan, after))
  }

  insert(): never {
    throw this.#refused()
  }

  lock(): never {
    throw this.#refused()
  }

  replace(): never {
    throw this.#refused()
  }

  remove(): never {
    throw this.#refused()
  }

  #refused(): PolylogError {
    const name = `${this.collection.namespace.name}.${this.collection.name}`
    return new PolylogError('foreign_model_violation', `${name} holds keys of Redis: write them through its commands`, {
      detail: { mongoCode: 121 },
    })
  }
}

/** The Redis key that is shown as this `_id`. */
function keyBytes(id: BsonValue): Uint8Array | undefined {
  if (id.type === bsonType.string) return id.bytes.slice(id.start + 4, id.end - 1)
  if (id.type !== bsonType.binary) return undefined
  const { subtype, bytes } = readBinary(id)
  return subtype === 0 && !isUtf8(bytes) ? bytes.slice() : undefined
}

class KeyCursor implements SourceCursor {
  readonly document: MutableSlice = new MutableSlice()
  readonly #reader: Transaction
  readonly #collection: Collection
  readonly #cursor: Cursor
  readonly #offset: number
  readonly #view = new MutableSlice()
  /** Of the key at hand, as far as it has been read. */
  #reading: KeyDocument | undefined

  constructor(reader: Transaction, collection: Collection, cursor: Cursor) {
    this.#reader = reader
    this.#collection = collection
    this.#cursor = cursor
    this.#offset = headerOffset(collection)
  }

  next(): boolean {
    while (this.#reading !== undefined || this.#cursor.next()) {
      this.#reading ??= this.#begin()
      if (this.#reading === undefined) continue
      const document = this.#reading.finish()
      this.#reading = undefined
      this.document.set(document, 0, document.length)
      return true
    }
    return false
  }

  /** `undefined` for a key that has expired. */
  #begin(): KeyDocument | undefined {
    const header = new Header()
    decodeHeader(sliceOf(copySlice(this.#cursor.value)), header)
    const key = copySlice(decodeLastElement(this.#cursor.key, this.#offset, this.#view))
    if (!isLiving(this.#reader, this.#collection, header)) return undefined
    return new KeyDocument(this.#reader, this.#collection, key, header)
  }

  identity(): string {
    return sliceToLatin1(this.#cursor.key)
  }

  position(): string {
    return sliceToLatin1(this.#cursor.key)
  }
}
