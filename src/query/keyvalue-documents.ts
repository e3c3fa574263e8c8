/**
 * Redis data as a `DocumentSource`, to read: `{ _id: key, type, value, expiresAt? }`.
 *
 * Bytes are strings where they are UTF-8, else binary. A hash's value is an object, or an array of `{ field, value }` where
 * a field's name cannot be one in BSON; a set's and a list's is an array, a sorted set's an array of
 * `{ member, score }` in the order of scores. A value that would pass 16 MB is an error that names its key.
 */
import { isUtf8 } from 'node:buffer'
import { decodeUtf8 } from '../base/bytes.ts'
import { PolylogError } from '../base/errors.ts'
import { copySlice, MutableSlice, sliceOf, sliceToLatin1, type KeyRange, type Slice } from '../base/slice.ts'
import { keyspaceRange, KeyWriter, prefixRange } from '../base/tuple.ts'
import type { Collection } from '../database/catalog.ts'
import type { TransactionReader } from '../database/contract.ts'
import { BsonWriter, indexName } from '../model/document/bson-writer.ts'
import type { BsonValue } from '../model/document/bson.ts'
import { bsonType } from '../model/document/bson.ts'
import type { Path } from '../model/document/path.ts'
import { maxDocumentBytes } from '../model/document/validate.ts'
import { binaryValue, readBinary, stringValue } from '../model/document/values.ts'
import { decodeHeader, decodeScore, Header, kind, kindNames, never } from '../model/keyvalue/codec.ts'
import {
  decodeLastElement,
  elementOffset,
  elementRange,
  headerOffset,
  index as keyIndex,
  writeElementKey,
  writeHeaderKey,
} from '../model/keyvalue/keys.ts'
import type { Cursor } from '../storage/store.ts'
import type { DocumentSource, FieldBounds, SourceCursor, SourceIndex, SourceScan } from './document-source.ts'
import { idPath, ResumedCursor } from './stored-documents.ts'

/** Keys sort by their bytes, also those that are shown as binary: the order is not that of documents. */
const primary: SourceIndex = {
  name: '_id_',
  unique: true,
  sparse: false,
  isOrdered: false,
  fields: [{ path: idPath, descending: false }],
}

export class KeyvalueDocuments implements DocumentSource {
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

  scan(reader: TransactionReader, _index: SourceIndex, range: KeyRange, { reverse, after }: SourceScan): SourceCursor {
    const scan = reader.scan(range, { reverse })
    return new KeyCursor(reader, this.collection, after === undefined ? scan : new ResumedCursor(scan, after))
  }

  find(reader: TransactionReader, id: BsonValue): Slice | undefined {
    const bytes = keyBytes(id)
    if (bytes === undefined) return undefined
    const key = writeHeaderKey(new KeyWriter(64), this.collection, sliceOf(bytes))
    const stored = reader.get(key)
    const document = stored === undefined ? undefined : documentOf(reader, this.collection, bytes, stored)
    return document === undefined ? undefined : sliceOf(document)
  }

  insert(): void {
    throw this.#refused()
  }

  lock(): Slice | undefined {
    throw this.#refused()
  }

  replace(): void {
    throw this.#refused()
  }

  remove(): void {
    throw this.#refused()
  }

