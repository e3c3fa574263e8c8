/** Accumulators: what `$group`, `$bucket` and the windows of `$setWindowFields` compute over values that come one by one. */
import type { BsonValue } from '../../model/document/bson.ts'
import { bsonType, getField, isEmptyDocument } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { compareValues, keyText } from '../../model/document/order.ts'
import { integerValue, nullValue, readString, stringValue, toSafeInteger } from '../../model/document/values.ts'
import { charge } from '../../base/work.ts'
import { keyBytes } from '../../query/row-format.ts'
import { RunningDeviation, RunningSum } from './accumulate.ts'
import { keptBytes } from './documents.ts'
import { compileExpression } from './expression.ts'
import { arrayOf, type Expression, namedParts, objectOf } from './expression-contract.ts'
import { mergeInto } from './expression-object.ts'
import { sortedInParts } from './long-lists.ts'
import { Percentiles, readPercentiles } from './percentiles.ts'
import { rootScope, type Variables } from './scope.ts'
import { parseGathering } from './scripts.ts'
import { parseSort, sortKey } from './sort-order.ts'

export interface Accumulator {
  /** The bytes that it has grown by. */
  add(value: BsonValue): number
  result(): BsonValue
}

export type Make = () => Accumulator

class Sum implements Accumulator {
  readonly #sum = new RunningSum()
  readonly #isAverage: boolean

  constructor(isAverage: boolean) {
    this.#isAverage = isAverage
  }

  add(value: BsonValue): number {
    this.#sum.add(value)
    return 0
  }

  result(): BsonValue {
    return this.#isAverage ? this.#sum.average() : this.#sum.total()
  }
}

/** By one value in another's place; what is given back by a smaller one comes with the group. */
function growth(before: BsonValue | undefined, after: BsonValue): number {
  return Math.max(0, keptBytes(after) - (before === undefined ? 0 : keptBytes(before)))
}

class Extreme implements Accumulator {
  #best: BsonValue | undefined
  readonly #sign: number

  constructor(sign: number) {
    this.#sign = sign
  }

