/**
 * One value that a Map compares, for one or several SQL values: equal keys mean equal values by the type's own `=`.
 *
 * Numbers, bigints and strings are their own keys; other types write themselves as they do into index keys. Several
 * columns give one string of parts with their lengths, so that ('a','b') and ('ab','') differ.
 */
import { createHash } from 'node:crypto'
import { shortBytesKey, shortKey } from '../../../base/short-key.ts'
import { sliceToLatin1 } from '../../../base/slice.ts'
import type { Decimal } from '../../../base/decimal.ts'
import { KeyWriter } from '../../../base/tuple.ts'
import { getType } from '../../../model/table/types/registry.ts'
import type { HashKey } from '../../../query/row-format.ts'
import type { SqlValue } from '../contract.ts'
import { oid } from './oids.ts'

const plain: ReadonlySet<number> = new Set<number>([
  oid.bool,
  oid.int2,
  oid.int4,
  oid.int8,
  oid.text,
  oid.varchar,
  oid.name,
  oid.oid,
  oid.uuid,
  oid.date,
  oid.time,
  oid.timestamp,
  oid.timestamptz,
  // A Map takes −0 for 0 and NaN for NaN, as their `=` does.
  oid.float4,
  oid.float8,
])

/** Numbers whose key is a number of 32 bits, or not finite. */
const narrow: ReadonlySet<number> = new Set<number>([oid.int2, oid.int4, oid.date])

const writer = new KeyWriter(256)

/** A key function for values of one type, nulls excluded. */
export function hashKeyOf(type: number): (value: SqlValue) => HashKey {
  if (plain.has(type)) {
    if (getType(type).category !== 'S') return (value) => value as HashKey
    return (value) => shortKey(value as string)
  }
  if (type === oid.bytea) return (value) => shortBytesKey(value as Uint8Array)
  if (type === oid.numeric) return (value) => decimalKey(value as Decimal)
  const entry = getType(type)
  // What has no order (json) is compared as its text, which is what PostgreSQL refuses and nothing here relies on.
  if (!entry.isOrdered) return (value) => shortKey(entry.formatText(value))
  return (value) => {
    writer.reset()
    entry.writeKey(value, writer)
    return shortKey(sliceToLatin1(writer))
  }
}

/** Fewer digits than a double tells apart. */
const digitsOfDouble = 1e15

/** Decimals of up to 15 digits are told apart by the doubles next to them. */
function decimalKey(value: Decimal): HashKey {
  const own = doubleOf(value)
  if (own !== undefined) return own
  const normal = value.normalize()
  return doubleOf(normal) ?? shortKey(normal.toString())
}

function doubleOf(value: Decimal): number | undefined {
  const { small, scale } = value
  return small < digitsOfDouble && small > -digitsOfDouble && scale <= 22 ? value.toNumber() : undefined
}

/** The bytes that stand for a value where it is dear to compare; of a text and of a bytea their digest. */
export function keyBytesOf(type: number): (value: SqlValue) => Uint8Array {
  if (type === oid.bytea)
    return (value) =>
      createHash('sha256')
        .update(value as Uint8Array)
        .digest()
  const entry = getType(type)
  if (entry.category === 'S')
    return (value) =>
      createHash('sha256')
        .update(value as string, 'utf16le')
        .digest()
  return (value) => {
    writer.reset()
    entry.writeKey(value, writer)
    return writer.toBytes()
  }
}

/** A key of several values, in which nulls equal each other: for GROUP BY and DISTINCT. */
export function groupKeyOf(types: readonly number[]): (values: readonly SqlValue[]) => HashKey {
  const keys = types.map(hashKeyOf)
  if (keys.length === 1) {
    const only = keys[0]!
    return (values) => (values[0] === null ? nullKey : only(values[0]!))
  }
  const isNarrow = types.map((type) => narrow.has(type))
  const ofTexts = (values: readonly SqlValue[]): string => {
    let key = ''
    for (let i = 0; i < keys.length; i++) {
      const value = values[i]!
      if (value === null) key += 'n'
      else if (isNarrow[i]!) key += `${value as number},`
      else {
        const part = String(keys[i]!(value))
        key += `${part.length}:${part}`
      }
    }
    return key
  }
  return isPairOfNarrow(types) ? (values) => pairKey(values[0]!, values[1]!) ?? ofTexts(values) : ofTexts
}

/** Two values of these types are one number, mostly: `pairKey`. */
export function isPairOfNarrow(types: readonly number[]): boolean {
  return types.length === 2 && types.every((type) => narrow.has(type))
}

const firstOfPair = 2 ** 20
const shiftOfPair = 2 ** 32

/** One number for two, the first of them of 21 bits and the other of 32. */
export function pairKey(first: SqlValue, second: SqlValue): number | undefined {
  const a = first as number
  const b = second as number
  if (first === null || second === null || (a | 0) !== a || (b | 0) !== b) return undefined
  return a < firstOfPair && a >= -firstOfPair ? a * shiftOfPair + (b >>> 0) : undefined
}

/** Not the text of any value: SQL text holds no 00. */
export const nullKey = '\0null'

/** A key of several values for a join: undefined where one is null, which equals nothing. */
export function joinKeyOf(types: readonly number[]): (values: readonly SqlValue[]) => HashKey | undefined {
  const all = groupKeyOf(types)
  return (values) => (values.includes(null) ? undefined : all(values))
}
