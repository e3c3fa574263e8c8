/** FOR UPDATE and its weaker forms. */
import type { Node, SelectStmt } from 'libpg-query'
import { privilege } from '../../../database/access/privileges.ts'
import type { LockMode, LockPolicy } from '../../../database/contract.ts'
import type { Relation } from '../../../query/relation.ts'
import type { Expression } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
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
    const names = (lockedRels ?? []).map((one) => ('RangeVar' in one ? (one.RangeVar.relname ?? '') : ''))
    for (const name of names) {
      if (!scope.tables.some(({ alias }) => alias === name)) {
        throw failure('42P01', `relation "${name}" in FOR ${mode.toUpperCase()} clause not found in FROM clause`)
      }
    }
    const found = from === undefined ? [] : lockable(from, names)
    for (const { relation } of found) {
      binder.access.any(relation.collection, privilege.update)
      secureAlso(binder, relation, 'update')
    }
    const items = found.map(({ first }) => first)
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

function lockable(item: FromItem, names: readonly string[]): Lockable[] {
  if (item.kind === 'join') return [...lockable(item.left, names), ...lockable(item.right, names)]
  if (names.length > 0 && !names.includes(item.alias)) return []
  if (item.kind === 'relation' && item.relation.kind === 'table') {
    return [{ first: item.first, relation: item.relation }]
  }
  if (item.kind === 'query' && item.view !== undefined) throw notBuilt('FOR UPDATE of a view')
  if (names.length === 0) return []
  throw failure('0A000', `rows of "${item.alias}" cannot be locked: it is not a table`)
}
