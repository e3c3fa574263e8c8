/**
 * Runs a query, batch by batch.
 *
 * A query whose order an index gives, and whose stages answer each document by itself, is read as its batches are asked
 * for: each batch is a statement with a snapshot of its own, which goes on behind the entry where the last one stopped.
 * Any other query (a sort in memory, a group) is computed by its first batch and kept.
 *
 * A statement may be run again (`Restart`), so a batch does not change the cursor: it answers the position that the next one takes.
 */
import { charge } from '../../base/work.ts'
import { latin1ToBytes, sliceOf, type Slice } from '../../base/slice.ts'
import type { Collection } from '../../database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import type { MemoryAccount } from '../../base/memory-account.ts'
import { bsonType, BsonValue } from '../../model/document/bson.ts'
import { newestInsertion } from '../../model/document/capped.ts'
import { type Collation, stepsInOrderOf } from '../../model/document/collation.ts'
import { inPlace, resumed } from '../../database/transaction/wait.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import type { Estimate } from '../../query/cost.ts'
import type { DocumentSource } from '../../query/document-source.ts'
import { oneRow } from '../../query/plan-estimate.ts'
import { Limit } from '../../query/row-operators.ts'
import { RowQueue } from '../../query/row-queue.ts'
import type { Workspace } from '../../database/transaction/workspace.ts'
import {
  collect,
  CountDocuments,
  type Documents,
  documentBytes,
  documentFormat,
  keptBytes,
  pull,
  runOf,
} from './documents.ts'
import { both, compileFilter, type Filter } from './filter.ts'
import { type GeoNearStage, nearStages, onlyGeoPath, requireNearIndex } from './geo-near.ts'
import { objectOf } from './expression-contract.ts'
import { type IndexBounds, keyStage } from './index-bounds.ts'
import { isLong } from './long-lists.ts'
import { MatchingDocuments } from './matching-documents.ts'
import { chain, type PipelineStage } from './pipeline.ts'
import { PlanScan, type ScanPlace } from './plan-scan.ts'
import { canFind, considerPlans, type ConsideredPlans, type Hint, type Plan } from './planner.ts'
import { noVariables } from './scope.ts'
import type { SortField } from './sort-order.ts'
import { sortDocuments } from './sorting.ts'
import { type DocumentStage, eachOf, OneDocument, operatorOf } from './stage.ts'

/** The last stage of a pipeline, `$out` or `$merge`. */
export interface PipelineWrite {
  readonly name: '$out' | '$merge'
  readonly specification: BsonValue
}

export interface Query {
  readonly filter: Filter
  readonly sort: readonly SortField[]
  readonly skip: number
  readonly limit: number | undefined
  readonly hint: Hint | undefined
  readonly stages: readonly PipelineStage[]
  /** A stretch of the index that is hinted at. */
  readonly within?: IndexBounds | undefined
  /** Keys of the index that it uses come in place of what its stages make. */
  readonly returnsKey?: boolean
  /** By which its texts compare; undefined: by the one in force. */
  readonly collation?: Collation | undefined
  /** Other collections that its stages name. */
  readonly reads?: ReadonlySet<string> | undefined
  /** They come from nowhere: its first stage makes them. */
  readonly origin?: (() => Documents) | undefined
  /** Its first stage asks for what is near. */
  readonly geoNear?: GeoNearStage | undefined
  /** It stays open at the end of a capped collection; `awaits`: who asks for more waits for it. */
  readonly isTailable?: boolean
  readonly awaits?: boolean
  /** Where its documents go, in place of the caller. */
  readonly write?: PipelineWrite | undefined
  /** The collection below the view that it was asked of. */
  readonly below?: string
}

/**
 * A cursor of a capped collection that stays open at the end: it goes on behind the newest document that was there. Errors:
 * CappedPositionLost (136) where the one that it goes on behind has gone.
 */
