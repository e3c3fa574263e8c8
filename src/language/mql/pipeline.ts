/**
 * Aggregation pipelines: parsed to what a query does anyway (filter, sort, skip, limit, by index where it can) and the
 * stages behind it.
 */
import { bsonType, type BsonValue, elementsOf, fieldsOf, getField, isEmptyDocument } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { int32Value, readString, toSafeInteger } from '../../model/document/values.ts'
import { compileExpression } from './expression.ts'
import { arrayOf, objectOf } from './expression-contract.ts'
import { both, compileFilter, type Filter } from './filter.ts'
import { parseGeoNear } from './geo-near.ts'
import { compileGroup, countPerValue, countStage } from './group.ts'
import { compileLookup, type CollectionReader } from './lookup.ts'
import { compileBucket } from './bucket.ts'
import { compileBucketAuto } from './bucket-auto.ts'
import { compileDensify } from './densify.ts'
import { compileFill } from './fill.ts'
import { compileGraphLookup } from './graph-lookup.ts'
import { compileWindowFields } from './window-fields.ts'
import { compileAddFields, compileProjection, compileUnset, fieldNames, type Projection } from './projection.ts'
import { rootScope, type Variables } from './scope.ts'
import type { Query } from './query.ts'
import { parseSort, type SortField } from './sort-order.ts'
import { Limit } from '../../query/row-operators.ts'
import { Facet } from './facet.ts'
import type { Documents } from './documents.ts'
import { sortDocuments } from './sorting.ts'
import { type DocumentStage, operatorOf, type Stage } from './stage.ts'
import { compileRedact, compileSample } from './sample.ts'
import { compileUnion, documentsStage } from './union.ts'
import { compileUnwind } from './unwind.ts'

export type PipelineStage =
  | { readonly kind: 'document'; readonly stage: DocumentStage }
  | { readonly kind: 'blocking'; readonly stage: Stage }

export interface PipelineContext {
  readonly variables: Variables
  readonly reader: CollectionReader
  /** Its last stage may say where its documents go. */
  readonly mayWrite?: boolean
  /** What other first stages make. */
  readonly sources?: ReadonlyMap<string, (specification: BsonValue) => () => Documents>
}

/** `[name, specification]` of each stage. */
type Parsed = readonly [string, BsonValue]

/** Leading `$match`, `$sort`, `$skip` and `$limit` are what a query does. */
export function pipelineQuery(pipeline: BsonValue, context: PipelineContext): Query {
  const all = parseStages(pipeline)
  const write = writeOf(all, context)
  const parsed = write === undefined ? all : all.slice(0, -1)
  const origin = originOf(parsed[0], context)
  let at = origin === undefined ? 0 : 1
  if (origin !== undefined) {
    const stages = parsed.slice(at).map((stage) => compileStage(stage, context))
    return { filter: compileFilter(objectOf([]), context.variables), ...nothingElse, stages, origin, write }
  }
  if (parsed[0]?.[0] === '$geoNear') {
    const geoNear = parseGeoNear(parsed[0][1])
    const stages = parsed.slice(1).map((stage) => compileStage(stage, context))
    return { filter: matchFilter(geoNear.query, context), ...nothingElse, stages, geoNear, write }
  }
  const matches: BsonValue[] = []
  while (parsed[at]?.[0] === '$match') matches.push(checkedObject(parsed[at++]!))
  let sort: SortField[] = []
  if (parsed[at]?.[0] === '$sort') sort = sortFields(parsed[at++]!)
  let skip = 0
  if (parsed[at]?.[0] === '$skip') skip = count(parsed[at++]!, 0)
  let limit: number | undefined
  if (parsed[at]?.[0] === '$limit') limit = count(parsed[at++]!, 1)
  const condition = matches.length > 1 ? objectOf([['$and', arrayOf(matches)]]) : (matches[0] ?? objectOf([]))
  const filter = matchFilter(condition, context)
  const stages = parsed.slice(at).map((stage) => compileStage(stage, context))
  return { filter, sort, skip, limit, hint: undefined, stages, write }
}

/** Errors: what is near, for which there is a stage (5626500). */
function matchFilter(condition: BsonValue, { variables }: PipelineContext): Filter {
  const filter = compileFilter(condition, variables)
  if (filter.hasWhere === true) throw mongoError(mongoCode.badValue, '$where is not allowed in this context')
  if (filter.near === undefined) return filter
  throw mongoError(5_626_500, '$geoNear, $near, and $nearSphere are not allowed in this context')
}

