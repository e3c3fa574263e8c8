/** Types of variables: `integer`, `t.c%TYPE`, `v%TYPE`, `t%ROWTYPE`, `record`, a table's name for its rows. */
import { isTable } from '../../../model/table/table-kind.ts'
import { typeOfCollection } from '../../../model/table/type-kinds.ts'
import { getType } from '../../../model/table/types/registry.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import { failure } from '../failure.ts'
import { parseText } from '../parse.ts'
import type { SqlRun } from '../plan/run.ts'
import { type BoundColumn, columnsOfType } from '../routine/result.ts'
import { findCollection } from '../statement/naming.ts'
import { routineType } from '../statement/routines/routine-type.ts'
import { oid } from '../types/oids.ts'
import type { Names } from './names.ts'
import { scanTokens } from './tokens.ts'

export type VariableType =
  | { readonly kind: 'scalar'; readonly type: number; readonly modifier: number }
  | {
      readonly kind: 'record'
      readonly columns: readonly BoundColumn[] | undefined
      readonly type?: number | undefined
    }

export function variableType(run: SqlRun, names: Names, text: string): VariableType {
  if (/^record$/i.test(text)) return { kind: 'record', columns: undefined }
  const special = /^(.*?)\s*%\s*(type|rowtype)$/is.exec(text)
  if (special !== null) {
    const path = pathOf(special[1]!)
    if (special[2]!.toLowerCase() === 'rowtype') return rowVariable(rowsNamed(run, path))
    const variable = names.find(path)
    if (variable !== undefined && variable.field === undefined) {
      const { variable: like } = variable
      if (like.kind === 'record') return { kind: 'record', columns: like.columns, type: like.type }
      return { kind: 'scalar', type: like.type, modifier: like.modifier }
    }
  }
  const { type, modifier } = bound(run, text)
  const row = getType(type)
  if (row.fields !== undefined) return rowVariable(row)
  if (type === oid.record) return { kind: 'record', columns: undefined }
  return { kind: 'scalar', type, modifier }
}

function pathOf(text: string): string[] {
  return scanTokens(text).flatMap(({ name }) => name ?? [])
}

export function rowVariable(row: SqlType): VariableType & { kind: 'record' } {
  return { kind: 'record', columns: columnsOfType(row), type: row.oid }
}

function rowsNamed(run: SqlRun, path: readonly string[]): SqlType {
  const [relname = '', schemaname] = [...path].reverse()
  const collection = findCollection(run, schemaname === undefined ? { relname } : { relname, schemaname })
  if (collection === undefined || !isTable(collection)) {
    throw failure('42P01', `relation "${path.join('.')}" does not exist`)
  }
  return typeOfCollection(collection)
}

/** By the grammar of parameters, which knows all forms of types. */
function bound(run: SqlRun, text: string): ReturnType<typeof routineType> {
  const tree = parseText(`CREATE FUNCTION f(a ${text}) RETURNS int LANGUAGE sql AS ''`)[0]?.tree
  const parameters = (tree as { CreateFunctionStmt?: { parameters?: readonly unknown[] } }).CreateFunctionStmt
    ?.parameters
  const first = parameters?.[0] as { FunctionParameter?: { argType?: Parameters<typeof routineType>[1] } } | undefined
  const type = first?.FunctionParameter?.argType
  if (type === undefined) throw failure('42601', `invalid type name "${text}"`)
  return routineType(run, type)
}
