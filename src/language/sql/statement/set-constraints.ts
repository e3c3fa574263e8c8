/** SET CONSTRAINTS: when the deferrable ones are checked, until the end of the transaction. */
import type { ConstraintsSetStmt, RangeVar } from 'libpg-query'
import type { ConstraintTiming, DeferrableConstraint, StatementSteps } from '../../../database/contract.ts'
import { uniqueConstraintOf } from '../../../model/table/constraints.ts'
import { constraintOf } from '../../../model/table/foreign-key.ts'
import { Table } from '../../../model/table/table.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import type { Notice } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import type { Outcome } from './execution.ts'
import { constraintNames } from './foreign-keys.ts'
import { shownName } from './naming.ts'
import { type Planned, planSteps } from './prepared.ts'

export function planSetConstraints(statement: ConstraintsSetStmt): Planned {
  const names = (statement.constraints ?? []).flatMap((node) => ('RangeVar' in node ? [node.RangeVar] : []))
  const timing = statement.deferred === true ? 'deferred' : 'immediate'
  return planSteps({ kind: 'session' }, 'SET CONSTRAINTS', function* (run): StatementSteps<Outcome> {
    const ids = names.length === 0 ? undefined : names.flatMap((name) => idsOf(run, name, timing))
    yield* run.transaction.agenda.setTiming(ids, timing)
    return { rowCount: 0, notices: run.transaction.isSingleStatement ? [outsideOfBlock] : [] }
  })
}

const outsideOfBlock: Notice = {
  severity: 'WARNING',
  sqlState: '25P01',
  message: 'SET CONSTRAINTS can only be used in transaction blocks',
}

/** All constraints of that name in the first schema of the path that has one. */
function idsOf(run: SqlRun, name: RangeVar, timing: ConstraintTiming): string[] {
  const { context, transaction } = run
  const { relname = '', schemaname } = name
  const path = schemaname === undefined ? context.searchPath : [schemaname]
  for (const part of path) {
    const schema = part === '"$user"' || part === '$user' ? context.user : part
    const tables = transaction.catalog
      .collectionsOf(schema)
      .filter(isTable)
      .map((collection) => Table.of(collection))
    const having = tables.filter((table) => constraintNames(table).includes(relname))
    if (having.length > 0) return having.flatMap((table) => idOf(table, relname, timing))
  }
  throw failure('42704', `constraint "${shownName(name)}" does not exist`)
}

/** One that is never deferred is immediate in any case. */
function idOf(table: Table, name: string, timing: ConstraintTiming): string[] {
  const constraint = findDeferrable(table, name)
  if (constraint?.isDeferrable === true) return [constraint.id]
  if (constraint !== undefined && timing === 'immediate') return []
  throw failure('42809', `constraint "${name}" is not deferrable`)
}

function findDeferrable(table: Table, name: string): DeferrableConstraint | undefined {
  const foreignKey = table.foreignKeys.find((one) => one.name === name)
  if (foreignKey !== undefined) return constraintOf(table, foreignKey)
  const index = table.findIndex(name)
  return index === undefined ? undefined : uniqueConstraintOf(table, index)
}
