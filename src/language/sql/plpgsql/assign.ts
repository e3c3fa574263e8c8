/** Values into variables: converted to their types, rows to records. */
import type { SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { converted } from '../routine/conversion.ts'
import type { BoundColumn } from '../routine/result.ts'
import type { Frame } from './frame.ts'
import type { RecordValue, RecordVariable, ScalarVariable } from './names.ts'

export function assignScalar(frame: Frame, variable: ScalarVariable, value: SqlValue, type: number): void {
  const assigned = converted(value, type, variable, frame.caller)
  if (assigned === null && variable.isNotNull) {
    throw failure('22004', `null value cannot be assigned to variable "${variable.name}" declared NOT NULL`)
  }
  frame.values[variable.slot] = assigned
}

/** A row into a record; undefined: nulls. */
export function assignRow(
  frame: Frame,
  variable: RecordVariable,
  row: readonly unknown[] | undefined,
  columns: readonly BoundColumn[],
): void {
  const wanted = variable.columns ?? columns
  const values = wanted.map((column, i) => {
    const value = (row?.[i] ?? null) as SqlValue
    const given = columns[i]
    if (given === undefined || variable.columns === undefined) return value
    return converted(value, given.type, column, frame.caller)
  })
  const record: RecordValue = { columns: wanted, values }
  frame.values[variable.slot] = record
}

export function assignField(
  frame: Frame,
  variable: RecordVariable,
  field: string,
  value: SqlValue,
  type: number,
): void {
  const record = frame.values[variable.slot] as RecordValue | null
  if (record === null) {
    throw failure('55000', `record "${variable.name}" is not assigned yet`, {
      detail: 'The tuple structure of a not-yet-assigned record is indeterminate.',
    })
  }
  const index = record.columns.findIndex(({ name }) => name === field)
  if (index < 0) throw failure('42703', `record "${variable.name}" has no field "${field}"`)
  const column = record.columns[index]!
  const values = [...record.values]
  values[index] = converted(value, type, column, frame.caller)
  frame.values[variable.slot] = { columns: record.columns, values }
}
