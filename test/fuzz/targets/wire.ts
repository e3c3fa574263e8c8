/** The readers of messages, without what carries them out. */
import { BSON, BSONError, deserialize, serialize } from 'bson'
import { PolylogError } from '../../../src/base/errors.ts'
import { copySlice } from '../../../src/base/slice.ts'
import { beginTurn } from '../../../src/base/work.ts'
import { FrameReader } from '../../../src/gateway/mongodb/frames.ts'
import { crc32c, maxMessageBytes, parseMessage, type Message } from '../../../src/gateway/mongodb/wire.ts'
import { MessageFrames } from '../../../src/gateway/postgres/frames.ts'
import { MessageReader } from '../../../src/gateway/postgres/message-reader.ts'
import { readOptions, readStartupPacket, sniffPostgres } from '../../../src/gateway/postgres/startup.ts'
import { parsed, RequestParser } from '../../../src/gateway/redis/wire.ts'
import type { SeededRandom } from '../../../src/host/simulated/random.ts'
import { documentValue, FieldCursor, isNestedType, type BsonValue } from '../../../src/model/document/bson.ts'
import { NestingCheck, validateDocument } from '../../../src/model/document/validate.ts'
import {
  deepBson,
  frontendMessage,
  int32LE,
  mongoFrame,
  mongoHello,
  mongoMessage,
  redisCommand,
  startupPacket,
} from '../../end-to-end/protocol-bytes.ts'
import { refusing, Unexpected, type Target } from '../target.ts'

/** The input in pieces, as a network might cut it; where is told by the input itself, so that it is always the same. */
export function piecesOf(input: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let state = input.length + 1
  for (let at = 0; at < input.length;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    const end = Math.min(input.length, at + 1 + ((state >>> 16) % 64))
    pieces.push(Uint8Array.from(input.subarray(at, end)))
    at = end
  }
  return pieces
}

// ---- RESP

/** The requests, and the error that ends them. */
function requestsOf(pieces: readonly Uint8Array[]): string[] {
  const parser = new RequestParser(1024 * 1024)
  const found: string[] = []
  for (const piece of pieces) {
    parser.push(piece)
    for (let step = parser.next(); step !== parsed.more; step = parser.next()) {
      if (step === parsed.error) return [...found, parser.error]
      const { arguments: args } = parser
      if (step === parsed.request && args.count === 0) throw new Unexpected('a request without a word')
      const words = Array.from({ length: args.count }, (_, i) => Buffer.from(copySlice(args.at(i))).toString('latin1'))
      if (step === parsed.request) found.push(JSON.stringify(words))
    }
    parser.rest()
  }
  return found
}

export const respTarget: Target = {
  name: 'resp',
  title: 'requests of the Redis protocol',
  mostBytes: 4096,
  steps: { fixed: 3000, perByte: 120 },
  open: () =>
    Promise.resolve({
      seeds: [
        redisCommand('SET', 'key', 'a\r\nvalue'),
        Buffer.concat([redisCommand('GET', 'a'), redisCommand(''), redisCommand('PING')]),
        Buffer.from("set \"a \\x41\\n\" 'it\\'s'\r\n\r\n*0\r\n*-1\r\nping\n"),
        Buffer.from('*2\r\n$-1\r\n'),
      ],
      words: ['\r\n', '*', '$', '*3\r\n', '$5\r\n', '$0\r\n', '*1048577\r\n', '$536870913\r\n', '"', "'", '\\x'],
      run(input: Uint8Array) {
        const whole = requestsOf([Uint8Array.from(input)])
        const inPieces = requestsOf(piecesOf(input))
        if (whole.join('\n') !== inPieces.join('\n'))
          throw new Unexpected(`${whole.join()} in pieces ${inPieces.join()}`)
      },
    }),
}

// ---- PostgreSQL

function readFields(reader: MessageReader, type: string): void {
  if (type === 'Q') reader.text()
  else if (type === 'P') {
    reader.name()
    reader.text()
    for (let left = reader.u16(); left > 0; left--) reader.u32()
  } else if (type === 'B') {
    reader.name()
    reader.name()
    for (let left = reader.u16(); left > 0; left--) reader.u16()
    for (let left = reader.u16(); left > 0; left--) {
      const length = reader.i32()
      if (length >= 0) reader.take(length)
    }
    for (let left = reader.u16(); left > 0; left--) reader.u16()
  } else {
    reader.u8()
    reader.name()
  }
  reader.finish()
}

