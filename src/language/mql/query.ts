/**
 * Runs a query, batch by batch.
 *
 * A query whose order an index gives, and whose stages answer each document by itself, is read as its batches are asked
 * for: each batch is a statement with a snapshot of its own, which goes on behind the entry where the last one stopped.
 * Any other query (a sort in memory, a group) is computed by its first batch and kept.
 *
 * A statement may be run again, so a batch does not change the cursor: it answers the position that the next one takes.
 */
import type { Collection } from '../../database/catalog.ts'
import type { Pause, Transaction } from '../../database/contract.ts'
import { bsonType, BsonValue } from '../../model/document/bson.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import type { DocumentSource, SourceCursor } from '../../query/document-source.ts'
import type { Filter } from './filter.ts'
import { chain, collectingSink, type PipelineStage } from './pipeline.ts'
import { planQuery, type Hint, type Plan } from './planner.ts'
import type { SortField } from './sort-order.ts'
import { sortSink } from './sorting.ts'
import { CountingSink, MemoryBudget, type Sink } from './stage.ts'

export interface Query {
  readonly filter: Filter
  readonly sort: readonly SortField[]
  readonly skip: number
  readonly limit: number | undefined
  readonly hint: Hint | undefined
  readonly stages: readonly PipelineStage[]
}

/** Where the next batch begins. */
export type QueryPosition =
  | { readonly kind: 'scan'; readonly collection: Collection; readonly plan: Plan; readonly progress: Progress }
  | { readonly kind: 'kept'; readonly documents: readonly BsonValue[]; readonly at: number }

export interface Progress {
  readonly range: number
  readonly after: string | undefined
  readonly skip: number
  readonly limit: number | undefined
  /** Documents seen, where an index may show one twice. */
  readonly seen: ReadonlySet<string> | undefined
}

export interface BatchWants {
  readonly documents: number
  readonly bytes: number
}

export interface BatchResult {
  /** Complete documents, in memory of their own. */
  readonly documents: readonly BsonValue[]
  /** `undefined` at the end. */
  readonly next: QueryPosition | undefined
}

/** Opens the collection again for a later batch; `undefined` where it is gone. */
export type OpenSource = (transaction: Transaction) => DocumentSource | undefined

export function planOf(query: Query, source: DocumentSource): Plan {
  return planQuery({ source, predicates: query.filter.predicates, sort: query.sort, hint: query.hint })
}

export function* firstBatch(
  query: Query,
  source: DocumentSource | undefined,
  transaction: Transaction,
  wants: BatchWants,
): Generator<Pause, BatchResult, void> {
  if (source !== undefined && isStreaming(query)) {
    const { onlyId } = query.filter
    const isPlain = query.skip === 0 && query.stages.length === 0 && query.hint === undefined
    if (onlyId !== undefined && isPlain && wants.documents > 0) {
      return findById(source, transaction, onlyId)
    }
    const plan = planOf(query, source)
    if (plan.sorted || query.sort.length === 0) {
      const progress = { range: 0, after: undefined, skip: query.skip, limit: query.limit, seen: undefined }
      return yield* scanBatch(query, source, transaction, wants, {
        kind: 'scan',
        collection: source.collection,
        plan,
        progress,
      })
    }
  }
  const documents = yield* computeAll(query, source, transaction)
  return keptBatch({ kind: 'kept', documents, at: 0 }, wants)
}

export function* nextBatch(
  query: Query,
  open: OpenSource,
  transaction: Transaction,
  wants: BatchWants,
  position: QueryPosition,
): Generator<Pause, BatchResult, void> {
  if (position.kind === 'kept') return keptBatch(position, wants)
  const source = open(transaction)
  const isSame = source !== undefined && source.collection.id === position.collection.id
  const index = isSame ? source.indexes.find(({ name }) => name === position.plan.index.name) : undefined
  if (index === undefined) throw mongoError(175, 'collection or index was dropped while a cursor was open on it')
  return yield* scanBatch(query, source!, transaction, wants, { ...position, plan: { ...position.plan, index } })
}

