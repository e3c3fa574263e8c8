/** All keys of a collection: walking, counting, renaming, copying, and a random one. */
import { charge } from '../../base/work.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import { copySlice, MutableSlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import { KeyWriter, keyspaceRange } from '../../base/tuple.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { decodeHeader, Header } from './codec.ts'
import { expiredRange } from './expiry.ts'
import { decodeLastElement, elementRange, headerOffset, index, writeElementPrefix, type Keyspace } from './keys.ts'
import {
  clearKey,
  contentIndexes,
  fieldsAreDue,
  findHeader,
  isLiving,
  newCollection,
  placeCollection,
  removeKey,
  writeKindOf,
} from './keyvalue.ts'
import { entryNearRandomPoint, randomBelow } from './sample.ts'
import { setString } from './strings.ts'
import { countRange, walk, type SlicedReader } from './walk.ts'

/** The headers of keys that begin with `prefix`. */
export function keysWithPrefix(space: Keyspace, prefix: Uint8Array): KeyRange {
  const all = keyspaceRange(space.id, index.header)
  if (prefix.length === 0) return all
  const writer = new KeyWriter(64).begin(space.id, index.header).byteString(prefix)
  // Without the terminator: what follows is the rest of the key.
  writer.truncate(writer.end - 1)
  const start = sliceOf(writer.toBytes())
  // The first bytes above everything that begins so; the tag before the key is not FF, so there are some.
  while (writer.bytes[writer.end - 1] === 0xff) writer.truncate(writer.end - 1)
  writer.bytes[writer.end - 1]! += 1
  return { start, end: sliceOf(writer.toBytes()) }
}

/** Visits living keys in byte order, until `visit` answers false. */
export function* walkKeys(
  reader: SlicedReader,
  space: Keyspace,
  visit: (key: Slice, header: Header) => boolean | void,
  range: KeyRange = keyspaceRange(space.id, index.header),
): StatementSteps<void> {
  const offset = headerOffset(space)
  const key = new MutableSlice()
  const header = new Header()
  yield* walk(reader, range, (entry, value) => {
    decodeHeader(value, header)
    const own = fieldsAreDue(reader, header) ? sliceOf(copySlice(entry)) : entry
    return !isLiving(reader, space, header) || visit(decodeLastElement(own, offset, key), header)
  })
}

/** Living ones: what has expired and is not removed yet is counted apart. */
export function* countKeys(reader: SlicedReader, space: Keyspace): StatementSteps<number> {
  const all = yield* countRange(reader, keyspaceRange(space.id, index.header))
  return all - (yield* countRange(reader, expiredRange(space, reader.timeMs)))
}

/**
 * A living key, see `sample.ts` for how random; undefined where there is none. `isWanted`: which count; where these are few
 * among many, all are looked at.
 */
export function* randomKey(
  tx: Transaction,
  space: Keyspace,
  isWanted: (key: Slice) => boolean = () => true,
): StatementSteps<Uint8Array | undefined> {
  const few: Uint8Array[] = []
  yield* walkKeys(tx, space, (key) => {
    if (isWanted(key)) few.push(copySlice(key))
    return few.length <= 64
  })
  if (few.length <= 64) return few.length === 0 ? undefined : few[randomBelow(tx.services, few.length)]
  const range = keyspaceRange(space.id, index.header)
  const header = new Header()
  for (let tries = 0; tries < 100; tries++) {
    const entry = yield* entryNearRandomPoint(tx, range)
    if (entry === undefined) break
    const key = copySlice(decodeLastElement(sliceOf(entry), headerOffset(space), new MutableSlice()))
    if (!isWanted(sliceOf(key))) continue
    if (yield* inPlace(tx, () => findHeader(tx, space, sliceOf(key), header))) return key
  }
  return few[randomBelow(tx.services, few.length)]
}

/**
 * Moves a living key, whose header was just found, to another name or collection's keyspace of the same database: its
 * expiry moves along, what was there is removed. Constant work for names; another keyspace needs `copyKey`.
 */
export function renameKey(
  tx: Transaction,
  space: Keyspace,
  from: Slice,
  header: Header,
  to: Slice,
): StatementSteps<void> | undefined {
  if (header.isInline) {
    const value = sliceOf(copySlice(header))
    removeKey(tx, space, from, header)
    return setString(tx, space, to, value, header.expiresAtMs)
  }
  clearKey(tx, space, to)
  const moved = new Header()
  Object.assign(moved, { kind: header.kind, generation: header.generation })
  moved.takeContents(header)
  moved.expiresAtMs = header.expiresAtMs
  // Not its elements: those follow the generation.
  header.storedCount = undefined
  removeKey(tx, space, from, header)
  placeCollection(tx, space, to, moved)
  return undefined
}

/** Copies a living key, whose header was just found; what is at the target is removed. */
export function* copyKey(
  tx: Transaction,
  from: Keyspace,
  header: Header,
  to: Keyspace,
  target: Slice,
): StatementSteps<void> {
  if (header.isInline) {
    const steps = setString(tx, to, target, sliceOf(copySlice(header)), header.expiresAtMs)
    if (steps !== undefined) yield* steps
    return
  }
  yield* inPlace(tx, () => clearKey(tx, to, target))
  const copy = newCollection(tx, header.kind)
  copy.expiresAtMs = header.expiresAtMs
  copy.takeContents(header)
  for (const of of contentIndexes(header)) {
    const source = { space: from, of, generation: header.generation }
    yield* copyElements(tx, source, { space: to, generation: copy.generation })
  }
  yield* inPlace(tx, () => placeCollection(tx, to, target, copy))
}

/** Of a byte: it is read in the store, and copied into the transaction's writes. */
const copiedUnits = 2

function* copyElements(
  tx: Transaction,
  from: { space: Keyspace; of: number; generation: number },
  to: { space: Keyspace; generation: number },
): StatementSteps<void> {
  const key = new KeyWriter(64)
  const fromBytes = writeElementPrefix(key, from.space, from.of, from.generation).end
  const toBytes = writeElementPrefix(key, to.space, from.of, to.generation).end
  const writeKind = writeKindOf(from.of)
  yield* walk(tx, elementRange(from.space, from.of, from.generation), (source, stored) => {
    key.truncate(toBytes)
    key.copy(source.bytes, source.start + fromBytes, source.end)
    charge((stored.end - stored.start) * copiedUnits)
    tx.putNew(key, stored, writeKind)
  })
}
