/** `find`, `aggregate`, `count` and `distinct`. */
import { charge, isTurnOver } from '../../../base/work.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { pipelineQuery } from '../../../language/mql/pipeline.ts'
import { checkBounds, type IndexBounds } from '../../../language/mql/index-bounds.ts'
import { plainId } from '../../../language/mql/id-filter.ts'
import { compileProjection, type Projection } from '../../../language/mql/projection.ts'
import { countMatching, visitMatching, type Query } from '../../../language/mql/query.ts'
import { noVariables } from '../../../language/mql/scope.ts'
import {
  bsonType,
  type BsonValue,
  FieldCursor,
  fieldsOf,
  getField,
  isEmptyDocument,
} from '../../../model/document/bson.ts'
import { inOrderOf, stepsInOrderOf } from '../../../model/document/collation.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { keyText } from '../../../model/document/order.ts'
import { parsePath, visitPath } from '../../../model/document/path.ts'
import { toSafeInteger } from '../../../model/document/values.ts'
import { isDocumentView } from '../../../model/document/view.ts'
import { SortedRuns } from '../../../query/sorted-runs.ts'
import { checkCollectionName, missingField, type Command, type Reply, type Request } from '../request.ts'
import { writeElements } from '../reply.ts'
import { requirePresent, writeSnapshot } from '../snapshots.ts'
import { isChangeStream, openChangeStream, wholeDatabase } from './change-streams.ts'
import { openCursor } from './cursor-reply.ts'
import { explainQuery } from './explain-plan.ts'
import {
  collationFor,
  filterOf,
  givenCollation,
  hintOf,
  refuseOptions,
  requireSimpleCollation,
  sortOf,
  sourceOfQuery,
  variablesOf,
} from './query-options.ts'
import { sourcesOf } from './sources.ts'
import { writePipeline } from './write-stages.ts'
import { collectionReader, throughViews } from './views.ts'

const findFields = [
  'filter',
  'sort',
  'projection',
  'hint',
  'skip',
  'limit',
  'batchSize',
  'singleBatch',
  'let',
  'collation',
  'allowDiskUse',
  'noCursorTimeout',
  'tailable',
  'awaitData',
  'oplogReplay',
  'returnKey',
  'showRecordId',
  'min',
  'max',
  'allowPartialResults',
]

/** Of an index, where it is asked for. An empty document says nothing. */
function boundsOf(request: Request): IndexBounds | undefined {
  const [min, max] = ['min', 'max'].map((name) => {
    const bound = request.getObject(name)
    return bound === undefined || isEmptyDocument(bound) ? undefined : bound
  })
  if (min === undefined && max === undefined) return undefined
  const bounds = { min, max }
  checkBounds(bounds)
  return bounds
}

/** Of the collection that the request names, or of what is below the view of that name. */
function ofNamed(request: Request, query: Query): Query {
  const { catalog, database, collectionName } = request
  if (!isDocumentView(catalog.findCollection(database, collectionName))) return query
  if (query.within !== undefined || query.returnsKey === true) {
    const name = query.returnsKey === true ? 'returnKey' : query.within?.min === undefined ? 'max' : 'min'
    throw mongoError(168, `Option ${name} not supported in aggregation.`, 'unsupported')
  }
  return throughViews(catalog, { database, variables: variablesOf(request) }, collectionName, query)
}

/** A query is made in the order of the texts that it asks for. */
function inItsOrder(request: Request, name: string | undefined, parse: () => Query): Query {
  const given = request.get('collation')
  const order = name === undefined ? given && givenCollation(given)?.order : collationFor(request, given, name)
  if (order === undefined) return parse()
  return { ...inOrderOf(order, parse), collation: order }
}

export function parseFind(request: Request): Query {
  // Keys come without what a projection would add to them.
  if (!request.getBoolean('returnKey', false)) refuseOptions(request, ['showRecordId'])
  return inItsOrder(request, request.collectionName, () => findQuery(request))
}

