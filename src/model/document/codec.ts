/**
 * The value of a document's key.
 *
 * | offset | bytes | meaning                                     |
 * |--------|-------|---------------------------------------------|
 * | 0      | 1     | format: 1                                   |
 * | 1      | …     | the document, BSON, `_id` its first element |
 */
import { ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import { sliceLength, type Slice } from '../../base/slice.ts'

const format = 1

/** Where the BSON begins in a stored value. */
export const documentOffset = 1

const scratch = new ByteWriter(4096)
/** A larger one gets bytes of its own: nobody keeps as much for the next. */
const scratchBytes = 64 * 1024

/** Reused where the document is small: hand it to `put` at once. */
export function encodeStored(document: Slice): Slice {
  const size = sliceLength(document) + documentOffset
  const writer = size > scratchBytes ? new ByteWriter(size) : scratch.reset()
  writer.u8(format)
  writer.slice(document)
  return writer
}

/** The offset of the BSON; throws for a format that is not known. */
export function documentStart(stored: Slice): number {
  const found = stored.bytes[stored.start]
  if (found !== format) throw new PolylogError('data_newer', `a document is stored in format ${found}, not ${format}`)
  return stored.start + documentOffset
}
