/**
 * Group commit: records gather while the previous batch is on its way to the log, one append in flight at a time.
 *
 * A commit encodes its record into the gathering batch and applies itself to the store at once; its reply waits in
 * `whenDurable`. At the end of the turn, so that every connection that is readable now gets into the batch, the batch
 * goes to the log at the strictest durability that anybody waiting for it asked for.
 *
 * Batches wait in a queue, which mostly holds the one that is in flight: a large commit closes the batch that gathers and
 * is one by itself, of which the log has all but the last piece by then (`large-commits.ts`, `staging.ts`).
 *
 * The store is marked at the end of each batch until a later one is synced: what is not in the log goes back to that.
 *
 *   following ──lead──▶ leading ⇄ full                        full: on a disk without space
 *                        │  ▲ ▲
 *                        │  │ └── waiting                     waiting: the log cannot be reached
 *                        │  └──── resolving                   resolving: nobody knows whether it has the last batch
 *                        ▼
 *                  stepping down ──▶ stepped down             the log says what it has of this leader, if it can
 *                        └─────────▶ failed                   for ever: until the directory is opened again
 *
 * | the log says | it goes on as | the batch | who waits is told |
 * |---|---|---|---|
 * | `no-space` | full, after a second leading | is not in the log: taken back, and all behind it | `disk_full` |
 * | `too-large` | leading | likewise | `too_large`, behind it `serialization_failure` |
 * | `unavailable` | waiting; tried again later and later | is not in the log, stays the first of the queue | nothing yet |
 * | – longer than `patienceMs` | stepped down | taken back | what step down says |
 * | `unknown`, `wrong-end` | resolving: `resolve` is asked | | nothing yet |
 * | – `committed` | leading | is in the log | what the log is durable through |
 * | – `absent` | leading; of `wrong-end`: failed | appended again | nothing yet |
 * | – an error | by this table | | |
 * | `fenced`, `lost`, a lapsed lease | stepping down | the log is read once a later epoch leads | nothing yet |
 * | – it could be read | stepped down | what is there stays, the rest is taken back | durable, else `not_leading` |
 * | – it could not | stepped down | what was tried, and never known to be synced, is taken back | of it `outcome_unknown`, behind it `not_leading` |
 * | `lost` with another reason than a later leader; anything else | failed | likewise | likewise |
 * | (the store could not take a commit whole) | failed | likewise | likewise |
 *
 * Meanwhile: `leading` takes commits. `full` refuses them for a second, then one may try; with it goes the rest. `waiting`
 * and `resolving` take them until `maxWaitingBytes` of records wait. From `stepping down` on none is taken. Reads go on in
 * every state: rule 4 lets those wait that have seen what is not in the log yet; once it has been taken back, reads see
 * the last durable state. Who is waited for too long is let go by the waiter (`Outbox.giveUp`), never by the pipeline.
 *
 * Sequences that a full disk has refused are burned (`burned-sequences.ts`); the state that is left gets a new one, and
 * empty records stand for all of these in the log before the next batch. A pipeline that has stepped down never leads
 * again: whoever goes on with its store begins a new database (`member.ts`), so no sequence is given twice by one.
 *
 * Invariants: a sequence is given once; appendedEnd ≤ triedEnd ≤ lastSequence; batches are appended in order; `marks` are
 * sorted, the first one is at or below the synced sequence, the last one at `appendedEnd` or in flight. After a refusal
 * nobody waits for what was refused; at the end of a term nobody waits at all.
 */
import { assert, InvariantError, PolylogError } from '../../base/errors.ts'
import type { Host } from '../../host/host.ts'
import { type CommitLog, type Durability, type Leader, LogError } from '../../log/commit-log.ts'
import { origins } from '../../log/record.ts'
import { RecordWriter } from '../../log/record-writer.ts'
import { AppendTurns } from './append-turns.ts'
import { BatchQueue, type Batch } from './batch-queue.ts'
import { BurnedSequences } from './burned-sequences.ts'
import type { LargeChange } from '../transaction/conflict-index.ts'
import type { Sequence } from '../contract.ts'
import { DurabilityWaiters } from './durability-waiters.ts'
import { HybridClock } from './hybrid-clock.ts'
import {
  diskFull,
  findEndOfTerm,
  isTermEnd,
  logErrorCode,
  messageOf,
  notDone,
  notLeading,
  seenRefused,
  unknownOutcome,
} from './log-trouble.ts'
import { Outage } from './outage.ts'
import { defaultPatienceMs, type PipelineOwner, type PipelineParts, type PipelineState } from './pipeline-parts.ts'
import { StagingQueue, type Staging } from './staging.ts'
import { StateMarks } from './state-marks.ts'

