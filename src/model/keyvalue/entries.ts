/**
 * Redis data as rows, for other doors: keys, strings, and the entries of hashes, sets, sorted sets and streams, in the order of keys
 * and then of fields, members or ids, with bounds on the key. Expired keys are not there.
 *
 * Scans are pulled and may rest: call `pause` before the statement pauses, and `next` goes on behind the entry where it
 * stood. What `next` shows are copies.
 */
import {
  compareSlices,
  copySlice,
  emptySlice,
  MutableSlice,
  sliceOf,
  type KeyRange,
  type Slice,
} from '../../base/slice.ts'
import { KeyWriter, keyspaceRange } from '../../base/tuple.ts'
import type { TransactionReader } from '../../database/contract.ts'
import type { Cursor } from '../../storage/store.ts'
import { decodeHeader, decodeScore, Header, kind, type Kind } from './codec.ts'
import { findFieldExpiry, hasLapsed } from './field-expiry.ts'
import { decodeLastElement, elementOffset, elementRange, headerOffset, index, writeHeaderKey } from './keys.ts'
import type { Keyspace } from './keys.ts'
import { elementIndex, findHeader, isLiving } from './keyvalue.ts'
import { piecesOfString } from './long-strings.ts'
import { findLong } from './long-values.ts'
import { collectPieces, type Pieces } from './pieces.ts'
import { findField as findFieldOf } from './hashes.ts'
import type { StreamId } from './stream-ids.ts'
import { idOfKey } from './stream-keys.ts'
import { hasEntry as hasEntryOf } from './streams.ts'
import { hasMember as hasMemberOf } from './sets.ts'
import { findScore as findScoreOf } from './sorted-sets.ts'

/** Both included; left out where there is none. */
export interface KeyBounds {
  readonly from?: Uint8Array
  readonly to?: Uint8Array
}

/** Where the headers of these keys lie. */
export function headerRange(space: Keyspace, bounds: KeyBounds = {}): KeyRange {
  const all = keyspaceRange(space.id, index.header)
  const writer = new KeyWriter(64)
  const { from, to } = bounds
  const start = from === undefined ? all.start : sliceOf(writeHeaderKey(writer, space, sliceOf(from)).toBytes())
  if (to === undefined) return { start, end: all.end }
  writeHeaderKey(writer, space, sliceOf(to)).u8(0)
  return { start, end: sliceOf(writer.toBytes()) }
}

/** Where all fields of hashes, members of sets or sorted sets, or entries of streams lie; some may belong to nobody any more. */
export function elementsWithin(space: Keyspace, of: 'hash' | 'set' | 'zset' | 'stream'): KeyRange {
  return keyspaceRange(space.id, { hash: index.field, set: index.member, zset: index.scored, stream: index.entry }[of])
}

/** A cursor that can be put aside: it remembers its key and goes on behind it. */
class RestingCursor {
  readonly #reader: TransactionReader
  readonly #range: KeyRange
  #cursor: Cursor | undefined
  #resumeAfter: Uint8Array | undefined

  constructor(reader: TransactionReader, range: KeyRange) {
    this.#reader = reader
    this.#range = range
  }

