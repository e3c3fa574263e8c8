/** SCAN, HSCAN, SSCAN, ZSCAN: see `scan-cursors.ts` for what a cursor is and what is promised. */
import { charge } from '../../../base/work.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { eachStep, walk } from '../../../model/keyvalue/walk.ts'
import { decodeUtf8 } from '../../../base/bytes.ts'
import { copySlice, MutableSlice, sliceOf, sliceToLatin1, type KeyRange, type Slice } from '../../../base/slice.ts'
import { decodeHeader, decodeScore, Header, kind, kindNames, type Kind } from '../../../model/keyvalue/codec.ts'
import { lapsedTest } from '../../../model/keyvalue/field-expiry.ts'
import { formatDouble } from '../../../model/keyvalue/double-text.ts'
import { findLong } from '../../../model/keyvalue/long-values.ts'
import { Pieces } from '../../../model/keyvalue/pieces.ts'
import { decodeLastElement, elementOffset, elementRange, headerOffset } from '../../../model/keyvalue/keys.ts'
import { keysWithPrefix } from '../../../model/keyvalue/keyspace.ts'
import { elementIndex, fieldsAreDue, findCollection, isLiving } from '../../../model/keyvalue/keyvalue.ts'
import type { Call, DataHandler } from '../call.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { Glob } from '../glob.ts'
import { replyWithPieces } from './long-values.ts'

/** Redis returns small collections whole, whatever COUNT says (`hash-max-listpack-entries`). */
const wholeCount = 128
/** Entries that one call looks at, whatever COUNT says: a call is one slice of time. */
const maxCount = 10_000
/** No number below 2^64 is longer, with a sign and some zeros before it. */
const maxCursorBytes = 64

interface ScanOptions {
  count: number
  match: Glob | undefined
  kind: string | undefined
  /** Fields without what they hold. */
  hidesValues: boolean
}

/** As C's strtoul reads it: nothing is 0, a sign is allowed and a negative number counts down from 2^64. */
function parseCursor(call: Call, position: number): bigint {
  const { bytes, start, end } = call.arg(position)
  if (end - start > maxCursorBytes) throw new CommandError('ERR invalid cursor')
  const text = decodeUtf8(bytes, start, end).split('\0', 1)[0]!
  if (text === '') return 0n
  const found = /^([+-]?)(\d+)$/.exec(text)
  if (found === null) throw new CommandError('ERR invalid cursor')
  const cursor = BigInt(found[2]!)
  if (cursor > 0xffff_ffff_ffff_ffffn) throw new CommandError('ERR invalid cursor')
  return found[1] === '-' ? BigInt.asUintN(64, -cursor) : cursor
}

/** `of`: what a collection holds; undefined: keys. */
function parseOptions(call: Call, first: number, of?: Kind): ScanOptions {
  const options: ScanOptions = { count: 10, match: undefined, kind: undefined, hidesValues: false }
  for (let at = first; at < call.count; at += 2) {
    const option = call.option(at)
    if (option === 'NOVALUES') {
      if (of !== kind.hash) throw new CommandError('ERR NOVALUES option can only be used in HSCAN')
      options.hidesValues = true
      at--
      continue
    }
    if (at + 1 >= call.count) throw syntaxError()
    if (option === 'COUNT') {
      options.count = call.integer(at + 1)
      if (options.count < 1) throw syntaxError()
    } else if (option === 'MATCH') options.match = new Glob(call.arg(at + 1))
    else if (of === undefined && option === 'TYPE') options.kind = call.text(at + 1).toLowerCase()
    else throw syntaxError()
  }
  return options
}

/**
 * Shows up to `count` entries to `visit`, from where the cursor stands, and writes what has been gathered of them behind the
 * next cursor.
 */
