/**
 * COLLATE. Text is ordered by code point, which is what `C`, `POSIX`, `ucs_basic` and `default` are. An ICU collation means
 * something where texts are sorted or compared: there a text stands for its key (`functions/collation-functions.ts`). It is
 * deterministic, so that it says nothing of what is equal. Anywhere else it is refused by name.
 */
import type { CollateClause, Node } from 'libpg-query'
import { getType } from '../../../model/table/types/registry.ts'
import type { Expression } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import { findIcuCollator, sortKeyFunction } from '../functions/collation-functions.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import type { Scope } from './scope.ts'
import { lastName } from './tree.ts'

const byCodePoint: ReadonlySet<string> = new Set(['C', 'POSIX', 'ucs_basic', 'default'])

/** Where no order is asked for. */
export function bindCollate(binder: Binder, scope: Scope, clause: CollateClause): Expression {
  const name = lastName(clause.collname)
  if (!byCodePoint.has(name)) throw notBuilt(`collation "${name}"`, clause.location)
  return binder.expression(scope, clause.arg!)
}

/** What sorts as the node does. */
export function bindSorted(binder: Binder, scope: Scope, node: Node): Expression {
  const clause = icuClause(node)
  if (clause === undefined) return binder.expression(scope, node)
  return keyOf(binder, clause, binder.expression(scope, clause.arg!))
}

const orders: ReadonlySet<string> = new Set(['<', '<=', '>', '>='])
const equalities: ReadonlySet<string> = new Set(['=', '<>', '!='])

/** Both sides of a comparison, where one names an ICU collation. */
export function bindCollated(
  binder: Binder,
  scope: Scope,
  operator: string,
  left: Node,
  right: Node,
): Expression[] | undefined {
  const [first, second] = [icuClause(left), icuClause(right)]
  const clause = first ?? second
  if (clause === undefined || !(orders.has(operator) || equalities.has(operator))) return undefined
  if (first !== undefined && second !== undefined) checkSame(first, second)
  const sides = [first?.arg ?? left, second?.arg ?? right].map((side) => binder.expression(scope, side))
  for (const side of sides) checkType(side, clause)
  return orders.has(operator) ? sides.map((side) => keyOf(binder, clause, side)) : sides
}

function checkSame(first: CollateClause, second: CollateClause): void {
  const [one, other] = [lastName(first.collname), lastName(second.collname)]
  if (one === other) return
  throw failure('42P21', `collation mismatch between explicit collations "${one}" and "${other}"`, {
    location: second.location,
  })
}

/** The clause, where its collation is one of ICU's whose tables are here. */
function icuClause(node: Node): CollateClause | undefined {
  if (!('CollateClause' in node)) return undefined
  const clause = node.CollateClause
  return findIcuCollator(lastName(clause.collname)) === undefined ? undefined : clause
}

function keyOf(binder: Binder, clause: CollateClause, text: Expression): Expression {
  checkType(text, clause)
  const name = { kind: 'constant', type: oid.text, modifier: -1, value: lastName(clause.collname) } as const
  return binder.call(sortKeyFunction, [text, name], clause.location)
}

function checkType({ type }: Expression, { location }: CollateClause): void {
  if (type === oid.unknown) return
  const found = getType(type)
  if (found.category === 'S') return
  throw failure('42804', `collations are not supported by type ${found.title}`, { location })
}
