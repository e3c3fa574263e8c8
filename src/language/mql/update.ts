/**
 * Updates: operators (`{ $set: … }`), a replacement document, or a pipeline of the stages that change documents.
 *
 * An update is compiled once and applied to each document it matches; the result is new bytes, and whether they differ is
 * what counts as modified. `_id` never changes.
 */
import { equalSlices } from '../../base/slice.ts'
import { ByteWriter } from '../../base/bytes.ts'
import { gatherInParts, mapInParts, part } from '../../base/resumption.ts'
import { charge } from '../../base/work.ts'
import { bsonType, type BsonValue, elementsOf, FieldCursor, fieldsOf, getField } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { isSameValue } from '../../model/document/order.ts'
import { describeKey } from '../../model/document/describe-key.ts'
import { splitPath } from '../../model/document/path.ts'
import { BsonWriter } from '../../model/document/bson-writer.ts'
import { compileFilter, type Filter, matchedPosition } from './filter.ts'
import type { CollectionReader } from './lookup.ts'
import { pipelineQuery } from './pipeline.ts'
import { evaluation, received } from './evaluation.ts'
import { longFieldsOf, sortedInParts, longField } from './long-lists.ts'
import type { SentValue } from './evaluate-job.ts'
import type { Scope, Variables } from './scope.ts'
import { booleanValue, dateValue, int32Value, readInt64, toSafeInteger } from '../../model/document/values.ts'
import { isPositional, resolvePaths, type ArrayFilters } from './update-paths.ts'
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
  const first = FieldCursor.of(update)
  if (!first.next() || !isDollar(first)) return replacement(request)
  return operatorUpdate(request, longFieldsOf(update))
}

function isDollar({ value, nameStart }: FieldCursor): boolean {
  return value.bytes[nameStart] === 0x24
}

function replacement({ update, arrayFilters }: UpdateRequest): Update {
  if (arrayFilters.length > 0)
    throw mongoError(mongoCode.failedToParse, 'arrayFilters may not be specified for a replacement')
  const operator = findName(update, isDollar)
  if (operator !== undefined) throw dollarPrefixed(operator, operator)
  return { isReplacement: true, apply: (document) => withId(update, longField(document, '_id')) }
}

function dollarPrefixed(name: string, path: string): Error {
  return mongoError(
    mongoCode.dollarPrefixedFieldName,
    `The dollar ($) prefixed field '${name}' in '${path}' is not allowed in the context of an update's replacement document. Consider using an aggregation pipeline with $replaceWith.`,
  )
}

/** The `_id` first, as stored documents have it. */
export function withId(document: BsonValue, id: BsonValue | undefined): BsonValue {
  const given = longField(document, '_id')
  if (id !== undefined && given !== undefined && !isSameValue(given, id)) throw immutableId(id, given)
  const isFirst = given?.start === document.start + 4 + idHeadBytes
  // Equal numbers of another type are not the same.
  if (isFirst && (id === undefined || (id.type === given.type && equalSlices(id, given)))) return document
  const first = id ?? given
  const writer = new BsonWriter(new ByteWriter(document.end - document.start + idBytes)).begin()
  if (first !== undefined) writer.value('_id', first)
  charge(document.end - document.start)
  if (given === undefined)
    return writer
      .elements(document.bytes, document.start + 4, document.end - 1)
      .end()
      .takeValue()
  for (const [from, to] of runsBesideId(document)) writer.elements(document.bytes, from, to)
  return writer.end().takeValue()
}

/** Type and name of its element. */
const idHeadBytes = 5

/** Of most; a longer one makes the writer grow. */
const idBytes = 64

/** Where the elements lie that have other names. */
function runsBesideId(document: BsonValue): readonly (readonly [number, number])[] {
  const begin = () => ({
    cursor: FieldCursor.of(document),
    runs: [] as [number, number][],
    from: document.start + 4,
  })
  return part(begin, (state) => {
    const { cursor, runs } = state
    for (let i = 0; i < fieldsAtOnce; i++) {
      if (!cursor.next()) {
        runs.push([state.from, document.end - 1])
        return true
      }
      if (cursor.nameEnd - cursor.nameStart !== 3 || cursor.name !== '_id') continue
      runs.push([state.from, cursor.elementStart])
      state.from = cursor.value.end
    }
    return false
  }).runs
}

