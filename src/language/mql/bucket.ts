/**
 * `$bucket`: groups by the interval that a value lies in. Boundaries may be as many as a message holds: they are checked in
 * parts, and searched by halves.
 */
import { gatherInParts } from '../../base/resumption.ts'
import { charge } from '../../base/work.ts'
import { bsonType, type BsonValue, fieldsOf } from '../../model/document/bson.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import { compareValues, typeClass } from '../../model/document/order.ts'
import { int32Value } from '../../model/document/values.ts'
import { compileExpression } from './expression.ts'
import { objectOf, type Expression } from './expression-contract.ts'
import { compareOperands } from './expression-logic.ts'
import { compileGroupBy } from './group.ts'
import { longElementsOf } from './long-lists.ts'
import type { Variables } from './scope.ts'
import { parseSort } from './sort-order.ts'
import { sortDocuments } from './sorting.ts'
import type { Stage } from './stage.ts'

const unitsPerComparison = 150

export function compileBucket(specification: BsonValue, variables: Variables): Stage {
  const fields =
    specification.type === bsonType.object ? new Map(fieldsOf(specification)) : new Map<string, BsonValue>()
  const groupBy = fields.get('groupBy')
  const boundaries = fields.get('boundaries')
  if (groupBy === undefined || boundaries?.type !== bsonType.array) {
    throw mongoError(40_198, "$bucket requires 'groupBy' and 'boundaries' to be specified.")
  }
  const edges = longElementsOf(boundaries)
  if (edges.length < 2) throw mongoError(40_192, "The $bucket 'boundaries' field must have at least 2 values")
  const otherwise = fields.get('default')
  checkEdges(edges, otherwise)
  const output = fields.get('output') ?? objectOf([['count', objectOf([['$sum', int32Value(1)]])]])
  const group = compileGroupBy(bucketOf(compileExpression(groupBy), edges, otherwise), fieldsOf(output), variables)
  const order = parseSort(objectOf([['_id', int32Value(1)]]))
  return (input) => sortDocuments(group(input), order)
}

function checkEdges(edges: readonly BsonValue[], otherwise: BsonValue | undefined): void {
  const [first, last] = [edges[0]!, edges.at(-1)!]
  const ofOneClass = typeClass(first.type)
  const check = (before: { edge?: BsonValue }, edge: BsonValue): void => {
    charge(unitsPerComparison)
    if (typeClass(edge.type) !== ofOneClass) {
      throw mongoError(40_193, "All values in the 'boundaries' option to $bucket must have the same type")
    }
    if (before.edge !== undefined && compareValues(before.edge, edge) >= 0) {
      throw mongoError(40_194, "The 'boundaries' option to $bucket must be sorted, with no value twice")
    }
    before.edge = edge
  }
  gatherInParts(edges, () => ({}), check)
  if (otherwise === undefined || compareValues(otherwise, first) < 0 || compareValues(otherwise, last) >= 0) return
  throw mongoError(
    40_199,
    "The $bucket 'default' field must be less than the lowest boundary or greater than the highest",
  )
}

/** The lower boundary of the interval, which does not hold the upper one. */
function bucketOf(valueOf: Expression, edges: readonly BsonValue[], otherwise: BsonValue | undefined): Expression {
  return (scope) => {
    const above = firstAbove(edges, valueOf(scope))
    if (above > 0 && above < edges.length) return edges[above - 1]!
    if (otherwise !== undefined) return otherwise
    throw mongoError(40_066, '$switch could not find a matching branch for an input, and no default was specified.')
  }
}

function firstAbove(edges: readonly BsonValue[], value: BsonValue): number {
  let [low, high] = [0, edges.length]
  while (low < high) {
    charge(unitsPerComparison)
    const middle = (low + high) >>> 1
    if (compareOperands(edges[middle]!, value) > 0) high = middle
    else low = middle + 1
  }
  return low
}
