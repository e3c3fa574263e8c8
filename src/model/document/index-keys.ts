/**
 * The entries that a document has in an index.
 *
 * Where no array lies on the fields' paths there is one. An array stands for each of its elements: one entry for each
 * different key. Two fields may go through the same array, but not through two different ones ("parallel arrays"), since
 * the number of entries would be a product. An empty array at the end of a path is undefined, elsewhere null.
 */
import { charge } from '../../base/work.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { sliceToLatin1, type Slice } from '../../base/slice.ts'
import { ByteWriter } from '../../base/bytes.ts'
import type { Collection } from '../../database/catalog/catalog.ts'
import { bsonType, BsonValue, FieldCursor, findField } from './bson.ts'
import type { Collation } from './collation.ts'
import { collationOf } from './collection-options.ts'
import { geoKeys } from './geo/geo-index.ts'
import type { DocumentIndex } from './index-definition.ts'
import { mongoCode, mongoError } from './mongo-error.ts'
import { writeKeyElement } from './order.ts'
import type { Path } from './path.ts'

/** How far a field's path has been followed: `value` is what its first `depth` components lead to. */
interface Reached {
  readonly path: Path
  readonly depth: number
  readonly value: BsonValue
}

/** A field of a compound key. */
export interface KeyField {
  readonly path: Path
  readonly descending: boolean
}

export interface KeyShape {
  readonly fields: readonly KeyField[]
  readonly collation: Collation | undefined
}

/**
 * The entries of one document in an index, one after another: whoever goes through those of a large one may pause between
 * two. The same entry may come more than once. Throws for parallel arrays, wherever they are met.
 */
export class DocumentEntries {
  readonly key: KeyWriter = new KeyWriter()
  readonly value: Slice
  readonly #id: Slice
  readonly #isUnique: boolean
  readonly #keys: Iterator<void, void>
  #prefixEnd = 0

  constructor(collection: Collection, index: DocumentIndex, document: Slice, id: EncodedId) {
    this.#isUnique = index.unique
    this.#id = id.element
    this.value = index.unique ? id.element : id.size
    const isIn = index.partial === undefined || index.partial.passes(document)
    this.#keys = isIn ? keysOf(index, document, this.key) : none
    this.key.begin(collection.id, index.id)
  }

