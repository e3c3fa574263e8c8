/**
 * BITFIELD: integers of any width within a string. What is not long is changed in a copy, which is stored once; of a long string
 * each operation touches the piece or two that its integer lies in.
 */
import { charge } from '../../../base/work.ts'
import { copySlice, type Slice, sliceOf } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import {
  addInteger,
  fitInteger,
  integerBytes,
  type IntegerType,
  type Overflow,
  readInteger,
  writeInteger,
} from '../../../model/keyvalue/bits.ts'
import { parseInt64 } from '../../../model/keyvalue/integer-text.ts'
import { shortValueBytes } from '../../../model/keyvalue/pieces.ts'
import { byteAt } from '../../../model/keyvalue/string-parts.ts'
import {
  checkStringLength,
  findString,
  lengthOf,
  setStringRange,
  stringLength,
} from '../../../model/keyvalue/strings.ts'
import { eachStep } from '../../../model/keyvalue/walk.ts'
import type { Call, DataHandler } from '../call.ts'
import { CommandError, notAnInteger, syntaxError } from '../errors.ts'
import { checkOffset, offsetOf } from './bits.ts'

interface Operation {
  readonly kind: 'GET' | 'SET' | 'INCRBY'
  readonly type: IntegerType
  /** Of its first bit. */
  readonly offset: number
  readonly value: bigint
  readonly overflow: Overflow
}

/** An operation costs about as much. */
const operationUnits = 1_000

function readType(call: Call, position: number): IntegerType {
  const { bytes, start, end } = call.arg(position)
  const sign = start < end ? String.fromCharCode(bytes[start]!) : ''
  const found = sign === 'i' || sign === 'u' ? parseInt64(beforeZero({ bytes, start: start + 1, end })) : undefined
  const bits = Number(found ?? 0n)
  if (bits < 1 || bits > (sign === 'i' ? 64 : 63)) {
    throw new CommandError(
      'ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.',
    )
  }
  return { signed: sign === 'i', bits }
}

/** C's text of an argument. */
function beforeZero({ bytes, start, end }: Slice): Slice {
  const zero = bytes.indexOf(0, start)
  return { bytes, start, end: zero >= start && zero < end ? zero : end }
}

/** In bits, or behind a `#` in integers of that width. */
function readBitOffset(call: Call, position: number, bits: number): number {
  const { bytes, start, end } = call.arg(position)
  if (start === end || bytes[start] !== 0x23) return offsetOf(call, position)
  return checkOffset(Number(parseInt64({ bytes, start: start + 1, end }) ?? -1n) * bits)
}

interface Parsed {
  readonly operations: readonly Operation[]
  /** Bytes that the string must have for what is written; 0 where nothing is. */
  readonly endBytes: number
}

function* parse(call: Call): StatementSteps<Parsed> {
  const operations: Operation[] = []
  let overflow: Overflow = 'WRAP'
  let endBytes = 0
  let next = 2
  yield* eachStep(call.tx, 2, call.count, 1, (at) => {
    if (at < next) return
    const name = call.option(at)
    const left = call.count - at - 1
    if (name === 'OVERFLOW' && left >= 1) {
      overflow = readOverflow(call, at + 1)
      next = at + 2
      return
    }
    const isGet = name === 'GET'
    if (!(isGet && left >= 2) && !((name === 'SET' || name === 'INCRBY') && left >= 3)) throw syntaxError()
    const type = readType(call, at + 1)
    const offset = readBitOffset(call, at + 2, type.bits)
    const value = isGet ? 0n : parseInt64(call.arg(at + 3))
    if (value === undefined) throw notAnInteger()
    if (!isGet) endBytes = Math.max(endBytes, Math.floor((offset + type.bits - 1) / 8) + 1)
    operations.push({ kind: name, type, offset, value, overflow })
    next = at + (isGet ? 3 : 4)
  })
  return { operations, endBytes }
}

function readOverflow(call: Call, position: number): Overflow {
  const name = call.option(position)
  if (name !== 'WRAP' && name !== 'SAT' && name !== 'FAIL')
    throw new CommandError('ERR Invalid OVERFLOW type specified')
  return name
}

/** Bytes `at` and up to eight behind it; zeros where the string ends. */
type ReadWindow = (at: number) => Uint8Array

