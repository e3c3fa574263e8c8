/** A query's plan in the words of the server's `explain`. */
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { computeAll, plansOf, type Query } from '../../../language/mql/query.ts'
import type { Considered, Plan } from '../../../language/mql/planner.ts'
import type { BsonWriter } from '../../../model/document/bson-writer.ts'
import { describeKey } from '../../../model/document/describe-key.ts'
import type { FieldBounds } from '../../../query/document-source.ts'
import type { Reply, Request } from '../request.ts'
import { sourceOfQuery } from './query-options.ts'

export function explainQuery(
  request: Request,
  query: Query,
  collection: string,
  runs: boolean,
): Reply | Promise<Reply> {
  const { database } = request
  return request.read(function* (transaction): StatementSteps<Reply> {
    const source = sourceOfQuery(transaction, database, collection, query)
    const plans = source === undefined ? undefined : plansOf(query, source, transaction)
    const returned = runs ? yield* countReturned(transaction, query, source) : undefined
    return (writer) => {
      writer.string('explainVersion', '1').beginObject('queryPlanner').string('namespace', `${database}.${collection}`)
      writer.boolean('indexFilterSet', false)
      writePlan(writer, 'winningPlan', query, plans?.winning)
      writer.beginArray('rejectedPlans')
      for (const [i, other] of (plans?.rejected ?? []).entries()) writePlan(writer, String(i), query, other)
      writer.end().end()
      if (returned === undefined) return
      writer.beginObject('executionStats').boolean('executionSuccess', true).count('nReturned', returned).end()
    }
  })
}

function* countReturned(
  transaction: Transaction,
  query: Query,
  source: ReturnType<typeof sourceOfQuery>,
): StatementSteps<number> {
  return (yield* computeAll(query, source, transaction)).length
}

/** A row of a scan is shown as 0.01, as by SQL's EXPLAIN. */
const shownUnit = 0.01

function writePlan(writer: BsonWriter, name: string, query: Query, considered: Considered | undefined): void {
  writer.beginObject(name)
  if (considered === undefined) {
    writer.string('stage', 'EOF').end()
    return
  }
  const { plan } = considered
  const { rows, cost } = considered.estimate()
  writer.double('costEstimate', cost * shownUnit).double('cardinalityEstimate', rows)
  if (query.sort.length > 0 && !plan.sorted) {
    writer.string('stage', 'SORT').beginObject('sortPattern')
    for (const { path, descending } of query.sort) writer.int32(path.text, descending ? -1 : 1)
    writer.end()
    writeAccess(writer, 'inputStage', query, plan)
  } else {
    writeAccessFields(writer, query, plan)
  }
  writer.end()
}

function writeAccess(writer: BsonWriter, name: string, query: Query, plan: Plan): void {
  writer.beginObject(name)
  writeAccessFields(writer, query, plan)
  writer.end()
}

function writeAccessFields(writer: BsonWriter, query: Query, plan: Plan): void {
  const direction = plan.reverse ? 'backward' : 'forward'
  if (query.filter.onlyId !== undefined) {
    writer.string('stage', 'IDHACK')
  } else if (plan.isCollectionScan) {
    writer.string('stage', 'COLLSCAN').string('direction', direction)
  } else {
    writer.string('stage', 'FETCH').beginObject('inputStage').string('stage', 'IXSCAN')
    writer.beginObject('keyPattern')
    for (const { path, descending } of plan.index.fields) writer.int32(path.text, descending ? -1 : 1)
    writer.end().string('indexName', plan.index.name).boolean('isMultiKey', plan.repeats)
    writer.boolean('isUnique', plan.index.unique).boolean('isSparse', plan.index.sparse).string('direction', direction)
    writer.beginObject('indexBounds')
    for (const [i, { path }] of plan.index.fields.entries()) {
      writer.beginArray(path.text)
      for (const [j, text] of describeBounds(plan.bounds[i]).entries()) writer.string(String(j), text)
      writer.end()
    }
    writer.end().end()
  }
}

function describeBounds(bounds: FieldBounds | undefined): string[] {
  if (bounds === undefined) return ['[MinKey, MaxKey]']
  if (bounds.kind === 'points') return bounds.values.map((value) => `[${describeKey(value)}, ${describeKey(value)}]`)
  const { low, high } = bounds
  const from = low === undefined ? '[-Infinity' : `${low.inclusive ? '[' : '('}${describeKey(low.value)}`
  const to = high === undefined ? 'Infinity]' : `${describeKey(high.value)}${high.inclusive ? ']' : ')'}`
  return [`${from}, ${to}`]
}
