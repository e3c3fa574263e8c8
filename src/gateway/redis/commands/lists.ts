/** Lists. Those that wait for items: `blocking-lists.ts`. */
import { eachStep } from '../../../model/keyvalue/walk.ts'
import { equalSlices, sliceOf } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { type Header, kind } from '../../../model/keyvalue/codec.ts'
import { findCollection, openCollection, saveCollection, touchCollection } from '../../../model/keyvalue/keyvalue.ts'
import { findItems, findPositions, removeItems } from '../../../model/keyvalue/list-search.ts'
import {
  getItem,
  insertItem,
  locateItem,
  popItem,
  pushItem,
  pushPieces,
  setItem,
  trimItems,
  walkItems,
} from '../../../model/keyvalue/lists.ts'
import { dropPieces, newPieces } from '../../../model/keyvalue/long-values.ts'
import { copyPieces, Pieces } from '../../../model/keyvalue/pieces.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { CommandError, syntaxError, wrongArity } from '../errors.ts'
import { replyWithPieces, replyWithValue } from './long-values.ts'
import { findFirst, parsePopMany, readPopCount } from './pop-options.ts'

export function findList(call: Call, position = 1): Header | undefined {
  return findCollection(call.tx, call.space, call.arg(position), kind.list)
}

function push(atHead: boolean, onlyExisting: boolean): DataHandler {
  return (call): Steps => {
    const found = findList(call)
    if (found === undefined && onlyExisting) {
      call.reply.integer(0)
      return
    }
    const space = call.writableSpace
    const list = found ?? openCollection(call.tx, space, call.arg(1), kind.list)
    return call.each(
      2,
      1,
      (at) => pushItem(call.tx, space, list, call.arg(at), atHead),
      () => {
        saveCollection(call.tx, space, call.arg(1), list)
        call.reply.integer(list.count)
      },
    )
  }
}

function pop(name: string, atHead: boolean): DataHandler {
  return (call): Steps => {
    if (call.count > 3) throw wrongArity(name)
    const { reply } = call
    const wanted = call.count > 2 ? readPopCount(call) : undefined
    const list = findList(call)
    if (list === undefined) {
      if (wanted === undefined) reply.null()
      else reply.nullArray()
      return undefined
    }
    if (wanted === undefined && !list.hasLong) return popShort(call, list, atHead)
    if (wanted !== undefined) reply.array(Math.min(wanted, list.count))
    return popMany(call, 1, list, wanted ?? 1, atHead)
  }
}

/** One, of a list without long items. */
function popShort(call: Call, list: Header, atHead: boolean): void {
  const { space, tx } = call
  const item = popItem(tx, space, list, atHead) as Uint8Array
  saveCollection(tx, space, call.arg(1), list)
  call.reply.bulk(sliceOf(item))
}

/** Writes the items that it takes, without the array around them. */
export function* popMany(
  call: Call,
  keyAt: number,
  list: Header,
  wanted: number,
  atHead: boolean,
): StatementSteps<void> {
  const { space, tx } = call
  const number = Math.min(wanted, list.count)
  yield* eachStep(tx, 0, number, 1, () => {
    if (list.hasLong) return popLong(call, list, atHead)
    call.reply.bulk(sliceOf(popItem(tx, space, list, atHead) as Uint8Array))
    return undefined
  })
  if (number > 0) yield* inPlace(tx, () => saveCollection(tx, space, call.arg(keyAt), list))
}

/** Of a list with long items. */
function* popLong(call: Call, list: Header, atHead: boolean): StatementSteps<void> {
  const { space, tx } = call
  const item = yield* inPlace(tx, () => popItem(tx, space, list, atHead))
  if (item instanceof Pieces) {
    yield* replyWithPieces(call, item)
    yield* inPlace(tx, () => dropPieces(tx, item))
  } else call.reply.bulk(sliceOf(item))
}

function* popFirst(call: Call): StatementSteps<void> {
  const { reply } = call
  const { end, side, wanted } = parsePopMany(call, 'LEFT', 'RIGHT')
  const found = yield* findFirst(call, 2, end, (at) => findList(call, at))
  if (found === undefined) {
    reply.nullArray()
    return
  }
  yield* popNested(call, found.at, found.collection, wanted, side === 'LEFT')
}