/** A batch that nobody waits for goes to the log after so long, or when it has become so large. */
const lazyMs = 10
const lazyBytes = 256 * 1024

const retryAfterMs = 1_000
/** Empty records in one append: a few hundred KB. */
const fillersMax = 65_536
const defaultMaxWaitingBytes = 64 * 1024 * 1024

export class CommitPipeline<State> {
  readonly #host: Host
  readonly #log: CommitLog
  readonly #owner: PipelineOwner<State>
  readonly #outage: Outage
  readonly #patienceMs: number
  readonly #maxWaitingBytes: number
  #leader: Leader | undefined
  #phase: 'following' | 'leading' | 'stepping down' | 'ended' = 'following'
  #isResolving = false
  readonly #queue = new BatchQueue()
  readonly #pieces = new StagingQueue(() => this.#turns.schedule())
  readonly #turns: AppendTurns
  /** Ends the wait for an append that a lost leader may never answer. */
  #abandon: ((error: LogError) => void) | undefined
  /** Why it leads no longer, while the append in flight is waited for. */
  #loss: LogError | undefined
  #appendedEnd: Sequence
  /** The log may hold records up to here: the end of the last append, until it is known to be absent. */
  #triedEnd: Sequence
  /** At the end of a term: what is certainly in the log. */
  #keptEnd: Sequence = 0
  readonly #waiters = new DurabilityWaiters()
  readonly #marks = new StateMarks<State>()
  readonly clock: HybridClock
  readonly #burned = new BurnedSequences()
  /** Since the last refusal, until something is appended. */
  #fullSinceUs: number | undefined
  /** Who closes waits for the append in flight to end. */
  #idle: (() => void)[] = []
  /** Others who wait for that. */
  #answered: (() => void)[] = []
  lastSequence: Sequence
  /** Why nothing is written any more. */
  failure: PolylogError | undefined
  batches = 0
  /** Of all records committed since the start. */
  recordBytes = 0

