/**
 * Reads a checkpoint (`checkpoint-format.ts`) and validates every byte of it: whatever is flipped, cut off or added
 * gives `data_corrupted` with the file and the position, never a different state.
 */
import { crc32 } from 'node:zlib'
import { MutableSlice } from '../../base/slice.ts'
import type { Slice } from '../../base/slice.ts'
import { DiskError } from '../../host/host.ts'
import type { Disk, File } from '../../host/host.ts'
import { blockHeaderBytes } from '../entry-blocks.ts'
import {
  chainChecksum,
  corrupt,
  decodeManifest,
  entriesFileName,
  manifestBytes,
  manifestFileName,
} from './checkpoint-format.ts'
import type { Manifest } from './checkpoint-format.ts'
import { keyBytesMax, valueBytesMax } from './record-layout.ts'

const readBytes = 1 << 20

/** Takes one entry; false where its key does not follow the one before. */
export type TakeEntry = (key: Slice, value: Slice) => boolean

export async function readCheckpoint(disk: Disk, folder: string, take: TakeEntry): Promise<Manifest> {
  const manifest = await readManifest(disk, `${folder}/${manifestFileName}`)
  const path = `${folder}/${entriesFileName}`
  const file = await openForReading(disk, path)
  try {
    await new BlockReader(file, path, manifest, take).readAll()
  } finally {
    await file.close()
  }
  return manifest
}

async function readManifest(disk: Disk, path: string): Promise<Manifest> {
  const file = await openForReading(disk, path)
  try {
    const bytes = new Uint8Array(manifestBytes + 1)
    const length = await file.readAt(0, bytes)
    return decodeManifest(bytes.subarray(0, length), path)
  } finally {
    await file.close()
  }
}

async function openForReading(disk: Disk, path: string): Promise<File> {
  try {
    return await disk.open(path, { mode: 'read' })
  } catch (error) {
    if (error instanceof DiskError && error.code === 'not-found') throw corrupt(path, 0, 'it is missing')
    throw error
  }
}

class BlockReader {
  readonly #file: File
  readonly #path: string
  readonly #manifest: Manifest
  readonly #take: TakeEntry
  /** A window of the file: `#length` bytes from `#from`. */
  #window = new Uint8Array(0)
  #from = 0
  #length = 0
  #entries = 0
  #key = new Uint8Array(256)
  readonly #keySlice = new MutableSlice()
  readonly #valueSlice = new MutableSlice()

  constructor(file: File, path: string, manifest: Manifest, take: TakeEntry) {
    this.#file = file
    this.#path = path
    this.#manifest = manifest
    this.#take = take
  }

  async readAll(): Promise<void> {
    const { fileBytes, blocks, blocksChecksum, entries } = this.#manifest
    const size = await this.#file.size()
    if (size !== fileBytes) throw corrupt(this.#path, Math.min(size, fileBytes), `${size} bytes, not ${fileBytes}`)
    this.#window = new Uint8Array(Math.min(readBytes, fileBytes))
    let position = 0
    let chain = 0
    for (let block = 0; block < blocks; block++) {
      await this.#load(position, blockHeaderBytes)
      const header = new DataView(this.#window.buffer, position - this.#from, blockHeaderBytes)
      const length = header.getUint32(4, true)
      if (length > fileBytes - position - blockHeaderBytes) {
        throw corrupt(this.#path, position + 4, `a block of ${length} bytes does not fit into the file`)
      }
      await this.#load(position, blockHeaderBytes + length)
      chain = chainChecksum(chain, this.#readBlock(position, length, block))
      position += blockHeaderBytes + length
    }
    if (position !== fileBytes) throw corrupt(this.#path, position, 'there are bytes after the last block')
    if (chain !== blocksChecksum) throw corrupt(this.#path, 0, 'its blocks are not those of the manifest')
    if (this.#entries !== entries) throw corrupt(this.#path, 0, `${this.#entries} entries, not ${entries}`)
  }

  /** Brings [position, position + length) into the window. The length was checked against the file's. */
  async #load(position: number, length: number): Promise<void> {
    const kept = this.#from + this.#length - position
    if (kept >= length) return
    const window = length > this.#window.length ? new Uint8Array(length) : this.#window
    window.set(this.#window.subarray(position - this.#from, this.#length))
    this.#window = window
    this.#from = position
    this.#length = kept
    while (this.#length < length) {
      const read = await this.#file.readAt(position + this.#length, window.subarray(this.#length))
      if (read === 0) throw corrupt(this.#path, position + this.#length, 'it ends here')
      this.#length += read
    }
  }

  /** Takes the entries of the block, which lies in the window; returns its checksum. */
  #readBlock(position: number, length: number, block: number): number {
    const start = position - this.#from
    const end = start + blockHeaderBytes + length
    const header = new DataView(this.#window.buffer, start, blockHeaderBytes)
    const checksum = header.getUint32(0, true)
    if (crc32(this.#window.subarray(start + 4, end), block) !== checksum) {
      throw corrupt(this.#path, position, `the checksum of block ${block} does not match`)
    }
    const count = header.getUint32(8, true)
    let at = start + blockHeaderBytes
    let keyLength = 0
    for (let i = 0; i < count; i++) {
      const entry = at
      const [shared, sharedEnd] = this.#varint(at, end)
      const [rest, restEnd] = this.#varint(sharedEnd, end)
      const [valueLength, keyStart] = this.#varint(restEnd, end)
      at = keyStart + rest + valueLength
      const tooLong = shared + rest > keyBytesMax || valueLength > valueBytesMax
      if (shared > keyLength || at > end || tooLong)
        throw corrupt(this.#path, this.#from + entry, 'an entry is longer than its block')
      keyLength = shared + rest
      this.#takeEntry(keyStart, shared, rest, valueLength)
    }
    if (at !== end || count === 0)
      throw corrupt(this.#path, this.#from + at, `block ${block} does not end with its entries`)
    this.#entries += count
    return checksum
  }

  #takeEntry(keyStart: number, shared: number, rest: number, valueLength: number): void {
    const window = this.#window
    if (shared + rest > this.#key.length) {
      const longer = new Uint8Array(2 * (shared + rest))
      longer.set(this.#key)
      this.#key = longer
    }
    for (let i = 0; i < rest; i++) this.#key[shared + i] = window[keyStart + i]!
    this.#keySlice.set(this.#key, 0, shared + rest)
    this.#valueSlice.set(window, keyStart + rest, keyStart + rest + valueLength)
    if (this.#take(this.#keySlice, this.#valueSlice)) return
    throw corrupt(this.#path, this.#from + keyStart, 'keys do not ascend')
  }

  /** A number of at most 32 bits, and where it ends. */
  #varint(at: number, end: number): readonly [number, number] {
    let value = 0
    for (let scale = 1; scale < 2 ** 35; scale *= 128) {
      if (at >= end) break
      const byte = this.#window[at++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return [value, at]
    }
    throw corrupt(this.#path, this.#from + at, 'a length is damaged')
  }
}