function findQuery(request: Request): Query {
  const given = request.getObject('filter')
  const sort = request.getObject('sort')
  const projection = request.getObject('projection')
  const limit = request.getCount('limit')
  const hasProjection = projection !== undefined && !isEmptyDocument(projection)
  const isLookUp = given !== undefined && plainId(given) !== undefined
  // A plain look-up evaluates nothing.
  const usesVariables = !isLookUp || hasProjection || request.get('let') !== undefined
  const variables = usesVariables ? variablesOf(request) : noVariables
  const filter = filterOf(given, variables)
  const isTailable = request.getBoolean('tailable', false)
  const awaits = request.getBoolean('awaitData', false)
  if (awaits && !isTailable) {
    throw mongoError(mongoCode.failedToParse, "Cannot set 'awaitData' without also setting 'tailable'")
  }
  if (isTailable) requirePresent(request, 'a tailable cursor')
  return ofNamed(request, {
    ...(isTailable && { isTailable, awaits }),
    ...(request.getBoolean('returnKey', false) && { returnsKey: true }),
    within: boundsOf(request),
    filter,
    sort: sortOf(sort),
    skip: request.getCount('skip') ?? 0,
    limit: limit === 0 ? undefined : limit,
    hint: hintOf(request.get('hint'), sort),
    stages: hasProjection ? [projectionStage(compileProjection(projection, variables, filter))] : [],
  })
}

function projectionStage(project: Projection): Query['stages'][number] {
  return { kind: 'document', stage: { kind: 'change', change: project } }
}

function find(request: Request): Reply | Promise<Reply> {
  return openCursor(request, parseFind(request), {
    collection: request.collectionName,
    batchSize: request.getCount('batchSize'),
    singleBatch: request.getBoolean('singleBatch', false),
    isKept: request.getBoolean('noCursorTimeout', false),
  })
}

const aggregateFields = [
  'pipeline',
  'cursor',
  'explain',
  'allowDiskUse',
  'hint',
  'let',
  'collation',
  'bypassDocumentValidation',
]

/** Undefined: all of the database. */
function targetOf(request: Request): string | undefined {
  const target = request.get('aggregate')
  if (target?.isNumber === true) return undefined
  return checkCollectionName(request.database, request.getString('aggregate') ?? '')
}

export function parseAggregate(request: Request): { query: Query; collection: string | undefined } {
  const collection = targetOf(request)
  return { query: inItsOrder(request, collection, () => aggregateQuery(request, collection)), collection }
}

function aggregateQuery(request: Request, collection: string | undefined): Query {
  const pipeline = request.get('pipeline')
  if (pipeline === undefined) throw missingField('aggregate', 'pipeline')
  const variables = variablesOf(request)
  const reader = collectionReader({ database: request.database, variables })
  const query = pipelineQuery(pipeline, { variables, reader, mayWrite: true, sources: sourcesOf(request) })
  if (collection === undefined && query.origin === undefined) {
    throw mongoError(
      mongoCode.invalidNamespace,
      '{aggregate: 1} is not valid for this pipeline: its first stage needs a collection',
    )
  }
  const own = { ...query, hint: hintOf(request.get('hint')), reads: reader.names }
  return collection === undefined ? own : ofNamed(request, own)
}

function batchSizeOf(request: Request): number | undefined {
  const cursor = request.getObject('cursor')
  if (cursor === undefined) {
    throw mongoError(
      mongoCode.failedToParse,
      "The 'cursor' option is required, except for aggregate with the explain argument",
    )
  }
  const unknown = fieldsOf(cursor).find(([name]) => name !== 'batchSize')
  if (unknown !== undefined) throw mongoError(40_415, `BSON field 'cursor.${unknown[0]}' is an unknown field.`)
  const size = getField(cursor, 'batchSize')
  const batchSize = size === undefined ? undefined : toSafeInteger(size)
  if (size !== undefined && (batchSize === undefined || batchSize < 0)) {
    throw mongoError(mongoCode.badValue, 'cursor.batchSize must be a non-negative number')
  }
  return batchSize
}

function aggregate(request: Request): Reply | Promise<Reply> {
  const pipeline = request.get('pipeline')
  if (pipeline !== undefined && isChangeStream(pipeline)) {
    requireSimpleCollation(request.get('collation'))
    return openChangeStream(request, pipeline, targetOf(request), batchSizeOf(request))
  }
  const { query, collection } = parseAggregate(request)
  if (request.getBoolean('explain', false))
    return explainQuery(request, { query, collection: collection ?? wholeDatabase }, false)
  if (query.write !== undefined) {
    requirePresent(request, '$out or $merge')
    void batchSizeOf(request)
    return writePipeline(request, query, collection)
  }
  return openCursor(request, query, {
    collection: collection ?? wholeDatabase,
    batchSize: batchSizeOf(request),
    singleBatch: false,
  })
}

export function parseCount(request: Request): Query {
  return inItsOrder(request, request.collectionName, () => countQuery(request))
}

