/**
 * `$densify`: documents in between, so that a field has every value of a range.
 *
 * Values that are made are counted from the beginning of the range, `low + k·step`: months from the 31st stay at the ends
 * of months. A partition's range is its own, that of all documents, or the one that is given, of which the end is excluded.
 */
import { utcZone } from '../../base/time-zones/time-zone.ts'
import { bsonType, BsonValue, elementsOf, fieldsOf } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { compareValues, keyText } from '../../model/document/order.ts'
import { findPath, parsePath, type Path } from '../../model/document/path.ts'
import { dateValue, integerValue, readInt64, readString, toDouble, toSafeInteger } from '../../model/document/values.ts'
import { addNumbers, multiplyNumbers } from './arithmetic.ts'
import { addUnits, checkUnit } from './expression-date-units.ts'
import { arrayOf, objectOf } from './expression-contract.ts'
import { Gathered } from './gathered.ts'
import { replaceAtPath } from './replace-path.ts'
import { sortDocuments } from './sorting.ts'
import type { Stage } from './stage.ts'

interface Densify {
  readonly field: Path
  readonly partition: readonly Path[]
  readonly step: BsonValue
  readonly unit: string | undefined
  readonly bounds: 'full' | 'partition' | readonly [BsonValue, BsonValue]
}

/** As many may be made, as in the server. */
const mostMade = 500_000

export function compileDensify(specification: BsonValue): Stage {
  const densify = read(specification)
  const order = [...densify.partition, densify.field].map((path) => ({ path, descending: false }))
  return (input) => {
    const sorted = sortDocuments(input, order)
    return new Gathered('$densify', sorted, (documents) => new Densified(densify, documents).all())
  }
}

function fieldsIn(name: string, value: BsonValue | undefined, known: readonly string[]): Map<string, BsonValue> {
  if (value?.type !== bsonType.object) throw mongoError(mongoCode.failedToParse, `${name} must be an object`)
  const fields = new Map(fieldsOf(value))
  for (const field of fields.keys()) {
    if (!known.includes(field)) throw mongoError(40_415, `BSON field '${name}.${field}' is an unknown field.`)
  }
  return fields
}

function read(specification: BsonValue): Densify {
  const parts = fieldsIn('$densify', specification, ['field', 'partitionByFields', 'range'])
  const range = fieldsIn('$densify.range', parts.get('range'), ['step', 'unit', 'bounds'])
  const [step, unit, bounds] = ['step', 'unit', 'bounds'].map((name) => range.get(name))
  if (step === undefined || !step.isNumber || !(toDouble(step) > 0)) {
    throw mongoError(5_733_401, 'the step parameter in a range statement must be a strictly positive numeric value')
  }
  if (unit !== undefined && toSafeInteger(step) === undefined) {
    throw mongoError(
      6_586_400,
      'The step parameter in a range satement must be a whole number when densifying a date range',
    )
  }
  const byFields = parts.get('partitionByFields')
  const partition = byFields === undefined ? [] : elementsOf(byFields).map((name) => pathOf(name))
  return {
    field: pathOf(parts.get('field')),
    partition,
    step,
    unit: unit === undefined ? undefined : checkUnit(readString(unit)),
    bounds: boundsOf(bounds, unit !== undefined, partition.length > 0),
  }
}

function pathOf(name: BsonValue | undefined): Path {
  const text = name?.type === bsonType.string ? readString(name) : ''
  if (text !== '' && !text.startsWith('$')) return parsePath(text)
  throw mongoError(5_946_801, '$densify needs names of fields, without a $')
}

function boundsOf(bounds: BsonValue | undefined, areDates: boolean, isPartitioned: boolean): Densify['bounds'] {
  if (bounds?.type === bsonType.string) {
    const text = readString(bounds)
    if (text === 'full') return text
    if (text === 'partition') {
      if (isPartitioned) return text
      throw mongoError(
        5_733_408,
        "one may not specify the bounds as 'partition' without specifying a non-empty array of partitionByFields",
      )
    }
  } else if (bounds?.type === bsonType.array) {
    const [low, high, ...more] = elementsOf(bounds)
    const fits = (value: BsonValue): boolean => (areDates ? value.type === bsonType.date : value.isNumber)
    if (low !== undefined && high !== undefined && more.length === 0 && fits(low) && fits(high)) {
      if (compareValues(low, high) <= 0) return [low, high]
    }
  }
  throw mongoError(
    5_733_402,
    'the bounds in a range statement must be "full", "partition", or an ascending array of two numbers or two dates',
  )
}

/** In a partition: made next, counted from `low`; up to `high`. */
interface Filling {
  readonly low: BsonValue
  readonly high: BsonValue
  readonly includesHigh: boolean
  readonly head: BsonValue
  steps: number
}

class Densified {
  readonly #densify: Densify
  readonly #documents: readonly BsonValue[]
  #madeCount = 0

