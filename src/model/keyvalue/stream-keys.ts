/**
 * Where streams lie. `generation` is the stream's, `group` a number that the group was given when it was made.
 *
 * | index       | key                                                    | value                                              |
 * |-------------|--------------------------------------------------------|----------------------------------------------------|
 * | 11 entry    | (ks, 11, int generation, id)                           | fields and values, see `streams.ts`                |
 * | 12 group    | (ks, 12, int generation, bytes name)                   | varint group · id delivered last · i64 entries read, −1 unknown |
 * | 13 consumer | (ks, 13, int generation, int group, bytes name)        | i64 milliseconds when it was seen                  |
 * | 14 pending  | (ks, 14, int generation, int group, id)                | i64 milliseconds of delivery · i64 deliveries · the consumer's name |
 * | 15 owned    | (ks, 15, int generation, int group, bytes consumer, id) | –                                                 |
 *
 * An id is 16 bytes, those of a UUID to the tuple. 15 is derived from 14: what of a group is pending, by consumer.
 */
import { ByteReader } from '../../base/bytes.ts'
import { sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import { KeyWriter, prefixRange, tag } from '../../base/tuple.ts'
import { index, writeElementKey, writeElementPrefix, type Keyspace } from './keys.ts'
import { greatestId, idBytes, leastId, readStreamId, type StreamId, writeStreamId } from './stream-ids.ts'

const rangeWriter = new KeyWriter(64)

function writeId(writer: KeyWriter, id: StreamId): KeyWriter {
  writer.u8(tag.uuid)
  writeStreamId(writer, id)
  return writer
}

/** Of an entry, a pending one or an owned one: its key ends with it. */
export function idOfKey(key: Slice): StreamId {
  return readStreamId(new ByteReader(key.bytes, key.end - idBytes, key.end))
}

/** What lies behind a prefix from one id to another, both included; empty where `from` is greater. */
function idRange(writePrefix: (writer: KeyWriter) => KeyWriter, from: StreamId, to: StreamId): KeyRange {
  const start = writeId(writePrefix(rangeWriter), from).toBytes()
  const end = writeId(writePrefix(rangeWriter), to)
  end.u8(0)
  return { start: sliceOf(start), end: sliceOf(end.toBytes()) }
}

export function writeEntryKey(writer: KeyWriter, space: Keyspace, generation: number, id: StreamId): KeyWriter {
  return writeId(writeElementPrefix(writer, space, index.entry, generation), id)
}

export function entryRange(
  space: Keyspace,
  generation: number,
  from: StreamId = leastId,
  to: StreamId = greatestId,
): KeyRange {
  return idRange((writer) => writeElementPrefix(writer, space, index.entry, generation), from, to)
}

export function writeGroupKey(writer: KeyWriter, space: Keyspace, generation: number, name: Slice): KeyWriter {
  return writeElementKey(writer, space, index.group, generation, name)
}

/** The prefix of what belongs to a group. */
function writeGroupPrefix(
  writer: KeyWriter,
  space: Keyspace,
  of: number,
  generation: number,
  group: number,
): KeyWriter {
  return writeElementPrefix(writer, space, of, generation).int64(group)
}

/** Consumers, pending or owned ones of a group. */
export function groupRange(space: Keyspace, of: number, generation: number, group: number): KeyRange {
  return prefixRange(writeGroupPrefix(rangeWriter, space, of, generation, group))
}

/** Where the name begins in a key of a consumer. */
export function consumerOffset(space: Keyspace, generation: number, group: number): number {
  return writeGroupPrefix(rangeWriter, space, index.consumer, generation, group).end
}

/** What belongs to a group under a name. */
function writeNamedPrefix(
  writer: KeyWriter,
  space: Keyspace,
  of: number,
  generation: number,
  group: number,
  { bytes, start, end }: Slice,
): KeyWriter {
  return writeGroupPrefix(writer, space, of, generation, group).byteString(bytes, start, end)
}

export function writeConsumerKey(
  writer: KeyWriter,
  space: Keyspace,
  generation: number,
  group: number,
  name: Slice,
): KeyWriter {
  return writeNamedPrefix(writer, space, index.consumer, generation, group, name)
}

export function writePendingKey(
  writer: KeyWriter,
  space: Keyspace,
  generation: number,
  group: number,
  id: StreamId,
): KeyWriter {
  return writeId(writeGroupPrefix(writer, space, index.pending, generation, group), id)
}

export function pendingRange(
  space: Keyspace,
  generation: number,
  group: number,
  from: StreamId = leastId,
  to: StreamId = greatestId,
): KeyRange {
  return idRange((writer) => writeGroupPrefix(writer, space, index.pending, generation, group), from, to)
}

export function writeOwnedKey(
  writer: KeyWriter,
  space: Keyspace,
  generation: number,
  group: number,
  consumer: Slice,
  id: StreamId,
): KeyWriter {
  return writeId(writeNamedPrefix(writer, space, index.owned, generation, group, consumer), id)
}

export function ownedRange(
  space: Keyspace,
  generation: number,
  group: number,
  consumer: Slice,
  from: StreamId = leastId,
  to: StreamId = greatestId,
): KeyRange {
  return idRange((writer) => writeNamedPrefix(writer, space, index.owned, generation, group, consumer), from, to)
}
