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
 * both fields the pipeline runs over the documents that fit; likewise where the first stage that reads a variable says by
 * `$expr` that a field equals one (`lookup-equality.ts`). Those that fit are found as without a pipeline: by look-ups at first,
 * by a table of all, or of what was kept, when that is cheaper.
 */
import { resumable, Resumption } from '../../base/resumption.ts'
import type { Transaction } from '../../database/contract.ts'
import type { BsonValue } from '../../model/document/bson.ts'
import { bsonType, elementsOf, FieldCursor, fieldsOf, getField, isNestedType } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { parsePath, visitPath, type Path } from '../../model/document/path.ts'
import { keyText } from '../../model/document/order.ts'
import { nullValue, readString } from '../../model/document/values.ts'
import { type Estimate, hashJoinCost, repeatedCost } from '../../query/cost.ts'
import { GroupJoin } from '../../query/group-join.ts'
import { Materialize } from '../../query/materialize.ts'
import { type Batch, batchRows, InputCursor, paused, type Paused, type Run } from '../../query/operator.ts'
import { OperatorMemory } from '../../query/operator-memory.ts'
import { documentBytes, documentFormat, type Documents, keptBytes } from './documents.ts'
import { compileExpression } from './expression.ts'
import { arrayOf, objectOf, type Expression } from './expression-contract.ts'
import { both, compileFilter, type Filter } from './filter.ts'
import { parseOperators } from './filter-operators.ts'
import { longElementsOf } from './long-lists.ts'
import { type Equality, equalityIn, valueOf } from './lookup-equality.ts'
import type { OpenedQuery, Query } from './query.ts'
import { replaceAtPath } from './replace-path.ts'
import { checkVariableName, noVariables, rootScope, type Variables } from './scope.ts'
import type { Stage } from './stage.ts'

export interface CollectionReader {
  /** Those that stages name, whether they come to be read or not; known once the stages are compiled. */
  readonly names: Set<string>
  /** A query of a collection of the query's namespace. */
  open(transaction: Transaction, collection: string, query: Query): OpenedQuery
}

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
  context.reader.names.add(lookup.from)
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

