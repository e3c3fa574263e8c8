/**
 * Query filters: a document of conditions compiled to a test on raw bytes.
 *
 * A filter is a tree of conjunctions, disjunctions and conditions on a path. A condition on a path holds if it holds for
 * any value that the path stands for (`visitPath`); `$ne`, `$nin` and `$not` are the negations of that, so they hold where
 * no value does. What the planner may use, comparisons that every match must satisfy, is collected as `predicates`.
 */
import { charge, dearUnits, isBounded } from '../../base/work.ts'
import { mapInParts } from '../../base/resumption.ts'
import { bsonType, BsonValue, fieldsOf, getField, isNestedType } from '../../model/document/bson.ts'
import { registerFilterLanguage } from '../../model/document/collection-options.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { parsePath, visitPath, type LeafArrays, type Path } from '../../model/document/path.ts'
import { isTruthy, toDouble } from '../../model/document/values.ts'
import type { GeoRegion } from '../../query/document-source.ts'
import { evaluation } from './evaluation.ts'
import { compileExpression } from './expression.ts'
import { nextChance } from './expression-bits.ts'
import { objectOf } from './expression-contract.ts'
import { badValue, equalityTest, type ValueTest } from './filter-values.ts'
import { isOfReference, isOperatorDocument, nearElsewhere, parseOperators, type Condition } from './filter-operators.ts'
import type { NearCondition } from './geo-near.ts'
import { IdFilter, plainId } from './id-filter.ts'
import { compileSchema } from './json-schema.ts'
import { type DocumentTest, findElement, isLong, longElementsOf, longFieldsOf, someTest } from './long-lists.ts'
import { noVariables, rootScope, type Variables } from './scope.ts'
import { compileWhere } from './scripts.ts'

/** What every matching document satisfies for some value of the path. */
export interface Predicate {
  readonly path: Path
  readonly operator: '$eq' | '$gt' | '$gte' | '$lt' | '$lte' | '$in' | '$geo'
  readonly values: readonly BsonValue[]
  /** Of `$geo`: where a geometry lies. */
  readonly region?: GeoRegion
}

export interface Filter {
  /** The value is a document. */
  readonly matches: (document: BsonValue) => boolean
  readonly predicates: readonly Predicate[]
  /** Conditions that must hold, for the positional operator of updates. */
  readonly conditions: readonly (PathCondition | Alternatives)[]
  /** The filter is one equality with `_id` and nothing else. */
  readonly onlyId: BsonValue | undefined
  readonly isEmpty: boolean
  /** Documents come by their distance. */
  readonly near?: NearCondition | undefined
  /** A script of the client's is a part of it. */
  readonly hasWhere?: boolean
}

interface PathCondition {
  readonly path: Path
  readonly test: ValueTest
}

/** Of an `$or`: one of them holds. */
interface Alternatives {
  readonly alternatives: readonly Filter[]
}

type Matcher = DocumentTest

interface Parts {
  readonly matchers: Matcher[]
  readonly predicates: Predicate[]
  readonly conditions: (PathCondition | Alternatives)[]
  near: NearCondition | undefined
  hasWhere: boolean
}

export function compileFilter(filter: BsonValue, variables: Variables): Filter {
  const id = plainId(filter)
  return id === undefined ? compileWhole(filter, variables) : new IdFilter(id, () => compileWhole(filter, variables))
}

/** What passes two of them. */
export function both(a: Filter, b: Filter): Filter {
  if (a.isEmpty) return b
  if (b.isEmpty) return a
  return {
    matches: (document) => a.matches(document) && b.matches(document),
    predicates: [...a.predicates, ...b.predicates],
    conditions: [],
    onlyId: undefined,
    isEmpty: false,
    near: a.near ?? b.near,
    hasWhere: a.hasWhere === true || b.hasWhere === true,
  }
}

/** Of a filter, beside its values. */
const unitsPerFilter = 5000

function compileWhole(filter: BsonValue, variables: Variables): Filter {
  charge(unitsPerFilter)
  const parts: Parts = { matchers: [], predicates: [], conditions: [], near: undefined, hasWhere: false }
  const isInPieces = isLong(filter) && addPieces(filter, variables, parts)
  if (!isInPieces) addConditions(filter, variables, parts)
  const matches = allOf(parts.matchers)
  const [first] = parts.predicates
  const isOnlyId = parts.matchers.length === 1 && first?.path.text === '_id' && first.operator === '$eq'
  return {
    // Each piece has its bound.
    matches: isInPieces ? matches : bounded(filter, variables, matches),
    predicates: parts.predicates,
    conditions: parts.conditions,
    onlyId: isOnlyId && parts.predicates.length === 1 ? first.values[0] : undefined,
    isEmpty: parts.matchers.length === 0,
    near: parts.near,
    hasWhere: parts.hasWhere,
  }
}