function* followed(
  scan: StatementSteps<BatchResult>,
  { collection }: DocumentSource,
  transaction: Transaction,
  position: ScanPosition,
): StatementSteps<BatchResult> {
  const { after, limit } = position.progress
  const isLost = (): boolean => after !== undefined && transaction.get(sliceOf(latin1ToBytes(after))) === undefined
  if (yield* inPlace(transaction, isLost)) {
    throw mongoError(136, 'CappedPositionLost: CollectionScan died due to position in capped collection being deleted')
  }
  const batch = yield* scan
  const left = limit === undefined ? undefined : limit - batch.documents.length
  if (batch.next !== undefined || left === 0) return batch
  const newest = yield* inPlace(transaction, () => newestInsertion(transaction, collection))
  const progress = { range: 0, after: newest, skip: 0, limit: left, seen: undefined }
  return { documents: batch.documents, next: newest === undefined ? undefined : { ...position, progress } }
}

/** Of what is no capped collection, or in another order. */
function checkTailable({ sort, hint }: Query, { insertions }: DocumentSource): void {
  if (insertions === undefined) {
    const message = 'error processing query: tailable cursor requested on non capped collection'
    throw mongoError(2, message)
  }
  const isBackward = hint?.kind === 'natural' && hint.reverse
  if (sort.length > 0 || isBackward)
    throw mongoError(2, 'cannot use tailable option with a sort other than {$natural: 1}')
}

/** Where the next batch begins. */
export type QueryPosition =
  | { readonly kind: 'scan'; readonly collection: Collection; readonly plan: Plan; readonly progress: Progress }
  /** Of what never ends: changes as they come. */
  | { readonly kind: 'stream'; readonly stream: { close(): void } }
  /** Whoever forgets the position closes them. */
  | { readonly kind: 'kept'; readonly documents: RowQueue<BsonValue> }

/** Nobody asks for what is behind it. */
export function forgetPosition(position: QueryPosition | undefined): void {
  if (position?.kind === 'kept') position.documents.close()
  else if (position?.kind === 'stream') position.stream.close()
}

export interface Progress extends ScanPlace {
  readonly skip: number
  readonly limit: number | undefined
}

export interface BatchWants {
  readonly documents: number
  readonly bytes: number
  /** For what a query computes at once and its cursor hands out later. */
  readonly openWorkspace: () => Workspace
}

export interface BatchResult {
  /** Complete documents, in memory of their own. */
  readonly documents: readonly BsonValue[]
  /** `undefined` at the end. */
  readonly next: QueryPosition | undefined
}

/** Opens the collection again for a later batch; `undefined` where it is gone. */
export type OpenSource = (transaction: Transaction) => DocumentSource | undefined

type Counting = Pick<Transaction, 'newest'>

/** What is near as stages behind the documents that match. Errors: there is no index of geometries on the field. */
function byDistance(query: Query, source: DocumentSource): Query {
  const { geoNear } = query
  if (geoNear === undefined && query.filter.near === undefined) return query
  const filter = geoNear === undefined ? query.filter : both(geoNearFilter(geoNear, source), query.filter)
  const near = filter.near!
  requireNearIndex(source, near)
  // Who wants another order has it.
  if (query.sort.length > 0) return query
  const ordered = nearStages(near, query.skip, query.limit)
  if (geoNear !== undefined) ordered.push({ kind: 'document', stage: geoNear.told(near) })
  return { ...query, filter, skip: 0, limit: undefined, geoNear: undefined, stages: [...ordered, ...query.stages] }
}

function geoNearFilter({ key, condition }: GeoNearStage, source: DocumentSource): Filter {
  return compileFilter(objectOf([[key ?? onlyGeoPath(source).text, condition]]), noVariables)
}

