/**
 * The files of a log's folder: named segments (`<16 hex digits>.log`) and spares (`spare-<n>`), which are whole segments'
 * worth of allocated bytes: fresh ones full of zeros, recycled ones full of frames that can never pass again.
 *
 * A segment is born from a spare: its header is written and synced, then the file gets its name and the folder is synced.
 * So what has a name has a header. It dies by becoming a spare again, or by removal where enough spares wait.
 *
 * How far the log goes is noted beside it: the empty file `newest-<16 hex digits>-<8 hex digits>` names the newest segment
 * with its size in bytes, or, after a crash, the one before it. It is moved on when the segment's own name is durable and
 * before anything is written to the segment. So a log that ends before the segment it names, or in which that one is
 * shorter, has lost its end.
 */
import { DiskError, type File, type Host } from '../../host/host.ts'
import { LogError } from '../commit-log.ts'
import { encodeSegmentHeader, type SegmentHeader } from './segment-header.ts'
import { sectorBytes } from './frame.ts'
import { segmentName } from './segment.ts'

/** One segment's file opened twice: what must be durable at once goes through `syncing`, all else through `plain`. */
export interface SegmentPair {
  readonly syncing: File
  readonly plain: File
}

const sparePattern = /^spare-(\d{1,15})$/
const newestPattern = /^newest-([0-9a-f]{16})-([0-9a-f]{8})$/

/** The segment that the log goes as far as, at least. */
export interface NotedSegment {
  readonly number: number
  readonly sizeBytes: number
}
const keptSpares = 2

/** Zeros are written in slices with pauses, because every commit waits behind them on the disk. */
const sliceBytes = 2 * 1024 * 1024
const pauseMs = 10

export class SegmentFiles {
  readonly folder: string
  readonly segmentBytes: number
  private readonly host: Host
  private spares: string[] = []
  private nextSpare = 1
  private noted: NotedSegment | undefined
  private preparing: Promise<void> | undefined
  /** The last spare could not be made ahead: not tried again before one is needed. */
  private refused = false
  /** Somebody needs the spare that is being made: no more pauses. Nobody does any more: stop. */
  private haste: 'calm' | 'hurry' | 'stop' = 'calm'
  private endPause: () => void = () => undefined

  constructor(host: Host, folder: string, segmentBytes: number) {
    this.host = host
    this.folder = folder
    this.segmentBytes = segmentBytes
  }

  /** All names in the folder; `undefined` where it is missing. */
  async list(): Promise<string[] | undefined> {
    try {
      const names = await this.host.disk.list(this.folder)
      for (const name of names) {
        const found = decodeNote(name)
        if (found !== undefined && found.number > (this.noted?.number ?? 0)) this.noted = found
      }
      return names
    } catch (error) {
      if (error instanceof DiskError && error.code === 'not-found') return undefined
      throw error
    }
  }

  async makeFolder(): Promise<void> {
    await this.host.disk.makeFolder(this.folder)
  }

  /** `undefined` where nothing is noted, as in logs of data format 1. */
  get notedNewest(): NotedSegment | undefined {
    return this.noted
  }