  add(value: BsonValue): number {
    if (value.isNullish) return 0
    if (this.#best !== undefined && compareValues(value, this.#best) * this.#sign <= 0) return 0
    const grown = growth(this.#best, value)
    this.#best = value.copy()
    return grown
  }

  result(): BsonValue {
    return this.#best ?? nullValue
  }
}

class Edge implements Accumulator {
  #value: BsonValue | undefined
  readonly #isLast: boolean

  constructor(isLast: boolean) {
    this.#isLast = isLast
  }

  add(value: BsonValue): number {
    if (!this.#isLast && this.#value !== undefined) return 0
    const grown = growth(this.#value, value)
    this.#value = value.copy()
    return grown
  }

  result(): BsonValue {
    return this.#value === undefined || this.#value.isMissing ? nullValue : this.#value
  }
}

class Pushed implements Accumulator {
  readonly #values: BsonValue[] = []
  readonly #seen: Set<string> | undefined

  constructor(isSet: boolean) {
    this.#seen = isSet ? new Set() : undefined
  }

  add(value: BsonValue): number {
    if (value.type === bsonType.missing) return 0
    let grown = 2 * keptBytes(value)
    if (this.#seen !== undefined) {
      const key = keyText(value)
      if (this.#seen.has(key)) return 0
      this.#seen.add(key)
      grown += keyBytes(key)
    }
    this.#values.push(value.copy())
    return grown
  }

  result(): BsonValue {
    return arrayOf(this.#values)
  }
}

class Merged implements Accumulator {
  readonly #fields = new Map<string, BsonValue>()

  add(value: BsonValue): number {
    mergeInto(this.#fields, value.copy())
    return 2 * keptBytes(value)
  }

  result(): BsonValue {
    return objectOf(this.#fields)
  }
}

class Collected implements Accumulator {
  readonly #values: BsonValue[] = []
  readonly #finish: (values: BsonValue[]) => BsonValue

  constructor(finish: (values: BsonValue[]) => BsonValue) {
    this.#finish = finish
  }

  add(value: BsonValue): number {
    this.#values.push(value.copy())
    return 2 * keptBytes(value)
  }

  result(): BsonValue {
    return this.#finish(this.#values)
  }
}

class Deviation implements Accumulator {
  readonly #deviation = new RunningDeviation()
  readonly #lost: number

  constructor(lost: number) {
    this.#lost = lost
  }

  add(value: BsonValue): number {
    this.#deviation.add(value)
    return 0
  }

  result(): BsonValue {
    return this.#deviation.result(this.#lost)
  }
}

class Counter implements Accumulator {
  #count = 0

  add(): number {
    this.#count++
    return 0
  }

  result(): BsonValue {
    return integerValue(this.#count)
  }
}

export const accumulators: ReadonlyMap<string, Make> = new Map<string, Make>([
  ['$sum', () => new Sum(false)],
  ['$avg', () => new Sum(true)],
  ['$min', () => new Extreme(-1)],
  ['$max', () => new Extreme(1)],
  ['$first', () => new Edge(false)],
  ['$last', () => new Edge(true)],
  ['$push', () => new Pushed(false)],
  ['$addToSet', () => new Pushed(true)],
  ['$mergeObjects', () => new Merged()],
  ['$count', () => new Counter()],
  ['$stdDevPop', () => new Deviation(0)],
  ['$stdDevSamp', () => new Deviation(1)],
])

type Pick = (values: BsonValue[], count: number) => BsonValue[]

export const pickers: ReadonlyMap<string, Pick> = new Map<string, Pick>([
  ['$firstN', (values, count) => values.slice(0, count)],
  ['$lastN', (values, count) => values.slice(-count)],
  ['$minN', (values, count) => sortedInParts(present(values), compareValues).slice(0, count)],
  ['$maxN', (values, count) => sortedInParts(present(values), (a, b) => compareValues(b, a)).slice(0, count)],
])

function present(values: readonly BsonValue[]): BsonValue[] {
  return values.filter((value) => !value.isNullish)
}

/** An accumulator of a field, with what it adds of each document. */
export interface CompiledAccumulator {
  readonly input: Expression
  /** `id`: that of the group, by which `n` may be told. */
  readonly make: (id: BsonValue) => Accumulator
  /** It adds one for each document, whatever is in it. */
  readonly counts: boolean
}

/** Of `{ $sum: … }` and its kin; `undefined` where no accumulator is called so. */
export function compileAccumulator(
  operator: string,
  operand: BsonValue,
  variables: Variables,
): CompiledAccumulator | undefined {
  const pick = pickers.get(operator)
  if (pick !== undefined) return pickerOf(operator, operand, pick, variables)
  if (ranked.has(operator)) return rankedOf(operator, operand, variables)
  if (operator === '$accumulator') {
    const { input, result } = parseGathering(operand, compileExpression)
    return { input, make: (id) => new Collected((rows) => result(rows, id, variables)), counts: false }
  }
  if (operator === '$percentile' || operator === '$median') {
    const { input, shares, isOne } = readPercentiles(operator, operand, compileExpression)
    const wanted = shares(rootScope(objectOf([]), variables))
    return { input, make: () => new Percentiles(wanted, isOne), counts: false }
  }
  const make = accumulators.get(operator)
  if (make === undefined) return undefined
  if (operator === '$count' && (operand.type !== bsonType.object || !isEmptyDocument(operand))) {
    throw mongoError(mongoCode.typeMismatch, '$count takes no arguments, i.e. $count:{}', 'wrong_type')
  }
  const isOne = operand.type === bsonType.int32 && toSafeInteger(operand) === 1
  if (operator === '$count' || (operator === '$sum' && isOne)) {
    return { input: () => nullValue, make: () => new Counter(), counts: true }
  }
  if (operand.type === bsonType.array) {
    throw mongoError(40_237, `The ${operator} accumulator is a unary operator`)
  }
  return { input: compileExpression(operand), make, counts: false }
}

function pickerOf(operator: string, operand: BsonValue, pick: Pick, variables: Variables): CompiledAccumulator {
  const parts = namedParts(operator, operand, ['n', 'input'])
  const count = countOf(operator, parts.get('n')!, variables)
  const make = (id: BsonValue): Accumulator => {
    const most = count(id)
    return new Collected((values) => arrayOf(pick(values, most)))
  }
  return { input: compileExpression(parts.get('input')!), make, counts: false }
}

/** `n`: a number, or an expression of the group's `_id`. */
function countOf(operator: string, n: BsonValue, variables: Variables): (id: BsonValue) => number {
  const checked = (value: BsonValue): number => {
    const count = toSafeInteger(value)
    if (count !== undefined && count >= 1) return count
    throw mongoError(5_787_908, `${operator}: n must be a positive integer`)
  }
  if (n.isNumber) {
    const count = checked(n)
    return () => count
  }
  const expression = compileExpression(n)
  return (id) => checked(expression(rootScope(objectOf([['_id', id]]), variables)))
}

const ranked: ReadonlyMap<string, { readonly isLast: boolean; readonly isOne: boolean }> = new Map([
  ['$top', { isLast: false, isOne: true }],
  ['$topN', { isLast: false, isOne: false }],
  ['$bottom', { isLast: true, isOne: true }],
  ['$bottomN', { isLast: true, isOne: false }],
])

/** Names of those that take parts of their own. */
export const otherAccumulators: readonly string[] = [...ranked.keys(), '$percentile', '$median']

/** Each document's key and output, as an object of both. */
function rankedOf(operator: string, operand: BsonValue, variables: Variables): CompiledAccumulator {
  const { isLast, isOne } = ranked.get(operator)!
  const parts = namedParts(operator, operand, isOne ? ['sortBy', 'output'] : ['n', 'sortBy', 'output'])
  const sortBy = parts.get('sortBy')!
  if (sortBy.type !== bsonType.object) {
    throw mongoError(10_065, `invalid parameter: expected an object (sortBy) of ${operator}`, 'wrong_type')
  }
  const order = parseSort(sortBy)
  const output = compileExpression(parts.get('output')!)
  const count = isOne ? () => 1 : countOf(operator, parts.get('n')!, variables)
  return {
    input: (scope) => {
      const value = output(scope)
      return objectOf([
        ['key', stringValue(sortKey(scope.root, order))],
        ['value', value.isMissing ? nullValue : value],
      ])
    },
    make: (id) => new Ranked(count(id), isLast, isOne),
    counts: false,
  }
}

interface RankedEntry {
  readonly key: string
  readonly value: BsonValue
}

/** The first or last by a sort: twice as many are kept as are wanted, and then sorted out. */
class Ranked implements Accumulator {
  #entries: RankedEntry[] = []
  readonly #most: number
  readonly #isLast: boolean
  readonly #isOne: boolean

  constructor(most: number, isLast: boolean, isOne: boolean) {
    this.#most = most
    this.#isLast = isLast
    this.#isOne = isOne
  }

  add(given: BsonValue): number {
    const key = readString(getField(given, 'key')!)
    this.#entries.push({ key, value: getField(given, 'value')!.copy() })
    if (this.#entries.length >= 2 * this.#most + spareEntries) this.#entries = this.#best()
    return keptBytes(given) + keyBytes(key)
  }

  #best(): RankedEntry[] {
    charge(unitsPerRanked * this.#entries.length)
    const sorted = this.#entries.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    return this.#isLast ? sorted.slice(-this.#most) : sorted.slice(0, this.#most)
  }

  result(): BsonValue {
    const best = this.#best()
    if (this.#isOne) return best[0]?.value ?? nullValue
    return arrayOf(best.map(({ value }) => value))
  }
}

const spareEntries = 64
const unitsPerRanked = 300