  next(): boolean {
    if (this.#keys.next().done === true) return false
    const { key } = this
    this.#prefixEnd = key.end
    if (!this.#isUnique) key.slice(this.#id)
    charge(key.end)
    return true
  }

  /** The key without its `_id`, as latin1. */
  prefix(): string {
    return sliceToLatin1({ bytes: this.key.bytes, start: 0, end: this.#prefixEnd })
  }
}

function keysOf(index: DocumentIndex, document: Slice, into: KeyWriter): Iterator<void, void> {
  const { fields, collation } = index
  if (fields.some(({ geo }) => geo !== undefined)) {
    return geoKeys(fields, document, into, (field, of, own) => compoundKeys({ fields: [field], collation }, of, own))
  }
  const reached = reachedBy(fields, document)
  if (index.isHashed && reached.some(isAtArray)) throw hashedArray()
  return index.sparse && reached.every(isAbsent) ? none : eachKey(index, reached, into, 0)
}

const none: Iterator<void, void> = { next: () => ({ done: true, value: undefined }) }

/** The `_id` as entries hold it. */
export interface EncodedId {
  readonly element: Slice
  /** Of the element, as a varint. */
  readonly size: Slice
}

export function encodeId(collection: Collection, id: BsonValue): EncodedId {
  const element = new KeyWriter(16)
  writeKeyElement(element, id, collationOf(collection))
  const size = new ByteWriter(8)
  size.varint(element.end)
  return { element, size }
}

/** Keys without the _id, as latin1 strings, each once: all that a small document has, for tests. */
export function indexKeyPrefixes(collection: Collection, index: DocumentIndex, document: Slice): string[] {
  const entries = new DocumentEntries(collection, index, document, noId)
  const keys = new Set<string>()
  while (entries.next()) keys.add(entries.prefix())
  return [...keys]
}

const noId: EncodedId = { element: new KeyWriter(0), size: new KeyWriter(0) }

/** Writes the keys that an index would have, one after another, each over the one before. */
export function compoundKeys(shape: KeyShape, document: Slice, into: KeyWriter): Iterator<void, void> {
  return eachKey(shape, reachedBy(shape.fields, document), into.reset(), 0)
}

function reachedBy(fields: readonly KeyField[], { bytes, start, end }: Slice): Reached[] {
  const root = new BsonValue(bsonType.object, bytes, start, end)
  return fields.map(({ path }) => follow({ path, depth: 0, value: root }))
}

/** Keys behind what is written: of the fields from `from` on, those before them have their elements. */
function* eachKey(shape: KeyShape, reached: readonly Reached[], into: KeyWriter, from: number): Generator<void, void> {
  const { fields, collation } = shape
  let at = from
  for (; at < reached.length && !isAtArray(reached[at]!); at++) {
    writeField(into, fields[at]!, reached[at]!.value, collation)
  }
  if (at === reached.length) {
    yield
    return
  }
  const array = reached[at]!.value
  for (const one of reached) {
    if (isAtArray(one) && one.value.start !== array.start) throw parallelArrays(fields)
  }
  const mark = into.end
  const isLast = at === fields.length - 1 && reached[at]!.depth === reached[at]!.path.names.length
  const cursor = FieldCursor.of(array)
  let isEmpty = true
  while (cursor.next()) {
    isEmpty = false
    into.end = mark
    if (isLast) {
      writeField(into, fields[at]!, cursor.value, collation)
      yield
      continue
    }
    const element = cursor.value.reference()
    yield* eachKey(
      shape,
      reached.map((one) => (isAtArray(one) ? enter(one, element) : one)),
      into,
      at,
    )
  }
  if (isEmpty) yield* eachKey(shape, reached.map(emptied), into, at)
}

function writeField(
  into: KeyWriter,
  { descending }: KeyField,
  value: BsonValue,
  collation: Collation | undefined,
): void {
  const mark = into.end
  writeKeyElement(into, value, collation)
  if (descending) into.descending(mark)
}

function isAbsent({ value }: Reached): boolean {
  return value.type === bsonType.missing
}

/** An array that still has to be expanded: terminal ones once. */
function isAtArray({ value, depth, path }: Reached): boolean {
  return value.type === bsonType.array && depth <= path.names.length
}

/** Goes through objects, and array positions that the path names, up to a value or an array that needs expanding. */
function follow(from: Reached): Reached {
  const { path } = from
  let { depth } = from
  const value = from.value.reference()
  while (depth < path.names.length) {
    if (value.type === bsonType.object) {
      findField(value.bytes, value.start, path.encoded[depth]!, value)
    } else if (value.type === bsonType.array) {
      if (!enterPosition(value, path.positions[depth]!)) return { path, depth, value }
    } else {
      value.type = bsonType.missing
      return { path, depth: path.names.length, value }
    }
    depth++
  }
  return { path, depth, value }
}

function enterPosition(array: BsonValue, position: number): boolean {
  if (position < 0) return false
  const cursor = FieldCursor.of(array)
  for (let i = 0; cursor.next(); i++) {
    if (i < position) continue
    array.setTo(cursor.value)
    return true
  }
  return false
}

/** Depth beyond the path's length marks a value that is final though it may be an array. */
function enter({ path, depth }: Reached, element: BsonValue): Reached {
  if (depth === path.names.length) return { path, depth: depth + 1, value: element }
  if (element.type === bsonType.object) return follow({ path, depth, value: element })
  return { path, depth: path.names.length, value: new BsonValue(bsonType.missing) }
}

function emptied(one: Reached): Reached {
  if (!isAtArray(one)) return one
  const type = one.depth === one.path.names.length ? bsonType.undefined : bsonType.missing
  return { path: one.path, depth: one.path.names.length, value: new BsonValue(type) }
}

function hashedArray(): Error {
  return mongoError(16_766, 'hashed indexes do not currently support array values')
}

function parallelArrays(fields: readonly KeyField[]): Error {
  const names = fields.map(({ path }) => `[${path.names.at(-1)}]`).join(' ')
  return mongoError(mongoCode.cannotIndexParallelArrays, `cannot index parallel arrays ${names}`)
}