  next(): boolean {
    const cursor = (this.#cursor ??= this.#open())
    if (!cursor.next()) return false
    const after = this.#resumeAfter
    if (after === undefined) return true
    this.#resumeAfter = undefined
    return compareSlices(cursor.key, sliceOf(after)) !== 0 || cursor.next()
  }

  #open(): Cursor {
    const cursor = this.#reader.scan(this.#range)
    if (this.#resumeAfter !== undefined) cursor.seek(sliceOf(this.#resumeAfter))
    return cursor
  }

  get key(): Slice {
    return this.#cursor!.key
  }

  get value(): Slice {
    return this.#cursor!.value
  }

  /** Only after a `next` that was true. */
  pause(): void {
    if (this.#cursor === undefined) return
    this.#resumeAfter = copySlice(this.#cursor.key)
    this.#cursor = undefined
  }
}

const nothing = new Uint8Array(0)

/** Keys with their kind and expiry; a string's value as well. */
export class KeyScan {
  key: Uint8Array = nothing
  readonly header: Header = new Header()
  readonly #reader: TransactionReader
  readonly #cursor: RestingCursor
  readonly #offset: number
  readonly #only: Kind | undefined
  readonly #view = new MutableSlice()
  readonly #space: Keyspace
  #started = false
  /** The key at hand is that of a long string, which is still to be read. */
  #isPending = false
  #long: Uint8Array | undefined

  constructor(reader: TransactionReader, space: Keyspace, bounds: KeyBounds = {}, only?: Kind) {
    this.#reader = reader
    this.#space = space
    this.#cursor = new RestingCursor(reader, headerRange(space, bounds))
    this.#offset = headerOffset(space)
    this.#only = only
  }

  next(): boolean {
    if (this.#isPending) return this.#readLong()
    this.#long = undefined
    while (this.#cursor.next()) {
      this.#started = true
      const { header } = this
      decodeHeader(this.#cursor.value, header)
      if (this.#only !== undefined && header.kind !== this.#only) continue
      this.key = copySlice(decodeLastElement(this.#cursor.key, this.#offset, this.#view))
      if (!isLiving(this.#reader, this.#space, header)) continue
      this.#isPending = header.isLong && this.#only === kind.string
      return this.#isPending ? this.#readLong() : true
    }
    this.#started = false
    return false
  }

  /** Called again where it had to wait. */
  #readLong(): boolean {
    this.#long = collectPieces(this.#reader, piecesOfString(this.#space, this.header))
    this.#isPending = false
    return true
  }

  /** A copy of the string at the key at hand, of a scan of strings; only right after `next`. */
  get value(): Uint8Array {
    return this.#long ?? copySlice(this.header)
  }

  pause(): void {
    if (this.#started) this.#cursor.pause()
  }
}

/** Fields of hashes, members of sets, members and scores of sorted sets, ids and entries of streams. */
export class ElementScan {
  readonly #reader: TransactionReader
  readonly #space: Keyspace
  readonly #kind: Kind
  readonly #keys: KeyScan
  #elements: RestingCursor | undefined
  #offset = 0
  #moved = false
  /** The key of the element at hand, whose value is still to be looked for elsewhere. */
  #pending: Uint8Array | undefined
  #found: { readonly key: Uint8Array; readonly value: Uint8Array } | undefined
  readonly #view = new MutableSlice()

  constructor(reader: TransactionReader, space: Keyspace, of: Kind, bounds: KeyBounds = {}) {
    this.#reader = reader
    this.#space = space
    this.#kind = of
    this.#keys = new KeyScan(reader, space, bounds, of)
  }

  next(): boolean {
    if (this.#pending !== undefined) return this.#readValue(this.#pending)
    this.#found = undefined
    for (;;) {
      if (this.#elements !== undefined && this.#elements.next()) {
        this.#moved = true
        const { header } = this.#keys
        if (header.lapsed > 0 && hasLapsed(this.#reader, this.#space, header, sliceOf(this.element))) continue
        const { key, value } = this.#elements
        return this.#keys.header.hasLong && value.start === value.end ? this.#readValue(copySlice(key)) : true
      }
      this.#moved = false
      if (!this.#keys.next()) return false
      const { generation } = this.#keys.header
      const of = elementIndex(this.#kind)
      this.#offset = elementOffset(this.#space, of, generation)
      this.#elements = new RestingCursor(this.#reader, elementRange(this.#space, of, generation))
    }
  }

  /** Called again where it had to wait. */
  #readValue(key: Uint8Array): boolean {
    this.#pending = key
    const pieces = findLong(this.#reader, this.#space, this.#keys.header, sliceOf(key), emptySlice)
    const value = pieces === undefined ? nothing : collectPieces(this.#reader, pieces)
    this.#found = { key, value }
    this.#pending = undefined
    return true
  }

  get key(): Uint8Array {
    return this.#keys.key
  }

  get #elementKey(): Slice {
    return this.#found === undefined ? this.#elements!.key : sliceOf(this.#found.key)
  }

  /** The field or member. */
  get element(): Uint8Array {
    return copySlice(decodeLastElement(this.#elementKey, this.#offset, this.#view))
  }

  /** Of a stream's entry. */
  get id(): StreamId {
    return idOfKey(this.#elementKey)
  }

  /** Of a hash; an entry of a stream as it is stored. */
  get value(): Uint8Array {
    return this.#found?.value ?? copySlice(this.#elements!.value)
  }

  /** Of a field of a hash. */
  get expiresAtMs(): bigint {
    return findFieldExpiry(this.#reader, this.#space, this.#keys.header, sliceOf(this.element))
  }

  /** Of a sorted set. */
  get score(): number {
    return decodeScore(this.#elements!.value)
  }

  pause(): void {
    this.#keys.pause()
    if (this.#moved) this.#elements?.pause()
  }
}

export function scanKeys(reader: TransactionReader, space: Keyspace, bounds?: KeyBounds): KeyScan {
  return new KeyScan(reader, space, bounds)
}

export function scanStrings(reader: TransactionReader, space: Keyspace, bounds?: KeyBounds): KeyScan {
  return new KeyScan(reader, space, bounds, kind.string)
}

export function scanHashes(reader: TransactionReader, space: Keyspace, bounds?: KeyBounds): ElementScan {
  return new ElementScan(reader, space, kind.hash, bounds)
}

export function scanSets(reader: TransactionReader, space: Keyspace, bounds?: KeyBounds): ElementScan {
  return new ElementScan(reader, space, kind.set, bounds)
}

export function scanSortedSets(reader: TransactionReader, space: Keyspace, bounds?: KeyBounds): ElementScan {
  return new ElementScan(reader, space, kind.sortedSet, bounds)
}

export function scanStreams(reader: TransactionReader, space: Keyspace, bounds?: KeyBounds): ElementScan {
  return new ElementScan(reader, space, kind.stream, bounds)
}

/** The header of a collection of this kind; undefined where the key holds something else, as a row that is not there. */
function findOfKind(reader: TransactionReader, space: Keyspace, key: Uint8Array, of: Kind): Header | undefined {
  const header = new Header()
  return findHeader(reader, space, sliceOf(key), header) && header.kind === of ? header : undefined
}

/** A view, which holds until the next call on the transaction, or the pieces that the value lies in. */
export function getField(
  reader: TransactionReader,
  space: Keyspace,
  key: Uint8Array,
  field: Uint8Array,
): Slice | Pieces | undefined {
  const hash = findOfKind(reader, space, key, kind.hash)
  return hash === undefined ? undefined : findFieldOf(reader, space, hash, sliceOf(field))
}

export function isMember(reader: TransactionReader, space: Keyspace, key: Uint8Array, member: Uint8Array): boolean {
  const set = findOfKind(reader, space, key, kind.set)
  return set !== undefined && hasMemberOf(reader, space, set, sliceOf(member))
}

export function getScore(
  reader: TransactionReader,
  space: Keyspace,
  key: Uint8Array,
  member: Uint8Array,
): number | undefined {
  const sorted = findOfKind(reader, space, key, kind.sortedSet)
  return sorted === undefined ? undefined : findScoreOf(reader, space, sorted, sliceOf(member))
}

export function hasEntry(reader: TransactionReader, space: Keyspace, key: Uint8Array, id: StreamId): boolean {
  const stream = findOfKind(reader, space, key, kind.stream)
  return stream !== undefined && hasEntryOf(reader, space, stream, id)
}
