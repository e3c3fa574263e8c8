/**
 * The value of a header: one per Redis key.
 *
 *   header     := first ( expiry i64 little-endian )? body
 *   first      := 0 · 0 · hasLong (1 bit) · 1 · hasExpiry (1 bit) · kind (3 bits)
 *   hasLong    := some fields of the hash, items of the list or entries of the stream may lie in pieces (`long-values.ts`)
 *   kind       := 1 string · 2 list · 3 set · 4 sorted set · 5 hash · 6 long string · 7 stream
 *   expiry     := milliseconds since 1970 after which the key is gone
 *   body       := the string's bytes
 *               | varint generation · varint count                          set, sorted set, hash
 *               | varint generation · varint count · i64 soonest            hash with fields that expire (`field-expiry.ts`)
 *               | varint generation · varint bytes                          long string
 *               | varint generation · varint count · place                list
 *               | varint generation · varint count · stream
 *   stream     := u8 hasGroups · last id · greatest id that was deleted · u64 entries ever added · varint trimmed; an id is two u64 big-endian
 *   place      := i64 first                     items at first, first + 1, …: all lists up to format 2
 *               | i64 first · u8 bits           even: at first, first + 2^bits, …
 *               | i64 from · i64 to             uneven: between the two, both included
 *
 * A score is a float64, little-endian; zero has no sign.
 */
