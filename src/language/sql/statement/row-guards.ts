/** What policies ask of the rows that INSERT and UPDATE leave, compiled: tested where a row is complete, before its constraints. */
import type { RowGuard } from '../../../model/table/policies.ts'
import { policyViolation } from '../../../model/table/policies.ts'
import type { Table } from '../../../model/table/table.ts'
import type { Relation } from '../../../query/relation.ts'
import type { Binder } from '../bind/binder.ts'
import { bindChecks, type BoundCheck, isSecured, type ChecksWanted } from '../bind/row-security.ts'
import { SecuredRelation } from '../bind/secured-relation.ts'
import { compilePredicate } from '../expression/compile.ts'
import { Planner } from '../plan/planner.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { beginPolicies } from '../plan/secured-reader.ts'

/** Throws where a row may not be. Undefined: no policies concern the caller. */
export type RowTest = (row: SqlRow, run: SqlRun) => void

/** Of INSERT: known once all of the statement is bound. */
export interface InsertTests {
  inserted: RowTest | undefined
}

/** `wanted`: what is asked, all of it. */
export function planRowTest(
  binder: Binder,
  relation: Relation,
  ...wanted: readonly ChecksWanted[]
): RowTest | undefined {
  const table = securedTable(binder, relation)
  if (table === undefined) return undefined
  return compileChecks(
    binder,
    table,
    wanted.flatMap((one) => bindChecks(binder, table, one)),
  )
}

function securedTable(binder: Binder, relation: Relation): Table | undefined {
  if (relation instanceof SecuredRelation) return relation.inner.table
  return isSecured(binder, relation) ? relation.table : undefined
}

export function compileChecks(binder: Binder, table: Table, checks: readonly BoundCheck[]): RowTest {
  const compiler = new Planner(binder.progress).compilerAt(0)
  const tests = checks.map(({ condition, policy, of }) => ({
    passes: compilePredicate(condition, compiler),
    policy,
    of,
  }))
  return (row, run) => {
    beginPolicies(run, table.collection)
    for (const { passes, policy, of } of tests) {
      if (!passes(row, run)) throw policyViolation(table, policy, of)
    }
  }
}

/** Of one execution. */
export function guardOf(test: RowTest | undefined, run: SqlRun): RowGuard | undefined {
  return test && ((row) => test(row as SqlRow, run))
}
