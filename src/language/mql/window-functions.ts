/**
 * What `$setWindowFields` computes for each document: accumulators over its window, and functions of its place.
 *
 * A function is made for a partition and asked for its documents in their order. It may be interrupted where the turn is
 * over, and is then asked for the same document again: what it keeps is changed step by step.
 */
import { suspended } from '../../base/resumption.ts'
import { isTurnOver } from '../../base/work.ts'
import { bsonType, type BsonValue, elementsOf, fieldsOf, isEmptyDocument } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import {
  doubleValue,
  integerValue,
  nullValue,
  readInt64,
  readString,
  toDouble,
  toSafeInteger,
} from '../../model/document/values.ts'
import { type Accumulator, compileAccumulator } from './accumulators.ts'
import { addNumbers, divideNumbers, multiplyNumbers, subtractNumbers } from './arithmetic.ts'
import { compileExpression } from './expression.ts'
import { arrayOf, type Expression, namedParts, objectOf } from './expression-contract.ts'
import { fixedUnitMs } from './expression-date-units.ts'
import { rootScope, type Variables } from './scope.ts'
import type { SortField } from './sort-order.ts'
import { Frames, readWindow, type Window, wholePartition } from './window-frames.ts'

/** A partition, as one of the functions sees it. */
export interface PartitionView {
  /** What the function's expression has made of each document. */
  readonly inputs: readonly BsonValue[]
  /** By which documents that sort alike are told. */
  readonly sortKeys: readonly string[]
  /** Of the first field that they sort by. */
  readonly sortValues: readonly BsonValue[]
  /** Of bytes that it keeps for the partition. */
  readonly hold: (bytes: number) => void
}

export type ValueAt = (place: number) => BsonValue

export interface WindowFunction {
  readonly input: Expression
  readonly over: (partition: PartitionView) => ValueAt
}

export interface FunctionContext {
  readonly order: readonly SortField[]
  readonly variables: Variables
}

type MakeFunction = (operand: BsonValue, context: FunctionContext, window: Window | undefined) => WindowFunction

export function compileWindowFunction(specification: BsonValue, context: FunctionContext): WindowFunction {
  if (specification.type !== bsonType.object) {
    throw mongoError(mongoCode.failedToParse, 'The window function specification must be an object')
  }
  const fields = fieldsOf(specification)
  const named = fields.filter(([name]) => name.startsWith('$'))
  const other = fields.find(([name]) => !name.startsWith('$') && name !== 'window')
  if (other !== undefined) {
    throw mongoError(mongoCode.failedToParse, `Window function found an unknown argument: ${other[0]}`)
  }
  const [first] = named
  if (first === undefined || named.length > 1) {
    throw mongoError(mongoCode.failedToParse, 'Expected a $-prefixed window function, and one alone')
  }
  const given = fields.find(([name]) => name === 'window')?.[1]
  const window = given === undefined ? undefined : readWindow(given)
  checkWindow(window, context.order)
  const [name, operand] = first
  const make = functions.get(name)
  if (make === undefined) return accumulatedOver(name, operand, context, window ?? wholePartition)
  if (window !== undefined && !windowed.has(name)) {
    throw mongoError(5_371_601, `Rank style window functions take no 'window' argument, found one of ${name}`)
  }
  return make(operand, context, window)
}

function checkWindow(window: Window | undefined, order: readonly SortField[]): void {
  if (window === undefined) return
  const isBounded = window.low !== 'unbounded' || window.high !== 'unbounded'
  if (window.kind === 'documents') {
    if (isBounded && order.length === 0) throw mongoError(5_339_901, 'Document-based bounds require a sortBy')
  } else if (order.length !== 1 || order[0]!.descending) {
    throw mongoError(5_339_902, 'Range-based bounds require sortBy a single field, in ascending order')
  }
}

/** Documents are added as the window reaches them; where it leaves some behind it is gone through again. */
function accumulatedOver(
  name: string,
  operand: BsonValue,
  { variables }: FunctionContext,
  window: Window,
): WindowFunction {
  const accumulator = compileAccumulator(name, operand, variables)
  if (accumulator === undefined) {
    throw mongoError(mongoCode.failedToParse, `Unrecognized window function, ${name}`)
  }
  const { input, make } = accumulator
  return { input, over: (partition) => new Accumulation(partition, window, () => make(nullValue)).at }
}

