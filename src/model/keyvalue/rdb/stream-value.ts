/**
 * Streams as RDB has them, in the forms of Redis 5, 7.0 and 7.2.
 *
 *   stream   := nodes (id (16 bytes, big-endian) listpack)* entries last
 *               [ first deleted added ]                       from 7.0 on: ids, and how many were ever added
 *               groups ( name last [ read ] pending (id i64 deliveries)* consumers (name i64 [ i64 ] owned id*)* )*
 *   last, first, deleted := length (milliseconds) length (sequence)
 *   listpack := live deleted fields field* 0 ( flags ms sequence [ fields ] ( [ field ] value )* back )*
 *
 * Ids within a listpack are differences to that of their node. An entry with flag 2 has the fields of the node's first, one with
 * flag 1 was deleted.
 */
import { ByteReader } from '../../../base/bytes.ts'
import { type Slice, sliceOf } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import type { Header } from '../codec.ts'
import { elementRange, index, type Keyspace } from '../keys.ts'
import { walkValues } from '../long-values.ts'
import { gatherPieces, type Pieces } from '../pieces.ts'
import { decodePending, listConsumers, listGroups, type Group, type Pending } from '../stream-groups.ts'
import { millisecondsOf, sequenceOf, streamId, type StreamId } from '../stream-ids.ts'
import { groupRange, idOfKey } from '../stream-keys.ts'
import { edgeId, stateOf } from '../streams.ts'
import { type SlicedReader, walk } from '../walk.ts'
import { badData } from './bad-data.ts'
import { ListpackEntries, ListpackWriter } from './packed-entries.ts'
import type { RdbInput } from './rdb-input.ts'
import { lengthBytes, type RdbOutput } from './rdb-output.ts'
import { valueType } from './value-types.ts'

export interface StreamFacts {
  readonly lastId: StreamId
  readonly maxDeletedId: StreamId
  readonly entriesAdded: bigint
}

export interface ReadGroup {
  readonly name: Uint8Array
  readonly lastId: StreamId
  /** −1 where nobody knows; undefined where the file is older than this. */
  readonly entriesRead: bigint | undefined
}

/** Takes what a stream holds. */
export interface StreamTaker {
  entry(id: StreamId, strings: readonly Uint8Array[]): StatementSteps<void>
  /** Behind the last entry. */
  facts(facts: StreamFacts): StatementSteps<void>
  group(group: ReadGroup): StatementSteps<void>
  /** Of the last group. */
  consumer(name: Uint8Array, seenMs: bigint): StatementSteps<void>
  pending(id: StreamId, pending: Pending): StatementSteps<void>
}

const entriesOfNode = 100
const bytesOfNode = 4096
const idBytes = 16

const deletedFlag = 1n
const sameFieldsFlag = 2n

// ---- reading

export function* readStream(input: RdbInput, type: number, taker: StreamTaker): StatementSteps<void> {
  let count = 0
  for (let nodes = yield* input.length(); nodes > 0; nodes--) {
    const key = yield* input.string()
    if (key.length !== idBytes) throw badData('a part of a stream has no id')
    count += yield* readNode(decodeId(key), new ListpackEntries(yield* input.string()), taker)
  }
  if ((yield* input.length()) !== count) throw badData('a stream has another number of entries')
  const lastId = yield* readId(input)
  let maxDeletedId: StreamId = 0n
  let entriesAdded = BigInt(count)
  if (type !== valueType.stream) {
    yield* readId(input)
    maxDeletedId = yield* readId(input)
    entriesAdded = yield* input.length64()
  }
  yield* taker.facts({ lastId, maxDeletedId, entriesAdded })
  for (let groups = yield* input.length(); groups > 0; groups--) yield* readGroup(input, type, taker)
}

function decodeId(bytes: Uint8Array): StreamId {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return streamId(view.getBigUint64(0), view.getBigUint64(8))
}

function* readId(input: RdbInput): StatementSteps<StreamId> {
  return streamId(yield* input.length64(), yield* input.length64())
}

function integerOf(entry: Uint8Array | undefined): bigint {
  const text = entry === undefined ? '' : Buffer.from(entry).toString('latin1')
  if (!/^-?\d{1,20}$/.test(text)) throw badData('a number of a stream is none')
  return BigInt(text)
}

