/** Counters in the catalog: u64 little endian. */
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import type { Slice } from '../base/slice.ts'

export function encodeNumber(value: number): Slice {
  const writer = new ByteWriter(8)
  writer.u64le(BigInt(value))
  return writer
}

export function decodeNumber(value: Slice): number {
  return Number(ByteReader.of(value).u64le())
}
