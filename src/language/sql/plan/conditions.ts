/** Conditions as lists of what must all hold, and where each can be tested. */
import { columnsRead, type Expression } from '../expression/expression.ts'
import { isVolatile } from '../expression/volatile.ts'
import { oid } from '../types/oids.ts'
import { factored } from './factored-conditions.ts'

export function conjunctsOf(condition: Expression | undefined): readonly Expression[] {
  if (condition === undefined) return []
  if (condition.kind === 'and') return condition.arguments.flatMap(conjunctsOf)
  if (condition.kind === 'or') return factored(condition, conjunctsOf)
  return condition.kind === 'constant' && condition.value === true ? [] : [condition]
}

export function conjunction(parts: readonly Expression[]): Expression | undefined {
  if (parts.length <= 1) return parts[0]
  return { kind: 'and', type: oid.bool, modifier: -1, arguments: parts }
}

/** Those for which it holds, and the others. */
export function partition<T>(all: readonly T[], holds: (one: T) => boolean): [T[], T[]] {
  return [all.filter(holds), all.filter((one) => !holds(one))]
}

export interface Span {
  readonly first: number
  readonly width: number
}

/** Reads no column outside of the span. */
export function isWithin(expression: Expression, span: Span): boolean {
  return areWithin(columnsRead(expression), span)
}

/** What has been read of an expression, to be looked for in many places. */
export function areWithin(columns: Iterable<number>, { first, width }: Span): boolean {
  for (const index of columns) if (index < first || index >= first + width) return false
  return true
}

/** May be tested before a join, or more often than once a row. */
export function isMovable(expression: Expression): boolean {
  return !isVolatile(expression)
}
