/**
 * One Redis key as a document, made in steps: a hash of a million fields is on thousands of pages, and longer than a turn.
 *
 * Invariant: whatever interrupts `finish` (a page, the end of the turn) leaves what has been read and written, so the same
 * call goes on there.
 */
import { isUtf8 } from 'node:buffer'
import { decodeUtf8 } from '../base/bytes.ts'
import { PolylogError } from '../base/errors.ts'
import { copySlice, MutableSlice, sliceOf } from '../base/slice.ts'
import { KeyWriter } from '../base/tuple.ts'
import { charge, isTurnOver } from '../base/work.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { Transaction } from '../database/contract.ts'
import { suspended } from '../database/transaction/wait.ts'
import { BsonWriter, indexName } from '../model/document/bson-writer.ts'
import type { BsonValue } from '../model/document/bson.ts'
import { maxDocumentBytes } from '../model/document/validate.ts'
import { binaryValue, stringValue } from '../model/document/values.ts'
import { decodeScore, type Header, kind, kindNames, never } from '../model/keyvalue/codec.ts'
import {
  decodeLastElement,
  elementOffset,
  elementRange,
  index as keyIndex,
  writeElementKey,
} from '../model/keyvalue/keys.ts'
import { hasLapsed } from '../model/keyvalue/field-expiry.ts'
import { findLong } from '../model/keyvalue/long-values.ts'
import { collectPieces } from '../model/keyvalue/pieces.ts'
import { entryStrings } from '../model/keyvalue/stream-entries.ts'
import { formatStreamId } from '../model/keyvalue/stream-ids.ts'
import { idOfKey } from '../model/keyvalue/stream-keys.ts'
import type { Cursor } from '../storage/store.ts'

/** Reading one and writing it, beside its bytes. */
const elementUnits = 1000

interface Field {
  readonly name: Uint8Array
  readonly value: Uint8Array
}

export class KeyDocument {
  readonly #reader: Transaction
  readonly #collection: Collection
  readonly #header: Header
  readonly #writer = new BsonWriter().begin()
  readonly #elements: Cursor | undefined
  readonly #offset: number = 0
  readonly #view = new MutableSlice()
  /** Of a hash, all of them: only then is it known how they are written. */
  readonly #fields: Field[] = []
  #fieldBytes = 0
  /** BSON can have all fields as names. */
  #areNames = true
  /** Elements, or bytes of a long string. */
  #written = 0
  /** Of a long string, as far as it is read. */
  #value: Uint8Array | undefined
  /** The cursor is at an element that is not written. */
  #isPending = false
  #isRead = false

  /** `header`: of a key that has not expired; it is kept. */
  constructor(reader: Transaction, collection: Collection, key: Uint8Array, header: Header) {
    this.#reader = reader
    this.#collection = collection
    this.#header = header
    this.#writer.value('_id', shown(key)).string('type', kindNames[header.kind] ?? 'none')
    if (header.isInline) {
      this.#writer.value('value', shown(copySlice(header)))
      return
    }
    const of = indexOf(header.kind)
    this.#elements = reader.scan(elementRange(collection, of, header.generation))
    this.#offset = elementOffset(collection, of, header.generation)
    if (header.isLong) checkSize(header.count)
    else if (header.kind !== kind.hash) this.#writer.beginArray('value')
  }

