/** A node of a plan: immutable, shared by all executions; `open` makes the operator of one. */
import { type Operator, paused } from '../../../query/operator.ts'
import { type NodeEstimate, onceEstimated } from '../../../query/plan-estimate.ts'
import type { SqlRow, SqlRun } from './run.ts'

export interface ExplainNode {
  readonly title: string
  /** What FORMAT JSON tells of it apart, where its title says more than what kind of node it is. */
  readonly facts?: Readonly<Record<string, string>>
  /** Printed when somebody asks: of a long list the text is long, and of a prepared statement nobody may ask. */
  readonly details: readonly (readonly [label: string, text: () => string])[]
  readonly children: readonly ExplainNode[]
  /** What it was expected to hand out and to cost; counted where that is possible, when somebody asks. */
  readonly estimate: () => NodeEstimate
  /** It is done by the operator above it, and hands out what it gets. */
  readonly isPart?: boolean
  /** Subqueries of its expressions: title of the plan, then the plan. */
  readonly subplans?: readonly (readonly [title: string, node: ExplainNode])[]
}

export interface PlanNode {
  readonly explain: ExplainNode
  open(run: SqlRun): Operator<SqlRow, SqlRun>
  /** How many rows it would hand out, where that is known without making them. */
  readonly count?: (run: SqlRun) => number | undefined
}

export function planNode(explain: ExplainNode, open: (run: SqlRun) => Operator<SqlRow, SqlRun>): PlanNode {
  return {
    explain,
    open: (run) => (run.profile === undefined ? open(run) : new Counted(open(run), explain)),
  }
}

/** Its estimate follows from those of the nodes below it. */
export function explainNode(
  title: string,
  children: readonly ExplainNode[],
  estimate: (...below: NodeEstimate[]) => NodeEstimate,
  more: Partial<Pick<ExplainNode, 'details' | 'facts' | 'isPart' | 'subplans'>> = {},
): ExplainNode {
  const estimated = onceEstimated(() => estimate(...children.map((child) => child.estimate())))
  return { title, details: [], children, ...more, estimate: estimated }
}

/** EXPLAIN ANALYZE: counts what an operator hands out. */
class Counted implements Operator<SqlRow, SqlRun> {
  readonly #input: Operator<SqlRow, SqlRun>
  readonly #explain: ExplainNode
  #started = false

  constructor(input: Operator<SqlRow, SqlRun>, explain: ExplainNode) {
    this.#input = input
    this.#explain = explain
  }

  next(run: SqlRun): ReturnType<Operator<SqlRow, SqlRun>['next']> {
    const profile = run.profile!
    let counts = profile.get(this.#explain)
    if (counts === undefined) profile.set(this.#explain, (counts = { rows: 0, loops: 0 }))
    if (!this.#started) {
      this.#started = true
      counts.loops++
    }
    const batch = this.#input.next(run)
    if (batch !== undefined && batch !== paused) counts.rows += batch.length
    return batch
  }

  reset(): void {
    this.#started = false
    this.#input.reset()
  }
}