export function plansOf(given: Query, source: DocumentSource, transaction: Counting): ConsideredPlans {
  const query = byDistance(given, source)
  const { filter, sort, hint, skip, within } = query
  const limit = query.limit === undefined ? undefined : skip + query.limit
  return considerPlans({ source, predicates: filter.predicates, sort, hint, within, limit, transaction })
}

function planOf(query: Query, source: DocumentSource, transaction: Counting): Plan {
  return plansOf(query, source, transaction).winning.plan
}

function asksOfIndexes({ within, returnsKey }: Query): boolean {
  return within !== undefined || returnsKey === true
}

function stagesOf(query: Query, source: DocumentSource, { index, isCollectionScan }: Plan): Query['stages'] {
  if (query.returnsKey !== true) return query.stages
  return [{ kind: 'document', stage: keyStage(source, isCollectionScan ? undefined : index) }]
}

const insertionOrder = { kind: 'natural', reverse: false } as const

const fewBounds = 256

/** Of a query with long lists the bounds are made in parts. */
function* planning<T>({ filter }: Query, transaction: Transaction, plan: () => T): StatementSteps<T> {
  const { predicates } = filter
  const isLarge = predicates.length > fewBounds || predicates.some(({ values }) => values.length > fewBounds)
  return isLarge ? yield* resumed(transaction, plan) : plan()
}

export function firstBatch(
  query: Query,
  source: DocumentSource | undefined,
  transaction: Transaction,
  wants: BatchWants,
): StatementSteps<BatchResult> {
  return stepsInOrderOf(query.collation, () => firstSteps(query, source, transaction, wants))
}

function* firstSteps(
  given: Query,
  source: DocumentSource | undefined,
  transaction: Transaction,
  wants: BatchWants,
): StatementSteps<BatchResult> {
  const query = source === undefined ? given : byDistance(given, source)
  if (source !== undefined && query.isTailable === true) checkTailable(query, source)
  if (source !== undefined && query.origin === undefined && isStreaming(query)) {
    const isPlain = query.skip === 0 && query.stages.length === 0 && query.hint === undefined && !asksOfIndexes(query)
    const isLookUp = isPlain && query.isTailable !== true && wants.documents > 0
    const id = isLookUp ? lookedUp(query.filter, source) : undefined
    if (id !== undefined) return yield* inPlace(transaction, () => batchOfOne(source.find!(transaction, id)))
    const ordered: Query = query.isTailable === true ? { ...query, hint: insertionOrder } : query
    const plan = yield* planning(query, transaction, () => planOf(ordered, source, transaction))
    if (plan.sorted || query.sort.length === 0) {
      const progress = { range: 0, after: undefined, skip: query.skip, limit: query.limit, seen: undefined }
      const position = { kind: 'scan', collection: source.collection, plan, progress } as const
      const scan = scanBatch(query, source, transaction, wants, position)
      return query.isTailable === true ? yield* followed(scan, source, transaction, position) : yield* scan
    }
  }
  const documents = yield* planning(query, transaction, () => documentsOf(query, source, transaction))
  return yield* computedBatch(documents, transaction, wants)
}

/** The `_id` that the filter asks for alone, where the source finds it by its key. */
export function lookedUp({ onlyId }: Filter, source: DocumentSource): BsonValue | undefined {
  if (onlyId === undefined || source.find === undefined) return undefined
  return canFind(source.indexes[0]!.collation, [onlyId]) ? onlyId : undefined
}

export function nextBatch(
  query: Query,
  open: OpenSource,
  transaction: Transaction,
  wants: BatchWants,
  position: QueryPosition,
): StatementSteps<BatchResult> {
  return stepsInOrderOf(query.collation, () => nextSteps(query, open, transaction, wants, position))
}

