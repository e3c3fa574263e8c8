/**
 * What a database held before: its state at any sequence since the oldest checkpoint that is kept, as a database that takes
 * no writes.
 *
 *   checkpoint ──open──▶ line ──fork, and the log up to 40──▶ state 40 ──fork, and the log up to 55──▶ state 55
 *
 * A state is a fork of the nearest one before it that is there, with the log's records up to its sequence applied as a
 * follower applies them: so it takes as long as what was committed between the two, and what they share is there once. The
 * first one of a line is opened from a checkpoint, or is empty where the log begins with the first record, or is the
 * newest state itself. Nothing is kept for the past while nobody asks for it, but checkpoints and log (`retention.ts`).
 *
 * A state that nobody reads any more stays for a while, for the next who asks for it or for a later one.
 *
 * Invariants: a state is shown once all of it is durable and applied; it never changes; its wall clock stands at the time of
 * its newest transaction, so that what expires was not yet gone.
 */
import { PolylogError } from '../../base/errors.ts'
import { formatTime, type Moment } from '../../base/moment.ts'
import type { Cancel, Host } from '../../host/host.ts'
import { hostWith } from '../../host/host-with.ts'
import { type CommitLog, LogError } from '../../log/commit-log.ts'
import { openMemoryStore } from '../../storage/memory/memory.ts'
import type { OrderedStore } from '../../storage/store.ts'
import type { CatalogState } from '../catalog/catalog-state.ts'
import type { CommitPipeline } from '../commit/commit-pipeline.ts'
import type { Sequence } from '../contract.ts'
import type { Database } from '../database.ts'
import type { DatabaseParts } from '../database-parts.ts'
import { checkpointPath, listCheckpoints } from '../directory/checkpoints.ts'
import type { FollowVisitor } from '../following/follow-loop.ts'
import type { CatalogOfStore } from '../directory/recovery.ts'
import { clockMs, CommitTimes } from './commit-times.ts'
import { readOnlyLog } from './read-only-log.ts'
import { keptCheckpoints, noRetention, type RetentionOptions } from './retention.ts'

/** What it needs of the database whose past it is. */
export interface HistoryOwner extends CatalogOfStore {
  readonly host: Host
  readonly log: CommitLog
  readonly store: OrderedStore
  readonly pipeline: CommitPipeline<CatalogState>
  readonly newestSequence: Sequence
  synced(sequence: Sequence): Promise<void>
}

export interface HistoryParts {
  readonly owner: HistoryOwner
  /** Those of the owner, for the databases of its past. */
  readonly parts: DatabaseParts
  /** Of a store that holds an earlier state: the database through `to`, which stays as it is. */
  readonly open: (parts: DatabaseParts, to: Sequence, before?: CatalogOfStore) => Promise<Database>
}

/** A state that somebody reads; it stays until it is let go of. */
export interface PastState {
  readonly database: Database
  release(): void
}

interface Walk {
  readonly from: Sequence
  readonly to: Sequence
  readonly signal: AbortSignal
  readonly begin: (database: Database) => FollowVisitor
}

interface Made {
  readonly database: Database
  /** Of its line, which has the memory of all of them; undefined of the first one itself, and where that is the newest state. */
  readonly first: Made | undefined
}

interface State {
  readonly sequence: Sequence
  readonly atMs: number
  readonly opening: Promise<Database>
  made: Made | undefined
  readers: number
  /** When the last reader has let go of it. */
  idleSinceUs: number
}

/** So many states that nobody reads stay, and for so long. */
const mostIdle = 4
const idleUs = 60_000_000
const lookEveryMs = 10_000
/** A checkpoint may be gone before it is read, as the log behind it. */
const attempts = 3

export class History {
  readonly #retention: RetentionOptions
  readonly #owner: HistoryOwner
  readonly #parts: DatabaseParts
  readonly #open: HistoryParts['open']
  readonly #times: CommitTimes
  #states: State[] = []
  readonly #closing = new Set<Promise<void>>()
  /** Of walks: their database ends. */
  readonly #stop = new AbortController()
  /** When the states of checkpoints were the newest, as far as it is known. */
  readonly #checkpointTimes = new Map<Sequence, number>()
  #timer: Cancel | undefined
  #isClosed = false

