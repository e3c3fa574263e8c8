/**
 * The commit log in files of one folder (`docs/log-format.md` has the bytes): segments of frames, preallocated and
 * recycled. Whoever opens it holds the data directory's lock, so that its leader is always its own.
 *
 * Opening finds the durable end (`recovery.ts`), makes sure that what it found cannot be lost after all, and erases what
 * lies beyond. Appending is `write-path.ts`, reading `log-reader.ts`; here they meet the interface.
 */
import { assert } from '../../base/errors.ts'
import type { File, Host } from '../../host/host.ts'
import { checkBatch, maxBatchBytes, notStaged } from '../batch-limits.ts'
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
} from '../commit-log.ts'
import { Followers } from '../followers.ts'
import type { DroppedTail } from './dropped-tail.ts'
import { headerBytesWith, maxFrameBytes, padded, partHeaderBytes, sectorBytes } from './frame.ts'
import { Framer } from './framer.ts'
import { FrameScanner } from './frame-scanner.ts'
import { corrupt } from './damage.ts'
import { LogReader, type ReadableLog } from './log-reader.ts'
import type { LogPosition } from './position.ts'
import { type Recovered, recover } from './recovery.ts'
import { defaultFirstSegmentBytes, SegmentFiles, type SegmentPair } from './segment-files.ts'
import { OpenGroups } from './parts.ts'
import { Segment, segmentNumber } from './segment.ts'
import { WritePath } from './write-path.ts'

export interface FileLogOptions {
  /** 16 bytes, in every segment's header: a log of another database is refused. */
  readonly databaseId: Uint8Array
  /** Of a segment, when the log has grown; default 64 MiB. */
  readonly segmentBytes?: number
  /** Of the first segment, where that is less; default 128 KiB. */
  readonly firstSegmentBytes?: number
  /** Transactions larger than this are written in parts; default 256 KiB. */
  readonly partBytes?: number
  /** When what nobody waits for is synced; default 200 ms. */
  readonly lazySyncMs?: number
  /** Of a folder without a log: the sequence after which it begins; default 0. */
  readonly startAfter?: Sequence
  /** The log is known to have been made: that it is not there is damage. */
  readonly mustExist?: boolean
  /** Told of what lies at the end of the log and is no part of it, when that was meant to be. */
  readonly onDropped?: (tail: DroppedTail) => void
}

/**
 * Opens the log in `folder`, which is made where it is missing and need not be there. Errors: `LogError('corrupt')` with
 * its position, never for a torn tail; `PolylogError('data_newer')`; `DiskError`.
 */
export async function openFileLog(host: Host, folder: string, options: FileLogOptions): Promise<CommitLog> {
  assert(options.databaseId.length === 16, 'the identity of a database has 16 bytes')
  const segmentBytes = options.segmentBytes ?? 64 * 1024 * 1024
  const { firstSegmentBytes = defaultFirstSegmentBytes } = options
  const files = new SegmentFiles(host, folder, segmentBytes, firstSegmentBytes)
  const recovered = await findOrBegin(host, files, options)
  if (recovered.dropped !== undefined) options.onDropped?.(recovered.dropped)
  const newest = recovered.segments.at(-1)!
  const largestPart = segmentBytes - sectorBytes - headerBytesWith(newest.key) - partHeaderBytes
  const partBytes = Math.min(options.partBytes ?? 256 * 1024, largestPart)
  files.growBeyond(newest.sizeBytes)
  const pair = await files.openForWriting(newest.number)
  await secure(files, recovered, pair)
  const { databaseId, lazySyncMs = 200 } = options
  const path = new WritePath(host, files, new Framer(recovered.segments, recovered.term), pair, {
    databaseId,
    partBytes,
    lazySyncMs,
  })
  return new FileLog(files, recovered, path)
}

async function findOrBegin(host: Host, files: SegmentFiles, options: FileLogOptions): Promise<Recovered> {
  const names = await files.list()
  const newest = names?.map(segmentNumber).findLast((number) => number !== undefined)
  const noted = files.notedNewest
  if (noted !== undefined && (newest ?? 0) < noted.number) throw corrupt(noted.number, 0, 'the segment is missing')
  if (newest === undefined && options.mustExist === true && noted === undefined) {
    const message = names === undefined ? 'its folder is missing' : 'it has no segment'
    throw new LogError('corrupt', `the log is missing: ${message}`)
  }
  if (names === undefined) await files.makeFolder()
  else await files.adoptSpares(names)
  return newest === undefined ? begin(host, files, options) : recover(files, names!, options.databaseId)
}

