/** HyperLogLogs, which are strings (`model/keyvalue/hyperloglog.ts`). */
import { type Slice, sliceOf } from '../../../base/slice.ts'
import { charge } from '../../../base/work.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { Header, kind, never } from '../../../model/keyvalue/codec.ts'
import {
  estimate,
  HyperLogLog,
  InvalidRegisters,
  isHyperLogLog,
  registerCount,
} from '../../../model/keyvalue/hyperloglog.ts'
import { findHeader, wrongType } from '../../../model/keyvalue/keyvalue.ts'
import { piecesOfString } from '../../../model/keyvalue/long-strings.ts'
import { setString } from '../../../model/keyvalue/strings.ts'
import { eachStep } from '../../../model/keyvalue/walk.ts'
import type { Call, DataHandler } from '../call.ts'
import { CommandError } from '../errors.ts'

/** What lies at a key. */
interface Found {
  readonly counter: HyperLogLog
  readonly expiresAtMs: bigint
}

function find(call: Call, position: number): Found | undefined {
  const header = new Header()
  if (!findHeader(call.tx, call.space, call.arg(position), header)) return undefined
  if (header.kind !== kind.string) throw wrongType()
  if (!isHyperLogLog(header.isLong ? firstPiece(call, header) : header)) {
    throw new CommandError('WRONGTYPE Key is not a valid HyperLogLog string value.')
  }
  // Two bytes for each register would be the longest.
  if (header.isLong) throw corrupted()
  return { counter: new HyperLogLog(header), expiresAtMs: header.expiresAtMs }
}

function firstPiece(call: Call, header: Header): Slice {
  const cursor = call.tx.scan(piecesOfString(call.space, header).range(0, 1))
  cursor.next()
  return cursor.value
}

function store(call: Call, position: number, { counter, expiresAtMs }: Found): void {
  // At once: it is short.
  void setString(call.tx, call.writableSpace, call.arg(position), sliceOf(counter.bytes), expiresAtMs)
}

function corrupted(): CommandError {
  return new CommandError('INVALIDOBJ Corrupted HLL object detected')
}

/** Redis's error for registers that are none. */
function checked<T>(look: () => T): T {
  try {
    return look()
  } catch (error) {
    if (error instanceof InvalidRegisters) throw corrupted()
    throw error
  }
}

function* add(call: Call): StatementSteps<void> {
  const before = find(call, 1)
  const found = before ?? { counter: HyperLogLog.empty(), expiresAtMs: never }
  let isChanged = before === undefined
  yield* eachStep(call.tx, 2, call.count, 1, (at) => {
    if (checked(() => found.counter.add(call.arg(at)))) isChanged = true
  })
  if (isChanged) {
    found.counter.markStale()
    yield* inPlace(call.tx, () => store(call, 1, found))
  }
  call.reply.integer(isChanged ? 1 : 0)
}

function* count(call: Call): StatementSteps<void> {
  if (call.count === 2) {
    const found = find(call, 1)
    call.reply.integer(found === undefined ? 0 : checked(() => found.counter.count()))
    return
  }
  const { highest } = yield* mergeKeys(call, 1)
  call.reply.integer(estimate(highest))
}

function* mergeKeys(call: Call, first: number): StatementSteps<{ highest: Uint8Array; isDense: boolean }> {
  const highest = new Uint8Array(registerCount)
  let isDense = false
  yield* eachStep(call.tx, first, call.count, 1, (at) => {
    const found = find(call, at)
    if (found === undefined) return
    isDense ||= found.counter.isDense
    checked(() => found.counter.mergeInto(highest))
  })
  return { highest, isDense }
}

function* merge(call: Call): StatementSteps<void> {
  const { highest, isDense } = yield* mergeKeys(call, 1)
  const before = yield* inPlace(call.tx, () => find(call, 1))
  const found = before ?? { counter: HyperLogLog.empty(), expiresAtMs: never }
  if (isDense) checked(() => found.counter.makeDense())
  yield* eachStep(call.tx, 0, registerCount, 1, (at) => {
    if (highest[at]! > 0) found.counter.raise(at, highest[at]!)
  })
  found.counter.markStale()
  yield* inPlace(call.tx, () => store(call, 1, found))
  call.reply.ok()
}

// ---- for tests

function* debug(call: Call): StatementSteps<void> {
  const found = find(call, 2)
  if (found === undefined) throw new CommandError('ERR The specified key does not exist')
  const { counter } = found
  const name = call.option(1)
  if (name === 'ENCODING') return call.reply.status(counter.isDense ? 'dense' : 'sparse')
  if (name === 'DECODE') {
    if (counter.isDense) throw new CommandError('ERR HLL encoding is not sparse')
    return call.reply.bulkText(counter.describeRuns())
  }
  if (name !== 'GETREG' && name !== 'TODENSE') {
    throw new CommandError(`ERR Unknown PFDEBUG subcommand '${call.shown(1)}'`)
  }
  const wasDense = counter.isDense
  checked(() => counter.makeDense())
  if (!wasDense) yield* inPlace(call.tx, () => store(call, 2, found))
  if (name === 'TODENSE') return call.reply.integer(wasDense ? 0 : 1)
  const registers = new Uint8Array(registerCount)
  counter.mergeInto(registers)
  call.reply.array(registerCount)
  yield* eachStep(call.tx, 0, registerCount, 1, (at) => call.reply.integer(registers[at]!))
}

/** Elements that PFSELFTEST adds, and how far the estimate may be off, in standard errors. */
const testedElements = 100_000
const errorsAllowed = 6

/** Both encodings take the same elements: they must agree, and be about right. */
function* selfTest(call: Call): StatementSteps<void> {
  const growing = HyperLogLog.empty()
  const dense = HyperLogLog.empty()
  dense.makeDense()
  const element = new Uint8Array(8)
  const view = new DataView(element.buffer)
  call.tx.services.random(element)
  const start = view.getUint32(0)
  let checkpoint = 1
  yield* eachStep(call.tx, 1, testedElements + 1, 1, (at) => {
    charge(1_000)
    view.setUint32(0, start ^ at)
    growing.add(sliceOf(element))
    dense.add(sliceOf(element))
    if (at !== checkpoint) return
    checkpoint *= 10
    const counts = [growing, dense].map((one) => {
      one.markStale()
      return Number(one.count())
    })
    if (counts[0] !== counts[1]) throw new CommandError('ERR TESTFAILED dense/sparse disagree')
    const most = at === 10 ? 1 : Math.ceil((1.04 / Math.sqrt(registerCount)) * errorsAllowed * at)
    if (Math.abs(counts[0]! - at) > most) {
      throw new CommandError(`ERR TESTFAILED Too big error. card:${at} abserr:${Math.abs(counts[0]! - at)}`)
    }
  })
  call.reply.ok()
}

export const hyperLogLogCommands: Readonly<Record<string, DataHandler>> = {
  pfadd: add,
  pfcount: count,
  pfmerge: merge,
  pfdebug: debug,
  pfselftest: selfTest,
}
