/** Which column a value goes into, and its conversion to that column's type. */
import type { Node } from 'libpg-query'
import { findType, formatType } from '../../../model/table/types/registry.ts'
import type { Column } from '../../../model/table/table.ts'
import type { Relation, RelationColumn } from '../../../query/relation.ts'
import type { Binder } from '../bind/binder.ts'
import { bindPartAssignment } from '../bind/bind-subscript.ts'
import { beginningOf, tryCoerce } from '../bind/coerce.ts'
import type { Scope } from '../bind/scope.ts'
import { bindWholeRow, isSingleRow } from '../bind/bind-subquery.ts'
import { fieldAt } from '../bind/row-values.ts'
import { locationOf } from '../bind/tree.ts'
import { compileAll, type Compiler } from '../expression/compile.ts'
import type { Expression } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'

/** What a write needs to know of a column, of a table or of a collection of another model. */
export interface TargetColumn {
  readonly name: string
  readonly type: number
  readonly modifier: number
}

export function targetOf(column: Column): TargetColumn {
  return { name: column.name, type: column.type.oid, modifier: column.modifier }
}

/** `what`: how a message calls the value. */
export function assignTo(
  binder: Binder,
  expression: Expression,
  column: TargetColumn,
  what = 'expression',
): Expression {
  const converted = tryCoerce(binder, expression, column.type, column.modifier, 'assignment')
  if (converted !== undefined) return converted
  const [wanted, given] = [formatType(column.type, -1), formatType(expression.type, -1)]
  throw failure('42804', `column "${column.name}" is of type ${wanted} but ${what} is of type ${given}`, {
    location: beginningOf(expression),
    hint: 'You will need to rewrite or cast the expression.',
  })
}

/** Of a column that an update sets to something else than DEFAULT. */
export function refuseAlways(column: RelationColumn): void {
  const { name, isAlwaysIdentity: isIdentity = false, isGenerated = false } = column
  if (!isIdentity && !isGenerated) return
  const what = isIdentity ? 'an identity column defined as GENERATED ALWAYS' : 'a generated column'
  throw failure('428C9', `column "${name}" can only be updated to DEFAULT`, {
    detail: `Column "${name}" is ${what}.`,
  })
}

export function missingColumn(relation: Relation, name: string, location: number | undefined): Error {
  const isField = relation.kind === 'documents'
  const hint = isField ? 'A field that no document has had yet is written as part of doc.' : undefined
  const message = `column "${name}" of relation "${relation.name}" does not exist`
  return failure('42703', message, { location, ...(hint && { hint }) })
}

export interface Assignment {
  readonly name: string
  readonly location: number | undefined
  /** Undefined: DEFAULT. */
  readonly value: Expression | undefined
  /** The part of the column that is assigned: `[1]`, `[2:3]`. Several may be of one column. */
  readonly part?: readonly Node[]
}

export interface Assignments {
  readonly list: readonly Assignment[]
  /** Subqueries of several columns, as rows: what the values see of them stands behind the scope's row (`withRows`). */
  readonly rows: readonly Expression[]
}

/** SET a = …, b[1] = …, (b, c) = (…, …), (d, e) = (SELECT …). */
export function bindAssignments(binder: Binder, scope: Scope, targets: readonly Node[]): Assignments {
  scope.forbidsAggregates = 'UPDATE'
  const rows: Expression[] = []
  const whole = new Set<string>()
  const parts = new Set<string>()
  const list = targets.map((node): Assignment => {
    if (!('ResTarget' in node)) throw notBuilt('this assignment')
    const { name = '', val, indirection: part, location } = node.ResTarget
    if (whole.has(name) || (part === undefined && parts.has(name))) {
      const isWhole = part === undefined && !parts.has(name)
      throw failure('42601', `multiple assignments to same column "${name}"`, isWhole ? { location } : {})
    }
    if (part === undefined) whole.add(name)
    else parts.add(name)
    const value = bindValue(binder, scope, val!, rows)
    if (part === undefined) return { name, location, value }
    if (value === undefined) throw failure('0A000', 'cannot set an array element to DEFAULT', { location })
    return { name, location, value, part }
  })
  return { list, rows }
}

/** The row of `width` values that assignments see, with those of their subqueries behind it. */
export function withRows(
  rows: readonly Expression[],
  width: number,
  compiler: Compiler,
): (row: SqlRow, run: SqlRun) => SqlRow {
  if (rows.length === 0) return (row) => row
  const compiled = compileAll(rows, compiler)
  return (row, run) => {
    const all = row.slice(0, width)
    for (const [i, value] of compiled.entries()) all[width + i] = value(row, run)
    return all
  }
}

/**
 * What the column gets. A part is put into what it has: `base`, the column itself or, where another part of it has been
 * assigned before, what that makes of it.
 */
export function assignedValue(
  binder: Binder,
  scope: Scope,
  { value, part, location }: Assignment,
  column: TargetColumn,
  base: Expression,
): Expression | undefined {
  if (value === undefined || part === undefined) return value && assignTo(binder, value, column)
  return bindPartAssignment(binder, scope, base, column, part, value, location)
}

function bindValue(binder: Binder, scope: Scope, node: Node, rows: Expression[]): Expression | undefined {
  if ('SetToDefault' in node) return undefined
  if (!('MultiAssignRef' in node)) return binder.expression(scope, node)
  const { source, colno = 1, ncolumns = 1 } = node.MultiAssignRef
  if (source !== undefined && 'RowExpr' in source) {
    const values = source.RowExpr.args ?? []
    checkCount(values.length, ncolumns, locationOf(source))
    return bindValue(binder, scope, values[colno - 1]!, rows)
  }
  if (source === undefined || !isSingleRow(source)) {
    const message = 'source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression'
    throw failure('0A000', message, { location: source === undefined ? undefined : locationOf(source) })
  }
  if (colno === 1) {
    const row = bindWholeRow(binder, scope, source.SubLink)
    checkCount(findType(row.type)!.fields!.length, ncolumns, locationOf(source))
    rows.push(row)
  }
  return fieldOfRow(rows[rows.length - 1]!, scope.width + rows.length - 1, colno - 1)
}

function checkCount(given: number, wanted: number, location: number | undefined): void {
  if (given !== wanted) throw failure('42601', 'number of columns does not match number of values', { location })
}

function fieldOfRow({ type, modifier }: Expression, index: number, field: number): Expression {
  return fieldAt({ kind: 'column', type, modifier, index, name: '' }, findType(type)!, field)
}

/** What is converted as it is assigned is kept without the conversion: whoever writes a row makes it. */
export function assignedAsWritten(binder: Binder, expression: Expression, column: TargetColumn): Expression {
  const assigned = assignTo(binder, expression, { ...column, modifier: -1 }, 'default expression')
  return assigned.kind === 'call' && assigned.name === 'cast' && assigned.arguments[0] === expression
    ? expression
    : assigned
}