async function begin(host: Host, files: SegmentFiles, options: FileLogOptions): Promise<Recovered> {
  const end = options.startAfter ?? 0
  const { databaseId } = options
  const createdMs = Math.max(0, Math.floor(host.now()))
  await files.ensureSpares(1)
  const sizeBytes = files.nextBytes
  const pair = await files.activate({ databaseId, segment: 1, firstSequence: end + 1, createdMs, previousChecksum: 0 })
  await pair.plain.close()
  await pair.syncing.close()
  const segments = [new Segment(1, end + 1, sizeBytes, sectorBytes, new OpenGroups(), pair.key)]
  return { segments, end, term: 0, oldest: end + 1, unsyncedFrom: sectorBytes, staleSectors: [], dropped: undefined }
}

/**
 * Makes what recovery found durable, and what lies beyond it harmless.
 *
 * The end of the log may be in the page cache only: it is written once more, because after a sync that failed in an
 * earlier life the cache may show bytes as clean that never reached the disk. They are the same bytes, so it does not
 * matter where a crash stops this.
 */
async function secure(files: SegmentFiles, recovered: Recovered, pair: SegmentPair): Promise<void> {
  await rewrite(pair.plain, recovered.segments.at(-1)!, recovered.unsyncedFrom)
  for (const offset of recovered.staleSectors) await pair.plain.writeAt(offset, new Uint8Array(sectorBytes))
  await pair.plain.sync()
  await files.syncNames()
  await files.noteNewest(recovered.segments.at(-1)!)
}

/** Reads the frames from `from` on, checks them once more, and writes them back, some at a time. */
async function rewrite(file: File, segment: Segment, from: number): Promise<void> {
  const { number, end } = segment
  const scanner = new FrameScanner(file, segment)
  const image = new Uint8Array(Math.max(0, Math.min(rewriteBytes + maxFrameBytes, end - from)))
  for (let start = from; start < end;) {
    let at = start
    image.fill(0)
    while (at < end && at - start < rewriteBytes) {
      const frame = await scanner.frameAgain(at, end)
      if (frame === undefined) throw corrupt(number, at, 'a frame that was valid is not any more')
      image.set(frame.bytes, at - start)
      at += padded(frame.length)
    }
    await file.writeAt(start, image.subarray(0, at - start))
    start = at
  }
}

const rewriteBytes = 1024 * 1024

class FileLog implements CommitLog, ReadableLog {
  readonly limits = { maxBatchBytes, durability: 'disk-local' } as const
  readonly files: SegmentFiles
  readonly segments: Segment[]
  readonly readers = new Set<LogReader>()
  oldest: Sequence
  closed = false
  private readonly path: WritePath
  readonly followers = new Followers()
  private leader: FileLeader | undefined
  private trimming: Promise<void> = Promise.resolve()

  constructor(files: SegmentFiles, recovered: Recovered, path: WritePath) {
    this.files = files
    this.segments = recovered.segments
    this.oldest = recovered.oldest
    this.path = path
    path.onAdvance = () => {
      this.followers.wake()
      this.leader?.onDurable?.()
    }
    path.onFailure = (failure) => this.leader?.lose(failure)
  }

  get syncedThrough(): Sequence {
    return this.path.syncedThrough
  }

  get syncedPosition(): LogPosition {
    return this.path.syncedPosition
  }

  async acquire(): Promise<Leader> {
    if (this.path.failure !== undefined) throw this.path.failure
    this.leader?.lose(new LogError('fenced', 'another leader has taken over'))
    await this.leader?.idle
    this.leader?.endTerm(this.path.framer.end)
    this.path.framer.enterTerm()
    this.leader = new FileLeader(this.path)
    return this.leader
  }

  async end(): Promise<LogEnd> {
    return { end: this.path.framer.end, epoch: this.path.framer.term, oldest: this.oldest }
  }

  read(from: Sequence, options: ReadOptions = {}): AsyncIterable<LogBatch> {
    return this.batches(from, options)
  }

