/**
 * Who else needs the log of a database, and how far it may be trimmed: consumers, which are registered (`consumers.ts`), and
 * followers of its directory, which leave notes there (`noted-followers.ts`).
 */
import { PolylogError } from '../../base/errors.ts'
import type { Cancel, Host } from '../../host/host.ts'
import type { CommitLog } from '../../log/commit-log.ts'
import {
  type Consumer,
  type ConsumerKind,
  type Consumers,
  defaultMaxLagBytes,
  heldBytes,
  lostError,
} from './consumers.ts'
import type { Sequence } from '../contract.ts'
import type { OpenTransactions } from '../transaction/open-transactions.ts'
import { type NotedFollower, NotedFollowers } from './noted-followers.ts'
import { Slots } from './slots.ts'
import { notLeading } from '../commit/log-trouble.ts'

export interface ConsumerOptions {
  /** Default: `feed`. */
  readonly kind?: ConsumerKind
  /** The first sequence that it needs. Default: the next one. */
  readonly from?: Sequence
  /** The log keeps so much for it, at most. Default: 1 GiB. */
  readonly maxLagBytes?: number
}

export type ConsumerStatus = (Consumer | NotedFollower) & {
  /** Of the log, from its position on. */
  readonly heldBytes: number
}

/** What it needs to know of its database. */
export interface LogUser {
  readonly host: Host
  readonly log: CommitLog
  readonly leads: boolean
  readonly open: OpenTransactions
  /** Of what is in the log. */
  readonly logPosition: Sequence
}

/** Keeps the log for change streams. */
export const changesConsumer = 'polylog change streams'
/** For so long an interrupted stream can go on, where the log holds no more than a consumer's limit. */
const changesKeptMs = 60 * 60_000

/** How often notes of followers are looked at. */
const lookEveryMs = 2_000

export class LogUse {
  readonly #user: LogUser
  readonly #consumers: Consumers
  readonly slots: Slots
  readonly #followers: NotedFollowers | undefined
  /** Up to there nobody but consumers needs the log. */
  #trimmable: Sequence = 0
  #trimming: Promise<void> = Promise.resolve()
  /** Less was trimmed than could be, for a follower. */
  #isHeldByFollower = false
  #timer: Cancel | undefined
  readonly #marks: { readonly atMs: number; readonly position: Sequence }[] = []

  /** `folder`: where followers leave notes; left out of a database that has no directory. */
  constructor(user: LogUser, consumers: Consumers, folder?: string) {
    this.#user = user
    this.#consumers = consumers
    this.slots = new Slots(this, user)
    this.#followers = folder === undefined ? undefined : new NotedFollowers(user.host, folder)
    if (this.#followers !== undefined) this.#lookLater(this.#followers)
  }

  /** Records before `before` are needed by nobody but consumers and followers. */
  async trim(before: Sequence): Promise<void> {
    this.#trimmable = before
    const { log } = this.#user
    const byConsumers = await this.#consumers.trimLimit(before, log.describe())
    const limit = (await this.#followers?.trimLimit(byConsumers, log.describe())) ?? byConsumers
    this.#isHeldByFollower = limit < byConsumers
    await log.trim(limit)
  }

  /** A follower cannot say that it has gone on: it is looked for. */
  #lookLater(followers: NotedFollowers): void {
    this.#timer = this.#user.host.at(lookEveryMs, () => {
      if (this.#isHeldByFollower && this.#user.leads) this.#trimSoon()
      const looked = this.#user.leads ? followers.look() : Promise.resolve()
      void looked.then(() => this.#timer && this.#lookLater(followers))
    })
  }

  /** Writes leave notes for change streams; for as long as there is the consumer that keeps them. */
  get areChangesNoted(): boolean {
    return this.#consumers.has(changesConsumer)
  }

  /** Rows that are published leave notes; for as long as there is a slot. */
  get areRowsNoted(): boolean {
    return this.#consumers.slots > 0
  }

  /** From when this resolves on; what is being written then may be noted or not. */
  async noteChanges(): Promise<void> {
    if (this.areChangesNoted) return
    await this.register(changesConsumer).catch((error: unknown) => {
      // Two at once.
      if (!this.areChangesNoted) throw error
    })
  }

  /** How far it was once goes when that is long ago: streams that were interrupted go on from there. */
  keepChanges(nowMs: number): void {
    if (!this.#user.leads || !this.areChangesNoted) return
    this.#marks.push({ atMs: nowMs, position: this.#user.logPosition + 1 })
    while (this.#marks.length > 1 && this.#marks[1]!.atMs <= nowMs - changesKeptMs) this.#marks.shift()
    const [first] = this.#marks
    if (first!.atMs > nowMs - changesKeptMs || this.consumer(changesConsumer).state === 'lost') return
    this.advance(changesConsumer, first!.position)
  }

  get consumers(): ConsumerStatus[] {
    const segments = this.#user.log.describe()
    return [...this.#consumers.all, ...(this.#followers?.all ?? [])].map((consumer) => {
      const held = consumer.state === 'active' ? heldBytes(consumer.position, segments) : 0
      return { ...consumer, heldBytes: held }
    })
  }

  /** Errors: `undefined_object`. */
  consumer(name: string): Consumer {
    return this.#consumers.get(name)
  }

  /** Durable when this resolves. Errors: `duplicate_object`, `trimmed` where the log does not have `from` any more. */
  async register(name: string, options: ConsumerOptions = {}): Promise<void> {
    this.#checkLeads()
    const { kind = 'feed', from = this.#user.logPosition + 1, maxLagBytes = defaultMaxLagBytes } = options
    await this.#consumers.register({ name, kind, position: from, maxLagBytes })
    const { oldest } = await this.#user.log.end()
    // Looked at now that nothing of it can go any more.
    if (from >= oldest) return
    await this.#consumers.drop(name)
    throw new PolylogError('trimmed', `the log begins at ${oldest}, and ${from} was asked for`, { detail: { oldest } })
  }

  /** The first sequence that it needs, all of which the log has. Errors: `trimmed`, with `oldest` in its detail. */
  async positionOf(name: string): Promise<Sequence> {
    const consumer = this.#consumers.get(name)
    const { oldest } = await this.#user.log.end()
    if (consumer.state === 'lost' || consumer.position < oldest) throw lostError(consumer, oldest)
    return consumer.position
  }

  /** It needs nothing before `position` any more. */
  advance(name: string, position: Sequence): void {
    this.#checkLeads()
    const before = this.#consumers.get(name).position
    this.#consumers.advance(name, position)
    // A trim that it has held back is made up for, one at a time.
    if (before < this.#trimmable) this.#trimSoon()
  }

  #trimSoon(): void {
    this.#trimming = this.#trimming.then(() => this.trim(this.#trimmable)).catch(() => undefined)
  }

  /** A lost one goes on at the oldest sequence that there is, which is answered. */
  async goOn(name: string): Promise<Sequence> {
    this.#checkLeads()
    const { oldest } = await this.#user.log.end()
    await this.#consumers.goOn(name, oldest)
    return this.#consumers.get(name).position
  }

  async drop(name: string): Promise<void> {
    this.#checkLeads()
    await this.#consumers.drop(name)
    if (this.#trimmable > 0) this.#trimSoon()
  }

  /** As another process has left them. */
  takeOver(): Promise<void> {
    return this.#consumers.read()
  }

  async close(): Promise<void> {
    this.#timer?.()
    this.#timer = undefined
    await this.#trimming
    if (this.#user.leads) await this.#consumers.save()
  }

  #checkLeads(): void {
    if (!this.#user.leads) throw notLeading('only who leads a log keeps its consumers')
  }
}