/** Units that a filter takes at most: for each byte of the document and of the filter. */
const unitsPerPair = 20

/** One that may take long for what a document holds is another thread's. */
function bounded(filter: BsonValue, variables: Variables, matches: Matcher): Matcher {
  const sized = evaluation('filter', filter, ({ root }) => matches(root), Boolean)
  const filterBytes = Math.max(64, filter.end - filter.start)
  return (document) => {
    const units = (document.end - document.start) * filterBytes * unitsPerPair
    return units < dearUnits || isBounded() ? matches(document) : sized({ root: document, variables })
  }
}

/**
 * A long filter as filters of its fields, each evaluated by itself: together they may take longer than a turn for one small
 * document. Answers false where there is nothing to take apart.
 */
function addPieces(filter: BsonValue, variables: Variables, parts: Parts): boolean {
  const fields = longFieldsOf(filter)
  const [only] = fields
  if (fields.length > 1) {
    for (const one of mapInParts(fields, (field) => compileFilter(objectOf([field]), variables))) addFilter(one, parts)
  } else if (only !== undefined && listOperators.has(only[0])) addTopLevel(only[0], only[1], variables, parts)
  else return false
  return true
}

const listOperators: ReadonlySet<string> = new Set(['$and', '$or', '$nor'])

function addFilter({ matches, predicates, conditions, near, hasWhere }: Filter, parts: Parts): void {
  addNear(near, parts)
  parts.hasWhere ||= hasWhere === true
  parts.matchers.push(matches)
  for (const predicate of predicates) parts.predicates.push(predicate)
  for (const condition of conditions) parts.conditions.push(condition)
}

function addNear(near: NearCondition | undefined, parts: Parts): void {
  if (near === undefined) return
  if (parts.near !== undefined) throw badValue('Too many geoNear expressions')
  parts.near = near
}

function addConditions(filter: BsonValue, variables: Variables, parts: Parts): void {
  for (const [name, value] of fieldsOf(filter)) {
    if (name.startsWith('$') && !isOfReference(name)) addTopLevel(name, value, variables, parts)
    else addPath(parsePath(name), value, variables, parts)
  }
}

function addTopLevel(name: string, value: BsonValue, variables: Variables, parts: Parts): void {
  switch (name) {
    case '$and':
      if (isLong(value)) {
        const all = mapInParts(clauses(name, value), (clause) => compileFilter(clause, variables))
        for (const one of all) addFilter(one, parts)
      } else for (const clause of clauses(name, value)) addConditions(clause, variables, parts)
      break
    case '$or':
    case '$nor':
      addAlternatives(name, clauses(name, value), variables, parts)
      break
    case '$expr': {
      const expression = compileExpression(value)
      parts.matchers.push((document) => isTruthy(expression(rootScope(document, variables))))
      break
    }
    case '$comment':
      break
    case '$jsonSchema':
      parts.matchers.push(compileSchema(value))
      break
    case '$alwaysTrue':
    case '$alwaysFalse':
      parts.matchers.push(() => name === '$alwaysTrue')
      break
    case '$sampleRate': {
      const share = value.isNumber ? toDouble(value) : NaN
      if (!(share >= 0 && share <= 1)) throw badValue('numeric argument to $sampleRate must be in [0, 1]')
      parts.matchers.push(() => nextChance() < share)
      break
    }
    case '$where': {
      const test = compileWhere(value)
      parts.matchers.push((document) => test(rootScope(document, variables)))
      parts.hasWhere = true
      break
    }
    case '$text':
      throw mongoError(mongoCode.commandNotSupported, `${name} is not supported`, 'unsupported')
    default:
      throw badValue(
        `unknown top level operator: ${name}. If you have a field name that starts with a '$' symbol, ` +
          'consider using $getField or $setField.',
      )
  }
}

function addAlternatives(name: string, list: readonly BsonValue[], variables: Variables, parts: Parts): void {
  if (name === '$or' && list.length === 1) {
    addConditions(list[0]!, variables, parts)
    return
  }
  const alternatives = mapInParts(list, (clause) => compileFilter(clause, variables))
  if (alternatives.some(({ near }) => near !== undefined)) throw nearElsewhere()
  const any = someTest(
    alternatives.map(({ matches }) => matches),
    true,
  )
  parts.matchers.push(name === '$or' ? any : (document) => !any(document))
  if (name === '$or') parts.conditions.push({ alternatives })
}

function clauses(name: string, value: BsonValue): BsonValue[] {
  if (value.type !== bsonType.array) throw badValue(`${name} must be an array`)
  const list = longElementsOf(value)
  if (list.length === 0) throw badValue('$and/$or/$nor must be a nonempty array')
  for (const { type } of list) {
    if (type !== bsonType.object) throw badValue('$or/$and/$nor entries need to be full objects')
  }
  return list
}

