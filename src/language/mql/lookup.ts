/**
 * `$lookup`: the documents of another collection that fit, as an array. The equality form looks each value up by the
 * planner's choice, so an index on the foreign field is used.
 */
import type { Transaction } from '../../database/contract.ts'
import type { BsonValue } from '../../model/document/bson.ts'
import { bsonType, elementsOf, fieldsOf } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { parsePath, visitPath, type Path } from '../../model/document/path.ts'
import { nullValue, readString } from '../../model/document/values.ts'
import { arrayOf } from './expression-contract.ts'
import { parseOperators } from './filter-operators.ts'
import type { Filter } from './filter.ts'
import { replaceAtPath } from './replace-path.ts'
import { type Batch, InputCursor, paused, type Run } from '../../query/operator.ts'
import { OperatorMemory } from '../../query/operator-memory.ts'
import { type Documents, keptBytes } from './documents.ts'
import type { Stage } from './stage.ts'

/** The documents that match a filter in a collection of the query's namespace. */
export type CollectionReader = (transaction: Transaction, collection: string, filter: Filter) => Documents

interface Lookup {
  readonly from: string
  readonly local: Path
  readonly foreign: Path
  readonly as: Path
}

export function compileLookup(specification: BsonValue, { reader }: { reader: CollectionReader }): Stage {
  if (specification.type !== bsonType.object) throw mongoError(mongoCode.failedToParse, '$lookup needs an object')
  const parts = new Map(fieldsOf(specification))
  for (const name of parts.keys()) {
    if (name === 'let' || name === 'pipeline') {
      throw mongoError(mongoCode.commandNotSupported, `$lookup with '${name}' is not supported`, 'unsupported')
    }
    if (!['from', 'localField', 'foreignField', 'as'].includes(name)) {
      throw mongoError(mongoCode.failedToParse, `unknown argument to $lookup: ${name}`)
    }
  }
  const [from, local, foreign, as] = ['from', 'localField', 'foreignField', 'as'].map((name) => {
    const value = parts.get(name)
    if (value?.type === bsonType.string) return readString(value)
    throw mongoError(mongoCode.failedToParse, `$lookup argument '${name}' must be a string`)
  }) as [string, string, string, string]
  const lookup = { from, local: parsePath(local), foreign: parsePath(foreign), as: parsePath(as) }
  return (input) => new LookUp(input, lookup, reader)
}

class LookUp implements Documents {
  readonly #input: InputCursor<BsonValue, Run>
  readonly #lookup: Lookup
  readonly #reader: CollectionReader
  readonly #memory = new OperatorMemory('$lookup')
  /** For the document at hand. */
  #foreign: Documents | undefined
  #found: BsonValue[] = []

  constructor(input: Documents, lookup: Lookup, reader: CollectionReader) {
    this.#input = new InputCursor(input)
    this.#lookup = lookup
    this.#reader = reader
  }

  /** One document at a time: each may come out with megabytes of others. */
  next(run: Run): Batch<BsonValue> {
    const document = this.#input.current(run)
    if (document === paused || document === undefined) return document
    const filter = (): Filter => foreignFilter(this.#lookup, document)
    this.#foreign ??= this.#reader(run.transaction, this.#lookup.from, filter())
    for (;;) {
      const batch = this.#foreign.next(run)
      if (batch === paused) return paused
      if (batch === undefined) break
      for (const one of batch) {
        // Once where it lies, once in the array.
        this.#memory.hold(run, 2 * keptBytes(one))
        this.#found.push(one.copy())
      }
    }
    const joined = replaceAtPath(document, this.#lookup.as, arrayOf(this.#found))
    this.#forget()
    this.#input.advance()
    return [joined]
  }

  #forget(): void {
    this.#foreign = undefined
    this.#found = []
    this.#memory.releaseAll()
  }

  reset(): void {
    this.#forget()
    this.#input.reset()
  }
}

/** Matches foreign documents whose field is one of the local field's values; a missing one counts as null. */
function foreignFilter({ local, foreign }: Lookup, document: BsonValue): Filter {
  const values = localValues(document, local)
  const [condition] = parseOperators([['$in', arrayOf(values)]], () => {
    throw mongoError(mongoCode.failedToParse, '$lookup matches values only')
  })
  const { test } = condition!
  return {
    matches: (other) => visitPath(other.bytes, other.start, foreign, 'elements and array', test),
    predicates: [{ path: foreign, operator: '$in', values }],
    conditions: [],
    onlyId: undefined,
    isEmpty: false,
  }
}

function localValues(document: BsonValue, path: Path): BsonValue[] {
  const values: BsonValue[] = []
  visitPath(document.bytes, document.start, path, 'array only', (value) => {
    if (value.type === bsonType.array) values.push(...elementsOf(value))
    else values.push(value.isNullish ? nullValue : value.reference())
    return false
  })
  return values.filter((value) => value.type !== bsonType.regex)
}
