/**
 * Commit: validate, encode one record, apply it, publish. All in one turn; durability is waited for by the reply.
 *
 * A transaction with many writes is committed in slices instead: `large-commits.ts`.
 *
 * The record is encoded completely before anything is applied, so that an error (too large, refused) leaves no trace.
 */
import { MutableSlice, sliceToLatin1, type Slice } from '../../base/slice.ts'
import { keyspaceOf, orderedVarintWidth } from '../../base/tuple.ts'
import { derivedBit, origins, type Origin as OriginCode } from '../../log/record.ts'
import type { RecordWriter } from '../../log/record-writer.ts'
import { catalogKeyspace, formatKey, lastCollectionIdKey, numbersKey } from '../catalog/catalog-entries.ts'
import type { ConflictIndex } from '../transaction/conflict-index.ts'
import type { Origin, Sequence } from '../contract.ts'
import { presentMark } from '../directory/migrations/migrations.ts'
import { encodeNumber } from '../catalog/numbers.ts'
import type { Kernel } from '../kernel.ts'
import { tooLarge } from './log-trouble.ts'
import type { KernelTransaction } from '../transaction/transaction.ts'
import { writeKinds, type WriteOperation, type WriteSet } from '../transaction/write-set.ts'

export const originCodes: Record<Origin, OriginCode> = {
  client: origins.client,
  expiry: origins.expiry,
  eviction: origins.eviction,
  'index build': origins.indexBuild,
  replication: origins.replication,
  system: origins.system,
}

export function commitTransaction(transaction: KernelTransaction): Sequence {
  const { kernel } = transaction
  kernel.pipeline.checkWritable()
  transaction.validateReads()
  const numbersBound = addCounters(transaction)
  const recordBytes = encodeRecord(transaction)
  const sequence = kernel.pipeline.committed(recordBytes)
  kernel.isEmpty = false
  if (numbersBound !== undefined) kernel.reserveNumbers(numbersBound)
  try {
    apply(transaction, sequence)
  } catch (error) {
    // Half a transaction is in the store: it is made a state only to be taken back.
    if (kernel.store.current.sequence < sequence) kernel.store.publish(sequence)
    kernel.pipeline.notApplied(error)
    throw kernel.pipeline.failure
  }
  if (kernel.keyWaits.areThere) kernel.keyWaits.wrote(transaction.writes)
  kernel.noteCommit(sequence)
  return sequence
}

/** The bytes of the record, in a batch that the log can take. Errors: `too_large`. */
function encodeRecord({ kernel, origin, author, writes }: KernelTransaction): number {
  const { pipeline } = kernel
  for (;;) {
    const { writer } = pipeline
    writer.begin(originCodes[origin], 0, author?.authorBytes)
    let recordBytes: number
    try {
      encodeAll(writer, writes)
      if (writer.length + headBytesMax <= pipeline.maxBatchBytes) return writer.end()
      recordBytes = writer.openBytes
    } catch (error) {
      writer.abandon()
      throw error
    }
    writer.abandon()
    if (writer.count === 0) throw tooLarge(recordBytes, pipeline.maxBatchBytes)
    pipeline.closeBatch()
  }
}

/** By how much the end of a record may lengthen it. */
const headBytesMax = 16

/** Numbers that were given out must not be given out again after a restart: the record carries new bounds. */
export function addCounters(transaction: KernelTransaction): number | undefined {
  const { kernel, writes } = transaction
  if (kernel.isEmpty) writes.put(formatKey(), presentMark(), false)
  if (transaction.createdCollections) writes.put(lastCollectionIdKey(), encodeNumber(kernel.lastCollectionId), false)
  const bound = transaction.usedNumbers ? kernel.unreservedNumbers() : undefined
  if (bound !== undefined) writes.put(numbersKey(), encodeNumber(bound), false)
  return bound
}

const visitedKey = new MutableSlice()
const visitedValue = new MutableSlice()

