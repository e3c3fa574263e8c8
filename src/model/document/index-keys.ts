/**
 * The entries that a document has in an index.
 *
 * Where no array lies on the fields' paths there is one. An array stands for each of its elements: one entry for each
 * different key. Two fields may go through the same array, but not through two different ones ("parallel arrays"), since
 * the number of entries would be a product. An empty array at the end of a path is undefined, elsewhere null.
 */
import { sliceToLatin1 } from '../../base/slice.ts'
import { ByteWriter } from '../../base/bytes.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { Slice } from '../../base/slice.ts'
import type { Collection } from '../../database/catalog/catalog.ts'
import { bsonType, BsonValue, elementsOf, findField } from './bson.ts'
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
interface KeyField {
  readonly path: Path
  readonly descending: boolean
}

/** Keys without the _id, as latin1 strings. */
export function indexKeyPrefixes(collection: Collection, index: DocumentIndex, document: Slice): string[] {
  const reached = reachedBy(index.fields, document)
  if (index.sparse && reached.every(isAbsent)) return []
  return keysOf(index.fields, reached, (writer) => writer.begin(collection.id, index.id))
}

/** The keys that an index on the fields would have, as latin1 strings that nothing leads. Throws for parallel arrays. */
export function compoundKeys(fields: readonly KeyField[], document: Slice): string[] {
  return keysOf(fields, reachedBy(fields, document), (writer) => writer.reset())
}

function reachedBy(fields: readonly KeyField[], { bytes, start, end }: Slice): Reached[] {
  const root = new BsonValue(bsonType.object, bytes, start, end)
  return fields.map(({ path }) => follow({ path, depth: 0, value: root }))
}

type BeginKey = (writer: KeyWriter) => void

function keysOf(fields: readonly KeyField[], reached: readonly Reached[], begin: BeginKey): string[] {
  if (!reached.some(isAtArray)) return [prefixOf(fields, reached, begin)]
  const keys = new Set<string>()
  expand(fields, reached, begin, keys)
  return [...keys]
}

const writer = new KeyWriter()

function prefixOf(fields: readonly KeyField[], reached: readonly Reached[], begin: BeginKey): string {
  begin(writer)
  for (const [i, { value }] of reached.entries()) {
    const mark = writer.end
    writeKeyElement(writer, value)
    if (fields[i]!.descending) writer.descending(mark)
  }
  return sliceToLatin1(writer)
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
      const element = elementAt(value, path.positions[depth]!)
      if (element === undefined) return { path, depth, value }
      value.setTo(element)
    } else {
      value.type = bsonType.missing
      return { path, depth: path.names.length, value }
    }
    depth++
  }
  return { path, depth, value }
}

function elementAt(array: BsonValue, position: number): BsonValue | undefined {
  return position < 0 ? undefined : elementsOf(array)[position]
}

function expand(fields: readonly KeyField[], reached: readonly Reached[], begin: BeginKey, keys: Set<string>): void {
  const array = reached.find(isAtArray)?.value
  if (array === undefined) {
    keys.add(prefixOf(fields, reached, begin))
    return
  }
  for (const one of reached) {
    if (isAtArray(one) && one.value.start !== array.start) throw parallelArrays(fields)
  }
  const elements = elementsOf(array)
  if (elements.length === 0) {
    keys.add(prefixOf(fields, reached.map(emptied), begin))
    return
  }
  for (const element of elements) {
    expand(
      fields,
      reached.map((one) => (isAtArray(one) ? enter(one, element) : one)),
      begin,
      keys,
    )
  }
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

function parallelArrays(fields: readonly KeyField[]): Error {
  const names = fields.map(({ path }) => `[${path.names.at(-1)}]`).join(' ')
  return mongoError(mongoCode.cannotIndexParallelArrays, `cannot index parallel arrays ${names}`)
}

const idScratch = new KeyWriter()
const sizeScratch = new ByteWriter(8)

/** Key and value of an entry, reused by the next call. */
export function writeEntry(into: KeyWriter, unique: boolean, prefix: string, id: BsonValue): Slice {
  idScratch.reset()
  writeKeyElement(idScratch, id)
  into.reset()
  into.latin1(prefix)
  if (unique) return idScratch
  into.slice(idScratch)
  sizeScratch.reset()
  sizeScratch.varint(idScratch.end)
  return sizeScratch
}
