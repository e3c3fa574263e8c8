/**
 * Stages of a pipeline, as sinks: documents are pushed from one to the next, so nothing is kept but by those that must.
 *
 * A pushed document may lie in memory that is reused: a stage that keeps it copies it. `finish` ends a stage; it pauses
 * where it has much to hand on.
 */
import type { Pause, Transaction } from '../../database/contract.ts'
import type { BsonValue } from '../../model/document/bson.ts'
import { mongoError } from '../../model/document/mongo-error.ts'

export interface Sink {
  /** False: no more is wanted. */
  push(document: BsonValue): boolean
  /** So many documents at once: sinks have it that look at none of them. False: no more is wanted. */
  readonly pushMany?: ((count: number) => boolean) | undefined
  finish(): Generator<Pause, void, void>
}

export type Stage = (next: Sink, run: StageRun) => Sink

export interface StageRun {
  readonly transaction: Transaction
  readonly memory: MemoryBudget
}

/** A stage that answers each document by itself: what a cursor may do batch by batch. */
export interface DocumentStage {
  /** None, one or several documents for one. */
  readonly each: (document: BsonValue, push: (document: BsonValue) => boolean) => boolean
}

/** What the blocking stages of one query keep; the server's limit is the same 100 MB. */
export class MemoryBudget {
  #left: number
  readonly #limitBytes: number

  constructor(limitBytes: number = 100 * 1024 * 1024) {
    this.#left = limitBytes
    this.#limitBytes = limitBytes
  }

  take(bytes: number): void {
    this.#left -= bytes
    if (this.#left >= 0) return
    throw mongoError(
      292,
      `Exceeded memory limit of ${this.#limitBytes} bytes, and a stage cannot spill to disk. Use an index or a $match.`,
      'out_of_memory',
    )
  }

  give(bytes: number): void {
    this.#left += bytes
  }
}

export function documentSink(stage: DocumentStage, next: Sink): Sink {
  const push = (document: BsonValue): boolean => next.push(document)
  return { push: (document) => stage.each(document, push), finish: () => next.finish() }
}

/** Counts documents and looks at none. */
export class CountingSink implements Sink {
  count = 0
  readonly #end: ((count: number) => Generator<Pause, void, void>) | undefined

  constructor(end?: (count: number) => Generator<Pause, void, void>) {
    this.#end = end
  }

  push(): boolean {
    return this.pushMany(1)
  }

  pushMany(count: number): boolean {
    this.count += count
    return true
  }

  *finish(): Generator<Pause, void, void> {
    if (this.#end !== undefined) yield* this.#end(this.count)
  }
}

/** Hands a list on, pausing. */
export function* pushAll(documents: Iterable<BsonValue>, next: Sink, run: StageRun): Generator<Pause, void, void> {
  for (const document of documents) {
    if (!next.push(document)) break
    if (run.transaction.slice.spend(1)) yield undefined
  }
  yield* next.finish()
}
