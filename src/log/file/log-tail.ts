/**
 * The log of a folder that another process writes, read along while it grows: what a follower reads. It locks nothing and
 * writes nothing.
 *
 * The writer's files change under the reader, and this is what may be found where the next frame goes:
 *
 *   nothing valid        zeros, a frame that is on its way, bytes of a recycled segment's earlier life, a frame that a crash
 *                        has torn: more may come there, so it is looked at again after a while
 *   a frame that does    of an earlier life or behind a gap: likewise
 *   not follow
 *   the next frame       it is taken
 *   nothing valid, and   the segment is whole: the writer begins the next one after that. Looked at once more, for the
 *   the next segment     frame may have come between the two looks; then the next one's header must name the last frame
 *   nothing valid, and   it was trimmed, and its bytes may be another segment's by now: `trimmed`
 *   no such segment
 *
 * **What is durable.** A frame that is in the page cache may be lost by a power cut, and what a follower has shown must
 * not be. A later frame says how far the log was durable when it was made; a next segment, that all before it is. For the
 * last frames nobody says so until more is written: so this process asks the disk itself (`fdatasync` of a file syncs what
 * any process has written to it), once nothing new has come for a while. Only then are they shown.
 *
 * **What is taken back.** A writer whose disk is full erases the frames of the batch that it refuses, whole ones too, and a
 * recovery erases those behind a gap. Whoever has read such a frame has what never was. So before anything more is taken,
 * the last frame must still stand where it stood; else this reader has `diverged`, and whoever has applied what it read
 * begins anew from a checkpoint. (Segments are allocated before they are used: where the file system keeps to that, no
 * write into them ever finds the disk full.)
 *
 * Invariants: nothing is shown before it is durable; frames are taken in order, each once, and follow each other as in a
 * recovery; a segment's file is read under its own number only, so that recycled bytes never pass.
 */
import { assert } from '../../base/errors.ts'
import { type Cancel, DiskError, type File, type Host } from '../../host/host.ts'
import { maxBatchBytes } from '../batch-limits.ts'
import {
  type CommitLog,
  type LogBatch,
  type LogEnd,
  LogError,
  type LogSegment,
  type ReadOptions,
  type Sequence,
} from '../commit-log.ts'
import { Followers } from '../followers.ts'
import { frameHeaderBytes } from './frame.ts'
import { FrameScanner } from './frame-scanner.ts'
import { LogReader, type ReadableLog } from './log-reader.ts'
import { corrupt } from './damage.ts'
import { LogScan } from './log-scan.ts'
import { type LogPosition, positionOf } from './position.ts'
import { defaultFirstSegmentBytes, SegmentFiles } from './segment-files.ts'
import { type Segment, segmentNumber } from './segment.ts'

export interface LogTailOptions {
  readonly databaseId: Uint8Array
  /** How often it is looked for more; default 10 ms. */
  readonly pollMs?: number
}

/** The segment that frames are looked for in. */
interface Active {
  readonly segment: Segment
  readonly file: File
  readonly fileBytes: number
}

const defaultPollMs = 10
/** After so many looks in vain it is asked whether what is waited for was there once. */
const looksUntilJudged = 100

/** Reads what the folder holds now. Errors: `LogError`, `PolylogError('data_newer')`, `DiskError`. */
export async function openLogTail(host: Host, folder: string, options: LogTailOptions): Promise<LogTail> {
  assert(options.databaseId.length === 16, 'the identity of a database has 16 bytes')
  const tail = new LogTail(host, folder, options)
  await tail.open()
  return tail
}

export class LogTail implements ReadableLog {
  readonly limits: CommitLog['limits'] = { maxBatchBytes, durability: 'disk-local' }
  readonly files: SegmentFiles
  readonly readers: Set<LogReader> = new Set()
  readonly followers: Followers = new Followers()
  syncedThrough: Sequence = 0
  syncedPosition: LogPosition = 0
  closed = false
  private readonly host: Host
  private readonly pollMs: number
  private readonly scan: LogScan
  private active: Active | undefined
  /** Of the last frame: where it lies, and its header. */
  private last: { readonly offset: number; readonly head: Uint8Array } | undefined
  /** Frames that are not known to be durable, in order: where each ends. */
  private unproven: { readonly position: LogPosition; readonly sequence: Sequence }[] = []
  private idleLooks = 0
  private timer: Cancel | undefined
  private looking: Promise<void> = Promise.resolve()
  /** Why nothing more is read. */
  failure: unknown

