/**
 * Long strings: those of more than 64 KiB lie in pieces, so that no turn has to copy all of one, and that a change of some
 * bytes writes the pieces around them and not the whole value again.
 *
 *   header   (ks, 1, key)                  → generation, length
 *   pieces   (ks, 8, generation, 0, 1, …)  → 32,000 bytes each, the last one what is left
 *
 * RENAME moves the header and EXPIRE writes it, whatever the length; APPEND writes the last piece; DEL is one range delete. A
 * string becomes long when it grows beyond the limit, and short again when a shorter one is set in its place. Headers that
 * hold more than 64 KiB themselves are read as they are: older versions wrote them.
 *
 * Invariants: there is a piece for every byte below the length and none above it, and all but the last are full; a piece is
 * written only while the header is locked.
 */
import { charge } from '../../base/work.ts'
import { PolylogError } from '../../base/errors.ts'
import { copySlice, MutableSlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { StatementSteps, Transaction, TransactionReader } from '../../database/contract.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import { Header, kind } from './codec.ts'
import { writePieceKey, type Keyspace } from './keys.ts'
import { dropContents, findHeader, newCollection, placeCollection, saveCollection } from './keyvalue.ts'
import { eachStep, walk, type SlicedReader } from './walk.ts'

/** Longer strings lie in pieces. */
export const shortStringBytes: number = 64 * 1024

/** With its key it fits the largest class of records in memory, 32 KiB. */
export const pieceBytes = 32_000

/** Of a byte that is written: it is copied, and copied again into the transaction's writes. */
const writtenUnits = 2

const pieceKey = new KeyWriter(32)

/** How many pieces hold so many bytes. */
export function piecesOf(bytes: number): number {
  return Math.ceil(bytes / pieceBytes)
}

/** Those that hold bytes `from` to `to` of the string. */
function pieceRange(space: Keyspace, { generation }: Header, from: number, to: number): KeyRange {
  const key = new KeyWriter(32)
  const start = writePieceKey(key, space, generation, Math.floor(from / pieceBytes)).toBytes()
  const end = writePieceKey(key, space, generation, piecesOf(to)).toBytes()
  return { start: sliceOf(start), end: sliceOf(end) }
}

function newLongString(tx: Transaction, bytes: number, expiresAtMs: bigint): Header {
  const header = newCollection(tx, kind.string)
  header.isLong = true
  header.count = bytes
  header.expiresAtMs = expiresAtMs
  return header
}

// ---- writing

/** In place of whatever is at the key. */
export function* setLongString(
  tx: Transaction,
  space: Keyspace,
  key: Slice,
  value: Slice,
  expiresAtMs: bigint,
): StatementSteps<void> {
  const bytes = value.end - value.start
  const { generation } = yield* inPlace(tx, () => {
    const stored = new Header()
    findHeader(tx, space, key, stored)
    if (stored.kind !== kind.none) dropContents(tx, space, key, stored)
    const header = newLongString(tx, bytes, expiresAtMs)
    placeCollection(tx, space, key, header)
    return header
  })
  const piece = new MutableSlice()
  yield* eachStep(tx, 0, piecesOf(bytes), 1, (number) => {
    const start = value.start + number * pieceBytes
    piece.set(value.bytes, start, Math.min(value.end, start + pieceBytes))
    charge((piece.end - piece.start) * writtenUnits)
    tx.putNew(writePieceKey(pieceKey, space, generation, number), piece)
  })
}

/**
 * Overwrites from `offset` on, padding with zeros, a string that is long or becomes so; the new length. Whatever else is at
 * the key has been found to be no living key.
 */
export function* writeLongString(
  tx: Transaction,
  space: Keyspace,
  key: Slice,
  offset: number,
  part: Slice,
): StatementSteps<number> {
  const end = offset + part.end - part.start
  const { header, before } = yield* inPlace(tx, () => openLongString(tx, space, key, end))
  const change: Change = { space, header, before, offset, part }
  const first = Math.floor(Math.min(before, offset) / pieceBytes)
  yield* eachStep(tx, first, piecesOf(end), 1, (number) => writePiece(tx, change, number))
  return header.count
}

interface Change {
  readonly space: Keyspace
  readonly header: Header
  /** The length before. */
  readonly before: number
  readonly offset: number
  readonly part: Slice
}

/** Its header with room for `end` bytes is stored; `before`: the bytes that it has in pieces. */
function openLongString(tx: Transaction, space: Keyspace, key: Slice, end: number): { header: Header; before: number } {
  const stored = new Header()
  const lives = findHeader(tx, space, key, stored)
  if (lives && stored.isLong) {
    const before = stored.count
    stored.count = Math.max(before, end)
    saveCollection(tx, space, key, stored)
    return { header: stored, before }
  }
  const old = sliceOf(lives ? copySlice(stored) : new Uint8Array(0))
  if (!lives && stored.kind !== kind.none) {
    dropContents(tx, space, key, stored)
    stored.clear()
  }
  const header = newLongString(tx, Math.max(old.end, end), stored.expiresAtMs)
  saveCollection(tx, space, key, header)
  const change: Change = { space, header: header, before: 0, offset: 0, part: old }
  for (let number = 0; number < piecesOf(old.end); number++) writePiece(tx, change, number)
  return { header, before: old.end }
}

function writePiece(tx: Transaction, { space, header, before, offset, part }: Change, number: number): void {
  const from = number * pieceBytes
  const partEnd = offset + part.end - part.start
  const size = Math.min(pieceBytes, Math.max(before, partEnd) - from)
  charge(size * writtenUnits)
  const key = writePieceKey(new KeyWriter(32), space, header.generation, number)
  if (offset <= from && partEnd >= from + size) {
    const start = part.start + from - offset
    tx.put(key, { bytes: part.bytes, start, end: start + size })
    return
  }
  const bytes = new Uint8Array(size)
  if (from < before) {
    const old = tx.get(key)
    if (old === undefined) throw pieceMissing()
    bytes.set(old.bytes.subarray(old.start, old.end))
  }
  const start = Math.max(offset, from)
  const end = Math.min(partEnd, from + size)
  if (start < end) {
    bytes.set(part.bytes.subarray(part.start + start - offset, part.start + end - offset), start - from)
  }
  tx.put(key, sliceOf(bytes))
}

// ---- reading

/**
 * Hands out bytes `from` to `to`, which are there, piece by piece, to one who charges for them. The header may be used for others afterwards; a piece holds
 * until the next call on the reader.
 */
export function readLongString(
  reader: SlicedReader,
  space: Keyspace,
  header: Header,
  from: number,
  to: number,
  take: (piece: Slice) => void,
): StatementSteps<void> {
  return readPieces(reader, pieceRange(space, header, from, to), new Cut(from, to), take)
}

function* readPieces(
  reader: SlicedReader,
  range: KeyRange,
  cut: Cut,
  take: (piece: Slice) => void,
): StatementSteps<void> {
  yield* walk(reader, range, (_, value) => {
    take(cut.next(value))
  })
  cut.checkEnd()
}

/** A copy of the string that was just found. */
export function copyLongString(reader: SlicedReader, space: Keyspace, header: Header): StatementSteps<Uint8Array> {
  const bytes = new Uint8Array(header.count)
  let end = 0
  const steps = readLongString(reader, space, header, 0, header.count, (piece) => {
    bytes.set(piece.bytes.subarray(piece.start, piece.end), end)
    charge(piece.end - piece.start)
    end += piece.end - piece.start
  })
  return thenAnswer(steps, bytes)
}

function* thenAnswer<T>(steps: StatementSteps<void>, answer: T): StatementSteps<T> {
  yield* steps
  return answer
}

/** The whole string at once, for who has to have it so: it charges for it and does not pause. */
export function collectLongString(reader: TransactionReader, space: Keyspace, header: Header): Uint8Array {
  const bytes = new Uint8Array(header.count)
  const cut = new Cut(0, header.count)
  const cursor = reader.scan(pieceRange(space, header, 0, header.count))
  for (let at = 0; cursor.next();) {
    const piece = cut.next(cursor.value)
    bytes.set(piece.bytes.subarray(piece.start, piece.end), at)
    at += piece.end - piece.start
  }
  cut.checkEnd()
  charge(header.count)
  return bytes
}

/** What of each piece is wanted, from that which holds `from` on. */
class Cut {
  #at: number
  readonly #to: number
  readonly #view = new MutableSlice()

  constructor(from: number, to: number) {
    this.#at = from
    this.#to = to
  }

  next({ bytes, start, end }: Slice): Slice {
    const skipped = this.#at % pieceBytes
    const length = Math.min(end - start - skipped, this.#to - this.#at)
    // All but the last one that is wanted are full.
    if (length <= 0 || (skipped + length < pieceBytes && this.#at + length < this.#to)) throw pieceMissing()
    this.#at += length
    return this.#view.set(bytes, start + skipped, start + skipped + length)
  }

  checkEnd(): void {
    if (this.#at < this.#to) throw pieceMissing()
  }
}

function pieceMissing(): PolylogError {
  return new PolylogError('data_corrupted', 'a piece of a long string is missing or too short')
}
