/** What is assigned to a record: another record, NULL, or a value that is a row. */
import type { StatementSteps } from '../../../database/contract.ts'
import { isSteps } from '../../../database/transaction/wait.ts'
import { stringOf } from '../bind/tree.ts'
import { findType } from '../../../model/table/types/registry.ts'
import { RecordRow, type RowValue } from '../../../model/table/types/user/row-value.ts'
import type { SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { type BoundColumn, columnsOfType } from '../routine/result.ts'
import type { Frame } from './frame.ts'
import type { Names, RecordValue } from './names.ts'
import { pending, type PlExpression } from './sql-parts.ts'

export interface RowWithColumns {
  readonly values: readonly unknown[]
  readonly columns: readonly BoundColumn[]
}

/** Undefined: NULL. */
export type RecordSource = (frame: Frame) => RowWithColumns | undefined | StatementSteps<RowWithColumns | undefined>

export function recordSource(expression: PlExpression, names: Names): RecordSource {
  const { node } = expression
  if (node !== undefined && 'A_Const' in node && node.A_Const.isnull === true) {
    return () => undefined
  }
  if (node !== undefined && 'ColumnRef' in node) {
    const path = (node.ColumnRef.fields ?? []).flatMap((one) => ('String' in one ? stringOf(one) : []))
    const found = names.find(path)
    if (found?.variable.kind === 'record' && found.field === undefined) {
      const { slot } = found.variable
      return (frame) => {
        const record = frame.values[slot] as RecordValue | null
        return record === null || record.isAbsent === true ? undefined : record
      }
    }
  }
  return (frame) => {
    const value = expression.now(frame)
    return value === pending ? later(frame, expression) : rowOfValue(value, expression.type)
  }
}

function* later(frame: Frame, expression: PlExpression): StatementSteps<RowWithColumns | undefined> {
  return rowOfValue(yield* expression.later(frame), expression.type)
}

/** Undefined: NULL. Errors: 42804 of what is no row. */
export function rowOfValue(value: SqlValue, type: number): RowWithColumns | undefined {
  if (value === null) return undefined
  const found = findType(value instanceof RecordRow ? value.type : type)
  const row = found?.base ?? found
  if (row?.fields === undefined) throw failure('42804', 'cannot assign non-composite value to a record variable')
  return { values: (value as RowValue).values, columns: columnsOfType(row) }
}

export function* rowFrom(source: RecordSource, frame: Frame): StatementSteps<RowWithColumns | undefined> {
  const found = source(frame)
  return isSteps(found) ? yield* found : found
}
