/** Which column a value goes into, and its conversion to that column's type. */
import type { Node } from 'libpg-query'
import { formatType } from '../../../model/table/types/registry.ts'
import type { Column } from '../../../model/table/table.ts'
import type { Relation, RelationColumn } from '../../../query/relation.ts'
import type { Binder } from '../bind/binder.ts'
import { bindPartAssignment } from '../bind/bind-subscript.ts'
import { beginningOf, tryCoerce } from '../bind/coerce.ts'
import type { Scope } from '../bind/scope.ts'
import { itemsOf } from '../bind/tree.ts'
import type { Expression } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'

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
export function refuseAlways(column: RelationColumn, location: number | undefined): void {
  const { name, isAlwaysIdentity: isIdentity = false, isGenerated = false } = column
  if (!isIdentity && !isGenerated) return
  const what = isIdentity ? 'an identity column defined as GENERATED ALWAYS' : 'a generated column'
  throw failure('428C9', `column "${name}" can only be updated to DEFAULT`, {
    location,
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

/** SET a = …, b[1] = …, (b, c) = (…, …). */
export function bindAssignments(binder: Binder, scope: Scope, targets: readonly Node[]): Assignment[] {
  scope.forbidsAggregates = 'UPDATE'
  const whole = new Set<string>()
  const parts = new Set<string>()
  return targets.map((node) => {
    if (!('ResTarget' in node)) throw notBuilt('this assignment')
    const { name = '', val, indirection: part, location } = node.ResTarget
    if (whole.has(name) || (part === undefined && parts.has(name))) {
      const isWhole = part === undefined && !parts.has(name)
      throw failure('42601', `multiple assignments to same column "${name}"`, isWhole ? { location } : {})
    }
    if (part === undefined) whole.add(name)
    else parts.add(name)
    const value = bindValue(binder, scope, val!)
    if (part === undefined) return { name, location, value }
    if (value === undefined) throw failure('0A000', 'cannot set an array element to DEFAULT', { location })
    return { name, location, value, part }
  })
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

function bindValue(binder: Binder, scope: Scope, node: Node): Expression | undefined {
  if ('SetToDefault' in node) return undefined
  if (!('MultiAssignRef' in node)) return binder.expression(scope, node)
  const { source, colno = 1, ncolumns = 1 } = node.MultiAssignRef
  const values = source !== undefined && 'RowExpr' in source ? (source.RowExpr.args ?? []) : itemsOf(source)
  if (source === undefined || !('RowExpr' in source)) throw notBuilt('assignment of several columns from a subquery')
  if (values.length !== ncolumns) throw failure('42601', 'number of columns does not match number of values')
  return bindValue(binder, scope, values[colno - 1]!)
}
