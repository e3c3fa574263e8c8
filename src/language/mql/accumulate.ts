/** What accumulators compute, over all the values of a group at once and over the elements of an array. */
import { Decimal } from '../../base/decimal.ts'
import { bsonType, type BsonValue } from '../../model/document/bson.ts'
import { compareValues } from '../../model/document/order.ts'
import {
  decimalValue,
  doubleValue,
  int32Value,
  integerValue,
  nullValue,
  toDecimal,
  toDouble,
} from '../../model/document/values.ts'
import { addNumbers, divideNumbers } from './arithmetic.ts'

/** Of the numbers among the values; 0 of none. */
export function sum(values: Iterable<BsonValue>): BsonValue {
  const total = new RunningSum()
  for (const value of values) total.add(value)
  return total.total()
}

export function average(values: Iterable<BsonValue>): BsonValue {
  const total = new RunningSum()
  for (const value of values) total.add(value)
  return total.average()
}

/**
 * Integers are added exactly, doubles with Neumaier's compensation, as the server does, so that 0.1 ten times is 1.
 */
export class RunningSum {
  count = 0
  #integers: BsonValue = int32Value(0)
  #double = 0
  #compensation = 0
  #hasDouble = false
  #decimal: Decimal | undefined

  add(value: BsonValue): void {
    if (!value.isNumber) return
    this.count++
    if (value.type === bsonType.decimal) this.#decimal = (this.#decimal ?? Decimal.zero).add(toDecimal(value))
    else if (value.type === bsonType.double) this.#addDouble(toDouble(value))
    else this.#addInteger(value)
  }

  #addInteger(value: BsonValue): void {
    const total = addNumbers(this.#integers, value)
    if (total.type === bsonType.double) {
      this.#addDouble(toDouble(this.#integers))
      this.#integers = value
    } else {
      this.#integers = total
    }
  }

  #addDouble(value: number): void {
    this.#hasDouble = true
    const total = this.#double + value
    if (Number.isFinite(total)) {
      this.#compensation +=
        Math.abs(this.#double) >= Math.abs(value) ? this.#double - total + value : value - total + this.#double
    }
    this.#double = total
  }

  total(): BsonValue {
    if (this.#decimal !== undefined) {
      const doubles = Decimal.fromDouble(this.#double + this.#compensation)
      return decimalValue(this.#decimal.add(toDecimal(this.#integers)).add(doubles))
    }
    if (!this.#hasDouble) return this.#integers
    return doubleValue(this.#double + (this.#compensation + toDouble(this.#integers)))
  }

  average(): BsonValue {
    return this.count === 0 ? nullValue : divideNumbers(this.total(), integerValue(this.count))
  }
}

export function smallest(values: Iterable<BsonValue>): BsonValue {
  return extreme(values, -1)
}

export function largest(values: Iterable<BsonValue>): BsonValue {
  return extreme(values, 1)
}

function extreme(values: Iterable<BsonValue>, sign: number): BsonValue {
  let best: BsonValue | undefined
  for (const value of values) {
    if (!value.isNullish && (best === undefined || compareValues(value, best) * sign > 0)) best = value
  }
  return best ?? nullValue
}

/** Welford's method. */
export class RunningDeviation {
  #count = 0
  #mean = 0
  #squares = 0

  add(value: BsonValue): void {
    if (!value.isNumber) return
    const number = toDouble(value)
    const difference = number - this.#mean
    this.#mean += difference / ++this.#count
    this.#squares += difference * (number - this.#mean)
  }

  /** `lost` degrees of freedom: 0 for a population, 1 for a sample. */
  result(lost: number): BsonValue {
    if (this.#count <= lost) return nullValue
    return doubleValue(Math.sqrt(this.#squares / (this.#count - lost)))
  }
}

export function standardDeviation(values: Iterable<BsonValue>, lost: number): BsonValue {
  const deviation = new RunningDeviation()
  for (const value of values) deviation.add(value)
  return deviation.result(lost)
}