/** As many entries as are alive. */
function* readNode(master: StreamId, entries: ListpackEntries, taker: StreamTaker): StatementSteps<number> {
  const next = (): Uint8Array => {
    const entry = entries.next()
    if (entry === undefined) throw badData('a part of a stream is cut off')
    return entry
  }
  const live = Number(integerOf(next()))
  const deleted = Number(integerOf(next()))
  const shared: Uint8Array[] = []
  for (let left = integerOf(next()); left > 0n; left--) shared.push(next())
  next()
  let found = 0
  for (let left = live + deleted; left > 0; left--) {
    const flags = integerOf(next())
    const milliseconds = BigInt.asUintN(64, millisecondsOf(master) + integerOf(next()))
    const sequence = BigInt.asUintN(64, sequenceOf(master) + integerOf(next()))
    const isShared = (flags & sameFieldsFlag) !== 0n
    const strings: Uint8Array[] = []
    const fields = isShared ? BigInt(shared.length) : integerOf(next())
    for (let at = 0n; at < fields; at++) strings.push(isShared ? shared[Number(at)]! : next(), next())
    next()
    if ((flags & deletedFlag) !== 0n) continue
    found++
    yield* taker.entry(streamId(milliseconds, sequence), strings)
  }
  if (entries.next() !== undefined || found !== live) throw badData('a part of a stream has another number of entries')
  return found
}

function* readGroup(input: RdbInput, type: number, taker: StreamTaker): StatementSteps<void> {
  const name = yield* input.string()
  const lastId = yield* readId(input)
  const entriesRead = type === valueType.stream ? undefined : BigInt.asIntN(64, yield* input.length64())
  yield* taker.group({ name, lastId, entriesRead })
  const deliveries = new Map<StreamId, Omit<Pending, 'consumer'>>()
  for (let left = yield* input.length(); left > 0; left--) {
    const id = decodeId(yield* input.bytes(idBytes))
    deliveries.set(id, { deliveredMs: yield* input.i64(), deliveries: yield* input.length64() })
  }
  for (let left = yield* input.length(); left > 0; left--) {
    const consumer = yield* input.string()
    const seenMs = yield* input.i64()
    if (type === valueType.stream3) yield* input.i64()
    yield* taker.consumer(consumer, seenMs)
    for (let owned = yield* input.length(); owned > 0; owned--) {
      const id = decodeId(yield* input.bytes(idBytes))
      const delivery = deliveries.get(id)
      if (delivery === undefined) throw badData('what a consumer has was not delivered')
      deliveries.delete(id)
      yield* taker.pending(id, { ...delivery, consumer })
    }
  }
  if (deliveries.size > 0) throw badData('what was delivered is nobody’s')
}

// ---- writing

/** In the form of Redis 7.0. */
export function* writeStream(
  reader: SlicedReader,
  space: Keyspace,
  stream: Header,
  output: RdbOutput,
): StatementSteps<void> {
  output.byte(valueType.stream2)
  const place = output.reserve()
  const nodes = new NodeWriter(output)
  const short = (key: Slice, value: Slice): void => nodes.add(idOfKey(key), stringsOf(value))
  const long = function* (key: Slice, pieces: Pieces): StatementSteps<void> {
    const id = idOfKey(key)
    nodes.add(id, stringsOf(sliceOf(yield* gatherPieces(reader, pieces))))
  }
  yield* walkValues(reader, space, stream, elementRange(space, index.entry, stream.generation), { short, long })
  nodes.end()
  output.fill(place, lengthBytes(nodes.count))
  const { lastId, maxDeletedId, entriesAdded } = stateOf(stream)
  output.length(stream.count)
  writeId(output, lastId)
  writeId(output, edgeId(reader, space, stream, 'first') ?? 0n)
  writeId(output, maxDeletedId)
  output.length64(entriesAdded)
  const groups = yield* listGroups(reader, space, stream)
  output.length(groups.length)
  for (const group of groups) yield* writeGroup(reader, space, stream, group, output)
}

