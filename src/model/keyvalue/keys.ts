/**
 * Where Redis data lies in the ordered map. `ks` is the collection's keyspace, `generation` a number that the database
 * gave out when the hash, set or sorted set was created.
 *
 * | index       | key                                          | value                            |
 * |-------------|----------------------------------------------|----------------------------------|
 * | 1 header    | (ks, 1, bytes key)                           | header, see `codec.ts`           |
 * | 2 field     | (ks, 2, int generation, bytes field)         | the field's value                |
 * | 3 member    | (ks, 3, int generation, bytes member)        | –                                |
 * | 4 scored    | (ks, 4, int generation, bytes member)        | score, float64 little-endian     |
 * | 5 by score  | (ks, 5, int generation, float8 score, bytes member) | –                          |
 * | 6 expiry    | (ks, 6, int milliseconds, bytes key)         | –                                |
 * | 7 item      | (ks, 7, int generation, int position)        | the list's item                  |
 * | 8 piece     | (ks, 8, int generation, int number)          | bytes of a long string           |
 * | 9 long      | (ks, 9, int generation, field or position)   | where a long value lies, see `long-values.ts` |
 * | 10 long piece | (ks, 10, int generation, int value, int number) | bytes of a long value       |
 * | 11–15       | of streams, see `stream-keys.ts`             |                                  |
 * | 16 field expiry | (ks, 16, int generation, bytes field)    | milliseconds, int64 little-endian |
 * | 17 fields by expiry | (ks, 17, int generation, int milliseconds, bytes field) | –             |
 * | 18 hash expiry | (ks, 18, int milliseconds, bytes key): when a hash's first field may expire | – |
 *
 * 5, 6, 17 and 18 are derived: 5 from 4, 6 and 18 from 1, 17 from 16.
 *
 * Elements name the generation and not the key, so that RENAME moves one header whatever its size, keys are not repeated
 * in every element, and an element written under a header that was dropped meanwhile belongs to nobody
 * (docs/decisions/030-elements-by-generation.md).
 */
import type { KeyRange, MutableSlice, Slice } from '../../base/slice.ts'
import { KeyWriter, prefixRange } from '../../base/tuple.ts'

/** What the model needs of a collection: its keyspace. */
export interface Keyspace {
  readonly id: number
}

export const index = {
  header: 1,
  field: 2,
  member: 3,
  scored: 4,
  byScore: 5,
  expiry: 6,
  item: 7,
  piece: 8,
  long: 9,
  longPiece: 10,
  entry: 11,
  group: 12,
  consumer: 13,
  pending: 14,
  owned: 15,
  fieldExpiry: 16,
  fieldsByExpiry: 17,
  hashExpiry: 18,
} as const

/** Of a key or element; no stored one is as long. */
const longestWrittenBytes = 128 * 1024

/** What is longer than any that is stored is cut: it still is, so it is not found, and cannot be stored. */
function cutEnd({ start, end }: Slice): number {
  return Math.min(end, start + longestWrittenBytes)
}

export function writeHeaderKey(writer: KeyWriter, space: Keyspace, key: Slice): KeyWriter {
  return writer.begin(space.id, index.header).byteString(key.bytes, key.start, cutEnd(key))
}

/** The prefix of all elements of one generation. */
export function writeElementPrefix(writer: KeyWriter, space: Keyspace, of: number, generation: number): KeyWriter {
  return writer.begin(space.id, of).int64(generation)
}

/** Field or member of indexes 2, 3 and 4. */
export function writeElementKey(
  writer: KeyWriter,
  space: Keyspace,
  of: number,
  generation: number,
  element: Slice,
): KeyWriter {
  return writeElementPrefix(writer, space, of, generation).byteString(element.bytes, element.start, cutEnd(element))
}

export function writeScoreKey(
  writer: KeyWriter,
  space: Keyspace,
  generation: number,
  score: number,
  member: Slice,
): KeyWriter {
  writeElementPrefix(writer, space, index.byScore, generation).float8(score)
  return writer.byteString(member.bytes, member.start, cutEnd(member))
}

/** Of `index.expiry`, or of `index.hashExpiry`. */
export function writeExpiryKey(
  writer: KeyWriter,
  space: Keyspace,
  expiresAtMs: bigint,
  key: Slice,
  of: number = index.expiry,
): KeyWriter {
  return writer.begin(space.id, of).int64(expiresAtMs).byteString(key.bytes, key.start, cutEnd(key))
}

export function writeItemKey(writer: KeyWriter, space: Keyspace, generation: number, position: number): KeyWriter {
  return writeElementPrefix(writer, space, index.item, generation).int64(position)
}

export function writeFieldByExpiryKey(
  writer: KeyWriter,
  space: Keyspace,
  generation: number,
  expiresAtMs: bigint,
  field: Slice,
): KeyWriter {
  writeElementPrefix(writer, space, index.fieldsByExpiry, generation).int64(expiresAtMs)
  return writer.byteString(field.bytes, field.start, cutEnd(field))
}

/** Of piece `number`, counted from 0. */
export function writePieceKey(writer: KeyWriter, space: Keyspace, generation: number, number: number): KeyWriter {
  return writeElementPrefix(writer, space, index.piece, generation).int64(number)
}

/** Of piece `at` of value `number` of a collection. */
export function writeLongPieceKey(
  writer: KeyWriter,
  space: Keyspace,
  generation: number,
  number: number,
  at: number,
): KeyWriter {
  return writeElementPrefix(writer, space, index.longPiece, generation).int64(number).int64(at)
}

const rangeWriter = new KeyWriter(32)

export function elementRange(space: Keyspace, of: number, generation: number): KeyRange {
  return prefixRange(writeElementPrefix(rangeWriter, space, of, generation))
}

/** Where the last element of a key begins: the length of the prefix of its index. */
export function elementOffset(space: Keyspace, of: number, generation: number): number {
  const prefix = writeElementPrefix(rangeWriter, space, of, generation)
  // The tag and eight bytes of the score stand before the member.
  return prefix.end + (of === index.byScore ? 9 : 0)
}

/** Offset of the key's bytes in a header key. */
export function headerOffset(space: Keyspace): number {
  return rangeWriter.begin(space.id, index.header).end
}

/**
 * The plain bytes of the element that begins `offset` bytes into `key` and is its last: a view of the key where nothing
 * is escaped, else of `scratch`. No allocation in the common case.
 */
export function decodeLastElement(key: Slice, offset: number, into: MutableSlice): MutableSlice {
  const { bytes } = key
  const start = key.start + offset + 1
  const end = key.end - 1
  for (let i = start; i < end; i++) {
    if (bytes[i] === 0) return unescape(bytes, start, end, into)
  }
  return into.set(bytes, start, end)
}

function unescape(bytes: Uint8Array, start: number, end: number, into: MutableSlice): MutableSlice {
  const plain = new Uint8Array(end - start)
  let length = 0
  for (let i = start; i < end; i++) {
    plain[length++] = bytes[i]!
    if (bytes[i] === 0) i++
  }
  return into.set(plain, 0, length)
}
