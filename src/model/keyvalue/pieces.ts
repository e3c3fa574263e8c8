/**
 * Bytes that lie in pieces of 32,000, so that no turn has to copy all of them: those of a long string (`long-strings.ts`), or
 * a long field or item (`long-values.ts`).
 *
 * Invariants: there is a piece for every byte below the length and none above it, and all but the last are full; a piece is
 * written only while the header of its key is locked.
 */
import { PolylogError } from '../../base/errors.ts'
import { equalSlices, MutableSlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { charge } from '../../base/work.ts'
import type { StatementSteps, Transaction, TransactionReader } from '../../database/contract.ts'
import { writeLongPieceKey, writePieceKey, type Keyspace } from './keys.ts'
import { eachStep, walk, type SlicedReader } from './walk.ts'

/** Longer values lie in pieces. */
export const shortValueBytes: number = 64 * 1024

/** With its key it fits the largest class of records in memory, 32 KiB. */
export const pieceBytes = 32_000

/** Of a byte that is written: it is copied, and copied again into the transaction's writes. */
export const writtenUnits = 2

/** How many pieces hold so many bytes. */
export function piecesOf(bytes: number): number {
  return Math.ceil(bytes / pieceBytes)
}

/** Where the pieces of one value lie, and how long it is. */
export class Pieces {
  readonly space: Keyspace
  /** Of the string, or of the hash or list. */
  readonly generation: number
  /** Which of the collection's values; undefined for a string. */
  readonly number: number | undefined
  /** Its length. */
  readonly bytes: number

  constructor(space: Keyspace, generation: number, number: number | undefined, bytes: number) {
    this.space = space
    this.generation = generation
    this.number = number
    this.bytes = bytes
  }

  get count(): number {
    return piecesOf(this.bytes)
  }

  writeKey(writer: KeyWriter, at: number): KeyWriter {
    if (this.number === undefined) return writePieceKey(writer, this.space, this.generation, at)
    return writeLongPieceKey(writer, this.space, this.generation, this.number, at)
  }

  /** Those that hold bytes `from` to `to`. */
  range(from = 0, to: number = this.bytes): KeyRange {
    const key = new KeyWriter(32)
    const start = this.writeKey(key, Math.floor(from / pieceBytes)).toBytes()
    const end = this.writeKey(key, piecesOf(to)).toBytes()
    return { start: sliceOf(start), end: sliceOf(end) }
  }
}

/** Writes all of them, which are not there yet. */
export function writePieces(tx: Transaction, pieces: Pieces, value: Slice): StatementSteps<void> {
  const piece = new MutableSlice()
  const key = new KeyWriter(32)
  return eachStep(tx, 0, pieces.count, 1, (at) => {
    const start = value.start + at * pieceBytes
    piece.set(value.bytes, start, Math.min(value.end, start + pieceBytes))
    charge((piece.end - piece.start) * writtenUnits)
    tx.putNew(pieces.writeKey(key, at), piece)
  })
}

/**
 * Hands out bytes `from` to `to`, which are there, piece by piece, until `take` answers false; a piece holds until the next
 * call on the reader.
 */
export function* readPieces(
  reader: SlicedReader,
  pieces: Pieces,
  take: (piece: Slice) => boolean | void,
  from = 0,
  to: number = pieces.bytes,
): StatementSteps<void> {
  const cut = new Cut(from, to)
  let isStopped = false
  yield* walk(reader, pieces.range(from, to), (_, value) => {
    isStopped = take(cut.next(value)) === false
    return !isStopped
  })
  if (!isStopped) cut.checkEnd()
}

export function* copyPieces(tx: Transaction, from: Pieces, to: Pieces): StatementSteps<void> {
  const key = new KeyWriter(32)
  let at = 0
  yield* walk(tx, from.range(), (_, piece) => {
    charge((piece.end - piece.start) * writtenUnits)
    tx.putNew(to.writeKey(key, at), piece)
    at++
  })
}

/** The whole value; where it has to wait it goes on where it was. */
export function* gatherPieces(reader: SlicedReader, pieces: Pieces): StatementSteps<Uint8Array> {
  const bytes = new Uint8Array(pieces.bytes)
  let end = 0
  yield* readPieces(reader, pieces, (piece) => {
    bytes.set(piece.bytes.subarray(piece.start, piece.end), end)
    charge(piece.end - piece.start)
    end += piece.end - piece.start
  })
  return bytes
}

/** The whole value at once, for who has to have it so: it charges for it and does not pause. */
export function collectPieces(reader: TransactionReader, pieces: Pieces): Uint8Array {
  const bytes = new Uint8Array(pieces.bytes)
  const cut = new Cut(0, pieces.bytes)
  const cursor = reader.scan(pieces.range())
  for (let at = 0; cursor.next();) {
    const piece = cut.next(cursor.value)
    bytes.set(piece.bytes.subarray(piece.start, piece.end), at)
    at += piece.end - piece.start
  }
  cut.checkEnd()
  charge(pieces.bytes)
  return bytes
}

/** Whether they hold these bytes; the first piece that differs ends the look. */
export function* arePieces(reader: SlicedReader, pieces: Pieces, wanted: Slice): StatementSteps<boolean> {
  if (pieces.bytes !== wanted.end - wanted.start) return false
  const part = new MutableSlice()
  let at = wanted.start
  let isSame = true
  yield* walk(reader, pieces.range(), (_, piece) => {
    const length = piece.end - piece.start
    charge(length)
    isSame = equalSlices(piece, part.set(wanted.bytes, at, Math.min(wanted.end, at + length)))
    at += length
    return isSame
  })
  return isSame
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

export function pieceMissing(): PolylogError {
  return new PolylogError('data_corrupted', 'a piece of a long value is missing or too short')
}
