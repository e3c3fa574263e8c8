/** GENERATED ALWAYS AS (…) STORED: what its expression may be, in the words of PostgreSQL 15. */
import type { RoutineCalls } from '../../../model/table/definition.ts'
import { routinesCalled } from '../expression/routines-called.ts'
import type { ColumnDef, Constraint, Node } from 'libpg-query'
import type { Binder } from '../bind/binder.ts'
import { unfolded } from '../bind/coerce.ts'
import { deparse } from '../expression/deparse.ts'
import { columnsRead, someExpression } from '../expression/expression.ts'
import { isImmutable } from '../expression/volatile.ts'
import { failure } from '../failure.ts'
import { dropExpression } from '../../../model/table/schema.ts'
import type { Column, Table } from '../../../model/table/table.ts'
import { skipping } from './create-schema.ts'
import type { Step } from './partitions/recursion.ts'
import { assignedAsWritten, type TargetColumn } from './assignment.ts'
import { scopeOfColumns } from './table-scope.ts'

/** A column of a table that may exist only as a plan yet. */
export interface VisibleColumn extends TargetColumn {
  readonly isGenerated: boolean
}

export interface BoundGeneration {
  readonly expression: string
  /** The names of the columns that it reads. */
  readonly reads: readonly string[]
  readonly called: RoutineCalls
}

export function bindGeneration(
  binder: Binder,
  table: string,
  columns: readonly VisibleColumn[],
  column: TargetColumn,
  node: Node,
): BoundGeneration {
  const scope = scopeOfColumns(table, columns)
  scope.forbidsAggregates = 'column generation expressions'
  // Its length is seen to when a row is written: in the text it would be a cast, which cuts.
  const bound = unfolded(() => assignedAsWritten(binder, binder.expression(scope, node), column))
  someExpression(bound, (one) => {
    if (one.kind === 'subquery') {
      throw failure('0A000', 'cannot use subquery in column generation expression', { location: one.location })
    }
    if (one.kind === 'set') {
      const message = 'set-returning functions are not allowed in column generation expressions'
      throw failure('0A000', message, { location: one.location })
    }
    if (one.kind !== 'column' || !columns[one.index]!.isGenerated) return false
    const message = `cannot use generated column "${columns[one.index]!.name}" in column generation expression`
    throw failure('42P17', message, {
      location: one.location,
      detail: 'A generated column cannot reference another generated column.',
    })
  })
  if (!isImmutable(bound)) throw failure('42P17', 'generation expression is not immutable')
  const reads = [...columnsRead(bound)].map((index) => columns[index]!.name)
  return { expression: deparse(bound), reads, called: routinesCalled(bound) }
}

/** One source of a column's values excludes the others. */
export function refuseTwoSources(
  table: string,
  { colname: name = '' }: ColumnDef,
  constraints: readonly Constraint[],
  isSerial: boolean,
): void {
  const seen = new Set(isSerial ? ['CONSTR_DEFAULT'] : [])
  for (const { contype = '', location } of constraints) {
    const what = sources[contype]
    if (what === undefined) continue
    const fail = (message: string): Error =>
      failure('42601', `${message} specified for column "${name}" of table "${table}"`, { location })
    if (seen.has(contype)) throw fail(`multiple ${what.several}`)
    seen.add(contype)
    const [first, second] = Object.keys(sources).filter((kind) => seen.has(kind))
    if (second !== undefined) throw fail(`both ${sources[first!]!.one} and ${sources[second]!.one}`)
  }
}

const sources: Readonly<Record<string, { readonly one: string; readonly several: string }>> = {
  CONSTR_DEFAULT: { one: 'default', several: 'default values' },
  CONSTR_IDENTITY: { one: 'identity', several: 'identity specifications' },
  CONSTR_GENERATED: { one: 'generation expression', several: 'generation clauses' },
}

export function refuseGenerated(table: Table, { name, generated }: Column, given: Node | undefined): void {
  if (generated === undefined) return
  const hint = given === undefined ? 'Use ALTER TABLE ... ALTER COLUMN ... DROP EXPRESSION instead.' : undefined
  const message = `column "${name}" of relation "${table.name}" is a generated column`
  throw failure('42601', message, hint === undefined ? {} : { hint })
}

export function dropExpressionStep(name: string, missingOk: boolean): Step {
  return (run, table, notices) => {
    if (table.getColumn(name).generated !== undefined) return dropExpression(run.transaction, table, name)
    const message = `column "${name}" of relation "${table.name}" is not a stored generated column`
    if (!missingOk) throw failure('55000', message)
    notices.push(skipping('00000', message))
    return table
  }
}
