/** Sorted sets: members and their scores one by one. */
import { eachStep } from '../../../model/keyvalue/walk.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { copySlice, type MutableSlice, type Slice, sliceOf } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { decodeScore, type Header, kind } from '../../../model/keyvalue/codec.ts'
import { formatDouble } from '../../../model/keyvalue/double-text.ts'
import { index } from '../../../model/keyvalue/keys.ts'
import { findCollection, openCollection, saveCollection } from '../../../model/keyvalue/keyvalue.ts'
import { findRank, walkByRank } from '../../../model/keyvalue/sorted-set-ranges.ts'
import {
  change,
  findScore,
  removeScored,
  resultingScore,
  setScore,
  unconditional,
  type ScoreConditions,
} from '../../../model/keyvalue/sorted-sets.ts'
import type { Call, DataHandler, Steps } from '../call.ts'
import { CommandError, syntaxError, wrongArity } from '../errors.ts'
import { popOrBlock, readTimeoutSeconds } from './blocking.ts'
import { findFirst, parsePopMany, readPopCount } from './pop-options.ts'
import { randomElements } from './random-elements.ts'
import { removeElements } from './remove-elements.ts'

function find(call: Call, position = 1): Header | undefined {
  return findCollection(call.tx, call.space, call.arg(position), kind.sortedSet)
}

interface AddOptions {
  readonly conditions: ScoreConditions
  readonly countChanged: boolean
  /** Where the first score stands. */
  readonly first: number
}

/** Each may be said again. */
const mostOptions = 1024

const plain: AddOptions = { conditions: unconditional, countChanged: false, first: 2 }

function parseAddOptions(call: Call): AddOptions {
  if (call.count === 4 && !beginsWithLetter(call.arg(2))) return plain
  const found = new Set<string>()
  let first = 2
  for (; first < call.count; first++) {
    if (first > mostOptions) throw syntaxError()
    const option = call.option(first)
    if (!addOptionNames.has(option)) break
    found.add(option)
  }
  const pairs = call.count - first
  if (pairs === 0 || pairs % 2 !== 0) throw syntaxError()
  const conditions = {
    onlyNew: found.has('NX'),
    onlyExisting: found.has('XX'),
    onlyGreater: found.has('GT'),
    onlyLess: found.has('LT'),
    increment: found.has('INCR'),
  }
  checkConditions(conditions)
  if (conditions.increment && pairs > 2) {
    throw new CommandError('ERR INCR option supports a single increment-element pair')
  }
  return { conditions, countChanged: found.has('CH'), first }
}

/** As options do; a score is nearly always digits. */
function beginsWithLetter({ bytes, start, end }: Slice): boolean {
  return start < end && bytes[start]! >= 0x41
}

const addOptionNames: ReadonlySet<string> = new Set(['NX', 'XX', 'GT', 'LT', 'CH', 'INCR'])

function checkConditions(conditions: ScoreConditions): void {
  const { onlyNew, onlyExisting, onlyGreater, onlyLess } = conditions
  if (onlyNew && onlyExisting) {
    throw new CommandError('ERR XX and NX options at the same time are not compatible')
  }
  if ((onlyGreater && (onlyNew || onlyLess)) || (onlyLess && onlyNew)) {
    throw new CommandError('ERR GT, LT, and/or NX options at the same time are not compatible')
  }
}

function add(call: Call): Steps {
  const options = parseAddOptions(call)
  // All scores are checked before the first is stored.
  const check = (at: number): void => void call.double(at)
  return call.each(options.first, 2, check, () => addChecked(call, options))
}

function addChecked(call: Call, options: AddOptions): Steps {
  if (options.conditions.increment === true) {
    incrementMember(call, options.conditions, options.first)
    return
  }
  return addMembers(call, options, 2, (at) => call.double(at))
}

