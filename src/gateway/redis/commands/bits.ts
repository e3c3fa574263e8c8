/** Strings as rows of bits: of a long one only the pieces are touched that a command needs, in slices. */
import { charge } from '../../../base/work.ts'
import { sliceOf, type Slice } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import {
  type BitOperation,
  bitOf,
  bitsBeside,
  combineBits,
  countBits,
  findBit,
  invertBits,
  withBit,
} from '../../../model/keyvalue/bits.ts'
import { Header, kind } from '../../../model/keyvalue/codec.ts'
import { deleteKey, findHeader, wrongType } from '../../../model/keyvalue/keyvalue.ts'
import { piecesOfString } from '../../../model/keyvalue/long-strings.ts'
import { readPieces } from '../../../model/keyvalue/pieces.ts'
import { findString, lengthOf, setString, setStringRange } from '../../../model/keyvalue/strings.ts'
import { byteAt, readParts } from '../../../model/keyvalue/string-parts.ts'
import { eachStep } from '../../../model/keyvalue/walk.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { followedBy } from './long-values.ts'

/** Redis's limit for a string is 512 MB, whatever ours is. */
const bitLimit = 2 ** 32

/** Of a byte that is counted, looked through or combined. */
const byteUnits = 2

const offsetMessage = 'ERR bit offset is not an integer or out of range'

export function offsetOf(call: Call, position: number): number {
  return checkOffset(call.integer(position, offsetMessage))
}

export function checkOffset(offset: number): number {
  if (offset < 0 || offset >= bitLimit) throw new CommandError(offsetMessage)
  return offset
}

function setBit(call: Call): Steps {
  const offset = offsetOf(call, 2)
  const message = 'ERR bit is not an integer or out of range'
  const bit = call.integer(3, message)
  if (bit !== 0 && bit !== 1) throw new CommandError(message)
  const at = Math.floor(offset / 8)
  const found = findString(call.tx, call.space, call.arg(1))
  const length = found === undefined ? 0 : lengthOf(found)
  const byte = found === undefined || at >= length ? 0 : byteAt(call.tx, call.space, found, at)
  const before = bitOf(byte, offset)
  const isSame = at < length && before === bit
  const part = sliceOf(Uint8Array.of(withBit(byte, offset, bit)))
  const written = isSame ? 0 : setStringRange(call.tx, call.writableSpace, call.arg(1), at, part)
  const steps = typeof written === 'number' ? undefined : untilDone(written)
  return followedBy(call, steps, () => call.reply.integer(before))
}

export function* untilDone(steps: StatementSteps<unknown>): StatementSteps<void> {
  yield* steps
}

function getBit(call: Call): void {
  const offset = offsetOf(call, 2)
  const at = Math.floor(offset / 8)
  const found = findString(call.tx, call.space, call.arg(1))
  const isThere = found !== undefined && at < lengthOf(found)
  call.reply.integer(isThere ? bitOf(byteAt(call.tx, call.space, found, at), offset) : 0)
}

/** Of bits, both included; `from` beyond `to` where the range is empty. */
interface BitRange {
  readonly from: number
  readonly to: number
}

function isByBits(call: Call, position: number): boolean {
  if (position >= call.count) return false
  const unit = call.option(position)
  if (unit !== 'BIT' && unit !== 'BYTE') throw syntaxError()
  return unit === 'BIT'
}

/** Of a string of `length` bytes; negative positions count from its end. */
function bitRange(length: number, start: number, end: number, byBits: boolean): BitRange {
  const size = byBits ? length * 8 : length
  const from = Math.max(0, start < 0 ? size + start : start)
  const to = Math.min(size - 1, Math.max(0, end < 0 ? size + end : end))
  return byBits || from > to ? { from, to } : { from: from * 8, to: to * 8 + 7 }
}

function* countSet(call: Call): StatementSteps<void> {
  const found = findString(call.tx, call.space, call.arg(1))
  if (found === undefined) return call.reply.integer(0)
  const { from, to } = countedRange(call, lengthOf(found))
  if (from > to) return call.reply.integer(0)
  let count = 0
  let first: number | undefined
  let last = 0
  const take = (part: Slice): void => {
    charge((part.end - part.start) * byteUnits)
    first ??= part.bytes[part.start]!
    last = part.bytes[part.end - 1]!
    count += countBits(part)
  }
  yield* readParts(call.tx, call.space, found, Math.floor(from / 8), Math.floor(to / 8) + 1, take)
  call.reply.integer(count - bitsBeside(first!, from, last, to))
}

