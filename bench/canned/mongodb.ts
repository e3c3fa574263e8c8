/** The ceiling that Node sets for OP_MSG: frames are found, each gets the same reply for its first command name. */
import { serialize } from 'bson'
import { serveCanned } from './serve.ts'

const hello = serialize({
  isWritablePrimary: true,
  msg: 'isdbgrid',
  maxBsonObjectSize: 16_777_216,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  localTime: new Date(0),
  logicalSessionTimeoutMinutes: 30,
  minWireVersion: 0,
  maxWireVersion: 21,
  ok: 1,
})
const found = serialize({
  cursor: { firstBatch: [{ _id: 1, name: 'x'.repeat(64), n: 1 }], id: 0n, ns: 'bench.documents' },
  ok: 1,
})
const inserted = serialize({ n: 1, ok: 1 })
/** A whole message, but for the number of what it answers. */
function template(document: Uint8Array, isLegacy: boolean): Buffer {
  const head = Buffer.alloc(isLegacy ? 36 : 21)
  head.writeInt32LE(head.length + document.length, 0)
  head.writeInt32LE(isLegacy ? 1 : 2013, 12)
  if (isLegacy) head.writeInt32LE(1, 32)
  return Buffer.concat([head, document])
}

const query = 2004
const legacyHello = template(hello, true)
const replies = new Map([
  ['hello', template(hello, false)],
  ['find', template(found, false)],
])
const other = template(inserted, false)

/** The first bytes of the command's name tell those apart that drivers send. */
function replyTo(bytes: Buffer, at: number): Buffer {
  const name = bytes[at + 26] === 0x68 ? 'hello' : bytes.toString('latin1', at + 26, at + 30)
  const reply = Buffer.from(bytes.readInt32LE(at + 12) === query ? legacyHello : (replies.get(name) ?? other))
  reply.writeInt32LE(bytes.readInt32LE(at + 4), 8)
  return reply
}

serveCanned(() => (bytes, end) => {
  const all: Buffer[] = []
  let at = 0
  while (end - at >= 4 && end - at >= bytes.readInt32LE(at)) {
    all.push(replyTo(bytes, at))
    at += bytes.readInt32LE(at)
  }
  return { reply: all.length > 1 ? Buffer.concat(all) : all[0], rest: at }
})
