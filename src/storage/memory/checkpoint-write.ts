/**
 * Writes a snapshot as a checkpoint (`checkpoint-format.ts`) while the store goes on.
 *
 * The thread is given up at every write: about a quarter of a megabyte is packed between two of them, well under a
 * millisecond. A value too large for that goes out in pieces, its checksum carried on from piece to piece; the header of
 * its block, which needs the checksum, follows last. The manifest is written when all entries are synced, and the folder
 * is synced after it, so a checkpoint with a valid manifest is whole.
 */
import { crc32 } from 'node:zlib'
import { sliceOf } from '../../base/slice.ts'
import type { Slice } from '../../base/slice.ts'
import type { File, Host } from '../../host/host.ts'
import type { Cursor, Sequence, Snapshot } from '../store.ts'
import { blockHeaderBytes, EntryBlocks } from '../entry-blocks.ts'
import {
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
  readonly #blocks = new EntryBlocks(writeBytes + 2 * inlineValueMax)
  #position = 0
  #entries = 0
  #checksum = 0

  constructor(file: File) {
    this.#file = file
  }

  async writeAll(cursor: Cursor): Promise<void> {
    const blocks = this.#blocks
    while (cursor.next()) {
      const { key, value } = cursor
      this.#entries++
      if (value.end - value.start > inlineValueMax) {
        this.#closeBlock()
        await this.#flush()
        await this.#writeLarge(key, value)
        continue
      }
      if (!blocks.isOpen) blocks.open()
      blocks.add(key, value)
      if (blocks.payloadBytes >= blockPayloadTarget) this.#closeBlock()
      if (blocks.out.end >= writeBytes && !blocks.isOpen) await this.#flush()
    }
    this.#closeBlock()
    await this.#flush()
  }

  totals(): { entries: number; blocks: number; fileBytes: number; blocksChecksum: number } {
    return {
      entries: this.#entries,
      blocks: this.#blocks.blocks,
      fileBytes: this.#position,
      blocksChecksum: this.#checksum,
    }
  }

  #closeBlock(): void {
    if (!this.#blocks.isOpen) return
    this.#checksum = chainChecksum(this.#checksum, this.#blocks.close().checksum)
  }

  async #flush(): Promise<void> {
    const { out } = this.#blocks
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
    const blocks = this.#blocks
    const { out } = blocks
    blocks.open()
    blocks.addHead(key, end - start)
    let { checksum } = blocks.close(end - start)
    const header = out.bytes.slice(0, blockHeaderBytes)
    await this.#flush()
    for (let at = start; at < end; at += writeBytes) {
      out.copy(bytes, at, Math.min(at + writeBytes, end))
      checksum = crc32(out.bytes.subarray(0, out.end), checksum)
      await this.#flush()
    }
    new DataView(header.buffer).setUint32(0, checksum, true)
    await this.#file.writeAt(blockAt, header)
    this.#checksum = chainChecksum(this.#checksum, checksum)
  }
}
