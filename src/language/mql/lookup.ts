/**
 * `$lookup`: the documents of another collection that fit, as an array.
 *
 * By `localField` and `foreignField` it is a join. It begins by looking documents up one by one, each by the plan that costs
 * least, so that a few of them go by an index, or read what they need and no more. When the look-ups that it has made have cost
 * as much as a table of the whole collection would, it makes that table and goes on by it (`query/group-join.ts`): so it is never
 * dearer than twice the better of both, whatever number of documents comes.
 *
 * With a `pipeline` the stages that read no variable of `let` are computed once, and kept; those behind them run for each
 * document over what was kept. Where the first stage reads one already, all of them run over the collection each time. Beside
 * both fields the pipeline runs over the documents that fit.
 */
import { Resumption } from '../../base/resumption.ts'
import type { Transaction } from '../../database/contract.ts'
import type { BsonValue } from '../../model/document/bson.ts'
import { bsonType, elementsOf, fieldsOf, isNestedType } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { parsePath, visitPath, type Path } from '../../model/document/path.ts'
import { keyText } from '../../model/document/order.ts'
import { nullValue, readString } from '../../model/document/values.ts'
import { hashJoinCost, repeatedCost } from '../../query/cost.ts'
import { GroupJoin } from '../../query/group-join.ts'
import { Materialize } from '../../query/materialize.ts'
import { type Batch, InputCursor, paused, type Run } from '../../query/operator.ts'
import { OperatorMemory } from '../../query/operator-memory.ts'
import { documentBytes, documentFormat, type Documents, keptBytes } from './documents.ts'
import { compileExpression } from './expression.ts'
import { arrayOf, objectOf, type Expression } from './expression-contract.ts'
import { compileFilter, type Filter } from './filter.ts'
import { parseOperators } from './filter-operators.ts'
import { longElementsOf } from './long-lists.ts'
import type { OpenedQuery, Query } from './query.ts'
import { replaceAtPath } from './replace-path.ts'
import { checkVariableName, noVariables, rootScope, type Variables } from './scope.ts'
import type { Stage } from './stage.ts'

/** A query of a collection of the query's namespace. */
export type CollectionReader = (transaction: Transaction, collection: string, query: Query) => OpenedQuery

export interface LookupContext {
  readonly variables: Variables
  readonly reader: CollectionReader
  queryOf(pipeline: BsonValue, variables: Variables): Query
  /** The pipeline's stages over documents that are there. */
  over(pipeline: BsonValue, variables: Variables, documents: Documents): Documents
}

interface Fields {
  readonly local: Path
  readonly foreign: Path
}

interface Lookup {
  readonly from: string
  readonly as: Path
  readonly fields: Fields | undefined
  readonly pipeline: BsonValue | undefined
  readonly lets: readonly (readonly [string, Expression])[]
}

export function compileLookup(specification: BsonValue, context: LookupContext): Stage {
  const lookup = readLookup(specification)
  const { pipeline, fields } = lookup
  if (pipeline === undefined)
    return (input) => new EqualityLookUp(input, { ...lookup, fields: fields! }, context.reader)
  // What is wrong with it is said even where no document comes.
  context.queryOf(
    pipeline,
    withLets(
      context.variables,
      lookup.lets.map(([name]) => [name, nullValue] as const),
    ),
  )
  return (input) => new PipelineLookUp(input, { ...lookup, pipeline }, context)
}

function readLookup(specification: BsonValue): Lookup {
  if (specification.type !== bsonType.object) throw mongoError(mongoCode.failedToParse, '$lookup needs an object')
  const parts = new Map(fieldsOf(specification))
  for (const name of parts.keys()) {
    if (!['from', 'localField', 'foreignField', 'as', 'let', 'pipeline'].includes(name)) {
      throw mongoError(mongoCode.failedToParse, `unknown argument to $lookup: ${name}`)
    }
  }
  const text = (name: string): string => {
    const value = parts.get(name)
    if (value?.type === bsonType.string) return readString(value)
    throw mongoError(mongoCode.failedToParse, `$lookup argument '${name}' must be a string`)
  }
  const pipeline = parts.get('pipeline')
  const lets = parts.get('let')
  const hasFields = parts.has('localField') || parts.has('foreignField')
  if (!hasFields && pipeline === undefined) {
    throw mongoError(
      mongoCode.failedToParse,
      "$lookup requires either 'pipeline' or both 'localField' and 'foreignField' to be specified",
    )
  }
  if (lets !== undefined && pipeline === undefined) {
    throw mongoError(mongoCode.failedToParse, "$lookup with a 'let' argument must also specify 'pipeline'")
  }
  if (lets !== undefined && lets.type !== bsonType.object) {
    throw mongoError(mongoCode.failedToParse, "$lookup argument 'let' must be an object")
  }
  return {
    from: text('from'),
    as: parsePath(text('as')),
    fields: hasFields ? { local: parsePath(text('localField')), foreign: parsePath(text('foreignField')) } : undefined,
    pipeline,
    lets:
      lets === undefined
        ? []
        : fieldsOf(lets).map(([name, value]) => [checkVariableName(name), compileExpression(value)] as const),
  }
}

