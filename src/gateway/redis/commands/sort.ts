/**
 * SORT: the items of a list, or the members of a set or sorted set, by their numbers, their bytes, or values that lie under keys
 * which are made of them; answered, or others in their place, or stored as a list.
 */
import { copySlice, emptySlice, MutableSlice, type Slice, sliceOf } from '../../../base/slice.ts'
import { charge } from '../../../base/work.ts'
import { privilege } from '../../../database/access/privileges.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { Header, kind } from '../../../model/keyvalue/codec.ts'
import { parseBound } from '../../../model/keyvalue/double-text.ts'
import { findField } from '../../../model/keyvalue/hashes.ts'
import { decodeLastElement, elementOffset, elementRange, index } from '../../../model/keyvalue/keys.ts'
import { clearKey, findHeader, newCollection, placeCollection, wrongType } from '../../../model/keyvalue/keyvalue.ts'
import { pushItem, walkItems } from '../../../model/keyvalue/lists.ts'
import { piecesOfString } from '../../../model/keyvalue/long-strings.ts'
import { gatherPieces, Pieces } from '../../../model/keyvalue/pieces.ts'
import { walkByRank } from '../../../model/keyvalue/sorted-set-ranges.ts'
import { eachStep, walk } from '../../../model/keyvalue/walk.ts'
import { SortedRuns } from '../../../query/sorted-runs.ts'
import type { Call, DataHandler } from '../call.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { replyWithValue } from './long-values.ts'

interface Request {
  descending: boolean
  alpha: boolean
  start: number
  count: number
  by: Pattern | undefined
  /** A constant was given to sort by: elements stay as they are. */
  keepsOrder: boolean
  readonly get: Pattern[]
  target: number | undefined
}

/** What makes the key that a value lies at: `*` stands for the element. `#` is the element itself. */
type Pattern =
  | '#'
  | { readonly before: Uint8Array; readonly behind: Uint8Array; readonly field: Uint8Array | undefined }
  | 'constant'

interface Sorted {
  readonly element: Uint8Array
  score: number
  by: Uint8Array | undefined
}

/** What an element takes beside its bytes. */
const elementBytes = 96
const smallBytes = 256

const star = 0x2a

function parsePattern(call: Call, position: number): Pattern {
  const text = copySlice(call.arg(position))
  if (text.length === 1 && text[0] === 0x23) return '#'
  const place = text.indexOf(star)
  if (place < 0) return 'constant'
  const arrow = Buffer.from(text.buffer, text.byteOffset, text.length).indexOf('->', place + 1, 'latin1')
  const hasField = arrow >= 0 && arrow + 2 < text.length
  return {
    before: text.subarray(0, place),
    behind: text.subarray(place + 1, hasField ? arrow : text.length),
    field: hasField ? text.subarray(arrow + 2) : undefined,
  }
}

/** They name keys that nobody can tell before: who may read all may use them. */
function checkMayReadAll(call: Call, option: string): void {
  if (call.mayAll(call.client.database, privilege.read)) return
  throw new CommandError(`ERR ${option} option of SORT denied due to insufficient ACL permissions.`)
}

function parse(call: Call, mayStore: boolean): Request {
  const request: Request = {
    descending: false,
    alpha: false,
    start: 0,
    count: -1,
    by: undefined,
    keepsOrder: false,
    get: [],
    target: undefined,
  }
  for (let at = 2; at < call.count; at++) at = readOption(call, request, mayStore, at)
  return request
}

/** The last argument of an option. */
function readOption(call: Call, request: Request, mayStore: boolean, at: number): number {
  const option = call.option(at)
  const left = call.count - at - 1
  if (option === 'ASC') request.descending = false
  else if (option === 'DESC') request.descending = true
  else if (option === 'ALPHA') request.alpha = true
  else if (option === 'LIMIT' && left >= 2) {
    request.start = call.integer(at + 1)
    request.count = call.integer(at + 2)
    return at + 2
  } else if (option === 'STORE' && left >= 1 && mayStore) {
    request.target = at + 1
    return at + 1
  } else if (option === 'BY' && left >= 1) {
    request.by = parsePattern(call, at + 1)
    if (typeof request.by === 'string') request.keepsOrder = true
    else checkMayReadAll(call, 'BY')
    return at + 1
  } else if (option === 'GET' && left >= 1) {
    checkMayReadAll(call, 'GET')
    request.get.push(parsePattern(call, at + 1))
    return at + 1
  } else throw syntaxError()
  return at
}

