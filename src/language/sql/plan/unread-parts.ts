/** What nothing reads is not computed: columns of queries in FROM, and columns that the keys of a group decide. */
import type { BoundQuery, SelectBody } from '../bind/query.ts'
import { expressionsOfWindow } from '../bind/windows/window.ts'
import { columnsRead, type Expression } from '../expression/expression.ts'
import { isVolatile } from '../expression/volatile.ts'
import { hasSets } from './expand-sets.ts'

function nullFor({ type, modifier }: Expression): Expression {
  return { kind: 'constant', type, modifier, value: null }
}

/** The places of a group's row stay where they are. */
export function withoutUnreadKeys(body: SelectBody): SelectBody {
  const { grouping, targets, windows = [] } = body
  if (grouping === undefined || grouping.sets !== undefined || grouping.keys.length === grouping.written) return body
  const read = new Set<number>()
  for (const one of [...targets, ...windows.flatMap(expressionsOfWindow)]) columnsRead(one, read)
  if (grouping.having !== undefined) columnsRead(grouping.having, read)
  const keys = grouping.keys.map((key, i) => (i < grouping.written || read.has(i) ? key : nullFor(key)))
  return { ...body, grouping: { ...grouping, keys } }
}

/** Null in place of columns that are not read; not where rows are told apart by all of them. */
export function withoutUnreadColumns(query: BoundQuery, isRead: (place: number) => boolean): BoundQuery {
  const { body, columns } = query
  if (body.kind !== 'select') return query
  const { targets, isDistinct, distinctOn, tail, locking } = body
  if (isDistinct || distinctOn !== undefined || locking.length > 0) return query
  const sorted = new Set(tail.order.map(({ target }) => target))
  const isKept = (one: Expression, place: number): boolean =>
    place >= columns.length || isRead(place) || sorted.has(place) || isVolatile(one) || hasSets([one])
  if (targets.every(isKept)) return query
  return { ...query, body: { ...body, targets: targets.map((one, i) => (isKept(one, i) ? one : nullFor(one))) } }
}
