/**
 * SQL values as the whole of Polylog holds them in memory. A type's registry entry says which of these it uses:
 *
 * | type                                   | representation                                                       |
 * |----------------------------------------|----------------------------------------------------------------------|
 * | bool                                   | boolean                                                              |
 * | int2 int4 oid float4 float8            | number                                                               |
 * | int8                                   | bigint                                                               |
 * | numeric                                | `Decimal`, whose scale is the one that is shown                      |
 * | text varchar bpchar name "char" unknown| string                                                               |
 * | bytea                                  | Uint8Array                                                           |
 * | uuid                                   | string, lower case with hyphens                                      |
 * | json / jsonb                           | the text as given / its canonical text                               |
 * | date                                   | number: days since 1970-01-01; ±infinity are the ends of int32       |
 * | time timestamp timestamptz             | bigint: µs since midnight / 1970; ±infinity are the ends of int64    |
 * | interval                               | `Interval`                                                           |
 * | arrays                                 | array of the element's representation; nested for several dimensions;|
 * |                                        | a `BoundedArray` where a dimension does not begin at 1               |
 * | enums                                  | string: the label                                                    |
 * | domains                                | as what they are over                                                |
 * | rows                                   | `RowValue`, a structured value                                       |
 *
 * NULL is null, in every type; no method of a type is ever called with it.
 */
import type { Decimal } from '../../../base/decimal.ts'
import type { StructuredValue } from './structured.ts'

/** Three parts that do not convert into each other: a month has no fixed number of days, a day none of hours. */
export interface Interval {
  readonly months: number
  readonly days: number
  readonly us: bigint
}

export type SqlValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Decimal
  | Uint8Array
  | Interval
  | StructuredValue
  | readonly SqlValue[]
