/**
 * Values on their way into variables and results: an assignment, as PL/pgSQL makes it. Where no cast leads from one type to the
 * other the value goes by way of its text.
 */
import { checkDomain, checkElements } from '../../../model/table/domains.ts'
import { findType, formatType, getType } from '../../../model/table/types/registry.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import { domainModifier } from '../../../model/table/types/user/domain.ts'
import { RecordRow, RowValue } from '../../../model/table/types/user/row-value.ts'
import type { BoundType } from '../bind/type-name.ts'
import type { SqlValue } from '../contract.ts'
import type { Implementation } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { findCast } from '../types/casts.ts'
import { oid } from '../types/oids.ts'

/** Whose values they are: the rules of a domain may ask the catalog. */
type Owner = Pick<SqlRun, 'transaction'>

export type Convert = (value: SqlValue, owner: Owner) => SqlValue

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

/** The value as one of the other type. */
export function converted(value: SqlValue, from: number, to: BoundType, owner: Owner): SqlValue {
  const convert = conversion(from, to.type, to.modifier)
  return convert === undefined ? value : convert(value, owner)
}

function makeConversion(from: number, to: number, modifier: number): Convert | undefined {
  const type = getType(to)
  if (from !== to && type.over !== undefined) return toDomain(from, type)
  const plain = from === to ? undefined : plainConversion(from, type)
  if (modifier < 0) return plain && ((value, owner) => (value === null ? null : plain(value, owner)))
  return (value, owner) =>
    value === null ? null : type.coerce(plain === undefined ? value : plain(value, owner), modifier, false)
}

/** To what it is over, and then its rules are asked, of NULL too. */
function toDomain(from: number, domain: SqlType): Convert {
  const plain = conversion(from, domain.base!.oid, domainModifier(domain))
  return (value, owner) => {
    const converted = plain === undefined ? value : plain(value, owner)
    checkDomain(owner.transaction, domain, converted)
    return converted
  }
}

function plainConversion(from: number, target: SqlType): Convert | undefined {
  const to = target.oid
  if (to === oid.void || to === oid.anyelement) return undefined
  const source = findType(from)
  if (to === oid.record) return source?.fields === undefined ? undefined : (value) => asRecord(value, from)
  if (target.fields !== undefined && from === oid.record) return describedRow(to)
  if (target.fields !== undefined && source?.fields !== undefined) return rowConversion(source, target)
  if (source?.base !== undefined) return conversion(source.base.oid, to, -1)
  if (target.element?.over !== undefined) return toDomains(from, target.element)
  const cast = from === oid.unknown ? undefined : findCast(from, to, 'assignment')
  if (cast !== undefined) return cast.convert as (Implementation & Convert) | undefined
  if (source === undefined || from === oid.unknown || from === oid.record) {
    return (value) => (typeof value === 'string' ? target.parseText(value) : value)
  }
  return (value) => target.parseText(source.formatText(value))
}

function asRecord(value: SqlValue, from: number): SqlValue {
  return value === null ? null : new RecordRow((value as RowValue).values, from)
}

/** Of a row that says itself what it consists of. */
function describedRow(to: number): Convert {
  return (value, owner) => {
    const row = value as RecordRow
    const convert = conversion(row.type, to, -1)
    return convert === undefined ? new RowValue(row.values) : convert(row, owner)
  }
}

/** Field by field. */
function rowConversion({ fields: from = [] }: SqlType, { fields: to = [], title }: SqlType): Convert {
  const converts = to.map(({ type, modifier }, i) => from[i] && conversion(from[i].type.oid, type.oid, modifier))
  return (value, owner) => {
    const { values } = value as RowValue
    if (values.length !== to.length) {
      const detail = values.length < to.length ? 'Input has too few columns.' : 'Input has too many columns.'
      throw failure('42846', `cannot cast type record to ${title}`, { detail })
    }
    return new RowValue(values.map((one, i) => converts[i]?.(one, owner) ?? (converts[i] === undefined ? one : null)))
  }
}

function toDomains(from: number, domain: SqlType): Convert {
  const plain = conversion(from, domain.base!.arrayOid, -1)
  return (value, owner) => {
    const converted = plain === undefined ? value : plain(value, owner)
    if (converted !== null) checkElements(owner.transaction, domain, converted as readonly SqlValue[])
    return converted
  }
}

/** Whether an assignment cast leads there: what SQL functions may return. */
export function isAssignable(from: number, to: number): boolean {
  if (from === to || from === oid.unknown) return true
  const [source, target] = [findType(from), findType(to)]
  if (source?.base !== undefined) return isAssignable(source.base.oid, to)
  if (target?.base !== undefined) return isAssignable(from, target.base.oid)
  if (to === oid.record) return source?.fields !== undefined
  if (target?.fields !== undefined && source?.made?.id === 0) return source.fields!.length === target.fields.length
  return findCast(from, to, 'assignment') !== undefined
}

export function typeTitle(type: number): string {
  return formatType(type, -1)
}
