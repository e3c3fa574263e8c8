/**
 * Dotted paths, and how they reach into documents.
 *
 * `findPath` follows objects only. `visitPath` follows the query rules: an array on the way stands for each object in it,
 * and for the element that a numeric component names; at the end of the path an array stands for its elements and itself.
 */
import { bsonType, BsonValue, encodeName, FieldCursor, findField } from './bson.ts'
import { mongoCode, mongoError } from './mongo-error.ts'

export interface Path {
  readonly text: string
  readonly names: readonly string[]
  readonly encoded: readonly Uint8Array[]
  /** The component as an array position, or −1. */
  readonly positions: readonly number[]
}

/** The server's limit, which is that of nesting: what follows a path may call itself for each component. */
const mostComponents = 200

/** A path's components. Throws Overflow where there are too many. */
export function splitPath(text: string): string[] {
  const names = text.split('.', mostComponents + 1)
  if (names.length > mostComponents) throw mongoError(mongoCode.overflow, 'FieldPath is too long')
  return names
}

export function parsePath(text: string): Path {
  const names = splitPath(text)
  return { text, names, encoded: names.map(encodeName), positions: names.map(arrayPosition) }
}

export function arrayPosition(name: string): number {
  return /^(0|[1-9]\d{0,8})$/.test(name) ? Number(name) : -1
}

/** The path's value where every component but the last is an object; arrays on the way end the search as missing. */
export function findPath(bytes: Uint8Array, start: number, path: Path, into: BsonValue): boolean {
  const last = path.encoded.length - 1
  let at = start
  for (let i = 0; i < last; i++) {
    if (!findField(bytes, at, path.encoded[i]!, into)) return false
    if (into.type !== bsonType.object) {
      into.set(bsonType.missing, bytes, at, at)
      return false
    }
    at = into.start
  }
  return findField(bytes, at, path.encoded[last]!, into)
}

/** Answers true to stop. */
export type Visitor = (value: BsonValue) => boolean

/** What a visitor of a path's end sees of an array: its elements and then itself, or itself only. */
export type LeafArrays = 'elements and array' | 'array only'

/** Calls `visit` for each value that the path stands for, a missing one included; true where a call was. */
export function visitPath(
  bytes: Uint8Array,
  start: number,
  path: Path,
  leafArrays: LeafArrays,
  visit: Visitor,
): boolean {
  const value = new BsonValue()
  if (path.encoded.length === 1) {
    findField(bytes, start, path.encoded[0]!, value)
    return visitLeaf(value, leafArrays, visit)
  }
  return visitObject(bytes, start, path, 0, leafArrays, visit)
}

function visitObject(
  bytes: Uint8Array,
  start: number,
  path: Path,
  depth: number,
  leafArrays: LeafArrays,
  visit: Visitor,
): boolean {
  const value = new BsonValue()
  findField(bytes, start, path.encoded[depth]!, value)
  return visitValue(value, path, depth + 1, leafArrays, visit)
}

/** `value` is what the first `depth` components lead to. */
function visitValue(value: BsonValue, path: Path, depth: number, leafArrays: LeafArrays, visit: Visitor): boolean {
  if (depth === path.encoded.length) return visitLeaf(value, leafArrays, visit)
  if (value.type === bsonType.object) return visitObject(value.bytes, value.start, path, depth, leafArrays, visit)
  if (value.type === bsonType.array) return visitArray(value, path, depth, leafArrays, visit)
  return visit(value.set(bsonType.missing, value.bytes, value.start, value.start))
}

function visitArray(array: BsonValue, path: Path, depth: number, leafArrays: LeafArrays, visit: Visitor): boolean {
  const position = path.positions[depth]!
  const cursor = FieldCursor.of(array)
  for (let index = 0; cursor.next(); index++) {
    const element = cursor.value
    if (index === position && visitValue(element.reference(), path, depth + 1, leafArrays, visit)) return true
    if (element.type !== bsonType.object) continue
    if (visitObject(element.bytes, element.start, path, depth, leafArrays, visit)) return true
  }
  return false
}

function visitLeaf(value: BsonValue, leafArrays: LeafArrays, visit: Visitor): boolean {
  if (value.type === bsonType.array && leafArrays === 'elements and array') {
    const cursor = FieldCursor.of(value)
    while (cursor.next()) if (visit(cursor.value)) return true
  }
  return visit(value)
}
