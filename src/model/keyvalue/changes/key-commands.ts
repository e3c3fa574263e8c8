/**
 * The commands of Redis by which one who has the keys as they were in an earlier state gets them as they are in a later one. Only what
 * is different in the end is told, and any of it may be told again.
 *
 *   gone                       UNLINK
 *   a string                   SET, or SETRANGE of the changed pieces of a long one
 *   another generation         RESTORE of the whole key
 *   the same generation        its changed elements; the whole key where they are most of it, or where Redis has no command for it
 *
 * Elements are added before others are removed: a key that is empty for a moment would lose its expiry.
 */
import { copySlice, MutableSlice, sliceOf } from '../../../base/slice.ts'
import { charge } from '../../../base/work.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { decodeScore, Header, kind, never } from '../codec.ts'
import { formatDouble } from '../double-text.ts'
import { findFieldExpiry } from '../field-expiry.ts'
import { decodeLastElement, elementOffset, index, type Keyspace, writeElementKey } from '../keys.ts'
import { isLiving } from '../keyvalue.ts'
import { piecesOfString } from '../long-strings.ts'
import { pieceBytes } from '../pieces.ts'
import { Crc64 } from '../rdb/crc64.ts'
import { writeValue } from '../rdb/dump-value.ts'
import { RdbOutput } from '../rdb/rdb-output.ts'
import { KeyReader } from '../../../base/tuple-reader.ts'
import { KeyWriter } from '../../../base/tuple.ts'
import { eachStep, type SlicedReader } from '../walk.ts'
import { type ChangedElements, type ChangedSpace, keyBytes, readHeader } from './changed-keys.ts'
import { indexOf, type KeyBefore } from './key-before.ts'
import { type Emit, Gathered, type KeyChange, valueAt } from './key-change.ts'
import { listCommands } from './list-commands.ts'
import { streamCommands } from './stream-commands.ts'

/** So many may have changed of a small key before it is told whole. */
const fewElements = 32
const byteUnits = 4

/** `before`: of the keys that were there. Errors: none but those of reading. */
export function* commandsOf(
  reader: SlicedReader,
  space: Keyspace,
  changed: ChangedSpace,
  before: ReadonlyMap<string, KeyBefore>,
  emit: Emit,
): StatementSteps<void> {
  const keys = [...changed.keys]
  yield* eachStep(reader, 0, keys.length, 1, (at) => commandsOfKey(reader, space, keys[at]!, changed, before, emit))
}

function commandsOfKey(
  reader: SlicedReader,
  space: Keyspace,
  name: string,
  changed: ChangedSpace,
  before: ReadonlyMap<string, KeyBefore>,
  emit: Emit,
): StatementSteps<void> | undefined {
  const key = keyBytes(name)
  const was = changed.isCleared ? undefined : before.get(name)
  const after = new Header()
  if (!readHeader(reader, space, key, after) || !isLiving(reader, space, after)) {
    if (was !== undefined) emit('UNLINK', key)
    return undefined
  }
  if (after.isInline) {
    const value = copySlice(after)
    if (after.expiresAtMs === never) emit('SET', key, value)
    else emit('SET', key, value, 'PXAT', after.expiresAtMs)
    return undefined
  }
  if (was === undefined || was.header.kind !== after.kind || was.header.generation !== after.generation) {
    return restore(reader, space, key, after, emit)
  }
  return changeKey(reader, space, key, was, after, changed.generations.get(after.generation), emit)
}

function* changeKey(
  reader: SlicedReader,
  space: Keyspace,
  key: Uint8Array,
  before: KeyBefore,
  after: Header,
  changed: ChangedElements | undefined,
  emit: Emit,
): StatementSteps<void> {
  const elements = [...(changed?.keys ?? [])].map(keyBytes)
  const isMost = elements.length > fewElements && elements.length > elementsOf(after) / 2
  const change: KeyChange = { reader, space, key, before, after, elements, emit }
  if (isMost || !(yield* changesOf(change))) {
    yield* restore(reader, space, key, after, emit)
    return
  }
  const { expiresAtMs } = after
  if (expiresAtMs === before.header.expiresAtMs) return
  if (expiresAtMs === never) emit('PERSIST', key)
  else emit('PEXPIREAT', key, expiresAtMs)
}

function elementsOf(header: Header): number {
  return header.kind === kind.string ? header.count / pieceBytes : header.count
}

/** False where it has to be told whole. */
function changesOf(change: KeyChange): StatementSteps<boolean> {
  switch (change.after.kind) {
    case kind.hash:
      return hashChanges(change)
    case kind.set:
      return setChanges(change)
    case kind.sortedSet:
      return sortedSetChanges(change)
    case kind.list:
      return listCommands(change)
    case kind.stream:
      return streamCommands(change)
    default:
      return stringChanges(change)
  }
}

// ---- whole keys

const version = Uint8Array.of(10, 0)
const versionOfExpiringFields = Uint8Array.of(12, 0)

