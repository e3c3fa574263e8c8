/**
 * The value of a document's key.
 *
 * | offset | bytes | meaning                                     |
 * |--------|-------|---------------------------------------------|
 * | 0      | 1     | format: 1                                   |
 * | 1      | …     | the document, BSON, `_id` its first element |
 *
 * In a capped collection:
 *
 * | offset | bytes | meaning                                     |
 * |--------|-------|---------------------------------------------|
 * | 0      | 1     | format: 2                                   |
 * | 1      | 8     | the number of its insertion, u64            |
 * | 9      | …     | the document                                |
 */
import { ByteReader, ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import { sliceLength, type Slice } from '../../base/slice.ts'

const format = 1
const numberedFormat = 2
const numberBytes = 8

/** Where the BSON begins in a stored value. */
const documentOffset = 1

const scratch = new ByteWriter(4096)
/** A larger one gets bytes of its own: nobody keeps as much for the next. */
const scratchBytes = 64 * 1024

/** Reused where the document is small: hand it to `put` at once. */
export function encodeStored(document: Slice, number?: number): Slice {
  const size = sliceLength(document) + documentOffset + numberBytes
  const writer = size > scratchBytes ? new ByteWriter(size) : scratch.reset()
  writer.u8(number === undefined ? format : numberedFormat)
  if (number !== undefined) writer.u64be(BigInt(number))
  writer.slice(document)
  return writer
}

/** The offset of the BSON; throws for a format that is not known. */
export function documentStart(stored: Slice): number {
  const found = stored.bytes[stored.start]
  if (found === format) return stored.start + documentOffset
  if (found === numberedFormat) return stored.start + documentOffset + numberBytes
  throw new PolylogError('data_newer', `a document is stored in format ${found}, not up to ${numberedFormat}`)
}

/** Of its insertion; undefined outside of capped collections. */
export function numberIn({ bytes, start, end }: Slice): number | undefined {
  if (bytes[start] !== numberedFormat) return undefined
  return Number(new ByteReader(bytes, start + documentOffset, end).u64be())
}
