/** A query's plan in the words of the server's `explain`. */
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { measure, type Measured, plansOf, type Query } from '../../../language/mql/query.ts'
import type { Considered, Plan } from '../../../language/mql/planner.ts'
import type { BsonWriter } from '../../../model/document/bson-writer.ts'
import { stepsInOrderOf } from '../../../model/document/collation.ts'
import { describeKey } from '../../../model/document/describe-key.ts'
import type { FieldBounds } from '../../../query/document-source.ts'
import type { Reply, Request } from '../request.ts'
import { sourceOfQuery } from './query-options.ts'

/** Stages over that of the documents: `UPDATE`, `DELETE` and their kin. */
export interface Explained {
  readonly query: Query
  readonly collection: string
  readonly above?: string
}

/** `runs`: as a query; what would be written is not. */
export function explainQuery(
  request: Request,
  { query, collection, above }: Explained,
  runs: boolean,
): Reply | Promise<Reply> {
  const { database } = request
  function* explained(transaction: Transaction): StatementSteps<Reply> {
    const source = sourceOfQuery(transaction, database, collection, query)
    const plans = source === undefined ? undefined : plansOf(query, source, transaction)
    const measured = runs ? yield* measure(query, source, transaction) : undefined
    return (writer) => {
      writer.string('explainVersion', '1').beginObject('queryPlanner').string('namespace', `${database}.${collection}`)
      writer.boolean('indexFilterSet', false)
      writeAbove(writer, 'winningPlan', above, query, plans?.winning)
      writer.beginArray('rejectedPlans')
      for (const [i, other] of (plans?.rejected ?? []).entries()) writePlan(writer, String(i), query, other)
      writer.end().end()
      if (measured === undefined) return
      writeStatistics(writer, query, plans?.winning.plan, measured, above)
    }
  }
  return request.read((transaction) => stepsInOrderOf(query.collation, () => explained(transaction)))
}

/** An entry of an index is looked at with its document; the collection's own has no keys beside them. */
function writeStatistics(
  writer: BsonWriter,
  query: Query,
  plan: Plan | undefined,
  { returned, examined }: Measured,
  above: string | undefined,
): void {
  const isScan = plan === undefined || (plan.isCollectionScan && query.filter.onlyId === undefined)
  writer.beginObject('executionStats').boolean('executionSuccess', true)
  writer.count('nReturned', isWrite(above) ? 0 : returned)
  writer
    .count('totalKeysExamined', isScan ? 0 : examined)
    .count('totalDocsExamined', examined)
    .end()
}

function isWrite(above: string | undefined): boolean {
  return above === 'UPDATE' || above === 'DELETE'
}

function writeAbove(
  writer: BsonWriter,
  name: string,
  above: string | undefined,
  query: Query,
  considered: Considered | undefined,
): void {
  if (above === undefined) {
    writePlan(writer, name, query, considered)
    return
  }
  writer.beginObject(name).string('stage', above)
  writePlan(writer, 'inputStage', query, considered)
  writer.end()
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
    for (const { path, descending, geo } of plan.index.fields) {
      if (geo === undefined) writer.int32(path.text, descending ? -1 : 1)
      else writer.string(path.text, geo.kind)
    }
    writer.end().string('indexName', plan.index.name)
    plan.index.collation?.write(writer, 'collation')
    writer.boolean('isMultiKey', plan.repeats)
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
  if (bounds.kind === 'region') return ['[cells]']
  if (bounds.kind === 'points') return bounds.values.map((value) => `[${describeKey(value)}, ${describeKey(value)}]`)
  const { low, high } = bounds
  const from = low === undefined ? '[-Infinity' : `${low.inclusive ? '[' : '('}${describeKey(low.value)}`
  const to = high === undefined ? 'Infinity]' : `${describeKey(high.value)}${high.inclusive ? ']' : ')'}`
  return [`${from}, ${to}`]
}