function isStreaming({ stages }: Query): boolean {
  return stages.every(({ kind }) => kind === 'document')
}

function findById(source: DocumentSource, transaction: Transaction, id: BsonValue): BatchResult {
  const found = source.find(transaction, id)
  if (found === undefined) return { documents: [], next: undefined }
  // From the pool: the copy lives until the reply is written.
  const bytes = Buffer.allocUnsafe(found.end - found.start)
  bytes.set(found.bytes.subarray(found.start, found.end))
  return { documents: [new BsonValue(bsonType.object, bytes)], next: undefined }
}

function keptBatch(position: Extract<QueryPosition, { kind: 'kept' }>, wants: BatchWants): BatchResult {
  const { documents, at } = position
  let end = at
  let bytes = 0
  while (end < documents.length && end - at < wants.documents) {
    const document = documents[end]!
    bytes += document.end - document.start
    if (bytes > wants.bytes && end > at) break
    end++
  }
  const next = end < documents.length ? { kind: 'kept' as const, documents, at: end } : undefined
  return { documents: documents.slice(at, end), next }
}

type ScanPosition = Extract<QueryPosition, { kind: 'scan' }>

/** A document that is larger than what is left of a batch still goes into it, so a batch may pass its bytes by one. */
function* scanBatch(
  query: Query,
  source: DocumentSource,
  transaction: Transaction,
  wants: BatchWants,
  position: ScanPosition,
): Generator<Pause, BatchResult, void> {
  const documents: BsonValue[] = []
  if (position.progress.limit === 0) return { documents, next: undefined }
  if (wants.documents === 0) return { documents, next: position }
  let bytes = 0
  const sink = chain(
    query.stages,
    batchEnd(documents, (size) => (bytes += size)),
    {
      transaction,
      memory: new MemoryBudget(),
    },
  )
  const scan = new PlanScan(source, transaction, position.plan, position.progress)
  let { skip, limit } = position.progress
  if (query.filter.isEmpty && position.plan.ranges.length === 1) skip -= yield* scan.skip(skip)
  for (;;) {
    if (transaction.slice.spend(1)) yield undefined
    if (!scan.next()) return { documents, next: undefined }
    const document = scan.document()
    if (!query.filter.matches(document) || scan.isRepeated()) continue
    if (skip > 0) {
      skip--
      continue
    }
    sink.push(document)
    if (limit !== undefined && --limit === 0) return { documents, next: undefined }
    if (documents.length < wants.documents && bytes < wants.bytes) continue
    return { documents, next: { ...position, progress: { ...scan.progress(), skip, limit } } }
  }
}

function batchEnd(documents: BsonValue[], count: (bytes: number) => void): Sink {
  return collectingSink(documents, count)
}

/** Walks a plan's ranges. What it shows holds within the turn: a statement pauses before `next`, never behind it. */
class PlanScan {
  readonly #source: DocumentSource
  readonly #transaction: Transaction
  readonly #plan: Plan
  readonly #value = new BsonValue()
  #range: number
  #after: string | undefined
  #cursor: SourceCursor | undefined
  #seen: Set<string> | undefined

  constructor(source: DocumentSource, transaction: Transaction, plan: Plan, progress?: Progress) {
    this.#source = source
    this.#transaction = transaction
    this.#plan = plan
    this.#range = progress?.range ?? 0
    this.#after = progress?.after
    this.#seen = plan.repeats ? new Set(progress?.seen) : undefined
  }

