/**
 * An answered retryable write, kept so that its repetition answers the same: operation i64 · time ms f64 · reply bytes,
 * all little endian.
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import { copySlice, type Slice } from '../base/slice.ts'

export interface RememberedReply {
  readonly operation: bigint
  readonly reply: Uint8Array
  readonly timeMs: number
}

export function encodeReply(reply: RememberedReply): Slice {
  const writer = new ByteWriter(16 + reply.reply.length)
  writer.i64le(reply.operation)
  writer.f64le(reply.timeMs)
  writer.copy(reply.reply)
  return writer
}

export function decodeReply(value: Slice): RememberedReply {
  const reader = ByteReader.of(value)
  const operation = reader.i64le()
  const timeMs = reader.f64le()
  return { operation, timeMs, reply: copySlice({ bytes: value.bytes, start: reader.at, end: value.end }) }
}