function countQuery(request: Request): Query {
  const limit = Math.abs(request.getInteger('limit') ?? 0)
  return ofNamed(request, {
    filter: filterOf(request.getObject('query'), variablesOf(request)),
    sort: [],
    skip: request.getCount('skip') ?? 0,
    limit: limit === 0 ? undefined : limit,
    hint: hintOf(request.get('hint')),
    stages: [],
  })
}

function count(request: Request): Reply | Promise<Reply> {
  const query = parseCount(request)
  const { database, collectionName } = request
  const counted = request.read(function* (transaction): StatementSteps<number> {
    const source = sourceOfQuery(transaction, database, collectionName, query)
    return source === undefined ? 0 : yield* countMatching(query, source, transaction)
  })
  const reply =
    (n: number): Reply =>
    (writer) =>
      writer.count('n', n)
  return counted instanceof Promise ? counted.then(reply) : reply(counted)
}

export function parseDistinct(request: Request): Query {
  return inItsOrder(request, request.collectionName, () => distinctQuery(request))
}

function distinctQuery(request: Request): Query {
  const filter = filterOf(request.getObject('query'), variablesOf(request))
  const plain: Query = { filter, sort: [], skip: 0, limit: undefined, hint: hintOf(request.get('hint')), stages: [] }
  return ofNamed(request, plain)
}

function distinct(request: Request): Reply | Promise<Reply> {
  const name = request.getString('key')
  if (name === undefined) throw missingField('distinct', 'key')
  const query = parseDistinct(request)
  const { database, collectionName } = request
  const values = request.read((transaction) => {
    return stepsInOrderOf(query.collation, () => distinctValues(transaction, query, database, collectionName, name))
  })
  const reply = (found: readonly BsonValue[]): Reply => ({
    *steps(writer) {
      writer.beginArray('values')
      yield* writeElements(writer, found)
      writer.end()
      writeSnapshot(writer, request.snapshot)
    },
  })
  return values instanceof Promise ? values.then(reply) : reply(values)
}

const largestDistinctBytes = 16 * 1024 * 1024

function* distinctValues(
  transaction: Transaction,
  query: Query,
  namespace: string,
  collection: string,
  name: string,
): StatementSteps<BsonValue[]> {
  const source = sourceOfQuery(transaction, namespace, collection, query)
  const path = parsePath(name)
  const found = new Set<string>()
  const sorting = new SortedRuns<readonly [string, BsonValue]>(
    ([a], [b]) => (a < b ? -1 : a > b ? 1 : 0),
    () => undefined,
  )
  let bytes = 0
  if (source === undefined) return []
  const add = (value: BsonValue): void => {
    const key = keyText(value)
    if (found.has(key)) return
    bytes += value.end - value.start
    charge(unitsPerDistinct)
    if (bytes > largestDistinctBytes) throw mongoError(17_217, 'distinct too big, 16mb cap', 'too_large')
    const copy = value.copy()
    found.add(key)
    sorting.add([key, copy])
  }
  /** Arrays in memory of their own, since they may take more than a turn. */
  const arraysOf = (document: BsonValue): BsonValue[] => {
    const arrays: BsonValue[] = []
    visitPath(document.bytes, document.start, path, 'array only', (value) => {
      if (value.type === bsonType.array) arrays.push(value.copy())
      else if (!value.isMissing) add(value)
      return false
    })
    return arrays
  }
  function* visit(document: BsonValue): StatementSteps<boolean> {
    for (const array of yield* inPlace(transaction, () => arraysOf(document))) {
      const cursor = FieldCursor.of(array)
      while (cursor.next()) {
        add(cursor.value)
        if (isTurnOver()) yield undefined
      }
    }
    return true
  }
  yield* visitMatching(query, source, transaction, visit)
  for (let moved = sorting.step(); moved > 0; moved = sorting.step()) {
    if (transaction.slice.spend(moved)) yield undefined
  }
  return sorting.takeAll().map(([, value]) => value)
}

/** Of a value that is new: its key, a copy, its place in the order. */
const unitsPerDistinct = 500

export const readCommands: readonly Command[] = [
  { name: 'find', fields: findFields, access: 'collections', inTransaction: true, readsSnapshots: 'any', run: find },
  {
    name: 'aggregate',
    fields: aggregateFields,
    access: 'collections',
    inTransaction: true,
    readsSnapshots: 'any',
    run: aggregate,
  },
  {
    name: 'count',
    fields: ['query', 'limit', 'skip', 'hint', 'collation', 'fields'],
    access: 'collections',
    run: count,
  },
  {
    name: 'distinct',
    fields: ['key', 'query', 'collation', 'hint'],
    access: 'collections',
    inTransaction: true,
    readsSnapshots: 'any',
    run: distinct,
  },
]
