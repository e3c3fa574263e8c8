/**
 * Group commit: records gather while the previous batch is on its way to the log, one append in flight at a time.
 *
 * A commit encodes its record into the gathering batch and applies itself to the store at once; its reply waits in
 * `whenDurable`. At the end of the turn, so that every connection that is readable now gets into the batch, the batch
 * goes to the log at the strictest durability that anybody waiting for it asked for.
 *
 * Batches wait in a queue, which mostly holds the one that is in flight: a large commit closes the batch that gathers and
 * is one by itself, with a writer that it has filled beforehand (`large-commits.ts`).
 *
 * The store is marked at the end of each batch until a later one is synced: what a failed append falls back to.
 *   - `no-space`: nothing of the batch is in the log. The store goes back to the last appended state, the batch's and
 *     all later commits fail with `disk_full`, transactions that saw them are doomed. Their sequences are burned
 *     (`burned-sequences.ts`); the state that is left gets a new one, and empty records stand for all of these in the
 *     log before the next batch. Writes are refused for a second, then one may try; with it goes the rest.
 *   - anything else: the outcome is unknown (rule: a failed sync is never retried). Reads go back to the last synced
 *     sequence, waiters get `outcome_unknown`, writes are refused from now on. So it is where the store cannot take a
 *     commit whole.
 *
 * Invariants: a sequence is given once; appendedEnd ≤ lastSequence; batches are appended in order; `marks` are sorted, the
 * first one is at or below the synced sequence, the last one at `appendedEnd` or in flight.
 */
import { assert, PolylogError } from '../base/errors.ts'
import type { Cancel, Host } from '../host/host.ts'
import { LogError, type Durability, type Leader } from '../log/commit-log.ts'
import { origins } from '../log/record.ts'
import { RecordWriter } from '../log/record-writer.ts'
import type { Mark } from '../storage/store.ts'
import { BurnedSequences } from './burned-sequences.ts'
import type { LargeChange } from './conflict-index.ts'
import type { Sequence } from './contract.ts'

interface Waiter {
  /** In the log: see `stateOf`. */
  readonly sequence: Sequence
  readonly level: Durability
  readonly run: (error?: PolylogError) => void
}

export interface Marked<State> {
  readonly sequence: Sequence
  readonly mark: Mark
  readonly state: State
}

/** What was committed together and goes to the log in one append. */
export interface Batch {
  readonly writer: RecordWriter
  /** Its last sequence. */
  readonly end: Sequence
  /** Of a large commit, which is a batch by itself: what it has changed. */
  readonly change: LargeChange | undefined
}

/** What the pipeline asks of the database. `State` is what must go back with the store: the catalog. */
export interface PipelineOwner<State> {
  mark(): Mark
  readonly state: State
  /** Makes the marked state the newest again, as `sequence`, without what the refused records did. */
  revert(marked: Marked<State>, refused: readonly Batch[], sequence: Sequence, error: PolylogError): void
  /** From now on reads are served from this state and nothing is written. */
  freeze(marked: Marked<State>, error: PolylogError): void
}

/** A batch that nobody waits for goes to the log after so long, or when it has become so large. */
const lazyMs = 10
const lazyBytes = 256 * 1024

const strictness: Record<Durability, number> = { memory: 0, written: 1, synced: 2 }
const retryAfterMs = 1_000
/** Empty records in one append: a few hundred KB. */
const fillersMax = 65_536

export class CommitPipeline<State> {
  readonly #host: Host
  readonly #leader: Leader
  readonly #owner: PipelineOwner<State>
  #gathering = new RecordWriter()
  #spare: RecordWriter | undefined = new RecordWriter()
  /** The first one may be in flight. */
  #queue: Batch[] = []
  #inFlight = false
  #scheduled = false
  #lazy: Cancel | undefined
  #appendedEnd: Sequence
  #waiters: Waiter[] = []
  #marks: Marked<State>[] = []
  #clock: bigint
  #clockMs: number
  readonly #burned = new BurnedSequences()
  /** Since the last refusal, until something is appended. */
  #fullSinceUs: number | undefined
  #retrying = false
  #idle: (() => void)[] = []
  lastSequence: Sequence
  failure: PolylogError | undefined
  batches = 0
  /** Of all records committed since the start. */
  recordBytes = 0