import { ByteReader, type ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import type { Slice } from '../../base/slice.ts'
import { readStreamId, type StreamId, writeStreamId } from './stream-ids.ts'

export const kind = { none: 0, string: 1, list: 2, set: 3, sortedSet: 4, hash: 5, stream: 7 } as const
export type Kind = (typeof kind)[keyof typeof kind]

export const kindNames: readonly string[] = ['none', 'string', 'list', 'set', 'zset', 'hash', 'string', 'stream']

/** `stepBits` of a list whose items lie at irregular distances. */
export const uneven = -1
const maxStepBits = 48

/** The expiry of a key that has none. */
export const never = -1n

const format = 0x10
const formatMask = 0xd0
const hasLongBit = 0x20
/** As stored; everywhere else it is a string that `isLong`. */
const longString = 6
const expiryBit = 0x08
const noBytes = new Uint8Array(0)

/** What a stream has beside its entries. */
export class StreamState {
  /** The greatest that any entry had, or XSETID said: the next one is greater. */
  lastId: StreamId = 0n
  /** 0-0: none was deleted, but for those that were trimmed. */
  maxDeletedId: StreamId = 0n
  entriesAdded = 0n
  /** Entries that were trimmed since it was empty. */
  trimmed = 0
  /** There are groups, or have been. */
  hasGroups = false
  /** It is other than stored. */
  isChanged = true

  copy(): StreamState {
    const copy = new StreamState()
    Object.assign(copy, this)
    return copy
  }
}

/**
 * A decoded header. Of a string that is not long, the value lies in `bytes` from `start` to `end`, as long as its slice
 * holds; of everything else nothing does.
 */
export class Header implements Slice {
  /** `none` where the key does not exist, expired or not. */
  kind: Kind = kind.none
  /** A string that lies in pieces under its generation, `count` bytes (`long-strings.ts`). */
  isLong = false
  /** Of a hash, list or stream: some of its values may lie in pieces (`long-values.ts`). */
  hasLong = false
  expiresAtMs: bigint = never
  generation = 0
  count = 0
  /** Of a list: the position of its first item; of an uneven one no item lies before it. */
  position = 0
  /** Of a list: items lie 2^stepBits apart; `uneven` where only their keys say how they lie. */
  stepBits = 0
  /** Of an uneven list: no item lies behind it. */
  lastPosition = 0
  /** Of a hash: no field expires before. `never`: none does. */
  fieldsExpireMs: bigint = never
  /** As stored. */
  storedFieldsExpireMs: bigint = never
  /** Of a hash: so many of its fields are stored, and over (`keyvalue.ts` finds out). */
  lapsed = 0
  /** Of a stream alone. */
  stream: StreamState | undefined = undefined
  /** `count` as it is stored; undefined for a collection that is not stored yet. */
  storedCount: number | undefined = undefined
  #storedHasLong = false
  /** Of a list: its place as it is stored. */
  #storedPosition = 0
  #storedStepBits = 0
  #storedLastPosition = 0
  bytes: Uint8Array = noBytes
  start = 0
  end = 0

  /** A string whose value is here: nothing lies under a generation. */
  get isInline(): boolean {
    return this.kind === kind.string && !this.isLong
  }

  /** What is in it now is what is stored. */
  noteStored(): void {
    this.storedCount = this.count
    this.storedFieldsExpireMs = this.fieldsExpireMs
    this.#storedHasLong = this.hasLong
    if (this.stream !== undefined) this.stream.isChanged = false
    if (this.kind !== kind.list) return
    this.#storedPosition = this.position
    this.#storedStepBits = this.stepBits
    this.#storedLastPosition = this.lastPosition
  }

  get isAsStored(): boolean {
    if (this.count !== this.storedCount || this.hasLong !== this.#storedHasLong) return false
    if (this.fieldsExpireMs !== this.storedFieldsExpireMs) return false
    if (this.kind !== kind.list) return this.stream?.isChanged !== true
    if (this.position !== this.#storedPosition || this.stepBits !== this.#storedStepBits) return false
    return this.stepBits !== uneven || this.lastPosition === this.#storedLastPosition
  }

  /** Its elements lie under the generation as those of `other` do under theirs. */
  takeContents(other: Header): void {
    this.isLong = other.isLong
    this.hasLong = other.hasLong
    this.count = other.count
    this.fieldsExpireMs = other.fieldsExpireMs
    this.position = other.position
    this.stepBits = other.stepBits
    this.lastPosition = other.lastPosition
    this.stream = other.stream?.copy()
  }

  clear(): void {
    this.kind = kind.none
    this.isLong = false
    this.hasLong = false
    this.expiresAtMs = never
    this.fieldsExpireMs = this.storedFieldsExpireMs = never
    this.lapsed = 0
    this.stream = undefined
    this.storedCount = undefined
    this.bytes = noBytes
    this.start = 0
    this.end = 0
  }
}

export function decodeHeader(value: Slice, header: Header): void {
  const { bytes, start, end } = value
  const first = start < end ? bytes[start]! : 0
  if ((first & formatMask) !== format) throw unknownFormat(first)
  const found = first & 0x07
  if (found === kind.none) throw unknownFormat(first)
  header.hasLong = (first & hasLongBit) !== 0
  if (header.hasLong && !mayHaveLong(found)) throw unknownFormat(first)
  header.isLong = found === longString
  header.kind = header.isLong ? kind.string : (found as Kind)
  header.bytes = bytes
  header.end = end
  header.expiresAtMs = never
  header.stream = undefined
  header.fieldsExpireMs = header.storedFieldsExpireMs = never
  header.lapsed = 0
  header.start = start + 1
  header.storedCount = undefined
  if ((first & expiryBit) !== 0) {
    header.expiresAtMs = new ByteReader(bytes, start + 1, end).i64le()
    header.start = start + 9
  }
  if (found !== kind.string) decodeCounts(header)
}

function mayHaveLong(found: number): boolean {
  return found === kind.hash || found === kind.list || found === kind.stream
}

function decodeCounts(header: Header): void {
  const reader = new ByteReader(header.bytes, header.start, header.end)
  header.start = header.end
  header.generation = reader.varint()
  header.count = reader.varint()
  if (header.kind === kind.list) decodePlace(header, reader)
  else if (header.kind === kind.stream) header.stream = decodeStream(reader)
  else if (header.kind === kind.hash && reader.remaining > 0) header.fieldsExpireMs = reader.i64le()
  header.noteStored()
}

function decodeStream(reader: ByteReader): StreamState {
  const stream = new StreamState()
  stream.hasGroups = reader.u8() === 1
  stream.lastId = readStreamId(reader)
  stream.maxDeletedId = readStreamId(reader)
  stream.entriesAdded = reader.u64le()
  stream.trimmed = reader.varint()
  return stream
}

function decodePlace(header: Header, reader: ByteReader): void {
  const length = reader.remaining
  header.position = reader.nearI64le()
  header.stepBits = 0
  if (length === 9) header.stepBits = reader.u8()
  else if (length === 16) {
    header.stepBits = uneven
    header.lastPosition = reader.nearI64le()
  } else if (length !== 8) throw new PolylogError('data_corrupted', `a list's place has ${length} bytes`)
  if (header.stepBits > maxStepBits) {
    throw new PolylogError('data_corrupted', `a list's items lie 2^${header.stepBits} apart`)
  }
}

function unknownFormat(first: number): PolylogError {
  return new PolylogError('data_newer', `a Redis key's header begins with ${first}, which this version does not know`)
}

/** Begins a string's header; the string's bytes follow. */
export function beginString(writer: ByteWriter, expiresAtMs: bigint): ByteWriter {
  writer.reset()
  writeFirst(writer, kind.string, expiresAtMs)
  return writer
}

export function encodeCollection(writer: ByteWriter, header: Header): ByteWriter {
  writer.reset()
  const first = header.isLong ? longString : header.kind
  writeFirst(writer, header.hasLong ? first | hasLongBit : first, header.expiresAtMs)
  writer.varint(header.generation)
  writer.varint(header.count)
  if (header.stream !== undefined) encodeStream(writer, header.stream)
  if (header.fieldsExpireMs !== never) writer.i64le(header.fieldsExpireMs)
  if (header.kind !== kind.list) return writer
  writer.safeI64le(header.position)
  if (header.stepBits === uneven) writer.safeI64le(header.lastPosition)
  else if (header.stepBits > 0) writer.u8(header.stepBits)
  return writer
}

function encodeStream(writer: ByteWriter, stream: StreamState): void {
  writer.u8(stream.hasGroups ? 1 : 0)
  writeStreamId(writer, stream.lastId)
  writeStreamId(writer, stream.maxDeletedId)
  writer.u64le(stream.entriesAdded)
  writer.varint(stream.trimmed)
}

function writeFirst(writer: ByteWriter, of: number, expiresAtMs: bigint): void {
  if (expiresAtMs === never) {
    writer.u8(format | of)
  } else {
    writer.u8(format | expiryBit | of)
    writer.i64le(expiresAtMs)
  }
}

const scoreBytes = new Uint8Array(8)
const scoreView = new DataView(scoreBytes.buffer)

export function decodeScore(value: Slice): number {
  if (value.end - value.start !== 8) {
    throw new PolylogError('data_corrupted', `a score has ${value.end - value.start} bytes instead of 8`)
  }
  for (let i = 0; i < 8; i++) scoreBytes[i] = value.bytes[value.start + i]!
  return scoreView.getFloat64(0, true)
}

export function encodeScore(writer: ByteWriter, score: number): ByteWriter {
  writer.reset().f64le(score)
  return writer
}