function* scanRange(
  call: Call,
  range: KeyRange,
  scope: string,
  cursor: bigint,
  count: number,
  visit: (key: Slice, value: Slice) => void,
  items: readonly ScanItem[],
): StatementSteps<void> {
  const position = cursor === 0n ? undefined : call.server.cursors.find(cursor, scope)
  const rest = position === undefined ? range : { start: sliceOf(position), end: range.end }
  let left = Math.min(count, maxCount)
  let next: Uint8Array | undefined
  yield* walk(call.tx, rest, (key, value) => {
    if (left-- === 0) {
      next = copySlice(key)
      return false
    }
    visit(key, value)
    return true
  })
  const nextCursor = next === undefined ? 0 : call.server.cursors.add(scope, next)
  yield* writePage(call, nextCursor, items)
}

type ScanItem = Uint8Array | string | Pieces

function* writePage(call: Call, nextCursor: number, items: readonly ScanItem[]): StatementSteps<void> {
  const { reply } = call
  reply.array(2)
  reply.bulkInteger(nextCursor)
  reply.array(items.length)
  yield* eachStep(call.tx, 0, items.length, 1, (at) => {
    const item = items[at]!
    if (item instanceof Pieces) return replyWithPieces(call, item)
    if (typeof item === 'string') reply.bulkText(item)
    else reply.bulk(sliceOf(item))
    return undefined
  })
}

function scanKeys(call: Call): StatementSteps<void> {
  const cursor = parseCursor(call, 1)
  const options = parseOptions(call, 2)
  const { visibleSpace: space, visibleKeys } = call
  const offset = headerOffset(space)
  const key = new MutableSlice()
  const header = new Header()
  const items: Uint8Array[] = []
  const prefix = options.match?.prefix() ?? new Uint8Array(0)
  const range = keysWithPrefix(space, prefix)
  const scope = `${space.id} keys ${sliceToLatin1(sliceOf(prefix))}`
  const visit = (entry: Slice, value: Slice): void => {
    decodeHeader(value, header)
    const own = fieldsAreDue(call.tx, header) ? sliceOf(copySlice(entry)) : entry
    if (!isLiving(call.tx, space, header)) return
    if (options.kind !== undefined && kindNames[header.kind] !== options.kind) return
    decodeLastElement(own, offset, key)
    if (options.match?.matches(key) === false || visibleKeys?.(key) === false) return
    items.push(copySlice(key))
  }
  return scanRange(call, range, scope, cursor, options.count, visit, items)
}

function scanCollection(of: Kind, pick: (value: Slice) => Uint8Array | string | undefined): DataHandler {
  return (call) => {
    const cursor = parseCursor(call, 2)
    const { space } = call
    const header = findCollection(call.tx, space, call.arg(1), of)
    if (header === undefined) return writePage(call, 0, [])
    const options = parseOptions(call, 3, of)
    const index = elementIndex(of)
    const offset = elementOffset(space, index, header.generation)
    const element = new MutableSlice()
    const items: ScanItem[] = []
    const isOver = lapsedTest(call.tx, space, header)
    const visit = (shown: Slice, stored: Slice): void => {
      const [entry, value] =
        header.lapsed > 0 ? [sliceOf(copySlice(shown)), sliceOf(copySlice(stored))] : [shown, stored]
      if (isOver(entry)) return
      decodeLastElement(entry, offset, element)
      if (options.match !== undefined && !options.match.matches(element)) return
      charge(entry.end - entry.start)
      if (options.hidesValues) {
        items.push(copySlice(element))
        return
      }
      charge(value.end - value.start)
      const first = copySlice(element)
      const second = findLong(call.tx, space, header, entry, value) ?? pick(value)
      items.push(first)
      if (second !== undefined) items.push(second)
    }
    const count = header.count <= wholeCount ? wholeCount : options.count
    const range = elementRange(space, index, header.generation)
    const scope = `${space.id} ${header.generation}`
    return scanRange(call, range, scope, cursor, count, visit, items)
  }
}

export const scanCommands: Readonly<Record<string, DataHandler>> = {
  scan: scanKeys,
  hscan: scanCollection(kind.hash, copySlice),
  sscan: scanCollection(kind.set, () => undefined),
  zscan: scanCollection(kind.sortedSet, (value) => formatDouble(decodeScore(value))),
}
