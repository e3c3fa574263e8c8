/**
 * The query of a view, bound as a part of the statement that names it: what it reads is asked of the view's owner, or of who
 * calls where the view says so, and policies of rows are those that concern that one. The kept text has all names in
 * full, so that the search path has no part in it.
 */
import type { Node, SelectStmt } from 'libpg-query'
import { failure } from '../failure.ts'
import { parseText } from '../parse.ts'
import { alsoLocking } from './bind-locking.ts'
import type { Binder } from './binder.ts'
import type { BoundQuery } from './query.ts'
import { Scope } from './scope.ts'
import type { ViewRelation } from './view-relation.ts'

/** The tree of a query that a definition keeps. */
export function parseQuery(text: string): SelectStmt {
  const tree = parseText(text)[0]?.tree
  if (typeof tree === 'object' && tree !== null && 'SelectStmt' in tree) return tree.SelectStmt as SelectStmt
  throw failure('XX000', `the stored query "${text}" cannot be read`)
}

/** `locking`: of the rows that it shows. */
export function bindView(
  binder: Binder,
  { collection, definition }: ViewRelation,
  locking: readonly Node[] = [],
): BoundQuery {
  const isInvoker = definition.options?.securityInvoker === true
  return binder.within(collection, isInvoker ? 'caller' : 'owner', () => {
    return binder.query(new Scope(), alsoLocking(parseQuery(definition.query), locking))
  })
}