  constructor(host: Host, leader: Leader, end: Sequence, clock: bigint, owner: PipelineOwner<State>) {
    this.#host = host
    this.#leader = leader
    this.#owner = owner
    this.#appendedEnd = end
    this.lastSequence = end
    this.#clock = clock
    this.#clockMs = Number(clock >> 16n)
    this.#marks.push({ sequence: end, mark: owner.mark(), state: owner.state })
    leader.onDurable = () => this.#progressed()
  }

  /** Throws where writes are refused. On a full disk one commit tries alone: if it fails too, little is burned. */
  checkWritable(): void {
    if (this.failure !== undefined)
      throw new PolylogError('read_only', `the database is read-only: ${this.failure.message}`)
    if (this.#fullSinceUs === undefined) return
    const tries = this.#host.monotonic() - this.#fullSinceUs >= retryAfterMs * 1000 && !this.#isTrying
    if (!tries) throw diskFull()
  }

  get #isTrying(): boolean {
    return this.#isWaiting
  }

  get #isWaiting(): boolean {
    return this.#gathering.count > 0 || this.#queue.length > 0
  }

  /** The writer of the record that is being committed; `begin` and `end` are the caller's, followed by `committed`. */
  get writer(): RecordWriter {
    return this.#gathering
  }

  /** The record was ended: it is the next sequence. */
  committed(recordBytes: number): Sequence {
    this.lastSequence++
    this.recordBytes += recordBytes
    if (this.#gathering.length >= lazyBytes) this.#schedule()
    else this.#scheduleLazily()
    return this.lastSequence
  }

  /**
   * Before the only record of `writer` is made a state: what was committed so far becomes a batch. Followed, in the same
   * turn, by `committedAlone`.
   */
  closeBatch(): void {
    if (this.#gathering.count === 0) return
    const writer = this.#gathering
    this.#gathering = this.#spare ?? new RecordWriter()
    this.#spare = undefined
    this.#enqueue(writer, undefined)
  }

  /** The next sequence, of the only record of a writer that goes to the log by itself. */
  nextAlone(recordBytes: number): Sequence {
    this.recordBytes += recordBytes
    return ++this.lastSequence
  }

  /** That sequence is published. */
  committedAlone(writer: RecordWriter, change: LargeChange): void {
    this.#enqueue(writer, change)
    this.#schedule()
  }

  #enqueue(writer: RecordWriter, change: LargeChange | undefined): void {
    const end = this.lastSequence
    this.#marks.push({ sequence: end, mark: this.#owner.mark(), state: this.#owner.state })
    this.#queue.push({ writer, end, change })
  }

  durableThrough(level: Durability): Sequence {
    if (level === 'memory') return this.lastSequence
    return level === 'written' ? this.#leader.writtenThrough : this.#leader.syncedThrough
  }

  /**
   * What the log must hold for this sequence's state to be there after a crash: mostly the sequence itself. Undefined
   * where its record was refused, for ever.
   */
  stateOf(sequence: Sequence): Sequence | undefined {
    return this.#burned.stateOf(sequence)
  }

  whenDurable(sequence: Sequence, level: Durability, run: (error?: PolylogError) => void): void {
    assert(sequence <= this.lastSequence, `somebody waits for sequence ${sequence}, which nobody was given`)
    const state = this.#burned.stateOf(sequence)
    if (state === undefined) run(diskFull())
    else if (this.durableThrough(level) >= state) run()
    else if (this.failure !== undefined) run(this.failure)
    else {
      this.#waiters.push({ sequence: state, level, run })
      this.#schedule()
    }
  }

  /** Milliseconds that never go back, as the hybrid logical clock of the log has them. */
  timeMs(): number {
    return Math.max(this.#host.now(), this.#clockMs)
  }

  /** Resolves when everything committed so far is synced, or has failed. */
  settled(): Promise<void> {
    return new Promise((resolve) => this.whenDurable(this.lastSequence, 'synced', () => resolve()))
  }

  /** Ends appends. Call after `settled`, or after giving up on it: who still waits then is told that nobody knows. */
  async close(): Promise<void> {
    if (this.#inFlight) await new Promise<void>((resolve) => this.#idle.push(resolve))
    this.#leader.onDurable = undefined
    this.#lazy?.()
    this.failure ??= new PolylogError('outcome_unknown', 'the database was closed before the commit was in the log')
    this.#rejectWaiters(this.failure, () => true)
    for (const { mark } of this.#marks) mark.release()
    this.#marks = []
    await this.#leader.release()
  }

  /** For records that nobody waits for: an append costs the same for one as for many. */
  #scheduleLazily(): void {
    if (this.#lazy !== undefined || this.#scheduled || this.#inFlight) return
    this.#lazy = this.#host.at(lazyMs, () => {
      this.#lazy = undefined
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled || this.#inFlight) return
    this.#lazy?.()
    this.#lazy = undefined
    this.#scheduled = true
    this.#host.turn(() => {
      this.#scheduled = false
      if (!this.#inFlight && this.failure === undefined) void this.#append()
    })
  }

  async #append(): Promise<void> {
    const level = this.#wantedLevel()
    if (this.#queue.length === 0) this.closeBatch()
    const batch = this.#queue[0]
    let isFull = false
    this.#inFlight = true
    try {
      if (batch === undefined) await this.#flush(level)
      else await this.#appendBatch(batch, level)
    } catch (error) {
      isFull = isNoSpace(error)
      // Where the state went back meanwhile, the marks behind it are gone, and nothing more is asked of the log.
      if (this.failure === undefined && isFull) this.#revert(error)
      else if (this.failure === undefined) this.#freeze(error, 'the log failed')
    }
    this.#inFlight = false
    for (const run of this.#idle.splice(0)) run()
    if (this.#queue.length > 0) this.#schedule()
    else if (this.#gathering.count > 0 && !this.#unmet()) this.#scheduleLazily()
    else if (this.#gathering.count > 0) this.#schedule()
    else if (this.#unmet() && isFull) this.#retryLater()
    else if (this.#unmet()) this.#schedule()
  }

  /** What the log has accepted but found no space for waits until there is some. */
  #retryLater(): void {
    if (this.#retrying) return
    this.#retrying = true
    this.#host.at(retryAfterMs, () => {
      this.#retrying = false
      if (this.#unmet()) this.#schedule()
    })
  }

  async #flush(level: Durability): Promise<void> {
    if (level === 'memory') return
    await this.#leader.flush(level)
    this.#progressed()
  }

  async #appendBatch(batch: Batch, level: Durability): Promise<void> {
    const { writer, end, change } = batch
    this.batches++
    await this.#fillThrough(end - writer.count, level)
    await this.#appendRecords(writer, level, change !== undefined)
    this.#fullSinceUs = undefined
    // Where the state went back meanwhile it is not there any more.
    if (this.#queue[0] === batch) this.#queue.shift()
    this.#recycle(batch)
    this.#progressed()
  }

  #recycle({ writer, change }: Batch): void {
    if (change !== undefined) return
    writer.reset()
    this.#spare = writer
  }

  /** The log is dense: empty records stand for the sequences that were burned, and for the states of the ways back. */
  async #fillThrough(sequence: Sequence, level: Durability): Promise<void> {
    if (this.#appendedEnd === sequence) return
    const fillers = new RecordWriter()
    while (this.#appendedEnd < sequence) {
      while (fillers.count < Math.min(fillersMax, sequence - this.#appendedEnd)) {
        fillers.begin(origins.system, 0)
        fillers.end()
      }
      await this.#appendRecords(fillers, level)
      fillers.reset()
    }
  }

  async #appendRecords(writer: RecordWriter, level: Durability, isGiven = false): Promise<void> {
    const { bytes, offsets, count, length } = writer
    const expectedEnd = this.#appendedEnd
    this.#clock = nextClock(this.#clock, this.#host.now())
    this.#clockMs = Number(this.#clock >> 16n)
    await this.#leader.append(expectedEnd, { bytes, offsets, count, length, clock: this.#clock, isGiven }, level)
    this.#appendedEnd = expectedEnd + count
  }

  /** The strictest level that anybody waits for; a batch that nobody waits for is only handed over. */
  #wantedLevel(): Durability {
    let level: Durability = 'memory'
    for (const waiter of this.#waiters) if (strictness[waiter.level] > strictness[level]) level = waiter.level
    return level
  }

  #unmet(): boolean {
    return this.#waiters.length > 0
  }

  #progressed(): void {
    this.#releaseMarks()
    if (this.#waiters.length === 0) return
    const ready: Waiter[] = []
    const rest: Waiter[] = []
    for (const waiter of this.#waiters)
      (this.durableThrough(waiter.level) >= waiter.sequence ? ready : rest).push(waiter)
    if (ready.length === 0) return
    this.#waiters = rest
    for (const waiter of ready) waiter.run()
  }

  /** Keeps the newest synced mark, the newest appended one and those in flight. */
  #releaseMarks(): void {
    const synced = this.#leader.syncedThrough
    const marks = this.#marks
    let durable = 0
    while (durable + 1 < marks.length && marks[durable + 1]!.sequence <= synced) durable++
    const keepFrom = marks.findLastIndex(({ sequence }) => sequence <= this.#appendedEnd)
    this.#marks = marks.filter(({ mark }, i) => {
      const kept = i === durable || i >= keepFrom
      if (!kept) mark.release()
      return kept
    })
  }

  #revert(cause: unknown): void {
    const error = diskFull(cause)
    this.#fullSinceUs = this.#host.monotonic()
    this.closeBatch()
    const refused = this.#queue.splice(0)
    if (refused.length === 0) return
    const count = refused.reduce((sum, { writer }) => sum + writer.count, 0)
    const first = this.lastSequence - count + 1
    this.lastSequence = this.#burned.burn(first, this.lastSequence)
    this.#marks = this.#marks.filter(({ sequence }) => sequence < first)
    this.#owner.revert(this.#marks.at(-1)!, refused, this.lastSequence, error)
    for (const batch of refused) this.#recycle(batch)
    this.#rejectWaiters(error, (waiter) => waiter.sequence >= first)
  }

  /**
   * The store could not take all of a commit whose record is written already, mostly for lack of memory. What it holds now
   * is no state that there ever was: reads go back to what is synced, and no record follows.
   */
  notApplied(cause: unknown): void {
    try {
      if (this.failure === undefined) this.#freeze(cause, 'a commit could not be applied')
    } catch (error) {
      this.#host.fatal(error as Error)
    }
  }

  /**
   * What is written goes nowhere that a later start would find. A log that has failed by then, for its next segment had no
   * folder to be made in, has failed of this.
   */
  directoryLost(cause: Error): void {
    const what = 'the data directory is lost'
    if (this.failure === undefined) this.#freeze(cause, what)
    else this.failure = unknownOutcome(cause, what)
  }

  #freeze(cause: unknown, what: string): void {
    const error = unknownOutcome(cause, what)
    this.failure = error
    const synced = this.#leader.syncedThrough
    const marked = this.#marks.findLast(({ sequence }) => sequence <= synced) ?? this.#marks[0]!
    this.#owner.freeze(marked, error)
    this.#rejectWaiters(error, () => true)
  }

  #rejectWaiters(error: PolylogError, concerned: (waiter: Waiter) => boolean): void {
    const rejected = this.#waiters.filter(concerned)
    this.#waiters = this.#waiters.filter((waiter) => !concerned(waiter))
    for (const waiter of rejected) waiter.run(error)
  }
}

function unknownOutcome(cause: unknown, what: string): PolylogError {
  const message = cause instanceof Error ? cause.message : String(cause)
  return new PolylogError('outcome_unknown', `${what}, whether the commit survives is unknown: ${message}`, { cause })
}

function isNoSpace(error: unknown): boolean {
  return error instanceof LogError && error.code === 'no-space'
}

function diskFull(cause?: unknown): PolylogError {
  return new PolylogError('disk_full', 'no space left on the disk of the log: the write was not done', { cause })
}

/** 48 bits of milliseconds, 16 logical; later than `last`, not before the wall clock. */
function nextClock(last: bigint, nowMs: number): bigint {
  const now = BigInt(Math.floor(nowMs)) << 16n
  return now > last ? now : last + 1n
}