const fieldsAtOnce = 256

/** The name of the first field that is looked for. */
function findName(document: BsonValue, isWanted: (at: FieldCursor) => boolean): string | undefined {
  return part(
    () => ({ cursor: FieldCursor.of(document), name: undefined as string | undefined }),
    (state) => {
      for (let i = 0; i < fieldsAtOnce; i++) {
        if (!state.cursor.next()) return true
        if (!isWanted(state.cursor)) continue
        state.name = state.cursor.name
        return true
      }
      return false
    },
  ).name
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
      return withId(result, longField(document, '_id'))
    },
  }
}

const noCollections: CollectionReader = {
  names: new Set(),
  open: () => {
    throw mongoError(mongoCode.invalidOptions, 'an update reads no other collection')
  },
}

interface Operation {
  readonly operator: string
  readonly path: readonly string[]
  readonly change: Change
}

function operatorChanges({ arrayFilters, variables }: UpdateRequest, fields: readonly [string, BsonValue][]): Changes {
  const filters = compileArrayFilters(arrayFilters, variables)
  const { operations, positional } = parseOperators(fields, variables)
  checkConflicts(operations)
  checkFiltersUsed(positional, filters)
  const ordered = sortedInParts(operations, byPath)
  const isPositional = positional.size > 0
  const onInsert = fields.some(([operator]) => operator === '$setOnInsert')
  const always = onInsert ? ordered.filter(({ operator }) => operator !== '$setOnInsert') : ordered
  const apply: Apply = (document, { position, isInsert, timeMs }) => {
    const root = openNode(document)
    const changed = isPositional ? noPaths() : undefined
    const wanted = isInsert ? ordered : always
    // A new document may have such a name, one that is there gets none.
    const prefixed = isInsert ? undefined : wanted.find(({ path }) => path[0]!.startsWith('$'))?.path
    if (prefixed !== undefined) throw dollarPrefixed(prefixed[0]!, prefixed.join('.'))
    // All before the first change: array filters look at the elements as they were.
    const resolved = wanted.map(({ path }) => {
      charge(unitsPerOperation)
      return resolvePaths(root, path, () => position, filters)
    })
    for (const [i, { change }] of wanted.entries()) {
      for (const path of resolved[i]!) {
        charge(unitsPerChange)
        if (changed !== undefined) noteChanged(changed, path)
        change(root, path, { timeMs })
      }
    }
    return checkedId(document, toValue(root, document.end - document.start + roomForChanges))
  }
  return { apply, hasPosition: positional.has('$') }
}

/** Of most; more makes the writer grow. */
const roomForChanges = 256

/** What the changes of a document depend on beside it. */
interface Facts {
  /** Of the array element that the filter matched, which `$` stands for. */
  readonly position: number | undefined
  readonly isInsert: boolean
  readonly timeMs: number
}

type Apply = (document: BsonValue, facts: Facts) => BsonValue

interface Changes {
  readonly apply: Apply
  /** A path goes by the element that the filter matched. */
  readonly hasPosition: boolean
}

/** Names of the facts beside a user's variables, which begin with a letter. */
const factNames = { position: '0position', isInsert: '0insert', timeMs: '0time' } as const