/** From `options.first` on, every `stride` arguments are what `scoreAt` makes a score of, and a member last. */
export function addMembers(
  call: Call,
  options: AddOptions,
  stride: number,
  scoreAt: (position: number) => number,
): Steps {
  const found = options.conditions.onlyExisting === true ? find(call) : undefined
  if (options.conditions.onlyExisting === true && found === undefined) {
    call.reply.integer(0)
    return
  }
  const space = call.writableSpace
  const sorted = found ?? openCollection(call.tx, space, call.arg(1), kind.sortedSet)
  let added = 0
  let updated = 0
  return call.each(
    options.first,
    stride,
    (at) => {
      const score = scoreAt(at)
      const result = setScore(call.tx, space, sorted, call.arg(at + stride - 1), score, options.conditions)
      if (result === change.added) added++
      else if (result === change.updated) updated++
    },
    () => {
      if (added + updated > 0) saveCollection(call.tx, space, call.arg(1), sorted)
      call.reply.integer(options.countChanged ? added + updated : added)
    },
  )
}

function incrementMember(call: Call, conditions: ScoreConditions, at: number): void {
  const by = call.double(at)
  const found = find(call)
  if (found === undefined && conditions.onlyExisting === true) {
    call.reply.null()
    return
  }
  const space = call.writableSpace
  const sorted = found ?? openCollection(call.tx, space, call.arg(1), kind.sortedSet)
  const result = setScore(call.tx, space, sorted, call.arg(at + 1), by, conditions)
  if (result === change.nan) throw new CommandError('ERR resulting score is not a number (NaN)')
  if (result === change.refused) {
    call.reply.null()
    return
  }
  // Redis answers the sign of a zero that it does not store.
  const score = result === change.added ? by : resultingScore()
  if (result !== change.unchanged) saveCollection(call.tx, space, call.arg(1), sorted)
  call.reply.double(formatDouble(score))
}

function increment(call: Call): void {
  // Redis reads ZADD's options here, after which no score and member are left.
  if (addOptionNames.has(call.option(2))) throw syntaxError()
  incrementMember(call, { increment: true }, 2)
}

function writeScore(call: Call, score: number | undefined): void {
  if (score === undefined) call.reply.null()
  else call.reply.double(formatDouble(score))
}

function score(call: Call): void {
  const sorted = find(call)
  writeScore(call, sorted === undefined ? undefined : findScore(call.tx, call.space, sorted, call.arg(2)))
}

function scores(call: Call): Steps {
  const sorted = find(call)
  const { space } = call
  call.reply.array(call.count - 2)
  return call.each(
    2,
    1,
    (at) => writeScore(call, sorted === undefined ? undefined : findScore(call.tx, space, sorted, call.arg(at))),
    () => undefined,
  )
}

function count(call: Call): void {
  call.reply.integer(find(call)?.count ?? 0)
}

function rank(reverse: boolean): DataHandler {
  return function* (call: Call): StatementSteps<void> {
    const { reply } = call
    if (call.count > 4) throw wrongArity(reverse ? 'zrevrank' : 'zrank')
    const withScore = call.count === 4
    if (withScore && call.option(3) !== 'WITHSCORE') throw syntaxError()
    const sorted = find(call)
    const found = sorted === undefined ? undefined : findScore(call.tx, call.space, sorted, call.arg(2))
    if (sorted === undefined || found === undefined) {
      if (withScore) reply.nullArray()
      else reply.null()
      return
    }
    const before = yield* findRank(call.tx, call.space, sorted, call.arg(2), found)
    if (withScore) reply.array(2)
    reply.integer(reverse ? sorted.count - 1 - before : before)
    if (withScore) reply.double(formatDouble(found))
  }
}

interface Scored {
  readonly member: Uint8Array
  readonly score: number
}

/** Takes up to `number` members from one end. */
function* popScored(
  call: Call,
  key: MutableSlice,
  sorted: Header,
  number: number,
  highest: boolean,
): StatementSteps<Scored[]> {
  const { space, tx } = call
  const popped: Scored[] = []
  yield* walkByRank(tx, space, sorted, 0, number - 1, highest, (member, score) => {
    popped.push({ member: copySlice(member), score })
  })
  yield* eachStep(tx, 0, popped.length, 1, (at) => {
    removeScored(tx, space, sorted, sliceOf(popped[at]!.member))
  })
  if (popped.length > 0) yield* inPlace(tx, () => saveCollection(tx, space, key, sorted))
  return popped
}

