/**
 * The filter of a look-up: `{ _id: value }`, for values that neither an operator nor null nor an array can hide in.
 *
 * Whoever has a document's key needs nothing else of the filter, so the rest of it is compiled when it is asked for.
 */
import { bsonType, type BsonValue, FieldCursor } from '../../model/document/bson.ts'
import type { Filter, Predicate } from './filter.ts'

const plainTypes: ReadonlySet<number> = new Set([
  bsonType.objectId,
  bsonType.string,
  bsonType.int32,
  bsonType.int64,
  bsonType.double,
  bsonType.binary,
  bsonType.date,
])

/** The value, where the filter is such a look-up and nothing else. */
export function plainId(filter: BsonValue): BsonValue | undefined {
  const cursor = FieldCursor.of(filter)
  if (!cursor.next() || cursor.name !== '_id' || !plainTypes.has(cursor.value.type)) return undefined
  const id = cursor.value.reference()
  return cursor.next() ? undefined : id
}

export class IdFilter implements Filter {
  readonly onlyId: BsonValue
  readonly isEmpty = false
  readonly #compile: () => Filter
  #compiled: Filter | undefined

  constructor(id: BsonValue, compile: () => Filter) {
    this.onlyId = id
    this.#compile = compile
  }

  get #rest(): Filter {
    return (this.#compiled ??= this.#compile())
  }

  get matches(): (document: BsonValue) => boolean {
    return this.#rest.matches
  }

  get predicates(): readonly Predicate[] {
    return this.#rest.predicates
  }

  get conditions(): Filter['conditions'] {
    return this.#rest.conditions
  }
}
