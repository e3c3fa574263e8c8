/**
 * Which documents a window has: by their places in the partition, or by what they sort by.
 *
 *   documents: [-1, 'current']                 places around the document's
 *   range: [-10, 10], unit: 'day'              values of the sort's one ascending field around the document's
 *
 * Invariants: places and values grow from document to document, so that both ends only move on.
 */
import { charge } from '../../base/work.ts'
import { bsonType, type BsonValue, elementsOf, fieldsOf } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { compareValues } from '../../model/document/order.ts'
import { dateValue, readInt64, readString, toDouble, toSafeInteger } from '../../model/document/values.ts'
import { addNumbers } from './arithmetic.ts'
import { utcZone } from '../../base/time-zones/time-zone.ts'
import { addUnits, checkUnit } from './expression-date-units.ts'

type Edge = 'unbounded' | 'current' | BsonValue

export interface Window {
  readonly kind: 'documents' | 'range'
  readonly low: Edge
  readonly high: Edge
  readonly unit: string | undefined
}

export const wholePartition: Window = { kind: 'documents', low: 'unbounded', high: 'unbounded', unit: undefined }

export function readWindow(specification: BsonValue): Window {
  if (specification.type !== bsonType.object) {
    throw mongoError(mongoCode.failedToParse, "'window' field must be an object")
  }
  const parts = new Map(fieldsOf(specification))
  for (const name of parts.keys()) {
    if (!['documents', 'range', 'unit'].includes(name)) {
      throw mongoError(mongoCode.failedToParse, `'window' field has an unknown argument: ${name}`)
    }
  }
  const documents = parts.get('documents')
  const range = parts.get('range')
  const unit = parts.get('unit')
  if (documents !== undefined && range !== undefined) {
    throw mongoError(mongoCode.failedToParse, 'Window bounds can specify either documents or range, not both')
  }
  if (unit !== undefined && range === undefined) {
    throw mongoError(mongoCode.failedToParse, "Window bounds can only specify 'unit' with range-based bounds")
  }
  if (documents === undefined && range === undefined) return wholePartition
  const [low, high] = edgesOf((documents ?? range)!, documents !== undefined)
  const window: Window = {
    kind: documents === undefined ? 'range' : 'documents',
    low,
    high,
    unit: unit === undefined ? undefined : checkUnit(readString(unit)),
  }
  if (isBackwards(window)) throw mongoError(5_339_900, 'Lower bound must not exceed upper bound')
  return window
}

function edgesOf(list: BsonValue, areDocuments: boolean): [Edge, Edge] {
  const edges = list.type === bsonType.array ? elementsOf(list) : []
  if (edges.length !== 2) {
    throw mongoError(mongoCode.failedToParse, 'Window bounds must be a 2-element array')
  }
  return edges.map((edge): Edge => {
    if (edge.type === bsonType.string) {
      const text = readString(edge)
      if (text === 'unbounded' || text === 'current') return text
    } else if (areDocuments ? toSafeInteger(edge) !== undefined : edge.isNumber) return edge
    throw mongoError(
      mongoCode.failedToParse,
      "Window bounds must be 'unbounded', 'current', or a number, which is an integer for documents",
    )
  }) as [Edge, Edge]
}

function isBackwards({ low, high }: Window): boolean {
  if (low === 'unbounded' || high === 'unbounded') return false
  const [from, to] = [low, high].map((edge) => (typeof edge === 'string' ? 0 : toDouble(edge))) as [number, number]
  return from > to
}

export interface Frame {
  readonly from: number
  /** Behind the last. */
  readonly to: number
}

/** Of the documents of a partition, asked for in their order. */
export class Frames {
  readonly #window: Window
  readonly #values: readonly BsonValue[]
  readonly #count: number
  #from = 0
  #to = 0

  /** `values`: what they sort by, where the window is a range. */
  constructor(window: Window, count: number, values: readonly BsonValue[]) {
    this.#window = window
    this.#count = count
    this.#values = values
  }

  at(place: number): Frame {
    const { kind, low, high } = this.#window
    if (kind === 'documents') {
      const from = low === 'unbounded' ? 0 : place + offsetOf(low)
      const to = high === 'unbounded' ? this.#count : place + offsetOf(high) + 1
      const first = Math.min(Math.max(from, 0), this.#count)
      return { from: first, to: Math.max(first, Math.min(to, this.#count)) }
    }
    if (low !== 'unbounded') {
      const least = this.#edge(place, low)
      while (this.#from < this.#count && this.#compare(this.#from, least) < 0) this.#from++
    }
    if (high === 'unbounded') this.#to = this.#count
    else {
      const most = this.#edge(place, high)
      while (this.#to < this.#count && this.#compare(this.#to, most) <= 0) this.#to++
    }
    return { from: this.#from, to: Math.max(this.#from, this.#to) }
  }

  #compare(place: number, edge: BsonValue): number {
    charge(unitsPerStep)
    return compareValues(this.#values[place]!, edge)
  }

  #edge(place: number, edge: Edge): BsonValue {
    const value = this.#values[place]!
    const { unit } = this.#window
    if (unit === undefined) {
      if (!value.isNumber) {
        throw mongoError(5_429_414, 'Invalid range: Expected the sortBy field to be a number, but it was not')
      }
      return typeof edge === 'string' ? value : addNumbers(value, edge)
    }
    if (value.type !== bsonType.date) {
      throw mongoError(5_429_513, 'Invalid range: Expected the sortBy field to be a Date, but it was not')
    }
    if (typeof edge === 'string') return value
    return dateValue(addUnits(readInt64(value), unit, offsetOf(edge), utcZone))
  }
}

const unitsPerStep = 100

function offsetOf(edge: Edge): number {
  if (typeof edge === 'string') return 0
  const offset = toSafeInteger(edge)
  if (offset === undefined)
    throw mongoError(mongoCode.failedToParse, 'a number of units in a window must be an integer')
  return offset
}
