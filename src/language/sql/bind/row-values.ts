/**
 * Rows as values: ROW(…), a table's whole row, and their fields.
 *
 * Every row has a type that says its fields: the table's where it is a table's, else one of its own, which clients are told as
 * `record`. So a field's place is known when it is bound.
 */
import { isTable } from '../../../model/table/table-kind.ts'
import { Table } from '../../../model/table/table.ts'
import { typeOfCollection } from '../../../model/table/type-kinds.ts'
import { findType, formatType, rowTypeOf } from '../../../model/table/types/registry.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import { RowValue } from '../../../model/table/types/user/row-value.ts'
import type { SqlValue } from '../contract.ts'
import { type Expression, plainCall } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { comparisonOf } from '../functions/comparison.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import { fold, settle, withoutDomain } from './coerce.ts'
import type { ScopeColumn } from './scope.ts'

const makeRow = (...values: SqlValue[]): SqlValue => new RowValue(values)

/** ROW(…), and the same without the word. */
export function bindRow(binder: Binder, given: readonly Expression[], location: number | undefined): Expression {
  const parts = given.map((part) => settle(binder, part))
  const type = rowTypeOf(parts.map((part, i) => ({ name: `f${i + 1}`, type: part.type, modifier: part.modifier })))
  const call = plainCall('row', type.oid, parts, makeRow, location, false)
  // What a literal of no type is, who takes the row may say.
  return parts.some((part) => part.kind === 'constant' && part.isSettled === true) ? call : fold(call)
}

/** A table of FROM as a value; of an outer join, NULL where there is none. */
export function wholeRow(
  binder: Binder,
  columns: readonly ScopeColumn[],
  name: string,
  location: number | undefined,
): Expression {
  const shown = columns.filter((column) => column.isHidden !== true)
  for (const { source } of shown) binder.access.reads(source)
  const fields = shown.map(({ name: field, expression: { type, modifier } }) => ({ name: field, type, modifier }))
  const type = tableType(shown) ?? rowTypeOf(fields)
  const row = (...values: SqlValue[]): SqlValue => (values.every((one) => one === null) ? null : new RowValue(values))
  const parts = shown.map(({ expression }) => expression)
  return plainCall(`whole row ${name}`, type.oid, parts, row, location, false)
}

/** Where the columns are all those of one table, as it calls them. */
function tableType(columns: readonly ScopeColumn[]): SqlType | undefined {
  const collection = columns[0]?.source?.collection
  if (collection === undefined || !isTable(collection)) return undefined
  const own = Table.of(collection).columns
  const isWhole =
    own.length === columns.length &&
    own.every(({ name }, i) => columns[i]!.source?.collection === collection && columns[i]!.name === name)
  return isWhole ? typeOfCollection(collection) : undefined
}

/** `(value).name`. */
export function bindField(given: Expression, name: string, location: number | undefined): Expression {
  const value = withoutDomain(given)
  const type = findType(value.type)
  if (type?.fields === undefined) {
    const message = `column notation .${name} applied to type ${formatType(value.type, -1)}, which is not a composite type`
    throw failure('42809', message, { location })
  }
  const at = type.fields.findIndex((field) => field.name === name)
  if (at >= 0) return fieldAt(value, type, at)
  if (type.made?.id === 0)
    throw failure('42703', `could not identify column "${name}" in record data type`, { location })
  throw failure('42703', `column "${name}" not found in data type ${type.title}`, { location })
}

/** The field at a place of a row's type. */
export function fieldAt(value: Expression, { fields }: SqlType, at: number): Expression {
  const field = fields![at]!
  const take = (row: RowValue): SqlValue => row.values[at] ?? null
  const call = plainCall(`field ${field.name}`, field.type.oid, [value], take, value.location)
  return { ...call, modifier: field.modifier }
}

/** `(value).*`. */
export function allFields(
  given: Expression,
  location: number | undefined,
): readonly { name: string; value: Expression }[] {
  const value = withoutDomain(given)
  const type = findType(value.type)
  if (type?.fields === undefined) {
    throw failure('42809', `type ${formatType(value.type, -1)} is not composite`, { location })
  }
  return type.fields.map(({ name }, at) => ({ name, value: fieldAt(value, type, at) }))
}

/** IS NULL of a row: all of its fields are; IS NOT NULL: none is. */
export function rowNullTest(value: Expression, negated: boolean): Expression | undefined {
  if (findType(value.type)?.fields === undefined) return undefined
  const test = (row: SqlValue): SqlValue => {
    const values = row === null ? [] : (row as RowValue).values
    return negated ? row !== null && values.every((one) => one !== null) : values.every((one) => one === null)
  }
  return plainCall(negated ? 'IS NOT NULL' : 'IS NULL', oid.bool, [value], test, value.location, false)
}

/** Rows whose fields have the same types, whatever these are called. */
export function compareRowValues(
  name: string,
  parts: readonly Expression[],
  location: number | undefined,
): Expression | undefined {
  const [left, right] = parts.map(({ type }) => findType(type))
  if (left?.fields === undefined || right?.fields === undefined) return undefined
  if (left.fields.length !== right.fields.length) {
    throw failure('42804', 'cannot compare record types with different numbers of columns', { location })
  }
  for (const [i, { type }] of left.fields.entries()) {
    const other = right.fields[i]!.type
    if (type.oid === other.oid) continue
    const message = `cannot compare dissimilar column types ${type.title} and ${other.title} at record column ${i + 1}`
    throw failure('42804', message, { location })
  }
  const unordered = left.fields.find(({ type }) => !type.isOrdered)
  if (unordered !== undefined) {
    throw failure('42883', `could not identify a comparison function for type ${unordered.type.title}`, { location })
  }
  const compare = comparisonOf(name, (a, b) => left.compare(a, b))
  return { ...plainCall(name, oid.bool, parts, compare, location), isOperator: true }
}
