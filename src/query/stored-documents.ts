/** Document collections as a `DocumentSource`: documents are shown as they are stored. */
import { mapInParts } from '../base/resumption.ts'
import { charge } from '../base/work.ts'
import { latin1ToBytes, MutableSlice, sliceOf, sliceToLatin1, type KeyRange, type Slice } from '../base/slice.ts'
import { keyspaceRange, KeyWriter, prefixRange, primaryIndex } from '../base/tuple.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { Transaction } from '../database/contract.ts'
import type { BsonValue } from '../model/document/bson.ts'
import { insertionIndex, insertionRange } from '../model/document/capped.ts'
import { documentStart } from '../model/document/codec.ts'
import type { Collation } from '../model/document/collation.ts'
import { collationOf, optionsOf } from '../model/document/collection-options.ts'
import {
  findDocument,
  insertDocument,
  lockDocument,
  removeDocument,
  replaceDocument,
  type WriteSteps,
} from '../model/document/document.ts'
import { indexesOf, mayHoldArray, type DocumentIndex, type IndexField } from '../model/document/index-definition.ts'
import { writeEntryTarget } from '../model/document/keys.ts'
import { classBounds, writeKeyElement } from '../model/document/order.ts'
import { parsePath, type Path } from '../model/document/path.ts'
import { doubleValue } from '../model/document/values.ts'
import type { Cursor } from '../storage/store.ts'
import type {
  Bound,
  DocumentSource,
  FieldBounds,
  GeoRegion,
  SourceCursor,
  SourceIndex,
  SourceScan,
} from './document-source.ts'

export const idPath: Path = parsePath('_id')

const primary: StoredIndex = {
  id: primaryIndex,
  name: '_id_',
  unique: true,
  sparse: false,
  isPrimary: true,
  isOrdered: true,
  fields: [{ path: idPath, descending: false }],
  partial: undefined,
  collation: undefined,
  isHashed: false,
  hashed: undefined,
  hidden: false,
  expireAfterSeconds: undefined,
}

/** Of capped collections. */
const insertions: StoredIndex = {
  ...primary,
  id: insertionIndex,
  name: '$natural',
  isPrimary: false,
  isOrdered: false,
  fields: [],
}

type StoredIndex = DocumentIndex & SourceIndex

/** More ranges than this cost more than they save. */
const maxRanges = 2000

function ordered(index: DocumentIndex): StoredIndex {
  const isOrdered = !index.isHashed && index.fields.every(({ geo }) => geo === undefined)
  return { ...index, isPrimary: false, isOrdered }
}

export class StoredDocuments implements DocumentSource {
  readonly hasRules = false
  readonly collection: Collection
  readonly indexes: readonly SourceIndex[]
  readonly insertions: SourceIndex | undefined

  constructor(collection: Collection) {
    this.collection = collection
    this.insertions = optionsOf(collection).capped === undefined ? undefined : insertions
    const collation = collationOf(collection)
    this.indexes = [
      collation === undefined ? primary : { ...primary, collation },
      ...indexesOf(collection).map(ordered),
    ]
  }

  mayHoldArray(path: Path): boolean {
    return path.text !== '_id' && mayHoldArray(this.collection.fields, path)
  }

  ranges(index: SourceIndex, bounds: readonly FieldBounds[]): KeyRange[] | undefined {
    if (index === insertions) return [insertionRange(this.collection)]
    return rangesOf(this.collection.id, index as StoredIndex, bounds)
  }

  between(index: SourceIndex, from: readonly BsonValue[] | undefined, to: readonly BsonValue[] | undefined): KeyRange {
    const { id, fields, collation } = index as StoredIndex
    const whole = keyspaceRange(this.collection.id, id)
    const edgeAt = (values: readonly BsonValue[]): Slice => {
      const prefix = new KeyWriter(16).begin(this.collection.id, id).toBytes()
      const part = (bytes: Uint8Array, value: BsonValue, i: number): Uint8Array =>
        joined(bytes, elementBytes(fields[i]!, value, collation))
      return sliceOf(values.reduce(part, prefix))
    }
    return {
      start: from === undefined ? whole.start : edgeAt(from),
      end: to === undefined ? whole.end : edgeAt(to),
    }
  }

