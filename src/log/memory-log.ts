/**
 * The commit log without a disk, for databases in memory: the same interface and the same record bytes, so that feeds
 * and everything else above the log run as they do on a file. What is appended is `synced` at once, as far as memory is.
 *
 * Batches are kept until they are trimmed, and at most `keptBytes` of them: beyond that the oldest go by themselves. They
 * lie in segments that are used again: buffers that come and go by the megabyte would make the collector mark the whole
 * heap time and again, for nothing that it finds.
 *
 * Invariant: what a reader is given is a copy; a segment is used again once none of its batches is kept.
 */
import { checkBatch, maxBatchBytes, notStaged } from './batch-limits.ts'
import {
  type AppendBatch,
  type CommitLog,
  type Durability,
  type Leader,
  type LogBatch,
  type LogEnd,
  LogError,
  type LogSegment,
  type ReadOptions,
  type Sequence,
  type StagedGroup,
  type StagedPiece,
} from './commit-log.ts'
import { Followers } from './followers.ts'

export interface MemoryLogOptions {
  /** Default: no bound. */
  readonly keptBytes?: number
  /** The sequence after which the log begins; default 0. */
  readonly startAfter?: Sequence
}

export function openMemoryLog(options: MemoryLogOptions = {}): CommitLog {
  return new MemoryLog(options)
}

const segmentBytes = 1024 * 1024

/** Takes copies one behind the other. */
class Segment {
  readonly #buffer: ArrayBuffer
  #usedBytes = 0
  /** That are kept. */
  #batches = 0

  constructor(sizeBytes: number) {
    this.#buffer = new ArrayBuffer(sizeBytes)
  }

  static sizeOf(batch: AppendBatch): number {
    return 4 * batch.count + batch.length
  }

  hasRoomFor(sizeBytes: number): boolean {
    return this.#usedBytes + sizeBytes <= this.#buffer.byteLength
  }

  get isSpare(): boolean {
    return this.#batches === 0 && this.#buffer.byteLength === segmentBytes
  }

  /** Numbers first, for their place must be a multiple of four. */
  take({ bytes, length, offsets, count }: AppendBatch): { readonly bytes: Uint8Array; readonly offsets: Uint32Array } {
    const numbers = new Uint32Array(this.#buffer, this.#usedBytes, count)
    const copy = new Uint8Array(this.#buffer, this.#usedBytes + 4 * count, length)
    numbers.set(offsets.subarray(0, count))
    copy.set(bytes.subarray(0, length))
    this.#usedBytes = (this.#usedBytes + 4 * count + length + 3) & ~3
    this.#batches++
    return { bytes: copy, offsets: numbers }
  }

  letGo(): void {
    if (--this.#batches === 0) this.#usedBytes = 0
  }
}

/** `pieces`: what was staged of its only record before. */
interface KeptBatch extends LogBatch {
  readonly pieces?: readonly Uint8Array[]
  readonly sizeBytes: number
  readonly segment: Segment | undefined
}

class MemoryLog implements CommitLog {
  readonly limits = { maxBatchBytes, durability: 'disk-local' } as const
  last: Sequence
  epoch = 0
  private readonly keptBytes: number
  private readonly followers = new Followers()
  /** In order. The first `dropped` have gone; their places are given back now and then. */
  private batches: KeptBatch[] = []
  private dropped = 0
  private oldest: Sequence
  private usedBytes = 0
  /** That takes the next batches. */
  private segment: Segment | undefined
  private spare: Segment | undefined
  private leader: MemoryLeader | undefined
  private closed = false

  constructor(options: MemoryLogOptions) {
    this.keptBytes = options.keptBytes ?? Infinity
    this.last = options.startAfter ?? 0
    this.oldest = this.last + 1
  }

  async acquire(): Promise<Leader> {
    this.leader?.endTerm(this.last)
    this.leader?.lose(new LogError('fenced', 'another leader has taken over'))
    this.leader = new MemoryLeader(this, ++this.epoch)
    return this.leader
  }

  async end(): Promise<LogEnd> {
    return { end: this.last, epoch: this.epoch, oldest: this.oldest }
  }

  async *read(from: Sequence, options: ReadOptions = {}): AsyncGenerator<LogBatch, void, undefined> {
    const to = options.to ?? Infinity
    let next = from
    while (!options.signal?.aborted) {
      if (next < this.oldest)
        throw new LogError('trimmed', `the log begins at ${this.oldest}, and ${next} was asked for`)
      const seen = this.followers.version
      const batch = this.find(next)
      if (batch !== undefined) {
        if (batch.first > to) return
        next = batch.last + 1
        const { first, last, epoch, clock, pieces } = batch
        const copy = { first, last, epoch, clock, bytes: batch.bytes.slice(), offsets: batch.offsets.slice() }
        for (const bytes of pieces ?? []) yield pieceOf(batch, bytes)
        yield copy
        if (last >= to) return
      } else if (!options.follow || this.closed) return
      else await this.followers.next(seen, options.signal)
    }
  }

  async trim(before: Sequence): Promise<void> {
    while (this.dropped < this.batches.length && this.batches[this.dropped]!.last < before) this.dropOldest()
  }

  describe(): LogSegment[] {
    const { usedBytes } = this
    return [{ name: 'memory', first: this.oldest, last: this.last, sizeBytes: usedBytes, usedBytes }]
  }

  async close(): Promise<void> {
    this.closed = true
    this.leader?.lose(new LogError('unavailable', 'the log is closed'))
    this.followers.wake()
  }

  take(batch: AppendBatch, pieces: readonly Uint8Array[] | undefined): void {
    const first = this.last + 1
    this.last += batch.count
    const sizeBytes = (pieces ?? []).reduce((sum, piece) => sum + piece.length, batch.length)
    const segment = this.segmentFor(Segment.sizeOf(batch))
    const copy = segment.take(batch)
    const kept = { first, last: this.last, epoch: this.epoch, clock: batch.clock, ...copy, sizeBytes, segment }
    this.batches.push(pieces === undefined ? kept : { ...kept, pieces })
    this.usedBytes += sizeBytes
    while (this.usedBytes > this.keptBytes && this.dropped < this.batches.length - 1) this.dropOldest()
    this.followers.wake()
  }

  private segmentFor(sizeBytes: number): Segment {
    if (this.segment?.hasRoomFor(sizeBytes) === true) return this.segment
    if (sizeBytes > segmentBytes / 2) return new Segment(sizeBytes)
    this.segment = this.spare ?? new Segment(segmentBytes)
    this.spare = undefined
    return this.segment
  }

  /** The batch that holds `sequence`, by binary search. */
  private find(sequence: Sequence): KeptBatch | undefined {
    let low = this.dropped
    let high = this.batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.batches[middle]!.last < sequence) low = middle + 1
      else high = middle
    }
    return this.batches[low]
  }

  private dropOldest(): void {
    const batch = this.batches[this.dropped]!
    this.batches[this.dropped++] = emptyBatch
    this.oldest = batch.last + 1
    this.usedBytes -= batch.sizeBytes
    batch.segment?.letGo()
    if (batch.segment?.isSpare === true && batch.segment !== this.segment) this.spare = batch.segment
    if (this.dropped < 1024 || this.dropped * 2 < this.batches.length) return
    this.batches = this.batches.slice(this.dropped)
    this.dropped = 0
  }
}

function pieceOf({ first, last, epoch, clock }: LogBatch, bytes: Uint8Array): LogBatch {
  return { first, last, epoch, clock, bytes, offsets: new Uint32Array(1), continues: true }
}

const emptyBatch: KeptBatch = {
  first: 0,
  last: 0,
  epoch: 0,
  clock: 0n,
  bytes: new Uint8Array(0),
  offsets: new Uint32Array(0),
  sizeBytes: 0,
  segment: undefined,
}

class MemoryLeader implements Leader {
  readonly epoch: number
  onDurable: (() => void) | undefined
  private readonly log: MemoryLog
  private readonly ended = new AbortController()
  private readonly staged = new Map<bigint, Uint8Array[]>()
  private groups = 0n
  /** Where another leader's records begin, if there is one. */
  private last: Sequence = Infinity