const everything: Query = {
  filter: compileFilter(objectOf([]), noVariables),
  sort: [],
  skip: 0,
  limit: undefined,
  hint: undefined,
  stages: [],
}

/** What a document finds, gathered: it may be interrupted, and goes on where it was. */
class Found {
  readonly #memory = new OperatorMemory('$lookup')
  #documents: BsonValue[] = []

  /** All that comes; undefined: it has to wait. */
  gather(from: Documents, run: Run): readonly BsonValue[] | undefined {
    for (;;) {
      const batch = from.next(run)
      if (batch === paused) return undefined
      if (batch === undefined) return this.#documents
      for (const one of batch) {
        // Once where it lies, once in the array.
        this.#memory.hold(run, 2 * keptBytes(one))
        this.#documents.push(one.copy())
      }
    }
  }

  forget(): void {
    this.#documents = []
    this.#memory.releaseAll()
  }
}

class EqualityLookUp implements Documents {
  readonly #input: InputCursor<BsonValue, Run>
  readonly #lookup: Lookup & { readonly fields: Fields }
  readonly #reader: CollectionReader
  readonly #found = new Found()
  /** For the document at hand. */
  #foreign: Documents | undefined
  #resumption = new Resumption()
  /** Of the look-ups that were made. */
  #spent = 0
  #tableCost: number | undefined
  #joined: GroupJoin<BsonValue, BsonValue, BsonValue, Run> | undefined

  constructor(input: Documents, lookup: Lookup & { readonly fields: Fields }, reader: CollectionReader) {
    this.#input = new InputCursor(input)
    this.#lookup = lookup
    this.#reader = reader
  }

  next(run: Run): Batch<BsonValue> {
    if (this.#joined !== undefined) return this.#joined.next(run)
    const document = this.#input.current(run)
    if (document === paused || document === undefined) return document
    if (this.#foreign === undefined) {
      if (this.#isTableCheaper(run)) {
        this.#joined = this.#join(run)
        return this.#joined.next(run)
      }
      this.#foreign = this.#resumption.run(() => this.#lookUp(document, run))
    }
    // One document at a time: each may come out with megabytes of others.
    const found = this.#found.gather(this.#foreign, run)
    if (found === undefined) return paused
    const joined = replaceAtPath(document, this.#lookup.as, arrayOf(found))
    this.#forget()
    this.#input.advance()
    return [joined]
  }

  #lookUp(document: BsonValue, { transaction }: Run): Documents {
    const { from, fields } = this.#lookup
    const filter = foreignFilter(fields, document)
    const { documents, estimate } = this.#reader(transaction, from, { ...everything, filter })
    this.#spent += repeatedCost({ rows: 1, cost: 0 }, estimate().cost)
    return documents
  }

  #isTableCheaper({ transaction }: Run): boolean {
    if (this.#spent === 0) return false
    if (this.#tableCost === undefined) {
      const whole = this.#reader(transaction, this.#lookup.from, everything).estimate()
      this.#tableCost = hashJoinCost({ rows: 0, cost: 0 }, whole, 0)
    }
    return this.#spent >= this.#tableCost
  }

  #join({ transaction }: Run): GroupJoin<BsonValue, BsonValue, BsonValue, Run> {
    const { from, as, fields } = this.#lookup
    const { documents } = this.#reader(transaction, from, everything)
    const rest: Documents = {
      next: (run) => {
        const document = this.#input.current(run)
        if (document === paused || document === undefined) return document
        this.#input.advance()
        return [document]
      },
      reset: () => undefined,
    }
    return new GroupJoin<BsonValue, BsonValue, BsonValue, Run>(rest, documents, {
      name: '$lookup',
      outerFormat: documentFormat,
      innerFormat: documentFormat,
      outerKeys: (document) => differentKeys(localValues(document, fields.local)),
      innerKeys: (document) => foreignKeys(document, fields.foreign),
      combine: (document, found) => replaceAtPath(document, as, arrayOf(found)),
      sizeOf: documentBytes,
    })
  }

