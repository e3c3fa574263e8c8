/** Well-formed and malformed messages of the three protocols, as bytes. */
import { BSON, type Document } from 'mongodb'

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export function int32LE(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

/** A startup packet of PostgreSQL's protocol 3.0. */
export function startupPacket(parameters: Record<string, string> = { user: 'me', database: 'polylog' }): Buffer {
  const text = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`)
  const body = Buffer.concat([int32(196_608), Buffer.from(`${text.join('')}\0`)])
  return Buffer.concat([int32(body.length + 4), body])
}

/** A message of PostgreSQL's protocol; `length` may lie. */
export function frontendMessage(type: string, body: Uint8Array | string = '', length?: number): Buffer {
  const bytes = Buffer.from(body)
  return Buffer.concat([Buffer.from(type), int32(length ?? bytes.length + 4), bytes])
}

/** An OP_MSG with one document. */
export function mongoMessage(document: Document): Buffer {
  return mongoFrame(Buffer.concat([Buffer.from([0]), BSON.serialize(document)]))
}

/** An OP_MSG with these sections; `length` and `opCode` may lie. */
export function mongoFrame(
  sections: Uint8Array,
  options: { length?: number; opCode?: number; flags?: number } = {},
): Buffer {
  const { length = 20 + sections.length, opCode = 2013, flags = 0 } = options
  return Buffer.concat([int32LE(length), int32LE(7), int32LE(0), int32LE(opCode), int32LE(flags), sections])
}

/** `{ hello: 1 }`, which every connection may ask. */
export const mongoHello: Buffer = mongoMessage({ hello: 1, $db: 'admin' })

/** The array that a Redis client sends. */
export function redisCommand(...words: string[]): Buffer {
  return Buffer.from(
    `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`,
  )
}

/** A document in a document, `depth` times. */
export function deepBson(depth: number): Buffer {
  const size = (levels: number): number => 5 + levels * 8
  const parts: Buffer[] = []
  for (let level = depth; level > 0; level--) parts.push(int32LE(size(level)), Buffer.from([3, 0x61, 0]))
  parts.push(int32LE(5), Buffer.alloc(depth + 1))
  return Buffer.concat(parts)
}