function* nextSteps(
  query: Query,
  open: OpenSource,
  transaction: Transaction,
  wants: BatchWants,
  position: QueryPosition,
): StatementSteps<BatchResult> {
  if (position.kind === 'kept') return yield* keptBatch(position.documents, transaction, wants)
  if (position.kind === 'stream') return { documents: [], next: position }
  const source = open(transaction)
  const isSame = source !== undefined && source.collection.id === position.collection.id
  const indexes = isSame ? [...source.indexes, ...(source.insertions === undefined ? [] : [source.insertions])] : []
  const index = indexes.find(({ name }) => name === position.plan.index.name)
  if (index === undefined) throw mongoError(175, 'collection or index was dropped while a cursor was open on it')
  const reopened = { ...position, plan: { ...position.plan, index } }
  const scan = scanBatch(query, source!, transaction, wants, reopened)
  return query.isTailable === true ? yield* followed(scan, source!, transaction, reopened) : yield* scan
}

function isStreaming({ stages }: Query): boolean {
  return stages.every(({ kind }) => kind === 'document')
}

function batchOfOne(found: Slice | undefined): BatchResult {
  if (found === undefined) return { documents: [], next: undefined }
  // From the pool: the copy lives until the reply is written.
  const bytes = Buffer.allocUnsafe(found.end - found.start)
  charge(bytes.length)
  bytes.set(found.bytes.subarray(found.start, found.end))
  return { documents: [new BsonValue(bsonType.object, bytes)], next: undefined }
}

/** As many as are wanted at once; the others wait in a queue. */
function* computedBatch(computed: Documents, transaction: Transaction, wants: BatchWants): StatementSteps<BatchResult> {
  const run = runOf(transaction)
  const account = transaction.workspace.memory
  const documents: BsonValue[] = []
  let queue: RowQueue<BsonValue> | undefined
  let isDone = false
  let bytes = 0
  try {
    for (;;) {
      const batch = yield* pull(computed, run)
      if (batch === undefined) break
      for (const document of batch) {
        const fits = documents.length < wants.documents && (documents.length === 0 || bytes < wants.bytes)
        if (queue === undefined && fits) {
          bytes += keep(document, documents, account)
          continue
        }
        queue ??= new RowQueue(wants.openWorkspace(), documentFormat)
        const written = queue.put(document)
        if (written !== undefined) yield written
      }
    }
    const written = queue?.end()
    if (written !== undefined) yield written
    isDone = true
  } finally {
    if (!isDone) queue?.close()
  }
  return { documents, next: queue && { kind: 'kept', documents: queue } }
}

function* keptBatch(
  kept: RowQueue<BsonValue>,
  transaction: Transaction,
  wants: BatchWants,
): StatementSteps<BatchResult> {
  const taking = kept.take(wants.documents, wants.bytes)
  let documents: readonly BsonValue[] = []
  if (taking instanceof Promise) yield taking.then((taken) => void (documents = taken))
  else documents = taking
  for (const document of documents) transaction.workspace.memory.charge(keptBytes(document), 'the batch of a cursor')
  return { documents, next: kept.length > 0 ? { kind: 'kept', documents: kept } : undefined }
}

type ScanPosition = Extract<QueryPosition, { kind: 'scan' }>

/** A document that is larger than what is left of a batch still goes into it, so a batch may pass its bytes by one. */
function* scanBatch(
  query: Query,
  source: DocumentSource,
  transaction: Transaction,
  wants: BatchWants,
  position: ScanPosition,
): StatementSteps<BatchResult> {
  const documents: BsonValue[] = []
  if (position.progress.limit === 0) return { documents, next: undefined }
  if (wants.documents === 0) return { documents, next: position }
  const account = transaction.workspace.memory
  const stages = stagesOf(query, source, position.plan).map(({ stage }) => stage as DocumentStage)
  let bytes = 0
  const scan = new PlanScan(source, transaction, position.plan, position.progress)
  let { skip, limit } = position.progress
  if (query.filter.isEmpty && position.plan.ranges.length === 1) skip -= yield* scan.skip(skip)
  for (let found = scan.nextMatch(query.filter); found !== false; found = scan.nextMatch(query.filter)) {
    if (found !== true) {
      yield found
      continue
    }
    const { document } = scan
    if (skip > 0) {
      skip--
      continue
    }
    if (stages.length === 0) bytes += keep(document, documents, account)
    else if (isLong(document)) {
      for (const made of yield* madeInTurns(stages, document, transaction)) {
        documents.push(made)
        bytes += documentBytes(made)
      }
    } else for (const made of yield* madeOf(stages, document, transaction)) bytes += keep(made, documents, account)
    if (limit !== undefined && --limit === 0) return { documents, next: undefined }
    if (documents.length < wants.documents && bytes < wants.bytes) continue
    return { documents, next: { ...position, progress: { ...scan.place(), skip, limit } } }
  }
  return { documents, next: undefined }
}

