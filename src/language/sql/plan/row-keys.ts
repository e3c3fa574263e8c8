/**
 * Keys of rows: for hash tables, and for sorts.
 *
 * A value of some types is dear to compare or to hash where it is large: two documents are parsed, two arrays gone through
 * element by element, bits are packed. In its place stand the bytes that it would have in an index, which sort and are equal as the values
 * are, and compare natively. They are made once a row, by a call, so that those of a large value are made by another
 * thread (`expression/costed.ts`). The same goes for the digest of a long text or `bytea`.
 *
 * Keys of all other types are the values themselves (`types/hash-key.ts`).
 */
import { getType } from '../../../model/table/types/registry.ts'
import type { HashKey } from '../../../query/row-format.ts'
import type { SqlValue } from '../contract.ts'
import { compile, type Compiler, type Evaluate } from '../expression/compile.ts'
import { type Expression, plainCall } from '../expression/expression.ts'
import { type Cost, perSize } from '../functions/cost.ts'
import { groupKeyOf, hashKeyOf, isPairOfNarrow, joinKeyOf, keyBytesOf, nullKey, pairKey } from '../types/hash-key.ts'
import { oid } from '../types/oids.ts'
import type { SqlRow, SqlRun } from './run.ts'

export type KeyOfRow<K = HashKey> = (row: SqlRow, run: SqlRun) => K

/** Bytes stand in the place of its values. */
export function isKeyed(type: number): boolean {
  const { category, isOrdered, multirange } = getType(type)
  return isOrdered && (category === 'A' || category === 'V' || multirange !== undefined || type === oid.jsonb)
}

/** The expression, or a call that makes the bytes. */
export function keyed(expression: Expression): Expression {
  const { type } = expression
  if (!isKeyed(type)) return expression
  const call = plainCall('key', oid.bytea, [expression], keyBytesOf(type))
  return { ...call, cost: keyCost(type), remote: { kind: 'key', type } }
}

/** Of an element that has a known size: its bytes, which are few. */
const unitsPerPlain = 6
const unitsPerOther = 30
const unitsPerCharacter = 100
const unitsPerBit = 4

export function keyCost(type: number): Cost {
  if (type === oid.jsonb) return perSize(unitsPerCharacter)
  if (getType(type).category === 'V') return perSize(unitsPerBit)
  return perSize((getType(type).element?.storedBytes ?? 0) > 0 ? unitsPerPlain : unitsPerOther)
}

/** Longer ones are digested elsewhere. */
const longLength = 512 * 1024
/** Of a character or byte of those. */
const unitsPerDigested = 4

/** An expression's value as `hashKeyOf` takes it. */
function compileKey(expression: Expression, compiler: Compiler): Evaluate {
  const { type } = expression
  const plain = compile(keyed(expression), compiler)
  if (type !== oid.text && type !== oid.bytea) return plain
  const call = plainCall('digest', oid.bytea, columnsOf([type]), keyBytesOf(type))
  const digest = compile({ ...call, cost: perSize(unitsPerDigested), remote: { kind: 'key', type } }, valuesCompiler)
  return (row, run) => {
    const value = plain(row, run)
    if (value === null || (value as string | Uint8Array).length <= longLength) return value
    const bytes = digest([value], run) as Uint8Array
    // As texts and bytes of the same length are digested everywhere.
    return type === oid.text ? `\0${Buffer.from(bytes).toString('base64')}` : bytes
  }
}

const keyTypes = (expressions: readonly Expression[]): number[] => {
  return expressions.map(({ type }) => (isKeyed(type) ? oid.bytea : type))
}

/** Nulls equal each other: for GROUP BY and DISTINCT. */
export function groupKey(expressions: readonly Expression[], compiler: Compiler): KeyOfRow {
  if (expressions.length === 1) {
    const keyOf = valueKey(expressions[0]!, compiler)
    return (row, run) => keyOf(row, run) ?? nullKey
  }
  const parts = expressions.map((one) => compileKey(one, compiler))
  const types = keyTypes(expressions)
  return keyOfParts(parts, types, groupKeyOf(types))
}

/** Without a list of the values where two make one number. */
function keyOfParts<K>(
  parts: readonly Evaluate[],
  types: readonly number[],
  keyOf: (values: readonly SqlValue[]) => K,
): KeyOfRow<K | number> {
  if (!isPairOfNarrow(types)) return (row, run) => keyOf(valuesOf(parts, row, run))
  const [first, second] = parts as [Evaluate, Evaluate]
  return (row, run) => {
    const a = first(row, run)
    const b = second(row, run)
    return pairKey(a, b) ?? keyOf([a, b])
  }
}

export function valuesOf(parts: readonly Evaluate[], row: SqlRow, run: SqlRun): SqlValue[] {
  const values: SqlValue[] = []
  for (const part of parts) values.push(part(row, run))
  return values
}

/** Undefined where one is null, which equals nothing: for joins. */
export function joinKey(expressions: readonly Expression[], compiler: Compiler): KeyOfRow<HashKey | undefined> {
  if (expressions.length === 1) {
    const keyOf = valueKey(expressions[0]!, compiler)
    return (row, run) => keyOf(row, run) ?? undefined
  }
  const parts = expressions.map((one) => compileKey(one, compiler))
  const types = keyTypes(expressions)
  return keyOfParts(parts, types, joinKeyOf(types))
}

/** Of one value that is not null. */
export function valueKey(expression: Expression, compiler: Compiler): KeyOfRow<HashKey | null> {
  const part = compileKey(expression, compiler)
  const keyOf = hashKeyOf(keyTypes([expression])[0]!)
  return (row, run) => {
    const value = part(row, run)
    return value === null ? null : keyOf(value)
  }
}

/** Over rows that hold values of these types and nothing else. */
export const valuesCompiler: Compiler = {
  base: 0,
  compileSubquery: () => {
    throw new Error('invariant broken: a subquery in the key of a row')
  },
}

export function columnsOf(types: readonly number[], places: readonly number[] = [...types.keys()]): Expression[] {
  return places.map((index) => ({ kind: 'column', type: types[index]!, modifier: -1, index, name: '' }))
}
