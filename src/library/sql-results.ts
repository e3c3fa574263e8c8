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
import type { SqlValue } from '../model/table/types/value.ts'
import { daysToDate, timestampToDate } from './date-values.ts'
import { jsonValueOf, type JsonValue } from './json-values.ts'

/** A column's value in a row of the embedded API. */
export type SqlResult = JsonValue | Date | Uint8Array | readonly SqlResult[]

type Convert = (value: SqlValue) => SqlResult

/** Makes results of a column's values. */
export function resultsOf(typeOid: number): Convert {
  const type = getType(typeOid)
  return type.element === undefined ? orNull(converterOf(type)) : orNull(arrayConverter(converterOf(type.element)))
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
  switch (type.name) {
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
      return asItIs
  }
}
