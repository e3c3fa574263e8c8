/**
 * The files of a log's folder: named segments (`<16 hex digits>.log`) and spares (`spare-<n>`), which are whole segments'
 * worth of allocated bytes: fresh ones full of zeros, recycled ones full of frames that can never pass again.
 *
 * A segment is born from a spare: its header is written and synced, then the file gets its name and the folder is synced.
 * So what has a name has a header. It dies by becoming a spare again, or by removal where enough spares wait.
 *
 * The first segment is small, and each next one eight times as large until they have their full size: so that a database
 * in which little is written takes little of the disk. Only what has the full size is recycled.
 *
 * How far the log goes is noted beside it: the empty file `newest-<16 hex digits>-<8 hex digits>` names the newest segment
 * with its size in bytes, or, after a crash, the one before it. It is moved on when the segment's own name is durable and
 * before anything is written to the segment. So a log that ends before the segment it names, or in which that one is
 * shorter, has lost its end. A log that was made and never opened is its note alone, of segment 0.
 */
import type { Encryption, FileKey } from '../../host/encrypted/encryption.ts'
import { type Disk, DiskError, type File, type Host, type OpenOptions } from '../../host/host.ts'
import { LogError } from '../commit-log.ts'
import { encryptedHeader } from './segment-encryption.ts'
import { encodeSegmentHeader, type SegmentHeader } from './segment-header.ts'
import { sectorBytes } from './frame.ts'
import { segmentName, segmentNumber } from './segment.ts'

/** One segment's file opened twice: what must be durable at once goes through `syncing`, all else through `plain`. */
export interface SegmentPair {
  readonly syncing: File
  readonly plain: File
}

/** One that was just made, with the key of its frames where they are encrypted. */
export interface NewSegment extends SegmentPair {
  readonly key: FileKey | undefined
}

const sparePattern = /^spare-(\d{1,15})$/
const newestPattern = /^newest-([0-9a-f]{16})-([0-9a-f]{8})$/

/** The segment that the log goes as far as, at least. */
export interface NotedSegment {
  readonly number: number
  readonly sizeBytes: number
}
const keptSpares = 2
export const defaultFirstSegmentBytes: number = 128 * 1024
const growth = 8

interface Spare {
  readonly name: string
  readonly sizeBytes: number
}

/** Zeros are written in slices with pauses, because every commit waits behind them on the disk. */
const sliceBytes = 2 * 1024 * 1024
const pauseMs = 10

export class SegmentFiles {
  readonly folder: string
  readonly segmentBytes: number
  private readonly host: Host
  private spares: Spare[] = []
  /** Of the next spare that is made. */
  private spareBytes: number
  private nextSpare = 1
  private noted: NotedSegment | undefined
  private preparing: Promise<void> | undefined
  /** The last spare could not be made ahead: not tried again before one is needed. */
  private refused = false
  /** Somebody needs the spare that is being made: no more pauses. Nobody does any more: stop. */
  private haste: 'calm' | 'hurry' | 'stop' = 'calm'
  private endPause: () => void = () => undefined

  constructor(host: Host, folder: string, segmentBytes: number, firstSegmentBytes: number) {
    this.host = host
    this.folder = folder
    this.segmentBytes = segmentBytes
    this.spareBytes = Math.min(firstSegmentBytes, segmentBytes)
  }

  /** Bytes of the next segment. */
  get nextBytes(): number {
    return this.spares[0]?.sizeBytes ?? this.spareBytes
  }

  /** What follows a segment of this size is larger. */
  growBeyond(sizeBytes: number): void {
    this.spareBytes = Math.min(this.segmentBytes, sizeBytes * growth)
  }

