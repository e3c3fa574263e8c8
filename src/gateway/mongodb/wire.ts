/**
 * MongoDB's messages. All integers are little endian.
 *
 *   header   := length i32 (itself included), request id i32, response to i32, opcode i32
 *   OP_MSG   := header 2013, flags u32, section+, CRC-32C u32 where flag 0 is set
 *   section  := 00 document | 01 size i32 (itself included), identifier cstring, document*
 *   OP_QUERY := header 2004, flags i32, collection cstring, skip i32, return i32, document  (the handshake of old drivers)
 *   OP_REPLY := header 1, flags i32, cursor id i64, starting from i32, count i32, document
 *
 * Flags of OP_MSG: 0 checksum present, 1 more to come (no reply is wanted), 16 exhaust allowed. Bits 0–15 that are not
 * known must be refused.
 *
 * Everything is checked before it is used; documents are valid BSON when they leave here. A message whose documents are
 * not is answered with that, for it is known where the next one begins.
 */
import type { ByteWriter } from '../../base/bytes.ts'
import { charge, isTurnOver } from '../../base/work.ts'
import { bsonType, BsonValue, cstringEnd, documentValue, emptyDocument, readInt32 } from '../../model/document/bson.ts'
import { mongoCode } from '../../model/document/mongo-error.ts'
import { decodeName } from '../../model/document/names.ts'
import { maxMessageDocumentBytes, maxMessageNesting, Validation } from '../../model/document/validate.ts'
import { decodeUtf8 } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'

export const headerBytes = 16
export const maxMessageBytes = 48_000_000
/** A handshake is small: nobody gets 48 MB of memory before it. */
export const maxFirstMessageBytes: number = 16 * 1024

export const opcode = { reply: 1, query: 2004, compressed: 2012, message: 2013 } as const

const flagChecksum = 1
const flagMoreToCome = 2
const requiredFlags = 0xffff

export interface Header {
  readonly length: number
  readonly requestId: number
  readonly opcode: number
}

export interface Message {
  readonly requestId: number
  /** The caller wants no reply. */
  readonly moreToCome: boolean
  /** Of the legacy handshake: the reply is an OP_REPLY. */
  readonly isLegacy: boolean
  readonly body: BsonValue
  readonly sequences: readonly DocumentSequence[]
  /** Of the legacy handshake; an OP_MSG says `$db`. */
  readonly database: string | undefined
  /** What is wrong with its documents, then it has none. */
  readonly fault?: PolylogError
}

export interface DocumentSequence {
  readonly name: string
  readonly documents: readonly BsonValue[]
}

export function readHeader(bytes: Uint8Array, at: number): Header {
  return { length: readInt32(bytes, at), requestId: readInt32(bytes, at + 4), opcode: readInt32(bytes, at + 12) }
}

/** Steps that pause between two of them where the turn is over: a message of 48 MB may hold millions of values. */
export type ParseSteps<T> = Generator<void, T, void>