  next(): boolean {
    const { ranges, reverse, index } = this.#plan
    for (; this.#range < ranges.length; this.#range++) {
      const range = ranges[reverse ? ranges.length - 1 - this.#range : this.#range]!
      this.#cursor ??= this.#source.scan(this.#transaction, index, range, { reverse, after: this.#after })
      if (this.#cursor.next()) return true
      this.#cursor = undefined
      this.#after = undefined
    }
    return false
  }

  /** Passes over documents without looking at them, where none can come twice. How many. */
  *skip(count: number): Generator<Pause, number, void> {
    const { ranges, reverse, index } = this.#plan
    if (this.#seen !== undefined || count === 0) return 0
    this.#cursor ??= this.#source.scan(this.#transaction, index, ranges[0]!, { reverse, after: this.#after })
    let left = count
    while (left > 0) {
      const passed = this.#cursor.skip?.(left) ?? 0
      if (passed === 0) break
      left -= passed
      if (this.#transaction.slice.spend(1)) yield undefined
    }
    return count - left
  }

  /** Reused by the next call. */
  document(): BsonValue {
    const { bytes, start, end } = this.#cursor!.document
    return this.#value.set(bsonType.object, bytes, start, end)
  }

  /** Whether the document came before; remembers it. */
  isRepeated(): boolean {
    if (this.#seen === undefined) return false
    const identity = this.#cursor!.identity()
    if (this.#seen.has(identity)) return true
    this.#seen.add(identity)
    return false
  }

  progress(): Pick<Progress, 'range' | 'after' | 'seen'> {
    return { range: this.#range, after: this.#cursor!.position(), seen: this.#seen }
  }
}

/** Pushes the documents that match, in the plan's order, to a sink, and finishes it. */
function* pushMatching(
  query: Query,
  source: DocumentSource,
  plan: Plan,
  transaction: Transaction,
  sink: Sink,
): Generator<Pause, void, void> {
  // A hint may name a sparse index: what it leaves out is not there for who asks by it.
  const isWhole = query.filter.isEmpty && !plan.index.sparse
  const count = isWhole ? sink.pushMany && source.count?.(transaction) : undefined
  if (count !== undefined) {
    sink.pushMany!(count)
    return yield* sink.finish()
  }
  const scan = new PlanScan(source, transaction, plan)
  for (;;) {
    if (transaction.slice.spend(1)) yield undefined
    if (!scan.next()) break
    const document = scan.document()
    if (!query.filter.matches(document) || scan.isRepeated()) continue
    if (!sink.push(document)) break
  }
  yield* sink.finish()
}

/** The whole result. */
export function* computeAll(
  query: Query,
  source: DocumentSource | undefined,
  transaction: Transaction,
  memory: MemoryBudget = new MemoryBudget(),
): Generator<Pause, BsonValue[], void> {
  const documents: BsonValue[] = []
  const run = { transaction, memory }
  const end = chain(
    query.stages,
    collectingSink(documents, (bytes) => memory.take(bytes)),
    run,
  )
  if (source === undefined) {
    yield* end.finish()
    return documents
  }
  const plan = planOf(query, source)
  const window = windowSink(query.skip, query.limit, end)
  if (query.sort.length === 0 || plan.sorted) {
    yield* pushMatching(query, source, plan, transaction, window)
    return documents
  }
  const most = query.limit === undefined ? undefined : query.skip + query.limit
  yield* pushMatching(query, source, plan, transaction, sortSink(query.sort, most, window, run))
  return documents
}

function windowSink(skip: number, limit: number | undefined, next: Sink): Sink {
  let skipped = 0
  let taken = 0
  return {
    push(document) {
      if (skipped < skip) {
        skipped++
        return true
      }
      if (limit !== undefined && taken === limit) return false
      taken++
      return next.push(document) && taken !== limit
    },
    pushMany: next.pushMany && ((count) => next.pushMany!(Math.min(Math.max(count - skip, 0), limit ?? Infinity))),
    finish: () => next.finish(),
  }
}

/** Counts what matches, without keeping it. */
export function* countMatching(
  query: Query,
  source: DocumentSource,
  transaction: Transaction,
): Generator<Pause, number, void> {
  const counter = new CountingSink()
  yield* pushMatching(query, source, planOf(query, source), transaction, windowSink(query.skip, query.limit, counter))
  return counter.count
}

/** Calls `visit` with each matching document and its cursor's document until it answers false. */
export function* visitMatching(
  query: Query,
  source: DocumentSource,
  transaction: Transaction,
  visit: (document: BsonValue) => boolean,
): Generator<Pause, void, void> {
  const sink: Sink = { push: visit, *finish(): Generator<Pause, void, void> {} }
  yield* pushMatching(query, source, planOf(query, source), transaction, sink)
}
