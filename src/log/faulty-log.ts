/**
 * For tests: any log, with the trouble of one that lies on other machines. What befalls a call is said by `next`: a test's
 * list, or a seed.
 *
 *   unknown      the append is made, or is not, and the answer is lost; then nothing may get through for a while
 *   unavailable  neither this nor any other call gets through for so long; none of them has done anything
 *   fenced       another leader has taken over before the append, and may have appended `records` empty records
 *   slow         the answer comes so much later
 *
 * Reads that wait at the end of the log go on through an outage, as those of a follower that was connected before.
 */
import type { Host } from '../host/host.ts'
import {
  type AppendBatch,
  type CommitLog,
  type Durability,
  type Leader,
  type LogBatch,
  LogError,
  type ReadOptions,
  type Sequence,
  type StagedGroup,
  type StagedPiece,
} from './commit-log.ts'
import { origins } from './record.ts'
import { RecordWriter } from './record-writer.ts'

export type LogFault =
  | { readonly kind: 'unknown'; readonly isDone: boolean; readonly thenDownMs?: number }
  | { readonly kind: 'unavailable'; readonly forMs: number }
  | { readonly kind: 'fenced'; readonly records: number }
  | { readonly kind: 'slow'; readonly byMs: number }

export interface FaultSource {
  readonly host: Pick<Host, 'monotonic' | 'at'>
  /** What befalls this append. */
  next(): LogFault | undefined
}

export class FaultyLog implements CommitLog {
  readonly limits: CommitLog['limits']
  readonly #inner: CommitLog
  readonly #source: FaultSource
  #downUntilUs = 0
  /** By kind, how often they struck. */
  readonly struck: Record<LogFault['kind'], number> = { unknown: 0, unavailable: 0, fenced: 0, slow: 0 }

  constructor(inner: CommitLog, source: FaultSource) {
    this.#inner = inner
    this.#source = source
    this.limits = inner.limits
  }

  async acquire(owner: string, ttlMs: number): Promise<Leader> {
    this.checkReached()
    return new FaultyLeader(this, this.#source, await this.#inner.acquire(owner, ttlMs))
  }

  async end(): ReturnType<CommitLog['end']> {
    this.checkReached()
    return this.#inner.end()
  }

  async *read(from: Sequence, options?: ReadOptions): AsyncGenerator<LogBatch, void, undefined> {
    this.checkReached()
    yield* this.#inner.read(from, options)
  }

  async trim(before: Sequence): Promise<void> {
    this.checkReached()
    return this.#inner.trim(before)
  }

  describe(): ReturnType<CommitLog['describe']> {
    return this.#inner.describe()
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  goDown(forMs: number): void {
    this.#downUntilUs = this.#source.host.monotonic() + forMs * 1000
  }

  checkReached(): void {
    if (this.#source.host.monotonic() < this.#downUntilUs)
      throw new LogError('unavailable', 'the log cannot be reached')
  }

  /** Another process has taken over, and is gone again. */
  async fence(records: number): Promise<void> {
    const other = await this.#inner.acquire('another', 0)
    const { end } = await this.#inner.end()
    if (records > 0) await other.append(end, { ...emptyRecords(records), clock: 1n }, 'synced')
  }
}

function emptyRecords(count: number): Pick<AppendBatch, 'bytes' | 'offsets' | 'count' | 'length'> {
  const writer = new RecordWriter(64)
  for (let i = 0; i < count; i++) {
    writer.begin(origins.system, 0)
    writer.end()
  }
  const { bytes, offsets, length } = writer
  return { bytes, offsets, count, length }
}

class FaultyLeader implements Leader {
  readonly epoch: number
  readonly lost: AbortSignal
  readonly #log: FaultyLog
  readonly #source: FaultSource
  readonly #inner: Leader
  /** Nobody has heard of anything behind it. */
  #heardEnd: Sequence = Infinity

  constructor(log: FaultyLog, source: FaultSource, inner: Leader) {
    this.#log = log
    this.#source = source
    this.#inner = inner
    this.epoch = inner.epoch
    this.lost = inner.lost
  }

  get writtenThrough(): Sequence {
    return Math.min(this.#inner.writtenThrough, this.#heardEnd)
  }

  get syncedThrough(): Sequence {
    return Math.min(this.#inner.syncedThrough, this.#heardEnd)
  }

  get onDurable(): (() => void) | undefined {
    return this.#inner.onDurable
  }

  set onDurable(run: (() => void) | undefined) {
    this.#inner.onDurable = run
  }

  async append(
    expectedEnd: Sequence,
    batch: AppendBatch,
    durability: Durability,
  ): Promise<{ first: Sequence; last: Sequence }> {
    this.#log.checkReached()
    const fault = this.#source.next()
    this.#heardEnd = Infinity
    if (fault !== undefined) {
      this.#log.struck[fault.kind]++
      if (fault.kind === 'fenced') await this.#log.fence(fault.records)
      else if (fault.kind === 'slow') await this.#pause(fault.byMs)
      else if (fault.kind === 'unavailable') {
        this.#log.goDown(fault.forMs)
        this.#log.checkReached()
      } else {
        this.#heardEnd = expectedEnd
        // What fails must fail as it is; only an answer can be lost.
        if (fault.isDone) await this.#inner.append(expectedEnd, batch, durability)
        if (fault.thenDownMs !== undefined) this.#log.goDown(fault.thenDownMs)
        throw new LogError('unknown', 'the answer of the log was lost')
      }
    }
    return this.#inner.append(expectedEnd, batch, durability)
  }

  beginStaging(): StagedGroup {
    return this.#inner.beginStaging()
  }

  async stage(group: StagedGroup, piece: StagedPiece): Promise<void> {
    this.#log.checkReached()
    return this.#inner.stage(group, piece)
  }

  abandon(group: StagedGroup, clock: bigint): void {
    this.#inner.abandon(group, clock)
  }

  async flush(durability: Durability): Promise<void> {
    this.#log.checkReached()
    return this.#inner.flush(durability)
  }

  async resolve(expectedEnd: Sequence): Promise<'committed' | 'absent'> {
    this.#log.checkReached()
    await this.#inner.renew()
    const outcome = await this.#inner.resolve(expectedEnd)
    this.#heardEnd = Infinity
    return outcome
  }

  async renew(): Promise<void> {
    this.#log.checkReached()
    return this.#inner.renew()
  }

  release(): Promise<void> {
    return this.#inner.release()
  }

  #pause(byMs: number): Promise<void> {
    return new Promise((resolve) => void this.#source.host.at(byMs, resolve))
  }
}
