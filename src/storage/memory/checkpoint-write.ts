/**
 * Writes a snapshot as a checkpoint (`checkpoint-format.ts`) while the store goes on.
 *
 * The thread is given up at every write: about a quarter of a megabyte is packed between two of them, well under a
 * millisecond. A value too large for that goes out in pieces, its checksum carried on from piece to piece; the header of
 * its block, which needs the checksum, follows last. The manifest is written when all entries are synced, and the folder
 * is synced after it, so a checkpoint with a valid manifest is whole.
 */
import { crc32 } from 'node:zlib'
import { ByteWriter } from '../../base/bytes.ts'
import { sliceOf } from '../../base/slice.ts'
import type { Slice } from '../../base/slice.ts'
import type { File, Host } from '../../host/host.ts'
import type { Cursor, Sequence, Snapshot } from '../store.ts'
import {
  blockHeaderBytes,
  blockPayloadTarget,
  chainChecksum,
  encodeManifest,
  entriesFileName,
  inlineValueMax,
  manifestFileName,
} from './checkpoint-format.ts'

const writeBytes = 256 << 10

/** Above every key that a store takes. */
const aboveAllKeys: Slice = sliceOf(new Uint8Array(0x1_0000).fill(0xff))
const belowAllKeys: Slice = sliceOf(new Uint8Array(0))

export async function writeCheckpoint(host: Host, folder: string, snapshot: Snapshot): Promise<Sequence> {
  const file = await host.disk.open(`${folder}/${entriesFileName}`, { mode: 'create' })
  const writer = new BlockWriter(file)
  try {
    await writer.writeAll(snapshot.scan({ start: belowAllKeys, end: aboveAllKeys }))
    await file.sync()
  } finally {
    await file.close()
  }
  const manifest = await host.disk.open(`${folder}/${manifestFileName}`, { mode: 'create' })
  try {
    await manifest.writeAt(0, encodeManifest({ sequence: snapshot.sequence, ...writer.totals() }))
    await manifest.sync()
  } finally {
    await manifest.close()
  }
  await host.disk.syncFolder(folder)
  return snapshot.sequence
}

class BlockWriter {
  readonly #file: File
  readonly #out = new ByteWriter(writeBytes + 2 * inlineValueMax)
  #position = 0
  #entries = 0
  #blocks = 0
  #checksum = 0
  /** Of the open block: where it begins in `#out`, or −1. */
  #blockStart = -1
  #blockEntries = 0
  #previousKey = new Uint8Array(0)
  #previousLength = 0

  constructor(file: File) {
    this.#file = file
  }

  async writeAll(cursor: Cursor): Promise<void> {
    while (cursor.next()) {
      const { key, value } = cursor
      this.#entries++
      if (value.end - value.start > inlineValueMax) {
        this.#closeBlock()
        await this.#flush()
        await this.#writeLarge(key, value)
        continue
      }
      this.#add(key, value)
      if (this.#out.end - this.#blockStart - blockHeaderBytes >= blockPayloadTarget) this.#closeBlock()
      if (this.#out.end >= writeBytes && this.#blockStart < 0) await this.#flush()
    }
    this.#closeBlock()
    await this.#flush()
  }

  totals(): { entries: number; blocks: number; fileBytes: number; blocksChecksum: number } {
    return {
      entries: this.#entries,
      blocks: this.#blocks,
      fileBytes: this.#position,
      blocksChecksum: this.#checksum,
    }
  }

  #add(key: Slice, value: Slice): void {
    const out = this.#out
    if (this.#blockStart < 0) this.#openBlock()
    const shared = this.#sharedWithPrevious(key)
    out.varint(shared)
    out.varint(key.end - key.start - shared)
    out.varint(value.end - value.start)
    out.copy(key.bytes, key.start + shared, key.end)
    out.copy(value.bytes, value.start, value.end)
    this.#remember(key, shared)
    this.#blockEntries++
  }

  #sharedWithPrevious(key: Slice): number {
    const length = Math.min(this.#previousLength, key.end - key.start)
    const previous = this.#previousKey
    let shared = 0
    while (shared < length && previous[shared] === key.bytes[key.start + shared]) shared++
    return shared
  }

  #remember(key: Slice, shared: number): void {
    const length = key.end - key.start
    if (this.#previousKey.length < length) {
      const longer = new Uint8Array(2 * length)
      longer.set(this.#previousKey)
      this.#previousKey = longer
    }
    for (let i = shared; i < length; i++) this.#previousKey[i] = key.bytes[key.start + i]!
    this.#previousLength = length
  }

  #openBlock(): void {
    this.#blockStart = this.#out.end
    this.#blockEntries = 0
    this.#previousLength = 0
    for (let i = 0; i < 4; i++) this.#out.u32le(0)
  }

  #closeBlock(): void {
    const start = this.#blockStart
    if (start < 0) return
    const out = this.#out
    out.setU32le(start + 4, out.end - start - blockHeaderBytes)
    out.setU32le(start + 8, this.#blockEntries)
    const checksum = crc32(out.bytes.subarray(start + 4, out.end), this.#blocks)
    out.setU32le(start, checksum)
    this.#count(checksum)
    this.#blockStart = -1
  }

  #count(checksum: number): void {
    this.#blocks++
    this.#checksum = chainChecksum(this.#checksum, checksum)
  }

  async #flush(): Promise<void> {
    const out = this.#out
    if (out.end === 0) return
    await this.#file.writeAt(this.#position, out.bytes.subarray(0, out.end))
    this.#position += out.end
    out.reset()
  }

  /** A block of one entry whose value is copied and written piece by piece. */
  async #writeLarge(key: Slice, value: Slice): Promise<void> {
    // The cursor's slices are reused, but they keep still until its next step.
    const { bytes, start, end } = value
    const blockAt = this.#position
    this.#openBlock()
    const out = this.#out
    out.varint(0)
    out.varint(key.end - key.start)
    out.varint(end - start)
    out.slice(key)
    out.setU32le(4, out.end - blockHeaderBytes + end - start)
    out.setU32le(8, 1)
    let checksum = crc32(out.bytes.subarray(4, out.end), this.#blocks)
    const header = out.bytes.slice(0, blockHeaderBytes)
    await this.#flush()
    for (let at = start; at < end; at += writeBytes) {
      out.copy(bytes, at, Math.min(at + writeBytes, end))
      checksum = crc32(out.bytes.subarray(0, out.end), checksum)
      await this.#flush()
    }
    new DataView(header.buffer).setUint32(0, checksum, true)
    await this.#file.writeAt(blockAt, header)
    this.#count(checksum)
    this.#blockStart = -1
  }
}