  constructor(parts: PipelineParts<State>) {
    this.#host = parts.host
    this.#log = parts.log
    this.#owner = parts.owner
    this.#patienceMs = parts.patienceMs ?? defaultPatienceMs
    this.#maxWaitingBytes = parts.maxWaitingBytes ?? defaultMaxWaitingBytes
    this.#outage = new Outage(parts.host, this.#patienceMs)
    this.#turns = new AppendTurns(parts.host, () => {
      if (this.#phase === 'leading') void this.#append()
    })
    this.#appendedEnd = this.#triedEnd = this.lastSequence = parts.end
    this.clock = new HybridClock(parts.clock)
    if (parts.leader !== undefined) this.lead(parts.leader)
  }

  // ---- following and leading

  /** A follower's: the log holds this sequence, and the store shows it. */
  followed(sequence: Sequence, clock: bigint, recordBytes: number): void {
    assert(this.#phase === 'following', 'a database that leads follows the log')
    this.#appendedEnd = this.#triedEnd = this.lastSequence = sequence
    this.clock.saw(clock)
    this.recordBytes += recordBytes
  }

  /** The store shows the log's end, and it is this leader that appends to it from now on. */
  lead(leader: Leader): void {
    assert(this.#phase === 'following', 'a database leads twice')
    this.#phase = 'leading'
    this.#leader = leader
    this.#mark()
    leader.onDurable = () => this.#progressed()
    const onLost = (): void => this.#leaderLost(leader.lost.reason as LogError)
    if (leader.lost.aborted) this.#host.turn(onLost)
    else leader.lost.addEventListener('abort', onLost)
  }

  get state(): PipelineState {
    if (this.#phase === 'ended') return this.failure?.code === 'not_leading' ? 'stepped down' : 'failed'
    if (this.#phase === 'following' && this.failure !== undefined) return 'failed'
    if (this.#phase !== 'leading') return this.#phase
    if (this.#isResolving) return 'resolving'
    if (this.#outage.isOn) return 'waiting'
    return this.#fullSinceUs === undefined ? 'leading' : 'full'
  }

  get leads(): boolean {
    return this.#phase === 'leading'
  }

  /** Tries that the log could not be reached by, since the start. */
  get retries(): number {
    return this.#outage.tries
  }

  get epoch(): number | undefined {
    return this.#leader?.epoch
  }

  /** Throws where it does not lead: a number that is given out then, who leads may give out, too. */
  checkLeads(): void {
    if (this.#phase !== 'leading') throw this.#refusal()
  }

  /** Throws where writes are refused. On a full disk one commit tries alone: if it fails too, little is burned. */
  checkWritable(): void {
    this.checkLeads()
    if (this.#outage.isOn && this.#queue.bytes > this.#maxWaitingBytes) {
      throw notLeading('the log cannot be reached, and what waits for it is as much as may wait')
    }
    if (this.#fullSinceUs === undefined) return
    const tries = this.#host.monotonic() - this.#fullSinceUs >= retryAfterMs * 1000 && this.#queue.isEmpty
    if (!tries) throw diskFull()
  }

  /** A follower's whose log can be led no more, until the process starts again. */
  neverLeads(cause: unknown): void {
    this.failure ??= new PolylogError('io_error', `the log cannot be written: ${messageOf(cause)}`, { cause })
  }

  /** It shows one state for good. */
  refuseWrites(reason: PolylogError): void {
    this.failure ??= reason
  }

  #refusal(): PolylogError {
    if (this.#phase === 'following' && this.failure === undefined) return notLeading('another process leads its log')
    if (this.failure === undefined) return notLeading('it steps down')
    if (this.failure.code === 'not_leading') return notLeading(messageOf(this.failure.cause))
    return new PolylogError('read_only', `the database is read-only: ${this.failure.message}`)
  }

  // ---- committing

  /** Records and batches are no larger than this. */
  get maxBatchBytes(): number {
    return this.#log.limits.maxBatchBytes
  }

  /** The writer of the record that is being committed; `begin` and `end` are the caller's, followed by `committed`. */
  get writer(): RecordWriter {
    return this.#queue.gathering
  }

  /** The record was ended: it is the next sequence. */
  committed(recordBytes: number): Sequence {
    this.lastSequence++
    this.recordBytes += recordBytes
    if (this.#queue.gathering.length >= lazyBytes) this.#turns.schedule()
    else this.#turns.scheduleLazily(lazyMs)
    return this.lastSequence
  }

  /**
   * Before the only record of `writer` is made a state: what was committed so far becomes a batch. Followed, in the same
   * turn, by `committedAlone`.
   */
  closeBatch(): void {
    if (this.#queue.close(this.lastSequence)) this.#mark()
  }

  /** For a transaction whose record goes to the log in pieces. Throws where writes are refused. */
  beginStaging(): Staging {
    this.checkWritable()
    return this.#pieces.begin(this.#leader!, () => this.#nextClock())
  }

  /** The next sequence, of the only record of a writer that goes to the log by itself. */
  nextAlone(recordBytes: number): Sequence {
    this.recordBytes += recordBytes
    return ++this.lastSequence
  }

  /** That sequence is published. */
  committedAlone(writer: RecordWriter, change: LargeChange, staging: Staging | undefined): void {
    this.#mark()
    this.#queue.push({ writer, end: this.lastSequence, change, ...(staging && { staging }) })
    this.#turns.schedule()
  }

  #mark(): void {
    this.#marks.add({ sequence: this.lastSequence, mark: this.#owner.mark(), state: this.#owner.state })
  }

  // ---- waiting

  durableThrough(level: Durability): Sequence {
    const leader = this.#leader
    if (level === 'memory' || leader === undefined) return this.lastSequence
    return Math.max(this.#keptEnd, level === 'written' ? leader.writtenThrough : leader.syncedThrough)
  }

  /**
   * What the log must hold for this sequence's state to be there after a crash: mostly the sequence itself. Undefined
   * where its record was refused, for ever.
   */
  stateOf(sequence: Sequence): Sequence | undefined {
    return this.#burned.stateOf(sequence)
  }

  whenDurable(sequence: Sequence, level: Durability, run: (error?: PolylogError) => void): void {
    if (sequence > this.lastSequence) throw new InvariantError(`somebody waits for ${sequence}, which nobody was given`)
    const state = this.#burned.stateOf(sequence)
    if (state === undefined) run(diskFull())
    else if (this.durableThrough(level) >= state) run()
    else if (this.failure !== undefined) run(this.#lossOf(state))
    else {
      this.#waiters.add({ sequence: state, level, run })
      this.#turns.schedule()
    }
  }

  /** Milliseconds that never go back, as the hybrid logical clock of the log has them. */
  timeMs(): number {
    return this.clock.timeMs(this.#host.now())
  }

  /**
   * Resolves when everything committed so far is synced, or has failed: after a refusal, when what is left is synced. A log
   * may say so before it answers the append: then after that answer, with which the states before it are let go of.
   */
  async settled(): Promise<void> {
    const synced = (): Promise<boolean> =>
      new Promise((resolve) => this.whenDurable(this.lastSequence, 'synced', (error) => resolve(error === undefined)))
    while (!(await synced()) && this.failure === undefined);
    if (this.#turns.isHeld) await new Promise<void>((resolve) => this.#answered.push(resolve))
  }

  /** Ends appends. Call after `settled`, or after giving up on it: who still waits then is told that nobody knows. */
  async close(): Promise<void> {
    this.#outage.stop()
    if (this.#turns.isHeld) await new Promise<void>((resolve) => this.#idle.push(resolve))
    const leader = this.#leader
    if (leader !== undefined) leader.onDurable = undefined
    this.#turns.stopLazy()
    this.failure ??= new PolylogError('outcome_unknown', 'the database was closed before the commit was in the log')
    this.#phase = 'ended'
    this.#triedEnd = this.lastSequence
    this.#waiters.tellLost((sequence) => this.#lossOf(sequence))
    this.#pieces.failAll(this.#lossOf(Infinity))
    this.#marks.releaseAll()
    await leader?.release()
  }

  // ---- appending

  async #append(): Promise<void> {
    const level = this.#waiters.level
    const isPiece = this.#pieces.takesTurn(!this.#queue.isEmpty || !this.#waiters.isEmpty)
    if (!isPiece && this.#queue.first === undefined) this.closeBatch()
    const batch = this.#queue.first
    let isFull = false
    this.#turns.isHeld = true
    try {
      const work = isPiece
        ? this.#pieces.stageFirst(this.#leader!, this.#nextClock())
        : batch === undefined
          ? this.#flush(level)
          : this.#appendBatch(batch, level)
      await this.#orAbandoned(work)
      this.#outage.over()
    } catch (error) {
      isFull = logErrorCode(error) === 'no-space'
      await this.#trouble(error)
    }
    if (this.#loss !== undefined && this.#phase === 'leading') await this.#stepDown(this.#loss)
    this.#turns.isHeld = false
    for (const run of [...this.#idle.splice(0), ...this.#answered.splice(0)]) run()
    if (this.#phase !== 'leading') return
    const isAwaited = !this.#waiters.isEmpty
    if (this.#queue.first !== undefined || !this.#pieces.isEmpty) this.#turns.schedule()
    else if (!this.#queue.isEmpty && !isAwaited) this.#turns.scheduleLazily(lazyMs)
    else if (!this.#queue.isEmpty) this.#turns.schedule()
    else if (isAwaited && isFull) this.#turns.retry(retryAfterMs, () => !this.#waiters.isEmpty)
    else if (isAwaited) this.#turns.schedule()
  }

  #orAbandoned(work: Promise<void>): Promise<void> {
    const abandoned = new Promise<never>((_, reject) => (this.#abandon = reject))
    return Promise.race([work, abandoned])
  }

  async #flush(level: Durability): Promise<void> {
    if (level === 'memory') return
    await this.#leader!.flush(level)
    this.#progressed()
  }

  /** Where it is tried again, what is in the log already is not appended twice. */
  async #appendBatch(batch: Batch, level: Durability): Promise<void> {
    const { writer, end, staging } = batch
    this.batches++
    await this.#fillThrough(end - writer.count, level)
    if (this.#appendedEnd < end) await this.#appendRecords(writer, level, staging?.number)
    if (this.#phase === 'ended') return
    this.#fullSinceUs = undefined
    this.#queue.done(batch)
    this.#progressed()
  }

  /** The log is dense: empty records stand for the sequences that were burned, and for the states of the ways back. */
  async #fillThrough(sequence: Sequence, level: Durability): Promise<void> {
    if (this.#appendedEnd >= sequence) return
    const fillers = new RecordWriter()
    while (this.#appendedEnd < sequence && this.#phase === 'leading') {
      while (fillers.count < Math.min(fillersMax, sequence - this.#appendedEnd)) {
        fillers.begin(origins.system, 0)
        fillers.end()
      }
      await this.#appendRecords(fillers, level)
      fillers.reset()
    }
  }

  async #appendRecords(writer: RecordWriter, level: Durability, stagedAs?: bigint): Promise<void> {
    const { bytes, offsets, count, length } = writer
    const expectedEnd = this.#appendedEnd
    const clock = this.#nextClock()
    this.#owner.appends(expectedEnd + 1, clock)
    this.#triedEnd = expectedEnd + count
    const staged = stagedAs !== undefined && { stagedAs }
    await this.#leader!.append(expectedEnd, { bytes, offsets, count, length, clock, ...staged }, level)
    this.#appendedEnd = expectedEnd + count
  }

  #nextClock(): bigint {
    return this.clock.next(this.#host.now())
  }

  #progressed(): void {
    this.#marks.release(this.#leader!.syncedThrough, this.#appendedEnd)
    this.#waiters.tellReached((level) => this.durableThrough(level))
  }

  // ---- trouble: the table above

  async #trouble(cause: unknown): Promise<void> {
    let error: unknown = cause
    // Where the state went back meanwhile, the marks behind it are gone, and nothing more is asked of the log.
    while (error !== undefined && this.#phase === 'leading') error = await this.#meet(error)
  }

  /** Does what the error means; another one where that meets trouble again. */
  async #meet(error: unknown): Promise<unknown> {
    const { lost } = this.#leader!
    const code = logErrorCode(error)
    // An append that could not be made has left nothing.
    if (code === 'unavailable') this.#triedEnd = this.#appendedEnd
    if (code === 'no-space') this.#refuse(diskFull(error))
    else if (lost.aborted) await this.#stepDown(lost.reason)
    else if (code === 'fenced' || this.#loss !== undefined) await this.#stepDown(error)
    else if (code === 'too-large') this.#refuse(new PolylogError('too_large', messageOf(error), { cause: error }))
    else if (code === 'unavailable') return this.#tryAgain(error, undefined)
    else if (code === 'unknown' || code === 'wrong-end') return this.#resolve(error)
    else this.#fail(error, 'the log failed')
    return undefined
  }

  /** After a pause; where nobody waits any more, nobody has taken the log away, but what waits must be told. */
  async #tryAgain(error: unknown, next: unknown): Promise<unknown> {
    if (await this.#outage.next()) return next
    if (!this.#isClosing) await this.#stepDown(error)
    return undefined
  }

  get #isClosing(): boolean {
    return this.#idle.length > 0
  }

  async #resolve(error: unknown): Promise<unknown> {
    const expectedEnd = this.#appendedEnd
    // Of a flush: it may be asked for again.
    if (this.#triedEnd === expectedEnd) return this.#tryAgain(error, undefined)
    this.#isResolving = true
    try {
      const outcome = await this.#leader!.resolve(expectedEnd)
      if (this.#phase !== 'leading') return undefined
      if (outcome === 'committed') this.#appendedEnd = this.#triedEnd
      else if (logErrorCode(error) === 'wrong-end') this.#fail(error, 'the log has lost its end')
      else {
        this.#triedEnd = expectedEnd
        return await this.#tryAgain(error, undefined)
      }
      return undefined
    } catch (again) {
      // Whether it is in the log is still to be found out.
      if (logErrorCode(again) !== 'unavailable' || this.#leader!.lost.aborted) return again
      return await this.#tryAgain(again, error)
    } finally {
      this.#isResolving = false
    }
  }

  /** The first batch is not in the log, so neither it nor what has seen it may stay. */
  #refuse(error: PolylogError): void {
    this.#triedEnd = this.#appendedEnd
    if (error.code === 'disk_full') this.#fullSinceUs = this.#host.monotonic()
    this.closeBatch()
    const refused = this.#queue.takeAll()
    if (refused.length === 0) return
    const count = refused.reduce((sum, { writer }) => sum + writer.count, 0)
    const first = this.lastSequence - count + 1
    const firstEnd = refused[0]!.end
    this.lastSequence = this.#burned.burn(first, this.lastSequence)
    this.#owner.revert(this.#marks.goBackBefore(first), refused, this.lastSequence, error)
    for (const batch of refused) {
      batch.staging?.abandon()
      this.#queue.recycle(batch)
    }
    const behind = error.code === 'disk_full' ? error : seenRefused(error)
    this.#waiters.tellLost((sequence) => (sequence < first ? undefined : sequence <= firstEnd ? error : behind))
  }

  // ---- the end of a term

  /** Told by the log, by the lease, or by whoever runs this process. */
  stepDown(reason: LogError): void {
    if (this.#phase === 'leading') this.#leaderLost(reason)
  }

  #leaderLost(reason: LogError): void {
    if (this.#phase !== 'leading') return
    this.#loss ??= reason
    if (!this.#turns.isHeld) {
      this.#stepDown(reason).catch((error: unknown) => this.#host.fatal(error as Error))
      return
    }
    // The append is answered first, if ever: what it says is better than what can be found out. A pause ends now.
    this.#outage.stop()
    this.#host.at(this.#patienceMs, () => this.#abandon?.(new LogError('unknown', 'the log has not answered')))
  }

  async #stepDown(reason: unknown): Promise<void> {
    const leader = this.#leader!
    const why = this.#loss ?? reason
    if (!isTermEnd(why)) {
      this.#fail(why, 'the log failed')
      return
    }
    this.#phase = 'stepping down'
    const synced = leader.syncedThrough
    const kept = synced >= this.#triedEnd ? synced : await this.#endOfTerm(leader, synced)
    if (this.#phase !== 'stepping down') return
    if (kept !== undefined) this.#triedEnd = kept
    this.#end(kept ?? leader.syncedThrough, notDone(why, 'the database leads its log no longer'))
    this.#owner.steppedDown(this.failure!)
  }

  #endOfTerm({ epoch }: Leader, synced: Sequence): Promise<Sequence | undefined> {
    const givesUp = (): boolean => this.#isClosing
    return findEndOfTerm({ host: this.#host, log: this.#log, patienceMs: this.#patienceMs, givesUp }, epoch, synced)
  }

  /**
   * The store could not take all of a commit whose record is written already, mostly for lack of memory. What it holds now
   * is no state that there ever was: reads go back to what is synced, and no record follows.
   */
  notApplied(cause: unknown): void {
    try {
      if (this.failure === undefined) this.#fail(cause, 'a commit could not be applied')
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
    if (this.failure === undefined) this.#fail(cause, what)
    else this.failure = unknownOutcome(cause, what)
  }

  /** What was committed cannot be brought to where it stays: the log has it, and nothing may be added to it. */
  engineFailed(cause: Error): void {
    if (this.failure === undefined) this.#fail(cause, 'the base store of an engine failed')
  }

  #fail(cause: unknown, what: string): void {
    this.#end(this.#leader?.syncedThrough ?? this.lastSequence, unknownOutcome(cause, what))
  }

  #end(kept: Sequence, failure: PolylogError): void {
    this.failure = failure
    this.#phase = 'ended'
    this.#keptEnd = kept
    const marked = this.#marks.find(kept)
    if (marked !== undefined) this.#owner.freeze(marked, failure)
    this.#queue.takeAll()
    this.#marks.releaseAll()
    this.#waiters.tellReached((level) => this.durableThrough(level))
    this.#waiters.tellLost((sequence) => this.#lossOf(sequence))
    this.#pieces.failAll(this.#lossOf(Infinity))
  }

  /** What is not in the log after the end of a term: nobody knows of what was tried, the rest was certainly not done. */
  #lossOf(sequence: Sequence): PolylogError {
    const failure = this.failure!
    const isDoubtful = sequence <= this.#triedEnd
    if (isDoubtful === (failure.code === 'outcome_unknown')) return failure
    const { cause } = failure
    if (isDoubtful) return unknownOutcome(cause, 'the database leads its log no longer')
    return notDone(cause ?? failure, 'the log failed before')
  }
}
