/** `$unionWith`: the documents of another collection behind those that come; and `$documents`, which come from nowhere. */
import { bsonType, type BsonValue, elementsOf, fieldsOf } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { readString } from '../../model/document/values.ts'
import type { Batch, Run } from '../../query/operator.ts'
import { Concatenate } from '../../query/row-operators.ts'
import type { Documents } from './documents.ts'
import { compileExpression } from './expression.ts'
import { arrayOf, objectOf } from './expression-contract.ts'
import type { CollectionReader } from './lookup.ts'
import type { Query } from './query.ts'
import { rootScope, type Variables } from './scope.ts'
import type { Stage } from './stage.ts'

export function compileUnion(
  specification: BsonValue,
  reader: CollectionReader,
  queryOf: (pipeline: BsonValue) => Query,
): Stage {
  let name: string | undefined
  let pipeline = arrayOf([])
  if (specification.type === bsonType.string) name = readString(specification)
  else if (specification.type === bsonType.object) {
    for (const [part, value] of fieldsOf(specification)) {
      if (part === 'coll' && value.type === bsonType.string) name = readString(value)
      else if (part === 'pipeline' && value.type === bsonType.array) pipeline = value
      else throw mongoError(40_415, `BSON field '$unionWith.${part}' is an unknown field, or of the wrong type.`)
    }
  }
  const query = queryOf(pipeline)
  if (name === undefined) {
    if (query.origin !== undefined) return (input) => new Concatenate([input, query.origin!()])
    throw mongoError(
      mongoCode.failedToParse,
      'the $unionWith stage needs a collection, or a pipeline that begins with $documents',
    )
  }
  const collection = name
  reader.names.add(collection)
  return (input) => new Concatenate([input, new Opened(reader, collection, query)])
}

/** Another collection's, opened when the first of them is wanted. */
class Opened implements Documents {
  readonly #open: (run: Run) => Documents
  #documents: Documents | undefined

  constructor(reader: CollectionReader, name: string, query: Query) {
    this.#open = ({ transaction }) => reader.open(transaction, name, query).documents
  }

  next(run: Run): Batch<BsonValue> {
    this.#documents ??= this.#open(run)
    return this.#documents.next(run)
  }

  reset(): void {
    this.#documents = undefined
  }
}

/** Documents that are there already. */
export class Given implements Documents {
  readonly #documents: readonly BsonValue[]
  #isOut = false

  constructor(documents: readonly BsonValue[]) {
    this.#documents = documents
  }

  next(): Batch<BsonValue> {
    if (this.#isOut || this.#documents.length === 0) return undefined
    this.#isOut = true
    return [...this.#documents]
  }

  reset(): void {
    this.#isOut = false
  }
}

export function documentsStage(specification: BsonValue, variables: Variables): () => Documents {
  const value = compileExpression(specification)(rootScope(objectOf([]), variables))
  if (value.type !== bsonType.array) throw mongoError(5_858_203, "an array is expected as the argument of '$documents'")
  const documents = elementsOf(value)
  if (documents.some(({ type }) => type !== bsonType.object)) {
    throw mongoError(40_228, "'$documents' needs objects")
  }
  return () => new Given(documents)
}