function readPostgres(pieces: readonly Uint8Array[]): string {
  const frames = new MessageFrames(64 * 1024)
  const reader = new MessageReader()
  let told = ''
  for (const piece of pieces) {
    frames.push(piece)
    while (frames.next()) {
      const type = String.fromCharCode(frames.type)
      told += type
      const { payloadStart: start, payloadEnd: end } = frames
      if (start > end || end > frames.bytes.length) throw new Unexpected('a message beyond what has come')
      refusing(() => readFields(reader.begin(frames.bytes, start, end), type), PolylogError)
      if (reader.at > end) throw new Unexpected('a field beyond its message')
    }
  }
  return told
}

export const postgresTarget: Target = {
  name: 'postgres-messages',
  title: "PostgreSQL's start-up packets and messages",
  mostBytes: 4096,
  steps: { fixed: 2000, perByte: 60 },
  open: () =>
    Promise.resolve({
      seeds: [
        startupPacket(),
        startupPacket({ user: 'me', options: '-c a=b --work-mem=4\\ MB -csearch_path=x' }),
        frontendMessage('Q', 'SELECT 1\0'),
        frontendMessage('P', 's\0SELECT $1::int\0\0\x01\0\0\0\x17'),
        frontendMessage('B', '\0s\0\0\x01\0\x01\0\x01\0\0\0\x011\0\0'),
        Buffer.concat([frontendMessage('D', 'S\0'), frontendMessage('E', '\0\0\0\0\0'), frontendMessage('S')]),
      ],
      words: [
        '\0\x03\0\0',
        '\x04\xd2\x16\x2f',
        '\x04\xd2\x16\x2e',
        'user\0',
        '\xff\xff\xff\xff',
        '\x7f\xff',
        '-c a=b ',
      ],
      repair(input: Uint8Array, random: SeededRandom) {
        const bytes = Buffer.from(input)
        const isStartup = bytes[0] === 0
        if (isStartup && bytes.length >= 8) bytes.writeUInt32BE(bytes.length, 0)
        else if (bytes.length >= 5 && random.chance(0.5)) bytes.writeUInt32BE(bytes.length - 1, 1)
        return bytes
      },
      run(input: Uint8Array) {
        if (sniffPostgres(input) === 'yes') {
          const packet = refusing(() => readStartupPacket(input), PolylogError)
          if ((packet?.sizeBytes ?? 0) > input.length) throw new Unexpected('a packet beyond what has come')
          const parameters = packet?.kind === 'startup' ? packet.parameters : undefined
          refusing(() => readOptions(parameters?.get('options') ?? ''), PolylogError)
          return
        }
        const whole = refusing(() => readPostgres([Uint8Array.from(input)]), PolylogError)
        const inPieces = refusing(() => readPostgres(piecesOf(input)), PolylogError)
        if (whole !== inPieces) throw new Unexpected(`${whole} in pieces ${inPieces}`)
      },
    }),
}

// ---- BSON and OP_MSG

const { Binary, BSONRegExp, Code, Decimal128, Double, Long, ObjectId, Timestamp } = BSON

const documents = [
  {},
  { a: 1, b: 'text', c: [1, 2, { d: null }], __proto__x: true },
  { l: Long.fromString('9007199254740993'), d: new Double(1.5), e: Decimal128.fromString('1E+40') },
  { o: new ObjectId(new Uint8Array(12)), t: new Timestamp({ t: 1, i: 2 }), b: new Binary(Buffer.from('xyz'), 2) },
  { r: new BSONRegExp('a+', 'i'), c: new Code('f()', { x: 1 }), when: new Date(5) },
]

/** Walks all of a document that is valid; nothing may lie beyond it. */
function walk(value: BsonValue, end: number): number {
  let count = 0
  const cursor = FieldCursor.of(value)
  while (cursor.next()) {
    count += 1 + cursor.name.length
    const { type, start, end: valueEnd } = cursor.value
    if (start > valueEnd || valueEnd > end) throw new Unexpected('a value beyond its document')
    if (isNestedType(type)) count += walk(cursor.value.reference(), end)
  }
  return count
}