  constructor(host: Host, folder: string, options: LogTailOptions) {
    this.host = host
    this.pollMs = options.pollMs ?? defaultPollMs
    this.files = new SegmentFiles(host, folder, 0, defaultFirstSegmentBytes)
    this.scan = new LogScan(options.databaseId, host.disk.encryption)
  }

  async open(): Promise<void> {
    await this.look()
    await this.prove()
    this.lookLater()
  }

  get segments(): readonly Segment[] {
    return this.scan.segments
  }

  get oldest(): Sequence {
    return this.scan.oldest
  }

  /** As far as it is known to be durable here: the writer may be further. */
  async end(): Promise<LogEnd> {
    return { end: this.syncedThrough, epoch: this.scan.term, oldest: this.oldest }
  }

  async *read(from: Sequence, options: ReadOptions = {}): AsyncGenerator<LogBatch, void, undefined> {
    if (from < this.oldest) throw new LogError('trimmed', `the log begins at ${this.oldest}, and ${from} was asked for`)
    if (this.segments.length === 0) await this.firstFrame(options)
    if (this.segments.length === 0) return
    try {
      yield* new LogReader(this, from).batches(options)
    } catch (error) {
      throw await this.wordsFor(error, from)
    }
    if (this.failure !== undefined && options.follow === true && options.signal?.aborted !== true) throw this.failure
  }

  /** Of a log that was made and never opened. */
  private async firstFrame(options: ReadOptions): Promise<void> {
    while (this.segments.length === 0 && options.follow === true && !this.closed) {
      if (options.signal?.aborted === true) return
      await this.followers.next(this.followers.version, options.signal)
    }
  }

  /** A reader that is far behind may find that its segment is another one by now. */
  private async wordsFor(error: unknown, from: Sequence): Promise<unknown> {
    const isGone = error instanceof DiskError && error.code === 'not-found'
    if (!isGone && !(error instanceof LogError && error.code === 'corrupt')) return error
    const numbers = await this.numbers()
    const held = this.segments.find((segment) => segment.last >= from)
    const isTrimmed = isGone || (held !== undefined && !numbers.includes(held.number))
    return isTrimmed ? trimmed(`the log was trimmed while sequence ${from} was read`) : error
  }

  describe(): LogSegment[] {
    return this.segments.map((segment) => segment.describe())
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    this.timer?.()
    await this.looking
    await this.active?.file.close()
    this.followers.wake()
  }

  // ---- looking

  private lookLater(): void {
    if (this.closed || this.failure !== undefined) return
    this.timer = this.host.at(this.pollMs, () => {
      this.looking = this.lookAgain().catch((error: unknown) => this.fail(error))
    })
  }

  private fail(error: unknown): void {
    this.failure = error
    this.closed = true
    this.followers.wake()
  }

  private async lookAgain(): Promise<void> {
    const before = this.scan.end
    const durable = this.syncedThrough
    await this.look()
    // What comes next will say of what is there that it is durable: only where nothing comes the disk is asked.
    if (this.scan.end === before) await this.prove()
    this.idleLooks = this.scan.end === before ? this.idleLooks + 1 : 0
    if (this.idleLooks % looksUntilJudged === looksUntilJudged - 1) await this.judge()
    if (this.syncedThrough > durable) this.followers.wake()
    this.lookLater()
  }

  private async look(): Promise<void> {
    this.active ??= await this.first()
    for (let active = this.active; active !== undefined; active = this.active) {
      await this.checkLast(active)
      await this.takeFrames(active)
      if (await this.enterNext(active)) continue
      return
    }
  }