/** What the operation answers, `undefined` where it fails; `write` gets the bytes from its first on where they change. */
function perform(
  operation: Operation,
  readWindow: ReadWindow,
  write: (at: number, bytes: Uint8Array) => void,
): bigint | undefined {
  charge(operationUnits)
  const { kind, type, offset, value, overflow } = operation
  const at = Math.floor(offset / 8)
  const window = readWindow(at)
  const before = readInteger(window, offset % 8, type)
  if (kind === 'GET') return before
  const after = kind === 'SET' ? fitInteger(value, type, overflow) : addInteger(before, value, type, overflow)
  if (after === undefined) return undefined
  writeInteger(window, offset % 8, type, after)
  const size = Math.floor(((offset % 8) + type.bits - 1) / 8) + 1
  if (readInteger(window, offset % 8, type) !== before) write(at, window.subarray(0, size))
  return kind === 'SET' ? before : after
}

function reply(call: Call, answer: bigint | undefined): void {
  if (answer === undefined) call.reply.null()
  else call.reply.integer(answer)
}

/** Of a string as it is stored. */
function storedWindow(call: Call): ReadWindow {
  const { space } = call
  return (at) => {
    const window = new Uint8Array(integerBytes)
    const found = findString(call.tx, space, call.arg(1))
    if (found === undefined) return window
    const size = Math.min(integerBytes, lengthOf(found) - at)
    if (!found.isLong) {
      if (size > 0) window.set(found.bytes.subarray(found.start + at, found.start + at + size))
      return window
    }
    for (let i = 0; i < size; i++) window[i] = byteAt(call.tx, space, found, at + i)
    return window
  }
}

function* readOnly(call: Call, operations: readonly Operation[]): StatementSteps<void> {
  const window = storedWindow(call)
  yield* inPlace(call.tx, () => findString(call.tx, call.space, call.arg(1)))
  call.reply.array(operations.length)
  yield* eachStep(call.tx, 0, operations.length, 1, (at) => {
    reply(
      call,
      perform(operations[at]!, window, () => undefined),
    )
  })
}

function* changeCopy(call: Call, operations: readonly Operation[], endBytes: number): StatementSteps<void> {
  const space = yield* inPlace(call.tx, () => call.writableSpace)
  const old = yield* inPlace(call.tx, () => {
    const found = findString(call.tx, space, call.arg(1))
    return found === undefined ? new Uint8Array(0) : copySlice(found)
  })
  const bytes = new Uint8Array(Math.max(old.length, endBytes))
  bytes.set(old)
  let isChanged = bytes.length > old.length
  const window = (at: number): Uint8Array => {
    const some = new Uint8Array(integerBytes)
    some.set(bytes.subarray(at, at + integerBytes))
    return some
  }
  yield* eachStep(call.tx, 0, operations.length, 1, (at) => {
    const answer = perform(operations[at]!, window, (from, some) => {
      bytes.set(some, from)
      isChanged = true
    })
    reply(call, answer)
  })
  if (isChanged) yield* inPlace(call.tx, () => setStringRange(call.tx, space, call.arg(1), 0, sliceOf(bytes)))
}

function* changeLong(call: Call, operations: readonly Operation[], endBytes: number): StatementSteps<void> {
  const space = yield* inPlace(call.tx, () => call.writableSpace)
  const write = function* (at: number, bytes: Uint8Array): StatementSteps<void> {
    const steps = yield* inPlace(call.tx, () => setStringRange(call.tx, space, call.arg(1), at, sliceOf(bytes)))
    if (typeof steps !== 'number') yield* steps
  }
  const before = yield* inPlace(call.tx, () => stringLength(call.tx, space, call.arg(1)))
  if (before < endBytes) yield* write(endBytes - 1, new Uint8Array(1))
  const window = storedWindow(call)
  yield* eachStep(call.tx, 0, operations.length, 1, (at) => {
    let change: { from: number; bytes: Uint8Array } | undefined
    reply(
      call,
      perform(operations[at]!, window, (from, bytes) => (change = { from, bytes })),
    )
    return change === undefined ? undefined : write(change.from, change.bytes)
  })
}

function* bitfield(call: Call): StatementSteps<void> {
  const { operations, endBytes } = yield* parse(call)
  if (endBytes === 0) return yield* readOnly(call, operations)
  const length = yield* inPlace(call.tx, () => stringLength(call.tx, call.space, call.arg(1)))
  const isShort = Math.max(length, endBytes) <= shortValueBytes
  checkStringLength(endBytes)
  call.reply.array(operations.length)
  if (isShort) yield* changeCopy(call, operations, endBytes)
  else yield* changeLong(call, operations, endBytes)
}

function* bitfieldReadOnly(call: Call): StatementSteps<void> {
  const { operations, endBytes } = yield* parse(call)
  if (endBytes > 0) throw new CommandError('ERR BITFIELD_RO only supports the GET subcommand')
  yield* readOnly(call, operations)
}

export const bitfieldCommands: Readonly<Record<string, DataHandler>> = {
  bitfield,
  bitfield_ro: bitfieldReadOnly,
}
