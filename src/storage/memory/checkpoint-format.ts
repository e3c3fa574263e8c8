/**
 * The bytes of a checkpoint: a folder with the files `entries` and `manifest`. Little endian throughout.
 *
 * `entries` is blocks (`entry-blocks.ts`), one directly after the other, in key order. One ends once its
 * payload has 64 KiB; a value over 128 KiB is the only entry of its block.
 *
 * `manifest` is 64 bytes, written last:
 *
 * | byte | field |
 * |---|---|
 * | 0 | magic `PLCM` |
 * | 4 | format u16: 1 |
 * | 6 | zero u16 |
 * | 8 | sequence u64 |
 * | 16 | entries u64 |
 * | 24 | blocks u64 |
 * | 32 | bytes of `entries` u64 |
 * | 40 | CRC-32 of the blocks' checksums, in order, u32 |
 * | 44 | zero |
 * | 60 | CRC-32 of bytes 0 … 59 |
 *
 * Every byte is under a checksum, and later formats keep magic, format and checksum where they are.
 */
import { crc32 } from 'node:zlib'
import { PolylogError } from '../../base/errors.ts'

export const entriesFileName: string = 'entries'
export const manifestFileName: string = 'manifest'
export const manifestBytes: number = 64
export const blockPayloadTarget: number = 64 << 10
/** Values above this are streamed in pieces. */
export const inlineValueMax: number = 128 << 10

const magic = 0x4d434c50 // 'PLCM'
const format = 1

export interface Manifest {
  readonly sequence: number
  readonly entries: number
  readonly blocks: number
  readonly fileBytes: number
  readonly blocksChecksum: number
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  const bytes = new Uint8Array(manifestBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic, true)
  view.setUint16(4, format, true)
  view.setBigUint64(8, BigInt(manifest.sequence), true)
  view.setBigUint64(16, BigInt(manifest.entries), true)
  view.setBigUint64(24, BigInt(manifest.blocks), true)
  view.setBigUint64(32, BigInt(manifest.fileBytes), true)
  view.setUint32(40, manifest.blocksChecksum, true)
  view.setUint32(60, crc32(bytes.subarray(0, 60)), true)
  return bytes
}

/** Of the whole file's bytes. Throws `data_corrupted`, or `data_newer` for a format that this version does not know. */
export function decodeManifest(bytes: Uint8Array, path: string): Manifest {
  if (bytes.length < manifestBytes) throw corrupt(path, bytes.length, `it ends before its ${manifestBytes} bytes`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint32(0, true) !== magic) throw corrupt(path, 0, 'it is not the manifest of a checkpoint')
  if (view.getUint32(60, true) !== crc32(bytes.subarray(0, 60))) throw corrupt(path, 60, 'its checksum does not match')
  const found = view.getUint16(4, true)
  if (found > format) {
    throw new PolylogError('data_newer', `${path} has format ${found}; this version reads formats up to ${format}`)
  }
  if (bytes.length !== manifestBytes) throw corrupt(path, manifestBytes, 'there are bytes after its end')
  const u64 = (at: number): number => {
    const value = view.getBigUint64(at, true)
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw corrupt(path, at, `the number ${value} is beyond any real one`)
    return Number(value)
  }
  return {
    sequence: u64(8),
    entries: u64(16),
    blocks: u64(24),
    fileBytes: u64(32),
    blocksChecksum: view.getUint32(40, true),
  }
}

export function corrupt(path: string, position: number, what: string): PolylogError {
  const message = `checkpoint ${path} is damaged at byte ${position}: ${what}`
  return new PolylogError('data_corrupted', message, { detail: { file: path, offset: position } })
}

/** Carries the checksum of all blocks on by one block's. */
export function chainChecksum(chain: number, blockChecksum: number): number {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, blockChecksum, true)
  return crc32(bytes, chain)
}