/** Answers the key, and the items that it takes. */
export function* popNested(
  call: Call,
  at: number,
  list: Header,
  wanted: number,
  atHead: boolean,
): StatementSteps<void> {
  const { reply } = call
  reply.array(2)
  reply.bulk(call.arg(at))
  reply.array(Math.min(wanted, list.count))
  yield* popMany(call, at, list, wanted, atHead)
}

function length(call: Call): void {
  call.reply.integer(findList(call)?.count ?? 0)
}

/** Ranks within the list; `start` is beyond `stop` where none is meant. */
function clampRanks(count: number, from: number, to: number): { start: number; stop: number } {
  const start = Math.max(0, from < 0 ? count + from : from)
  const stop = Math.min(count - 1, to < 0 ? count + to : to)
  return { start, stop }
}

function* range(call: Call): StatementSteps<void> {
  const from = call.integer(2)
  const to = call.integer(3)
  const list = findList(call)
  const { start, stop } = clampRanks(list?.count ?? 0, from, to)
  call.reply.array(Math.max(0, stop - start + 1))
  if (list === undefined) return
  yield* walkItems(call.tx, call.space, list, start, stop, {
    short: (item) => call.reply.bulk(item),
    long: (item) => replyWithPieces(call, item),
  })
}

function* atIndex(call: Call): StatementSteps<void> {
  const { space, tx } = call
  const list = findList(call)
  const rank = list === undefined ? undefined : findRank(call, list)
  if (rank === undefined) {
    call.reply.null()
    return
  }
  const position = yield* locateItem(tx, space, list!, rank)
  const steps = yield* inPlace(tx, () => replyWithValue(call, getItem(tx, space, list!, position)))
  if (steps !== undefined) yield* steps
}

function findRank(call: Call, list: Header): number | undefined {
  const given = call.integer(2)
  const rank = given < 0 ? list.count + given : given
  return rank < 0 || rank >= list.count ? undefined : rank
}

function* set(call: Call): StatementSteps<void> {
  const { space, tx } = call
  const list = findList(call)
  if (list === undefined) throw new CommandError('ERR no such key')
  const rank = findRank(call, list)
  if (rank === undefined) throw new CommandError('ERR index out of range')
  const position = yield* locateItem(tx, space, list, rank)
  const steps = yield* inPlace(tx, () => setItem(tx, space, list, position, call.arg(3)))
  if (steps !== undefined) yield* steps
  yield* inPlace(tx, () => saveCollection(tx, space, call.arg(1), list))
  call.reply.ok()
}

function* insert(call: Call): StatementSteps<void> {
  const where = call.option(2)
  if (where !== 'BEFORE' && where !== 'AFTER') throw syntaxError()
  const list = findList(call)
  if (list === undefined) {
    call.reply.integer(0)
    return
  }
  const { space, tx } = call
  const [position] = yield* findPositions(tx, space, list, call.arg(3), 1, false)
  if (position === undefined) {
    call.reply.integer(-1)
    return
  }
  yield* insertItem(tx, space, list, position, where === 'BEFORE', call.arg(4))
  yield* inPlace(tx, () => saveCollection(tx, space, call.arg(1), list))
  call.reply.integer(list.count)
}

function* remove(call: Call): StatementSteps<void> {
  const count = call.integer(2)
  const list = findList(call)
  if (list === undefined) {
    call.reply.integer(0)
    return
  }
  const { space, tx } = call
  const limit = count === 0 ? Infinity : Math.abs(count)
  const removed = yield* removeItems(tx, space, list, call.arg(3), limit, count < 0)
  if (removed > 0) yield* inPlace(tx, () => saveCollection(tx, space, call.arg(1), list))
  call.reply.integer(removed)
}

function* trim(call: Call): StatementSteps<void> {
  const { space, tx } = call
  const from = call.integer(2)
  const to = call.integer(3)
  const list = findList(call)
  if (list !== undefined) {
    const { start, stop } = clampRanks(list.count, from, to)
    yield* trimItems(tx, space, list, start, stop)
    yield* inPlace(tx, () => {
      if (list.count === list.storedCount) touchCollection(tx, space, call.arg(1), list)
      else saveCollection(tx, space, call.arg(1), list)
    })
  }
  call.reply.ok()
}

