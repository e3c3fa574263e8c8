/**
 * SQL as the language of policies for doors that plan no SQL: all that concerns one caller of a table, as tests of a row.
 *
 * Subqueries keep what they have found for as long as the statement runs, and go on with it where they had to wait.
 */
import { unlimited } from '../../../database/access/rights.ts'
import type { Transaction } from '../../../database/contract.ts'
import { type CompiledPolicies, registerPolicyCompiler } from '../../../model/table/expressions.ts'
import type { RowGuard } from '../../../model/table/policies.ts'
import type { Table } from '../../../model/table/table.ts'
import { TableRelation } from '../../../query/table-relation.ts'
import { createBareBinder } from '../bind/bind.ts'
import { holdsIn } from '../bind/binder.ts'
import { bindChecks, secureAlso, securedFor } from '../bind/row-security.ts'
import type { SecuredRelation } from '../bind/secured-relation.ts'
import type { SqlContext } from '../contract.ts'
import { compilePredicate } from '../expression/compile.ts'
import { conjunction } from '../plan/conditions.ts'
import { Planner } from '../plan/planner.ts'
import { createRun, type SqlRow, type SqlRun } from '../plan/run.ts'
import { compileChecks, type RowTest } from './row-guards.ts'

function compilePolicies(transaction: Transaction, table: Table): CompiledPolicies {
  const context = contextOf(transaction)
  const binder = createBareBinder(context)
  const relation = TableRelation.of(table)
  const filters = (['select', 'update', 'delete'] as const).map((command) => {
    const secured = securedFor(binder, relation, command) as SecuredRelation
    if (command !== 'select') secureAlso(binder, secured, 'select')
    return compilePredicate(conjunction(secured.conditions)!, new Planner().compilerAt(0))
  })
  const inserted = compileChecks(binder, table, bindChecks(binder, table, { command: 'insert', reads: false }))
  const updated = compileChecks(binder, table, bindChecks(binder, table, { command: 'update', reads: true }))
  binder.checkAccess()
  const readForOwners = binder.owners.flatMap(({ access }) => access.named())
  const runs = new WeakMap<Transaction['workspace'], SqlRun>()
  const runOf = (now: Transaction): SqlRun => {
    let run = runs.get(now.workspace)
    if (run === undefined) runs.set(now.workspace, (run = createRun(now, contextOf(now), [])))
    run.transaction = now
    for (const id of readForOwners) now.access.actForOwner(id)
    return run
  }
  const guardOf =
    (test: RowTest): RowGuard =>
    (row, now) =>
      test(row as SqlRow, runOf(now))
  const [select, update, remove] = filters.map((accepts) => {
    return (row: readonly unknown[], now: Transaction) => accepts(row as SqlRow, runOf(now))
  })
  const { dependencies } = binder
  return {
    isCurrent: (catalog) => dependencies.every((one) => holdsIn(catalog, one)),
    select: select!,
    update: update!,
    delete: remove!,
    inserted: guardOf(inserted),
    updated: guardOf(updated),
  }
}

/** Nobody has set anything: other doors have no settings of SQL. */
function contextOf({ catalog, principal }: Transaction): SqlContext {
  return {
    catalog,
    user: principal.user,
    rights: principal.rights,
    rightsOf: (roleId) => principal.asOwner?.({ owner: '', ownerId: roleId }).rights ?? unlimited,
    database: principal.database,
    backendId: principal.sessionId,
    searchPath: [],
    getSetting: () => undefined,
    setSetting: () => undefined,
    transactionToken: () => principal.token(),
  }
}

registerPolicyCompiler(compilePolicies)