export const everything: Query = {
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

/** A document with what was found for it, which may be much. */
function joinedTo(as: Path): (document: BsonValue, found: readonly BsonValue[]) => BsonValue {
  return resumable((document: BsonValue, found: readonly BsonValue[]) => replaceAtPath(document, as, arrayOf(found)))
}

/** Whether a table of all is cheaper than to go on with look-ups: once those have cost as much. */
class TableChoice {
  #spent = 0
  #tableCost: number | undefined

  lookedUp(estimate: Estimate): void {
    this.#spent += repeatedCost({ rows: 1, cost: 0 }, estimate.cost)
  }

  isCheaper(whole: () => Estimate): boolean {
    if (this.#spent === 0) return false
    this.#tableCost ??= hashJoinCost({ rows: 0, cost: 0 }, whole(), 0)
    return this.#spent >= this.#tableCost
  }
}

/** The input of an operator that hands the rest of it on. */
function restOf(input: InputCursor<BsonValue, Run>): Documents {
  return {
    next: (run) => {
      const document = input.current(run)
      if (document === paused || document === undefined) return document
      input.advance()
      return [document]
    },
    reset: () => undefined,
  }
}

class EqualityLookUp implements Documents {
  readonly #input: InputCursor<BsonValue, Run>
  readonly #lookup: Lookup & { readonly fields: Fields }
  readonly #reader: CollectionReader
  readonly #found = new Found()
  readonly #joinedTo: ReturnType<typeof joinedTo>
  /** For the document at hand. */
  #foreign: Documents | undefined
  #resumption = new Resumption()
  #choice = new TableChoice()
  #joined: GroupJoin<BsonValue, BsonValue, BsonValue, Run> | undefined

  constructor(input: Documents, lookup: Lookup & { readonly fields: Fields }, reader: CollectionReader) {
    this.#input = new InputCursor(input)
    this.#lookup = lookup
    this.#joinedTo = joinedTo(lookup.as)
    this.#reader = reader
  }

  next(run: Run): Batch<BsonValue> {
    if (this.#joined !== undefined) return this.#joined.next(run)
    const document = this.#input.current(run)
    if (document === paused || document === undefined) return document
    if (this.#foreign === undefined) {
      if (this.#choice.isCheaper(() => this.#reader.open(run.transaction, this.#lookup.from, everything).estimate())) {
        this.#joined = this.#join(run)
        return this.#joined.next(run)
      }
      this.#foreign = this.#resumption.run(() => this.#lookUp(document, run))
    }
    // One document at a time: each may come out with megabytes of others.
    const found = this.#found.gather(this.#foreign, run)
    if (found === undefined) return paused
    const joined = this.#joinedTo(document, found)
    this.#forget()
    this.#input.advance()
    return [joined]
  }

  #lookUp(document: BsonValue, { transaction }: Run): Documents {
    const { from, fields } = this.#lookup
    const filter = foreignFilter(fields, document)
    const { documents, estimate } = this.#reader.open(transaction, from, { ...everything, filter })
    this.#choice.lookedUp(estimate())
    return documents
  }

  #join({ transaction }: Run): GroupJoin<BsonValue, BsonValue, BsonValue, Run> {
    const { from, as, fields } = this.#lookup
    const { documents } = this.#reader.open(transaction, from, everything)
    return new GroupJoin<BsonValue, BsonValue, BsonValue, Run>(restOf(this.#input), documents, {
      name: '$lookup',
      outerFormat: documentFormat,
      innerFormat: documentFormat,
      outerKeys: (document) => differentKeys(localValues(document, fields.local)),
      innerKeys: (document) => foreignKeys(document, fields.foreign),
      combine: joinedTo(as),
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
    this.#choice = new TableChoice()
    this.#input.reset()
  }
}

/** A document, and those that may fit it where a table has found them. */
interface Outer {
  readonly document: BsonValue
  readonly fitting: BsonValue | undefined
}

class PipelineLookUp implements Documents {
  readonly #input: InputCursor<BsonValue, Run>
  readonly #lookup: Lookup & { readonly pipeline: BsonValue }
  readonly #context: LookupContext
  readonly #found = new Found()
  readonly #joinedTo: ReturnType<typeof joinedTo>
  /** The stages that are the same for all documents, and the others; where nothing else says which documents fit. */
  readonly #common: BsonValue | undefined
  readonly #own: BsonValue
  readonly #equality: Equality | undefined
  #kept: Materialize<BsonValue, Run> | undefined
  #foreign: Documents | undefined
  #choice = new TableChoice()
  /** Pairs of a document and an array. */
  #joined: InputCursor<BsonValue, Run> | undefined

  constructor(input: Documents, lookup: Lookup & { readonly pipeline: BsonValue }, context: LookupContext) {
    this.#input = new InputCursor(input)
    this.#lookup = lookup
    this.#joinedTo = joinedTo(lookup.as)
    this.#context = context
    const stages = elementsOf(lookup.pipeline)
    const first = stages.findIndex((stage) => readsVariable(stage, lookup.lets))
    const common = lookup.fields !== undefined ? 0 : first < 0 ? stages.length : first
    this.#common = common === 0 && stages.length > 0 ? undefined : arrayOf(stages.slice(0, common))
    this.#own = arrayOf(stages.slice(common))
    const names = lookup.lets.map(([name]) => name)
    this.#equality = lookup.fields === undefined ? equalityIn(stages[common], names) : undefined
  }

  next(run: Run): Batch<BsonValue> {
    if (this.#foreign === undefined && this.#joined === undefined && this.#isTableCheaper(run)) {
      this.#joined = new InputCursor(this.#join(run))
    }
    const outer = this.#current(run)
    if (outer === paused || outer === undefined) return outer
    this.#foreign ??= this.#open(outer, run)
    const found = this.#found.gather(this.#foreign, run)
    if (found === undefined) return paused
    const joined = this.#joinedTo(outer.document, found)
    this.#forget()
    const input = this.#joined ?? this.#input
    input.advance()
    return [joined]
  }

  #current(run: Run): Outer | Paused | undefined {
    if (this.#joined === undefined) {
      const document = this.#input.current(run)
      return document === paused || document === undefined ? document : { document, fitting: undefined }
    }
    const pair = this.#joined.current(run)
    if (pair === paused || pair === undefined) return pair
    return { document: getField(pair, 'document')!, fitting: getField(pair, 'fitting')! }
  }

  #variablesFor(document: BsonValue): Variables {
    const { variables } = this.#context
    const scope = rootScope(document, variables)
    return withLets(
      variables,
      this.#lookup.lets.map(([name, expression]) => [name, expression(scope).copy()] as const),
    )
  }

  #open({ document, fitting }: Outer, run: Run): Documents {
    const { fields, from, pipeline } = this.#lookup
    const { variables, reader } = this.#context
    const own = this.#variablesFor(document)
    const value = this.#equality === undefined ? undefined : valueOf(this.#equality, own)
    if (fitting !== undefined && (fields !== undefined || value !== undefined)) {
      return this.#context.over(this.#own, own, new Listed(fitting))
    }
    if (fields === undefined && this.#common !== undefined) {
      this.#kept ??= new Materialize(
        reader.open(run.transaction, from, this.#context.queryOf(this.#common, variables)).documents,
        documentFormat,
      )
      return this.#context.over(this.#own, own, this.#kept.reader())
    }
    const query = this.#context.queryOf(pipeline, own)
    let { filter } = query
    if (fields !== undefined) filter = both(foreignFilter(fields, document), filter)
    else if (value !== undefined) filter = both(mayEqual(this.#equality!.path, value), filter)
    const { documents, estimate } = reader.open(run.transaction, from, { ...query, filter })
    if (fields !== undefined || value !== undefined) this.#choice.lookedUp(estimate())
    return documents
  }

  /** What was kept is never found by an index. */
  #isTableCheaper({ transaction }: Run): boolean {
    if (this.#equality !== undefined && this.#common !== undefined) return true
    if (this.#equality === undefined && this.#lookup.fields === undefined) return false
    const { reader } = this.#context
    return this.#choice.isCheaper(() => reader.open(transaction, this.#lookup.from, everything).estimate())
  }

  #join({ transaction }: Run): Documents {
    const { from, fields } = this.#lookup
    const { reader, variables } = this.#context
    const query = this.#common === undefined ? everything : this.#context.queryOf(this.#common, variables)
    const { documents } = reader.open(transaction, from, query)
    const path = fields === undefined ? this.#equality!.path : fields.foreign
    const valuesOf = (document: BsonValue): BsonValue[] => {
      if (fields !== undefined) return localValues(document, fields.local)
      const value = valueOf(this.#equality!, this.#variablesFor(document))
      return value === undefined ? [] : [value]
    }
    return new GroupJoin<BsonValue, BsonValue, BsonValue, Run>(restOf(this.#input), documents, {
      name: '$lookup',
      outerFormat: documentFormat,
      innerFormat: documentFormat,
      outerKeys: (document) => differentKeys(valuesOf(document)),
      innerKeys: (document) => foreignKeys(document, path),
      combine: (document, found) =>
        objectOf([
          ['document', document],
          ['fitting', arrayOf(found)],
        ]),
      sizeOf: documentBytes,
    })
  }

  #forget(): void {
    this.#foreign = undefined
    this.#found.forget()
  }

  reset(): void {
    this.#forget()
    this.#kept?.reset()
    this.#kept = undefined
    this.#joined?.reset()
    this.#joined = undefined
    this.#choice = new TableChoice()
    this.#input.reset()
  }
}

/** The documents of an array, where they lie. */
class Listed implements Documents {
  readonly #array: BsonValue
  #cursor: FieldCursor

  constructor(array: BsonValue) {
    this.#array = array
    this.#cursor = FieldCursor.of(array)
  }

  next(): Batch<BsonValue> {
    const batch: BsonValue[] = []
    while (batch.length < batchRows && this.#cursor.next()) batch.push(this.#cursor.value.reference())
    return batch.length > 0 ? batch : undefined
  }

  reset(): void {
    this.#cursor = FieldCursor.of(this.#array)
  }
}

/** For plans: what follows looks at each document itself. */
function mayEqual(path: Path, value: BsonValue): Filter {
  return {
    matches: () => true,
    predicates: [{ path, operator: '$in', values: [value] }],
    conditions: [],
    onlyId: undefined,
    isEmpty: false,
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
