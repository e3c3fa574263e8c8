/** The order of a block whose FROM is one relation: what it wants of an index, and whether it got it. */
import type { OrderField } from '../../../query/access-path.ts'
import type { RelationItem, SelectBody } from '../bind/query.ts'
import type { Expression } from '../expression/expression.ts'
import type { Relation } from '../../../query/relation.ts'
import { textOver } from './access-conditions.ts'
import type { PreferredOrder } from './from-planner.ts'
import type { Measures } from './measures.ts'
import type { WantedOrder } from './relation-access.ts'

/** Where LIMIT is not known yet. */
const assumedLimit = 100

/** Of an expression that an index has. */
function fieldOf(shown: Expression, relation: Relation, first: number): number | undefined {
  const { indexedExpressions = [] } = relation
  const place =
    indexedExpressions.length === 0 ? -1 : indexedExpressions.indexOf(textOver(shown, relation, first) ?? '')
  return place < 0 ? undefined : relation.columns.length + place
}

export class IndexOrder implements PreferredOrder {
  isSatisfied = false
  readonly #body: SelectBody
  readonly #measures: Measures

  constructor(body: SelectBody, measures: Measures) {
    this.#body = body
    this.#measures = measures
  }

  wanted(item: RelationItem): WantedOrder | undefined {
    const { tail, grouping, windows, isDistinct, from } = this.#body
    if (from !== item || grouping !== undefined || windows !== undefined || isDistinct) return undefined
    return { order: this.#fields(item), limit: () => (tail.limit === undefined ? undefined : this.#limit()) }
  }

  /** Undefined where something that is no column of the item is sorted by. */
  #fields({ first, relation }: RelationItem): OrderField[] | undefined {
    const { tail, targets } = this.#body
    const fields: OrderField[] = []
    for (const { target, descending, nullsFirst } of tail.order) {
      const shown = targets[target]!
      const field = shown.kind === 'column' ? shown.index - first : fieldOf(shown, relation, first)
      if (field === undefined) return undefined
      fields.push({ field, isDescending: descending, nullsFirst })
    }
    return fields
  }

  #limit(): number {
    const { limit, offset } = this.#body.tail
    return this.#valueOf(limit) + (offset === undefined ? 0 : this.#valueOf(offset))
  }

  #valueOf(expression: Expression | undefined): number {
    if (expression?.kind === 'constant') return expression.value === null ? Infinity : Number(expression.value)
    if (expression?.kind !== 'parameter') return assumedLimit
    const found = this.#measures.ask('each time', ({ parameters }) => {
      const value = parameters[expression.index]!
      return value === null ? Infinity : Number(value)
    })
    return found ?? assumedLimit
  }

  give(): void {
    this.isSatisfied = this.#body.tail.order.length > 0
  }
}
