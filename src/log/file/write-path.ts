/**
 * The way of a batch to the disk: sealed into frames in a buffer, written one write at a time while the next batch
 * gathers in the other buffer, and counted as written or synced when the disk has said so.
 *
 * A write that somebody waits for with `synced` goes through the `O_DSYNC` descriptor. Where frames before it were
 * written without (nobody waited), it goes through the plain one and an `fdatasync` follows, which covers them all:
 * `syncedThrough` never passes over a byte that is not durable. Frames that nobody waits for are synced a little later.
 *
 * Trouble:
 *  - no space for a segment: found before a byte of the batch is framed. The batch is refused, the log goes on.
 *  - no space in a write: the batch's frames are erased, the batch is refused. Frames of batches that were already
 *    accepted (`memory`) stay in the buffer and are written when there is space.
 *  - any other failed write or sync is never tried again: who waits gets `unknown`, later appends `unavailable`.
 *
 * Invariants: at most one write is in flight; frames reach the disk in order; a batch whose append was refused with
 * `no-space` has left nothing that a recovery could read.
 */
import { assert, InvariantError } from '../../base/errors.ts'
import type { Cancel, Host } from '../../host/host.ts'
import { type AppendBatch, type Durability, LogError, type Sequence } from '../commit-log.ts'
import { headerBytesWith, padded, partHeaderBytes, sectorBytes } from './frame.ts'
import { FrameBuffer } from './frame-buffer.ts'
import { type PlannedFrame, planFrames, planPiece, segmentsNeeded, sizeOf } from './frame-plan.ts'
import type { FramedBytes, Framer, FramerMark } from './framer.ts'
import { type LogPosition, positionOf } from './position.ts'
import { assertSegmentNumber } from './recovery.ts'
import { isNoSpace, type NewSegment, type SegmentFiles, type SegmentPair } from './segment-files.ts'
import { WriteLatency } from './write-latency.ts'

/** Gathered bytes beyond which an append waits for the disk, whatever its durability. */
const maxGatheredBytes = 4 * 1024 * 1024

export interface WritePathOptions {
  readonly databaseId: Uint8Array
  readonly partBytes: number
  readonly lazySyncMs: number
}

/** The append that is not resolved yet: what to go back to when the disk is full. */
interface BatchInProgress {
  readonly start: FramerMark
  refused: boolean
}

interface Framed {
  readonly through: Sequence
  /** Where the batch's last frame ends. */
  readonly position: LogPosition
}

interface Waiter {
  readonly through: Sequence
  readonly level: 'written' | 'synced'
  resolve(): void
  reject(error: LogError): void
}

export class WritePath {
  readonly framer: Framer
  /** The last sequence written, durable. */
  writtenThrough: Sequence
  syncedThrough: Sequence
  syncedPosition: LogPosition
  failure: LogError | undefined
  readonly latency: WriteLatency = new WriteLatency()
  onAdvance: () => void = () => undefined
  onFailure: (failure: LogError) => void = () => undefined

  private readonly host: Host
  private readonly files: SegmentFiles
  private readonly options: WritePathOptions
  private pair: SegmentPair
  private gathering = new FrameBuffer()
  private writing = new FrameBuffer()
  /** The last batch that is framed as a whole: no write counts for more, because the rest may still be taken back. */
  private framed: Framed
  /** Bytes up to here have been written, and are durable, frames of unfinished batches included. */
  private writtenPosition: LogPosition
  private durablePosition: LogPosition
  /** Bytes were written without being synced. */
  private dirty = false
  private syncAsked = false
  private pumping: Promise<void> | undefined
  /** The disk was full at the last write; accepted frames wait in `gathering`. */
  private stalled = false
  private batch: BatchInProgress | undefined
  private waiters: Waiter[] = []
  private lazySync: Cancel | undefined

  constructor(host: Host, files: SegmentFiles, framer: Framer, pair: SegmentPair, options: WritePathOptions) {
    this.host = host
    this.files = files
    this.framer = framer
    this.pair = pair
    this.options = options
    const { end, position, active } = framer
    this.writtenThrough = this.syncedThrough = end
    this.syncedPosition = this.writtenPosition = this.durablePosition = position
    this.framed = { through: end, position }
    this.gathering.restart(active.end)
  }

