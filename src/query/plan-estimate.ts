/**
 * What each node of a plan is expected to hand out and to cost, from what is known of the nodes below it: to explain it,
 * and for choices between plans. The unit is that of `cost.ts`.
 */
import { type Estimate, hashJoinCost, keptCost, loopJoinCost, sortCost, tableCost } from './cost.ts'

export interface NodeEstimate extends Estimate {
  /** What is done before the first row comes. */
  readonly startup: number
}

export const noRows: NodeEstimate = { rows: 0, cost: 0, startup: 0 }
export const oneRow: NodeEstimate = { rows: 1, cost: 0, startup: 0 }

/** Computed when somebody asks, and once. */
export function onceEstimated(compute: () => NodeEstimate): () => NodeEstimate {
  let known: NodeEstimate | undefined
  return () => (known ??= compute())
}

/** Rows that go through as they come; `rows` of them are left. */
export function streamed(input: NodeEstimate, rows: number = input.rows): NodeEstimate {
  return { ...input, rows }
}

/** All rows of several inputs, one after the other. */
export function appended(inputs: readonly NodeEstimate[]): NodeEstimate {
  const sum = (of: (one: NodeEstimate) => number): number => inputs.reduce((all, one) => all + of(one), 0)
  return { rows: sum(({ rows }) => rows), cost: sum(({ cost }) => cost), startup: inputs[0]?.startup ?? 0 }
}

export function sorted(input: NodeEstimate): NodeEstimate {
  const cost = input.cost + sortCost(input.rows)
  return { rows: input.rows, cost, startup: cost }
}

/** A table of groups. */
export function grouped(input: NodeEstimate, groups: number): NodeEstimate {
  const cost = input.cost + tableCost(input.rows)
  return { rows: groups, cost, startup: cost }
}

export function limited(input: NodeEstimate, offset: number, limit: number): NodeEstimate {
  const last = Math.min(input.rows, offset + limit)
  const rows = Math.max(0, last - offset)
  const share = input.rows === 0 ? 1 : last / input.rows
  return { rows, startup: input.startup, cost: input.startup + (input.cost - input.startup) * share }
}

/** Rows that are kept to be read again. */
export function kept(input: NodeEstimate): NodeEstimate {
  const cost = input.cost + keptCost(input.rows)
  return { rows: input.rows, cost, startup: input.startup }
}

/** The table of a hash join. */
export function hashed(input: NodeEstimate): NodeEstimate {
  const cost = input.cost + tableCost(input.rows)
  return { rows: input.rows, cost, startup: cost }
}

export function hashJoined(outer: NodeEstimate, inner: NodeEstimate, rows: number): NodeEstimate {
  return { rows, cost: hashJoinCost(outer, inner, rows), startup: outer.startup + inner.cost + tableCost(inner.rows) }
}

export function loopJoined(outer: NodeEstimate, inner: NodeEstimate, rows: number): NodeEstimate {
  return { rows, cost: loopJoinCost(outer, inner), startup: outer.startup + inner.startup }
}