  constructor(densify: Densify, documents: readonly BsonValue[]) {
    this.#densify = densify
    this.#documents = documents
  }

  *all(): Generator<BsonValue, void, void> {
    const values = this.#documents.map((document) => this.#valueOf(document))
    const { bounds, partition } = this.#densify
    const whole = bounds === 'full' ? extremes(values) : undefined
    if (this.#documents.length === 0 && Array.isArray(bounds) && partition.length === 0) {
      yield* this.#rest(fillingOf(bounds as readonly [BsonValue, BsonValue], objectOf([]), false))
    }
    for (let from = 0; from < this.#documents.length;) {
      const key = this.#keyOf(from)
      let to = from + 1
      while (to < this.#documents.length && this.#keyOf(to) === key) to++
      const own = typeof bounds === 'string' ? (whole ?? extremes(values.slice(from, to))) : bounds
      yield* this.#partition(from, to, values, own)
      from = to
    }
  }

  #valueOf(document: BsonValue): BsonValue | undefined {
    const value = new BsonValue()
    findPath(document.bytes, document.start, this.#densify.field, value)
    if (value.isNullish) return undefined
    const isDate = value.type === bsonType.date
    if (!isDate && !value.isNumber) throw mongoError(5_733_201, 'Densify field type must be numeric or a date')
    if (isDate === (this.#densify.unit !== undefined)) return value
    throw mongoError(6_053_600, isDate ? "a date needs a 'unit' in $densify" : "'unit' in $densify needs dates")
  }

  #keyOf(at: number): string {
    const document = this.#documents[at]!
    return keyText(arrayOf(this.#densify.partition.map((path) => partOf(document, path))))
  }

  /** What a document that is made has of its partition. */
  #headOf(document: BsonValue): BsonValue {
    let head = objectOf([])
    for (const path of this.#densify.partition) head = replaceAtPath(head, path, partOf(document, path))
    return head
  }

  *#partition(
    from: number,
    to: number,
    values: readonly (BsonValue | undefined)[],
    bounds: readonly [BsonValue, BsonValue] | undefined,
  ): Generator<BsonValue, void, void> {
    const includesHigh = this.#densify.bounds === 'full'
    const filling = bounds && fillingOf(bounds, this.#headOf(this.#documents[from]!), includesHigh)
    for (let at = from; at < to; at++) {
      const value = values[at]
      if (value !== undefined && filling !== undefined) yield* this.#before(filling, value)
      yield this.#documents[at]!
    }
    if (filling !== undefined) yield* this.#rest(filling)
  }

  /** Those below a value that is there; one that would be the same is not made. */
  *#before(filling: Filling, value: BsonValue): Generator<BsonValue, void, void> {
    for (;;) {
      const next = this.#nextOf(filling)
      const difference = compareValues(next, value)
      if (difference > 0 || isBeyond(filling, next)) return
      filling.steps++
      if (difference === 0) return
      yield this.#make(filling, next)
    }
  }

  *#rest(filling: Filling): Generator<BsonValue, void, void> {
    for (;;) {
      const next = this.#nextOf(filling)
      if (isBeyond(filling, next)) return
      filling.steps++
      yield this.#make(filling, next)
    }
  }

  #nextOf({ low, steps }: Filling): BsonValue {
    const { step, unit } = this.#densify
    if (steps === 0) return low
    if (unit === undefined) return addNumbers(low, multiplyNumbers(step, integerValue(steps)))
    return dateValue(addUnits(readInt64(low), unit, toSafeInteger(step)! * steps, utcZone))
  }

  #make({ head }: Filling, value: BsonValue): BsonValue {
    if (++this.#madeCount > mostMade) {
      throw mongoError(5_897_900, `Generated ${mostMade} documents in $densify, which is over the limit`)
    }
    return replaceAtPath(head, this.#densify.field, value)
  }
}

function partOf(document: BsonValue, path: Path): BsonValue {
  const value = new BsonValue()
  findPath(document.bytes, document.start, path, value)
  if (value.type !== bsonType.array) return value
  throw mongoError(5_733_200, 'the fields of a partition in $densify cannot be arrays')
}

function fillingOf([low, high]: readonly [BsonValue, BsonValue], head: BsonValue, includesHigh: boolean): Filling {
  return { low, high, includesHigh, head, steps: 0 }
}

function isBeyond({ high, includesHigh }: Filling, value: BsonValue): boolean {
  const difference = compareValues(value, high)
  return includesHigh ? difference > 0 : difference >= 0
}

function extremes(values: readonly (BsonValue | undefined)[]): readonly [BsonValue, BsonValue] | undefined {
  let low: BsonValue | undefined
  let high: BsonValue | undefined
  for (const value of values) {
    if (value === undefined) continue
    if (low === undefined || compareValues(value, low) < 0) low = value
    if (high === undefined || compareValues(value, high) > 0) high = value
  }
  return low === undefined ? undefined : [low, high!]
}