function countedRange(call: Call, length: number): BitRange {
  if (call.count === 2) return bitRange(length, 0, -1, false)
  if (call.count !== 4 && call.count !== 5) throw syntaxError()
  const start = call.integer(2)
  const end = call.integer(3)
  if (start < 0 && end < 0 && start > end) return { from: 1, to: 0 }
  return bitRange(length, start, end, isByBits(call, 4))
}

function* findFirst(call: Call): StatementSteps<void> {
  const bit = call.integer(2)
  if (bit !== 0 && bit !== 1) throw new CommandError('ERR The bit argument must be 1 or 0.')
  const found = findString(call.tx, call.space, call.arg(1))
  if (found === undefined) return call.reply.integer(bit === 1 ? -1 : 0)
  const { from, to } = searchedRange(call, lengthOf(found))
  if (from > to) return call.reply.integer(-1)
  let at = Math.floor(from / 8) * 8
  let position: number | undefined
  const take = (part: Slice): boolean => {
    charge((part.end - part.start) * byteUnits)
    const bits = (part.end - part.start) * 8
    const place = findBit(part, bit, Math.max(0, from - at), Math.min(to - at, bits - 1))
    if (place !== undefined) position = at + place
    at += bits
    return place === undefined
  }
  yield* readParts(call.tx, call.space, found, Math.floor(from / 8), Math.floor(to / 8) + 1, take)
  // Without an end, zeros follow behind the string.
  call.reply.integer(position ?? (bit === 0 && call.count < 5 ? to + 1 : -1))
}

function searchedRange(call: Call, length: number): BitRange {
  if (call.count === 3) return bitRange(length, 0, -1, false)
  if (call.count > 6) throw syntaxError()
  const start = call.integer(3)
  const byBits = isByBits(call, 5)
  return bitRange(length, start, call.count > 4 ? call.integer(4) : -1, byBits)
}

const operations: ReadonlySet<string> = new Set(['AND', 'OR', 'XOR', 'NOT'])

/** The length of the longest; checks that all are strings. */
function* longestInput(call: Call): StatementSteps<number> {
  const { space } = call
  const header = new Header()
  let longest = 0
  yield* eachStep(call.tx, 3, call.count, 1, (at) => {
    if (!findHeader(call.tx, space, call.arg(at), header)) return
    if (header.kind !== kind.string) throw wrongType()
    longest = Math.max(longest, lengthOf(header))
  })
  return longest
}

function* combine(call: Call): StatementSteps<void> {
  const operation = call.option(1)
  if (!operations.has(operation)) throw syntaxError()
  if (operation === 'NOT' && call.count !== 4) {
    throw new CommandError('ERR BITOP NOT must be called with a single source key.')
  }
  const length = yield* longestInput(call)
  const space = yield* inPlace(call.tx, () => call.writableSpace)
  if (length === 0) {
    yield* inPlace(call.tx, () => deleteKey(call.tx, space, call.arg(2)))
    return call.reply.integer(0)
  }
  call.tx.workspace.memory.charge(length, 'the result of BITOP')
  const result = new Uint8Array(length)
  yield* eachStep(call.tx, 3, call.count, 1, (at) => addInput(call, operation, result, at))
  const steps = yield* inPlace(call.tx, () => setString(call.tx, space, call.arg(2), sliceOf(result)))
  if (steps !== undefined) yield* steps
  call.reply.integer(length)
}

/** What is behind the end of a shorter input is zero. */
function* addInput(call: Call, operation: string, result: Uint8Array, position: number): StatementSteps<void> {
  const { tx, space } = call
  const header = new Header()
  let at = 0
  const take = (part: Slice): void => {
    const size = part.end - part.start
    charge(size * byteUnits)
    if (position === 3) result.set(part.bytes.subarray(part.start, part.end), at)
    else combineBits(operation as BitOperation, result, at, part)
    if (operation === 'NOT') invertBits(result, at, at + size)
    at += size
  }
  const isLong = yield* inPlace(tx, () => {
    if (!findHeader(tx, space, call.arg(position), header)) return false
    if (!header.isLong) take(header)
    return header.isLong
  })
  if (isLong) yield* readPieces(tx, piecesOfString(space, header), take)
  if (operation !== 'AND' || position === 3) return
  charge((result.length - at) / 8)
  result.fill(0, at)
}

export const bitCommands: Readonly<Record<string, DataHandler>> = {
  setbit: setBit,
  getbit: getBit,
  bitcount: countSet,
  bitpos: findFirst,
  bitop: combine,
}