const nothingElse = { sort: [], skip: 0, limit: undefined, hint: undefined }

function writeOf(parsed: readonly Parsed[], { mayWrite }: PipelineContext): Query['write'] {
  const at = parsed.findIndex(([name]) => name === '$out' || name === '$merge')
  if (at < 0) return undefined
  const [name, specification] = parsed[at]!
  if (mayWrite !== true) throw mongoError(51_047, `${name} is not allowed within a sub-pipeline`)
  if (at < parsed.length - 1) throw mongoError(40_601, `${name} can only be the final stage in the pipeline`)
  return { name: name as '$out' | '$merge', specification }
}

/** Documents that the first stage makes. */
function originOf(first: Parsed | undefined, { variables, sources }: PipelineContext): Query['origin'] {
  if (first === undefined) return undefined
  const [name, specification] = first
  if (name === '$documents') return documentsStage(specification, variables)
  return sources?.get(name)?.(specification)
}

const stagesOfChanges = new Set([
  '$addFields',
  '$match',
  '$project',
  '$redact',
  '$replaceRoot',
  '$replaceWith',
  '$set',
  '$unset',
])

/** The stages behind `$changeStream`. Errors: IllegalOperation (20) for what needs an end. */
export function changeStages(pipeline: BsonValue, context: PipelineContext): DocumentStage[] {
  return parseStages(pipeline)
    .slice(1)
    .map((parsed) => {
      const [name] = parsed
      if (stagesOfChanges.has(name)) return (compileStage(parsed, context) as { readonly stage: DocumentStage }).stage
      if (stageNames.includes(name) || knownStages.has(name)) {
        throw mongoError(
          mongoCode.illegalOperation,
          `${name} is not permitted in a $changeStream pipeline`,
          'unsupported',
        )
      }
      throw mongoError(mongoCode.unknownStage, `Unrecognized pipeline stage name: '${name}'`)
    })
}

/** What a query asks, over the documents of another one: as one query, by index where the first has no stages of its own. */
export function overQuery(below: Query, query: Query): Query {
  const isPlain = below.stages.length === 0 && below.sort.length === 0 && below.skip === 0 && below.limit === undefined
  if (isPlain && below.geoNear === undefined) {
    return { ...query, filter: both(below.filter, query.filter), reads: query.reads }
  }
  if (query.geoNear !== undefined || query.filter.near !== undefined) throw geoNearElsewhere()
  return { ...below, stages: [...below.stages, ...stagesOf(query)], reads: query.reads, hint: undefined }
}

/** All that a query asks, as stages. */
export function stagesOf({ filter, sort: order, skip: first, limit: most, stages }: Query): PipelineStage[] {
  const made: PipelineStage[] = []
  if (!filter.isEmpty) made.push({ kind: 'document', stage: { kind: 'match', matches: filter.matches } })
  if (order.length > 0) made.push({ kind: 'blocking', stage: (input) => sortDocuments(input, order) })
  if (first > 0 || most !== undefined) {
    const bounds = { offset: first, limit: most ?? Infinity }
    made.push({ kind: 'blocking', stage: (input) => new Limit(input, () => bounds) })
  }
  return [...made, ...stages]
}

function compileStages(pipeline: BsonValue, context: PipelineContext): PipelineStage[] {
  return parseStages(pipeline).map((stage) => compileStage(stage, context))
}

function parseStages(pipeline: BsonValue): Parsed[] {
  if (pipeline.type !== bsonType.array) {
    throw mongoError(mongoCode.typeMismatch, "'pipeline' option must be specified as an array", 'wrong_type')
  }
  const stages = elementsOf(pipeline)
  if (stages.length > 1000) throw mongoError(7_749_501, 'Pipeline length must be no longer than 1000 stages')
  return stages.map((stage) => {
    if (stage.type !== bsonType.object) {
      throw mongoError(mongoCode.typeMismatch, "Each element of the 'pipeline' array must be an object", 'wrong_type')
    }
    const fields = fieldsOf(stage)
    if (fields.length !== 1) {
      throw mongoError(40_323, 'A pipeline stage specification object must contain exactly one field.')
    }
    return fields[0]!
  })
}