function stringsOf({ bytes, start, end }: Slice): Uint8Array[] {
  const reader = new ByteReader(bytes, start, end)
  return Array.from({ length: reader.varint() }, () => {
    const length = reader.varint()
    const at = end - reader.remaining
    reader.skip(length)
    return bytes.slice(at, at + length)
  })
}

function encodeId(id: StreamId): Uint8Array {
  const bytes = new Uint8Array(idBytes)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, millisecondsOf(id))
  view.setBigUint64(8, sequenceOf(id))
  return bytes
}

function writeId(output: RdbOutput, id: StreamId): void {
  output.length64(millisecondsOf(id))
  output.length64(sequenceOf(id))
}

/** Gathers entries in listpacks, as Redis cuts them by its defaults. */
class NodeWriter {
  count = 0
  readonly #output: RdbOutput
  #master: StreamId = 0n
  #fields: readonly Uint8Array[] = []
  #entries: { readonly id: StreamId; readonly strings: readonly Uint8Array[] }[] = []
  #bytes = 0

  constructor(output: RdbOutput) {
    this.#output = output
  }

  add(id: StreamId, strings: readonly Uint8Array[]): void {
    if (this.#entries.length >= entriesOfNode || this.#bytes >= bytesOfNode) this.end()
    if (this.#entries.length === 0) {
      this.#master = id
      this.#fields = strings.filter((_, at) => at % 2 === 0)
    }
    this.#entries.push({ id, strings })
    for (const one of strings) this.#bytes += one.length
  }

  end(): void {
    if (this.#entries.length === 0) return
    const packed = new ListpackWriter()
    const integer = (value: bigint | number): void => packed.add(Buffer.from(String(value), 'latin1'))
    integer(this.#entries.length)
    integer(0)
    integer(this.#fields.length)
    for (const field of this.#fields) packed.add(field)
    integer(0)
    for (const { id, strings } of this.#entries) {
      const isShared = this.#hasFields(strings)
      integer(isShared ? sameFieldsFlag : 0)
      integer(BigInt.asIntN(64, millisecondsOf(id) - millisecondsOf(this.#master)))
      integer(BigInt.asIntN(64, sequenceOf(id) - sequenceOf(this.#master)))
      if (!isShared) integer(strings.length / 2)
      const kept = isShared ? strings.filter((_, at) => at % 2 === 1) : strings
      for (const one of kept) packed.add(one)
      integer(kept.length + (isShared ? 3 : 4))
    }
    this.#output.string(sliceOf(encodeId(this.#master)))
    this.#output.string(sliceOf(packed.toBytes()))
    this.count++
    this.#entries = []
    this.#bytes = 0
  }

  #hasFields(strings: readonly Uint8Array[]): boolean {
    const fields = this.#fields
    if (strings.length !== fields.length * 2) return false
    return fields.every((field, at) => Buffer.compare(field, strings[at * 2]!) === 0)
  }
}

function* writeGroup(
  reader: SlicedReader,
  space: Keyspace,
  stream: Header,
  group: Group,
  output: RdbOutput,
): StatementSteps<void> {
  output.string(sliceOf(group.name))
  writeId(output, group.lastId)
  output.length64(BigInt.asUintN(64, group.entriesRead))
  const owned = new Map<string, Uint8Array[]>()
  const place = output.reserve()
  let count = 0
  yield* walk(reader, groupRange(space, index.pending, stream.generation, group.number), (key, value) => {
    const id = encodeId(idOfKey(key))
    const { deliveredMs, deliveries, consumer } = decodePending(value)
    output.add(id)
    output.i64(deliveredMs)
    output.length64(deliveries)
    const name = Buffer.from(consumer).toString('latin1')
    const ids = owned.get(name)
    if (ids === undefined) owned.set(name, [id])
    else ids.push(id)
    count++
  })
  output.fill(place, lengthBytes(count))
  const consumers = yield* listConsumers(reader, space, stream, group)
  output.length(consumers.length)
  for (const { name, seenMs } of consumers) {
    output.string(sliceOf(name))
    output.i64(seenMs)
    const ids = owned.get(Buffer.from(name).toString('latin1')) ?? []
    output.length(ids.length)
    for (const id of ids) output.add(id)
  }
}
