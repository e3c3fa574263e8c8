/** Of each registered protocol, the bytes that the contract of gateways is tried with. Nothing outside of tests imports this. */
import { BSON } from 'bson'
import type { ProtocolName } from './protocols.ts'

export interface Probe {
  /** What clients begin with, each answered once. */
  readonly openings: readonly Buffer[]
  /** Of a first message that has not been understood and may go on for long. */
  readonly beginning: Buffer
  /** Runs a statement, and is answered once. */
  readonly request: Buffer
  /** Answered by at least `bytes`. */
  longReply(bytes: number): Buffer
  /** What `write` and `large` need; each answered once. */
  readonly preparing: readonly Buffer[]
  /** Writes, and is answered once. */
  readonly write: Buffer
  /** Messages of about so many bytes, of all kinds that may be so long; each answered once. */
  large(bytes: number): readonly Buffer[]
  /** Of what another connection sends to end the statement of a session whose client has received this. */
  cancel(received: Buffer, session: number): Buffer
  /** The protocol can end a statement only with its connection. */
  readonly cancelEnds: boolean
  /** How many whole answers these are. */
  countAnswers(received: Buffer): number
  /** How many of the answers are errors. */
  countErrors(received: Buffer): number
  /** Of a fault: its number as the log has it. */
  faultIn(received: Buffer): string | undefined
  /** The head of a message that may be this long, and that never comes. */
  announce(bytes: number): Buffer
  /** No message may be so long. */
  readonly oversized: Buffer
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function int32LE(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

function faultId(received: Buffer): string | undefined {
  return /internal error ([0-9a-f]{8})/.exec(received.toString('latin1'))?.[1]
}

// ---- PostgreSQL

function startup(): Buffer {
  const body = Buffer.concat([int32(196_608), Buffer.from('user\0me\0database\0polylog\0\0')])
  return Buffer.concat([int32(body.length + 4), body])
}

function query(text: string): Buffer {
  return Buffer.concat([Buffer.from('Q'), int32(text.length + 5), Buffer.from(`${text}\0`)])
}

function tagged(letter: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(letter), int32(body.length + 4), body])
}

/** The bodies of whole messages of this kind. */
function bodiesOf(received: Buffer, letter: string): Buffer[] {
  const bodies: Buffer[] = []
  for (let at = 0; at + 5 <= received.length;) {
    const end = at + 1 + received.readInt32BE(at + 1)
    if (received[at] === letter.charCodeAt(0) && end <= received.length) bodies.push(received.subarray(at + 5, end))
    at = end
  }
  return bodies
}

function cancelRequest(received: Buffer): Buffer {
  return Buffer.concat([int32(16), int32(80_877_102), bodiesOf(received, 'K')[0]!])
}

/** A COPY of lines in one message of this length, and one of a line that is as long. */
function copies(bytes: number): Buffer[] {
  const begin = query('COPY probe FROM STDIN')
  const line = `${'x'.repeat(99)}\n`
  return [line.repeat(Math.ceil(bytes / line.length)), `${'x'.repeat(bytes)}\n`].map((rows) =>
    Buffer.concat([begin, tagged('d', Buffer.from(rows)), tagged('c', Buffer.alloc(0))]),
  )
}

const postgres: Probe = {
  openings: [startup()],
  beginning: startup().subarray(0, -1),
  request: query('SELECT 1'),
  longReply: (bytes) => query(`SELECT repeat('x', ${bytes})`),
  preparing: [query('CREATE TABLE IF NOT EXISTS probe (line text)')],
  write: query("INSERT INTO probe VALUES ('x')"),
  large: (bytes) => [query(`SELECT length('${'x'.repeat(bytes)}')`), ...copies(bytes)],
  cancel: cancelRequest,
  cancelEnds: false,
  // A query string, or a start, is answered when the server is ready again.
  countAnswers: (received) => bodiesOf(received, 'Z').length,
  countErrors: (received) => bodiesOf(received, 'E').length,
  faultIn: faultId,
  announce: (bytes) => Buffer.concat([Buffer.from('Q'), int32(bytes)]),
  oversized: Buffer.concat([Buffer.from('Q'), int32(0x7fff_ffff)]),
}

// ---- Redis

