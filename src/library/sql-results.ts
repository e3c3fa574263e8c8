/**
 * What SQL's values come back as in JavaScript. It is exact: what the plain type cannot hold comes as PostgreSQL's text.
 *
 * | type                                      | comes as                                                             |
 * |-------------------------------------------|----------------------------------------------------------------------|
 * | bool                                      | boolean                                                              |
 * | int2 int4 oid float4 float8               | number (float4: of its shortest digits)                              |
 * | int8                                      | bigint                                                               |
 * | numeric                                   | `Decimal`                                                            |
 * | text varchar bpchar name uuid             | string                                                               |
 * | bytea                                     | Uint8Array                                                           |
 * | timestamptz timestamp date                | Date; text where it has microseconds, is ±infinity or beyond a Date  |
 * | json jsonb                                | its value; numbers as `json-values.ts` says                          |
 * | time interval and others                  | text                                                                 |
 * | arrays                                    | array of the element's                                               |
 *
 * NULL is null.
 */
import { getType } from '../model/table/types/registry.ts'
import type { SqlType } from '../model/table/types/type.ts'
import type { RowValue } from '../model/table/types/user/row-value.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import { daysToDate, timestampToDate } from './date-values.ts'
import { jsonValueOf, type JsonValue } from './json-values.ts'

/** A column's value in a row of the embedded API. */
export type SqlResult = JsonValue | Date | Uint8Array | readonly SqlResult[] | { readonly [name: string]: SqlResult }

type Convert = (value: SqlValue) => SqlResult

/** Makes results of a column's values. */
export function resultsOf(typeOid: number): Convert {
  const type = getType(typeOid)
  return orNull(typeConverter(type.base ?? type))
}

function typeConverter(type: SqlType): Convert {
  if (type.fields !== undefined) return rowConverter(type.fields)
  return type.element === undefined
    ? converterOf(type)
    : arrayConverter(typeConverter(type.element.base ?? type.element))
}

/** An object of its fields. */
function rowConverter(fields: NonNullable<SqlType['fields']>): Convert {
  const converters = fields.map(({ name, type }) => [name, orNull(typeConverter(type.base ?? type))] as const)
  return (value) => {
    const { values } = value as RowValue
    return Object.fromEntries(converters.map(([name, convert], i) => [name, convert(values[i]!)]))
  }
}

function orNull(convert: Convert): Convert {
  return (value) => (value === null ? null : convert(value))
}

function arrayConverter(convert: Convert): Convert {
  const convertPart = (value: SqlValue): SqlResult => {
    if (value === null) return null
    return Array.isArray(value) ? (value as readonly SqlValue[]).map(convertPart) : convert(value)
  }
  return convertPart
}

const asItIs: Convert = (value) => value as SqlResult

function converterOf(type: SqlType): Convert {
  // Types that users make are called what they like.
  switch (type.made === undefined ? type.name : '') {
    case 'float4':
      return (value) => (Object.is(value, -0) ? -0 : Number(type.formatText(value)))
    case 'timestamp':
    case 'timestamptz':
      return (value) => timestampToDate(value as bigint) ?? type.formatText(value)
    case 'date':
      return (value) => daysToDate(value as number) ?? type.formatText(value)
    case 'json':
    case 'jsonb':
      return (value) => jsonValueOf(value as string)
    case 'time':
    case 'interval':
      return (value) => type.formatText(value)
    default:
      return isShownAsText(type) ? (value) => type.formatText(value) : asItIs
  }
}

/** Bit strings, networks, ranges, shapes, and those that are told by their names: what JavaScript has no values for. */
const textCategories = new Set(['V', 'I', 'R', 'G'])
const textTypes = new Set(['timetz', 'money', 'macaddr', 'macaddr8', 'pg_lsn', 'xid8', 'tid'])

function isShownAsText({ category, name, made }: SqlType): boolean {
  return made === undefined && (textCategories.has(category) || textTypes.has(name))
}