function* restore(
  reader: SlicedReader,
  space: Keyspace,
  key: Uint8Array,
  header: Header,
  emit: Emit,
): StatementSteps<void> {
  const { memory } = reader.workspace
  const output = new RdbOutput((bytes) => memory.charge(bytes, 'a key that replicas get'))
  yield* writeValue(reader, space, header, output)
  output.add(header.fieldsExpireMs === never ? version : versionOfExpiringFields)
  const checksum = new Crc64()
  yield* eachStep(reader, 0, output.parts.length, 1, (at) => {
    charge(output.parts[at]!.length * byteUnits)
    checksum.add(sliceOf(output.parts[at]!))
  })
  const payload = Buffer.concat([...output.parts, checksum.toBytes()])
  const expiry = header.expiresAtMs === never ? 0 : header.expiresAtMs
  emit('RESTORE', key, expiry, payload, 'REPLACE', 'ABSTTL')
}

// ---- elements

/** The last part of an element's key: a field or member. */
function nameOf(space: Keyspace, generation: number, of: number, element: Uint8Array): Uint8Array {
  return copySlice(decodeLastElement(sliceOf(element), elementOffset(space, of, generation), new MutableSlice()))
}

function* hashChanges(change: KeyChange): StatementSteps<boolean> {
  const { space, key, after, elements, emit } = change
  const { generation } = after
  const fields = new Map<string, Uint8Array>()
  const expiring: Uint8Array[] = []
  for (const element of elements) {
    const of = indexOf(element)
    if (of !== index.field && of !== index.long && of !== index.fieldExpiry) continue
    const field = nameOf(space, generation, of, element)
    if (of === index.fieldExpiry) expiring.push(field)
    else fields.set(Buffer.from(field).toString('latin1'), field)
  }
  const put = new Gathered(emit, 'HSET', key)
  const gone = new Gathered(emit, 'HDEL', key)
  const removed: Uint8Array[] = []
  const written: Uint8Array[] = []
  for (const field of fields.values()) {
    const entry = writeElementKey(new KeyWriter(64), space, index.field, generation, sliceOf(field)).toBytes()
    const value = yield* valueAt(change, sliceOf(entry))
    if (value === undefined) removed.push(field)
    else {
      put.add(field, value)
      written.push(field)
    }
  }
  put.end()
  for (const field of removed) gone.add(field)
  gone.end()
  yield* fieldExpiries(change, [...expiring, ...written], new Set(removed.map(textOf)))
  return true
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

/** HSET takes a field's time away, and so it is told again. */
function* fieldExpiries(
  { reader, space, key, before, after, emit }: KeyChange,
  fields: readonly Uint8Array[],
  removed: ReadonlySet<string>,
): StatementSteps<void> {
  if (after.fieldsExpireMs === never && before.header.fieldsExpireMs === never) return
  const told = new Set(removed)
  yield* eachStep(reader, 0, fields.length, 1, (at) => {
    const field = fields[at]!
    if (told.has(textOf(field))) return
    const expiresAtMs = findFieldExpiry(reader, space, after, sliceOf(field))
    told.add(textOf(field))
    if (expiresAtMs === never) emit('HPERSIST', key, 'FIELDS', 1, field)
    else emit('HPEXPIREAT', key, expiresAtMs, 'FIELDS', 1, field)
  })
}

function* setChanges({ reader, space, key, after, elements, emit }: KeyChange): StatementSteps<boolean> {
  const put = new Gathered(emit, 'SADD', key)
  const gone = new Gathered(emit, 'SREM', key)
  const removed: Uint8Array[] = []
  yield* eachStep(reader, 0, elements.length, 1, (at) => {
    const isThere = reader.get(sliceOf(elements[at]!)) !== undefined
    const member = nameOf(space, after.generation, index.member, elements[at]!)
    if (isThere) put.add(member)
    else removed.push(member)
  })
  put.end()
  for (const member of removed) gone.add(member)
  gone.end()
  return true
}

function* sortedSetChanges({ reader, space, key, after, elements, emit }: KeyChange): StatementSteps<boolean> {
  const put = new Gathered(emit, 'ZADD', key)
  const gone = new Gathered(emit, 'ZREM', key)
  const removed: Uint8Array[] = []
  yield* eachStep(reader, 0, elements.length, 1, (at) => {
    if (indexOf(elements[at]!) !== index.scored) return
    const stored = reader.get(sliceOf(elements[at]!))
    const score = stored && formatDouble(decodeScore(stored))
    const member = nameOf(space, after.generation, index.scored, elements[at]!)
    if (score === undefined) removed.push(member)
    else put.add(score, member)
  })
  put.end()
  for (const member of removed) gone.add(member)
  gone.end()
  return true
}

/** A long string only ever grows under its generation. */
function* stringChanges({ reader, space, key, before, after, elements, emit }: KeyChange): StatementSteps<boolean> {
  if (after.count < before.header.count) return false
  const offset = elementOffset(space, index.piece, after.generation)
  const writer = new KeyWriter(32)
  const pieces = piecesOfString(space, after)
  yield* eachStep(reader, 0, elements.length, 1, (at) => {
    const element = elements[at]!
    const number = new KeyReader({ bytes: element, start: offset, end: element.length }).integer()
    const stored = reader.get(pieces.writeKey(writer, number))
    if (stored !== undefined) emit('SETRANGE', key, number * pieceBytes, copySlice(stored))
  })
  return true
}
