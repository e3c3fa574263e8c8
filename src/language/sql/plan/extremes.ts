/**
 * `min` and `max` of a column that an index orders: the first row of that order is the answer, as `ORDER BY … LIMIT 1` would
 * find it, and nothing else is read.
 */
import { type Batch, type Operator, paused } from '../../../query/operator.ts'
import { oneRow } from '../../../query/plan-estimate.ts'
import type { SelectBody } from '../bind/query.ts'
import { emptyTail } from '../bind/query.ts'
import { constant, type Expression, someExpression } from '../expression/expression.ts'
import { oid } from '../types/oids.ts'
import { conjunction, conjunctsOf, isMovable } from './conditions.ts'
import { explainNode, type PlanNode, planNode } from './plan-node.ts'
import type { SqlRow, SqlRun } from './run.ts'

/** For each aggregate of the block a query for it alone; undefined where they are not all such. */
export function extremesOf(body: SelectBody): readonly SelectBody[] | undefined {
  const { from, where, grouping, windows } = body
  if (
    grouping === undefined ||
    grouping.keys.length > 0 ||
    grouping.sets !== undefined ||
    grouping.aggregates.length === 0
  )
    return undefined
  if (from?.kind !== 'relation' || windows !== undefined) return undefined
  const { first, relation } = from
  const conditions = conjunctsOf(where)
  if (!conditions.every((one) => isMovable(one) && !someExpression(one, ({ kind }) => kind === 'subquery')))
    return undefined
  const found: SelectBody[] = []
  for (const { aggregate, arguments: given, distinct, filter } of grouping.aggregates) {
    const [column] = given
    const isMax = aggregate.name === 'max'
    if ((!isMax && aggregate.name !== 'min') || distinct || filter !== undefined) return undefined
    if (column?.kind !== 'column') return undefined
    const isNotNull = relation.columns[column.index - first]?.isNotNull === true
    const present: Expression = {
      kind: 'test',
      type: oid.bool,
      modifier: -1,
      test: 'null',
      negated: true,
      argument: column,
    }
    found.push({
      ...body,
      where: conjunction(isNotNull ? conditions : [...conditions, present]),
      grouping: undefined,
      targets: [column],
      // Nulls stand where the index has them.
      tail: {
        ...emptyTail(),
        order: [{ target: 0, descending: isMax, nullsFirst: isMax }],
        limit: constant(1n, oid.int8),
      },
    })
  }
  return found
}

/** One row of what each of the plans finds first, null where it finds nothing. */
export function extremesPlan(plans: readonly PlanNode[]): PlanNode {
  const subplans = plans.map(({ explain }, i) => [`InitPlan ${i + 1} (returns $${i})`, explain] as const)
  const explain = explainNode('Result', [], () => oneRow, { subplans })
  return planNode(explain, (run) => new FirstValues(plans.map((plan) => plan.open(run))))
}

class FirstValues implements Operator<SqlRow, SqlRun> {
  readonly #inputs: readonly Operator<SqlRow, SqlRun>[]
  #row: SqlRow = []
  #isDone = false

  constructor(inputs: readonly Operator<SqlRow, SqlRun>[]) {
    this.#inputs = inputs
  }

  next(run: SqlRun): Batch<SqlRow> {
    if (this.#isDone) return undefined
    while (this.#row.length < this.#inputs.length) {
      const batch = this.#inputs[this.#row.length]!.next(run)
      if (batch === paused) return paused
      this.#row.push(batch?.[0]?.[0] ?? null)
    }
    this.#isDone = true
    return [this.#row]
  }

  reset(): void {
    for (const input of this.#inputs) input.reset()
    this.#row = []
    this.#isDone = false
  }
}
