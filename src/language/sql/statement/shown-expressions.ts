/** How kept expressions are shown: bound in the words of their definition, and written in those of who asks. */
import { inStyle, plainStyle } from '../../../model/table/types/text-style.ts'
import { TableRelation } from '../../../query/table-relation.ts'
import type { Binder } from '../bind/binder.ts'
import { unfolded } from '../bind/coerce.ts'
import { policyScope } from '../bind/row-security.ts'
import { Scope } from '../bind/scope.ts'
import { showExpressionsBy, type ShownOver } from '../catalog/shown-expressions.ts'
import type { Expression } from '../expression/expression.ts'
import { parseExpression } from '../parse-expression.ts'
import { currentContext, type SqlRun } from '../plan/run.ts'
import { deparseColumns, deparseOver, type ObjectNames } from '../query-text/query-text.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import { bindWhen } from '../trigger/runner.ts'
import { binderOver, shownNames } from './full-names.ts'
import { valueScope } from './stored-expressions.ts'

/** The search path in which definitions are kept. */
const keptPath = ['public']

function bindKept(run: SqlRun, over: ShownOver, text: string): Expression {
  const context = currentContext(run)
  const binder: Binder = binderOver(context, keptPath)
  const node = parseExpression(text)
  if (over.kind === 'change') return bindWhen(binder.context, over.table, node)
  if (over.kind === 'table') return binder.expression(policyScope(over.table), node)
  return binder.expression(over.kind === 'value' ? valueScope(over.type) : new Scope(), node)
}

function write(bound: Expression, over: ShownOver, names: ObjectNames, isPretty: boolean): string {
  if (over.kind === 'value') return deparseColumns(bound, () => 'VALUE', names, isPretty)
  if (over.kind === 'nothing') return deparseColumns(bound, String, names, isPretty)
  if (over.kind === 'table') return deparseOver(bound, TableRelation.of(over.table), over.table.name, names, isPretty)
  const { table } = over
  const width = table.columns.length
  const column = (index: number): string =>
    `${index < width ? 'old' : 'new'}.${quoteIdentifier(table.columns[index % width]!.name)}`
  return deparseColumns(bound, column, names, isPretty)
}

function isCall(bound: Expression): boolean {
  if (bound.kind === 'coalesce' || bound.kind === 'set') return true
  return bound.kind === 'call' && !bound.isOperator && bound.name !== 'cast' && bound.isSqlSyntax !== true
}

showExpressionsBy((run, over, text, isPretty) => {
  return inStyle(plainStyle, () => {
    const bound = unfolded(() => bindKept(run, over, text))
    return { text: write(bound, over, shownNames(currentContext(run)), isPretty), isCall: isCall(bound) }
  })
})
