/** Records on their way to the log: batches in order, the first of which may be in flight, and the one that gathers. */
import { RecordWriter } from '../../log/record-writer.ts'
import type { LargeChange } from '../transaction/conflict-index.ts'
import type { Sequence } from '../contract.ts'
import type { Staging } from './staging.ts'

/** What was committed together and goes to the log in one append. */
export interface Batch {
  readonly writer: RecordWriter
  /** Its last sequence. */
  readonly end: Sequence
  /** Of a large commit, which is a batch by itself: what it has changed. */
  readonly change: LargeChange | undefined
  /** Its record is the last piece of what was staged so. */
  readonly staging?: Staging
}

export class BatchQueue {
  /** Takes the records that are committed now. */
  gathering: RecordWriter = new RecordWriter()
  #spare: RecordWriter | undefined = new RecordWriter()
  #closed: Batch[] = []

  get first(): Batch | undefined {
    return this.#closed[0]
  }

  get isEmpty(): boolean {
    return this.#closed.length === 0 && this.gathering.count === 0
  }

  get bytes(): number {
    return this.#closed.reduce((sum, { writer }) => sum + writer.length, this.gathering.length)
  }

  /** What has gathered becomes a batch; false where that is nothing. */
  close(end: Sequence): boolean {
    if (this.gathering.count === 0) return false
    const writer = this.gathering
    this.gathering = this.#spare ?? new RecordWriter()
    this.#spare = undefined
    this.push({ writer, end, change: undefined })
    return true
  }

  push(batch: Batch): void {
    this.#closed.push(batch)
  }

  /** The batch is in the log. */
  done(batch: Batch): void {
    // Where the state went back meanwhile it is not there any more.
    if (this.first === batch) this.#closed.shift()
    this.recycle(batch)
  }

  takeAll(): Batch[] {
    return this.#closed.splice(0)
  }

  /** Nobody needs its bytes any more. */
  recycle({ writer, change }: Batch): void {
    if (change !== undefined) return
    writer.reset()
    this.#spare = writer
  }
}