function addPath(path: Path, value: BsonValue, variables: Variables, parts: Parts): void {
  const conditions = isOperatorDocument(value)
    ? parseOperators(value, (filter) => compileFilter(filter, variables))
    : parseOperators(asEquality(value), () => compileFilter(value, variables))
  for (const condition of conditions) addCondition(path, condition, parts)
}

/** `{ path: value }`: a regular expression matches, everything else equals. */
function asEquality(value: BsonValue): readonly [string, BsonValue][] {
  return [[value.type === bsonType.regex ? '$regex' : '$eq', value]]
}

function addCondition(path: Path, condition: Condition, parts: Parts): void {
  const { test, negated } = condition
  parts.matchers.push(conditionMatcher(path, condition))
  if (negated) return
  if (condition.near !== undefined) addNear({ ...condition.near, path }, parts)
  parts.conditions.push({ path, test: condition.elementTest ?? test })
  if (condition.predicate !== undefined) parts.predicates.push({ path, ...condition.predicate })
}

function conditionMatcher(path: Path, { test, leafArrays, negated, parts }: Condition): Matcher {
  if (parts === undefined) return pathMatcher(path, test, leafArrays, negated)
  const every = allOf(parts.map((part) => conditionMatcher(path, part)))
  return negated ? (document) => !every(document) : every
}

function pathMatcher(path: Path, test: ValueTest, leafArrays: LeafArrays, negated: boolean): Matcher {
  if (negated) return (document) => !visitPath(document.bytes, document.start, path, leafArrays, test)
  return (document) => visitPath(document.bytes, document.start, path, leafArrays, test)
}

function allOf(matchers: readonly Matcher[]): Matcher {
  if (matchers.length === 0) return () => true
  if (matchers.length === 1) return matchers[0]!
  const someFails = someTest(matchers, false)
  return (document) => !someFails(document)
}

/**
 * The array position that made the filter match, for `$` in updates: of the first condition whose path goes through an
 * array, the first element that satisfies it; of alternatives the first that holds counts.
 */
export function matchedPosition(filter: Filter, document: BsonValue): number | undefined {
  for (const condition of filter.conditions) {
    const position = conditionPosition(condition, document)
    if (position !== undefined) return position
  }
  return undefined
}

function conditionPosition(condition: PathCondition | Alternatives, document: BsonValue): number | undefined {
  if (!('alternatives' in condition)) return positionOf(document, condition.path, condition.test)
  const holding = condition.alternatives.find(({ matches }) => matches(document))
  return holding === undefined ? undefined : matchedPosition(holding, document)
}

function positionOf(document: BsonValue, path: Path, test: ValueTest): number | undefined {
  let value = document
  for (let depth = 0; depth <= path.names.length; depth++) {
    if (value.type === bsonType.array) return elementPosition(value, path, depth, test)
    if (value.type !== bsonType.object || depth === path.names.length) return undefined
    value = getField(value, path.names[depth]!) ?? new BsonValue()
  }
  return undefined
}

function elementPosition(array: BsonValue, path: Path, depth: number, test: ValueTest): number | undefined {
  const rest = depth < path.names.length ? parsePath(path.names.slice(depth).join('.')) : undefined
  const isMatch: ValueTest = (element) => {
    if (rest === undefined) return test(element)
    if (!isNestedType(element.type)) return false
    return visitPath(element.bytes, element.start, rest, 'elements and array', test)
  }
  return findElement(array, isMatch)?.position
}

/** A test of a single value by a `$pull` condition or an `$elemMatch` of values. */
export function compileValueTest(condition: BsonValue, variables: Variables): ValueTest {
  const isOfValues = isOperatorDocument(condition) && !isLogical(condition)
  if (condition.type === bsonType.regex || isOfValues) {
    const source = condition.type === bsonType.regex ? asEquality(condition) : condition
    return conditionTest(parseOperators(source, (filter) => compileFilter(filter, variables)))
  }
  if (condition.type !== bsonType.object) return equalityTest(condition)
  const filter = compileFilter(condition, variables)
  return (value) => value.type === bsonType.object && filter.matches(value)
}

/** Alternatives and their kin are of documents, not of values. */
function isLogical(condition: BsonValue): boolean {
  return ['$and', '$or', '$nor', '$expr'].includes(fieldsOf(condition)[0]![0])
}

function conditionTest(conditions: readonly Condition[]): ValueTest {
  return (value) => conditions.every(({ test, negated }) => test(value) !== negated)
}

registerFilterLanguage((filter) => {
  const { matches } = compileFilter(filter, noVariables)
  return ({ bytes, start, end }) => matches(new BsonValue(bsonType.object, bytes, start, end))
})
