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
const replies = new Map<string, Uint8Array>([
  ['hello', hello],
  ['ismaster', hello],
  ['isMaster', hello],
  ['find', found],
])

function nameOf(frame: Buffer): string {
  const end = frame.indexOf(0, 26)
  return frame.toString('latin1', 26, end)
}

function replyTo(frame: Buffer): Buffer {
  const legacy = frame.readInt32LE(12) === 2004
  const document = legacy ? hello : (replies.get(nameOf(frame)) ?? inserted)
  const head = Buffer.alloc(legacy ? 36 : 21)
  head.writeInt32LE(head.length + document.length, 0)
  head.writeInt32LE(frame.readInt32LE(4), 8)
  head.writeInt32LE(legacy ? 1 : 2013, 12)
  if (legacy) head.writeInt32LE(1, 32)
  return Buffer.concat([head, document])
}

await serveCanned((write) => {
  let pending: Buffer = Buffer.alloc(0)
  return (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    while (pending.length >= 4 && pending.length >= pending.readInt32LE(0)) {
      const end = pending.readInt32LE(0)
      write(replyTo(pending.subarray(0, end)))
      pending = pending.subarray(end)
    }
  }
})
