/**
 * A key's value as RDB has it, in the encodings of Redis 7.0: small collections packed, as Redis packs them by its default
 * limits, others element by element.
 */
import { copySlice, MutableSlice, type Slice, sliceOf } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { decodeScore, type Header, kind, never } from '../codec.ts'
import { formatDouble } from '../double-text.ts'
import { findFieldExpiry, walkFields } from '../field-expiry.ts'
import { parseInt64 } from '../integer-text.ts'
import { decodeLastElement, elementOffset, elementRange, index, type Keyspace } from '../keys.ts'
import { walkItems } from '../lists.ts'
import { piecesOfString } from '../long-strings.ts'
import { walkValues } from '../long-values.ts'
import { type Pieces, readPieces } from '../pieces.ts'
import { walkByRank } from '../sorted-set-ranges.ts'
import { type SlicedReader, walk } from '../walk.ts'
import { ListpackWriter } from './packed-entries.ts'
import { lengthBytes, type RdbOutput } from './rdb-output.ts'
import { valueType } from './value-types.ts'
import { writeStream } from './stream-value.ts'

/** Redis's defaults: up to which it packs. */
const packedElements = 128
const packedElementBytes = 64
const packedIntegers = 512
/** Of a part of a list. */
const nodeBytes = 8192

const plainNode = 1
const packedNode = 2

/** Of a key that was just found. */
export function writeValue(
  reader: SlicedReader,
  space: Keyspace,
  header: Header,
  output: RdbOutput,
): StatementSteps<void> {
  if (header.kind === kind.string) return writeString(reader, space, header, output)
  if (header.kind === kind.list) return writeList(reader, space, header, output)
  if (header.kind === kind.set) return writeSet(reader, space, header, output)
  if (header.kind === kind.hash) return writeHash(reader, space, header, output)
  if (header.kind === kind.stream) return writeStream(reader, space, header, output)
  return writeSortedSet(reader, space, header, output)
}

function* writeString(reader: SlicedReader, space: Keyspace, header: Header, output: RdbOutput): StatementSteps<void> {
  output.byte(valueType.string)
  if (header.isLong) yield* writePieces(reader, piecesOfString(space, header), output)
  else output.string(header)
}

function* writePieces(reader: SlicedReader, pieces: Pieces, output: RdbOutput): StatementSteps<void> {
  output.length(pieces.bytes)
  yield* readPieces(reader, pieces, (piece) => output.add(copySlice(piece)))
}

/** The parts of a list, whose number stands before them. */
function* writeList(reader: SlicedReader, space: Keyspace, list: Header, output: RdbOutput): StatementSteps<void> {
  output.byte(valueType.listQuicklist2)
  const place = output.reserve()
  let nodes = 0
  let packed = new ListpackWriter()
  const endNode = (): void => {
    if (packed.count === 0) return
    nodes++
    output.length(packedNode)
    output.string(sliceOf(packed.toBytes()))
    packed = new ListpackWriter()
  }
  const short = (item: Slice): void => {
    const size = item.end - item.start
    if (size > nodeBytes) {
      endNode()
      nodes++
      output.length(plainNode)
      output.length(size)
      output.add(copySlice(item))
      return
    }
    if (packed.bytes + size > nodeBytes) endNode()
    packed.add(copySlice(item))
  }
  const long = function* (item: Pieces): StatementSteps<void> {
    endNode()
    nodes++
    output.length(plainNode)
    yield* writePieces(reader, item, output)
  }
  yield* walkItems(reader, space, list, 0, list.count - 1, { short, long })
  endNode()
  output.fill(place, lengthBytes(nodes))
}

function* writeSet(reader: SlicedReader, space: Keyspace, set: Header, output: RdbOutput): StatementSteps<void> {
  const integers = set.count <= packedIntegers ? yield* readIntegers(reader, space, set) : undefined
  if (integers !== undefined) {
    output.byte(valueType.setIntset)
    output.string(sliceOf(intsetOf(integers)))
    return
  }
  output.byte(valueType.set)
  output.length(set.count)
  const offset = elementOffset(space, index.member, set.generation)
  const member = new MutableSlice()
  yield* walk(reader, elementRange(space, index.member, set.generation), (key) =>
    output.string(decodeLastElement(key, offset, member)),
  )
}

