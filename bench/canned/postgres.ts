/**
 * The ceiling that Node sets for PostgreSQL's protocol: frames are found and each gets the reply that its kind wants, with
 * the same row every time. No SQL is read, but for whether a query is a SELECT.
 */
import { serveCanned } from './serve.ts'

function message(kind: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(kind, 0)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const text = (value: string): Buffer => Buffer.from(`${value}\0`)
const ready = message('Z', Buffer.from('I'))
const column = Buffer.concat([text('abalance'), int32(0), int16(0), int32(23), int16(4), int32(-1), int16(0)])
const rowDescription = message('T', Buffer.concat([int16(1), column]))
const row = message('D', Buffer.concat([int16(1), int32(1), Buffer.from('1')]))
const selected = message('C', text('SELECT 1'))
const updated = message('C', text('UPDATE 1'))
const began = message('C', text('BEGIN'))
const startup = Buffer.concat([message('R', int32(0)), message('K', Buffer.concat([int32(1), int32(1)])), ready])
/** pgbench asks first how its tables are partitioned: not at all. */
const threeColumns = message('T', Buffer.concat([int16(3), column, column, column]))
const notPartitioned = message(
  'D',
  Buffer.concat([int16(3), int32(1), Buffer.from('1'), int32(-1), int32(1), Buffer.from('0')]),
)
const partitions = Buffer.concat([threeColumns, notPartitioned, selected, ready])
const simpleSelect = Buffer.concat([rowDescription, row, selected, ready])
const simpleOther = Buffer.concat([updated, ready])
const simpleBegin = Buffer.concat([began, ready])

const replies: Record<string, Buffer> = {
  P: message('1', Buffer.alloc(0)),
  B: message('2', Buffer.alloc(0)),
  D: rowDescription,
  E: Buffer.concat([row, selected]),
  S: ready,
  C: message('3', Buffer.alloc(0)),
}

function answer(kind: string, frame: Buffer): Buffer | undefined {
  if (kind !== 'Q') return replies[kind]
  const first = frame.toString('latin1', 5, 11).toUpperCase()
  if (first === 'SELECT') return frame.includes('partstrat') ? partitions : simpleSelect
  return first.startsWith('BEGIN') ? simpleBegin : simpleOther
}

await serveCanned((write) => {
  let pending: Buffer = Buffer.alloc(0)
  let started = false
  return (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    const out: Buffer[] = []
    for (;;) {
      const lengthAt = started ? 1 : 0
      if (pending.length < lengthAt + 4) break
      const end = lengthAt + pending.readInt32BE(lengthAt)
      if (pending.length < end) break
      const frame = pending.subarray(0, end)
      pending = pending.subarray(end)
      if (started) {
        const reply = answer(String.fromCharCode(frame[0]!), frame)
        if (reply !== undefined) out.push(reply)
      } else if (frame.readInt32BE(4) === 80_877_103) out.push(Buffer.from('N'))
      else {
        started = true
        out.push(startup)
      }
    }
    if (out.length > 0) write(out.length === 1 ? out[0]! : Buffer.concat(out))
  }
})