  /** See `Leader.append`; the caller has checked who asks and where. */
  append(batch: AppendBatch, durability: Durability): Promise<void> {
    const frames = planFrames(batch, this.options.partBytes, () => this.framer.newGroup())
    return this.write(batch, frames, durability)
  }

  /** Of a transaction that is not whole yet. Resolves when more may follow. */
  stage(group: bigint, later: boolean, piece: FramedBytes & { readonly length: number }): Promise<void> {
    const planned = { start: 0, end: piece.length, group, later, last: false }
    return this.write(piece, planPiece(planned, this.options.partBytes), 'memory')
  }

  /** Nothing more comes of what was staged. Where that cannot be written it is forgotten with the term. */
  abandon(group: bigint, clock: bigint): void {
    if (this.failure !== undefined || this.framer.roomBytes < padded(this.headerBytes + partHeaderBytes)) return
    this.framer.addAbandoned(this.gathering, group, clock, this.durablePosition)
    // Of a batch that is being framed nothing counts before its last frame.
    if (this.batch === undefined) this.framed = { through: this.framer.end, position: this.framer.position }
    this.pump()
  }

  private async write(batch: FramedBytes, frames: readonly PlannedFrame[], durability: Durability): Promise<void> {
    this.refuseAfterFailure()
    if (this.stalled) await this.retryStalled()
    if (frames.length > 1 || sizeOf(frames[0]!, this.headerBytes) > this.framer.roomBytes) await this.makeRoom(frames)
    this.batch = { start: this.framer.mark(), refused: false }
    try {
      await this.frameAll(batch, frames)
      await this.deliver(durability)
    } catch (error) {
      // Whatever stopped it: once a write has failed, what this batch left on the disk is not known.
      throw this.failure ?? error
    } finally {
      this.batch = undefined
    }
  }

  async flush(durability: Durability): Promise<void> {
    if (durability === 'memory') return
    this.refuseAfterFailure()
    const through = this.framer.end
    if ((durability === 'synced' ? this.syncedThrough : this.writtenThrough) >= through) return
    if (this.stalled) await this.retryStalled()
    if (durability === 'synced') this.syncAsked = true
    await this.reached(through, durability)
  }

  /** Nothing in flight and everything synced, as far as the disk is able to. */
  async close(): Promise<void> {
    if (this.failure === undefined) await this.flush('synced').catch(() => undefined)
    this.lazySync?.()
    await this.pumping
    await this.files.stop()
    await this.closePair()
  }

  /** Of a frame: all segments have keys, or none has. */
  private get headerBytes(): number {
    return headerBytesWith(this.framer.active.key)
  }

  private refuseAfterFailure(): void {
    if (this.failure === undefined) return
    throw new LogError('unavailable', 'the log takes no more appends, because a write to it has failed', {
      cause: this.failure,
    })
  }

  private async frameAll(batch: FramedBytes, frames: readonly PlannedFrame[]): Promise<void> {
    const { framer } = this
    for (const frame of frames) {
      if (sizeOf(frame, this.headerBytes) > framer.roomBytes) await this.rotateWithinBatch()
      if (this.gathering.length > maxGatheredBytes) await this.drain()
      framer.add(this.gathering, batch, frame, this.durablePosition)
    }
    this.framed = { through: framer.end, position: framer.position }
  }

  // ---- segments

  /** Has every segment ready that the batch will need, before any of it is framed; in one segment if one takes it. */
  private async makeRoom(frames: readonly PlannedFrame[]): Promise<void> {
    const { headerBytes } = this
    const total = frames.reduce((sum, frame) => sum + sizeOf(frame, headerBytes), 0)
    const room = this.framer.roomBytes
    if (total <= room) return
    const capacity = this.files.nextBytes - sectorBytes
    const fits = total <= capacity
    await this.files.ensureSpares(segmentsNeeded(frames, headerBytes, fits ? 0 : room, capacity))
    if (fits || sizeOf(frames[0]!, headerBytes) > room) await this.rotate()
  }

  /** Here a refusal would leave a batch half framed: so there is none, spares having been made. */
  private async rotateWithinBatch(): Promise<void> {
    try {
      await this.rotate()
    } catch (error) {
      throw this.fail(error)
    }
  }

