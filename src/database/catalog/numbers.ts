/** Counters in the catalog: u64 little endian. */
import { ByteReader, ByteWriter } from '../../base/bytes.ts'
import type { Slice } from '../../base/slice.ts'
import { numbersKey } from './catalog-entries.ts'
import type { TransactionReader } from '../contract.ts'

export function encodeNumber(value: number): Slice {
  const writer = new ByteWriter(8)
  writer.u64le(BigInt(value))
  return writer
}

export function decodeNumber(value: Slice): number {
  return Number(ByteReader.of(value).u64le())
}

/** The first number that the state knows not to be given out: see `TransactionServices.nextNumber`. */
export function storedNumbers(reader: Pick<TransactionReader, 'get'>): number {
  const stored = reader.get(numbersKey())
  return stored === undefined ? 1 : decodeNumber(stored)
}
