/** MongoDB's OP_MSG, as a client needs it: one document in a message, one back. */
import { deserialize, serialize, type Document } from 'bson'

const opMsg = 2013
const headerBytes = 16

export function encodeMessage(requestId: number, command: Document): Buffer {
  const body = serialize(command)
  const message = Buffer.alloc(headerBytes + 5 + body.length)
  message.writeInt32LE(message.length, 0)
  message.writeInt32LE(requestId, 4)
  message.writeInt32LE(opMsg, 12)
  message.set(body, headerBytes + 5)
  return message
}

export function decodeMessage(bytes: Buffer): { reply: Document; length: number } | undefined {
  if (bytes.length < 4) return undefined
  const length = bytes.readInt32LE(0)
  if (bytes.length < length) return undefined
  if (bytes.readInt32LE(12) !== opMsg || bytes[headerBytes + 4] !== 0) throw new Error('not a plain OP_MSG')
  return { reply: deserialize(bytes.subarray(headerBytes + 5, length)), length }
}