/** Where the changes may be made: here, or on another thread, which is told the facts as variables. */
function operatorUpdate(request: UpdateRequest, fields: readonly [string, BsonValue][]): Update {
  const { apply: changed, hasPosition } = operatorChanges(request, fields)
  const evaluate = evaluation(
    'update',
    specificationOf(request),
    (scope) => changed(scope.root, factsOf(scope)),
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
  const { apply } = operatorChanges({ update, arrayFilters, variables }, fieldsOf(update))
  return (scope) => apply(scope.root, factsOf(scope))
}

/** An update that leaves `_id` as it is; a new document may get one. */
function checkedId(before: BsonValue, after: BsonValue): BsonValue {
  const id = longField(before, '_id')
  const changed = longField(after, '_id')
  if (id === undefined) return changed === undefined ? after : withId(after, undefined)
  if (changed === undefined || !isSameValue(id, changed)) throw immutableId(id, changed)
  return after
}

interface ParsedOperators {
  readonly operations: readonly Operation[]
  /** Components of paths that stand for elements of arrays. */
  readonly positional: Set<string>
}

/** Of a value that is put into a document. */
const unitsPerChange = 200

/** What it takes to parse one, to note its path, or to find where it leads. */
const unitsPerOperation = 700

function parseOperators(fields: readonly [string, BsonValue][], variables: Variables): ParsedOperators {
  const lists = mapInParts(fields, ([operator, operand]) => parseOperator(operator, operand, variables))
  const operations = lists.length === 1 ? lists[0]! : lists.flat()
  const positional = gatherInParts(
    operations,
    () => new Set<string>(),
    (names, { path }) => {
      charge(path.length * 10)
      for (const name of path) if (isPositional(name)) names.add(name)
    },
  )
  return { operations, positional }
}

function parseOperator(operator: string, operand: BsonValue, variables: Variables): Operation[] {
  const make = makeChange(operator, variables)
  if (operand.type !== bsonType.object) {
    throw mongoError(
      mongoCode.failedToParse,
      `Modifiers operate on fields but we found type ${describeKey(operand)} instead. For example: {$mod: {<field>: ...}} not {${operator}: ${describeKey(operand)}}`,
    )
  }
  return gatherInParts<[string, BsonValue], Operation[]>(
    longFieldsOf(operand),
    () => [],
    (operations, [name, value]) => {
      charge(unitsPerOperation)
      for (const { path, change } of make(name, value)) operations.push({ operator, path: checkedPath(path), change })
    },
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
  if (isPositional(path[0]!)) {
    const message = `Cannot have positional (i.e. '$') element in the first position in path '${text}'`
    throw mongoError(mongoCode.badValue, message)
  }
  if (path.filter((name) => name === '$').length > 1) {
    throw mongoError(mongoCode.badValue, `Too many positional (i.e. '$') elements found in path '${text}'`)
  }
  return path
}

function checkConflicts(operations: readonly Operation[]): void {
  gatherInParts(operations, noPaths, (changed, { path }) => {
    charge(unitsPerOperation)
    noteChanged(changed, path)
  })
}

/** By component: what lies below. */
interface ChangedPaths {
  isChanged: boolean
  readonly below: Map<string, ChangedPaths>
}

function noPaths(): ChangedPaths {
  return { isChanged: false, below: new Map() }
}

/** Throws where the path is one that is changed already, or above or below it. */
function noteChanged(changed: ChangedPaths, path: readonly string[]): void {
  let at = changed
  for (const [i, name] of path.entries()) {
    let next = at.below.get(name)
    if (next === undefined) {
      next = noPaths()
      at.below.set(name, next)
    }
    at = next
    if (at.isChanged) throw conflicting(path, i + 1)
  }
  if (at.below.size > 0) throw conflicting(path, path.length)
  at.isChanged = true
}

function conflicting(path: readonly string[], depth: number): Error {
  const message = `Updating the path '${path.join('.')}' would create a conflict at '${path.slice(0, depth).join('.')}'`
  return mongoError(mongoCode.conflictingUpdateOperators, message)
}

/** New fields come in this order: names by code unit, array positions by number. */
function byPath(a: Operation, b: Operation): number {
  for (let i = 0; i < Math.min(a.path.length, b.path.length); i++) {
    const [left, right] = [a.path[i]!, b.path[i]!]
    if (left === right) continue
    const areNumbers = isDigit(left) && isDigit(right) && /^\d+$/.test(left) && /^\d+$/.test(right)
    return areNumbers ? Number(left) - Number(right) : left < right ? -1 : 1
  }
  return a.path.length - b.path.length
}

/** Of what begins with one; most names do not. */
function isDigit(name: string): boolean {
  const code = name.charCodeAt(0)
  return code >= 0x30 && code <= 0x39
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

function checkFiltersUsed(positional: ReadonlySet<string>, filters: ArrayFilters): void {
  for (const identifier of filters.keys()) {
    if (!positional.has(`$[${identifier}]`)) {
      throw mongoError(
        mongoCode.failedToParse,
        `The array filter for identifier '${identifier}' was not used in the update`,
      )
    }
  }
}
