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
  /** How many whole answers these are. */
  countAnswers(received: Buffer): number
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

/** A query string, or a start, is answered when the server is ready again. */
function countReady(received: Buffer): number {
  let count = 0
  for (let at = 0; at + 5 <= received.length;) {
    const end = at + 1 + received.readInt32BE(at + 1)
    if (received[at] === 0x5a && end <= received.length) count++
    at = end
  }
  return count
}

const postgres: Probe = {
  openings: [startup()],
  beginning: startup().subarray(0, -1),
  request: query('SELECT 1'),
  longReply: (bytes) => query(`SELECT repeat('x', ${bytes})`),
  countAnswers: countReady,
  faultIn: faultId,
  announce: (bytes) => Buffer.concat([Buffer.from('Q'), int32(bytes)]),
  oversized: Buffer.concat([Buffer.from('Q'), int32(0x7fff_ffff)]),
}

// ---- Redis

function command(...words: string[]): Buffer {
  return Buffer.from(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`)
}

function countReplies(received: Buffer): number {
  let count = 0
  for (let at = 0; at < received.length; count++) {
    const lineEnd = received.indexOf('\r\n', at)
    if (lineEnd < 0) break
    const length = received[at] === 0x24 ? Number(received.toString('latin1', at + 1, lineEnd)) : -1
    at = lineEnd + 2 + (length < 0 ? 0 : length + 2)
    if (at > received.length) break
  }
  return count
}

const redis: Probe = {
  openings: [command('PING'), Buffer.from('PING\r\n'), Buffer.from('\tget  k\n')],
  beginning: Buffer.from('*2\r\n$4\r\nNOPE\r\n$60000000\r\n'),
  request: command('GET', 'k'),
  longReply: (bytes) => command('ECHO', 'x'.repeat(bytes)),
  countAnswers: countReplies,
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

function countMessages(received: Buffer): number {
  let count = 0
  for (let at = 0; at + 4 <= received.length; count++) {
    at += received.readInt32LE(at)
    if (at > received.length) break
  }
  return count
}

const mongodb: Probe = {
  openings: [message({ hello: 1, $db: 'admin' }), oldQuery({ isMaster: 1 })],
  beginning: message({ hello: 1, $db: 'admin' }).subarray(0, -1),
  request: message({ find: 'things', $db: 'shop' }),
  // An unknown command is named in its error.
  longReply: (bytes) => message({ ['x'.repeat(bytes)]: 1, $db: 'shop' }),
  countAnswers: countMessages,
  faultIn: faultId,
  announce: (bytes) => Buffer.concat([int32LE(bytes), int32LE(7), int32LE(0), int32LE(2013)]),
  oversized: Buffer.concat([int32LE(0x7fff_ffff), int32LE(7), int32LE(0), int32LE(2013)]),
}

/** Whoever registers a protocol writes its probe, or this does not compile. */
export const probes: Readonly<Record<ProtocolName, Probe>> = { postgres, redis, mongodb }