  #forget(): void {
    this.#foreign = undefined
    this.#resumption = new Resumption()
    this.#found.forget()
  }

  reset(): void {
    this.#forget()
    this.#joined?.reset()
    this.#joined = undefined
    this.#spent = 0
    this.#tableCost = undefined
    this.#input.reset()
  }
}

class PipelineLookUp implements Documents {
  readonly #input: InputCursor<BsonValue, Run>
  readonly #lookup: Lookup & { readonly pipeline: BsonValue }
  readonly #context: LookupContext
  readonly #found = new Found()
  /** The stages that are the same for all documents, and the others; where nothing else says which documents fit. */
  readonly #common: BsonValue | undefined
  readonly #own: BsonValue
  #kept: Materialize<BsonValue, Run> | undefined
  #foreign: Documents | undefined

  constructor(input: Documents, lookup: Lookup & { readonly pipeline: BsonValue }, context: LookupContext) {
    this.#input = new InputCursor(input)
    this.#lookup = lookup
    this.#context = context
    const stages = elementsOf(lookup.pipeline)
    const first = stages.findIndex((stage) => readsVariable(stage, lookup.lets))
    const common = lookup.fields !== undefined ? 0 : first < 0 ? stages.length : first
    this.#common = common === 0 && stages.length > 0 ? undefined : arrayOf(stages.slice(0, common))
    this.#own = arrayOf(stages.slice(common))
  }

  next(run: Run): Batch<BsonValue> {
    const document = this.#input.current(run)
    if (document === paused || document === undefined) return document
    this.#foreign ??= this.#open(document, run)
    const found = this.#found.gather(this.#foreign, run)
    if (found === undefined) return paused
    const joined = replaceAtPath(document, this.#lookup.as, arrayOf(found))
    this.#forget()
    this.#input.advance()
    return [joined]
  }

  #open(document: BsonValue, run: Run): Documents {
    const { lets, fields, from, pipeline } = this.#lookup
    const { variables, reader } = this.#context
    const scope = rootScope(document, variables)
    const own = withLets(
      variables,
      lets.map(([name, expression]) => [name, expression(scope).copy()] as const),
    )
    if (fields === undefined && this.#common !== undefined) {
      this.#kept ??= new Materialize(
        reader(run.transaction, from, this.#context.queryOf(this.#common, variables)).documents,
        documentFormat,
      )
      return this.#context.over(this.#own, own, this.#kept.reader())
    }
    const query = this.#context.queryOf(pipeline, own)
    const filter = fields === undefined ? query.filter : both(foreignFilter(fields, document), query.filter)
    return reader(run.transaction, from, { ...query, filter }).documents
  }

  #forget(): void {
    this.#foreign = undefined
    this.#found.forget()
  }

  reset(): void {
    this.#forget()
    this.#kept?.reset()
    this.#kept = undefined
    this.#input.reset()
  }
}

function withLets(variables: Variables, lets: readonly (readonly [string, BsonValue])[]): Variables {
  return new Map([...variables, ...lets])
}

/** A text in it begins with `$$` and a name of `let`: more may than do. */
function readsVariable(value: BsonValue, lets: Lookup['lets']): boolean {
  if (value.type === bsonType.string) {
    const text = readString(value)
    return text.startsWith('$$') && lets.some(([name]) => text.slice(2).split('.')[0] === name)
  }
  return isNestedType(value.type) && elementsOf(value).some((one) => readsVariable(one, lets))
}

function both(a: Filter, b: Filter): Filter {
  return {
    matches: (document) => a.matches(document) && b.matches(document),
    predicates: [...a.predicates, ...b.predicates],
    conditions: [],
    onlyId: undefined,
    isEmpty: false,
  }
}

/** Matches foreign documents whose field is one of the local field's values; a missing one counts as null. */
function foreignFilter({ local, foreign }: Fields, document: BsonValue): Filter {
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
    if (value.type === bsonType.array) for (const element of longElementsOf(value)) values.push(element)
    else values.push(value.isNullish ? nullValue : value.reference())
    return false
  })
  return values.filter((value) => value.type !== bsonType.regex)
}

/** What a document of the other collection is found by: as `$in` tests it. */
function foreignKeys(document: BsonValue, path: Path): string[] {
  const keys = new Set<string>()
  visitPath(document.bytes, document.start, path, 'elements and array', (value) => {
    keys.add(keyOf(value))
    return false
  })
  return [...keys]
}

function differentKeys(values: readonly BsonValue[]): string[] {
  return values.length === 1 ? [keyOf(values[0]!)] : [...new Set(values.map(keyOf))]
}

/** null equals what is missing or undefined. */
function keyOf(value: BsonValue): string {
  return keyText(value.isNullish ? nullValue : value)
}
