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

/** What each kind of frame is answered with; of queries, what they begin with. */
const replies: Readonly<Record<string, Buffer>> = {
  P: message('1', Buffer.alloc(0)),
  B: message('2', Buffer.alloc(0)),
  D: rowDescription,
  E: Buffer.concat([row, selected]),
  S: ready,
  C: message('3', Buffer.alloc(0)),
  startup,
  tls: Buffer.from('N'),
  partitions,
  select: simpleSelect,
  begin: simpleBegin,
  other: simpleOther,
}

/** The same frames come together again and again. */
const joined = new Map<string, Buffer>()

function replyTo(kinds: string): Buffer | undefined {
  if (kinds === '') return undefined
  let bytes = joined.get(kinds)
  if (bytes === undefined) {
    bytes = Buffer.concat(kinds.split(' ').flatMap((kind) => replies[kind] ?? []))
    joined.set(kinds, bytes)
  }
  return bytes.length === 0 ? undefined : bytes
}

function kindOf(bytes: Buffer, at: number, end: number): string {
  const kind = String.fromCharCode(bytes[at]!)
  if (kind !== 'Q') return kind
  const first = bytes.toString('latin1', at + 5, at + 11).toUpperCase()
  if (first === 'SELECT') return bytes.subarray(at, end).includes('partstrat') ? 'partitions' : 'select'
  return first.startsWith('BEGIN') ? 'begin' : 'other'
}

const tlsRequest = 80_877_103

serveCanned(() => {
  let started = false
  return (bytes, end) => {
    let at = 0
    let kinds = ''
    for (;;) {
      const lengthAt = at + (started ? 1 : 0)
      if (end < lengthAt + 4) break
      const next = lengthAt + bytes.readInt32BE(lengthAt)
      if (end < next) break
      let kind = 'tls'
      if (started) kind = kindOf(bytes, at, next)
      else if (bytes.readInt32BE(at + 4) !== tlsRequest) {
        started = true
        kind = 'startup'
      }
      kinds = kinds === '' ? kind : `${kinds} ${kind}`
      at = next
    }
    return { reply: replyTo(kinds), rest: at }
  }
})