export function readSide(call: Call, position: number): boolean {
  const side = call.option(position)
  if (side !== 'LEFT' && side !== 'RIGHT') throw syntaxError()
  return side === 'LEFT'
}

function move(call: Call): Steps {
  return moveItem(call, readSide(call, 3), readSide(call, 4))
}

export function moveItem(call: Call, fromHead: boolean, toHead: boolean): Steps {
  const source = findList(call, 1)
  if (source === undefined) {
    call.reply.null()
    return
  }
  findList(call, 2)
  const { space, tx } = call
  const item = popItem(tx, space, source, fromHead)
  const target = equalSlices(call.arg(1), call.arg(2)) ? source : openCollection(tx, space, call.arg(2), kind.list)
  if (item instanceof Pieces) return moveLong(call, item, source, target, toHead)
  // Not long, so it is pushed at once.
  void pushItem(tx, space, target, sliceOf(item), toHead)
  saveMoved(call, source, target)
  call.reply.bulk(sliceOf(item))
}

function saveMoved(call: Call, source: Header, target: Header): void {
  if (target !== source) saveCollection(call.tx, call.space, call.arg(2), target)
  saveCollection(call.tx, call.space, call.arg(1), source)
}

/** Pieces stay where they are within their list, and are copied to another one. */
function* moveLong(call: Call, item: Pieces, source: Header, target: Header, toHead: boolean): StatementSteps<void> {
  const { space, tx } = call
  const isSame = source === target
  const moved = isSame ? item : yield* inPlace(tx, () => newPieces(tx, space, target, item.bytes))
  if (!isSame) yield* copyPieces(tx, item, moved)
  yield* inPlace(tx, () => pushPieces(tx, space, target, moved, toHead))
  yield* replyWithPieces(call, moved)
  if (!isSame) yield* inPlace(tx, () => dropPieces(tx, item))
  yield* inPlace(tx, () => saveMoved(call, source, target))
}

interface PositionOptions {
  rank: number
  count: number | undefined
  lookAt: number
}

function parsePositions(call: Call): PositionOptions {
  const options: PositionOptions = { rank: 1, count: undefined, lookAt: Infinity }
  for (let at = 3; at < call.count; at += 2) {
    const option = call.option(at)
    if (at + 1 >= call.count) throw syntaxError()
    if (option === 'RANK') {
      const rank = call.long(at + 1)
      if (rank === 0n) throw new CommandError(rankIsZero)
      options.rank = Number(rank)
    } else if (option === 'COUNT') {
      options.count = call.integer(at + 1, "ERR COUNT can't be negative")
      if (options.count < 0) throw new CommandError("ERR COUNT can't be negative")
    } else if (option === 'MAXLEN') {
      const lookAt = call.integer(at + 1, "ERR MAXLEN can't be negative")
      if (lookAt < 0) throw new CommandError("ERR MAXLEN can't be negative")
      options.lookAt = lookAt === 0 ? Infinity : lookAt
    } else throw syntaxError()
  }
  return options
}

const rankIsZero =
  "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list"

function* positions(call: Call): StatementSteps<void> {
  const { reply } = call
  const { rank, count, lookAt } = parsePositions(call)
  const list = findList(call)
  const limit = count === undefined ? 1 : count === 0 ? Infinity : count
  const options = { limit, fromTail: rank < 0, skip: Math.abs(rank) - 1, lookAt }
  const item = call.arg(2)
  const found = list === undefined ? [] : yield* findItems(call.tx, call.space, list, item, options)
  if (count === undefined) {
    if (found[0] === undefined) reply.null()
    else reply.integer(found[0])
    return
  }
  reply.array(found.length)
  for (const each of found) reply.integer(each)
}

export const listCommands: Readonly<Record<string, DataHandler>> = {
  lpush: push(true, false),
  rpush: push(false, false),
  lpushx: push(true, true),
  rpushx: push(false, true),
  lpop: pop('lpop', true),
  rpop: pop('rpop', false),
  lmpop: popFirst,
  llen: length,
  lrange: range,
  lindex: atIndex,
  lset: set,
  linsert: insert,
  lrem: remove,
  ltrim: trim,
  lmove: move,
  rpoplpush: (call) => moveItem(call, false, true),
  lpos: positions,
}
