/**
 * `$graphLookup`: the documents that can be reached from a document by following a field, depth by depth.
 *
 * A depth is a query of the collection for all values that the depth before has found and nobody has asked for yet, some
 * hundred at a time. A document is found once, at its least depth.
 */
import { Resumption } from '../../base/resumption.ts'
import { charge } from '../../base/work.ts'
import { bsonType, type BsonValue, elementsOf, fieldsOf, getField } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { keyText } from '../../model/document/order.ts'
import { parsePath, type Path } from '../../model/document/path.ts'
import { int64Value, nullValue, readString, stringValue, toSafeInteger } from '../../model/document/values.ts'
import { type Batch, InputCursor, paused, type Paused, type Run } from '../../query/operator.ts'
import { OperatorMemory } from '../../query/operator-memory.ts'
import { keyBytes } from '../../query/row-format.ts'
import { type Documents, keptBytes } from './documents.ts'
import { compileExpression } from './expression.ts'
import { arrayOf, type Expression, objectOf } from './expression-contract.ts'
import { both, compileFilter, type Filter } from './filter.ts'
import { type CollectionReader, everything } from './lookup.ts'
import { replaceAtPath } from './replace-path.ts'
import { rootScope, type Variables } from './scope.ts'
import type { Stage } from './stage.ts'

interface GraphLookup {
  readonly from: string
  readonly startWith: Expression
  readonly connectFrom: Expression
  readonly connectTo: string
  readonly as: Path
  readonly maxDepth: number
  readonly depthField: Path | undefined
  readonly restriction: Filter | undefined
  readonly variables: Variables
}

const known = new Set(
  'from startWith connectFromField connectToField as maxDepth depthField restrictSearchWithMatch'.split(' '),
)

export function compileGraphLookup(specification: BsonValue, reader: CollectionReader, variables: Variables): Stage {
  if (specification.type !== bsonType.object) {
    throw mongoError(mongoCode.failedToParse, 'the $graphLookup stage specification must be an object')
  }
  const lookup = read(new Map(fieldsOf(specification)), variables)
  reader.names.add(lookup.from)
  return (input) => new GraphLookUp(input, lookup, reader)
}

function read(parts: ReadonlyMap<string, BsonValue>, variables: Variables): GraphLookup {
  for (const name of parts.keys()) {
    if (!known.has(name)) throw mongoError(40_104, `Unknown argument to $graphLookup: ${name}`)
  }
  const text = (name: string, isPath: boolean): string => {
    const value = parts.get(name)
    if (value === undefined) {
      throw mongoError(40_105, `$graphLookup requires '${name}' to be specified`)
    }
    if (value.type !== bsonType.string) throw mongoError(40_103, `expected string as argument for ${name}`)
    const shown = readString(value)
    if (isPath && (shown === '' || shown.startsWith('$'))) {
      throw mongoError(16_410, `FieldPath field names may not be empty or start with '$': ${name}`)
    }
    return shown
  }
  const startWith = parts.get('startWith')
  if (startWith === undefined) throw mongoError(40_105, "$graphLookup requires 'startWith' to be specified")
  const match = parts.get('restrictSearchWithMatch')
  if (match !== undefined && match.type !== bsonType.object) {
    throw mongoError(40_185, "$graphLookup 'restrictSearchWithMatch' must be an object")
  }
  return {
    from: text('from', false),
    startWith: compileExpression(startWith),
    connectFrom: compileExpression(stringValue(`$${text('connectFromField', true)}`)),
    connectTo: text('connectToField', true),
    as: parsePath(text('as', true)),
    maxDepth: maxDepthOf(parts.get('maxDepth')),
    depthField: parts.has('depthField') ? parsePath(text('depthField', true)) : undefined,
    restriction: match === undefined ? undefined : compileFilter(match, variables),
    variables,
  }
}

function maxDepthOf(value: BsonValue | undefined): number {
  if (value === undefined) return Infinity
  if (!value.isNumber) throw mongoError(40_100, 'maxDepth requires numeric argument')
  const depth = toSafeInteger(value)
  if (depth === undefined) throw mongoError(40_102, 'maxDepth could not be represented as a long long')
  if (depth < 0) throw mongoError(40_101, 'maxDepth requires a nonnegative argument')
  return depth
}

/** Values that are looked up at once. */
const valuesAtOnce = 500
const unitsPerDocument = 500

