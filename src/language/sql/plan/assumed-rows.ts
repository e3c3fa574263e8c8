/** How many rows there are where nothing can be counted: of what is computed, grouped, or filtered without an index. */
import type { JoinKind } from '../../../query/nested-loop-join.ts'
import type { NodeEstimate } from '../../../query/plan-estimate.ts'
import type { Expression } from '../expression/expression.ts'

/** Of what is computed. */
export const assumedRows = 1000
/** Of pairs of rows, or of rows that are computed, that a condition leaves. */
export const assumedShares = { equality: 0.005, other: 0.3 }
/** Of rows that look for one without a match, where there seem to be enough for all. */
const assumedUnmatched = 0.1

function isEquality(condition: Expression): boolean {
  return condition.kind === 'call' && condition.isOperator && condition.name === '='
}

/** Of rows that no index finds. */
export function filteredRows(rows: number, conditions: readonly Expression[]): number {
  const share = conditions.reduce(
    (all, one) => all * (isEquality(one) ? assumedShares.equality : assumedShares.other),
    1,
  )
  return Math.max(1, rows * share)
}

/** Of groups: as if ten rows shared one. */
export function assumedGroups(rows: number): number {
  return Math.max(1, rows / 10)
}

/** Functions that return sets in a SELECT list. */
export function expandedBySets(input: NodeEstimate): NodeEstimate {
  const rows = input.rows * assumedRows
  return { rows, startup: input.startup, cost: input.cost + rows }
}

/** Rows of a join whose conditions leave this share of all pairs. */
export function joinedRows(kind: JoinKind, left: number, right: number, share: number): number {
  const pairs = left * right * share
  switch (kind) {
    case 'inner':
      return pairs
    case 'left':
      return Math.max(pairs, left)
    case 'right':
      return Math.max(pairs, right)
    case 'full':
      return Math.max(pairs, left, right)
    case 'semi':
      return Math.min(pairs, left)
    default:
      return Math.max(left - pairs, left * assumedUnmatched)
  }
}
