/** Strings: GET, SET and their kin, and ranges of bytes. */
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { eachStep } from '../../../model/keyvalue/walk.ts'
import { emptySlice } from '../../../base/slice.ts'
import { Header, kind, never } from '../../../model/keyvalue/codec.ts'
import { deleteKey, findHeader, findKind } from '../../../model/keyvalue/keyvalue.ts'
import { piecesOfString } from '../../../model/keyvalue/long-strings.ts'
import { setExpiry } from '../../../model/keyvalue/expiry.ts'
import {
  appendString,
  findString,
  lengthOf,
  setString,
  setStringRange,
  stringLength,
} from '../../../model/keyvalue/strings.ts'
import { countLookups } from '../../../model/keyvalue/lookups.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { CommandError, wrongArity } from '../errors.ts'
import { followedBy, inOrder, replyWithPieces } from './long-values.ts'
import { parseSetOptions, readExpiry, readOptionalExpiry, type SetOptions } from './set-options.ts'

function get(call: Call): Steps {
  return replyWith(call, findString(call.tx, call.space, call.arg(1)))
}

/** The string that was just found, or null. */
function replyWith(call: Call, found: Header | undefined): StatementSteps<void> | undefined {
  if (found?.isLong === true) return replyWithPieces(call, piecesOfString(call.space, found))
  call.reply.bulkOrNull(found)
  return undefined
}

function set(call: Call): Steps {
  if (call.count > 3) return setWithOptions(call, parseSetOptions(call, 3, 'set'))
  const steps = setString(call.tx, call.writableSpace, call.arg(1), call.arg(2))
  if (steps !== undefined) return okAfter(call, steps)
  call.reply.ok()
}

function okAfter(call: Call, steps: StatementSteps<void>): Steps {
  return inOrder(call, steps, () => call.reply.ok())
}

function setWithOptions(call: Call, options: SetOptions): Steps {
  const given = readOptionalExpiry(call, options, 'set')
  const replied = options.get ? replyWith(call, findString(call.tx, call.space, call.arg(1))) : undefined
  return followedBy(call, replied, () => setWhereAllowed(call, options, given))
}

function setWhereAllowed(call: Call, options: SetOptions, given: bigint): Steps {
  let expiresAtMs = given
  if (options.onlyNew || options.onlyExisting || options.keepExpiry) {
    const header = new Header()
    const lives = findHeader(call.tx, call.space, call.arg(1), header)
    if ((options.onlyNew && lives) || (options.onlyExisting && !lives)) {
      if (!options.get) call.reply.null()
      return undefined
    }
    if (options.keepExpiry && lives) ({ expiresAtMs } = header)
  }
  const steps = setString(call.tx, call.writableSpace, call.arg(1), call.arg(2), expiresAtMs)
  return options.get ? steps : followedBy(call, steps, () => call.reply.ok())
}

function setIfNew(call: Call): Steps {
  const isNew = findKind(call.tx, call.space, call.arg(1)) === kind.none
  const steps = isNew ? setString(call.tx, call.writableSpace, call.arg(1), call.arg(2)) : undefined
  return followedBy(call, steps, () => call.reply.integer(isNew ? 1 : 0))
}

function setWithExpiry(unit: 'EX' | 'PX', name: string): DataHandler {
  return (call) => {
    const expiresAtMs = readExpiry(call, 2, unit, name)
    const steps = setString(call.tx, call.writableSpace, call.arg(1), call.arg(3), expiresAtMs)
    return followedBy(call, steps, () => call.reply.ok())
  }
}

function getAndSet(call: Call): Steps {
  const replied = replyWith(call, findString(call.tx, call.space, call.arg(1)))
  return followedBy(call, replied, () => setString(call.tx, call.writableSpace, call.arg(1), call.arg(2)))
}

function getAndDelete(call: Call): Steps {
  const found = findString(call.tx, call.space, call.arg(1))
  const lives = found !== undefined
  return followedBy(call, replyWith(call, found), () => {
    if (lives) deleteKey(call.tx, call.space, call.arg(1))
  })
}

function getAndExpire(call: Call): Steps {
  const options = parseSetOptions(call, 2, 'getex')
  const found = findString(call.tx, call.space, call.arg(1))
  if (found === undefined) {
    call.reply.null()
    return undefined
  }
  const after = readOptionalExpiry(call, options, 'getex')
  return followedBy(call, replyWith(call, found), () => {
    const header = new Header()
    // It has been counted.
    countLookups(undefined)
    findHeader(call.tx, call.space, call.arg(1), header)
    if (after === never && (!options.persist || header.expiresAtMs === never)) return
    if (after !== never && after <= call.tx.timeMs) deleteKey(call.tx, call.space, call.arg(1))
    else setExpiry(call.tx, call.space, call.arg(1), header, after)
  })
}

function getMany(call: Call): Steps {
  call.reply.array(call.count - 1)
  const header = new Header()
  return call.each(
    1,
    1,
    (at) => {
      const isString = findHeader(call.tx, call.space, call.arg(at), header) && header.kind === kind.string
      return replyWith(call, isString ? header : undefined)
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

function append(call: Call): Steps {
  return replyWithLength(call, appendString(call.tx, call.writableSpace, call.arg(1), call.arg(2)))
}

function replyWithLength(call: Call, length: number | StatementSteps<number>): Steps {
  if (typeof length !== 'number') return replyWhenDone(call, length)
  call.reply.integer(length)
}

function* replyWhenDone(call: Call, steps: StatementSteps<number>): StatementSteps<void> {
  call.reply.integer(yield* steps)
}

function length(call: Call): void {
  call.reply.integer(stringLength(call.tx, call.space, call.arg(1)))
}

function getRange(call: Call): Steps {
  const start = call.integer(2)
  const end = call.integer(3)
  const found = findString(call.tx, call.space, call.arg(1))
  if (found === undefined) return call.reply.bulk(emptySlice)
  const [from, to] = subRange(lengthOf(found), start, end)
  if (found.isLong && from < to) return replyWithPieces(call, piecesOfString(call.space, found), from, to)
  call.reply.bulk({ bytes: found.bytes, start: found.start + from, end: found.start + to })
}

/** Of a string of `size` bytes: from the first to behind the last. */
function subRange(size: number, start: number, end: number): [from: number, to: number] {
  if (start < 0 && end < 0 && start > end) return [0, 0]
  const first = Math.max(0, start < 0 ? size + start : start)
  const last = Math.min(size - 1, Math.max(0, end < 0 ? size + end : end))
  return first > last || size === 0 ? [0, 0] : [first, last + 1]
}

function setRange(call: Call): Steps {
  const offset = call.integer(2)
  if (offset < 0) throw new CommandError('ERR offset is out of range')
  const part = call.arg(3)
  const isEmpty = part.end === part.start
  const space = isEmpty ? call.space : call.writableSpace
  return replyWithLength(call, setStringRange(call.tx, space, call.arg(1), offset, part))
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
