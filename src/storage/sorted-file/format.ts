/**
 * The bytes of a sorted file: blocks of entries in key order, then their index, then a footer. Little endian throughout.
 *
 * Blocks are those of `entry-blocks.ts`. One ends once its payload has 4 KiB.
 *
 * The index has one entry for each block, in order: varint bytes of the block, its header included · varint entries · varint
 * n · n bytes, the block's first key.
 *
 * The footer is the last 64 bytes of the file:
 *
 * | byte | field |
 * |---|---|
 * | 0 | magic `PLSF` |
 * | 4 | format u16: 1 |
 * | 6 | zero u16 |
 * | 8 | sequence u64: the state that was written |
 * | 16 | entries u64 |
 * | 24 | blocks u64 |
 * | 32 | bytes of the blocks u64 |
 * | 40 | bytes of the index u64 |
 * | 48 | CRC-32 of the index |
 * | 52 | zero |
 * | 60 | CRC-32 of bytes 0 … 59 |
 *
 * Every byte is under a checksum: footer and index are checked when the file is opened, a block when it is read.
 */
import { crc32 } from 'node:zlib'
import { ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import { compareSlices, MutableSlice, type Slice } from '../../base/slice.ts'
import { blockHeaderBytes } from '../entry-blocks.ts'

export const blockPayloadTarget: number = 4096
export const footerBytes: number = 64

const magic = 0x46534c50 // 'PLSF'
const format = 1

export interface Footer {
  readonly sequence: number
  readonly entries: number
  readonly blocks: number
  readonly blocksBytes: number
  readonly indexBytes: number
  readonly indexChecksum: number
}

export function encodeFooter(footer: Footer): Uint8Array {
  const bytes = new Uint8Array(footerBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic, true)
  view.setUint16(4, format, true)
  view.setBigUint64(8, BigInt(footer.sequence), true)
  view.setBigUint64(16, BigInt(footer.entries), true)
  view.setBigUint64(24, BigInt(footer.blocks), true)
  view.setBigUint64(32, BigInt(footer.blocksBytes), true)
  view.setBigUint64(40, BigInt(footer.indexBytes), true)
  view.setUint32(48, footer.indexChecksum, true)
  view.setUint32(60, crc32(bytes.subarray(0, 60)), true)
  return bytes
}

/** Of a file of `fileBytes`. Throws `data_corrupted`, or `data_newer` for a format that this version does not know. */
export function decodeFooter(bytes: Uint8Array, fileBytes: number, path: string): Footer {
  const at = Math.max(0, fileBytes - footerBytes)
  if (bytes.length < footerBytes) throw corrupt(path, fileBytes, `it ends before its ${footerBytes} bytes of footer`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, footerBytes)
  if (view.getUint32(0, true) !== magic) throw corrupt(path, at, 'it does not end as a sorted file')
  if (view.getUint32(60, true) !== crc32(bytes.subarray(0, 60))) {
    throw corrupt(path, at + 60, "the footer's checksum does not match")
  }
  const found = view.getUint16(4, true)
  if (found > format) {
    throw new PolylogError('data_newer', `${path} has format ${found}; this version reads formats up to ${format}`)
  }
  const u64 = (field: number): number => {
    const value = view.getBigUint64(field, true)
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      throw corrupt(path, at + field, `the number ${value} is beyond any real one`)
    return Number(value)
  }
  const footer = {
    sequence: u64(8),
    entries: u64(16),
    blocks: u64(24),
    blocksBytes: u64(32),
    indexBytes: u64(40),
    indexChecksum: view.getUint32(48, true),
  }
  if (footer.blocksBytes + footer.indexBytes + footerBytes !== fileBytes) {
    throw corrupt(path, at + 32, `it has ${fileBytes} bytes, which are not those of its blocks, index and footer`)
  }
  return footer
}

/** Where the blocks lie, what each begins with, and how many entries come before it. */
export class BlockIndex {
  readonly entries: number
  readonly #bytes: Uint8Array
  readonly #keys: Uint32Array
  readonly #keyEnds: Uint32Array
  readonly #positions: Float64Array
  readonly #before: Float64Array
  readonly #key = new MutableSlice()

  /** Of `blocks` blocks. Throws `data_corrupted` with the position in the file. */
  constructor(bytes: Uint8Array, footer: Footer, path: string) {
    if (crc32(bytes) !== footer.indexChecksum) {
      throw corrupt(path, footer.blocksBytes, "the index's checksum does not match")
    }
    const { blocks } = footer
    // Each takes at least three bytes of index: a number that was made up is found out before room is made for it.
    if (blocks * 3 > bytes.length)
      throw corrupt(path, footer.blocksBytes, `its index is too short for ${blocks} blocks`)
    this.#bytes = bytes
    this.#keys = new Uint32Array(blocks)
    this.#keyEnds = new Uint32Array(blocks)
    this.#positions = new Float64Array(blocks + 1)
    this.#before = new Float64Array(blocks + 1)
    this.entries = footer.entries
    this.#read(new VarintReader(bytes, 0, bytes.length, path, footer.blocksBytes), footer, path)
  }

  #read(reader: VarintReader, footer: Footer, path: string): void {
    for (let block = 0; block < footer.blocks; block++) {
      const at = footer.blocksBytes + reader.at
      const length = reader.varint()
      const entries = reader.varint()
      const key = reader.take(reader.varint())
      if (length <= blockHeaderBytes || entries === 0) throw corrupt(path, at, `block ${block} is empty`)
      this.#keys[block] = key
      this.#keyEnds[block] = reader.at
      this.#positions[block + 1] = this.#positions[block]! + length
      this.#before[block + 1] = this.#before[block]! + entries
      if (block > 0 && compareSlices(copyOf(this.firstKey(block - 1)), this.firstKey(block)) >= 0) {
        throw corrupt(path, at, `the first key of block ${block} is not above that of the one before`)
      }
    }
    const [bytes, entries] = [this.#positions[footer.blocks]!, this.#before[footer.blocks]!]
    if (bytes !== footer.blocksBytes || entries !== footer.entries || reader.at !== this.#bytes.length) {
      throw corrupt(path, footer.blocksBytes, 'its index does not fit the footer')
    }
  }

  get blocks(): number {
    return this.#keys.length
  }

  get sizeBytes(): number {
    return this.#bytes.length + this.#keys.byteLength * 2 + this.#positions.byteLength * 2
  }

  position(block: number): number {
    return this.#positions[block]!
  }

  /** Entries of the blocks before it. */
  entriesBefore(block: number): number {
    return this.#before[block]!
  }

  /** Reused. */
  firstKey(block: number): Slice {
    return this.#key.set(this.#bytes, this.#keys[block]!, this.#keyEnds[block]!)
  }

  /** The last block whose first key is not above `key`; −1 where there is none. */
  find(key: Slice): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareSlices(this.firstKey(middle), key) <= 0) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

function copyOf({ bytes, start, end }: Slice): Slice {
  return { bytes, start, end }
}

/** The entries of one block, in memory of its own. */
export class Block {
  readonly size: number
  readonly #keys: Uint8Array
  readonly #keyEnds: Uint32Array
  readonly #bytes: Uint8Array
  readonly #values: Uint32Array

  /** `bytes` are the block's and nobody else's. Throws `data_corrupted` with the position in the file. */
  constructor(bytes: Uint8Array, number: number, entries: number, path: string, position: number) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    if (view.getUint32(0, true) !== crc32(bytes.subarray(4), number)) {
      throw corrupt(path, position, `the checksum of block ${number} does not match`)
    }
    const count = view.getUint32(8, true)
    if (view.getUint32(4, true) !== bytes.length - blockHeaderBytes || count !== entries || count * 3 > bytes.length) {
      throw corrupt(path, position + 4, `block ${number} does not have the length and the entries that the index says`)
    }
    this.size = count
    this.#bytes = bytes
    this.#keyEnds = new Uint32Array(count + 1)
    this.#values = new Uint32Array(2 * count)
    this.#keys = this.#read(new VarintReader(bytes, blockHeaderBytes, bytes.length, path, position))
  }

  #read(reader: VarintReader): Uint8Array {
    const keys = new ByteWriter(2 * blockPayloadTarget)
    for (let i = 0; i < this.size; i++) {
      const shared = reader.varint()
      const rest = reader.varint()
      const valueLength = reader.varint()
      const [before, end] = [this.#keyEnds[Math.max(0, i - 1)]!, this.#keyEnds[i]!]
      if (shared > end - before) throw reader.damaged('a key shares more than there is')
      keys.reserve(shared)
      keys.copy(keys.bytes, before, before + shared)
      const key = reader.take(rest)
      keys.copy(this.#bytes, key, reader.at)
      this.#keyEnds[i + 1] = keys.end
      if (i > 0 && !ascends(keys.bytes, before, end, keys.end)) throw reader.damaged('keys do not ascend')
      this.#values[2 * i] = reader.take(valueLength)
      this.#values[2 * i + 1] = reader.at
    }
    reader.finish()
    return keys.bytes.slice(0, keys.end)
  }

  get sizeBytes(): number {
    return this.#bytes.length + this.#keys.length + 12 * this.size
  }

  key(slot: number, into: MutableSlice): MutableSlice {
    return into.set(this.#keys, this.#keyEnds[slot]!, this.#keyEnds[slot + 1]!)
  }

  value(slot: number, into: MutableSlice): MutableSlice {
    return into.set(this.#bytes, this.#values[2 * slot]!, this.#values[2 * slot + 1]!)
  }

  /** The slot of the first entry whose key is not below `key`; `size` where there is none. */
  lowerBound(key: Slice): number {
    const probe = new MutableSlice()
    let low = 0
    let high = this.size
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareSlices(this.key(middle, probe), key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Whether the key from `start` to `middle` is below the one from there to `end`. */
function ascends(bytes: Uint8Array, start: number, middle: number, end: number): boolean {
  return compareSlices({ bytes, start, end: middle }, { bytes, start: middle, end }) < 0
}

/** Reads lengths that were written by somebody else. */
class VarintReader {
  at: number
  readonly #bytes: Uint8Array
  readonly #end: number
  readonly #path: string
  readonly #position: number

  /** `position` in the file is that of the byte 0 of `bytes`. */
  constructor(bytes: Uint8Array, start: number, end: number, path: string, position: number) {
    this.#bytes = bytes
    this.at = start
    this.#end = end
    this.#path = path
    this.#position = position
  }

  varint(): number {
    let value = 0
    for (let scale = 1; scale < 2 ** 42 && this.at < this.#end; scale *= 128) {
      const byte = this.#bytes[this.at++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    throw this.damaged('a length is damaged')
  }

  /** Passes over so many bytes; where they begin. */
  take(length: number): number {
    const start = this.at
    if (length > this.#end - start) throw this.damaged('an entry is longer than what it lies in')
    this.at += length
    return start
  }

  finish(): void {
    if (this.at !== this.#end) throw this.damaged('it does not end with its entries')
  }

  damaged(what: string): PolylogError {
    return corrupt(this.#path, this.#position + this.at, what)
  }
}

export function corrupt(path: string, position: number, what: string): PolylogError {
  const message = `sorted file ${path} is damaged at byte ${position}: ${what}`
  return new PolylogError('data_corrupted', message, { detail: { file: path, offset: position } })
}