  private async rotate(): Promise<void> {
    this.syncAsked = true
    await this.drain()
    this.syncAsked = false
    assert(!this.dirty, 'a segment is left with bytes that are not synced')
    const header = this.framer.nextHeader(this.options.databaseId, this.host.now())
    assertSegmentNumber(header.segment)
    let pair: NewSegment
    let sizeBytes: number
    try {
      await this.files.ensureSpares(1)
      sizeBytes = this.files.nextBytes
      pair = await this.files.activate(header)
    } catch (error) {
      if (isNoSpace(error)) throw error
      throw this.fail(error)
    }
    await this.closePair()
    this.pair = pair
    this.framer.begin({ ...header, key: pair.key }, sizeBytes)
    this.gathering.restart(sectorBytes)
    this.syncedPosition = this.writtenPosition = this.durablePosition = this.framer.position
  }

  private async closePair(): Promise<void> {
    await this.pair.syncing.close()
    await this.pair.plain.close()
  }

  // ---- writing

  private async deliver(durability: Durability): Promise<void> {
    // The batch's frames may have been written already, while a segment was left.
    if (durability === 'synced' && this.gathering.length === 0) this.syncAsked = true
    else if (durability === 'synced') this.gathering.wantsSync = true
    this.reach(this.framed)
    const through = this.framer.end
    if (durability !== 'memory') return this.reached(through, durability)
    if (this.gathering.length > maxGatheredBytes) return this.reached(through, 'written')
    // Accepted: from here on a full disk cannot refuse it.
    this.batch = undefined
    this.pump()
    return undefined
  }