  finish(): Uint8Array {
    const { kind: own, expiresAtMs } = this.#header
    if (own === kind.hash) {
      this.#readFields()
      this.#writeFields()
    } else if (this.#header.isLong) this.#writeLongString()
    else if (own !== kind.string) this.#writeElements()
    if (expiresAtMs !== never) this.#writer.date('expiresAt', expiresAtMs)
    return this.#writer.end().toBytes()
  }

  #readFields(): void {
    const cursor = this.#elements!
    while (!this.#isRead) {
      if (!this.#isPending && !cursor.next()) {
        this.#isRead = true
        this.#writer[this.#areNames ? 'beginObject' : 'beginArray']('value')
        return
      }
      this.#isPending = true
      const name = this.#lastElement()
      const value = this.#valueAt(cursor)
      const isOver = hasLapsed(this.#reader, this.#collection, this.#header, sliceOf(name))
      this.#isPending = false
      if (isOver) continue
      this.#fields.push({ name, value })
      this.#areNames &&= isUtf8(name) && !name.includes(0)
      this.#fieldBytes += name.length + value.length
      checkSize(this.#fieldBytes)
      pauseAfter(name.length + value.length)
    }
  }

  #writeFields(): void {
    const writer = this.#writer
    while (this.#written < this.#fields.length) {
      const { name, value } = this.#fields[this.#written]!
      if (this.#areNames) writer.value(decodeUtf8(name, 0, name.length), shown(value))
      else writer.beginObject(indexName(this.#written)).value('field', shown(name)).value('value', shown(value)).end()
      this.#wrote(name.length + value.length)
    }
    writer.end()
  }

  #writeLongString(): void {
    const cursor = this.#elements!
    const value = (this.#value ??= new Uint8Array(this.#header.count))
    while (cursor.next()) {
      const { bytes, start, end } = cursor.value
      value.set(bytes.subarray(start, end), this.#written)
      this.#written += end - start
      pauseAfter(end - start)
    }
    this.#writer.value('value', shown(value))
  }

  #writeElements(): void {
    const cursor = this.#elements!
    while (this.#isPending || cursor.next()) {
      this.#isPending = true
      const bytes = this.#writeElement(indexName(this.#written), cursor)
      this.#isPending = false
      this.#wrote(bytes)
    }
    this.#writer.end()
  }

  #writeElement(at: string, cursor: Cursor): number {
    const writer = this.#writer
    if (this.#header.kind === kind.list) {
      const item = this.#valueAt(cursor)
      writer.value(at, shown(item))
      return item.length
    }
    if (this.#header.kind === kind.stream) return this.#writeEntry(at, cursor)
    const member = this.#lastElement()
    if (this.#header.kind === kind.sortedSet) {
      const score = this.#scoreOf(member)
      writer.beginObject(at).value('member', shown(member)).double('score', score).end()
    } else writer.value(at, shown(member))
    return member.length
  }

  /** Its fields are an object where BSON can have each as a name, once. */
  #writeEntry(at: string, cursor: Cursor): number {
    const writer = this.#writer
    const id = formatStreamId(idOfKey(cursor.key))
    const entry = this.#valueAt(cursor)
    const strings = entryStrings(sliceOf(entry))
    const names = strings.filter((_, i) => i % 2 === 0)
    const areNames = names.every((name) => isUtf8(name) && !name.includes(0))
    const isObject = areNames && new Set(names.map((name) => decodeUtf8(name, 0, name.length))).size === names.length
    writer.beginObject(at).string('id', id)
    writer[isObject ? 'beginObject' : 'beginArray']('fields')
    for (const [i, name] of names.entries()) {
      const value = shown(strings[2 * i + 1]!)
      if (isObject) writer.value(decodeUtf8(name, 0, name.length), value)
      else writer.beginObject(indexName(i)).value('field', shown(name)).value('value', value).end()
    }
    writer.end().end()
    return entry.length
  }

  /** A copy; one that lies in pieces is put together if it fits. */
  #valueAt({ key, value }: Cursor): Uint8Array {
    const pieces = findLong(this.#reader, this.#collection, this.#header, key, value)
    if (pieces === undefined) return copySlice(value)
    checkSize(pieces.bytes)
    return collectPieces(this.#reader, pieces)
  }

  #lastElement(): Uint8Array {
    return copySlice(decodeLastElement(this.#elements!.key, this.#offset, this.#view))
  }

  #scoreOf(member: Uint8Array): number {
    const key = new KeyWriter(64)
    writeElementKey(key, this.#collection, keyIndex.scored, this.#header.generation, sliceOf(member))
    const score = this.#reader.get(key)
    return score === undefined ? NaN : decodeScore(score)
  }

  #wrote(bytes: number): void {
    this.#written++
    checkSize(this.#writer.out.end)
    pauseAfter(bytes)
  }
}

function checkSize(bytes: number): void {
  if (bytes <= maxDocumentBytes - 1024) return
  throw new PolylogError('too_large', 'a key holds more than fits a document of 16 MB', {
    detail: { mongoCode: 10_334 },
  })
}

function pauseAfter(bytes: number): void {
  charge(elementUnits + bytes)
  if (isTurnOver()) throw suspended
}

function indexOf(of: Header['kind']): number {
  if (of === kind.hash) return keyIndex.field
  if (of === kind.set) return keyIndex.member
  if (of === kind.string) return keyIndex.piece
  if (of === kind.stream) return keyIndex.entry
  return of === kind.sortedSet ? keyIndex.byScore : keyIndex.item
}

function shown(bytes: Uint8Array): BsonValue {
  return isUtf8(bytes) ? stringValue(decodeUtf8(bytes, 0, bytes.length)) : binaryValue(0, bytes)
}