/** What is being found for one document. */
interface Search {
  depth: number
  /** Values of this depth that are still to be looked up, and those of the next. */
  frontier: BsonValue[]
  next: BsonValue[]
  readonly asked: Set<string>
  readonly reached: Set<string>
  readonly found: BsonValue[]
}

class GraphLookUp implements Documents {
  readonly #input: InputCursor<BsonValue, Run>
  readonly #lookup: GraphLookup
  readonly #reader: CollectionReader
  readonly #memory = new OperatorMemory('$graphLookup')
  #search: Search | undefined
  /** Of the values that are looked up at once. */
  #open: InputCursor<BsonValue, Run> | undefined
  #resumption = new Resumption()

  constructor(input: Documents, lookup: GraphLookup, reader: CollectionReader) {
    this.#input = new InputCursor(input)
    this.#lookup = lookup
    this.#reader = reader
  }

  next(run: Run): Batch<BsonValue> {
    const document = this.#input.current(run)
    if (document === paused || document === undefined) return document
    this.#search ??= this.#begin(document, run)
    const found = this.#findAll(this.#search, run)
    if (found === paused) return paused
    const joined = this.#resumption.run(() => replaceAtPath(document, this.#lookup.as, arrayOf(found)))
    this.#forget()
    this.#input.advance()
    // One at a time: each may come out with megabytes of others.
    return [joined]
  }

  #begin(document: BsonValue, run: Run): Search {
    const { startWith, variables } = this.#lookup
    const value = startWith(rootScope(document, variables))
    const search: Search = { depth: 0, frontier: [], next: [], asked: new Set(), reached: new Set(), found: [] }
    this.#ask(search, value, run)
    search.frontier = search.next
    search.next = []
    return search
  }

  /** Of an array each element. */
  #ask(search: Search, value: BsonValue, run: Run): void {
    for (const one of value.type === bsonType.array ? elementsOf(value) : [value]) {
      if (one.isMissing) continue
      const key = keyText(one)
      if (search.asked.has(key)) continue
      this.#memory.hold(run, keyBytes(key) + keptBytes(one))
      search.asked.add(key)
      search.next.push(one.copy())
    }
  }

  #findAll(search: Search, run: Run): readonly BsonValue[] | Paused {
    for (;;) {
      if (this.#open === undefined) {
        if (search.frontier.length === 0) {
          if (search.next.length === 0 || search.depth >= this.#lookup.maxDepth) return search.found
          search.frontier = search.next
          search.next = []
          search.depth++
        }
        const values = search.frontier.slice(0, valuesAtOnce)
        this.#open = this.#resumption.run(() => this.#lookUp(values, run))
        this.#resumption = new Resumption()
        search.frontier = search.frontier.slice(values.length)
      }
      const found = this.#open.current(run)
      if (found === paused) return paused
      if (found === undefined) {
        this.#open = undefined
        continue
      }
      this.#take(search, found, run)
      this.#open.advance()
    }
  }

  #lookUp(values: readonly BsonValue[], { transaction }: Run): InputCursor<BsonValue, Run> {
    const { from, connectTo, restriction, variables } = this.#lookup
    const own = compileFilter(objectOf([[connectTo, objectOf([['$in', arrayOf(values)]])]]), variables)
    const filter = restriction === undefined ? own : both(own, restriction)
    return new InputCursor(this.#reader.open(transaction, from, { ...everything, filter }).documents)
  }

  #take(search: Search, found: BsonValue, run: Run): void {
    const { connectFrom, depthField, variables } = this.#lookup
    const key = keyText(getField(found, '_id') ?? nullValue)
    charge(unitsPerDocument)
    if (search.reached.has(key)) return
    const next = connectFrom(rootScope(found, variables))
    const kept =
      depthField === undefined ? found.copy() : replaceAtPath(found, depthField, int64Value(BigInt(search.depth)))
    // Once where it lies, once in the array.
    this.#memory.hold(run, 2 * keptBytes(kept) + keyBytes(key))
    search.reached.add(key)
    search.found.push(kept)
    this.#ask(search, next, run)
  }

  #forget(): void {
    this.#search = undefined
    this.#open = undefined
    this.#resumption = new Resumption()
    this.#memory.releaseAll()
  }

  reset(): void {
    this.#forget()
    this.#input.reset()
  }
}
