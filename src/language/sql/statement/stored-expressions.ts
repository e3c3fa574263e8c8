/**
 * Expressions that a table's definition keeps as text: defaults and checks. They are parsed and bound again for each plan
 * that needs them; the plan is kept, so this happens once per statement's text.
 */
import type { Node } from 'libpg-query'
import type { RowCheck } from '../../../model/table/constraints.ts'
import type { Column, Table } from '../../../model/table/table.ts'
import { TableRelation } from '../../../query/table-relation.ts'
import { bindRelation } from '../bind/bind-from.ts'
import type { Binder } from '../bind/binder.ts'
import { coerce } from '../bind/coerce.ts'
import { Scope } from '../bind/scope.ts'
import { compile, type Evaluate } from '../expression/compile.ts'
import { columnsRead, constant, type Expression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { parseText } from '../parse.ts'
import { Planner } from '../plan/planner.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'

/** The tree of an expression that stands alone. */
function parseExpression(text: string): Node {
  const tree = parseText(`SELECT ${text}`)[0]?.tree as Node | undefined
  const target = tree !== undefined && 'SelectStmt' in tree ? tree.SelectStmt.targetList?.[0] : undefined
  if (target === undefined || !('ResTarget' in target) || target.ResTarget.val === undefined) {
    throw failure('XX000', `the stored expression "${text}" cannot be read`)
  }
  return target.ResTarget.val
}

function tableScope(table: Table): Scope {
  const scope = new Scope()
  const { columns } = bindRelation(scope, TableRelation.of(table), table.name)
  scope.columns = [...columns]
  return scope
}

/** What a column gets where a statement gives it nothing. */
export function bindDefault(binder: Binder, column: Column): Expression {
  const { type, modifier } = column
  if (column.default === undefined) return { ...constant(null, type.oid), modifier }
  const bound = binder.expression(new Scope(), parseExpression(column.default))
  return coerce(binder, bound, type.oid, modifier, 'assignment')
}

export function compileDefault(binder: Binder, column: Column): Evaluate {
  return compile(bindDefault(binder, column), new Planner(binder.progress).compilerAt(0))
}

/** A check's expression runs while a row is stored, within the run that `enter` named last. */
export interface Checks {
  readonly all: readonly RowCheck[]
  /** Those that read one of these columns. */
  reading(ordinals: ReadonlySet<number>): readonly RowCheck[]
  enter(run: SqlRun): void
}

export function compileChecks(binder: Binder, table: Table): Checks {
  let current: SqlRun | undefined
  const compiled = table.checks.map(({ name, expression }) => {
    const scope = tableScope(table)
    const bound = coerce(binder, binder.expression(scope, parseExpression(expression)), oid.bool)
    const evaluate = compile(bound, new Planner(binder.progress).compilerAt(0))
    const check: RowCheck = { name, passes: (row) => evaluate(row as SqlRow, current!) !== false }
    return { check, bound }
  })
  return {
    all: compiled.map(({ check }) => check),
    reading: (ordinals) => compiled.filter(({ bound }) => readsAny(bound, ordinals)).map(({ check }) => check),
    enter: (run) => {
      current = run
    },
  }
}

function readsAny(expression: Expression, ordinals: ReadonlySet<number>): boolean {
  for (const index of columnsRead(expression)) if (ordinals.has(index)) return true
  return false
}
