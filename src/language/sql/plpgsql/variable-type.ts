/** Types of variables: `integer`, `t.c%TYPE`, `v%TYPE`, `t%ROWTYPE`, `record`, a table's name for its rows. */
import { isTable } from '../../../model/table/table-kind.ts'
import { failure } from '../failure.ts'
import { parseText } from '../parse.ts'
import type { SqlRun } from '../plan/run.ts'
import { type BoundColumn, columnsOfTable } from '../routine/result.ts'
import { findCollection } from '../statement/naming.ts'
import { routineType } from '../statement/routines/routine-type.ts'
import { oid } from '../types/oids.ts'
import type { Names } from './names.ts'
import { scanTokens } from './tokens.ts'

export type VariableType =
  | { readonly kind: 'scalar'; readonly type: number; readonly modifier: number }
  | { readonly kind: 'record'; readonly columns: readonly BoundColumn[] | undefined }

export function variableType(run: SqlRun, names: Names, text: string): VariableType {
  if (/^record$/i.test(text)) return { kind: 'record', columns: undefined }
  const special = /^(.*?)\s*%\s*(type|rowtype)$/is.exec(text)
  if (special !== null) {
    const path = pathOf(special[1]!)
    if (special[2]!.toLowerCase() === 'rowtype') return { kind: 'record', columns: columnsNamed(run, path) }
    const variable = names.find(path)
    if (variable !== undefined && variable.field === undefined) {
      const { variable: like } = variable
      if (like.kind === 'record') return { kind: 'record', columns: like.columns }
      return { kind: 'scalar', type: like.type, modifier: like.modifier }
    }
  }
  const { type, modifier, table } = bound(run, text)
  if (table !== undefined) return { kind: 'record', columns: columnsOfTable(run.transaction.catalog, table) }
  if (type === oid.record) return { kind: 'record', columns: undefined }
  return { kind: 'scalar', type, modifier }
}

function pathOf(text: string): string[] {
  return scanTokens(text).flatMap(({ name }) => name ?? [])
}

function columnsNamed(run: SqlRun, path: readonly string[]): readonly BoundColumn[] {
  const [relname = '', schemaname] = [...path].reverse()
  const collection = findCollection(run, schemaname === undefined ? { relname } : { relname, schemaname })
  if (collection === undefined || !isTable(collection)) {
    throw failure('42P01', `relation "${path.join('.')}" does not exist`)
  }
  return columnsOfTable(run.transaction.catalog, collection.id)
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