  private reached(through: Sequence, level: 'written' | 'synced'): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiters.push({ through, level, resolve, reject })
      this.settle()
      this.pump()
    })
  }

  private async drain(): Promise<void> {
    do {
      this.pump()
      await this.pumping
    } while (this.pumping !== undefined || this.hasWork())
    this.refuseAfterFailure()
    if (this.stalled || this.batch?.refused) throw noSpace()
  }

  private async retryStalled(): Promise<void> {
    this.stalled = false
    await this.drain()
  }

  /** Starts writing where nobody writes. Writes on the thread happen before this returns. */
  private pump(): void {
    if (this.pumping !== undefined || !this.hasWork()) return
    const work = this.work()
    if (work !== undefined) this.pumping = work.finally(() => this.afterPump())
  }

  private afterPump(): void {
    this.pumping = undefined
    this.pump()
  }

  private hasWork(): boolean {
    if (this.failure !== undefined || this.stalled) return false
    return this.gathering.length > 0 || (this.syncAsked && this.dirty)
  }

  /** One write on the thread where that is cheaper, else writes in the pool until nothing waits. */
  private work(): Promise<void> | undefined {
    const { gathering } = this
    const direct = gathering.wantsSync && !this.dirty
    if (direct && this.latency.prefersThread(gathering.records, gathering.length)) {
      this.swap()
      try {
        this.writeOnThread()
        return undefined
      } catch (error) {
        return this.writeFailed(error)
      }
    }
    return this.writeInPool()
  }

  private async writeInPool(): Promise<void> {
    while (this.hasWork()) {
      try {
        await this.writeOnce()
      } catch (error) {
        await this.writeFailed(error)
      }
    }
  }

  private swap(): void {
    const { gathering, writing } = this
    this.writing = gathering
    this.gathering = writing
    writing.restart(gathering.end)
  }

  private writeOnThread(): void {
    const { writing } = this
    this.syncAsked = false
    const started = this.host.monotonic()
    this.pair.syncing.writeAtSync(writing.start, writing.used)
    this.noteLatency(started, true)
    this.count(this.framed, writing.end, true)
  }

  private async writeOnce(): Promise<void> {
    this.swap()
    const { writing, framed } = this
    const { end } = writing
    const wantsSync = writing.wantsSync || this.syncAsked
    this.syncAsked = false
    if (wantsSync && !this.dirty && writing.length > 0) {
      const started = this.host.monotonic()
      await this.pair.syncing.writeAt(writing.start, writing.used)
      this.noteLatency(started, false)
      return this.count(framed, end, true)
    }
    if (writing.length > 0) {
      this.dirty = true
      await this.pair.plain.writeAt(writing.start, writing.used)
      this.count(framed, end, false)
    }
    if (!wantsSync) return this.syncLater()
    await this.syncPlain()
    this.dirty = false
    this.count(framed, end, true)
  }

  private noteLatency(started: number, onThread: boolean): void {
    if (this.writing.length <= 64 * 1024) this.latency.note(this.host.monotonic() - started, onThread)
  }

  /** Bytes up to `end` have been written, or synced; `framed` is the last whole batch when that began. */
  private count(framed: Framed, end: number, synced: boolean): void {
    this.writtenPosition = positionOf(this.framer.active.number, end)
    if (synced) this.durablePosition = this.writtenPosition
    this.reach(framed)
    // A batch may have been finished since, all of whose frames had been on their way.
    this.reach(this.framed)
    if (this.framer.roomBytes < this.framer.active.sizeBytes / 2) this.files.prepareSpare()
    this.onAdvance()
    this.settle()
  }

  private reach(framed: Framed): void {
    if (framed.position <= this.writtenPosition) this.writtenThrough = Math.max(this.writtenThrough, framed.through)
    if (framed.position > this.durablePosition) return
    this.syncedThrough = Math.max(this.syncedThrough, framed.through)
    this.syncedPosition = Math.max(this.syncedPosition, framed.position)
  }

  /** A sync is never asked for twice: even one that found no space has lost what it should have saved. */
  private async syncPlain(): Promise<void> {
    try {
      await this.pair.plain.sync()
    } catch (error) {
      throw new Error(`sync failed: ${String(error)}`, { cause: error })
    }
  }

  private settle(): void {
    if (this.waiters.length === 0) return
    const waiting: Waiter[] = []
    for (const waiter of this.waiters) {
      const reached = waiter.level === 'synced' ? this.syncedThrough : this.writtenThrough
      if (reached >= waiter.through) waiter.resolve()
      else waiting.push(waiter)
    }
    this.waiters = waiting
  }

  private syncLater(): void {
    this.lazySync ??= this.host.at(this.options.lazySyncMs, () => {
      this.lazySync = undefined
      this.syncAsked = true
      this.stalled = false
      this.pump()
    })
  }

  // ---- trouble

  private async writeFailed(error: unknown): Promise<void> {
    if (error instanceof InvariantError) this.host.fatal(error)
    if (!isNoSpace(error)) {
      this.fail(error)
      return
    }
    try {
      await this.takeBack()
    } catch (second) {
      this.fail(second)
    }
  }

  /** The disk was full: the batch that waits is erased and refused, accepted frames before it stay for later. */
  private async takeBack(): Promise<void> {
    const { writing, gathering } = this
    const attemptedEnd = writing.end
    writing.join(gathering)
    if (this.batch !== undefined) {
      writing.cut(this.batch.start.offset)
      await this.erase(this.batch, attemptedEnd)
    }
    this.gathering = writing
    this.writing = gathering
    this.stalled = writing.length > 0
    if (this.stalled) this.syncLater()
    const { waiters } = this
    this.waiters = []
    for (const waiter of waiters) waiter.reject(noSpace())
  }

  private async erase(batch: BatchInProgress, to: number): Promise<void> {
    const { segment, offset } = batch.start
    if (segment !== this.framer.active) throw new Error('the disk ran out of space that was allocated')
    if (offset < to) {
      await this.pair.plain.writeAt(offset, new Uint8Array(to - offset))
      await this.syncPlain()
    }
    batch.refused = true
    this.framer.goBack(batch.start)
    const { end, position } = this.framer
    this.framed = { through: end, position }
    this.writtenPosition = Math.min(this.writtenPosition, position)
    this.durablePosition = Math.min(this.durablePosition, position)
  }

  private fail(error: unknown): LogError {
    if (this.failure !== undefined) return this.failure
    const reason = error instanceof Error ? error.message : String(error)
    const failure = new LogError('unknown', `a write to the log failed, and what it left is not known: ${reason}`, {
      cause: error,
    })
    this.failure = failure
    this.lazySync?.()
    this.onFailure(failure)
    const { waiters } = this
    this.waiters = []
    for (const waiter of waiters) waiter.reject(failure)
    return failure
  }
}

function noSpace(): LogError {
  return new LogError('no-space', 'no space left for the log')
}
