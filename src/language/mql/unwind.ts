/** `$unwind`: one document for each element of an array. */
import { charge } from '../../base/work.ts'
import { bsonType, BsonValue, FieldCursor, fieldsOf } from '../../model/document/bson.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import { findPath, parsePath, type Path } from '../../model/document/path.ts'
import { int64Value, isTruthy, missingValue, nullValue, readString } from '../../model/document/values.ts'
import { replaceAtPath } from './replace-path.ts'
import type { DocumentStage } from './stage.ts'

export function compileUnwind(specification: BsonValue): DocumentStage {
  const options =
    specification.type === bsonType.object ? new Map(fieldsOf(specification)) : new Map([['path', specification]])
  for (const name of options.keys()) {
    if (!known.has(name)) throw mongoError(28_811, `unrecognized option to $unwind stage: ${name}`)
  }
  const path = unwoundPath(options.get('path'))
  const indexName = options.get('includeArrayIndex')
  const indexPath = indexName === undefined ? undefined : indexPathOf(indexName)
  const keeps = options.get('preserveNullAndEmptyArrays')
  if (keeps !== undefined && keeps.type !== bsonType.boolean) {
    throw mongoError(28_809, 'expected a boolean for the preserveNullAndEmptyArrays option to $unwind stage')
  }
  const keepsEmpty = keeps !== undefined && isTruthy(keeps)
  return { kind: 'expand', expand: (document) => unwound(document, { path, indexPath, keepsEmpty }) }
}

const known: ReadonlySet<string> = new Set(['path', 'includeArrayIndex', 'preserveNullAndEmptyArrays'])

function indexPathOf(name: BsonValue): Path {
  const text = name.type === bsonType.string ? readString(name) : ''
  if (text === '') throw mongoError(28_810, 'expected a non-empty string for the includeArrayIndex option to $unwind')
  if (text.startsWith('$')) throw mongoError(28_822, `includeArrayIndex option to $unwind has a '$' prefix: ${text}`)
  return parsePath(text)
}

interface Unwinding {
  readonly path: Path
  readonly indexPath: Path | undefined
  readonly keepsEmpty: boolean
}

/** One after another: together they may be far larger than the document. */
function* unwound(document: BsonValue, { path, indexPath, keepsEmpty }: Unwinding): Generator<BsonValue, void, void> {
  const value = new BsonValue()
  findPath(document.bytes, document.start, path, value)
  if (value.type !== bsonType.array) {
    if (!value.isNullish || keepsEmpty) yield withIndex(document, indexPath, nullValue)
    return
  }
  const elements = FieldCursor.of(value)
  let count = 0
  for (; elements.next(); count++) {
    // What stands beside the array is copied for each of its elements.
    charge(document.end - document.start - (value.end - value.start))
    yield withIndex(replaceAtPath(document, path, elements.value), indexPath, int64Value(BigInt(count)))
  }
  if (count === 0 && keepsEmpty) yield withIndex(replaceAtPath(document, path, missingValue), indexPath, nullValue)
}

function withIndex(document: BsonValue, indexPath: Path | undefined, index: BsonValue): BsonValue {
  return indexPath === undefined ? document : replaceAtPath(document, indexPath, index)
}

function unwoundPath(path: BsonValue | undefined): Path {
  if (path === undefined) throw mongoError(28_812, 'no path specified to $unwind stage')
  if (path.type !== bsonType.string) throw mongoError(28_808, 'expected a string as the path for $unwind stage')
  const text = readString(path)
  if (!text.startsWith('$'))
    throw mongoError(28_818, `path option to $unwind stage should be prefixed with a '$': ${text}`)
  return parsePath(text.slice(1))
}