/** A view of what the pattern means for an element, or its pieces. */
function look(call: Call, pattern: Pattern, element: Uint8Array): Slice | Pieces | undefined {
  if (pattern === '#') return sliceOf(element)
  if (pattern === 'constant') return undefined
  const { before, behind, field } = pattern
  const key = new Uint8Array(before.length + element.length + behind.length)
  key.set(before)
  key.set(element, before.length)
  key.set(behind, before.length + element.length)
  const { space, tx } = call
  const header = new Header()
  if (!findHeader(tx, space, sliceOf(key), header)) return undefined
  if (field !== undefined) return header.kind === kind.hash ? findField(tx, space, header, sliceOf(field)) : undefined
  if (header.kind !== kind.string) return undefined
  return header.isLong ? piecesOfString(space, header) : header
}

function* lookAndCopy(call: Call, pattern: Pattern, element: Uint8Array): StatementSteps<Uint8Array | undefined> {
  const found = yield* inPlace(call.tx, () => {
    const value = look(call, pattern, element)
    return value === undefined || value instanceof Pieces ? value : copySlice(value)
  })
  return found instanceof Pieces ? yield* gather(call, found) : found
}

function* gather(call: Call, pieces: Pieces): StatementSteps<Uint8Array> {
  call.tx.workspace.memory.charge(pieces.bytes, 'what SORT sorts')
  return yield* gatherPieces(call.tx, pieces)
}

/** The elements from `start` on, `count` of them, in the order that they have. */
function* readElements(
  call: Call,
  source: Header,
  start: number,
  count: number,
  reverse: boolean,
): StatementSteps<Uint8Array[]> {
  const { space, tx } = call
  const elements: Uint8Array[] = []
  const keep = (element: Uint8Array): void => {
    tx.workspace.memory.charge(elementBytes + element.length, 'what SORT sorts')
    elements.push(element)
  }
  if (count <= 0) return elements
  if (source.kind === kind.sortedSet) {
    yield* walkByRank(tx, space, source, start, start + count - 1, reverse, (member) => keep(copySlice(member)))
  } else if (source.kind === kind.set) {
    const offset = elementOffset(space, index.member, source.generation)
    const member = new MutableSlice()
    const range = elementRange(space, index.member, source.generation)
    const visit = (key: Slice): void => keep(copySlice(decodeLastElement(key, offset, member)))
    yield* walk(tx, range, visit, { offset: start, limit: count })
  } else {
    const from = reverse ? source.count - start - count : start
    const short = (item: Slice): void => keep(copySlice(item))
    const long = function* (item: Pieces): StatementSteps<void> {
      elements.push(yield* gather(call, item))
    }
    yield* walkItems(tx, space, source, from, from + count - 1, { short, long }, reverse)
  }
  return elements
}

/** Which of the elements are wanted: Redis's reading of LIMIT. */
function limits({ start, count }: Request, length: number): { first: number; number: number } {
  const first = Math.min(Math.max(start, 0), length)
  const most = Math.min(Math.max(count, -1), length)
  if (first >= length) return { first: 0, number: 0 }
  return { first, number: most < 0 ? length - first : Math.min(most, length - first) }
}

function compare(request: Request): (a: Sorted, b: Sorted) => number {
  const { alpha, by, descending } = request
  const upwards = alpha ? (by === undefined ? byBytes : byWeight) : byScore
  return descending ? (a, b) => -upwards(a, b) : upwards
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  if (length > smallBytes) charge(length / 4)
  return Buffer.compare(a, b)
}

const byBytes = (a: Sorted, b: Sorted): number => compareBytes(a.element, b.element)

const byScore = (a: Sorted, b: Sorted): number =>
  a.score === b.score ? compareBytes(a.element, b.element) : a.score < b.score ? -1 : 1

function byWeight(a: Sorted, b: Sorted): number {
  if (a.by === undefined || b.by === undefined) return Number(a.by !== undefined) - Number(b.by !== undefined)
  return compareBytes(a.by, b.by)
}

const infinite = /inf/i

function readScore(value: Slice): number {
  const score = parseBound(value)
  const isWrong =
    score === undefined || (!Number.isFinite(score) && !infinite.test(Buffer.from(copySlice(value)).toString('latin1')))
  if (isWrong) throw noScore()
  return score
}

function noScore(): CommandError {
  return new CommandError("ERR One or more scores can't be converted into double")
}