/** What we take the driver's own library can read, too, but for what MongoDB's server takes as well and it does not. */
function readAsDriver(document: Uint8Array): void {
  try {
    deserialize(document, { promoteValues: false, bsonRegExp: true })
  } catch (error) {
    if (!(error instanceof BSONError && /subtype 0x02|regular expression option/.test(error.message))) throw error
  }
}

export const bsonTarget: Target = {
  name: 'bson',
  title: 'documents of MongoDB',
  mostBytes: 2048,
  steps: { fixed: 2000, perByte: 100 },
  open: () =>
    Promise.resolve({
      seeds: [...documents.map((document) => Buffer.from(serialize(document))), deepBson(5)],
      words: [int32LE(5), Buffer.from([3, 0x61, 0, 5, 0, 0, 0, 0]), Buffer.from([0x0f, 0x61, 0]), '__proto__\0'],
      // The outermost length, without which nothing is looked at.
      repair(input: Uint8Array) {
        const bytes = Buffer.concat([input, Buffer.alloc(Math.max(0, 5 - input.length))])
        bytes.writeInt32LE(bytes.length, 0)
        bytes[bytes.length - 1] = 0
        return bytes
      },
      run(input: Uint8Array) {
        const end = refusing(() => validateDocument(input, 0, input.length), PolylogError)
        if (end === undefined) return
        if (end > input.length) throw new Unexpected('a document beyond what has come')
        walk(documentValue(input), end)
        const check = new NestingCheck(documentValue(input))
        refusing(() => {
          while (!check.step());
        }, PolylogError)
        readAsDriver(input.subarray(0, end))
      },
    }),
}

function countOf({ body, sequences }: Message): number {
  const all = [body, ...sequences.flatMap((sequence) => sequence.documents)]
  return all.reduce((sum, document) => sum + walk(document, document.end), 0)
}

export const opMsgTarget: Target = {
  name: 'op-msg',
  title: "MongoDB's messages: sections, checksums, the legacy handshake, compressed ones",
  mostBytes: 4096,
  steps: { fixed: 6000, perByte: 200 },
  open() {
    const body = Buffer.concat([Buffer.from([0]), serialize({ insert: 'things', $db: 'test' })])
    const sequence = Buffer.concat([Buffer.from('documents\0'), ...documents.map((document) => serialize(document))])
    const section = Buffer.concat([Buffer.from([1]), int32LE(sequence.length + 4), sequence])
    const query = Buffer.concat([Buffer.from('admin.$cmd\0'), int32LE(0), int32LE(-1), serialize({ isMaster: 1 })])
    return Promise.resolve({
      seeds: [
        mongoHello,
        ...documents.map(mongoMessage),
        mongoFrame(Buffer.concat([body, section])),
        mongoFrame(query, { opCode: 2004 }),
        mongoFrame(Buffer.concat([int32LE(2013), int32LE(26), Buffer.from([0]), body]), { opCode: 2012 }),
        sealed(mongoFrame(Buffer.concat([body, Buffer.alloc(4)]), { flags: 1 })),
      ],
      words: [Buffer.from([0]), Buffer.from([1]), int32LE(2012), int32LE(2004), int32LE(1), section],
      repair(input: Uint8Array, random: SeededRandom) {
        const bytes = Buffer.from(input)
        if (bytes.length >= 16 && random.chance(0.9)) bytes.writeInt32LE(bytes.length, 0)
        return sealed(bytes)
      },
      run(input: Uint8Array) {
        const told = [[Uint8Array.from(input)], piecesOf(input)].map((pieces) => {
          const frames = new FrameReader(maxMessageBytes)
          let count = 0
          refusing(() => {
            for (const piece of pieces) {
              frames.push(piece)
              for (let frame = frames.next(1024 * 1024); frame !== undefined; frame = frames.next(1024 * 1024)) {
                beginTurn()
                if (frame.end > frames.bytes.length) throw new Unexpected('a message beyond what has come')
                count += 1 + countOf(parseMessage(frame.bytes, frame.start, frame.end))
              }
            }
          }, PolylogError)
          return count
        })
        if (told[0] !== told[1]) throw new Unexpected(`${told[0]} in pieces ${told[1]}`)
      },
    })
  },
}

/** With the checksum that its flags promise. */
function sealed(message: Buffer): Buffer {
  if (message.length >= 24 && (message.readUInt32LE(16) & 1) !== 0) {
    message.writeUInt32LE(crc32c(message, 0, message.length - 4), message.length - 4)
  }
  return message
}
