/**
 * What the catalog's keyspace holds of a prepared transaction (decision 149).
 *
 *   (0, 11, identifier)                   head: JSON
 *   (0, 12, identifier, kind, number)     a part: a record as the log has them, see `partKinds`
 *
 * Each part ends with the operation with which it grows over `partBytes`.
 */
import { PolylogError } from '../../base/errors.ts'
import { type KeyRange, type Slice, sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import { KeyReader } from '../../base/tuple-reader.ts'
import { KeyWriter, keyspaceRange } from '../../base/tuple.ts'
import { origins, RecordReader } from '../../log/record.ts'
import { RecordWriter } from '../../log/record-writer.ts'
import { catalogIndex, catalogKeyspace, decodeJson, encodeJson } from '../catalog/catalog-entries.ts'
import type { JsonObject } from '../catalog/catalog.ts'
import type { Isolation } from '../contract.ts'

/** `operations`: what it writes. `locks`: puts of what is locked, with the modes as a set of 2 bytes. `reads`: range deletes of what was read. */
export const partKinds = { operations: 0, locks: 1, reads: 2 } as const
export type PartKind = (typeof partKinds)[keyof typeof partKinds]

export interface PreparedHead {
  /** Of the transaction. */
  readonly id: number
  readonly owner: string
  readonly ownerId?: number
  readonly preparedMs: number
  readonly isolation: Isolation
  /** No version of a definition that it has made is higher. */
  readonly version: number
  /** By kind. */
  readonly parts: readonly number[]
  /** Keys of the keyvalue model that it has touched, for those who observe them. */
  readonly touches: readonly StoredTouch[]
}

export type StoredTouch = readonly [
  keyspace: number,
  keyInBase64: string | null,
  change: string,
  kind: number,
  isNew: boolean,
]

const partBytes = 256 * 1024

export const heads: KeyRange = keyspaceRange(catalogKeyspace, catalogIndex.prepared)

export const parts: KeyRange = keyspaceRange(catalogKeyspace, catalogIndex.preparedPart)

export function headKey(gid: string): KeyWriter {
  return new KeyWriter(64).begin(catalogKeyspace, catalogIndex.prepared).string(gid)
}

export function partKey(gid: string, kind: PartKind, number: number): KeyWriter {
  return new KeyWriter(64).begin(catalogKeyspace, catalogIndex.preparedPart).string(gid).int64(kind).int64(number)
}

/** The identifier in the key of a head. */
export function gidOf(key: Slice): string {
  const reader = new KeyReader(key)
  reader.orderedVarint()
  reader.orderedVarint()
  return reader.string()
}

export function encodeHead(head: PreparedHead): Slice {
  return encodeJson(head as unknown as JsonObject)
}

export function decodeHead(value: Slice): PreparedHead {
  const head = decodeJson(value) as unknown as PreparedHead
  const isWhole = typeof head.id === 'number' && typeof head.owner === 'string' && Array.isArray(head.parts)
  if (!isWhole || head.parts.length !== 3 || !head.parts.every((count) => Number.isSafeInteger(count) && count >= 0)) {
    throw new PolylogError('data_corrupted', 'the head of a prepared transaction does not say what it has')
  }
  return head
}

/** Whether the operation is on a head or a part: what is prepared is nobody's to hear of before its commit. */
export function isPreparedEntry({ keyspace, key }: Pick<RecordReader, 'keyspace' | 'key'>): boolean {
  if (keyspace !== catalogKeyspace || key.start === key.end) return false
  const index = new KeyReader(key).orderedVarint()
  return index === catalogIndex.prepared || index === catalogIndex.preparedPart
}

/** The keys of the head and of all its parts. */
export function* keysOf(gid: string, { parts }: PreparedHead): Generator<Slice> {
  yield headKey(gid)
  for (const [kind, count] of parts.entries()) {
    for (let number = 0; number < count; number++) yield partKey(gid, kind as PartKind, number)
  }
}

/** Cuts what is written into parts of one kind. */
export class PartsWriter {
  readonly #kind: PartKind
  readonly #give: (kind: PartKind, number: number, part: Slice) => void
  readonly writer: RecordWriter = new RecordWriter()
  count = 0

  constructor(kind: PartKind, give: (kind: PartKind, number: number, part: Slice) => void) {
    this.#kind = kind
    this.#give = give
    this.writer.begin(origins.client, 0)
  }

  /** Behind each operation. */
  added(): void {
    if (this.writer.openBytes < partBytes) return
    this.end()
    this.writer.begin(origins.client, 0)
  }

  /** The last part. */
  end(): void {
    const { writer } = this
    const isEmpty = writer.openOperations === 0
    writer.end()
    if (!isEmpty) this.#give(this.#kind, this.count++, sliceOf(writer.bytes.subarray(0, writer.length)))
    writer.reset()
  }
}

/** Reads a part from the store or a transaction. Errors: `data_corrupted` where it is missing. */
export function openPart(
  reader: { get(key: Slice): Slice | undefined },
  gid: string,
  kind: PartKind,
  number: number,
): RecordReader {
  const part = reader.get(partKey(gid, kind, number))
  if (part === undefined) {
    throw new PolylogError('data_corrupted', `a part of the prepared transaction "${gid}" is missing`)
  }
  return new RecordReader().open(part.bytes, part.start, part.end)
}

const modes = new DataView(new ArrayBuffer(2))
const modesSlice = sliceOf(new Uint8Array(modes.buffer))

export function writeLock(writer: RecordWriter, key: Slice, held: number): void {
  modes.setUint16(0, held, true)
  writer.put(catalogKeyspace, key, modesSlice)
}

export function readLock({ key, value }: RecordReader): { readonly key: string; readonly held: number } {
  if (value.end - value.start !== 2)
    throw new PolylogError('data_corrupted', 'a lock of a prepared transaction is none')
  return { key: sliceToLatin1(key), held: value.bytes[value.start]! | (value.bytes[value.start + 1]! << 8) }
}
