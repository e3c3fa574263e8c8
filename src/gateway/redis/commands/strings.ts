/** Strings: GET, SET and their kin, and ranges of bytes. */
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { eachStep } from '../../../model/keyvalue/walk.ts'
import { emptySlice, type Slice } from '../../../base/slice.ts'
import { Header, kind, never } from '../../../model/keyvalue/codec.ts'
import { deleteKey, findHeader, findKind } from '../../../model/keyvalue/keyvalue.ts'
import { setExpiry } from '../../../model/keyvalue/expiry.ts'
import {
  appendString,
  findString,
  foundExpiry,
  setString,
  setStringRange,
  stringLength,
} from '../../../model/keyvalue/strings.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { CommandError, wrongArity } from '../errors.ts'
import { parseSetOptions, readExpiry, readOptionalExpiry, type SetOptions } from './set-options.ts'

function get(call: Call): void {
  call.reply.bulkOrNull(findString(call.tx, call.space, call.arg(1)))
}

function set(call: Call): void {
  if (call.count === 3) {
    setString(call.tx, call.writableSpace, call.arg(1), call.arg(2))
    call.reply.ok()
    return
  }
  setWithOptions(call, parseSetOptions(call, 3, 'set'))
}

function setWithOptions(call: Call, options: SetOptions): void {
  const key = call.arg(1)
  const space = call.space
  const given = readOptionalExpiry(call, options, 'set')
  const lives = findKind(call.tx, space, key) !== kind.none
  if (options.get) call.reply.bulkOrNull(findString(call.tx, space, key))
  if ((options.onlyNew && lives) || (options.onlyExisting && !lives)) {
    if (!options.get) call.reply.null()
    return
  }
  let expiresAtMs = given
  if (options.keepExpiry && lives) {
    const header = new Header()
    findHeader(call.tx, space, key, header)
    expiresAtMs = header.expiresAtMs
  }
  setString(call.tx, call.writableSpace, key, call.arg(2), expiresAtMs)
  if (!options.get) call.reply.ok()
}

function setIfNew(call: Call): void {
  const isNew = findKind(call.tx, call.space, call.arg(1)) === kind.none
  if (isNew) setString(call.tx, call.writableSpace, call.arg(1), call.arg(2))
  call.reply.integer(isNew ? 1 : 0)
}

function setWithExpiry(unit: 'EX' | 'PX', name: string): DataHandler {
  return (call) => {
    const expiresAtMs = readExpiry(call, 2, unit, name)
    setString(call.tx, call.writableSpace, call.arg(1), call.arg(3), expiresAtMs)
    call.reply.ok()
  }
}

function getAndSet(call: Call): void {
  call.reply.bulkOrNull(findString(call.tx, call.space, call.arg(1)))
  setString(call.tx, call.writableSpace, call.arg(1), call.arg(2))
}

function getAndDelete(call: Call): void {
  const value = findString(call.tx, call.space, call.arg(1))
  call.reply.bulkOrNull(value)
  if (value !== undefined) deleteKey(call.tx, call.space, call.arg(1))
}

function getAndExpire(call: Call): void {
  const options = parseSetOptions(call, 2, 'getex')
  const value = findString(call.tx, call.space, call.arg(1))
  if (value === undefined) {
    call.reply.null()
    return
  }
  const after = readOptionalExpiry(call, options, 'getex')
  call.reply.bulk(value)
  if (after === never && (!options.persist || foundExpiry() === never)) return
  if (after !== never && after <= call.tx.timeMs) {
    deleteKey(call.tx, call.space, call.arg(1))
    return
  }
  const header = new Header()
  findHeader(call.tx, call.space, call.arg(1), header)
  setExpiry(call.tx, call.space, call.arg(1), header, after)
}

function getMany(call: Call): Steps {
  call.reply.array(call.count - 1)
  const header = new Header()
  return call.each(
    1,
    1,
    (at) => {
      const isString = findHeader(call.tx, call.space, call.arg(at), header) && header.kind === kind.string
      call.reply.bulkOrNull(isString ? header : undefined)
    },
    () => undefined,
  )
}

function setMany(call: Call): Steps {
  if (call.count % 2 === 0) throw wrongArity('mset')
  const space = call.writableSpace
  return call.each(
    1,
    2,
    (at) => setString(call.tx, space, call.arg(at), call.arg(at + 1)),
    () => call.reply.ok(),
  )
}

function* setManyIfNew(call: Call): StatementSteps<void> {
  if (call.count % 2 === 0) throw wrongArity('msetnx')
  const { tx } = call
  let isFree = true
  yield* eachStep(tx, 1, call.count, 2, (at) => {
    if (isFree && findKind(tx, call.space, call.arg(at)) !== kind.none) isFree = false
  })
  if (isFree) {
    const space = yield* inPlace(tx, () => call.writableSpace)
    yield* eachStep(tx, 1, call.count, 2, (at) => setString(tx, space, call.arg(at), call.arg(at + 1)))
  }
  call.reply.integer(isFree ? 1 : 0)
}

function append(call: Call): void {
  call.reply.integer(appendString(call.tx, call.writableSpace, call.arg(1), call.arg(2)))
}

function length(call: Call): void {
  call.reply.integer(stringLength(call.tx, call.space, call.arg(1)))
}

function getRange(call: Call): void {
  const start = call.integer(2)
  const end = call.integer(3)
  const value = findString(call.tx, call.space, call.arg(1)) ?? emptySlice
  call.reply.bulk(subRange(value, start, end))
}

function subRange(value: Slice, start: number, end: number): Slice {
  const size = value.end - value.start
  if (start < 0 && end < 0 && start > end) return emptySlice
  const first = Math.max(0, start < 0 ? size + start : start)
  const last = Math.min(size - 1, Math.max(0, end < 0 ? size + end : end))
  if (first > last || size === 0) return emptySlice
  return { bytes: value.bytes, start: value.start + first, end: value.start + last + 1 }
}

function setRange(call: Call): void {
  const offset = call.integer(2)
  if (offset < 0) throw new CommandError('ERR offset is out of range')
  const part = call.arg(3)
  const isEmpty = part.end === part.start
  const space = isEmpty ? call.space : call.writableSpace
  call.reply.integer(setStringRange(call.tx, space, call.arg(1), offset, part))
}

export const stringCommands: Readonly<Record<string, DataHandler>> = {
  get,
  set,
  setnx: setIfNew,
  setex: setWithExpiry('EX', 'setex'),
  psetex: setWithExpiry('PX', 'psetex'),
  getset: getAndSet,
  getdel: getAndDelete,
  getex: getAndExpire,
  mget: getMany,
  mset: setMany,
  msetnx: setManyIfNew,
  append,
  strlen: length,
  getrange: getRange,
  substr: getRange,
  setrange: setRange,
}
