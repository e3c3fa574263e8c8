/**
 * The text of a policy's expression: made of what was bound when the policy was made, with all names in full, so that it means
 * the same for whoever reads the table; written anew where something that it names is called otherwise; and shown as clients
 * expect it, with schemas only where the search path does not find the name.
 */
import type { Node } from 'libpg-query'
import type { Catalog } from '../../../database/catalog/catalog.ts'
import { policiesOf, type PolicyExpression, withChangedPolicies } from '../../../model/table/policies.ts'
import { redefine } from '../../../model/table/schema.ts'
import { Table } from '../../../model/table/table.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { TableRelation } from '../../../query/table-relation.ts'
import { requireBoolean, unfolded } from '../bind/coerce.ts'
import type { Binder } from '../bind/binder.ts'
import { policyScope } from '../bind/row-security.ts'
import { showPoliciesBy } from '../catalog/pg-policies.ts'
import type { SqlContext } from '../contract.ts'
import { deparseOver, type ObjectNames } from '../query-text/query-text.ts'
import { columnsRead, type Expression } from '../expression/expression.ts'
import { notBuilt } from '../failure.ts'
import { parseExpression } from '../parse-expression.ts'
import { currentContext, type SqlRun } from '../plan/run.ts'
import { binderOver, namesIn, shownNames } from './full-names.ts'

/** Errors: those of binding; 0A000 for what no text is made of. */
export function storedPolicy(run: SqlRun, table: Table, node: Node): PolicyExpression {
  const context = currentContext(run)
  const binder = binderOver(context, context.searchPath)
  const bound = bindCondition(binder, table, node)
  const text = textOf(bound, table, namesIn(context.catalog))
  const again = bindCondition(binderOver(context, []), table, parseExpression(text))
  if (textOf(again, table, namesIn(context.catalog)) !== text) {
    throw notBuilt('a policy whose subquery hides the name of its table')
  }
  const own = [...columnsRead(bound)].map((ordinal) => table.columns[ordinal]!.number)
  return { text, reads: mergedReads(table.id, own, binder) }
}

function mergedReads(id: number, own: readonly number[], binder: Binder): PolicyExpression['reads'] {
  const reads = new Map(binder.access.reading().map((one) => [one.id, one.columns]))
  for (const called of binder.usedRoutines) reads.set(called, [])
  reads.set(id, [...new Set([...own, ...(reads.get(id) ?? [])])])
  return [...reads].map(([read, columns]) => ({ id: read, columns: [...columns].sort((a, b) => a - b) }))
}

function bindCondition(binder: Binder, table: Table, node: Node): Expression {
  const scope = policyScope(table)
  scope.forbidsAggregates = 'policy expressions'
  return unfolded(() =>
    scope.withoutSets('policy expressions', () => requireBoolean(binder, binder.expression(scope, node), 'POLICY')),
  )
}

function textOf(bound: Expression, table: Table, names: ObjectNames): string {
  return deparseOver(bound, TableRelation.of(table), table.name, names)
}

/** The policies that name the table, once it or one of its columns has another name; `before`: the catalog in which they hold. */
export function renamePolicies(run: SqlRun, before: Catalog, id: number): void {
  const { transaction } = run
  const context = Object.create(run.context, { catalog: { value: before } }) as SqlContext
  for (const old of [before.collectionById(id)!, ...before.referrersOf(id)]) {
    if (!isTable(old) || policiesOf(Table.of(old)).length === 0) continue
    const now = Table.of(transaction.catalog.collectionById(old.id)!)
    const rewrite = ({ text, reads }: PolicyExpression): PolicyExpression => {
      const bound = bindCondition(binderOver(context, []), Table.of(old), parseExpression(text))
      const relation = TableRelation.of(Table.of(old))
      return { text: deparseOver(bound, relation, now.name, namesIn(transaction.catalog)), reads }
    }
    const definition = withChangedPolicies(now.definition, ({ using, check, ...policy }) => ({
      ...policy,
      ...(using && { using: rewrite(using) }),
      ...(check && { check: rewrite(check) }),
    }))
    // It goes along with the change of another one.
    transaction.access.beginChange(old.id)
    try {
      redefine(transaction, now, definition)
    } finally {
      transaction.access.endChange(old.id)
    }
  }
}

/** As pg_policies shows it. */
function shownPolicy(run: SqlRun, table: Table, { text }: PolicyExpression): string {
  const context = currentContext(run)
  const bound = bindCondition(binderOver(context, []), table, parseExpression(text))
  return textOf(bound, table, shownNames(context))
}

showPoliciesBy(shownPolicy)