function pop(highest: boolean): DataHandler {
  return function* (call: Call): StatementSteps<void> {
    const { reply } = call
    if (call.count > 3) throw syntaxError()
    const wanted = call.count > 2 ? readPopCount(call) : 1
    const sorted = find(call)
    const number = Math.min(wanted, sorted?.count ?? 0)
    const nested = reply.protocol === 3 && call.count > 2
    reply.array(nested ? number : 2 * number)
    if (sorted === undefined || number === 0) return
    yield* writePopped(call, yield* popScored(call, call.arg(1), sorted, number, highest), nested)
  }
}

function* popMany(call: Call): StatementSteps<void> {
  const { reply } = call
  const { end, side, wanted } = parsePopMany(call, 'MIN', 'MAX')
  const found = yield* findFirst(call, 2, end, (at) => find(call, at))
  if (found === undefined) {
    reply.nullArray()
    return
  }
  yield* popNested(call, found.at, found.collection, wanted, side === 'MAX')
}

/** Answers the key, and the members that it takes. */
function* popNested(call: Call, at: number, sorted: Header, wanted: number, highest: boolean): StatementSteps<void> {
  const { reply } = call
  const number = Math.min(wanted, sorted.count)
  reply.array(2)
  reply.bulk(call.arg(at))
  reply.array(number)
  yield* writePopped(call, yield* popScored(call, call.arg(at), sorted, number, highest), true)
}

/** BZPOPMIN, BZPOPMAX. */
function popOneOrBlock(highest: boolean): DataHandler {
  return (call) => {
    const end = call.count - 1
    const timeoutMs = readTimeoutSeconds(call, end)
    return popOrBlock(
      call,
      {
        kind: 'sorted set',
        of: kind.sortedSet,
        first: 1,
        end,
        timeoutMs,
        *pop(popping, at, sorted) {
          popping.reply.array(3)
          popping.reply.bulk(popping.arg(at))
          yield* writePopped(popping, yield* popScored(popping, popping.arg(at), sorted, 1, highest), false)
        },
      },
      (at) => find(call, at),
    )
  }
}

function popManyOrBlock(call: Call): Steps {
  const { end, side, wanted } = parsePopMany(call, 'MIN', 'MAX', 2)
  const timeoutMs = readTimeoutSeconds(call, 1)
  return popOrBlock(
    call,
    {
      kind: 'sorted set',
      of: kind.sortedSet,
      first: 3,
      end,
      timeoutMs,
      pop: (popping, at, sorted) => popNested(popping, at, sorted, wanted, side === 'MAX'),
    },
    (at) => find(call, at),
  )
}

function* writePopped(call: Call, popped: readonly Scored[], nested: boolean): StatementSteps<void> {
  const { reply } = call
  yield* eachStep(call.tx, 0, popped.length, 1, (at) => {
    const { member, score } = popped[at]!
    if (nested) reply.array(2)
    reply.bulk(sliceOf(member))
    reply.double(formatDouble(score))
  })
}

function random(call: Call): StatementSteps<void> {
  const { reply, space } = call
  return randomElements(call, kind.sortedSet, 'WITHSCORES', index.scored, {
    space,
    write: (value) => reply.double(formatDouble(decodeScore(value))),
  })
}

export const sortedSetCommands: Readonly<Record<string, DataHandler>> = {
  zadd: add,
  zincrby: increment,
  zscore: score,
  zmscore: scores,
  zcard: count,
  zrem: removeElements(kind.sortedSet, removeScored),
  zrank: rank(false),
  zrevrank: rank(true),
  zpopmin: pop(false),
  zpopmax: pop(true),
  zmpop: popMany,
  bzpopmin: popOneOrBlock(false),
  bzpopmax: popOneOrBlock(true),
  bzmpop: popManyOrBlock,
  zrandmember: random,
}