  constructor({ owner, parts, open }: HistoryParts) {
    this.#owner = owner
    this.#parts = parts
    this.#open = open
    this.#retention = parts.retention ?? noRetention
    this.#times = new CommitTimes(owner.log)
  }

  /** When the log gets this sequence. */
  noteTime(sequence: Sequence, timeMs: number): void {
    this.#times.note(sequence, timeMs)
  }

  /** By the clock of the log, of one of the last group commits; undefined of others. */
  recentTimeOf(sequence: Sequence): number | undefined {
    return this.#times.recentTimeOf(sequence)
  }

  /**
   * A time of which the state is for good what it is now: whatever is committed afterwards is later. It is `timeMs`, or, where that
   * is left out, one of which the state holds all that is committed now. Errors: `invalid_argument` where it lies ahead,
   * `unsupported` where another process commits.
   */
  async settledTime(timeMs?: number): Promise<number> {
    const { host, newestSequence, pipeline } = this.#owner
    if (!pipeline.leads)
      throw new PolylogError('unsupported', 'only who leads a log knows that a time has passed in it')
    if (timeMs === undefined) await this.#owner.synced(newestSequence)
    const wantedMs = timeMs ?? Math.floor(pipeline.timeMs())
    if (wantedMs > pipeline.timeMs()) throw inTheFuture(wantedMs)
    // The clock of the log does not run ahead; but it may be ahead of a wall clock that was set back, and is then not waited for.
    while (Math.floor(host.now()) === wantedMs) await new Promise<void>((resolve) => void host.at(1, resolve))
    pipeline.clock.pass(wantedMs)
    return wantedMs
  }

  /** The first state that there is: 0 is the empty database. */
  async oldest(): Promise<Sequence> {
    const bases = await this.#bases()
    return bases[0] ?? this.#owner.newestSequence
  }

