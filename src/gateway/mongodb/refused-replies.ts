/** What leaves in place of replies that told of what a full disk has refused: an error for each request. */
import { ByteWriter } from '../../base/bytes.ts'
import { BsonWriter } from '../../model/document/bson-writer.ts'
import type { PolylogError } from '../../base/errors.ts'
import { readInt32 } from '../../model/document/bson.ts'
import { toFailure } from './errors.ts'
import { beginReply, endReply, headerBytes, opcode, readHeader } from './wire.ts'

/** Undefined where one of the replies is an old handshake's. */
export function errorsFor(replies: Uint8Array, error: PolylogError): Uint8Array | undefined {
  const document = errorDocument(error)
  const out = new ByteWriter(replies.length)
  for (let at = 0; at < replies.length;) {
    if (replies.length - at < headerBytes) return undefined
    const header = readHeader(replies, at)
    if (header.opcode !== opcode.message) return undefined
    const start = beginReply(out, readInt32(replies, at + 8), header.requestId, false)
    out.slice(document)
    endReply(out, start)
    at += header.length
  }
  return out.toBytes()
}

/**
 * The write has certainly failed. On a full disk doing it again at once would not help; where another process leads, a
 * driver finds it: it does a retryable write again, or all of a transaction, whichever this was part of.
 */
function errorDocument(error: PolylogError): ByteWriter {
  const { message, code, codeName } = toFailure(error)
  const writer = new BsonWriter(new ByteWriter(256)).begin()
  writer.double('ok', 0).string('errmsg', message).int32('code', code).string('codeName', codeName)
  if (error.code === 'not_leading') {
    writer.beginArray('errorLabels')
    for (const [i, label] of steppedDownLabels.entries()) writer.string(String(i), label)
    writer.end()
  }
  writer.end()
  return writer.out
}

const steppedDownLabels = ['RetryableWriteError', 'TransientTransactionError']
