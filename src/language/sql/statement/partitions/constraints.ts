/** Constraints that tables have from those that they inherit from, or are partitions of. */
import type { StatementSteps } from '../../../../database/contract.ts'
import { inPlace } from '../../../../database/transaction/wait.ts'
import type { CheckDefinition } from '../../../../model/table/definition.ts'
import { compileCheck } from '../../../../model/table/expressions.ts'
import { addCheck, validateCheck } from '../../../../model/table/schema.ts'
import type { Table } from '../../../../model/table/table.ts'
import type { Notice } from '../../contract.ts'
import { failure } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import { currentTable, redefineAlong } from './links.ts'
import { childrenOf } from './recursion.ts'

export function refuseAddingCheck(run: SqlRun, table: Table, noInherit: boolean, isOnly: boolean): void {
  if (noInherit && table.definition.partitioning !== undefined) {
    throw failure('42P16', `cannot add NO INHERIT constraint to partitioned table "${table.name}"`)
  }
  if (!isOnly || noInherit || childrenOf(run, table).length === 0) return
  throw failure('42P16', 'constraint must be added to child tables too')
}

/** Each gets it, or has one that is the same. */
export function* addCheckToChildren(
  run: SqlRun,
  parent: Table,
  check: CheckDefinition,
  notices: Notice[],
): StatementSteps<void> {
  for (const child of childrenOf(run, parent)) {
    const own = child.checks.find(({ name }) => name === check.name)
    if (own === undefined) {
      const added = { ...check, inherited: 1, local: false as const }
      const compiled = compileCheck(run.transaction.catalog, child, check.name, check.expression)
      yield* addCheck(run.transaction, child, added, compiled)
      yield* addCheckToChildren(run, child, check, notices)
      continue
    }
    if (own.expression !== check.expression) {
      throw failure('42710', `constraint "${check.name}" for relation "${child.name}" already exists`)
    }
    if (own.notValid === true && check.notValid !== true) {
      const what = `constraint "${check.name}" conflicts with NOT VALID constraint on relation "${child.name}"`
      throw failure('42P17', what)
    }
    const message = `merging constraint "${check.name}" with inherited definition`
    notices.push({ severity: 'NOTICE', sqlState: '00000', message })
    yield* inPlace(run.transaction, () =>
      changedCheck(run, child, check.name, (one) => ({ ...one, inherited: (one.inherited ?? 0) + 1 })),
    )
  }
}

/** First those of the tables that inherit it. */
export function* validateInFamily(
  run: SqlRun,
  table: Table,
  { name, expression, noInherit, notValid }: CheckDefinition,
  isOnly: boolean,
): StatementSteps<Table> {
  if (notValid !== true) return table
  const children = noInherit === true ? [] : childrenOf(run, table)
  if (isOnly && children.length > 0) {
    throw failure('42P16', 'constraint must be validated on child tables too')
  }
  for (const child of children) {
    const own = child.checks.find((one) => one.name === name)
    if (own !== undefined) yield* validateInFamily(run, child, own, false)
  }
  const now = currentTable(run, table)
  return yield* validateCheck(run.transaction, now, compileCheck(run.transaction.catalog, now, name, expression))
}

function changedCheck(
  run: SqlRun,
  table: Table,
  name: string,
  change: (check: CheckDefinition) => CheckDefinition,
): Table {
  const now = currentTable(run, table)
  const checks = now.definition.checks.map((one) => (one.name === name ? change(one) : one))
  return redefineAlong(run, now, { ...now.definition, checks })
}

export function refuseDroppingConstraint(run: SqlRun, table: Table, name: string, isOnly: boolean): void {
  const check = table.checks.find((one) => one.name === name)
  const foreignKey = table.foreignKeys.find((one) => one.name === name)
  const isPart = table.foreignKeys.some(({ parts = [] }) => parts.some((one) => one.name === name))
  const { primaryKey } = table.definition
  const key = primaryKey?.name === name ? primaryKey : table.findIndex(name)
  if (isPart || (check?.inherited ?? 0) > 0 || foreignKey?.parent !== undefined || key?.parent !== undefined) {
    throw failure('42P16', `cannot drop inherited constraint "${name}" of relation "${table.name}"`)
  }
  const isShared = check !== undefined && check.noInherit !== true
  if (!isOnly || !isShared || table.definition.partitioning === undefined || childrenOf(run, table).length === 0) return
  throw failure('42P16', 'cannot remove constraint from only the partitioned table when partitions exist', {
    hint: 'Do not specify the ONLY keyword.',
  })
}

/** The constraint of the table goes, and what others have of it: of keys that is said by the catalog, foreign keys do it themselves. */
export function* dropSharedConstraint(
  run: SqlRun,
  table: Table,
  name: string,
  isOnly: boolean,
  drop: (table: Table) => StatementSteps<void>,
): StatementSteps<void> {
  const check = table.checks.find((one) => one.name === name)
  yield* drop(table)
  if (check === undefined || check.noInherit === true) return
  for (const child of childrenOf(run, table)) {
    const own = child.checks.find((one) => one.name === name)
    if (own === undefined || (own.inherited ?? 0) === 0) continue
    if (!isOnly && own.inherited === 1 && own.local === false) {
      yield* dropSharedConstraint(run, child, name, false, drop)
      continue
    }
    yield* inPlace(run.transaction, () =>
      changedCheck(run, child, name, ({ inherited = 0, local: _, ...one }) => ({
        ...one,
        ...(inherited > 1 && { inherited: inherited - 1 }),
      })),
    )
  }
}