  constructor(log: MemoryLog, epoch: number) {
    this.log = log
    this.epoch = epoch
  }

  get lost(): AbortSignal {
    return this.ended.signal
  }

  get writtenThrough(): Sequence {
    return Math.min(this.log.last, this.last)
  }

  get syncedThrough(): Sequence {
    return this.writtenThrough
  }

  endTerm(last: Sequence): void {
    this.last = Math.min(this.last, last)
  }

  lose(reason: LogError): void {
    if (!this.lost.aborted) this.ended.abort(reason)
  }

  async append(
    expectedEnd: Sequence,
    batch: AppendBatch,
    _durability: Durability,
  ): Promise<{ first: Sequence; last: Sequence }> {
    const { log } = this
    await this.renew()
    if (expectedEnd !== log.last) {
      throw new LogError('wrong-end', `the log ends at ${log.last}, not at ${expectedEnd}`)
    }
    checkBatch(batch)
    log.take(batch, this.takeStaged(batch.stagedAs))
    this.onDurable?.()
    return { first: expectedEnd + 1, last: log.last }
  }

  private takeStaged(group: bigint | undefined): readonly Uint8Array[] | undefined {
    if (group === undefined) return undefined
    const pieces = this.staged.get(group)
    if (pieces === undefined) throw notStaged()
    this.staged.delete(group)
    return pieces
  }

  beginStaging(): StagedGroup {
    return { number: ++this.groups, pieces: 0 }
  }

  async stage(group: StagedGroup, { bytes, length }: StagedPiece): Promise<void> {
    await this.renew()
    if (group.pieces++ === 0) this.staged.set(group.number, [])
    this.staged.get(group.number)!.push(bytes.slice(0, length))
  }

  abandon(group: StagedGroup): void {
    this.staged.delete(group.number)
  }

  async flush(): Promise<void> {}

  async resolve(expectedEnd: Sequence): Promise<'committed' | 'absent'> {
    return this.log.last > expectedEnd ? 'committed' : 'absent'
  }

  async renew(): Promise<void> {
    if (this.lost.aborted) throw this.lost.reason
  }

  async release(): Promise<void> {
    this.lose(new LogError('fenced', 'the leader has been released'))
  }
}