/** Undefined where one of the members is none. */
function* readIntegers(reader: SlicedReader, space: Keyspace, set: Header): StatementSteps<bigint[] | undefined> {
  const offset = elementOffset(space, index.member, set.generation)
  const member = new MutableSlice()
  const integers: bigint[] = []
  yield* walk(reader, elementRange(space, index.member, set.generation), (key) => {
    const integer = parseInt64(decodeLastElement(key, offset, member))
    if (integer !== undefined) integers.push(integer)
    return integer !== undefined
  })
  return integers.length === set.count ? integers.sort((a, b) => (a < b ? -1 : 1)) : undefined
}

function intsetOf(integers: readonly bigint[]): Uint8Array {
  const width = [2, 4, 8].find((size) => integers.every((value) => BigInt.asIntN(size * 8, value) === value))!
  const bytes = new Uint8Array(8 + width * integers.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, width, true)
  view.setUint32(4, integers.length, true)
  for (const [i, value] of integers.entries()) {
    for (let at = 0, rest = value; at < width; at++, rest >>= 8n) bytes[8 + i * width + at] = Number(rest & 0xffn)
  }
  return bytes
}

function* writeSortedSet(
  reader: SlicedReader,
  space: Keyspace,
  sorted: Header,
  output: RdbOutput,
): StatementSteps<void> {
  const last = sorted.count - 1
  if (sorted.count <= packedElements) {
    const packed = new ListpackWriter()
    let isSmall = true
    yield* walkByRank(reader, space, sorted, 0, last, false, (member, score) => {
      if (member.end - member.start > packedElementBytes) isSmall = false
      packed.add(copySlice(member))
      packed.add(Buffer.from(formatDouble(score), 'latin1'))
    })
    if (isSmall) {
      output.byte(valueType.zsetListpack)
      output.string(sliceOf(packed.toBytes()))
      return
    }
  }
  output.byte(valueType.zset2)
  output.length(sorted.count)
  const offset = elementOffset(space, index.scored, sorted.generation)
  const member = new MutableSlice()
  yield* walk(reader, elementRange(space, index.scored, sorted.generation), (key, score) => {
    output.string(decodeLastElement(key, offset, member))
    output.f64(decodeScore(score))
  })
}

function* writeHash(reader: SlicedReader, space: Keyspace, hash: Header, output: RdbOutput): StatementSteps<void> {
  if (hash.fieldsExpireMs !== never) return yield* writeExpiringHash(reader, space, hash, output)
  const range = elementRange(space, index.field, hash.generation)
  const offset = elementOffset(space, index.field, hash.generation)
  const field = new MutableSlice()
  if (hash.count <= packedElements && !hash.hasLong) {
    const packed = new ListpackWriter()
    let isSmall = true
    yield* walk(reader, range, (key, value) => {
      const name = copySlice(decodeLastElement(key, offset, field))
      isSmall = name.length <= packedElementBytes && value.end - value.start <= packedElementBytes
      packed.add(name)
      packed.add(copySlice(value))
      return isSmall
    })
    if (isSmall) {
      output.byte(valueType.hashListpack)
      output.string(sliceOf(packed.toBytes()))
      return
    }
  }
  output.byte(valueType.hash)
  output.length(hash.count)
  const short = (key: Slice, value: Slice): void => {
    output.string(decodeLastElement(key, offset, field))
    output.string(value)
  }
  const long = function* (key: Slice, value: Pieces): StatementSteps<void> {
    output.string(decodeLastElement(key, offset, field))
    yield* writePieces(reader, value, output)
  }
  yield* walkValues(reader, space, hash, range, { short, long })
}

/** With each field's time, relative to the first: of RDB 12. */
function* writeExpiringHash(
  reader: SlicedReader,
  space: Keyspace,
  hash: Header,
  output: RdbOutput,
): StatementSteps<void> {
  const offset = elementOffset(space, index.field, hash.generation)
  const field = new MutableSlice()
  output.byte(valueType.hashMetadata)
  output.i64(hash.fieldsExpireMs)
  output.length(hash.count - hash.lapsed)
  const begin = (key: Slice): void => {
    const name = sliceOf(copySlice(decodeLastElement(key, offset, field)))
    const expiresAtMs = findFieldExpiry(reader, space, hash, name)
    output.length(expiresAtMs === never ? 0 : Number(expiresAtMs - hash.fieldsExpireMs) + 1)
    output.string(name)
  }
  const short = (key: Slice, value: Slice): void => {
    const own = sliceOf(copySlice(value))
    begin(key)
    output.string(own)
  }
  const long = function* (key: Slice, value: Pieces): StatementSteps<void> {
    begin(key)
    yield* writePieces(reader, value, output)
  }
  yield* walkFields(reader, space, hash, { short, long })
}
