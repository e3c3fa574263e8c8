/**
 * Blocks of entries, as checkpoints and sorted files have them on the disk. Little endian throughout.
 *
 * | byte | field |
 * |---|---|
 * | 0 | CRC-32 of bytes 4 … end of the block, begun with the block's number (0, 1, …) |
 * | 4 | payload length u32 |
 * | 8 | entries u32, at least 1 |
 * | 12 | zero u32 |
 * | 16 | payload: entries |
 *
 * Entry: varint bytes shared with the key before it in the block · varint n · varint value length · n bytes, the rest of
 * the key · the value. A block's first entry shares nothing, so every block can be read alone.
 *
 * Output gathers in `out`, of which whoever writes it out takes what is there between two blocks.
 */
import { crc32 } from 'node:zlib'
import { ByteWriter } from '../base/bytes.ts'
import type { Slice } from '../base/slice.ts'

export const blockHeaderBytes: number = 16

export interface ClosedBlock {
  readonly sizeBytes: number
  readonly entries: number
  readonly checksum: number
}

export class EntryBlocks {
  readonly out: ByteWriter
  /** Those that are closed, which is the number of the open one. */
  blocks = 0
  /** Where the open block begins in `out`, or −1. */
  #start = -1
  #entries = 0
  readonly #lastKey = new ByteWriter()

  constructor(capacityBytes: number) {
    this.out = new ByteWriter(capacityBytes)
  }

  get isOpen(): boolean {
    return this.#start >= 0
  }

  /** Of the open block. */
  get payloadBytes(): number {
    return this.out.end - this.#start - blockHeaderBytes
  }

  open(): void {
    this.#start = this.out.end
    this.#entries = 0
    this.#lastKey.reset()
    for (let i = 0; i < 4; i++) this.out.u32le(0)
  }

  /** To the open block. */
  add(key: Slice, value: Slice): void {
    const { out } = this
    this.addHead(key, value.end - value.start)
    out.slice(value)
  }

  /** An entry whose value is written by somebody else. */
  addHead(key: Slice, valueBytes: number): void {
    const { out } = this
    const shared = sharedBytes(this.#lastKey, key)
    out.varint(shared)
    out.varint(key.end - key.start - shared)
    out.varint(valueBytes)
    out.copy(key.bytes, key.start + shared, key.end)
    this.#lastKey.truncate(shared)
    this.#lastKey.copy(key.bytes, key.start + shared, key.end)
    this.#entries++
  }

  /** `restBytes`: of its last value, that will follow what is in `out`; `checksum` is then that of what is there. */
  close(restBytes = 0): ClosedBlock {
    const { out } = this
    const start = this.#start
    out.setU32le(start + 4, out.end - start - blockHeaderBytes + restBytes)
    out.setU32le(start + 8, this.#entries)
    const checksum = crc32(out.bytes.subarray(start + 4, out.end), this.blocks)
    out.setU32le(start, checksum)
    this.blocks++
    this.#start = -1
    return { sizeBytes: out.end - start, entries: this.#entries, checksum }
  }
}

function sharedBytes(before: Slice, key: Slice): number {
  const length = Math.min(before.end, key.end - key.start)
  let shared = 0
  while (shared < length && before.bytes[shared] === key.bytes[key.start + shared]) shared++
  return shared
}
