/** A node of a plan: immutable, shared by all executions; `open` makes the operator of one. */
import { type Operator, paused } from '../../../query/operator.ts'
import { isMiss } from '../../../storage/store.ts'
import { type NodeEstimate, onceEstimated } from '../../../query/plan-estimate.ts'
import type { SqlRow, SqlRun } from './run.ts'

export interface ExplainNode {
  readonly title: string
  /** What FORMAT JSON tells of it apart, where its title says more than what kind of node it is. */
  readonly facts?: Readonly<Record<string, string>>
  /** Of VERBOSE: the title with the schema of what it reads or writes, and that schema. */
  readonly qualified?: { readonly title: string; readonly schema: string }
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

/** What ANALYZE has counted of a node, with all below it, in all its loops. */
export interface NodeProfile {
  rows: number
  loops: number
  /** Until the first rows of each loop came, and until its end: what it waits for is in it. */
  startupUs: number
  totalUs: number
  /** Pages that were not resident. */
  pagesRead: number
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
  more: Partial<Pick<ExplainNode, 'details' | 'facts' | 'qualified' | 'isPart' | 'subplans'>> = {},
): ExplainNode {
  const estimated = onceEstimated(() => estimate(...children.map((child) => child.estimate())))
  return { title, details: [], children, ...more, estimate: estimated }
}

/** EXPLAIN ANALYZE: counts what an operator hands out, and how long that takes. */
class Counted implements Operator<SqlRow, SqlRun> {
  readonly #input: Operator<SqlRow, SqlRun>
  readonly #explain: ExplainNode
  #isStarted = false
  #hasRows = false
  /** Since when rows are being made: over its pauses, too. */
  #sinceUs: number | undefined

  constructor(input: Operator<SqlRow, SqlRun>, explain: ExplainNode) {
    this.#input = input
    this.#explain = explain
  }

  next(run: SqlRun): ReturnType<Operator<SqlRow, SqlRun>['next']> {
    const profile = this.#profileOf(run)
    const { services } = run.transaction
    this.#sinceUs ??= services.monotonic()
    if (!this.#isStarted) {
      this.#isStarted = true
      profile.loops++
    }
    const batch = this.#pull(run, profile)
    if (batch === paused) return batch
    const tookUs = services.monotonic() - this.#sinceUs
    this.#sinceUs = undefined
    profile.totalUs += tookUs
    if (!this.#hasRows) profile.startupUs += tookUs
    this.#hasRows = true
    profile.rows += batch?.length ?? 0
    return batch
  }

  #pull(run: SqlRun, profile: NodeProfile): ReturnType<Operator<SqlRow, SqlRun>['next']> {
    try {
      return this.#input.next(run)
    } catch (error) {
      if (isMiss(error)) profile.pagesRead++
      throw error
    }
  }

  #profileOf({ profile }: SqlRun): NodeProfile {
    let own = profile!.get(this.#explain)
    if (own === undefined) {
      own = { rows: 0, loops: 0, startupUs: 0, totalUs: 0, pagesRead: 0 }
      profile!.set(this.#explain, own)
    }
    return own
  }

  reset(): void {
    this.#isStarted = false
    this.#hasRows = false
    this.#sinceUs = undefined
    this.#input.reset()
  }
}
