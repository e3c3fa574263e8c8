/**
 * Updates: operators (`{ $set: … }`), a replacement document, or a pipeline of the stages that change documents.
 *
 * An update is compiled once and applied to each document it matches; the result is new bytes, and whether they differ is
 * what counts as modified. `_id` never changes.
 */
import { bsonType, type BsonValue, elementsOf, fieldsOf, getField } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { equalValues } from '../../model/document/order.ts'
import { describeKey } from '../../model/document/describe-key.ts'
import { splitPath } from '../../model/document/path.ts'
import { BsonWriter } from '../../model/document/bson-writer.ts'
import { compileFilter, type Filter, matchedPosition } from './filter.ts'
import { pipelineQuery } from './pipeline.ts'
import { evaluation, received } from './evaluation.ts'
import type { SentValue } from './evaluate-job.ts'
import type { Scope, Variables } from './scope.ts'
import { booleanValue, dateValue, int32Value, readInt64, toSafeInteger } from '../../model/document/values.ts'
import { resolvePaths, type ArrayFilters } from './update-paths.ts'
import type { Change, UpdateClock } from './update-contract.ts'
import { makeChange } from './update-operators.ts'
import { openNode, toValue } from './update-tree.ts'

export interface UpdateRequest {
  readonly update: BsonValue
  readonly arrayFilters: readonly BsonValue[]
  readonly variables: Variables
}

export interface Application {
  readonly filter: Filter
  /** The document is being made by an upsert. */
  readonly isInsert: boolean
  readonly clock: UpdateClock
}

export interface Update {
  readonly isReplacement: boolean
  apply(document: BsonValue, application: Application): BsonValue
}

export function compileUpdate(request: UpdateRequest): Update {
  const { update } = request
  if (update.type === bsonType.array) return pipelineUpdate(request)
  if (update.type !== bsonType.object)
    throw mongoError(mongoCode.failedToParse, 'Update argument must be either an object or an array')
  const fields = fieldsOf(update)
  if (fields[0]?.[0].startsWith('$') !== true) return replacement(request, fields)
  return operatorUpdate(request, fields)
}

function replacement({ update, arrayFilters }: UpdateRequest, fields: readonly [string, BsonValue][]): Update {
  if (arrayFilters.length > 0)
    throw mongoError(mongoCode.failedToParse, 'arrayFilters may not be specified for a replacement')
  const operator = fields.find(([name]) => name.startsWith('$'))?.[0]
  if (operator !== undefined) {
    throw mongoError(
      mongoCode.dollarPrefixedFieldName,
      `The dollar ($) prefixed field '${operator}' in '${operator}' is not allowed in the context of an update's replacement document. Consider using an aggregation pipeline with $replaceWith.`,
    )
  }
  return { isReplacement: true, apply: (document) => withId(update, getField(document, '_id')) }
}

/** The `_id` first, as stored documents have it. */
export function withId(document: BsonValue, id: BsonValue | undefined): BsonValue {
  const given = getField(document, '_id')
  if (id !== undefined && given !== undefined && !equalValues(given, id)) throw immutableId(id, given)
  const first = id ?? given
  const writer = new BsonWriter().begin()
  if (first !== undefined) writer.value('_id', first)
  for (const [name, value] of fieldsOf(document)) if (name !== '_id') writer.value(name, value)
  return writer.end().toValue()
}

function immutableId(before: BsonValue, after: BsonValue | undefined): Error {
  const change = after === undefined ? '' : `: from ${describeKey(before)} to ${describeKey(after)}`
  return mongoError(
    mongoCode.immutableField,
    `Performing an update on the path '_id' would modify the immutable field '_id'${change}`,
  )
}

const pipelineStages = new Set(['$set', '$addFields', '$project', '$unset', '$replaceRoot', '$replaceWith'])

function pipelineUpdate({ update, variables, arrayFilters }: UpdateRequest): Update {
  if (arrayFilters.length > 0) {
    throw mongoError(mongoCode.failedToParse, 'arrayFilters may not be specified for pipeline-syle updates')
  }
  for (const stage of elementsOf(update)) {
    const name = stage.type === bsonType.object ? fieldsOf(stage)[0]?.[0] : undefined
    if (name === undefined || !pipelineStages.has(name)) {
      throw mongoError(mongoCode.invalidOptions, `${name} is not allowed to be used within an update`)
    }
  }
  const { stages } = pipelineQuery(update, { variables, reader: noCollections })
  return {
    isReplacement: false,
    apply(document) {
      let result = document
      for (const one of stages) {
        if (one.kind === 'document' && one.stage.kind === 'change') result = one.stage.change(result)
      }
      const id = getField(document, '_id')
      return withId(result, id)
    },
  }
}

