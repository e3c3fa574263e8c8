/**
 * When a value of one type refers to a value of another: what PostgreSQL's `=` between a referencing and a referenced column
 * says.
 *
 * Equality is decided in the referenced type: `toReferenced` is exact or says that nothing can equal the value. Where only
 * one value of the referencing type can equal a referenced one, `toReferencing` gives it, so that an index over the
 * referencing columns finds the rows; else they are looked for one by one.
 */
import { Decimal } from '../../base/decimal.ts'
import {
  dateInfinity,
  dateMinusInfinity,
  timestampInfinity,
  timestampMinusInfinity,
  usPerDay,
} from './types/calendar.ts'
import { trimPadding } from './types/text.ts'
import type { SqlType } from './types/type.ts'
import type { SqlValue } from './types/value.ts'

export interface KeyComparison {
  /** Undefined: no value of the referenced type equals it. */
  toReferenced(value: SqlValue): SqlValue | undefined
  /** Undefined: no value of the referencing type equals it. */
  readonly toReferencing?: (value: SqlValue) => SqlValue | undefined
}

const identity: KeyComparison = { toReferenced: (value) => value, toReferencing: (value) => value }

const integerBits: Readonly<Record<string, number>> = { int2: 16, int4: 32, int8: 64 }
const plainTexts: ReadonlySet<string> = new Set(['text', 'varchar', 'name'])
const texts: ReadonlySet<string> = new Set([...plainTexts, 'bpchar'])
const floats: ReadonlySet<string> = new Set(['float4', 'float8'])

/** Undefined where PostgreSQL has no such comparison for a foreign key. */
export function compareKeys(referencing: SqlType, referenced: SqlType): KeyComparison | undefined {
  if (!referenced.isOrdered) return undefined
  if (referencing.oid === referenced.oid) return identity
  const [from, to] = [referencing.name, referenced.name]
  if (from in integerBits) return fromInteger(from, to)
  if (from === 'numeric' && floats.has(to))
    return { toReferenced: (value) => rounded((value as Decimal).toNumber(), to) }
  if (floats.has(from) && floats.has(to)) return betweenFloats(from, to)
  if (texts.has(from) && texts.has(to)) return betweenTexts(from, to)
  if (from === 'date' && to === 'timestamp') return dateToTimestamp
  if (from === 'timestamp' && to === 'date') {
    return { toReferenced: dateOfTimestamp, toReferencing: timestampOfDate }
  }
  return undefined
}

function fromInteger(from: string, to: string): KeyComparison | undefined {
  const integer = (type: string, value: bigint): SqlValue | undefined => {
    if (BigInt.asIntN(integerBits[type]!, value) !== value) return undefined
    return type === 'int8' ? value : Number(value)
  }
  const exact = (value: SqlValue): bigint => BigInt(value as number | bigint)
  if (to in integerBits) {
    return {
      toReferenced: (value) => integer(to, exact(value)),
      toReferencing: (value) => integer(from, exact(value)),
    }
  }
  if (to === 'numeric') {
    return {
      toReferenced: (value) => Decimal.of(exact(value)),
      toReferencing: (value) => {
        const whole = wholeOf(value as Decimal)
        return whole === undefined ? undefined : integer(from, whole)
      },
    }
  }
  // A float may equal several integers.
  return floats.has(to) ? { toReferenced: (value) => rounded(Number(value), to) } : undefined
}

function wholeOf(value: Decimal): bigint | undefined {
  if (!value.isFinite) return undefined
  const whole = value.round(0)
  return whole.compare(value) === 0 ? whole.coefficient : undefined
}

function rounded(value: number, type: string): number {
  return type === 'float4' ? Math.fround(value) : value
}

function betweenFloats(from: string, to: string): KeyComparison {
  const same = (value: SqlValue): SqlValue => value
  const single = (value: SqlValue): SqlValue | undefined => {
    return Object.is(Math.fround(value as number), value) ? value : undefined
  }
  return {
    toReferenced: to === 'float4' ? single : same,
    toReferencing: from === 'float4' ? single : same,
  }
}

/** Trailing blanks count for nothing where either side is padded; then several texts may be equal. */
function betweenTexts(from: string, to: string): KeyComparison {
  if (plainTexts.has(from) && plainTexts.has(to)) return identity
  return { toReferenced: (value) => (from === 'bpchar' ? trimPadding(value as string) : value) }
}

function timestampOfDate(value: SqlValue): SqlValue {
  if (value === dateInfinity) return timestampInfinity
  if (value === dateMinusInfinity) return timestampMinusInfinity
  return BigInt(value as number) * usPerDay
}

function dateOfTimestamp(value: SqlValue): SqlValue | undefined {
  if (value === timestampInfinity) return dateInfinity
  if (value === timestampMinusInfinity) return dateMinusInfinity
  const us = value as bigint
  return us % usPerDay === 0n ? Number(us / usPerDay) : undefined
}

const dateToTimestamp: KeyComparison = { toReferenced: timestampOfDate, toReferencing: dateOfTimestamp }
