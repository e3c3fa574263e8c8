/**
 * Documents in the order of partitions and, within each, of a sort: what `$setWindowFields`, `$fill` and `$densify` go through.
 *
 * What is sorted are pairs of a partition's value and its document, `{ p, d }`, so that the value is computed once.
 */
import { bsonType, type BsonValue, getField } from '../../model/document/bson.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import { keyText } from '../../model/document/order.ts'
import { parsePath } from '../../model/document/path.ts'
import { nullValue } from '../../model/document/values.ts'
import { InputCursor, type Paused, paused, type Run } from '../../query/operator.ts'
import type { Documents } from './documents.ts'
import { type Expression, objectOf } from './expression-contract.ts'
import { rootScope, type Variables } from './scope.ts'
import type { SortField } from './sort-order.ts'
import { sortDocuments } from './sorting.ts'
import { operatorOf } from './stage.ts'

export interface Partitioning {
  /** `undefined`: there is one partition. */
  readonly by: Expression | undefined
  readonly order: readonly SortField[]
  readonly variables: Variables
}

function sortedPairs(input: Documents, { by, order, variables }: Partitioning): Documents {
  const pair = (document: BsonValue): BsonValue => {
    if (by === undefined) return objectOf([['d', document]])
    const value = by(rootScope(document, variables))
    if (value.type === bsonType.array) {
      throw mongoError(5_429_513, 'An expression used to partition cannot evaluate to value of type array')
    }
    return objectOf([
      ['p', value.isMissing ? nullValue : value],
      ['d', document],
    ])
  }
  const pairs = operatorOf({ kind: 'change', change: pair }, input)
  const fields = order.map(({ path, descending }) => ({ path: parsePath(`d.${path.text}`), descending }))
  if (by !== undefined) fields.unshift({ path: parsePath('p'), descending: false })
  return fields.length === 0 ? pairs : sortDocuments(pairs, fields)
}

/** Hands out one document after another, and says where a partition begins. */
export class PartitionedInput {
  readonly #input: InputCursor<BsonValue, Run>
  #key: string | undefined
  #isNew = true

  constructor(input: Documents, partitioning: Partitioning) {
    this.#input = new InputCursor(sortedPairs(input, partitioning))
  }

  /** The same until `advance`; it holds until then, too. `begins`: of a partition other than that of the one before. */
  current(run: Run): { readonly document: BsonValue; readonly begins: boolean } | Paused | undefined {
    const pair = this.#input.current(run)
    if (pair === paused || pair === undefined) return pair
    const value = getField(pair, 'p')
    const key = value === undefined ? '' : keyText(value)
    if (key !== this.#key) {
      this.#key = key
      this.#isNew = true
    }
    return { document: getField(pair, 'd')!, begins: this.#isNew }
  }

  advance(): void {
    this.#isNew = false
    this.#input.advance()
  }

  reset(): void {
    this.#key = undefined
    this.#isNew = true
    this.#input.reset()
  }
}