const noCollections = (): never => {
  throw mongoError(mongoCode.invalidOptions, 'an update reads no other collection')
}

interface Operation {
  readonly operator: string
  readonly path: readonly string[]
  readonly change: Change
}

function operatorChanges({ arrayFilters, variables }: UpdateRequest, fields: readonly [string, BsonValue][]): Changes {
  const filters = compileArrayFilters(arrayFilters, variables)
  const operations = fields.flatMap(([operator, operand]) => parseOperator(operator, operand, variables))
  checkConflicts(operations)
  checkFiltersUsed(operations, filters)
  const ordered = operations.sort(byPath)
  const isPositional = operations.some(({ path }) => path.some((name) => name.startsWith('$')))
  const onInsert = ordered.some(({ operator }) => operator === '$setOnInsert')
  const always = onInsert ? ordered.filter(({ operator }) => operator !== '$setOnInsert') : ordered
  return (document, { position, isInsert, timeMs }) => {
    const root = openNode(document)
    const changed = isPositional ? noPaths() : undefined
    const wanted = isInsert ? ordered : always
    // All before the first change: array filters look at the elements as they were.
    const resolved = wanted.map(({ path }) => resolvePaths(root, path, () => position, filters))
    for (const [i, { change }] of wanted.entries()) {
      for (const path of resolved[i]!) {
        if (changed !== undefined) noteChanged(changed, path)
        change(root, path, { timeMs })
      }
    }
    return checkedId(document, toValue(root))
  }
}

/** What the changes of a document depend on beside it. */
interface Facts {
  /** Of the array element that the filter matched, which `$` stands for. */
  readonly position: number | undefined
  readonly isInsert: boolean
  readonly timeMs: number
}

type Changes = (document: BsonValue, facts: Facts) => BsonValue

/** Names of the facts beside a user's variables, which begin with a letter. */
const factNames = { position: '0position', isInsert: '0insert', timeMs: '0time' } as const

/** Where the changes may be made: here, or on another thread, which is told the facts as variables. */
function operatorUpdate(request: UpdateRequest, fields: readonly [string, BsonValue][]): Update {
  const changes = operatorChanges(request, fields)
  const hasPosition = fields.some(([, operand]) => operand.type === bsonType.object && hasPositional(operand))
  const evaluate = evaluation(
    'update',
    specificationOf(request),
    (scope) => changes(scope.root, factsOf(scope)),
    (sent) => received(sent as SentValue),
  )
  return {
    isReplacement: false,
    apply(document, { filter, isInsert, clock }) {
      const variables = new Map(request.variables)
      const position = hasPosition ? matchedPosition(filter, document) : undefined
      if (position !== undefined) variables.set(factNames.position, int32Value(position))
      if (isInsert) variables.set(factNames.isInsert, booleanValue(true))
      variables.set(factNames.timeMs, dateValue(BigInt(Math.trunc(clock.timeMs))))
      return evaluate({ root: document, variables })
    },
  }
}

function hasPositional(operand: BsonValue): boolean {
  return fieldsOf(operand).some(([name]) => splitPath(name).includes('$'))
}

function factsOf({ variables }: Scope): Facts {
  const position = variables.get(factNames.position)
  return {
    position: position === undefined ? undefined : toSafeInteger(position),
    isInsert: variables.has(factNames.isInsert),
    timeMs: Number(readInt64(variables.get(factNames.timeMs)!)),
  }
}

function specificationOf({ update, arrayFilters }: UpdateRequest): BsonValue {
  const writer = new BsonWriter().begin()
  writer.value('update', update)
  writer.beginArray('arrayFilters')
  for (const [i, one] of arrayFilters.entries()) writer.value(String(i), one)
  writer.end()
  return writer.end().toValue()
}

/** The other thread's form of an operator update. */
export function compileChanges(specification: BsonValue, variables: Variables): (scope: Scope) => BsonValue {
  const update = getField(specification, 'update')!
  const arrayFilters = elementsOf(getField(specification, 'arrayFilters')!)
  const changes = operatorChanges({ update, arrayFilters, variables }, fieldsOf(update))
  return (scope) => changes(scope.root, factsOf(scope))
}

/** An update that leaves `_id` as it is; a new document may get one. */
function checkedId(before: BsonValue, after: BsonValue): BsonValue {
  const id = getField(before, '_id')
  const changed = getField(after, '_id')
  if (id === undefined) return changed === undefined ? after : withId(after, undefined)
  if (changed === undefined || !equalValues(id, changed)) throw immutableId(id, changed)
  return after
}