  scan(reader: Transaction, index: SourceIndex, range: KeyRange, { reverse, after }: SourceScan): SourceCursor {
    const scan = reader.scan(range, { reverse })
    const cursor = after === undefined ? scan : new ResumedCursor(scan, after)
    return index.isPrimary ? new RowCursor(cursor) : new EntryCursor(reader, this.collection, index.unique, cursor)
  }

  find(reader: Transaction, id: BsonValue): Slice | undefined {
    return findDocument(reader, this.collection, id)
  }

  count(reader: Transaction): number | undefined {
    return reader.count(keyspaceRange(this.collection.id, primaryIndex))
  }

  insert(transaction: Transaction, document: Slice): WriteSteps {
    return insertDocument(transaction, this.collection, document)
  }

  lock(transaction: Transaction, id: BsonValue): Slice | undefined {
    return lockDocument(transaction, this.collection, id)
  }

  replace(transaction: Transaction, before: Slice, after: Slice): WriteSteps {
    return replaceDocument(transaction, this.collection, before, after)
  }

  remove(transaction: Transaction, document: Slice): WriteSteps {
    return removeDocument(transaction, this.collection, document)
  }
}

/** A scan that goes on behind the entry where an earlier one stopped. */
export class ResumedCursor implements Cursor {
  readonly #cursor: Cursor
  #passed: string | undefined

  constructor(cursor: Cursor, position: string) {
    this.#cursor = cursor
    this.#passed = position
    cursor.seek(sliceOf(latin1ToBytes(position)))
  }

  get key(): Slice {
    return this.#cursor.key
  }

  get value(): Slice {
    return this.#cursor.value
  }