function keep(document: BsonValue, into: BsonValue[], account: MemoryAccount): number {
  account.charge(keptBytes(document), 'the batch of a cursor')
  charge(documentBytes(document))
  into.push(document.copy())
  return documentBytes(document)
}

/** All that the stages make of one document, which is kept for as long as that has to wait. */
function* madeOf(
  stages: readonly DocumentStage[],
  document: BsonValue,
  transaction: Transaction,
): StatementSteps<BsonValue[]> {
  const account = transaction.workspace.memory
  let source = document
  for (;;) {
    const made: BsonValue[] = []
    let bytes = 0
    try {
      for (const one of eachOf(stages, source)) {
        const oneBytes = keptBytes(one)
        account.charge(oneBytes, 'the documents that stages make of one')
        bytes += oneBytes
        made.push(one)
      }
      account.release(bytes)
      return made
    } catch (error) {
      account.release(bytes)
      if (source === document) source = document.copy()
      yield transaction.waitOf(error)
    }
  }
}

/** The same of a long document, by operators, which pause within it: in memory of its own that is charged. */
function* madeInTurns(
  stages: readonly DocumentStage[],
  document: BsonValue,
  transaction: Transaction,
): StatementSteps<BsonValue[]> {
  let documents: Documents = new OneDocument(document.copy())
  for (const stage of stages) documents = operatorOf(stage, documents)
  return yield* collect(documents, runOf(transaction), transaction.workspace.memory, false)
}

/** The whole of a query, as an operator, and what is expected of reading its documents. */
export interface OpenedQuery {
  readonly documents: Documents
  readonly estimate: () => Estimate
  /** Of the collection; where nothing is read of one there is none. */
  readonly matching?: MatchingDocuments
}

export function openQuery(given: Query, source: DocumentSource | undefined, transaction: Counting): OpenedQuery {
  const query = source === undefined ? given : byDistance(given, source)
  if (query.origin !== undefined) return { documents: chain(query.stages, query.origin()), estimate: () => oneRow }
  if (source === undefined) return { documents: chain(query.stages, noDocuments), estimate: () => oneRow }
  const { plan, estimate } = plansOf(query, source, transaction).winning
  const isOrdered = query.sort.length === 0 || plan.sorted
  const most = isOrdered && query.limit !== undefined ? query.skip + query.limit : Infinity
  const matching = new MatchingDocuments(source, plan, query.filter, most)
  const told = { ...query, stages: stagesOf(query, source, plan) }
  return { documents: documentsBy(matching, plan, told), estimate, matching }
}

function documentsOf(query: Query, source: DocumentSource | undefined, transaction: Counting): Documents {
  return openQuery(query, source, transaction).documents
}

function documentsBy(matching: MatchingDocuments, plan: Plan, query: Query): Documents {
  const { skip, limit } = query
  let documents: Documents = matching
  if (query.sort.length > 0 && !plan.sorted) {
    documents = sortDocuments(documents, query.sort, limit === undefined ? undefined : skip + limit)
  }
  return chain(query.stages, windowOf(documents, skip, limit))
}

const noDocuments: Documents = { next: () => undefined, reset: () => undefined }