/** Throws `syntax` for what is no message. `bytes` from `start` to `end` is one whole message. */
export function parseMessage(bytes: Uint8Array, start: number, end: number): Message {
  const steps = messageSteps(bytes, start, end)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** The same in steps. */
export function* messageSteps(bytes: Uint8Array, start: number, end: number): ParseSteps<Message> {
  const header = readHeader(bytes, start)
  if (header.opcode === opcode.query) return yield* parseQuery(bytes, start, end, header.requestId)
  if (header.opcode !== opcode.message) throw malformed(`the opcode ${header.opcode} is not supported`)
  if (end - start < headerBytes + 5) throw malformed('an OP_MSG is cut short')
  const flags = readInt32(bytes, start + headerBytes) >>> 0
  if ((flags & requiredFlags & ~(flagChecksum | flagMoreToCome)) !== 0) {
    throw malformed(`unknown flags in OP_MSG: ${flags.toString(16)}`)
  }
  let limit = end
  if ((flags & flagChecksum) !== 0) {
    limit -= 4
    if (readInt32(bytes, limit) >>> 0 !== (yield* checksum(bytes, start, limit))) {
      throw malformed('OP_MSG checksum does not match')
    }
  }
  const { requestId } = header
  const moreToCome = (flags & flagMoreToCome) !== 0
  const sections = yield* catchFault(parseSections(bytes, start + headerBytes + 4, limit))
  return { requestId, moreToCome, isLegacy: false, database: undefined, ...sections }
}

type Sections = Pick<Message, 'body' | 'sequences' | 'fault'>

/** Only documents that are damaged or nested too deep have a number of their own; other errors end the connection. */
function* catchFault(parsing: ParseSteps<Sections>): ParseSteps<Sections> {
  try {
    return yield* parsing
  } catch (error) {
    const isFault = error instanceof PolylogError && faults.has(error.detail.mongoCode)
    if (!isFault) throw error
    return { body: documentValue(emptyDocument), sequences: [], fault: error }
  }
}

const faults: ReadonlySet<number | undefined> = new Set([mongoCode.invalidBson, mongoCode.overflow])

function* parseSections(bytes: Uint8Array, start: number, end: number): ParseSteps<Sections> {
  let body: BsonValue | undefined
  const sequences: DocumentSequence[] = []
  let at = start
  while (at < end) {
    const kind = bytes[at++]!
    if (kind === 0) {
      if (body !== undefined) throw malformed('OP_MSG has two bodies')
      body = yield* parseDocument(bytes, at, end)
      at = body.end
    } else if (kind === 1) {
      const size = end - at >= 4 ? readInt32(bytes, at) : 0
      if (size < 5 || size > end - at) throw malformed('a document sequence has an invalid length')
      sequences.push(yield* parseSequence(bytes, at + 4, at + size))
      at += size
    } else {
      throw malformed(`unknown section kind ${kind}`)
    }
  }
  if (body === undefined) throw malformed('OP_MSG has no body')
  return { body, sequences }
}

function* parseSequence(bytes: Uint8Array, start: number, end: number): ParseSteps<DocumentSequence> {
  const terminator = bytes.indexOf(0, start)
  if (terminator < 0 || terminator >= end) throw malformed('a document sequence has no name')
  const documents: BsonValue[] = []
  let at = terminator + 1
  while (at < end) {
    const document = yield* parseDocument(bytes, at, end)
    documents.push(document)
    at = document.end
  }
  return { name: decodeName(bytes, start, terminator), documents }
}

function* parseDocument(bytes: Uint8Array, at: number, end: number): ParseSteps<BsonValue> {
  const validation = new Validation(bytes, at, Math.min(end, at + maxMessageDocumentBytes), maxMessageNesting)
  for (let isDone = false; !isDone;) {
    isDone = validation.step()
    if (isTurnOver()) yield
  }
  return new BsonValue(bsonType.object, bytes, at, validation.end)
}

function* parseQuery(bytes: Uint8Array, start: number, end: number, requestId: number): ParseSteps<Message> {
  const nameStart = start + headerBytes + 4
  const terminator = bytes.indexOf(0, nameStart)
  if (terminator < 0 || terminator + 9 > end) throw malformed('an OP_QUERY is cut short')
  const namespace = decodeUtf8(bytes, nameStart, cstringEnd(bytes, nameStart) - 1)
  if (!namespace.endsWith('.$cmd')) throw malformed('OP_QUERY is supported for the handshake only')
  const sections = yield* catchFault(parseBody(bytes, terminator + 9, end))
  return { requestId, moreToCome: false, isLegacy: true, database: namespace.slice(0, -5), ...sections }
}

function* parseBody(bytes: Uint8Array, at: number, end: number): ParseSteps<Sections> {
  return { body: yield* parseDocument(bytes, at, end), sequences: [] }
}

function malformed(what: string): PolylogError {
  return new PolylogError('syntax', what, { detail: { mongoCode: 17 } })
}

/** Writes a reply's header; `endReply` fills in its length. Answers where it began. */
export function beginReply(out: ByteWriter, responseTo: number, requestId: number, isLegacy: boolean): number {
  const start = out.end
  out.u32le(0)
  out.i32le(requestId)
  out.i32le(responseTo)
  if (isLegacy) {
    out.i32le(opcode.reply)
    out.u32le(8) // await capable
    out.u64le(0n)
    out.u32le(0)
    out.u32le(1)
  } else {
    out.i32le(opcode.message)
    out.u32le(0)
    out.u8(0)
  }
  return start
}

export function endReply(out: ByteWriter, start: number): void {
  out.setU32le(start, out.end - start)
}

const crcTable = new Uint32Array(256)
for (let byte = 0; byte < 256; byte++) {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f6_3b78 : value >>> 1
  crcTable[byte] = value
}

/** CRC-32C (Castagnoli), which zlib does not have. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  return (extendCrc(0xffff_ffff, bytes, start, end) ^ 0xffff_ffff) >>> 0
}

function extendCrc(before: number, bytes: Uint8Array, start: number, end: number): number {
  let crc = before
  for (let i = start; i < end; i++) crc = crcTable[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8)
  return crc
}

const checksumBytes = 64 * 1024
const unitsPerByte = 3

function* checksum(bytes: Uint8Array, start: number, end: number): ParseSteps<number> {
  let crc = 0xffff_ffff
  for (let at = start; at < end; at += checksumBytes) {
    const stop = Math.min(at + checksumBytes, end)
    crc = extendCrc(crc, bytes, at, stop)
    charge(unitsPerByte * (stop - at))
    if (isTurnOver()) yield
  }
  return (crc ^ 0xffff_ffff) >>> 0
}
