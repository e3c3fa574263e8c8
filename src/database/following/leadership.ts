/**
 * Whether a database leads its log or follows it: at most one of both at a time, and leading ends for good.
 *
 *   follow ──▶ following ──lead──▶ leading ──▶ the pipeline steps down: over
 *   lead (of one that was opened so) ─────┘
 */
import { PolylogError } from '../../base/errors.ts'
import type { Leader, LogBatch } from '../../log/commit-log.ts'
import { Followers } from '../../log/followers.ts'
import { FollowLoop, type FollowTarget, type FollowVisitor } from './follow-loop.ts'
import type { Sequence } from '../contract.ts'
import { Lease } from './lease.ts'
import type { CommitPipeline } from '../commit/commit-pipeline.ts'

/** As one of several processes that may lead a log. */
export interface LeadershipOptions {
  /** By this name the log knows it. */
  readonly owner: string
  /** The log must hear of a leader within this time; 0: never. */
  readonly ttlMs: number
  /** How long a log that cannot be reached is waited for, before the database steps down. */
  readonly patienceMs?: number
}

/** Of a log that nobody else can write to. */
export const soleLeadership: LeadershipOptions = { owner: 'kernel', ttlMs: 0 }

/** The database whose role it is. */
export interface RoleTarget extends Omit<FollowTarget, 'followed'> {
  readonly pipeline: CommitPipeline<unknown>
  readonly newestSequence: Sequence
  noteCommit(): void
  /** What the log holds cannot be had any more, or is no log. */
  followFailed(error: unknown): void
  /** What others have committed is in the store: it is known as if it had been committed here. */
  takeOver(): Promise<void>
}

export class Role {
  readonly #target: RoleTarget
  readonly #options: LeadershipOptions
  #following: FollowLoop | undefined
  #lease: Lease | undefined
  /** Those who wait for a sequence. */
  readonly #reached = new Followers()
  #isOver = false

  constructor(target: RoleTarget, options: LeadershipOptions) {
    this.#target = target
    this.#options = options
  }

  /** Why it follows no longer, although it does not lead. */
  get failure(): unknown {
    return this.#following?.failure
  }

  /** Records that it has applied since it follows. */
  get followed(): number {
    return this.#following?.records ?? 0
  }

  /** Of them, those that were applied in slices. */
  get sliced(): number {
    return this.#following?.sliced ?? 0
  }

  follow(): void {
    this.#following = this.#newLoop()
    this.#following.start((error) => {
      this.#target.followFailed(error)
      this.#reached.wake()
    })
  }

  /** Applies what the log holds through `to`, and no more. Errors: those of the log. */
  async catchUp(
    to: Sequence,
    signal: AbortSignal = new AbortController().signal,
    visitor?: FollowVisitor,
  ): Promise<void> {
    await this.#newLoop().catchUp(to, signal, visitor)
  }

  #newLoop(): FollowLoop {
    const target = this.#target
    const followed = (sequence: Sequence, { clock, bytes, offsets }: LogBatch): void => {
      target.pipeline.followed(sequence, clock, bytes.length / offsets.length)
      target.noteCommit()
      this.#reached.wake()
    }
    return new FollowLoop({
      host: target.host,
      log: target.log,
      store: target.store,
      engines: target.engines,
      conflicts: target.conflicts,
      keyWaits: target.keyWaits,
      followed,
      get catalog() {
        return target.catalog
      },
      set catalog(catalog) {
        target.catalog = catalog
      },
    })
  }

  /**
   * A follower takes over: from `acquire` on no append of an earlier leader becomes visible, so that the end of the log is
   * the end. What it holds is applied, then writes are taken. Errors: those of the log; then it follows as before.
   */
  async lead(): Promise<void> {
    const following = this.#following
    if (following === undefined)
      throw new PolylogError('invalid_argument', 'only a database that follows can take over')
    const { log } = this.#target
    const leader = await log.acquire(this.#options.owner, this.#options.ttlMs)
    await following.stop()
    this.#following = undefined
    try {
      const { end } = await log.end()
      await this.#newLoop().catchUp(end, leader.lost)
      if (leader.lost.aborted) throw leader.lost.reason
      await this.#target.takeOver()
    } catch (error) {
      this.follow()
      await leader.release().catch(() => undefined)
      throw error
    }
    this.#target.pipeline.lead(leader)
    this.keepLease(leader)
  }

  keepLease(leader: Leader): void {
    const { pipeline, host } = this.#target
    this.#lease = new Lease(host, leader, this.#options.ttlMs, (reason) => pipeline.stepDown(reason))
  }

  /** The lease is of no use any more. */
  ended(): void {
    this.#lease?.end()
  }

  /** Resolves when the newest state is that of `sequence`, or a later one. */
  async waitFor(sequence: Sequence, signal?: AbortSignal): Promise<void> {
    while (this.#target.newestSequence < sequence) {
      const seen = this.#reached.version
      if (signal?.aborted === true)
        throw new PolylogError('canceled', `sequence ${sequence} was not waited for any longer`)
      if (this.#isOver) throw new PolylogError('shutting_down', 'the database is closed')
      if (this.failure !== undefined) throw this.failure
      if (this.#target.pipeline.leads) {
        throw new PolylogError('out_of_range', `sequence ${sequence} was never committed`)
      }
      await this.#reached.next(seen, signal)
    }
  }

  async close(): Promise<void> {
    this.#isOver = true
    this.#lease?.end()
    await this.#following?.stop()
    this.#reached.wake()
  }
}
