/** FOR UPDATE and its weaker forms. */
import type { Node, SelectStmt } from 'libpg-query'
import { privilege } from '../../../database/access/privileges.ts'
import type { LockMode, LockPolicy } from '../../../database/contract.ts'
import type { Relation } from '../../../query/relation.ts'
import type { Expression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import type { FromItem, Locking } from './query.ts'
import { secureAlso } from './row-security.ts'
import type { Scope } from './scope.ts'

const modes: Readonly<Record<string, LockMode>> = {
  LCS_FORKEYSHARE: 'key share',
  LCS_FORSHARE: 'share',
  LCS_FORNOKEYUPDATE: 'no key update',
  LCS_FORUPDATE: 'update',
}

const policies: Readonly<Record<string, LockPolicy>> = {
  LockWaitBlock: 'wait',
  LockWaitSkip: 'skip',
  LockWaitError: 'nowait',
}

/** As it is written. */
export function lockingName(node: Node): string {
  const strength = 'LockingClause' in node ? node.LockingClause.strength : undefined
  return `FOR ${(modes[strength ?? 'LCS_FORUPDATE'] ?? 'update').toUpperCase()}`
}

/** What a query in FROM has to lock for those around it: of all that they name, or of all that there is. */
export function lockingWithin(clauses: readonly Node[], alias: string | undefined): readonly Node[] {
  return clauses.flatMap((node): Node[] => {
    if (!('LockingClause' in node)) return []
    const { lockedRels, ...clause } = node.LockingClause
    const isMeant = lockedRels === undefined || namesOf(lockedRels).includes(alias ?? '')
    return isMeant ? [{ LockingClause: clause }] : []
  })
}

/** Rows of VALUES are nobody else's. */
export function alsoLocking(statement: SelectStmt, clauses: readonly Node[]): SelectStmt {
  if (clauses.length === 0 || statement.valuesLists !== undefined) return statement
  return { ...statement, lockingClause: [...(statement.lockingClause ?? []), ...clauses] }
}

function namesOf(rels: readonly Node[]): string[] {
  return rels.map((one) => ('RangeVar' in one ? (one.RangeVar.relname ?? '') : ''))
}

export function bindLocking(
  binder: Binder,
  scope: Scope,
  statement: SelectStmt,
  from: FromItem | undefined,
  { isGrouped, hasAggregates }: { readonly isGrouped: boolean; readonly hasAggregates: boolean },
): Locking[] {
  return (statement.lockingClause ?? []).flatMap((node) => {
    if (!('LockingClause' in node)) return []
    const { lockedRels, strength, waitPolicy } = node.LockingClause
    const mode = modes[strength ?? 'LCS_FORUPDATE'] ?? 'update'
    if (isGrouped) {
      const clause =
        statement.distinctClause !== undefined
          ? 'DISTINCT clause'
          : statement.groupClause !== undefined
            ? 'GROUP BY clause'
            : hasAggregates
              ? 'aggregate functions'
              : 'window functions'
      throw failure('0A000', `FOR ${mode.toUpperCase()} is not allowed with ${clause}`)
    }
    const names = namesOf(lockedRels ?? [])
    for (const name of names) {
      if (!scope.tables.some(({ alias }) => alias === name)) {
        throw failure('42P01', `relation "${name}" in FOR ${mode.toUpperCase()} clause not found in FROM clause`)
      }
    }
    const title = `FOR ${mode.toUpperCase()}`
    const found = from === undefined ? [] : lockable(from, names, title)
    for (const { relation } of found) {
      binder.access.any(relation.collection, privilege.update)
      if (relation.kind === 'table') secureAlso(binder, relation, 'update')
    }
    binder.locksRows = true
    const items = found.filter(({ relation }) => relation.kind === 'table').map(({ first }) => first)
    return [{ items, mode, policy: policies[waitPolicy ?? 'LockWaitBlock'] ?? 'wait' }]
  })
}

/** The rows' keys, which stand behind the columns of their items, as hidden targets. */
export function lockedKeys(from: FromItem | undefined, locking: readonly Locking[]): Expression[] {
  const places = new Set(locking.flatMap(({ items }) => items.map((first) => keyPlace(from!, first))))
  return [...places].map((index) => ({ kind: 'column', type: oid.bytea, modifier: -1, index, name: '' }))
}

/** Where in the block's row the key of the item at `first` stands. */
export function keyPlace(from: FromItem, first: number): number {
  if (from.kind === 'join') return first < from.right.first ? keyPlace(from.left, first) : keyPlace(from.right, first)
  return from.first + from.width - 1
}

interface Lockable {
  readonly first: number
  readonly relation: Relation
}

function lockable(item: FromItem, names: readonly string[], title: string): Lockable[] {
  if (item.kind === 'join') return [...lockable(item.left, names, title), ...lockable(item.right, names, title)]
  if (names.length > 0 && !names.includes(item.alias)) return []
  if (item.kind === 'relation' && item.relation.kind === 'table') {
    return [{ first: item.first, relation: item.relation }]
  }
  // Its own query locks the rows that it shows.
  if (item.kind === 'query') return item.view === undefined ? [] : [{ first: item.first, relation: item.view }]
  if (names.length === 0) return []
  if (item.kind === 'function') throw failure('0A000', `${title} cannot be applied to a function`)
  if (item.kind === 'shared') throw failure('0A000', `${title} cannot be applied to a WITH query`)
  throw failure('0A000', `rows of "${item.alias}" cannot be locked: it is not a table`)
}
