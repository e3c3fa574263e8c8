/**
 * Values on their way into variables and results: an assignment, as PL/pgSQL makes it. Where no cast leads from one type to the
 * other the value goes by way of its text.
 */
import { findType, formatType, getType } from '../../../model/table/types/registry.ts'
import type { SqlValue } from '../contract.ts'
import type { Implementation } from '../expression/expression.ts'
import { findCast } from '../types/casts.ts'
import { oid } from '../types/oids.ts'

export type Convert = (value: SqlValue) => SqlValue

const known = new Map<string, Convert | undefined>()
const mostKnown = 10_000

/** Undefined where the value stays as it is. */
export function conversion(from: number, to: number, modifier: number): Convert | undefined {
  if (from === to && modifier < 0) return undefined
  const key = `${from} ${to} ${modifier}`
  if (!known.has(key)) {
    if (known.size > mostKnown) known.clear()
    known.set(key, makeConversion(from, to, modifier))
  }
  return known.get(key)
}

function makeConversion(from: number, to: number, modifier: number): Convert | undefined {
  const plain = from === to ? undefined : plainConversion(from, to)
  if (modifier < 0) return plain && ((value) => (value === null ? null : plain(value)))
  const type = getType(to)
  return (value) => (value === null ? null : type.coerce(plain === undefined ? value : plain(value), modifier, false))
}

function plainConversion(from: number, to: number): Convert | undefined {
  if (to === oid.record || to === oid.void || to === oid.anyelement) return undefined
  const cast = from === oid.unknown ? undefined : findCast(from, to, 'assignment')
  if (cast !== undefined) return cast.convert as (Implementation & Convert) | undefined
  const [source, target] = [findType(from), getType(to)]
  if (source === undefined || from === oid.unknown || from === oid.record) {
    return (value) => (typeof value === 'string' ? target.parseText(value) : value)
  }
  return (value) => target.parseText(source.formatText(value))
}

/** Whether an assignment cast leads there: what SQL functions may return. */
export function isAssignable(from: number, to: number): boolean {
  return from === to || from === oid.unknown || findCast(from, to, 'assignment') !== undefined
}

export function typeTitle(type: number): string {
  return formatType(type, -1)
}