/** With what each is sorted by. */
function* weigh(call: Call, request: Request, elements: readonly Uint8Array[]): StatementSteps<Sorted[]> {
  const { alpha, by } = request
  const weighed: Sorted[] = []
  yield* eachStep(call.tx, 0, elements.length, 1, (at) => {
    const element = elements[at]!
    const value = by === undefined ? sliceOf(element) : look(call, by, element)
    const one: Sorted = { element, score: 0, by: undefined }
    if (value instanceof Pieces) return weighLong(call, one, value, alpha, weighed)
    if (value !== undefined && !alpha) one.score = readScore(value)
    else if (value !== undefined && by !== undefined) {
      one.by = copySlice(value)
      call.tx.workspace.memory.charge(one.by.length, 'what SORT sorts by')
    }
    weighed.push(one)
    return undefined
  })
  return weighed
}

function* weighLong(call: Call, one: Sorted, value: Pieces, alpha: boolean, weighed: Sorted[]): StatementSteps<void> {
  // No number is so long.
  if (!alpha) throw noScore()
  one.by = yield* gather(call, value)
  weighed.push(one)
}

function* sortElements(
  call: Call,
  request: Request,
  elements: readonly Uint8Array[],
  wanted: number,
): StatementSteps<Uint8Array[]> {
  const weighed = yield* weigh(call, request, elements)
  const sorting = new SortedRuns<Sorted>(compare(request), () => undefined)
  if (wanted < elements.length) sorting.limit(wanted)
  yield* eachStep(call.tx, 0, weighed.length, 1, (at) => {
    const one = weighed[at]!
    sorting.add(one, request.alpha ? (one.by ?? one.element).length : 0)
  })
  for (let moved = sorting.step(); moved > 0; moved = sorting.step()) {
    if (call.tx.slice.spend(moved)) yield undefined
  }
  return sorting.takeAll().map(({ element }) => element)
}

/** What is wanted of the elements, in order. */
function* findElements(call: Call, request: Request, source: Header): StatementSteps<Uint8Array[]> {
  const { first, number } = limits(request, source.count)
  // A set has no order of its own to be stored: it is that of bytes.
  const sortsSet = source.kind === kind.set && request.target !== undefined
  if (request.keepsOrder && !sortsSet) {
    return yield* readElements(call, source, first, number, request.descending && source.kind !== kind.set)
  }
  const all = yield* readElements(call, source, 0, source.count, false)
  const how = request.keepsOrder ? { ...request, alpha: true, by: undefined } : request
  const sorted = yield* sortElements(call, how, all, first + number)
  return sorted.slice(first, first + number)
}

function* answer(call: Call, { get }: Request, elements: readonly Uint8Array[]): StatementSteps<void> {
  const { reply } = call
  const patterns = get.length === 0 ? (['#'] as const) : get
  reply.array(elements.length * patterns.length)
  yield* eachStep(call.tx, 0, elements.length * patterns.length, 1, (at) => {
    const element = elements[Math.floor(at / patterns.length)]!
    const pattern = patterns[at % patterns.length]!
    // Nobody writes over an element: a long one is not copied.
    if (pattern === '#') return reply.argument(sliceOf(element))
    return replyWithValue(call, look(call, pattern, element))
  })
}

function* store(call: Call, { get, target }: Request, elements: readonly Uint8Array[]): StatementSteps<void> {
  const { tx } = call
  const space = yield* inPlace(tx, () => call.writableSpace)
  const patterns = get.length === 0 ? (['#'] as const) : get
  const list = newCollection(tx, kind.list)
  yield* eachStep(tx, 0, elements.length * patterns.length, 1, function* (at) {
    const element = elements[Math.floor(at / patterns.length)]!
    const value = yield* lookAndCopy(call, patterns[at % patterns.length]!, element)
    const item = value === undefined ? emptySlice : sliceOf(value)
    const steps = yield* inPlace(tx, () => pushItem(tx, space, list, item, false))
    if (steps !== undefined) yield* steps
  })
  yield* inPlace(tx, () => {
    clearKey(tx, space, call.arg(target!))
    if (list.count > 0) placeCollection(tx, space, call.arg(target!), list)
  })
  call.reply.integer(list.count)
}

function sort(mayStore: boolean): DataHandler {
  return function* (call: Call): StatementSteps<void> {
    const request = parse(call, mayStore)
    const source = new Header()
    const isThere = findHeader(call.tx, call.space, call.arg(1), source)
    if (isThere && source.kind !== kind.list && source.kind !== kind.set && source.kind !== kind.sortedSet) {
      throw wrongType()
    }
    const elements = isThere ? yield* findElements(call, request, source) : []
    if (request.target === undefined) yield* answer(call, request, elements)
    else yield* store(call, request, elements)
  }
}

export const sortCommands: Readonly<Record<string, DataHandler>> = {
  sort: sort(true),
  sort_ro: sort(false),
}