/** Loops instead of `forEachEffective`: two closures would be a good part of what a small commit allocates. */
function encodeAll(writer: RecordWriter, writes: WriteSet): void {
  for (let i = 0; i < writes.count; i++) if (writes.isEffective(i)) encodeOperation(writer, writes, i)
}

export function encodeOperation(writer: RecordWriter, writes: WriteSet, operation: number): void {
  const kind = writes.read(operation, visitedKey, visitedValue)
  encode(writer, kind, visitedKey, visitedValue, writes.isDerived(operation))
}

const bare = new MutableSlice()
const bareEnd = new MutableSlice()

/** The keyspace number leads the key in the store and is a field of the operation in the log. */
function encode(writer: RecordWriter, kind: WriteOperation, key: Slice, value: Slice, derived: boolean): void {
  if (kind === writeKinds.notify) {
    writer.notify(key, value)
    return
  }
  const width = orderedVarintWidth(key.bytes[key.start]!)
  const keyspace = keyspaceOf(key)
  bare.set(key.bytes, key.start + width, key.end)
  const flags = derived ? derivedBit : 0
  if (kind === writeKinds.deleteRange) encodeRange(writer, keyspace, value, flags)
  else if (keyspace === catalogKeyspace) {
    if (kind === writeKinds.put) writer.catalogPut(keyspace, bare, value)
    else writer.catalogDelete(keyspace, bare)
  } else if (kind === writeKinds.put) writer.put(keyspace, bare, value, flags)
  else writer.delete(keyspace, bare, flags)
}

/** The end of a whole keyspace is the start of the next one: in the log, FF, which is above all its keys. */
function encodeRange(writer: RecordWriter, keyspace: number, end: Slice, flags: number): void {
  const width = orderedVarintWidth(end.bytes[end.start]!)
  if (keyspaceOf(end) === keyspace) bareEnd.set(end.bytes, end.start + width, end.end)
  else bareEnd.set(aboveAll, 0, 1)
  writer.deleteRange(keyspace, bare, bareEnd, flags)
}

const aboveAll = new Uint8Array([0xff])

function apply(transaction: KernelTransaction, sequence: Sequence): void {
  const { kernel, writes } = transaction
  const { store, conflicts } = kernel
  followEngines(transaction)
  const fed = conflicts.active
  for (let i = 0; i < writes.count; i++) {
    if (!writes.isEffective(i)) continue
    const key = visitedKey
    const value = visitedValue
    const kind = writes.read(i, key, value)
    if (kind === writeKinds.put) store.put(key, value)
    else if (kind === writeKinds.delete) store.delete(key)
    else if (kind === writeKinds.deleteRange) {
      kernel.largeCommits.beforeRangeDelete({ start: key, end: value })
      store.deleteRange({ start: key, end: value })
    }
    if (fed) feed(conflicts, kind, key, value, sequence)
  }
  store.publish(sequence)
  applyToCatalog(kernel, transaction)
}

/** Before anything is written to a collection that is new, its rows are sent where they belong. */
export function followEngines({ kernel, catalogChanges }: KernelTransaction): void {
  if (kernel.engines === undefined || catalogChanges.length === 0) return
  for (const { key, value } of catalogChanges) kernel.engines.follow(key, value)
}

export function applyToCatalog(kernel: Kernel, transaction: KernelTransaction): void {
  if (transaction.catalogChanges.length === 0) return
  let catalog = kernel.catalog
  for (const { key, value } of transaction.catalogChanges) catalog = catalog.applied(key, value)
  kernel.catalog = catalog
}

function feed(conflicts: ConflictIndex, kind: WriteOperation, key: Slice, value: Slice, sequence: Sequence): void {
  if (kind === writeKinds.notify) return
  if (kind === writeKinds.deleteRange) conflicts.addRange(sliceToLatin1(key), sliceToLatin1(value), sequence)
  else conflicts.add(sliceToLatin1(key), sequence)
}
