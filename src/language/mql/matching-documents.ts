/**
 * The documents of a plan that match a filter, as the source of a query's operators.
 *
 * They are copied into one buffer, which the next batch uses again: where they lie in the store they would hold for less
 * long than a batch does.
 */
import { BsonValue } from '../../model/document/bson.ts'
import type { DocumentSource } from '../../query/document-source.ts'
import { type Batch, batchBytes, batchRows, paused, type Run } from '../../query/operator.ts'
import { documentBytes, type Documents } from './documents.ts'
import type { Filter } from './filter.ts'
import { PlanScan } from './plan-scan.ts'
import type { Plan } from './planner.ts'

const firstBufferBytes = 4 * 1024

export class MatchingDocuments implements Documents {
  readonly #source: DocumentSource
  readonly #plan: Plan
  readonly #filter: Filter
  /** Nobody asks for more. */
  readonly #most: number
  #scan: PlanScan | undefined
  #out: BsonValue[] = []
  #buffer = new Uint8Array(firstBufferBytes)
  #bufferEnd = 0
  #outBytes = 0
  #taken = 0
  #pauseNext = false
  #ended = false
  #showsNothing = false

  constructor(source: DocumentSource, plan: Plan, filter: Filter, most: number = Infinity) {
    this.#source = source
    this.#plan = plan
    this.#filter = filter
    this.#most = most
  }

  showNothing(): void {
    this.#showsNothing = true
  }

  /** A hint may name a sparse index: what it leaves out is not there for who asks by it. */
  count(run: Run): number | undefined {
    const { sparse, partial } = this.#plan.index
    const isWhole = this.#filter.isEmpty && !sparse && partial === undefined
    return isWhole ? this.#source.count?.(run.transaction) : undefined
  }

  /** Entries of its index that it has been at. */
  get examined(): number {
    return this.#scan?.examined ?? 0
  }

  next(run: Run): Batch<BsonValue> {
    if (this.#pauseNext) {
      this.#pauseNext = false
      return paused
    }
    const scan = (this.#scan ??= new PlanScan(this.#source, run.transaction, this.#plan))
    if (this.#out.length === 0) this.#bufferEnd = this.#outBytes = 0
    while (!this.#ended && this.#out.length < batchRows && this.#outBytes < batchBytes) {
      if (run.transaction.slice.spend(1)) {
        if (this.#out.length === 0) return paused
        this.#pauseNext = true
        break
      }
      this.#take(scan)
    }
    const out = this.#out
    this.#out = []
    return out.length > 0 ? out : undefined
  }

  #take(scan: PlanScan): void {
    const found = scan.step(this.#filter)
    if (found === undefined) this.#ended = true
    else if (found) {
      this.#out.push(this.#showsNothing ? nothing : this.#copied(scan.document))
      if (++this.#taken === this.#most) this.#ended = true
    }
  }

  #copied(document: BsonValue): BsonValue {
    const { bytes, start, end } = document
    const size = documentBytes(document)
    this.#outBytes += size
    if (this.#bufferEnd + size > this.#buffer.length) {
      this.#buffer = new Uint8Array(Math.max(Math.min(this.#buffer.length * 4, batchBytes), size))
      this.#bufferEnd = 0
    }
    const at = this.#bufferEnd
    this.#buffer.set(bytes.subarray(start, end), at)
    this.#bufferEnd += size
    return new BsonValue(document.type, this.#buffer, at, this.#bufferEnd)
  }

  reset(): void {
    this.#scan = undefined
    this.#out = []
    this.#taken = 0
    this.#pauseNext = false
    this.#ended = false
  }
}

const nothing = new BsonValue()
