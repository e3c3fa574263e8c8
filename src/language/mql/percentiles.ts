/**
 * `$percentile` and `$median`, of a group or a window and of the numbers of an array.
 *
 * The percentile p of n numbers is the one of rank ⌈p·n⌉ in their order: one of those that came. The server's method
 * 'approximate' gives the same for few numbers, and something near it for many.
 */
import { charge } from '../../base/work.ts'
import { bsonType, type BsonValue } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { doubleValue, nullValue, readString, toDouble } from '../../model/document/values.ts'
import {
  arrayOf,
  type Compile,
  type Expression,
  type ExpressionOperator,
  namedParts,
  type OperatorFamily,
} from './expression-contract.ts'
import { longElementsOf, sortedInParts } from './long-lists.ts'
import type { Scope } from './scope.ts'

export interface PercentileParts {
  readonly input: Expression
  /** Which are wanted; of a median there is one. */
  readonly shares: (scope: Scope) => readonly number[]
  readonly isOne: boolean
}

export function readPercentiles(operator: string, operand: BsonValue, compile: Compile): PercentileParts {
  const isOne = operator === '$median'
  const parts = namedParts(operator, operand, isOne ? ['input', 'method'] : ['input', 'p', 'method'])
  const method = parts.get('method')!
  if (method.type !== bsonType.string || readString(method) !== 'approximate') {
    throw mongoError(mongoCode.badValue, `Currently only 'approximate' can be used as percentile 'method'.`)
  }
  const input = compile(parts.get('input')!)
  if (isOne) return { input, shares: () => [0.5], isOne }
  const p = compile(parts.get('p')!)
  return { input, shares: (scope) => sharesOf(p(scope)), isOne }
}

function sharesOf(value: BsonValue): readonly number[] {
  const list = value.type === bsonType.array ? longElementsOf(value) : []
  const shares = list.map((one) => (one.isNumber ? toDouble(one) : NaN))
  if (shares.length > 0 && shares.every((share) => share >= 0 && share <= 1)) return shares
  throw mongoError(7_750_303, "The $percentile 'p' field must be an array of numbers from [0.0, 1.0]")
}

const bytesPerNumber = 16
const unitsPerNumber = 60

/** Numbers alone count. */
export class Percentiles {
  readonly #numbers: number[] = []
  readonly #shares: readonly number[]
  readonly #isOne: boolean

  constructor(shares: readonly number[], isOne: boolean) {
    this.#shares = shares
    this.#isOne = isOne
  }

  add(value: BsonValue): number {
    const number = value.isNumber ? toDouble(value) : NaN
    if (Number.isNaN(number)) return 0
    charge(unitsPerNumber)
    this.#numbers.push(number)
    return bytesPerNumber
  }

  result(): BsonValue {
    const sorted = sortedInParts(this.#numbers, (a, b) => a - b)
    const found = this.#shares.map((share) => atShare(sorted, share))
    return this.#isOne ? found[0]! : arrayOf(found)
  }
}

function atShare(sorted: readonly number[], share: number): BsonValue {
  if (sorted.length === 0) return nullValue
  return doubleValue(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!)
}

/** Of an array's numbers, or of one number. */
function ofArray(name: string): readonly [string, ExpressionOperator] {
  return [
    name,
    (operand, compile) => {
      const { input, shares, isOne } = readPercentiles(name, operand, compile)
      return (scope) => {
        const percentiles = new Percentiles(shares(scope), isOne)
        const value = input(scope)
        const list = value.type === bsonType.array ? longElementsOf(value) : [value]
        for (const one of list) percentiles.add(one)
        return percentiles.result()
      }
    },
  ]
}

export const percentileOperators: OperatorFamily = [ofArray('$percentile'), ofArray('$median')]