  trim(before: Sequence): Promise<void> {
    this.trimming = this.trimming.catch(() => undefined).then(() => this.dropSegments(before))
    return this.trimming
  }

  describe(): LogSegment[] {
    return this.segments.map((segment) => segment.describe())
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    this.leader?.lose(new LogError('unavailable', 'the log is closed'))
    await this.leader?.idle
    await this.trimming.catch(() => undefined)
    await this.path.close()
    this.followers.wake()
  }

  private async *batches(from: Sequence, options: ReadOptions): AsyncGenerator<LogBatch, void, undefined> {
    if (from < this.oldest) throw new LogError('trimmed', `the log begins at ${this.oldest}, and ${from} was asked for`)
    yield* new LogReader(this, from).batches(options)
  }

  /** Oldest first, so that what a crash leaves has no gap. A segment that somebody reads stays, and all after it. */
  private async dropSegments(before: Sequence): Promise<void> {
    while (this.segments.length > 1) {
      const segment = this.segments[0]!
      if (segment.neededThrough >= Math.min(before, this.syncedThrough + 1)) return
      if (segment.number >= this.path.framer.lowestOpenSegment) return
      for (const reader of this.readers) if (reader.lowestSegment <= segment.number) return
      this.oldest = Math.max(this.oldest, segment.neededThrough + 1)
      await this.files.retire(segment.number, segment.sizeBytes)
      this.segments.shift()
    }
  }
}

class FileLeader implements Leader {
  readonly epoch: number
  onDurable: (() => void) | undefined
  /** The append in flight. */
  idle: Promise<unknown> | undefined
  private readonly path: WritePath
  private readonly ended = new AbortController()
  /** Where another leader's records begin, if there is one. */
  private last: Sequence = Infinity

  constructor(path: WritePath) {
    this.path = path
    this.epoch = path.framer.term
  }

  get lost(): AbortSignal {
    return this.ended.signal
  }

  get writtenThrough(): Sequence {
    return Math.min(this.path.writtenThrough, this.last)
  }

  get syncedThrough(): Sequence {
    return Math.min(this.path.syncedThrough, this.last)
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
    durability: Durability,
  ): Promise<{ first: Sequence; last: Sequence }> {
    this.check(expectedEnd, batch)
    const appending = this.path.append(batch, durability)
    this.idle = appending.catch(() => undefined)
    try {
      await appending
    } finally {
      this.idle = undefined
    }
    return { first: expectedEnd + 1, last: expectedEnd + batch.count }
  }

  beginStaging(): StagedGroup {
    return { number: this.path.framer.newGroup(), pieces: 0 }
  }

  async stage(group: StagedGroup, piece: StagedPiece): Promise<void> {
    this.checkLeading()
    const staging = this.path.stage(group.number, group.pieces > 0, piece)
    this.idle = staging.catch(() => undefined)
    try {
      await staging
      group.pieces++
    } finally {
      this.idle = undefined
    }
  }

  abandon(group: StagedGroup, clock: bigint): void {
    if (group.pieces > 0 && !this.lost.aborted) this.path.abandon(group.number, clock)
  }

  flush(durability: Durability): Promise<void> {
    return this.path.flush(durability)
  }

  async resolve(expectedEnd: Sequence): Promise<'committed' | 'absent'> {
    const { path } = this
    if (path.syncedThrough > expectedEnd) return 'committed'
    if (path.failure !== undefined) throw path.failure
    return path.framer.end > expectedEnd ? 'committed' : 'absent'
  }

  async renew(): Promise<void> {
    if (this.lost.aborted) throw this.lost.reason
  }

  async release(): Promise<void> {
    await this.idle
    this.lose(new LogError('fenced', 'the leader has been released'))
  }

  private check(expectedEnd: Sequence, batch: AppendBatch): void {
    const { path } = this
    this.checkLeading()
    if (expectedEnd !== path.framer.end && path.failure === undefined) {
      throw new LogError('wrong-end', `the log ends at ${path.framer.end}, not at ${expectedEnd}`)
    }
    checkBatch(batch)
    if (batch.stagedAs !== undefined && !path.framer.isOpen(batch.stagedAs)) throw notStaged()
  }

  private checkLeading(): void {
    if (this.lost.aborted && this.path.failure === undefined) throw this.lost.reason
    if (this.idle !== undefined) throw new LogError('unavailable', 'another append is in flight')
  }
}
