/**
 * An entry of a stream as bytes, and back.
 *
 *   entry   := varint strings · ( varint length · bytes )*        fields and values in turn, as they were given
 *
 * One of more than 64 KiB lies in pieces (`long-values.ts`). Both directions work piece by piece: an entry is never put
 * together anywhere.
 */
import { ByteReader, ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import { MutableSlice, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { charge } from '../../base/work.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import type { Header } from './codec.ts'
import { writeLongPieceKey, type Keyspace } from './keys.ts'
import { putLong } from './long-values.ts'
import { pieceBytes, Pieces, readPieces, shortValueBytes, writtenUnits } from './pieces.ts'
import type { StreamId } from './stream-ids.ts'
import { writeEntryKey } from './stream-keys.ts'
import type { SlicedReader } from './walk.ts'

const entryKey = new KeyWriter(64)

/** Of the last draft that was finished, for the next one. */
let spare: ByteWriter | undefined
const mostSpareBytes = 4096

/** An entry that is being written: `add` each of its strings, then `finish`. */
export class EntryDraft {
  readonly #tx: Transaction
  readonly #space: Keyspace
  readonly #stream: Header
  readonly #buffer: ByteWriter
  /** Of the pieces, once there are any. */
  #number: number | undefined
  #flushed = 0

  constructor(tx: Transaction, space: Keyspace, stream: Header, strings: number) {
    this.#tx = tx
    this.#space = space
    this.#stream = stream
    this.#buffer = spare ?? new ByteWriter(256)
    spare = undefined
    this.#buffer.reset().varint(strings)
  }

  /** Steps where the entry becomes long, or is. */
  add(text: Slice): StatementSteps<void> | undefined {
    const length = text.end - text.start
    if (this.#number === undefined && this.#buffer.end + length + 8 <= shortValueBytes) {
      this.#buffer.sized(text)
      return undefined
    }
    return this.#addLong(text)
  }

  *#addLong(text: Slice): StatementSteps<void> {
    this.#number ??= this.#tx.services.nextNumber()
    this.#buffer.varint(text.end - text.start)
    yield* this.#flush(pieceBytes)
    for (let at = text.start; at < text.end;) {
      const end = Math.min(text.end, at + pieceBytes - this.#buffer.end)
      this.#buffer.copy(text.bytes, at, end)
      at = end
      yield* this.#flush(pieceBytes)
    }
  }

  /** Writes pieces while there are so many bytes. */
  *#flush(least: number): StatementSteps<void> {
    const { bytes } = this.#buffer
    const piece = new MutableSlice()
    let start = 0
    while (this.#buffer.end - start >= least && this.#buffer.end > start) {
      const end = Math.min(this.#buffer.end, start + pieceBytes)
      charge((end - start) * writtenUnits)
      piece.set(bytes, start, end)
      yield* inPlace(this.#tx, () => this.#tx.putNew(this.#pieceKey(), piece))
      if (this.#tx.slice.spend(1)) yield undefined
      this.#flushed++
      start = end
    }
    if (start > 0) {
      const rest = bytes.slice(start, this.#buffer.end)
      this.#buffer.reset().copy(rest)
    }
  }

  #pieceKey(): KeyWriter {
    return writeLongPieceKey(new KeyWriter(32), this.#space, this.#stream.generation, this.#number!, this.#flushed)
  }

  finish(id: StreamId): StatementSteps<void> | undefined {
    if (this.#number !== undefined) return this.#finishLong(id, this.#number)
    this.#tx.put(writeEntryKey(entryKey, this.#space, this.#stream.generation, id), this.#buffer)
    if (this.#buffer.bytes.length <= mostSpareBytes) spare = this.#buffer
    return undefined
  }

  *#finishLong(id: StreamId, number: number): StatementSteps<void> {
    const bytes = this.#flushed * pieceBytes + this.#buffer.end
    yield* this.#flush(1)
    const { generation } = this.#stream
    const pieces = new Pieces(this.#space, generation, number, bytes)
    yield* inPlace(this.#tx, () => {
      const key = writeEntryKey(new KeyWriter(64), this.#space, generation, id)
      putLong(this.#tx, this.#space, this.#stream, key, pieces)
    })
  }
}

/** Sees the strings of an entry, fields and values in turn. */
export interface StringsVisitor {
  /** So many come. */
  readonly begin: (strings: number) => void
  readonly visit: (text: Slice) => void
}

/** Of an entry that does not lie in pieces. Its slices hold as the entry does. */
export function readEntry({ bytes, start, end }: Slice, { begin, visit }: StringsVisitor): void {
  const reader = new ByteReader(bytes, start, end)
  const strings = reader.varint()
  begin(strings)
  charge(end - start + strings * unitsPerString)
  const view = new MutableSlice()
  for (let i = 0; i < strings; i++) {
    const length = reader.varint()
    const at = end - reader.remaining
    reader.skip(length)
    visit(view.set(bytes, at, at + length))
  }
}

/** A reply's frame around each. */
const unitsPerString = 40

/** The same, of strings that come in parts. */
export interface LongStringsVisitor {
  readonly begin: (strings: number) => void
  readonly beginString: (bytes: number) => void
  readonly part: (bytes: Slice) => void
  readonly endString: () => void
}

export function* readLongEntry(
  reader: SlicedReader,
  pieces: Pieces,
  visitor: LongStringsVisitor,
): StatementSteps<void> {
  const decoder = new EntryDecoder(visitor)
  yield* readPieces(reader, pieces, (piece) => decoder.take(piece))
  if (!decoder.isAtEnd) throw entryDamaged()
}

function entryDamaged(): PolylogError {
  return new PolylogError('data_corrupted', "an entry of a stream ends before its last value, or doesn't end there")
}

/** No number is longer. */
const longestVarint = 8

/** Takes an entry in parts, which may end anywhere. */
class EntryDecoder {
  readonly #visitor: LongStringsVisitor
  readonly #view = new MutableSlice()
  /** Of a number whose end has not come. */
  #number = new Uint8Array(longestVarint)
  #numberBytes = 0
  #strings = -1
  /** Of the string at hand; −1 before its length is known. */
  #left = -1

  constructor(visitor: LongStringsVisitor) {
    this.#visitor = visitor
  }

  get isAtEnd(): boolean {
    return this.#strings === 0 && this.#left < 0 && this.#numberBytes === 0
  }

  take({ bytes, start, end }: Slice): void {
    for (let at = start; at < end;) {
      if (this.#strings === 0) throw entryDamaged()
      if (this.#left < 0) {
        this.#takeByteOfNumber(bytes[at++]!)
        continue
      }
      const stop = Math.min(end, at + this.#left)
      this.#visitor.part(this.#view.set(bytes, at, stop))
      this.#left -= stop - at
      at = stop
      if (this.#left === 0) this.#endString()
    }
  }

  #takeByteOfNumber(byte: number): void {
    if (this.#numberBytes === longestVarint) throw entryDamaged()
    this.#number[this.#numberBytes++] = byte
    if (byte >= 0x80) return
    const number = new ByteReader(this.#number, 0, this.#numberBytes).varint()
    this.#numberBytes = 0
    if (this.#strings < 0) {
      this.#strings = number
      this.#visitor.begin(number)
      return
    }
    charge(unitsPerString)
    this.#left = number
    this.#visitor.beginString(number)
    if (number === 0) this.#endString()
  }

  #endString(): void {
    this.#visitor.endString()
    this.#left = -1
    this.#strings--
  }
}

/** All strings of an entry, as copies: for who has to have it whole. */
export function entryStrings(entry: Slice): Uint8Array[] {
  const strings: Uint8Array[] = []
  const visit = ({ bytes, start, end }: Slice): void => void strings.push(bytes.slice(start, end))
  readEntry(entry, { begin: () => undefined, visit })
  return strings
}