  /** Takes over the spares an earlier life left; those that it did not finish, or of another size, go. */
  async adoptSpares(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const match = sparePattern.exec(name)
      if (match === null) continue
      this.nextSpare = Math.max(this.nextSpare, Number(match[1]) + 1)
      const file = await this.host.disk.open(this.path(name), { mode: 'read' })
      const size = await file.size()
      await file.close()
      if (size === this.segmentBytes && this.spares.length < keptSpares) this.spares.push(name)
      else await this.host.disk.remove(this.path(name))
    }
  }

  openForReading(segment: number): Promise<File> {
    return this.host.disk.open(this.path(segmentName(segment)), { mode: 'read' })
  }

  async openForWriting(segment: number): Promise<SegmentPair> {
    const path = this.path(segmentName(segment))
    const plain = await this.host.disk.open(path, { mode: 'write' })
    return { plain, syncing: await this.host.disk.open(path, { mode: 'write', syncWrites: true }) }
  }

  /** Makes sure that `count` spares are there. `LogError('no-space')` where the disk is full. */
  async ensureSpares(count: number): Promise<void> {
    this.hasten('hurry')
    await this.preparing
    this.refused = false
    while (this.spares.length < count) await noSpaceAsLogError(this.makeSpare())
  }

  /** Begins to make a spare where none waits. Trouble shows when the spare is needed. */
  prepareSpare(): void {
    if (this.spares.length > 0 || this.preparing !== undefined || this.refused) return
    this.haste = 'calm'
    this.preparing = this.makeSpare()
      .catch(() => {
        this.refused = true
      })
      .finally(() => (this.preparing = undefined))
  }

  /** Stops what goes on behind the caller's back. */
  async stop(): Promise<void> {
    this.hasten('stop')
    await this.preparing
  }

  private hasten(haste: 'hurry' | 'stop'): void {
    this.haste = haste
    this.endPause()
  }

  /** Turns a spare into the segment with this header, durably named, and opens it. */
  async activate(header: SegmentHeader): Promise<SegmentPair> {
    await this.ensureSpares(1)
    const spare = this.path(this.spares[0]!)
    // Until the rename it is still a spare, whatever its bytes are.
    await noSpaceAsLogError(this.writeHeader(spare, header))
    await noSpaceAsLogError(this.host.disk.rename(spare, this.path(segmentName(header.segment))))
    this.spares.shift()
    await this.host.disk.syncFolder(this.folder)
    await noSpaceAsLogError(this.noteNewest({ number: header.segment, sizeBytes: this.segmentBytes }))
    return this.openForWriting(header.segment)
  }

  /** Notes, durably, that the log goes as far as this segment, whose name is durable already. */
  async noteNewest(segment: NotedSegment): Promise<void> {
    if (this.noted?.number === segment.number) return
    const path = this.path(noteOf(segment))
    if (this.noted === undefined) await (await this.host.disk.open(path, { mode: 'create' })).close()
    else await this.host.disk.rename(this.path(noteOf(this.noted)), path)
    this.noted = segment
    await this.host.disk.syncFolder(this.folder)
  }

  private async writeHeader(path: string, header: SegmentHeader): Promise<void> {
    const file = await this.host.disk.open(path, { mode: 'write' })
    try {
      const sector = new Uint8Array(sectorBytes)
      sector.set(encodeSegmentHeader(header))
      await file.writeAt(0, sector)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  /** The segment's name goes, durably; its file becomes a spare where one is wanted. */
  async retire(segment: number, sizeBytes: number): Promise<void> {
    const path = this.path(segmentName(segment))
    if (this.spares.length >= keptSpares || sizeBytes !== this.segmentBytes) {
      await this.host.disk.remove(path)
      await this.host.disk.syncFolder(this.folder)
      return
    }
    const spare = `spare-${this.nextSpare++}`
    await this.host.disk.rename(path, this.path(spare))
    await this.host.disk.syncFolder(this.folder)
    this.spares.push(spare)
  }

  /** Makes the names of the segments durable, and that of the folder, which an earlier life may have left unsynced. */
  async syncNames(): Promise<void> {
    await this.host.disk.syncFolder(this.folder)
    await this.host.disk.syncFolder(parentOf(this.folder))
  }

  private async makeSpare(): Promise<void> {
    const name = `spare-${this.nextSpare++}`
    const file = await this.host.disk.open(this.path(name), { mode: 'create' })
    try {
      for (let from = 0; from < this.segmentBytes; from += sliceBytes) {
        if (from > 0) await this.pause()
        await file.allocate(from, Math.min(this.segmentBytes, from + sliceBytes))
      }
    } catch (error) {
      await file.close().catch(() => undefined)
      // A half-allocated file holds on to space that others need.
      await this.host.disk.remove(this.path(name)).catch(() => undefined)
      throw error
    }
    await file.close()
    this.spares.push(name)
  }

  private async pause(): Promise<void> {
    if (this.haste === 'calm') {
      await new Promise<void>((resolve) => {
        const cancel = this.host.at(pauseMs, resolve)
        this.endPause = () => {
          cancel()
          resolve()
        }
      })
    }
    if (this.haste === 'stop') throw new Error('the log is closing')
  }

  private path(name: string): string {
    return `${this.folder}/${name}`
  }
}

function noteOf({ number, sizeBytes }: NotedSegment): string {
  return `newest-${number.toString(16).padStart(16, '0')}-${sizeBytes.toString(16).padStart(8, '0')}`
}

function decodeNote(name: string): NotedSegment | undefined {
  const [, number, sizeBytes] = newestPattern.exec(name) ?? []
  if (number === undefined || sizeBytes === undefined) return undefined
  return { number: Number.parseInt(number, 16), sizeBytes: Number.parseInt(sizeBytes, 16) }
}

function parentOf(folder: string): string {
  const slash = folder.lastIndexOf('/')
  if (slash < 0) return '.'
  return slash === 0 ? '/' : folder.slice(0, slash)
}

export function isNoSpace(error: unknown): boolean {
  return (error instanceof DiskError || error instanceof LogError) && error.code === 'no-space'
}

async function noSpaceAsLogError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!isNoSpace(error) || error instanceof LogError) throw error
    throw new LogError('no-space', 'no space left for the log', { cause: error })
  }
}