function parseOperator(operator: string, operand: BsonValue, variables: Variables): Operation[] {
  const make = makeChange(operator, variables)
  if (operand.type !== bsonType.object) {
    throw mongoError(
      mongoCode.failedToParse,
      `Modifiers operate on fields but we found type ${describeKey(operand)} instead. For example: {$mod: {<field>: ...}} not {${operator}: ${describeKey(operand)}}`,
    )
  }
  return fieldsOf(operand).flatMap(([name, value]) =>
    make(name, value).map(({ path, change }) => ({ operator, path: checkedPath(path), change })),
  )
}

function checkedPath(text: string): string[] {
  if (text === '') throw mongoError(mongoCode.emptyFieldName, 'An empty update path is not valid.')
  const path = splitPath(text)
  if (path.includes('')) {
    throw mongoError(
      mongoCode.emptyFieldName,
      `The update path '${text}' contains an empty field name, which is not allowed.`,
    )
  }
  const [first] = path
  if (first!.startsWith('$')) {
    throw mongoError(
      mongoCode.dollarPrefixedFieldName,
      `The dollar ($) prefixed field '${first}' in '${text}' is not allowed in the context of an update's replacement document. Consider using an aggregation pipeline with $replaceWith.`,
    )
  }
  if (path.filter((name) => name === '$').length > 1) {
    throw mongoError(mongoCode.badValue, `Too many positional (i.e. '$') elements found in path '${text}'`)
  }
  return path
}

function checkConflicts(operations: readonly Operation[]): void {
  const changed = noPaths()
  for (const { path } of operations) noteChanged(changed, path)
}

interface ChangedPaths {
  readonly taken: Set<string>
  readonly prefixes: Set<string>
}

function noPaths(): ChangedPaths {
  return { taken: new Set(), prefixes: new Set() }
}

/** Throws where the path is one that is changed already, or above or below it. */
function noteChanged({ taken, prefixes }: ChangedPaths, path: readonly string[]): void {
  const text = path.join('.')
  const above = path.map((_, i) => path.slice(0, i + 1).join('.')).find((prefix) => taken.has(prefix))
  if (above !== undefined || prefixes.has(text)) {
    const message = `Updating the path '${text}' would create a conflict at '${above ?? text}'`
    throw mongoError(mongoCode.conflictingUpdateOperators, message)
  }
  taken.add(text)
  for (let i = 1; i < path.length; i++) prefixes.add(path.slice(0, i).join('.'))
}

/** New fields come in this order: names by code unit, array positions by number. */
function byPath(a: Operation, b: Operation): number {
  for (let i = 0; i < Math.min(a.path.length, b.path.length); i++) {
    const [left, right] = [a.path[i]!, b.path[i]!]
    if (left === right) continue
    const areNumbers = /^\d+$/.test(left) && /^\d+$/.test(right)
    return areNumbers ? Number(left) - Number(right) : left < right ? -1 : 1
  }
  return a.path.length - b.path.length
}

function compileArrayFilters(filters: readonly BsonValue[], variables: Variables): ArrayFilters {
  const compiled = new Map<string, Filter>()
  for (const filter of filters) {
    const identifier = identifierOf(filter)
    if (compiled.has(identifier)) {
      throw mongoError(
        mongoCode.failedToParse,
        `Found multiple array filters with the same top-level field name ${identifier}`,
      )
    }
    compiled.set(identifier, compileFilter(filter, variables))
  }
  return compiled
}

function identifierOf(filter: BsonValue): string {
  const [identifier, other] = new Set(topLevelNames(filter))
  if (identifier === undefined) {
    throw mongoError(mongoCode.failedToParse, 'Cannot use an expression without a top-level field name in arrayFilters')
  }
  if (other !== undefined) {
    const message = `Error parsing array filter :: caused by :: Expected a single top-level field name, found '${identifier}' and '${other}'`
    throw mongoError(mongoCode.failedToParse, message)
  }
  if (!/^[a-z][a-zA-Z0-9]*$/.test(identifier)) {
    const message = `Error parsing array filter :: caused by :: The top-level field name must be an alphanumeric string beginning with a lowercase letter, found '${identifier}'`
    throw mongoError(mongoCode.badValue, message)
  }
  return identifier
}

/** Of the paths in a filter, also those in its `$and`, `$or` and `$nor`. */
function topLevelNames(filter: BsonValue): string[] {
  return fieldsOf(filter).flatMap(([name, value]) => {
    if (!name.startsWith('$')) return [name.split('.', 1)[0]!]
    return value.type === bsonType.array ? elementsOf(value).flatMap(topLevelNames) : []
  })
}

function checkFiltersUsed(operations: readonly Operation[], filters: ArrayFilters): void {
  const used = new Set(operations.flatMap(({ path }) => path))
  for (const identifier of filters.keys()) {
    if (!used.has(`$[${identifier}]`)) {
      throw mongoError(
        mongoCode.failedToParse,
        `The array filter for identifier '${identifier}' was not used in the update`,
      )
    }
  }
}