  next(): boolean {
    if (!this.#cursor.next()) return false
    const passed = this.#passed
    this.#passed = undefined
    return passed === undefined || sliceToLatin1(this.#cursor.key) !== passed || this.#cursor.next()
  }

  seek(key: Slice): void {
    this.#passed = undefined
    this.#cursor.seek(key)
  }

  /** The first one may be what was passed before: it is told apart by `next` alone. */
  skip(count: number): number {
    if (this.#passed === undefined) return this.#cursor.skip(count)
    return count > 0 && this.next() ? 1 : 0
  }
}

/** Documents by their own keys. */
class RowCursor implements SourceCursor {
  readonly document: MutableSlice = new MutableSlice()
  readonly #cursor: Cursor

  constructor(cursor: Cursor) {
    this.#cursor = cursor
  }

  next(): boolean {
    if (!this.#cursor.next()) return false
    const { value } = this.#cursor
    this.document.set(value.bytes, documentStart(value), value.end)
    return true
  }

  skip(count: number): number {
    return this.#cursor.skip(count)
  }

  identity(): string {
    return sliceToLatin1(this.#cursor.key)
  }

  position(): string {
    return sliceToLatin1(this.#cursor.key)
  }
}

/** Documents by the entries of a secondary index. */
class EntryCursor implements SourceCursor {
  readonly document: MutableSlice = new MutableSlice()
  readonly #reader: Transaction
  readonly #collection: Collection
  readonly #unique: boolean
  readonly #cursor: Cursor
  readonly #target = new KeyWriter()
  /** The entry at hand is not answered yet: its document was not there. */
  #isPending = false

  constructor(reader: Transaction, collection: Collection, unique: boolean, cursor: Cursor) {
    this.#reader = reader
    this.#collection = collection
    this.#unique = unique
    this.#cursor = cursor
  }

  next(): boolean {
    while (this.#isPending || this.#cursor.next()) {
      this.#isPending = true
      writeEntryTarget(this.#target, this.#collection, this.#unique, this.#cursor.key, this.#cursor.value)
      const stored = this.#reader.get(this.#target)
      this.#isPending = false
      // Absent only where this statement removed the document itself after the scan began.
      if (stored === undefined) continue
      this.document.set(stored.bytes, documentStart(stored), stored.end)
      return true
    }
    return false
  }

  skip(count: number): number {
    return this.#cursor.skip(count)
  }

  identity(): string {
    return sliceToLatin1(this.#target)
  }

  position(): string {
    return sliceToLatin1(this.#cursor.key)
  }
}

interface Part {
  readonly field: IndexField
  readonly collation: Collation | undefined
}

function rangesOf(keyspace: number, index: DocumentIndex, bounds: readonly FieldBounds[]): KeyRange[] | undefined {
  if (bounds.length === 0) return [keyspaceRange(keyspace, index.id)]
  let prefixes = [new KeyWriter(16).begin(keyspace, index.id).toBytes()]
  for (const [i, bound] of bounds.entries()) {
    const part = { field: index.fields[i]!, collation: index.collation }
    if (bound.kind === 'region') return regionRanges(prefixes, part, bound.region)
    if (bound.kind === 'interval') return prefixes.map((prefix) => intervalRange(prefix, part, bound.low, bound.high))
    if (prefixes.length * bound.values.length > maxRanges) return undefined
    prefixes = extendPrefixes(prefixes, part, bound.values)
  }
  return prefixes.map((prefix) => prefixRange(sliceOf(prefix)))
}

function regionRanges(prefixes: readonly Uint8Array[], part: Part, region: GeoRegion): KeyRange[] | undefined {
  const { field } = part
  const cells = field.geo === undefined ? undefined : region.cellsIn(field.geo)
  if (cells === undefined || cells.length * prefixes.length > maxRanges) return undefined
  return prefixes.flatMap((prefix) =>
    cells.map(({ low, high }) => {
      const [first, last] = [low, high].map((number) => ({ value: doubleValue(number), inclusive: true }))
      return intervalRange(prefix, part, first, last)
    }),
  )
}

/** Every prefix with every value behind it, in key order and once each. */
function extendPrefixes(
  prefixes: Uint8Array[],
  { field, collation }: Part,
  values: readonly BsonValue[],
): Uint8Array[] {
  const elements = mapInParts(values, (value) => elementBytes(field, value, collation)).sort((a, b) =>
    Buffer.compare(a, b),
  )
  const distinct = elements.filter((element, i) => i === 0 || Buffer.compare(element, elements[i - 1]!) !== 0)
  return prefixes.flatMap((prefix) => distinct.map((element) => joined(prefix, element)))
}

const unitsPerElement = 1000

function elementBytes({ descending }: IndexField, value: BsonValue, collation: Collation | undefined): Uint8Array {
  charge(unitsPerElement)
  const writer = new KeyWriter(32)
  writeKeyElement(writer, value, collation)
  if (descending) writer.descending(0)
  return writer.toBytes()
}

function joined(prefix: Uint8Array, suffix: Uint8Array | readonly number[]): Uint8Array {
  const bytes = new Uint8Array(prefix.length + suffix.length)
  bytes.set(prefix)
  bytes.set(suffix, prefix.length)
  return bytes
}

/** Comparisons stay within the type class of what they compare with, and so does the range. */
function intervalRange(prefix: Uint8Array, part: Part, low?: Bound, high?: Bound): KeyRange {
  const { field, collation } = part
  const { from, to } = classBounds((low ?? high)!.value.type, collation)
  const [first, last] = field.descending ? [high, low] : [low, high]
  const [firstByte, lastByte] = field.descending ? [0x100 - to, 0x100 - from] : [from, to]
  const start = first === undefined ? [firstByte] : edge(part, first, !first.inclusive)
  const end = last === undefined ? [lastByte] : edge(part, last, last.inclusive)
  return { start: sliceOf(joined(prefix, start)), end: sliceOf(joined(prefix, end)) }
}

/** `behind`: above every key that continues the element, else below them. */
function edge({ field, collation }: Part, bound: Bound, behind: boolean): Uint8Array {
  const element = elementBytes(field, bound.value, collation)
  return behind ? joined(element, [0xff]) : element
}