class Accumulation {
  readonly #partition: PartitionView
  readonly #frames: Frames
  readonly #make: () => Accumulator
  #accumulator: Accumulator
  #from = 0
  #to = 0
  #result: BsonValue | undefined
  #grown = 0
  /** What a window begins anew is held already. */
  #held = 0

  constructor(partition: PartitionView, window: Window, make: () => Accumulator) {
    this.#partition = partition
    this.#frames = new Frames(window, partition.inputs.length, partition.sortValues)
    this.#make = make
    this.#accumulator = make()
  }

  readonly at = (place: number): BsonValue => {
    const { from, to } = this.#frames.at(place)
    if (from !== this.#from || to < this.#to) {
      this.#accumulator = this.#make()
      this.#from = this.#to = from
      this.#result = undefined
      this.#grown = 0
    }
    for (let steps = 0; this.#to < to; steps++) {
      if (steps > 0 && isTurnOver()) throw suspended
      this.#result = undefined
      this.#grown += this.#accumulator.add(this.#partition.inputs[this.#to]!)
      this.#to++
      if (this.#grown > this.#held) {
        this.#partition.hold(this.#grown - this.#held)
        this.#held = this.#grown
      }
    }
    return (this.#result ??= this.#accumulator.result())
  }
}

const nothing: Expression = () => nullValue

function needOrder(name: string, { order }: FunctionContext, isSingle = false): void {
  if (order.length === 0 || (isSingle && order.length > 1)) {
    throw mongoError(
      5_371_602,
      `${name} must be specified with a top level sortBy expression with ${isSingle ? 'one element' : 'an element'}`,
    )
  }
}

/** Ranks grow where the sort key changes; `isDense`: by one. */
function ranks(name: string, isDense: boolean): MakeFunction {
  return (operand, context) => {
    needEmpty(name, operand)
    needOrder(name, context, true)
    return {
      input: nothing,
      over: ({ sortKeys }) => {
        let rank = 1
        let last = 0
        return (place) => {
          if (place > last) {
            if (sortKeys[place] !== sortKeys[last]) rank = isDense ? rank + 1 : place + 1
            last = place
          }
          return integerValue(rank)
        }
      },
    }
  }
}

function needEmpty(name: string, operand: BsonValue): void {
  if (operand.type === bsonType.object && isEmptyDocument(operand)) return
  throw mongoError(5_371_603, `(None) must be specified with '{}' as the value of ${name}`)
}

const documentNumber: MakeFunction = (operand, context) => {
  needEmpty('$documentNumber', operand)
  needOrder('$documentNumber', context)
  return { input: nothing, over: () => (place) => integerValue(place + 1) }
}

const shift: MakeFunction = (operand, context) => {
  needOrder('$shift', context)
  const parts = namedParts('$shift', operand, ['output', 'by'], ['default'])
  const by = toSafeInteger(parts.get('by')!)
  if (by === undefined) throw mongoError(mongoCode.failedToParse, "'$shift:by' field must be an integer")
  const otherwise = parts.get('default')
  const value =
    otherwise === undefined ? nullValue : compileExpression(otherwise)(rootScope(objectOf([]), context.variables))
  return {
    input: compileExpression(parts.get('output')!),
    over:
      ({ inputs }) =>
      (place) => {
        const found = inputs[place + by] ?? value
        return found.isMissing ? nullValue : found
      },
  }
}

/** `N` documents have 86 % of the weight. */
const movingAverage: MakeFunction = (operand, context) => {
  needOrder('$expMovingAvg', context)
  const parts = namedParts('$expMovingAvg', operand, ['input'], ['N', 'alpha'])
  const [count, given] = [parts.get('N'), parts.get('alpha')]
  if ((count === undefined) === (given === undefined)) {
    throw mongoError(mongoCode.failedToParse, "$expMovingAvg takes 'input' and exactly one of 'N' and 'alpha'")
  }
  const n = count === undefined ? 1 : (toSafeInteger(count) ?? 0)
  if (n < 1) throw mongoError(mongoCode.failedToParse, "'N' field of $expMovingAvg must be an integer greater than 0")
  const alpha = given ?? divideNumbers(integerValue(2), integerValue(n + 1))
  if (!(toDouble(alpha) > 0 && toDouble(alpha) < 1) && given !== undefined) {
    throw mongoError(mongoCode.failedToParse, "'alpha' must be between 0 and 1 (exclusive)")
  }
  return {
    input: compileExpression(parts.get('input')!),
    over: ({ inputs }) => {
      let average: BsonValue | undefined
      let last = -1
      return (place) => {
        const value = inputs[place]!
        if (!value.isNumber) return nullValue
        if (place > last) {
          last = place
          const rest = subtractNumbers(integerValue(1), alpha)
          average =
            average === undefined ? value : addNumbers(multiplyNumbers(value, alpha), multiplyNumbers(average, rest))
        }
        return average!
      }
    },
  }
}

/** Of the sort's field, as a number: units of time, or what it is. */
function distance(from: BsonValue, to: BsonValue, unitMs: bigint | undefined): BsonValue {
  if (unitMs === undefined) {
    if (from.isNumber && to.isNumber) return subtractNumbers(to, from)
    throw mongoError(5_624_901, "the sortBy field must be a number, or a date where there is a 'unit'")
  }
  if (from.type !== bsonType.date || to.type !== bsonType.date) {
    throw mongoError(5_624_900, "with 'unit' the sortBy field must be a Date")
  }
  return doubleValue(Number(readInt64(to) - readInt64(from)) / Number(unitMs))
}

function readSlope(name: string, operand: BsonValue, context: FunctionContext) {
  needOrder(name, context, true)
  const parts = namedParts(name, operand, ['input'], ['unit'])
  const unit = parts.get('unit')
  const unitMs = unit === undefined ? undefined : fixedUnitMs(readString(unit))
  if (unit !== undefined && unitMs === undefined) {
    throw mongoError(5_490_710, "unit must be 'week' or smaller")
  }
  return { input: compileExpression(parts.get('input')!), unitMs }
}

const derivative: MakeFunction = (operand, context, window) => {
  const { input, unitMs } = readSlope('$derivative', operand, context)
  if (window === undefined) throw mongoError(mongoCode.failedToParse, '$derivative requires explicit window bounds')
  return {
    input,
    over: ({ inputs, sortValues }) => {
      const frames = new Frames(window, inputs.length, sortValues)
      return (place) => {
        const { from, to } = frames.at(place)
        if (to - from < 2) return nullValue
        const [low, high] = [inputs[from]!, inputs[to - 1]!]
        if (!low.isNumber || !high.isNumber) return nullValue
        const run = distance(sortValues[from]!, sortValues[to - 1]!, unitMs)
        return toDouble(run) === 0 ? nullValue : divideNumbers(subtractNumbers(high, low), run)
      }
    },
  }
}

/** By trapezoids. */
const integral: MakeFunction = (operand, context, window = wholePartition) => {
  const { input, unitMs } = readSlope('$integral', operand, context)
  return {
    input,
    over: ({ inputs, sortValues }) => {
      const frames = new Frames(window, inputs.length, sortValues)
      let [from, at] = [0, 0]
      let total = integerValue(0)
      return (place) => {
        const frame = frames.at(place)
        if (frame.from !== from || frame.to - 1 < at) {
          from = at = frame.from
          total = integerValue(0)
        }
        for (let steps = 0; at < frame.to - 1; steps++) {
          if (steps > 0 && isTurnOver()) throw suspended
          const [left, right] = [inputs[at]!, inputs[at + 1]!]
          if (left.isNumber && right.isNumber) {
            const width = distance(sortValues[at]!, sortValues[at + 1]!, unitMs)
            const area = divideNumbers(multiplyNumbers(addNumbers(left, right), width), integerValue(2))
            total = addNumbers(total, area)
          }
          at++
        }
        return frame.to === frame.from ? nullValue : total
      }
    },
  }
}

/** `lost`: 0 of a population, 1 of a sample. */
function covariance(name: string, lost: number): MakeFunction {
  return (operand, _, window = wholePartition) => {
    const pair = operand.type === bsonType.array ? elementsOf(operand) : []
    if (pair.length !== 2) {
      throw mongoError(mongoCode.failedToParse, `${name} takes an array of two expressions`)
    }
    const [x, y] = pair.map(compileExpression) as [Expression, Expression]
    return {
      input: (scope) => arrayOf([x(scope), y(scope)]),
      over: (partition) => new Accumulation(partition, window, () => new Covariance(lost)).at,
    }
  }
}

/** Welford's method, of two variables. */
class Covariance implements Accumulator {
  readonly #lost: number
  #count = 0
  #meanX = 0
  #meanY = 0
  #sum = 0

