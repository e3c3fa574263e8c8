/**
 * Groups of consumers of a stream: how far each group has read, its consumers, and what they have been given and have not
 * acknowledged.
 *
 * What is pending lies by group and id, and once more by consumer and id (`stream-keys.ts`), so that each list is a range
 * and its length a count of keys. A command holds the stream's header and its group with `key share` while it writes what
 * belongs to them; who reads new entries for a group writes the group, so that no two consumers are given the same entry.
 *
 * Invariants: whatever is pending has one owner, whose list has it, and the owner is a consumer of the group.
 */
import { ByteReader, ByteWriter } from '../../base/bytes.ts'
import { copySlice, emptySlice, MutableSlice, sliceOf, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { StatementSteps, Transaction, TransactionReader } from '../../database/contract.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import type { Header } from './codec.ts'
import { decodeLastElement, elementOffset, elementRange, index, type Keyspace } from './keys.ts'
import { readStreamId, type StreamId, writeStreamId } from './stream-ids.ts'
import {
  consumerOffset,
  groupRange,
  idOfKey,
  ownedRange,
  pendingRange,
  writeConsumerKey,
  writeGroupKey,
  writeOwnedKey,
  writePendingKey,
} from './stream-keys.ts'
import { stateOf } from './streams.ts'
import { countRange, eachStep, walk, type SlicedReader } from './walk.ts'

const groupKey = new KeyWriter(64)
const consumerKey = new KeyWriter(64)
const pendingKey = new KeyWriter(64)
const ownedKey = new KeyWriter(64)
const valueWriter = new ByteWriter(64)

/** It is not known how many entries of the stream a group has read. */
export const unknownCount = -1n

export interface Group {
  readonly name: Uint8Array
  /** Under which its consumers and what is pending lie. */
  readonly number: number
  lastId: StreamId
  entriesRead: bigint
}

// ---- groups

export function findGroup(reader: TransactionReader, space: Keyspace, stream: Header, name: Slice): Group | undefined {
  if (!stateOf(stream).hasGroups) return undefined
  const stored = reader.get(writeGroupKey(groupKey, space, stream.generation, name))
  return stored === undefined ? undefined : decodeGroup(copySlice(name), stored)
}

export function decodeGroup(name: Uint8Array, { bytes, start, end }: Slice): Group {
  const reader = new ByteReader(bytes, start, end)
  const number = reader.varint()
  const lastId = readStreamId(reader)
  return { name, number, lastId, entriesRead: reader.i64le() }
}

/** A group that is not there. The caller saves the collection. */
export function createGroup(
  tx: Transaction,
  space: Keyspace,
  stream: Header,
  name: Slice,
  read: Pick<Group, 'lastId' | 'entriesRead'>,
): void {
  const state = stateOf(stream)
  if (!state.hasGroups) {
    state.hasGroups = true
    state.isChanged = true
  }
  saveGroup(tx, space, stream, { ...read, name: copySlice(name), number: tx.services.nextNumber() })
}

export function saveGroup(tx: Transaction, space: Keyspace, stream: Header, group: Group): void {
  valueWriter.reset().varint(group.number)
  writeStreamId(valueWriter, group.lastId)
  valueWriter.i64le(group.entriesRead)
  tx.put(writeGroupKey(groupKey, space, stream.generation, sliceOf(group.name)), valueWriter)
}

/** Before what belongs to it is written: whoever drops it waits, and drops all. */
export function holdGroup(tx: Transaction, space: Keyspace, stream: Header, group: Group): void {
  tx.lock(writeGroupKey(groupKey, space, stream.generation, sliceOf(group.name)), 'key share')
}

/** Before its next entries are looked for: nobody else is given them. */
export function lockGroup(tx: Transaction, space: Keyspace, stream: Header, group: Group): void {
  tx.lock(writeGroupKey(groupKey, space, stream.generation, sliceOf(group.name)), 'no key update')
}

/** With its consumers and all that is pending. */
export function destroyGroup(tx: Transaction, space: Keyspace, stream: Header, group: Group): void {
  const { generation } = stream
  tx.delete(writeGroupKey(groupKey, space, generation, sliceOf(group.name)))
  tx.deleteRange(groupRange(space, index.consumer, generation, group.number))
  tx.deleteRange(groupRange(space, index.pending, generation, group.number))
  tx.deleteRange(groupRange(space, index.owned, generation, group.number), 'derived')
}

/** In the order of their names. */
export function* listGroups(reader: SlicedReader, space: Keyspace, stream: Header): StatementSteps<Group[]> {
  const groups: Group[] = []
  if (!stateOf(stream).hasGroups) return groups
  const offset = elementOffset(space, index.group, stream.generation)
  const name = new MutableSlice()
  yield* walk(reader, elementRange(space, index.group, stream.generation), (key, value) => {
    groups.push(decodeGroup(copySlice(decodeLastElement(key, offset, name)), value))
  })
  return groups
}

// ---- consumers

/** When it was last seen; undefined where there is no such consumer. */
export function findConsumer(
  reader: TransactionReader,
  space: Keyspace,
  stream: Header,
  group: Group,
  name: Slice,
): bigint | undefined {
  const stored = reader.get(writeConsumerKey(consumerKey, space, stream.generation, group.number, name))
  return stored === undefined ? undefined : decodeSeen(stored)
}

function decodeSeen({ bytes, start, end }: Slice): bigint {
  return new ByteReader(bytes, start, end).i64le()
}

/** Makes it, or says that it was seen now. */
export function seeConsumer(
  tx: Transaction,
  space: Keyspace,
  stream: Header,
  group: Group,
  name: Slice,
  seenMs: bigint = BigInt(Math.floor(tx.timeMs)),
): void {
  valueWriter.reset().i64le(seenMs)
  tx.put(writeConsumerKey(consumerKey, space, stream.generation, group.number, name), valueWriter)
}

export interface Consumer {
  readonly name: Uint8Array
  readonly seenMs: bigint
}

/** In the order of their names. */
export function* listConsumers(
  reader: SlicedReader,
  space: Keyspace,
  stream: Header,
  group: Group,
): StatementSteps<Consumer[]> {
  const consumers: Consumer[] = []
  const offset = consumerOffset(space, stream.generation, group.number)
  const name = new MutableSlice()
  yield* walk(reader, groupRange(space, index.consumer, stream.generation, group.number), (key, value) => {
    consumers.push({ name: copySlice(decodeLastElement(key, offset, name)), seenMs: decodeSeen(value) })
  })
  return consumers
}

/** With all that it owns; how much that was. */
export function* deleteConsumer(
  tx: Transaction,
  space: Keyspace,
  stream: Header,
  group: Group,
  name: Slice,
): StatementSteps<number> {
  const { generation } = stream
  const ids: StreamId[] = []
  yield* inPlace(tx, () => tx.delete(writeConsumerKey(consumerKey, space, generation, group.number, name)))
  const owned = ownedRange(space, generation, group.number, name)
  yield* walk(tx, owned, (key) => void ids.push(idOfKey(key)))
  yield* eachStep(tx, 0, ids.length, 1, (at) => {
    tx.delete(writePendingKey(pendingKey, space, generation, group.number, ids[at]!))
  })
  yield* inPlace(tx, () => tx.deleteRange(owned, 'derived'))
  return ids.length
}

// ---- what is pending

export interface Pending {
  readonly deliveredMs: bigint
  readonly deliveries: bigint
  /** A name. */
  readonly consumer: Uint8Array
}

export function decodePending({ bytes, start, end }: Slice): Pending {
  const reader = new ByteReader(bytes, start, end)
  const deliveredMs = reader.i64le()
  const deliveries = reader.i64le()
  return { deliveredMs, deliveries, consumer: copySlice({ bytes, start: end - reader.remaining, end }) }
}

export function findPending(
  reader: TransactionReader,
  space: Keyspace,
  stream: Header,
  group: Group,
  id: StreamId,
): Pending | undefined {
  const stored = reader.get(writePendingKey(pendingKey, space, stream.generation, group.number, id))
  return stored === undefined ? undefined : decodePending(stored)
}

/** In place of `before`, which is what was found. */
export function putPending(
  tx: Transaction,
  space: Keyspace,
  stream: Header,
  group: Group,
  id: StreamId,
  before: Pending | undefined,
  after: Pending,
): void {
  const { generation } = stream
  valueWriter.reset().i64le(after.deliveredMs)
  valueWriter.i64le(after.deliveries)
  valueWriter.copy(after.consumer)
  // What may have to wait comes first.
  tx.put(writePendingKey(pendingKey, space, generation, group.number, id), valueWriter)
  if (before !== undefined && Buffer.compare(before.consumer, after.consumer) === 0) return
  if (before !== undefined) dropOwned(tx, space, stream, group, id, before)
  tx.put(writeOwnedKey(ownedKey, space, generation, group.number, sliceOf(after.consumer), id), emptySlice, 'derived')
}

function dropOwned(
  tx: Transaction,
  space: Keyspace,
  stream: Header,
  group: Group,
  id: StreamId,
  { consumer }: Pending,
): void {
  tx.delete(writeOwnedKey(ownedKey, space, stream.generation, group.number, sliceOf(consumer), id), 'derived')
}

/** False where it is not pending. */
export function dropPending(tx: Transaction, space: Keyspace, stream: Header, group: Group, id: StreamId): boolean {
  const found = findPending(tx, space, stream, group, id)
  if (found === undefined) return false
  tx.delete(writePendingKey(pendingKey, space, stream.generation, group.number, id))
  dropOwned(tx, space, stream, group, id, found)
  return true
}

/** Of the group, or of one of its consumers. */
export function* countPending(
  reader: SlicedReader,
  space: Keyspace,
  stream: Header,
  group: Group,
  consumer?: Slice,
): StatementSteps<number> {
  const { generation } = stream
  if (consumer === undefined) return yield* countRange(reader, pendingRange(space, generation, group.number))
  return yield* countRange(reader, ownedRange(space, generation, group.number, consumer))
}