  /** A frame that was durable once and is not valid is damage, and not on its way: a later one says so. */
  private async judge(): Promise<void> {
    if (this.active === undefined) return
    const { segment, file, fileBytes } = this.active
    const bad = segment.end
    const later = await new FrameScanner(file, segment).findFrame(bad, fileBytes)
    if (later === undefined || later.syncedOffset <= positionOf(segment.number, bad)) return
    // Both may have come since the last look.
    const now = await new FrameScanner(file, segment).frameAgain(bad, fileBytes)
    if (now === undefined || !this.scan.follows(now)) {
      throw corrupt(
        segment.number,
        bad,
        `no valid frame here, but the one at ${later.offset} proves that this was durable`,
      )
    }
  }

  private async numbers(): Promise<number[]> {
    const names = (await this.files.list()) ?? []
    return names.map(segmentNumber).filter((number) => number !== undefined)
  }

  private async first(): Promise<Active | undefined> {
    for (;;) {
      const [number] = await this.numbers()
      if (number === undefined) return undefined
      try {
        return await this.enter(number)
      } catch (error) {
        // It was trimmed since its name was read.
        if (!(error instanceof DiskError && error.code === 'not-found')) throw error
      }
    }
  }

  private async enter(number: number): Promise<Active> {
    const file = await this.files.openForReading(number)
    try {
      const fileBytes = await file.size()
      const segment = this.scan.begin(await this.scan.readHeader(file, number), fileBytes)
      this.last = undefined
      if (this.segments.length === 1) this.syncedThrough = this.scan.end
      return { segment, file, fileBytes }
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** See "What is taken back". */
  private async checkLast({ segment, file }: Active): Promise<void> {
    if (this.last === undefined) return
    const { offset, head } = this.last
    const now = new Uint8Array(frameHeaderBytes)
    await file.readAt(offset, now)
    if (Buffer.compare(now, head) === 0) return
    if (!(await this.numbers()).includes(segment.number)) throw trimmed(`${segment.name} was trimmed while it was read`)
    throw new LogError('corrupt', `the frame at ${segment.name}+${offset} was read, and is another one now: diverged`, {
      position: `${segment.name}+${offset}`,
    })
  }

  private async takeFrames({ segment, file, fileBytes }: Active): Promise<boolean> {
    const scanner = new FrameScanner(file, segment)
    const begun = segment.end
    for (;;) {
      const frame = await scanner.frameAt(segment.end, fileBytes)
      if (frame === undefined || !this.scan.follows(frame)) break
      this.scan.take(segment, frame)
      this.last = { offset: frame.offset, head: frame.bytes.slice(0, frameHeaderBytes) }
      this.unproven.push({ position: positionOf(segment.number, segment.end), sequence: this.scan.end })
      this.proveThrough(this.scan.synced)
    }
    return segment.end > begun
  }

  /** Goes on to the next segment where there is one. */
  private async enterNext(active: Active): Promise<boolean> {
    const numbers = await this.numbers()
    const next = active.segment.number + 1
    this.forgetBefore(numbers[0])
    if (numbers.includes(next)) {
      // A frame may have come since it was looked for, and before the next segment was begun.
      if (await this.takeFrames(active)) return true
      this.active = await this.enter(next)
      this.proveThrough(positionOf(next, 0))
      await active.file.close()
      return true
    }
    if (!numbers.includes(active.segment.number)) throw trimmed(`${active.segment.name} was trimmed while it was read`)
    return false
  }

  /** What the writer has trimmed. */
  private forgetBefore(oldest: number | undefined): void {
    const { segments } = this.scan
    if (oldest === undefined) return
    while (segments.length > 1 && segments[0]!.number < oldest) {
      const gone = segments.shift()
      this.scan.oldest = Math.max(this.scan.oldest, gone!.neededThrough + 1)
    }
  }

  // ---- durability

  private proveThrough(position: LogPosition): void {
    let count = 0
    for (const frame of this.unproven) {
      if (frame.position > position) break
      this.syncedThrough = frame.sequence
      this.syncedPosition = frame.position
      count++
    }
    if (count > 0) this.unproven.splice(0, count)
  }

  /** See "What is durable": the bytes were read before, so that the sync covers them. */
  private async prove(): Promise<void> {
    const { active } = this
    const last = this.unproven.at(-1)
    if (active === undefined || last === undefined) return
    await active.file.sync()
    this.proveThrough(last.position)
  }
}

function trimmed(message: string): LogError {
  return new LogError('trimmed', message)
}