function compileStage([name, specification]: Parsed, context: PipelineContext): PipelineStage {
  const documentStage = documentStages.get(name)
  if (documentStage !== undefined) return { kind: 'document', stage: documentStage(specification, context) }
  if (name === '$geoNear') throw geoNearElsewhere()
  const blockingStage = blockingStages.get(name)
  if (blockingStage !== undefined) return { kind: 'blocking', stage: blockingStage(specification, context) }
  if (knownStages.has(name)) {
    throw mongoError(mongoCode.commandNotSupported, `the stage ${name} is not supported`, 'unsupported')
  }
  throw mongoError(mongoCode.unknownStage, `Unrecognized pipeline stage name: '${name}'`)
}

function geoNearElsewhere(): Error {
  return mongoError(40_602, '$geoNear is only valid as the first stage in a pipeline.')
}

/** Stages of the real server that are refused by name. */
const knownStages: ReadonlySet<string> = new Set(
  (
    '$out $merge $geoNear $changeStream $collStats $indexStats $planCacheStats $search ' +
    '$searchMeta $documents $currentOp $listSessions ' +
    '$listLocalSessions $vectorSearch'
  ).split(' '),
)

function checkedObject([name, specification]: Parsed): BsonValue {
  if (specification.type === bsonType.object) return specification
  throw mongoError(
    name === '$match' ? 15_959 : 15_973,
    `the ${name.slice(1)} filter must be an expression in an object`,
  )
}

function sortFields(parsed: Parsed): SortField[] {
  const fields = parseSort(checkedObject(parsed))
  if (fields.length === 0) throw mongoError(15_976, '$sort stage must have at least one sort key')
  return fields
}

function count([name, value]: Parsed, least: number): number {
  const number = toSafeInteger(value)
  if (number === undefined) throw mongoError(5_107_201, `invalid argument to ${name} stage: Expected an integer`)
  if (number < least) {
    if (name === '$limit') throw mongoError(15_958, 'the limit must be positive')
    throw mongoError(5_107_200, `invalid argument to ${name} stage: Expected a non-negative number, got: ${number}`)
  }
  return number
}

function mapped(change: Projection): DocumentStage {
  return { kind: 'change', change }
}

type MakeDocumentStage = (specification: BsonValue, context: PipelineContext) => DocumentStage

const match: MakeDocumentStage = (specification, context) => {
  const { matches } = matchFilter(checkedObject(['$match', specification]), context)
  return { kind: 'match', matches }
}

const project: MakeDocumentStage = (specification, { variables }) => {
  if (specification.type !== bsonType.object) throw mongoError(15_969, '$project specification must be an object')
  if (fieldsOf(specification).length === 0) {
    throw mongoError(51_272, 'Invalid $project :: caused by :: projection specification must have at least one field')
  }
  return mapped(compileProjection(specification, variables))
}

const addFields: MakeDocumentStage = (specification, { variables }) => {
  if (specification.type !== bsonType.object)
    throw mongoError(40_272, '$addFields specification stage must be an object')
  return mapped(compileAddFields(specification, variables))
}

const replaceRoot: MakeDocumentStage = (specification, context) => {
  const wanted = specification.type === bsonType.object ? getField(specification, 'newRoot') : undefined
  if (wanted === undefined) throw mongoError(40_231, 'no newRoot specified for the $replaceRoot stage')
  return replaceWith(wanted, context)
}

const replaceWith: MakeDocumentStage = (specification, { variables }) => {
  const expression = compileExpression(specification)
  return mapped((document) => {
    const root = expression(rootScope(document, variables))
    if (root.type === bsonType.object) return root
    throw mongoError(40_228, `'newRoot' expression must evaluate to an object`)
  })
}

const documentStages: ReadonlyMap<string, MakeDocumentStage> = new Map<string, MakeDocumentStage>([
  ['$match', match],
  ['$project', project],
  ['$addFields', addFields],
  ['$set', addFields],
  ['$unset', (specification) => mapped(compileUnset(fieldNames(specification)))],
  ['$replaceRoot', replaceRoot],
  ['$replaceWith', replaceWith],
  ['$unwind', (specification) => compileUnwind(specification)],
  ['$redact', (specification, { variables }) => compileRedact(specification, variables)],
])

type MakeStage = (specification: BsonValue, context: PipelineContext) => Stage

const sort: MakeStage = (specification) => {
  const fields = sortFields(['$sort', specification])
  return (input) => sortDocuments(input, fields)
}