function windowOf(documents: Documents, skip: number, limit: number | undefined): Documents {
  if (skip === 0 && limit === undefined) return documents
  const bounds = { offset: skip, limit: limit ?? Infinity }
  const window: Documents = new Limit(documents, () => bounds)
  if (documents.showNothing !== undefined) window.showNothing = () => documents.showNothing!()
  window.count = (run) => {
    const count = documents.count?.(run)
    return count === undefined ? undefined : Math.min(Math.max(count - bounds.offset, 0), bounds.limit)
  }
  return window
}

/** The whole result. */
export function computeAll(
  query: Query,
  source: DocumentSource | undefined,
  transaction: Transaction,
): StatementSteps<BsonValue[]> {
  return stepsInOrderOf(query.collation, () => allSteps(query, source, transaction))
}

function* allSteps(
  query: Query,
  source: DocumentSource | undefined,
  transaction: Transaction,
): StatementSteps<BsonValue[]> {
  const documents = yield* planning(query, transaction, () => documentsOf(query, source, transaction))
  return yield* collect(documents, runOf(transaction), transaction.workspace.memory)
}

/** What `explain` tells of a run: documents that came out, and entries of the index that were looked at for them. */
export interface Measured {
  readonly returned: number
  readonly examined: number
}

/** Runs it for what it costs. */
export function measure(
  query: Query,
  source: DocumentSource | undefined,
  transaction: Transaction,
): StatementSteps<Measured> {
  return stepsInOrderOf(query.collation, () => measureSteps(query, source, transaction))
}

function* measureSteps(
  query: Query,
  source: DocumentSource | undefined,
  transaction: Transaction,
): StatementSteps<Measured> {
  const { documents, matching } = yield* planning(query, transaction, () => openQuery(query, source, transaction))
  const run = runOf(transaction)
  let returned = 0
  for (;;) {
    const batch = yield* pull(documents, run)
    if (batch === undefined) return { returned, examined: matching?.examined ?? 0 }
    returned += batch.length
  }
}

/** Counts what matches, without keeping it. */
export function countMatching(query: Query, source: DocumentSource, transaction: Transaction): StatementSteps<number> {
  return stepsInOrderOf(query.collation, () => countSteps(query, source, transaction))
}

function* countSteps(query: Query, source: DocumentSource, transaction: Transaction): StatementSteps<number> {
  let counted = 0
  const documents = yield* planning(query, transaction, () => documentsOf({ ...query, sort: [] }, source, transaction))
  const counter = new CountDocuments(documents, (count) => {
    counted = count
    return undefined
  })
  yield* pull(counter, runOf(transaction))
  return counted
}

/**
 * Calls `visit` with each matching document, in memory of its own, until it answers false.
 */
export function visitMatching(
  query: Query,
  source: DocumentSource,
  transaction: Transaction,
  visit: (document: BsonValue) => StatementSteps<boolean>,
): StatementSteps<void> {
  return stepsInOrderOf(query.collation, () => visitSteps(query, source, transaction, visit))
}

function* visitSteps(
  given: Query,
  source: DocumentSource,
  transaction: Transaction,
  visit: (document: BsonValue) => StatementSteps<boolean>,
): StatementSteps<void> {
  const query = byDistance(given, source)
  if (query.stages.length > 0) {
    for (const document of yield* computeAll(query, source, transaction)) if (!(yield* visit(document))) return
    return
  }
  const plan = yield* planning(query, transaction, () => planOf(query, source, transaction))
  const scan = new PlanScan(source, transaction, plan)
  for (let found = scan.nextMatch(query.filter); found !== false; found = scan.nextMatch(query.filter)) {
    if (found !== true) {
      yield found
      continue
    }
    const document = scan.document.copy()
    charge(documentBytes(document))
    if (transaction.slice.spend(1)) yield undefined
    if (!(yield* visit(document))) return
  }
}
