/**
 * Sort specifications: `{ a: 1, 'b.c': -1 }`.
 *
 * A document's sort key is what its index key would be, so that sorting in memory and by an index agree. Of an
 * array the smallest element counts in ascending order and the largest in descending; an empty array is undefined. Where
 * several fields go through one array, the element counts that has the first of the keys, for all of them.
 */
import { PolylogError } from '../../base/errors.ts'
import { part } from '../../base/resumption.ts'
import { charge } from '../../base/work.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { compareSlices, sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import { bsonType, BsonValue, FieldCursor, fieldsOf, findField } from '../../model/document/bson.ts'
import { collationInForce } from '../../model/document/collation.ts'
import { compoundKeys } from '../../model/document/index-keys.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { compareValues } from '../../model/document/order.ts'
import { parsePath, visitPath, type Path } from '../../model/document/path.ts'
import { missingValue, nullValue, toSafeInteger } from '../../model/document/values.ts'

export interface SortField {
  readonly path: Path
  readonly descending: boolean
}

export function parseSort(sort: BsonValue): SortField[] {
  const fields = fieldsOf(sort).map(([name, order]) => {
    if (order.type === bsonType.object) {
      throw mongoError(mongoCode.commandNotSupported, '$meta sorts are not supported', 'unsupported')
    }
    const direction = toSafeInteger(order)
    if (direction !== 1 && direction !== -1) {
      throw mongoError(15_975, '$sort key ordering must be 1 (for ascending) or -1 (for descending)')
    }
    if (name === '' || name.split('.').includes(''))
      throw mongoError(15_998, 'FieldPath field names may not be empty strings.')
    return { path: parsePath(name), descending: direction < 0 }
  })
  if (fields.length > 32) throw mongoError(mongoCode.badValue, 'a sort has at most 32 fields')
  return fields
}

const writer = new KeyWriter()

/** Latin1 text whose order is the sort's. Of a large document it is made in parts (`base/resumption.ts`). */
export function sortKey(document: BsonValue, fields: readonly SortField[]): string {
  if (fields.some(({ path }) => meetsArray(document, path))) return firstCompoundKey(document, fields)
  writer.reset()
  compoundKeys({ fields, collation: collationInForce() }, document, writer).next()
  charge(unitsPerByte * writer.end)
  return sliceToLatin1(writer)
}

const unitsPerByte = 3

function meetsArray(document: BsonValue, path: Path): boolean {
  const value = document.reference()
  for (const name of path.encoded) {
    if (value.type !== bsonType.object) break
    findField(value.bytes, value.start, name, value)
  }
  return value.type === bsonType.array
}

interface FirstKey {
  readonly keys: Iterator<void, void>
  readonly candidate: KeyWriter
  best: Uint8Array | undefined
}

const keysPerStep = 64

function firstCompoundKey(document: BsonValue, fields: readonly SortField[]): string {
  const begin = (): FirstKey => {
    const candidate = new KeyWriter()
    return {
      keys: compoundKeys({ fields, collation: collationInForce() }, document, candidate),
      candidate,
      best: undefined,
    }
  }
  try {
    const { best } = part(begin, (state) => {
      for (let i = 0; i < keysPerStep; i++) {
        if (state.keys.next().done === true) return true
        const { candidate } = state
        charge(unitsPerKey + unitsPerByte * candidate.end)
        if (state.best === undefined || compareSlices(candidate, sliceOf(state.best)) < 0) {
          state.best = candidate.toBytes()
        }
      }
      return false
    })
    return sliceToLatin1(sliceOf(best!))
  } catch (error) {
    const isParallel = error instanceof PolylogError && error.detail.mongoCode === mongoCode.cannotIndexParallelArrays
    if (!isParallel) throw error
    throw mongoError(mongoCode.badValue, 'cannot sort with keys that are parallel arrays')
  }
}

const unitsPerKey = 100

const undefinedValue = new BsonValue(bsonType.undefined)

/** The value that a document sorts by in a short list. */
function sortValue(document: BsonValue, { path, descending }: SortField): BsonValue {
  let best: BsonValue | undefined
  const sign = descending ? -1 : 1
  const offer = (value: BsonValue): void => {
    if (best === undefined || compareValues(value, best) * sign < 0) best = value.reference()
  }
  visitPath(document.bytes, document.start, path, 'array only', (value) => {
    if (value.type !== bsonType.array) {
      offer(value)
      return false
    }
    const cursor = FieldCursor.of(value)
    let isEmpty = true
    while (cursor.next()) {
      isEmpty = false
      offer(cursor.value)
    }
    if (isEmpty) offer(undefinedValue)
    return false
  })
  return best === undefined || best.type === bsonType.missing ? nullValue : best
}

/** For short lists: compares values that may be no documents. */
export function compileComparator(sort: BsonValue): (a: BsonValue, b: BsonValue) => number {
  const fields = parseSort(sort)
  return (a, b) => {
    for (const field of fields) {
      const difference = compareValues(valueIn(a, field), valueIn(b, field))
      if (difference !== 0) return field.descending ? -difference : difference
    }
    return 0
  }
}

function valueIn(value: BsonValue, field: SortField): BsonValue {
  return value.type === bsonType.object ? sortValue(value, field) : missingValue
}