  constructor(lost: number) {
    this.#lost = lost
  }

  add(pair: BsonValue): number {
    const [x, y] = elementsOf(pair) as [BsonValue, BsonValue]
    if (!x.isNumber || !y.isNumber) return 0
    this.#count++
    const before = toDouble(x) - this.#meanX
    this.#meanX += before / this.#count
    this.#meanY += (toDouble(y) - this.#meanY) / this.#count
    this.#sum += before * (toDouble(y) - this.#meanY)
    return 0
  }

  result(): BsonValue {
    return this.#count <= this.#lost ? nullValue : doubleValue(this.#sum / (this.#count - this.#lost))
  }
}

/** The last that was there. */
const carriedForward: MakeFunction = (operand) => ({
  input: compileExpression(operand),
  over: ({ inputs }) => {
    let last = nullValue
    return (place) => {
      const value = inputs[place]!
      if (!value.isNullish) last = value
      return last
    }
  },
})

/** On the line between those that are there before and behind. */
const linear: MakeFunction = (operand, context) => {
  needOrder('$linearFill', context, true)
  return {
    input: compileExpression(operand),
    over: ({ inputs, sortValues }) => {
      let before = -1
      let behind = -1
      return (place) => {
        const value = inputs[place]!
        if (!value.isNullish) {
          if (!value.isNumber) throw mongoError(6_050_201, '$linearFill needs numbers, or nothing')
          before = place
          return value
        }
        if (behind < place) {
          behind = place + 1
          while (behind < inputs.length && inputs[behind]!.isNullish) behind++
        }
        if (before < 0 || behind >= inputs.length) return nullValue
        return between(place, [before, behind], inputs, sortValues)
      }
    },
  }
}

function between(
  place: number,
  [before, behind]: readonly [number, number],
  inputs: readonly BsonValue[],
  sortValues: readonly BsonValue[],
): BsonValue {
  const unit = sortValues[place]!.type === bsonType.date ? 1n : undefined
  const whole = distance(sortValues[before]!, sortValues[behind]!, unit)
  const part = distance(sortValues[before]!, sortValues[place]!, unit)
  if (toDouble(whole) === 0) throw mongoError(6_050_106, 'there can be no repeated values in the sort field')
  const rise = subtractNumbers(inputs[behind]!, inputs[before]!)
  return addNumbers(inputs[before]!, multiplyNumbers(divideNumbers(rise, whole), part))
}

/** Those that have a window, beside the accumulators. */
const windowed: ReadonlySet<string> = new Set(['$derivative', '$integral', '$covariancePop', '$covarianceSamp'])

const functions: ReadonlyMap<string, MakeFunction> = new Map<string, MakeFunction>([
  ['$rank', ranks('$rank', false)],
  ['$denseRank', ranks('$denseRank', true)],
  ['$documentNumber', documentNumber],
  ['$shift', shift],
  ['$expMovingAvg', movingAverage],
  ['$derivative', derivative],
  ['$integral', integral],
  ['$covariancePop', covariance('$covariancePop', 0)],
  ['$covarianceSamp', covariance('$covarianceSamp', 1)],
  ['$locf', carriedForward],
  ['$linearFill', linear],
])

export const windowFunctionNames: readonly string[] = [...functions.keys()]
