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
import { copySlice, sliceOf, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import { Header, kind } from './codec.ts'
import type { Keyspace } from './keys.ts'
import { touchedLeftOver, touchedRemoved } from './touches.ts'
import { dropContents, findHeader, newCollection, placeCollection, saveCollection } from './keyvalue.ts'
import { pieceBytes, pieceMissing, Pieces, piecesOf, writePieces, writtenUnits } from './pieces.ts'
import { eachStep } from './walk.ts'

/** Those of a long string that was just found. */
export function piecesOfString(space: Keyspace, { generation, count }: Header): Pieces {
  return new Pieces(space, generation, undefined, count)
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
  const pieces = yield* inPlace(tx, () => {
    const stored = new Header()
    findHeader(tx, space, key, stored)
    if (stored.kind !== kind.none) {
      touchedRemoved(tx, space, key, stored)
      dropContents(tx, space, key, stored)
    }
    const header = newLongString(tx, bytes, expiresAtMs)
    placeCollection(tx, space, key, header)
    return piecesOfString(space, header)
  })
  yield* writePieces(tx, pieces, value)
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
    touchedLeftOver(tx, space, key, stored)
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
  const key = piecesOfString(space, header).writeKey(new KeyWriter(32), number)
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
