/** RETURNING: a SELECT list over the row that was written. */
import type { Node } from 'libpg-query'
import { bindTarget, checkTargets } from '../bind/bind-select.ts'
import type { Binder } from '../bind/binder.ts'
import { objectName } from '../bind/coerce.ts'
import type { OutputColumn } from '../bind/query.ts'
import type { Scope } from '../bind/scope.ts'
import type { Expression } from '../expression/expression.ts'
import { compileProjector, Planner } from '../plan/planner.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { objectTypes, oid } from '../types/oids.ts'

export interface Returning {
  readonly columns: readonly OutputColumn[]
  readonly expressions: readonly Expression[]
  project(row: SqlRow, run: SqlRun): SqlRow
}

/** The row has the scope's layout. */
export function bindReturning(
  binder: Binder,
  scope: Scope,
  clause: { readonly exprs?: Node[] } | undefined,
): Returning | undefined {
  if (clause?.exprs === undefined || clause.exprs.length === 0) return undefined
  scope.forbidsAggregates = 'RETURNING'
  const targets = binder.each(scope, clause.exprs, (node) => bindTarget(binder, scope, node)).flat()
  checkTargets(targets.length)
  const compiler = new Planner(binder.progress).compilerAt(0)
  const shown = targets.map(({ expression }) =>
    objectTypes.has(expression.type) ? objectName(expression) : expression,
  )
  const columns = targets.map(({ column }) => (objectTypes.has(column.type) ? { ...column, type: oid.text } : column))
  const project = compileProjector(shown, compiler)
  return { columns, expressions: targets.map(({ expression }) => expression), project }
}
