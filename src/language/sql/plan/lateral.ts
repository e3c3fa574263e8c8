/**
 * Items of FROM that need values of the items before them: they are computed again for each row of those.
 *
 * `t, (u JOIN LATERAL (SELECT t.id + u.a) l ON true)`: the inner join is lateral to t, and within it l to u. What l takes
 * of t is no column of the rows that the inner join sees. So the inner join gets captures of its own: each column from
 * outside that anything within it captures is replaced there by a captured value of the join, and the join captures the
 * column. What is left of l's captures that reads columns is what it needs of u.
 */
import type { FromItem, FunctionItem, QueryItem } from '../bind/query.ts'
import { Frame } from '../bind/scope.ts'
import { columnsRead, type Expression, mapChildren } from '../expression/expression.ts'
import { isWithin, type Span } from './conditions.ts'

export interface LateralItem {
  readonly id: number
  /** Over the columns of the items before. */
  readonly captures: readonly Expression[]
  /** The item itself, in which nothing reads a column of those any more. */
  readonly item: FromItem
}

/** Undefined where it needs nothing of the block that it stands in. */
export function lateralItem(item: FromItem): LateralItem | undefined {
  if (item.kind === 'query' || item.kind === 'function') {
    const needs = item.captures.some((one) => columnsRead(one).size > 0)
    return needs ? { id: item.id, captures: item.captures, item: { ...item, captures: [] } } : undefined
  }
  if (item.kind !== 'join' || !needsOutside(item, item)) return undefined
  const frame = new Frame(item.id)
  const within = replaceOutside(item, item, frame)
  return { id: item.id, captures: frame.captures, item: within }
}

function needsOutside(item: FromItem, span: Span): boolean {
  if (item.kind === 'join') return needsOutside(item.left, span) || needsOutside(item.right, span)
  return isCapturing(item) && item.captures.some((one) => !isWithin(one, span))
}

function isCapturing(item: FromItem): item is QueryItem | FunctionItem {
  return item.kind === 'query' || item.kind === 'function'
}

function replaceOutside(item: FromItem, span: Span, frame: Frame): FromItem {
  if (item.kind === 'join') {
    return { ...item, left: replaceOutside(item.left, span, frame), right: replaceOutside(item.right, span, frame) }
  }
  if (!isCapturing(item)) return item
  return { ...item, captures: item.captures.map((one) => replaceColumns(one, span, frame)) }
}

function replaceColumns(expression: Expression, span: Span, frame: Frame): Expression {
  if (expression.kind === 'column') return isWithin(expression, span) ? expression : frame.capture(expression)
  return mapChildren(expression, (child) => replaceColumns(child, span, frame))
}
