/** Items of FROM and expressions over them: what they read, and the same at other places of the row. */
import type { FromItem } from '../bind/query.ts'
import { columnsRead, type Expression, mapChildren } from '../expression/expression.ts'

/** What stands in place of a column or a captured value; undefined: it stays. */
export type Move = (leaf: Expression) => Expression | undefined

export function moveExpression(expression: Expression, move: Move): Expression {
  return move(expression) ?? mapChildren(expression, (child) => moveExpression(child, move))
}

/** `place`: the new place of a column. */
export function moveColumns(place: (index: number) => number): Move {
  return (leaf) => (leaf.kind === 'column' ? { ...leaf, index: place(leaf.index) } : undefined)
}

export function moveItem(item: FromItem, place: (index: number) => number): FromItem {
  const first = place(item.first)
  if (item.kind === 'relation' || item.kind === 'shared') return { ...item, first }
  const move = moveColumns(place)
  if (item.kind !== 'join') return { ...item, first, captures: item.captures.map((one) => moveExpression(one, move)) }
  const condition = item.condition && moveExpression(item.condition, move)
  return { ...item, first, left: moveItem(item.left, place), right: moveItem(item.right, place), condition }
}

/** Columns of the block's row that anything in the item reads. */
export function columnsReadIn(item: FromItem, into: Set<number>): void {
  if (item.kind === 'join') {
    if (item.condition !== undefined) columnsRead(item.condition, into)
    columnsReadIn(item.left, into)
    columnsReadIn(item.right, into)
  } else if (item.kind === 'query' || item.kind === 'function') {
    for (const capture of item.captures) columnsRead(capture, into)
  }
}
