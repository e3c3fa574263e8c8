/** to_date, to_timestamp and to_number by a template; spans that overlap. */
import { Decimal } from '../../../base/decimal.ts'
import { checkDate, checkTimestamp } from '../../../model/table/types/date-time.ts'
import { fromLocal } from '../../../model/table/types/text-style.ts'
import { getType } from '../../../model/table/types/registry.ts'
import type { Interval, SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { addInterval, addToInstant } from './date-functions.ts'
import { localOf, readByTemplate } from './from-char.ts'
import { defineFunction } from './registry.ts'

const { text, date, timestamp, timestamptz, time, timetz, interval, numeric, bool } = oid

function defineReaders(): void {
  defineFunction('to_date', [text, text], date, (value: string, template: string) => {
    return checkDate(readByTemplate(value, template).days)
  })
  const toTimestamp = (value: string, template: string): bigint => {
    const parts = readByTemplate(value, template)
    const local = localOf(parts)
    const us = parts.zoneSeconds === undefined ? fromLocal(local) : local - BigInt(parts.zoneSeconds) * 1_000_000n
    return checkTimestamp(us)
  }
  defineFunction('to_timestamp', [text, text], timestamptz, toTimestamp, { volatility: 'stable' })
  defineFunction('to_number', [text, text], numeric, toNumber)
}

const numberToken = /"((?:[^"\\]|\\.)*)"?|(FM|MI|PL|SG|PR|RN|TH|EEEE|[9.0,DGLSV])|(.)/gis

/** The digits of a text where the template has some; what else it has there is passed over. */
function toNumber(value: string, template: string): Decimal | null {
  let at = 0
  let [digits, behind] = ['', 0]
  let [isNegative, isBehind] = [false, false]
  const sign = (): void => {
    if (value[at] === '-' || value[at] === '+') {
      if (value[at] === '-') isNegative = true
      at++
    }
  }
  while (value[at] === ' ') at++
  if (value[at] === '<') {
    isNegative = true
    at++
  }
  for (const [, quoted, key, other] of template.matchAll(numberToken)) {
    const name = key?.toUpperCase()
    if (name === 'V' || name === 'RN' || name === 'EEEE') {
      throw failure(
        '0A000',
        name === 'EEEE' ? '"EEEE" not supported for input' : `"${name}" is not supported in to_number`,
      )
    }
    if (name === '9' || name === '0') {
      if (digits === '') {
        while (value[at] === ' ') at++
        sign()
      }
      if (isBehind) behind++
      if (/\d/.test(value[at] ?? '')) digits += value[at++]!
    } else if (name === '.' || name === 'D') {
      isBehind = true
      if (value[at] === '.') {
        digits += '.'
        at++
      }
    } else if (name === ',' || name === 'G') {
      if (value[at] === ',') at++
    } else if (name === 'L') {
      if (value[at] === '$') at++
    } else if (name === 'TH') at += 2
    else if (name === 'S' || name === 'MI' || name === 'PL' || name === 'SG') sign()
    else if (quoted !== undefined) at += quoted.length
    else if (other !== undefined) at++
  }
  sign()
  const read = Decimal.parse(/\d/.test(digits) ? digits.replace(/\.$/, '') : '')
  if (read === undefined)
    throw failure('22P02', `invalid input syntax for type numeric: "${digits === '' ? ' ' : digits}"`)
  const rounded = read.scale > behind ? read.round(behind) : read
  return isNegative ? rounded.negate() : rounded
}

type Compare = (a: SqlValue, b: SqlValue) => number

/** `(a, b) OVERLAPS (c, d)`, PostgreSQL's way with nulls: an end that is not known counts only where it decides. */
function overlap(
  compare: Compare,
  first: readonly [SqlValue, SqlValue],
  second: readonly [SqlValue, SqlValue],
): boolean | null {
  const ordered = ([start, end]: readonly [SqlValue, SqlValue]): readonly [SqlValue, SqlValue] => {
    if (start === null || end === null) return start === null ? [end, null] : [start, null]
    return compare(start, end) > 0 ? [end, start] : [start, end]
  }
  const [from, to] = ordered(first)
  const [otherFrom, otherTo] = ordered(second)
  if (from === null || otherFrom === null) return null
  const order = compare(from, otherFrom)
  if (order === 0) return to === null || otherTo === null ? null : true
  const [later, end, ownEnd] = order > 0 ? [from, otherTo, to] : [otherFrom, to, otherTo]
  if (end === null) return null
  if (compare(later, end) < 0) return true
  return ownEnd === null ? null : false
}

function defineOverlaps(): void {
  const lenient = { strict: false } as const
  const day = 86_400_000_000n
  const moves: readonly (readonly [number, ((at: never, by: Interval) => SqlValue) | undefined])[] = [
    [timestamp, addInterval],
    [timestamptz, addToInstant],
    [time, (at: bigint, by: Interval) => (((at + by.us) % day) + day) % day],
    [timetz, undefined],
  ]
  for (const [type, move] of moves) {
    const entry = getType(type)
    const compare: Compare = (a, b) => entry.compare(a, b)
    const ends = (a: SqlValue, b: SqlValue, c: SqlValue, d: SqlValue): SqlValue => overlap(compare, [a, b], [c, d])
    defineFunction('overlaps', [type, type, type, type], bool, ends, lenient)
    if (move === undefined) continue
    const moved = (at: SqlValue, by: SqlValue): SqlValue =>
      at === null || by === null ? null : move(at as never, by as Interval)
    const both = [type, interval]
    const define = (
      takes: readonly number[],
      call: (a: SqlValue, b: SqlValue, c: SqlValue, d: SqlValue) => SqlValue,
    ): void => {
      defineFunction('overlaps', takes, bool, call, {
        ...lenient,
        volatility: type === timestamptz ? 'stable' : 'immutable',
      })
    }
    define([...both, ...both], (a, b, c, d) => ends(a, moved(a, b), c, moved(c, d)))
    define([...both, type, type], (a, b, c, d) => ends(a, moved(a, b), c, d))
    define([type, type, ...both], (a, b, c, d) => ends(a, b, c, moved(c, d)))
  }
}

defineReaders()
defineOverlaps()