function command(...words: string[]): Buffer {
  return Buffer.from(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`)
}

function countReplies(received: Buffer, isCounted = (_type: number): boolean => true): number {
  let count = 0
  for (let at = 0; at < received.length;) {
    const type = received[at]!
    const lineEnd = received.indexOf('\r\n', at)
    if (lineEnd < 0) break
    const length = type === 0x24 ? Number(received.toString('latin1', at + 1, lineEnd)) : -1
    at = lineEnd + 2 + (length < 0 ? 0 : length + 2)
    if (at > received.length) break
    if (isCounted(type)) count++
  }
  return count
}

const redis: Probe = {
  openings: [command('PING'), Buffer.from('PING\r\n'), Buffer.from('\tget  k\n')],
  beginning: Buffer.from('*2\r\n$4\r\nNOPE\r\n$60000000\r\n'),
  request: command('GET', 'k'),
  longReply: (bytes) => command('ECHO', 'x'.repeat(bytes)),
  preparing: [],
  write: command('SET', 'k', 'v'),
  large: (bytes) => [
    command('SET', 'large', 'x'.repeat(bytes)),
    command('RPUSH', 'list', ...Array.from({ length: Math.ceil(bytes / 40) }, (_, i) => `element ${i}`.padEnd(30))),
  ],
  cancel: () => command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'),
  cancelEnds: true,
  countAnswers: (received) => countReplies(received),
  countErrors: (received) => countReplies(received, (type) => type === 0x2d),
  faultIn: faultId,
  announce: (bytes) => Buffer.from(`*2\r\n$3\r\nGET\r\n$${bytes}\r\n`),
  oversized: Buffer.from('*2\r\n$3\r\nGET\r\n$2147483647\r\n'),
}

// ---- MongoDB

function message(document: Record<string, unknown>): Buffer {
  const body = BSON.serialize(document)
  return Buffer.concat([
    int32LE(21 + body.length),
    int32LE(7),
    int32LE(0),
    int32LE(2013),
    int32LE(0),
    Buffer.from([0]),
    body,
  ])
}

function oldQuery(document: Record<string, unknown>): Buffer {
  const body = BSON.serialize(document)
  const head = Buffer.concat([int32LE(0), Buffer.from('admin.$cmd\0'), int32LE(0), int32LE(-1)])
  return Buffer.concat([int32LE(16 + head.length + body.length), int32LE(7), int32LE(0), int32LE(2004), head, body])
}

function messagesOf(received: Buffer): Buffer[] {
  const messages: Buffer[] = []
  for (let at = 0; at + 4 <= received.length;) {
    const end = at + received.readInt32LE(at)
    if (end > received.length) break
    messages.push(received.subarray(at, end))
    at = end
  }
  return messages
}

/** Answers by OP_MSG, which those to old handshakes are not. */
function isError(answer: Buffer): boolean {
  return answer.readInt32LE(12) === 2013 && BSON.deserialize(answer.subarray(21))['ok'] !== 1
}

const mongodb: Probe = {
  openings: [message({ hello: 1, $db: 'admin' }), oldQuery({ isMaster: 1 })],
  beginning: message({ hello: 1, $db: 'admin' }).subarray(0, -1),
  request: message({ find: 'things', $db: 'shop' }),
  // An unknown command is named in its error.
  longReply: (bytes) => message({ ['x'.repeat(bytes)]: 1, $db: 'shop' }),
  preparing: [],
  write: message({ insert: 'things', documents: [{ a: 1 }], $db: 'shop' }),
  large: (bytes) => {
    const half = 'x'.repeat(bytes / 2)
    const documents = Array.from({ length: Math.ceil(bytes / 100) }, () => ({ text: 'x'.repeat(70) }))
    return [
      message({ insert: 'things', documents: [{ half }, { half }], $db: 'shop' }),
      message({ insert: 'things', documents, $db: 'shop' }),
    ]
  },
  cancel: (_received, session) => message({ killOp: 1, op: session, $db: 'admin' }),
  cancelEnds: false,
  countAnswers: (received) => messagesOf(received).length,
  countErrors: (received) => messagesOf(received).filter(isError).length,
  faultIn: faultId,
  announce: (bytes) => Buffer.concat([int32LE(bytes), int32LE(7), int32LE(0), int32LE(2013)]),
  oversized: Buffer.concat([int32LE(0x7fff_ffff), int32LE(7), int32LE(0), int32LE(2013)]),
}

/** Whoever registers a protocol writes its probe, or this does not compile. */
export const probes: Readonly<Record<ProtocolName, Probe>> = { postgres, redis, mongodb }
