/**
 * What a call of a function costs, in units of `base/work.ts`, told from its arguments before it is made.
 *
 * A function whose arguments may be large has a `Cost`. Where its definition gives none, every character, byte and element
 * is charged at a rate that covers the slowest walk there is in this language (a text spread into its characters and
 * joined again: 20 to 30 ns each); definitions say more where the work is more than one walk, or where small arguments
 * ask for much: `repeat`, patterns, powers. A cost is never less than what the call's arguments and its result take to be
 * walked through: `cost.test.ts` proves it for every function that is registered.
 *
 * Measured on Node 20, nanoseconds a character of 4 M: toUpperCase 1, spread and join 18, split at every character 15,
 * replaceAll of every one 82, JSON.stringify 3; digits of `bigint`, milliseconds for 10,000 and 100,000: product 0.15 and
 * 1.9, quotient 0.5 and 13, to text 0.6 and 17, from text 0.2 and 6.
 */
import { Decimal } from '../../../base/decimal.ts'
import { dearUnits } from '../../../base/work.ts'
import { findType } from '../../../model/table/types/registry.ts'
import { StructuredValue } from '../../../model/table/types/structured.ts'
import type { SqlValue } from '../contract.ts'
import { oid, shapeOid } from '../types/oids.ts'

export type Cost = (...values: readonly never[]) => number
type AnyCost = (...values: readonly SqlValue[]) => number

/** Units for each of `sizeOf`. */
const usualRate = 30
/** No walk through an array goes further: it is dear by then at any rate. */
const farEnough = dearUnits

/** Characters, bytes, digits; an element counts as eight beside its own. Walks no further than until it is dear. */
export function sizeOf(value: SqlValue, most: number = farEnough): number {
  switch (typeof value) {
    case 'string':
      return value.length
    case 'object':
      if (value === null) return 0
      if (value instanceof Uint8Array) return value.length
      if (value instanceof Decimal) return digitsOf(value)
      if (value instanceof StructuredValue) return sizeOfArray(value.parts(), most)
      return Array.isArray(value) ? sizeOfArray(value as readonly SqlValue[], most) : 0
    default:
      return 0
  }
}

function sizeOfArray(values: readonly SqlValue[], most: number): number {
  let size = 8
  for (let i = 0; i < values.length && size < most; i++) size += 8 + sizeOf(values[i]!, most - size)
  return size
}

/** 2^shift as bounds: what is below has at most so many digits. Comparing bigints of different lengths looks at these only. */
const digitBounds = [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000].map((digits) => ({
  digits,
  bound: 1n << BigInt(Math.floor(digits * 3.3219)),
}))
const fewDigits = 1n << 384n

/** About; those of the scale count, since numbers are brought to a common one. Few: none. */
function digitsOf(value: Decimal): number {
  const beyond = Math.max(0, value.scale - 100)
  if (!Number.isNaN(value.small)) return beyond
  const { coefficient } = value
  if (coefficient < fewDigits && coefficient > -fewDigits) return beyond
  const size = coefficient < 0n ? -coefficient : coefficient
  return beyond + (digitBounds.find(({ bound }) => size < bound)?.digits ?? 1_000_000)
}

/** So much for each of the sizes of all arguments. */
export function perSize(rate: number): Cost {
  const cost: AnyCost = (...values) => {
    let size = 0
    for (const value of values) size += sizeOf(value)
    return size * rate
  }
  return cost
}

/** Arithmetic on numerics grows faster than their digits. */
export const numericCost: Cost = (...values: readonly SqlValue[]) => {
  let digits = 0
  for (const value of values) digits += sizeOf(value)
  return digits === 0 ? 0 : digits * (30 + digits / 200)
}

/** exp, ln, log, power and roots: quadratic in the digits that they compute, which small arguments can ask for, too. */
export const seriesCost: Cost = (...values: readonly SqlValue[]) => {
  let digits = 40
  for (const value of values as readonly Decimal[]) {
    const large = digitsOf(value)
    digits +=
      large > 0 ? Math.min(large, 30_000) : Math.min(value.scale, 1000) + Math.min(3000, Math.abs(value.toNumber()))
  }
  return 7 * digits * digits
}

/** A text of this many characters. */
export function grownCost(characters: number): number {
  return Math.min(64 * 1024 * 1024, Math.max(0, characters)) * 2
}

const jsonTypes: ReadonlySet<number> = new Set<number>([oid.json, oid.jsonb, oid.jsonpath])
/** Parsed, walked and written again. */
const jsonCost = perSize(150)

const isWide: ReadonlySet<number> = new Set<number>([
  oid.text,
  oid.varchar,
  oid.bpchar,
  oid.bytea,
  oid.bit,
  oid.varbit,
  oid.json,
  oid.jsonb,
  oid.jsonpath,
  oid.unknown,
  oid.any,
  oid.anyarray,
  oid.anyelement,
  oid.anyrange,
  oid.anymultirange,
])

/** Whether values of the type can be large. */
export function isWideType(type: number): boolean {
  if (isWide.has(type) || type === oid.numeric) return true
  const known = findType(type)
  return (
    known?.element !== undefined ||
    known?.category === 'R' ||
    type === shapeOid.path ||
    type === shapeOid.polygon ||
    known?.fields !== undefined
  )
}

const usualCost = perSize(usualRate)

/** Of a function that says nothing of its cost: none where no argument can be large. */
export function costOfTypes(takes: readonly number[]): Cost | undefined {
  if (!takes.some(isWideType)) return undefined
  if (takes.some((type) => jsonTypes.has(type))) return jsonCost
  return takes.every((type) => type === oid.numeric || !isWideType(type)) ? numericCost : usualCost
}
