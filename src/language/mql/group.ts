/** `$group`: documents with equal `_id` expressions become one, in the order in which groups were first met. */
import { resumable } from '../../base/resumption.ts'
import { charge } from '../../base/work.ts'
import type { BsonValue } from '../../model/document/bson.ts'
import { bsonType, fieldsOf, isEmptyDocument } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { compareValues, keyText } from '../../model/document/order.ts'
import { int32Value, integerValue, nullValue, toSafeInteger } from '../../model/document/values.ts'
import { RunningDeviation, RunningSum } from './accumulate.ts'
import { compileExpression } from './expression.ts'
import { arrayOf, namedParts, objectOf, type Expression } from './expression-contract.ts'
import { mergeInto } from './expression-object.ts'
import { sortedInParts } from './long-lists.ts'
import { rootScope, type Variables } from './scope.ts'
import { type AggregatePlan, HashAggregate } from '../../query/aggregate.ts'
import type { Run } from '../../query/operator.ts'
import { keyBytes } from '../../query/row-format.ts'
import { CountDocuments, documentFormat, keptBytes } from './documents.ts'
import type { Stage } from './stage.ts'

interface Accumulator {
  /** The bytes that it has grown by. */
  add(value: BsonValue): number
  result(): BsonValue
}

type Make = () => Accumulator

const groupBytes = 200
const accumulatorBytes = 100
/** Of a field for a document, and of a value of a result. */
const unitsPerField = 200
const unitsPerResult = 500

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

interface Field {
  readonly name: string
  readonly input: Expression
  readonly make: Make
  /** It adds one for each document, whatever is in it. */
  readonly counts: boolean
}

export function compileGroup(specification: BsonValue, variables: Variables): Stage {
  if (specification.type !== bsonType.object)
    throw mongoError(15_947, "a group's fields must be specified in an object")
  const fields = fieldsOf(specification)
  const idSpecification = fields.find(([name]) => name === '_id')?.[1]
  if (idSpecification === undefined) throw mongoError(15_955, 'a group specification must include an _id')
  const id = compileExpression(idSpecification)
  const outputs = fields.filter(([name]) => name !== '_id').map(([name, value]) => compileField(name, value))
  const onlyCounts = isScalar(idSpecification) && outputs.every(({ counts }) => counts)
  if (onlyCounts) return countedGroup(idSpecification, outputs)
  const plan = groupPlan(id, outputs, variables)
  return (input) => new HashAggregate(input, plan)
}

function compileField(name: string, value: BsonValue): Field {
  if (name.includes('.')) throw mongoError(40_235, `The field name '${name}' cannot contain '.'`)
  if (name.startsWith('$')) throw mongoError(40_236, `The field name '${name}' cannot be an operator name`)
  if (value.type !== bsonType.object) {
    throw mongoError(40_234, `The field '${name}' must be an accumulator object`)
  }
  const operators = fieldsOf(value)
  if (operators.length !== 1) throw mongoError(40_238, `The field '${name}' must specify one accumulator`)
  const [[operator, operand]] = operators as [[string, BsonValue]]
  const pick = pickers.get(operator)
  if (pick !== undefined) return pickerField(name, operator, operand, pick)
  const make = accumulators.get(operator)
  if (make === undefined) throw mongoError(15_952, `unknown group operator '${operator}'`)
  if (operator === '$count' && (operand.type !== bsonType.object || !isEmptyDocument(operand))) {
    throw mongoError(mongoCode.typeMismatch, '$count takes no arguments, i.e. $count:{}', 'wrong_type')
  }
  const isOne = operand.type === bsonType.int32 && toSafeInteger(operand) === 1
  if (operator === '$count' || (operator === '$sum' && isOne)) {
    return { name, input: () => nullValue, make: () => new Counter(), counts: true }
  }
  if (operand.type === bsonType.array) {
    throw mongoError(40_237, `The ${operator} accumulator is a unary operator`)
  }
  return { name, input: compileExpression(operand), make, counts: false }
}

function pickerField(name: string, operator: string, operand: BsonValue, pick: Pick): Field {
  const parts = namedParts(operator, operand, ['n', 'input'])
  const count = toSafeInteger(parts.get('n')!)
  if (count === undefined || count < 1) throw mongoError(5_787_908, `${operator}: n must be a positive integer`)
  const make: Make = () => new Collected((values) => arrayOf(pick(values, count)))
  return { name, input: compileExpression(parts.get('input')!), make, counts: false }
}

/** A constant that is written as itself. */
function isScalar(specification: BsonValue): boolean {
  return specification.type === bsonType.null || specification.isNumber
}

/** One group, of which nothing is asked but how many there are: what drivers' `countDocuments` sends. */
function countedGroup(id: BsonValue, fields: readonly Field[]): Stage {
  const made = (count: number): BsonValue | undefined => {
    if (count === 0) return undefined
    return objectOf([['_id', id], ...fields.map(({ name }): [string, BsonValue] => [name, integerValue(count)])])
  }
  return (input) => new CountDocuments(input, made)
}

interface Group {
  readonly id: BsonValue
  readonly accumulators: readonly Accumulator[]
}

function groupPlan(
  id: Expression,
  fields: readonly Field[],
  variables: Variables,
): AggregatePlan<BsonValue, Group, BsonValue, Run> {
  const idOf = (document: BsonValue): BsonValue => id(rootScope(document, variables))
  return {
    format: documentFormat,
    keyOf: (document) => keyText(idOf(document)),
    begin: (document) => {
      const value = idOf(document!)
      return { id: value.isMissing ? nullValue : value.copy(), accumulators: fields.map(({ make }) => make()) }
    },
    groupBytes: (group) => groupBytes + keptBytes(group.id) + fields.length * accumulatorBytes,
    evaluate: (document) => {
      charge(unitsPerField * fields.length)
      const scope = rootScope(document, variables)
      return fields.map(({ input }) => input(scope))
    },
    add: (group, values) => {
      let grown = 0
      for (let i = 0; i < fields.length; i++) grown += group.accumulators[i]!.add(values[i] as BsonValue)
      return grown
    },
    finish: resumable((group: Group) => {
      charge(unitsPerResult * (1 + fields.length))
      return objectOf([
        ['_id', group.id],
        ...group.accumulators.map((one, i): [string, BsonValue] => [fields[i]!.name, one.result()]),
      ])
    }),
  }
}

/** `$count`: one document, or none where nothing came. */
export function countStage(name: string): Stage {
  const made = (count: number): BsonValue | undefined => {
    return count === 0 ? undefined : objectOf([[name, integerValue(count)]])
  }
  return (input) => new CountDocuments(input, made)
}

/** `$sortByCount`'s first half: the specification of its group. */
export function countPerValue(expression: BsonValue): BsonValue {
  return objectOf([
    ['_id', expression],
    ['count', objectOf([['$sum', int32Value(1)]])],
  ])
}