  /** The newest sequence at that time. Errors: `trimmed` where it is too long ago, `invalid_argument` where it lies ahead. */
  async sequenceAt(timeMs: number): Promise<Sequence> {
    if (timeMs > this.#owner.pipeline.timeMs()) throw inTheFuture(timeMs)
    await this.#owner.synced(this.#owner.newestSequence)
    const sequence = await this.#times.sequenceAt(timeMs)
    const oldest = await this.oldest()
    if (sequence < oldest) throw tooOld(formatTime(timeMs), oldest)
    return sequence
  }

  /** The sequence at that moment, and the time that is meant. Errors: as `sequenceAt`, and `out_of_range`. */
  async find(moment: Moment): Promise<{ readonly sequence: Sequence; readonly timeMs?: number }> {
    if (moment.kind === 'sequence') {
      if (moment.sequence > this.#owner.newestSequence) throw neverCommitted(moment.sequence)
      return { sequence: moment.sequence }
    }
    const timeMs = moment.kind === 'time' ? moment.timeMs : Math.floor(this.#owner.pipeline.timeMs() - moment.ms)
    if (!Number.isSafeInteger(Math.floor(timeMs))) throw new PolylogError('invalid_argument', 'there is no such time')
    return { sequence: await this.sequenceAt(timeMs), timeMs }
  }

  /**
   * The state at that sequence, and at a time at which it was the newest; left out, that of its commit. Errors: `trimmed`
   * where it is not kept any more, `out_of_range` where it is not there yet, `unsupported` where a collection lies in
   * another engine than memory.
   */
  async at(sequence: Sequence, timeMs?: number): Promise<PastState> {
    if (sequence > this.#owner.newestSequence || sequence < 0) throw neverCommitted(sequence)
    await this.#owner.synced(sequence)
    const atMs = timeMs ?? (await this.#times.timeOf(sequence)) ?? this.#owner.host.now()
    const taken = this.#find(sequence, atMs) ?? this.#newState(sequence, atMs)
    taken.readers++
    try {
      const database = await taken.opening
      if (this.#isClosed) throw closed()
      return { database, release: once(() => this.#released(taken)) }
    } catch (error) {
      taken.readers--
      throw error
    }
  }

  /**
   * What was committed from `from` to `to`, one transaction after another: `begin` is given a database that holds the state
   * before `from`, and answers who looks on while it goes on from there to the state at `to`. It takes no writes, and nobody
   * else reads it. `signal`: goes no further. Errors: as `at`.
   */
  async walk(
    from: Sequence,
    to: Sequence,
    signal: AbortSignal,
    begin: (database: Database) => FollowVisitor,
  ): Promise<void> {
    if (to > this.#owner.newestSequence) throw neverCommitted(to)
    await this.#owner.synced(to)
    const before = await this.at(from - 1)
    const stop = AbortSignal.any([signal, this.#stop.signal])
    const walk = this.#walk(before.database, { from, to, signal: stop, begin }).finally(() => before.release())
    const ended = walk.then(
      () => undefined,
      () => undefined,
    )
    this.#closing.add(ended)
    await walk.finally(() => this.#closing.delete(ended))
    if (this.#isClosed) throw closed()
  }

  async #walk(before: Database, { from, to, signal, begin }: Walk): Promise<void> {
    let atMs = before.host.now()
    const walker = await this.#openOn(
      this.#fork(before.store, () => atMs),
      from - 1,
      before,
    )
    const visitor = begin(walker)
    const after: FollowVisitor['after'] = (sequence, batch) => {
      atMs = clockMs(batch.clock)
      return visitor.after(sequence, batch)
    }
    try {
      await walker.role.catchUp(to, signal, { before: (record) => visitor.before(record), after })
    } catch (error) {
      throw isGone(error) ? tooOld(`sequence ${from}`, await this.oldest()) : error
    } finally {
      await walker.close()
    }
  }

  #find(sequence: Sequence, atMs: number): State | undefined {
    return this.#states.find((one) => one.sequence === sequence && one.atMs === atMs)
  }

  #newState(sequence: Sequence, atMs: number): State {
    this.#parts.memory?.holders.add(this.#giveUp)
    const opening = this.#make(sequence, atMs)
    const state: State = {
      sequence,
      atMs,
      opening: opening.then(({ database }) => database),
      made: undefined,
      readers: 0,
      idleSinceUs: 0,
    }
    this.#states.push(state)
    opening.then(
      (made) => {
        state.made = made
        // What was applied on top lies beside what the first of the line has.
        made.first?.database.noteStored()
      },
      () => this.#remove(state),
    )
    return state
  }

  #remove(state: State): void {
    this.#states = this.#states.filter((one) => one !== state)
  }

  async #make(sequence: Sequence, atMs: number): Promise<Made> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#begin(sequence, atMs)
      } catch (error) {
        if (!isGone(error) || this.#isClosed) throw error
        if (attempt === attempts) throw tooOld(`sequence ${sequence}`, await this.oldest())
      }
    }
  }

  async #begin(sequence: Sequence, atMs: number): Promise<Made> {
    const bases = await this.#bases()
    const base = bases.findLast((one) => one <= sequence) ?? -1
    if (this.#isClosed) throw closed()
    const { host, store } = this.#owner
    const now = (): number => atMs
    if (store.current.sequence === sequence) {
      return { database: await this.#openOn(this.#fork(store, now), sequence, this.#owner), first: undefined }
    }
    const before = this.#newestThrough(sequence)
    if (before !== undefined && before.database.store.current.sequence >= base) {
      const fork = this.#fork(before.database.store, now)
      return { database: await this.#openOn(fork, sequence, before.database), first: before.first ?? before }
    }
    if (base < 0) throw tooOld(`sequence ${sequence}`, bases[0] ?? store.current.sequence)
    const path = base === 0 ? undefined : checkpointPath(this.#parts.checkpointFolder!, base)
    const opened = await openMemoryStore(host, path).catch(async (error: unknown) => {
      throw (await this.#bases()).includes(base) ? error : new LogError('trimmed', 'the checkpoint is gone')
    })
    return { database: await this.#openOn(this.#partsOn(opened, now), sequence), first: undefined }
  }

  #fork(store: OrderedStore, now: () => number): DatabaseParts {
    return { ...this.#partsOn(store.fork(), now), sharesStore: true }
  }

  #partsOn(store: OrderedStore, now: () => number): DatabaseParts {
    const { limits, memory, name } = this.#parts
    const { host, log } = this.#owner
    return {
      host: hostWith(host, { now }),
      name,
      log: readOnlyLog(log),
      store,
      isPast: true,
      ...(limits && { limits }),
      ...(memory && { memory }),
    }
  }

  #newestThrough(sequence: Sequence): Made | undefined {
    let newest: State | undefined
    for (const one of this.#states) {
      const isBefore = one.made !== undefined && one.sequence <= sequence
      if (isBefore && one.sequence > (newest?.sequence ?? -1)) newest = one
    }
    return newest?.made
  }

  async #openOn(parts: DatabaseParts, sequence: Sequence, before?: CatalogOfStore): Promise<Database> {
    try {
      return await this.#open(parts, sequence, before)
    } catch (error) {
      parts.store.close()
      throw error
    }
  }

  /** Of what states can be made that are not there: checkpoints, in order, and the empty database. */
  async #bases(): Promise<Sequence[]> {
    const { host, checkpointFolder } = this.#parts
    const { oldest } = await this.#owner.log.end()
    const found = checkpointFolder === undefined ? [] : await listCheckpoints(host.disk, checkpointFolder)
    return [...(oldest === 1 ? [0] : []), ...found].filter((one) => one >= oldest - 1)
  }

  /** A checkpoint was written: those that stay, in order, all of which the log must reach. */
  async kept(written: Sequence): Promise<readonly Sequence[]> {
    if (this.#retention.keptMs === 0) return [written]
    const nowMs = this.#owner.pipeline.timeMs()
    this.#checkpointTimes.set(written, nowMs)
    const all = []
    for (const sequence of await this.#bases()) all.push({ sequence, atMs: await this.#timeOfState(sequence) })
    return keptCheckpoints(all, this.#retention, nowMs, this.#owner.log.describe()).map(({ sequence }) => sequence)
  }

  /** Until when it was the newest. */
  async #timeOfState(sequence: Sequence): Promise<number> {
    if (sequence === 0) return -Infinity
    const known = this.#checkpointTimes.get(sequence) ?? (await this.#times.timeOf(sequence + 1))
    const timeMs = known ?? this.#owner.pipeline.timeMs()
    this.#checkpointTimes.set(sequence, timeMs)
    return timeMs
  }

  #released(state: State): void {
    state.readers--
    state.idleSinceUs = this.#owner.host.monotonic()
    this.#closeIdle()
  }

  #closeIdle(): void {
    const nowUs = this.#owner.host.monotonic()
    this.#idle.forEach((state, i) => {
      if (i >= mostIdle || nowUs - state.idleSinceUs >= idleUs) this.#close(state)
    })
    this.#timer ??= this.#owner.host.at(lookEveryMs, () => {
      this.#timer = undefined
      if (!this.#isClosed && this.#states.length > 0) this.#closeIdle()
    })
  }

  /** Those that nobody reads and nothing stands on, the last one first. */
  get #idle(): State[] {
    const needed = new Set(this.#states.map(({ made }) => made?.first))
    const idle = this.#states.filter(({ readers, made }) => readers === 0 && made !== undefined && !needed.has(made))
    return idle.sort((a, b) => b.idleSinceUs - a.idleSinceUs)
  }

  #close(state: State): void {
    this.#remove(state)
    const closing: Promise<void> = state.opening
      .then((database) => database.close())
      .catch(() => undefined)
      .finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }

  /** Those that nobody reads, at once, where memory is short. It is that of stored data, and of what asks for it none. */
  readonly #giveUp = (): number => {
    for (const state of this.#idle) this.#close(state)
    return 0
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#stop.abort()
    this.#timer?.()
    this.#parts.memory?.holders.delete(this.#giveUp)
    while (this.#states.length > 0) this.#close(this.#states[0]!)
    await Promise.all(this.#closing)
  }
}

function isGone(error: unknown): boolean {
  return error instanceof LogError && error.code === 'trimmed'
}

function once(run: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) run()
    isDone = true
  }
}

function inTheFuture(timeMs: number): PolylogError {
  return new PolylogError('invalid_argument', `${formatTime(timeMs)} lies in the future`)
}

function neverCommitted(sequence: Sequence): PolylogError {
  return new PolylogError('out_of_range', `sequence ${sequence} was never committed`)
}

function closed(): PolylogError {
  return new PolylogError('shutting_down', 'the database is closed')
}

function tooOld(what: string, oldest: Sequence): PolylogError {
  return new PolylogError(
    'trimmed',
    `the state at ${what} is not kept any more: the oldest one is that of sequence ${oldest}`,
    {
      detail: { oldest, sqlState: '72000' },
    },
  )
}