  /** All names in the folder; `undefined` where it is missing. */
  async list(): Promise<string[] | undefined> {
    try {
      const names = await this.host.disk.list(this.folder)
      for (const name of names) {
        const found = decodeNote(name)
        if (found !== undefined && found.number > (this.noted?.number ?? -1)) this.noted = found
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
      const file = await this.open(name, { mode: 'read' })
      const size = await file.size()
      await file.close()
      if (size === this.segmentBytes && this.spares.length < keptSpares) this.spares.push({ name, sizeBytes: size })
      else await this.host.disk.remove(this.path(name))
    }
  }

  get encryption(): Encryption | undefined {
    return this.host.disk.encryption
  }

  openForReading(segment: number): Promise<File> {
    return this.open(segmentName(segment), { mode: 'read' })
  }

  private open(name: string, options: OpenOptions): Promise<File> {
    return this.host.disk.open(this.path(name), { ...options, encryptsItself: true })
  }

  async openForWriting(segment: number): Promise<SegmentPair> {
    const name = segmentName(segment)
    const plain = await this.open(name, { mode: 'write' })
    return { plain, syncing: await this.open(name, { mode: 'write', syncWrites: true }) }
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
  async activate(header: SegmentHeader): Promise<NewSegment> {
    await this.ensureSpares(1)
    const { name, sizeBytes } = this.spares[0]!
    const spare = this.path(name)
    // Until the rename it is still a spare, whatever its bytes are.
    const key = await noSpaceAsLogError(this.writeHeader(name, header))
    await noSpaceAsLogError(this.host.disk.rename(spare, this.path(segmentName(header.segment))))
    this.spares.shift()
    await this.host.disk.syncFolder(this.folder)
    await noSpaceAsLogError(this.noteNewest({ number: header.segment, sizeBytes }))
    this.growBeyond(sizeBytes)
    return { ...(await this.openForWriting(header.segment)), key }
  }

  /** Notes, durably, that the log goes as far as this segment, whose name is durable already. */
  async noteNewest(segment: NotedSegment): Promise<void> {
    if (this.noted?.number === segment.number) return
    const note = noteOf(segment)
    if (this.noted === undefined) await (await this.open(note, { mode: 'create' })).close()
    else await this.host.disk.rename(this.path(noteOf(this.noted)), this.path(note))
    this.noted = segment
    await this.host.disk.syncFolder(this.folder)
  }

  private async writeHeader(name: string, header: SegmentHeader): Promise<FileKey | undefined> {
    const encrypted = this.encryption && encryptedHeader(header, this.encryption)
    const file = await this.open(name, { mode: 'write' })
    try {
      const sector = new Uint8Array(sectorBytes)
      sector.set(encrypted?.bytes ?? encodeSegmentHeader(header))
      await file.writeAt(0, sector)
      await file.sync()
      return encrypted?.key
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
    this.spares.push({ name: spare, sizeBytes })
  }

  /** Makes the names of the segments durable, and that of the folder, which an earlier life may have left unsynced. */
  async syncNames(): Promise<void> {
    await this.host.disk.syncFolder(this.folder)
    await this.host.disk.syncFolder(parentOf(this.folder))
  }

  private async makeSpare(): Promise<void> {
    const name = `spare-${this.nextSpare++}`
    const sizeBytes = this.spareBytes
    const file = await this.open(name, { mode: 'create' })
    try {
      for (let from = 0; from < sizeBytes; from += sliceBytes) {
        if (from > 0) await this.pause()
        await file.allocate(from, Math.min(sizeBytes, from + sliceBytes))
      }
    } catch (error) {
      await file.close().catch(() => undefined)
      // A half-allocated file holds on to space that others need.
      await this.host.disk.remove(this.path(name)).catch(() => undefined)
      throw error
    }
    await file.close()
    this.spares.push({ name, sizeBytes })
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

/**
 * Makes the log of a database that nobody has opened yet; its folder must not be there. It is durable once that folder and
 * the one above have been synced.
 */
export async function makeEmptyLog(disk: Disk, folder: string): Promise<void> {
  await disk.makeFolder(folder)
  const path = `${folder}/${noteOf({ number: 0, sizeBytes: 0 })}`
  const note = await disk.open(path, { mode: 'create', encryptsItself: true })
  await note.close()
}

/** What is wrong with a log that was made, as far as the names in its folder tell; undefined where nothing is. */
export async function faultOfLog(disk: Disk, folder: string): Promise<string | undefined> {
  let names: string[]
  try {
    names = await disk.list(folder)
  } catch (error) {
    if (error instanceof DiskError && error.code === 'not-found') return 'the log is missing: its folder is missing'
    throw error
  }
  const newest = Math.max(-1, ...names.map((name) => segmentNumber(name) ?? -1))
  const noted = Math.max(-1, ...names.map((name) => decodeNote(name)?.number ?? -1))
  if (newest < 0 && noted < 0) return 'the log is missing: it has no segment'
  return Math.max(newest, 0) < noted ? missingSegment(noted) : undefined
}

/** The words of `recovery.ts` for damage at the beginning of a segment. */
function missingSegment(number: number): string {
  return `the log is damaged at ${segmentName(number)}+0: the segment is missing`
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
