/**
 * How triggers run: the conditions of WHEN, and the call of the function. Where a statement of SQL changes the rows its function
 * sees that one's settings; of another door's it sees the defaults.
 */
import type { Node } from 'libpg-query'
import { unlimited } from '../../../database/access/rights.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { inStyle, plainStyle } from '../../../model/table/types/text-style.ts'
import { type Firing, registerTriggerRunner, type Triggered } from '../../../model/table/triggers.ts'
import type { Values } from '../../../model/table/keys.ts'
import { Table } from '../../../model/table/table.ts'
import { TableRelation } from '../../../query/table-relation.ts'
import { createBinder } from '../bind/bind.ts'
import { bindRelation } from '../bind/bind-from.ts'
import { requireBoolean } from '../bind/coerce.ts'
import { Scope } from '../bind/scope.ts'
import { ViewRelation } from '../bind/view-relation.ts'
import type { Row, SqlContext, SqlValue } from '../contract.ts'
import { compilePredicate, type Predicate } from '../expression/compile.ts'
import type { Expression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { parseExpression } from '../parse-expression.ts'
import { Planner } from '../plan/planner.ts'
import { createRun, type SqlRow, type SqlRun } from '../plan/run.ts'
import { callAt, callInSteps } from '../routine/call.ts'
import { invokeTrigger } from '../routine/invoke.ts'
import { routineOf } from '../routine/routines.ts'
import { runningStatement } from '../statement/running-statement.ts'
import { withinTrigger } from './depth.ts'
import { refuseToBecome } from '../routine/as-owner.ts'

/** Of a door that knows no SQL, and of what follows a change, which is done as the owner of the table. */
function plainContext(transaction: Transaction): SqlContext {
  const { principal } = transaction
  return {
    get catalog() {
      return transaction.catalog
    },
    user: principal.user,
    sessionUser: principal.sessionUser ?? principal.user,
    rights: principal.rights,
    database: principal.database,
    backendId: principal.sessionId,
    searchPath: ['$user', 'public'],
    getSetting: () => undefined,
    setSetting: refuseToBecome,
    transactionToken: () => principal.token(),
  }
}

function runOf(transaction: Transaction): SqlRun {
  return runningStatement(transaction) ?? createRun(transaction, plainContext(transaction), [])
}

function* run(own: SqlRun, firing: Firing): StatementSteps<Row | undefined> {
  const { catalog } = own.transaction
  const collection = catalog.collectionById(firing.trigger.function)
  if (collection === undefined)
    throw failure('42883', `the function of trigger "${firing.trigger.name}" does not exist`)
  const style = own.context.textStyle ?? plainStyle
  const steps = invokeTrigger(routineOf(collection), own, firing)
  for (;;) {
    const step = withinTrigger(() => inStyle(style, () => steps.next()))
    if (step.done === true) return step.value
    yield step.value
  }
}

// ---- WHEN

const conditions = new WeakMap<object, Predicate>()

/** Old columns, then new ones. */
export function bindWhen(context: SqlContext, table: Triggered, node: Node): Expression {
  const scope = new Scope()
  const relation = table instanceof Table ? TableRelation.of(table) : ViewRelation.of(table.collection)
  bindRelation(scope, relation, 'old', { aliasname: 'old' })
  bindRelation(scope, relation, 'new', { aliasname: 'new' })
  scope.forbidsAggregates = 'trigger WHEN conditions'
  const binder = createBinder(Object.create(context, { rights: { value: unlimited } }) as SqlContext, [])
  return requireBoolean(binder, binder.expression(scope, node), 'WHEN')
}

function conditionOf(own: SqlRun, { trigger, table }: Firing): Predicate {
  let known = conditions.get(trigger)
  if (known === undefined) {
    const context = Object.create(own.context, { catalog: { value: own.transaction.catalog } }) as SqlContext
    const bound = inStyle(plainStyle, () => bindWhen(context, table, parseExpression(trigger.when!)))
    known = compilePredicate(bound, new Planner().compilerAt(0))
    conditions.set(trigger, known)
  }
  return known
}

function isMet(transaction: Transaction, firing: Firing): boolean {
  if (firing.trigger.when === undefined) return true
  const own = runOf(transaction)
  const { table, oldRow, newRow } = firing
  const nulls = (): SqlValue[] => table.columns.map(() => null)
  const row: SqlRow = [...(oldRow ?? nulls()), ...(newRow ?? nulls())]
  return conditionOf(own, firing)(row, own)
}

registerTriggerRunner({
  isMet,
  runInBatch: (transaction, place, firing): Values | undefined => {
    const own = runOf(transaction)
    return callAt(place, own, [], true, () => run(own, firing))
  },
  *run(transaction, firing) {
    const own = runOf(transaction)
    yield* callInSteps(own, run(own, firing))
  },
})
