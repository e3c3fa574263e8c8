/** Parts of a string, wherever it lies: for commands that look at some bytes of it. */
import { MutableSlice, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { StatementSteps, TransactionReader } from '../../database/contract.ts'
import type { Header } from './codec.ts'
import type { Keyspace } from './keys.ts'
import { piecesOfString } from './long-strings.ts'
import { pieceBytes, pieceMissing, readPieces } from './pieces.ts'
import type { SlicedReader } from './walk.ts'

/** Of a string that was just found; `at` is within it. */
export function byteAt(reader: TransactionReader, space: Keyspace, found: Header, at: number): number {
  if (!found.isLong) return found.bytes[found.start + at]!
  const key = piecesOfString(space, found).writeKey(new KeyWriter(32), Math.floor(at / pieceBytes))
  const piece = reader.get(key)
  const place = at % pieceBytes
  if (piece === undefined || piece.start + place >= piece.end) throw pieceMissing()
  return piece.bytes[piece.start + place]!
}

/**
 * Hands out bytes `from` to `to` of a string that was just found, which has them, part by part, until `take` answers false. A
 * part holds until the next call on the reader.
 */
export function* readParts(
  reader: SlicedReader,
  space: Keyspace,
  found: Header,
  from: number,
  to: number,
  take: (part: Slice) => boolean | void,
): StatementSteps<void> {
  if (found.isLong) return yield* readPieces(reader, piecesOfString(space, found), take, from, to)
  if (from < to) take(new MutableSlice().set(found.bytes, found.start + from, found.start + to))
}