const limit: MakeStage = (specification) => {
  const most = count(['$limit', specification], 1)
  return (input) => new Limit(input, () => ({ offset: 0, limit: most }))
}

const skip: MakeStage = (specification) => {
  const first = count(['$skip', specification], 0)
  return (input) => new Limit(input, () => ({ offset: first, limit: Infinity }))
}

const countDocuments: MakeStage = (specification) => {
  const name = specification.type === bsonType.string ? readString(specification) : ''
  if (name === '') throw mongoError(40_156, 'the count field must be a non-empty string')
  if (name.startsWith('$')) throw mongoError(40_158, 'the count field cannot be a $-prefixed path')
  if (name.includes('.')) throw mongoError(40_160, "the count field cannot contain '.'")
  return countStage(name)
}

const sortByCount: MakeStage = (specification, { variables }) => {
  const isPath = specification.type === bsonType.string && readString(specification).startsWith('$')
  const isExpression =
    specification.type === bsonType.object && fieldsOf(specification)[0]?.[0].startsWith('$') === true
  if (!isPath && !isExpression) {
    const message = 'the sortByCount field must be defined as a $-prefixed path or an expression inside an object'
    throw mongoError(specification.type === bsonType.object ? 40_147 : 40_148, message)
  }
  const group = compileGroup(countPerValue(specification), variables)
  const order = parseSort(objectOf([['count', int32Value(-1)]]))
  return (input) => sortDocuments(group(input), order)
}

/** Every branch sees all documents; one document with the branches' results comes out. */
const facet: MakeStage = (specification, context) => {
  if (specification.type !== bsonType.object || isEmptyDocument(specification)) {
    throw mongoError(40_169, 'the $facet specification must be a non-empty object')
  }
  const branches = fieldsOf(specification).map(([name, pipeline]) => {
    if (name.startsWith('$')) throw mongoError(16_410, `FieldPath field names may not start with '$': ${name}`)
    if (name.includes('.')) throw mongoError(16_412, `FieldPath field names may not contain '.': ${name}`)
    const parsed = parseStages(pipeline)
    if (parsed.some(([stage]) => stage === '$facet')) {
      throw mongoError(40_600, '$facet is not allowed to be used within a $facet stage')
    }
    return { name, stages: parsed.map((stage) => compileStage(stage, context)) }
  })
  return (input) =>
    new Facet(
      input,
      branches.map(({ name, stages }) => ({ name, over: (documents) => chain(stages, documents) })),
    )
}

/** All stages over the documents that come. */
export function chain(stages: readonly PipelineStage[], input: Documents): Documents {
  let documents = input
  for (const one of stages) {
    documents = one.kind === 'document' ? operatorOf(one.stage, documents) : one.stage(documents)
  }
  return documents
}

const lookup: MakeStage = (specification, context) =>
  compileLookup(specification, {
    ...context,
    queryOf: (pipeline, variables) => pipelineQuery(pipeline, { ...context, variables, mayWrite: false }),
    over: (pipeline, variables, documents) => chain(compileStages(pipeline, { ...context, variables }), documents),
  })

const unionWith: MakeStage = (specification, context) =>
  compileUnion(specification, context.reader, (pipeline) => pipelineQuery(pipeline, { ...context, mayWrite: false }))

const blockingStages: ReadonlyMap<string, MakeStage> = new Map<string, MakeStage>([
  ['$sort', sort],
  ['$limit', limit],
  ['$skip', skip],
  ['$count', countDocuments],
  ['$group', (specification, { variables }) => compileGroup(specification, variables)],
  ['$sortByCount', sortByCount],
  ['$bucket', (specification, { variables }) => compileBucket(specification, variables)],
  ['$bucketAuto', (specification, { variables }) => compileBucketAuto(specification, variables)],
  ['$setWindowFields', (specification, { variables }) => compileWindowFields(specification, variables)],
  ['$fill', (specification, { variables }) => compileFill(specification, variables)],
  ['$densify', (specification) => compileDensify(specification)],
  ['$graphLookup', (specification, { reader, variables }) => compileGraphLookup(specification, reader, variables)],
  ['$facet', facet],
  ['$lookup', lookup],
  ['$unionWith', unionWith],
  ['$sample', (specification) => compileSample(specification)],
])

/** All that can be computed. */
export const stageNames: readonly string[] = [...documentStages.keys(), ...blockingStages.keys()]