  #refused(): PolylogError {
    const name = `${this.collection.namespace.name}.${this.collection.name}`
    return new PolylogError('foreign_model_violation', `${name} holds keys of Redis: write them through its commands`, {
      detail: { mongoCode: 121, wholeStatement: true },
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

function shown(bytes: Uint8Array): BsonValue {
  return isUtf8(bytes) ? stringValue(decodeUtf8(bytes, 0, bytes.length)) : binaryValue(0, bytes)
}

class KeyCursor implements SourceCursor {
  readonly document: MutableSlice = new MutableSlice()
  readonly #reader: TransactionReader
  readonly #collection: Collection
  readonly #cursor: Cursor
  readonly #offset: number
  readonly #view = new MutableSlice()

  constructor(reader: TransactionReader, collection: Collection, cursor: Cursor) {
    this.#reader = reader
    this.#collection = collection
    this.#cursor = cursor
    this.#offset = headerOffset(collection)
  }

  next(): boolean {
    while (this.#cursor.next()) {
      const key = copySlice(decodeLastElement(this.#cursor.key, this.#offset, this.#view))
      const document = documentOf(this.#reader, this.#collection, key, this.#cursor.value)
      if (document === undefined) continue
      this.document.set(document, 0, document.length)
      return true
    }
    return false
  }

  identity(): string {
    return sliceToLatin1(this.#cursor.key)
  }

  position(): string {
    return sliceToLatin1(this.#cursor.key)
  }
}

/** `undefined` for a key that has expired. */
function documentOf(
  reader: TransactionReader,
  collection: Collection,
  key: Uint8Array,
  stored: Slice,
): Uint8Array | undefined {
  const header = new Header()
  decodeHeader(sliceOf(copySlice(stored)), header)
  if (header.expiresAtMs !== never && header.expiresAtMs < reader.timeMs) return undefined
  const writer = new BsonWriter().begin()
  writer.value('_id', shown(key)).string('type', kindNames[header.kind] ?? 'none')
  writeContents(writer, reader, collection, header)
  if (header.expiresAtMs !== never) writer.date('expiresAt', header.expiresAtMs)
  return writer.end().toBytes()
}

function writeContents(writer: BsonWriter, reader: TransactionReader, collection: Collection, header: Header): void {
  const { generation } = header
  switch (header.kind) {
    case kind.string:
      writer.value('value', shown(copySlice(header)))
      return
    case kind.hash:
      writeHash(writer, reader, collection, generation)
      return
    case kind.set:
      writeElements(writer, reader, collection, keyIndex.member, generation, (out, name, element) =>
        out.value(name, shown(element)),
      )
      return
    case kind.sortedSet:
      writeElements(writer, reader, collection, keyIndex.byScore, generation, (out, name, element) => {
        const score = reader.get(
          writeElementKey(new KeyWriter(64), collection, keyIndex.scored, generation, sliceOf(element)),
        )
        out.beginObject(name).value('member', shown(element))
        out.double('score', score === undefined ? NaN : decodeScore(score)).end()
      })
      return
    default:
      writeElements(writer, reader, collection, keyIndex.item, generation, (out, name, _element, value) =>
        out.value(name, shown(value)),
      )
  }
}

type WriteElement = (out: BsonWriter, name: string, element: Uint8Array, value: Uint8Array) => void

function writeElements(
  writer: BsonWriter,
  reader: TransactionReader,
  collection: Collection,
  of: number,
  generation: number,
  write: WriteElement,
): void {
  writer.beginArray('value')
  let i = 0
  for (const { element, value } of elements(reader, collection, of, generation)) {
    write(writer, indexName(i++), element, value)
    checkSize(writer)
  }
  writer.end()
}

function* elements(
  reader: TransactionReader,
  collection: Collection,
  of: number,
  generation: number,
): Generator<{ element: Uint8Array; value: Uint8Array }, void, void> {
  const offset = elementOffset(collection, of, generation)
  const view = new MutableSlice()
  const cursor = reader.scan(elementRange(collection, of, generation))
  while (cursor.next()) {
    const element = of === keyIndex.item ? noBytes : copySlice(decodeLastElement(cursor.key, offset, view))
    yield { element, value: copySlice(cursor.value) }
  }
}

const noBytes = new Uint8Array(0)

function writeHash(writer: BsonWriter, reader: TransactionReader, collection: Collection, generation: number): void {
  const fields = [...elements(reader, collection, keyIndex.field, generation)]
  if (fields.every(({ element }) => isUtf8(element) && !element.includes(0))) {
    writer.beginObject('value')
    for (const { element, value } of fields) {
      writer.value(decodeUtf8(element, 0, element.length), shown(value))
      checkSize(writer)
    }
    writer.end()
    return
  }
  writer.beginArray('value')
  for (const [i, { element, value }] of fields.entries()) {
    writer.beginObject(indexName(i)).value('field', shown(element)).value('value', shown(value)).end()
    checkSize(writer)
  }
  writer.end()
}

function checkSize(writer: BsonWriter): void {
  if (writer.out.end <= maxDocumentBytes - 1024) return
  throw new PolylogError('too_large', 'a key holds more than fits a document of 16 MB', {
    detail: { mongoCode: 10_334 },
  })
}
