/**
 * Writes a sorted file: all entries of an older one with a batch over them. The thread is given up at every read and write;
 * between two of them about a quarter of a megabyte is packed.
 */
import { crc32 } from 'node:zlib'
import { ByteWriter } from '../../base/bytes.ts'
import { compareSlices, MutableSlice, type Slice } from '../../base/slice.ts'
import type { Disk, File } from '../../host/host.ts'
import type { MutationBatch, MutationCursor } from '../base-store.ts'
import type { SortedFile } from './file.ts'
import { EntryBlocks } from '../entry-blocks.ts'
import { blockPayloadTarget, encodeFooter } from './format.ts'

const writeBytes = 256 << 10
/** Blocks of the older file that are read at once. */
const readBlocks = 64

/** Synced when it resolves, though its name is not. What was begun and fails is removed. */
export async function writeSortedFile(
  disk: Disk,
  path: string,
  older: SortedFile | undefined,
  batch: MutationBatch,
): Promise<void> {
  const file = await disk.open(path, { mode: 'create' })
  try {
    const writer = new FileWriter(file)
    await new Merge(writer, batch).writeAll(older)
    await writer.finish(batch.through)
    await file.sync()
    await file.close()
  } catch (error) {
    await file.close().catch(() => undefined)
    await disk.remove(path).catch(() => undefined)
    throw error
  }
}

class Merge {
  readonly #writer: FileWriter
  readonly #batch: MutationBatch
  readonly #entries: MutationCursor
  #hasEntry: boolean
  /** The first range that does not end before the key at hand. */
  #range = 0

  constructor(writer: FileWriter, batch: MutationBatch) {
    this.#writer = writer
    this.#batch = batch
    this.#entries = batch.entries()
    this.#hasEntry = this.#entries.next()
  }

  async writeAll(older: SortedFile | undefined): Promise<void> {
    const key = new MutableSlice()
    const value = new MutableSlice()
    const count = older?.index.blocks ?? 0
    for (let first = 0; first < count; first += readBlocks) {
      for (const block of await older!.readBlocks(first, Math.min(readBlocks, count - first))) {
        for (let slot = 0; slot < block.size; slot++) {
          const writing = this.#writeNewerBelow(block.key(slot, key))
          if (writing !== undefined) await writing
          if (this.#isReplaced(key) || this.#isDeleted(key)) continue
          this.#writer.add(key, block.value(slot, value))
          if (this.#writer.isFull) await this.#writer.flush()
        }
      }
    }
    await this.#writeNewerBelow(undefined)
  }

  /** Entries of the batch whose keys are below, or all that are left. An await each would cost more than the entry. */
  #writeNewerBelow(key: Slice | undefined): Promise<void> | undefined {
    for (;;) {
      if (!this.#hasEntry || (key !== undefined && compareSlices(this.#entries.key, key) >= 0)) return undefined
      this.#writeNewer()
      if (this.#writer.isFull) return this.#writer.flush().then(() => this.#writeNewerBelow(key))
    }
  }

  #writeNewer(): void {
    const { key, value } = this.#entries
    if (value !== undefined) this.#writer.add(key, value)
    this.#hasEntry = this.#entries.next()
  }

  /** The batch's entry of the same key counts. */
  #isReplaced(key: Slice): boolean {
    if (!this.#hasEntry || compareSlices(this.#entries.key, key) !== 0) return false
    this.#writeNewer()
    return true
  }

  #isDeleted(key: Slice): boolean {
    const { ranges } = this.#batch
    while (this.#range < ranges.length && compareSlices(ranges[this.#range]!.end, key) <= 0) this.#range++
    return this.#range < ranges.length && compareSlices(ranges[this.#range]!.start, key) <= 0
  }
}

class FileWriter {
  readonly #file: File
  readonly #blocks = new EntryBlocks(writeBytes + 4 * blockPayloadTarget)
  readonly #index = new ByteWriter()
  #position = 0
  #entries = 0
  /** Of the open block. */
  #firstKey: Uint8Array = new Uint8Array(0)

  constructor(file: File) {
    this.#file = file
  }

  /** After a block's end, so that nobody has to look back at what is written. */
  get isFull(): boolean {
    return this.#blocks.out.end >= writeBytes && !this.#blocks.isOpen
  }

  add(key: Slice, value: Slice): void {
    const blocks = this.#blocks
    if (!blocks.isOpen) {
      blocks.open()
      this.#firstKey = key.bytes.slice(key.start, key.end)
    }
    blocks.add(key, value)
    this.#entries++
    if (blocks.payloadBytes >= blockPayloadTarget) this.#closeBlock()
  }

  #closeBlock(): void {
    if (!this.#blocks.isOpen) return
    const { sizeBytes, entries } = this.#blocks.close()
    this.#index.varint(sizeBytes)
    this.#index.varint(entries)
    this.#index.varint(this.#firstKey.length)
    this.#index.copy(this.#firstKey)
  }

  async flush(): Promise<void> {
    const { out } = this.#blocks
    if (out.end === 0) return
    await this.#file.writeAt(this.#position, out.bytes.subarray(0, out.end))
    this.#position += out.end
    out.reset()
  }

  async finish(sequence: number): Promise<void> {
    this.#closeBlock()
    await this.flush()
    const blocksBytes = this.#position
    const index = this.#index.bytes.subarray(0, this.#index.end)
    if (index.length > 0) await this.#file.writeAt(blocksBytes, index)
    const footer = encodeFooter({
      sequence,
      entries: this.#entries,
      blocks: this.#blocks.blocks,
      blocksBytes,
      indexBytes: index.length,
      indexChecksum: crc32(index),
    })
    await this.#file.writeAt(blocksBytes + index.length, footer)
  }
}
