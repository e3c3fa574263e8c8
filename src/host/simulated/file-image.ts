import type { Survival } from './survival.ts'

/**
 * The content of one simulated file: what readers see, and what a power failure may leave of it.
 *
 * The bytes that readers see are the page cache. Beside them stand, for each sector that was written since it was last
 * synced, its older versions. A power failure leaves of each such sector any one of its versions, independently of all
 * others: lost, reordered and torn writes are all of this form. Likewise the length: any one it had since the last sync.
 *
 * Invariants:
 * - A sector is atomic: it is never found half old and half new.
 * - Versions are found in the form in which they once were readable: of two writes to one sector the later one cannot
 *   survive without the earlier one, because the page cache writes whole sectors.
 * - What lies beyond the length is zero.
 */
export class FileImage {
  #bytes: Uint8Array = new Uint8Array(0)
  #size = 0
  /** Counts changes; a version or length records the change that ended it. */
  #change = 0
  readonly #olderSectors = new Map<number, OldSector[]>()
  #olderSizes: OldSize[] = []
  readonly #tracksUnsynced: boolean

  constructor(options: { tracksUnsynced: boolean }) {
    this.#tracksUnsynced = options.tracksUnsynced
  }

  get size(): number {
    return this.#size
  }

  /** A moment for `sync`: what has been written until now. */
  get mark(): number {
    return this.#change
  }

  read(position: number, into: Uint8Array): number {
    const count = Math.max(0, Math.min(into.length, this.#size - position))
    into.set(this.#bytes.subarray(position, position + count))
    return count
  }

  write(position: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    const end = position + bytes.length
    this.#change += 1
    if (this.#tracksUnsynced) this.#keepOlder(position, end, bytes)
    this.#reserve(end)
    this.#bytes.set(bytes, position)
    if (end > this.#size) this.#resize(end)
  }

  truncate(size: number): void {
    this.#change += 1
    if (size < this.#size) {
      if (this.#tracksUnsynced) this.#keepOlder(size, this.#size, undefined)
      this.#bytes.fill(0, size, this.#size)
    } else this.#reserve(size)
    if (size !== this.#size) this.#resize(size)
  }

  /** What was written up to the mark is durable. */
  sync(mark: number): void {
    for (const [sector, older] of this.#olderSectors) {
      dropThrough(older, mark)
      if (older.length === 0) this.#olderSectors.delete(sector)
    }
    dropThrough(this.#olderSizes, mark)
  }

  /** A write with O_DSYNC has completed: its sectors are durable, and the length is at least their end. */
  syncRange(position: number, length: number): void {
    const end = position + length
    for (let sector = firstSector(position); sector < lastSector(end); sector += 1) this.#olderSectors.delete(sector)
    for (const older of this.#olderSizes) older.size = Math.max(older.size, Math.min(end, this.#size))
    this.#olderSizes = this.#olderSizes.filter((older) => older.size !== this.#size)
  }

  /** A sync failed: Linux forgets that these pages were never written, so that no later sync writes them. */
  abandon(mark: number): void {
    for (const older of this.#olderSectors.values()) for (const version of older) forget(version, mark)
    for (const older of this.#olderSizes) forget(older, mark)
  }

  /** The power failed: what is left becomes the content, and all of it is durable. */
  lose(survival: Survival): Losses {
    let lost = 0
    let kept = 0
    for (const [sector, older] of this.#olderSectors) {
      const index = survival.version(older.length + 1)
      const version = older[index]
      if (version === undefined) kept += 1
      else {
        lost += 1
        this.#bytes.set(version.bytes.subarray(0, this.#bytes.length - sector * SECTOR_BYTES), sector * SECTOR_BYTES)
      }
    }
    const size = this.#olderSizes[survival.version(this.#olderSizes.length + 1)]?.size ?? this.#size
    const shortened = size < this.#size
    this.#reserve(size)
    this.#size = size
    this.#bytes.fill(0, size)
    this.#olderSectors.clear()
    this.#olderSizes = []
    return { lost: lost > 0, torn: lost > 0 && kept > 0, shortened }
  }

  flipBit(position: number, bit: number): void {
    this.#bytes[position] = (this.#bytes[position] ?? 0) ^ (1 << bit)
  }

  #resize(size: number): void {
    if (this.#tracksUnsynced) this.#olderSizes.push({ size: this.#size, endedBy: this.#change })
    this.#size = size
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(size, this.#bytes.length * 2, 4096))
    larger.set(this.#bytes.subarray(0, this.#size))
    this.#bytes = larger
  }

  #keepOlder(from: number, to: number, bytes: Uint8Array | undefined): void {
    for (let sector = firstSector(from); sector < lastSector(to); sector += 1) {
      const start = sector * SECTOR_BYTES
      let older = this.#olderSectors.get(sector)
      const isNew = older === undefined && start >= this.#size
      // Zeros beyond the end change nothing but the length; a file that is being allocated consists of them.
      if (isNew && bytes !== undefined && areZeros(bytes, start - from)) continue
      const version = isNew ? ZEROS : this.#copySector(start)
      if (older === undefined) this.#olderSectors.set(sector, (older = []))
      older.push({ bytes: version, endedBy: this.#change })
    }
  }

  #copySector(start: number): Uint8Array {
    const copy = new Uint8Array(SECTOR_BYTES)
    copy.set(this.#bytes.subarray(start, start + SECTOR_BYTES))
    return copy
  }
}

export const SECTOR_BYTES = 512

export interface Losses {
  readonly lost: boolean
  /** Some sectors survived, others did not. */
  readonly torn: boolean
  readonly shortened: boolean
}

interface Older {
  /** The change that replaced it: once that is durable, this version is gone. */
  endedBy: number
}

interface OldSector extends Older {
  readonly bytes: Uint8Array
}

interface OldSize extends Older {
  size: number
}

const ZEROS = new Uint8Array(SECTOR_BYTES)

function firstSector(position: number): number {
  return Math.floor(position / SECTOR_BYTES)
}

function lastSector(end: number): number {
  return Math.ceil(end / SECTOR_BYTES)
}

function dropThrough(older: Older[], mark: number): void {
  let last = older.length - 1
  while (last >= 0 && (older[last] as Older).endedBy > mark) last -= 1
  older.splice(0, last + 1)
}

function forget(older: Older, mark: number): void {
  if (older.endedBy <= mark) older.endedBy = Infinity
}

/** Whether the part of `bytes` that falls into the sector which begins at `offset` (negative: before them) is zero. */
function areZeros(bytes: Uint8Array, offset: number): boolean {
  const part = bytes.subarray(Math.max(0, offset), offset + SECTOR_BYTES)
  return Buffer.compare(part, ZEROS.subarray(0, part.length)) === 0
}
