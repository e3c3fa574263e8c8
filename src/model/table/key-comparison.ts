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
import type { Interval, SqlValue } from './types/value.ts'

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
const timestamps: ReadonlySet<string> = new Set(['timestamp', 'timestamptz'])
const floats: ReadonlySet<string> = new Set(['float4', 'float8'])

/** Undefined where PostgreSQL has no such comparison for a foreign key. */
export function compareKeys(referencing: SqlType, referenced: SqlType): KeyComparison | undefined {
  if (!referenced.isOrdered) return undefined
  if (referencing.oid === referenced.oid) return identity
  const [from, to] = [referencing.name, referenced.name]
  if (from in integerBits) return to === 'oid' ? integerToOid(from) : fromInteger(from, to)
  if (from === 'numeric' && floats.has(to))
    return { toReferenced: (value) => rounded((value as Decimal).toNumber(), to) }
  if (floats.has(from) && floats.has(to)) return betweenFloats(from, to)
  if (texts.has(from) && texts.has(to)) return betweenTexts(from, to)
  if (from === 'char' && (to === 'text' || to === 'varchar')) return charToText
  if (from === 'date' && timestamps.has(to)) return dateToTimestamp
  if (timestamps.has(from) && to === 'date') {
    return { toReferenced: dateOfTimestamp, toReferencing: timestampOfDate }
  }
  // Both count from 1970 in UTC, the only zone that there is.
  if (timestamps.has(from) && timestamps.has(to)) return identity
  return from === 'time' && to === 'interval' ? timeToInterval : undefined
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

/** Negative numbers mean those from 2^31 on, but for int8, which is refused beyond its range. */
function integerToOid(from: string): KeyComparison {
  if (from === 'int8') {
    return {
      toReferenced: (value) => (BigInt.asUintN(32, value as bigint) === value ? Number(value) : undefined),
      toReferencing: (value) => BigInt(value as number),
    }
  }
  return {
    toReferenced: (value) => (value as number) >>> 0,
    toReferencing: (value) => {
      const signed = (value as number) | 0
      return from === 'int2' && (signed << 16) >> 16 !== signed ? undefined : signed
    },
  }
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
function betweenTexts(from: string, to: string): KeyComparison | undefined {
  if (from === 'name' && to === 'bpchar') return undefined
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

const charToText: KeyComparison = {
  toReferenced: (value) => value,
  toReferencing: (value) => (Buffer.byteLength(value as string) <= 1 ? value : undefined),
}

/** Equal intervals are as long as each other: a month has 30 days, and a day 24 hours. */
const timeToInterval: KeyComparison = {
  toReferenced: (value) => ({ months: 0, days: 0, us: value as bigint }),
  toReferencing: (value) => {
    const { months, days, us } = value as Interval
    const all = (BigInt(months) * 30n + BigInt(days)) * usPerDay + us
    return all >= 0n && all <= usPerDay ? all : undefined
  },
}

const dateToTimestamp: KeyComparison = { toReferenced: timestampOfDate, toReferencing: dateOfTimestamp }
