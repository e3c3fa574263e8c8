/**
 * For those who watch keys, records that were not committed here are changes like any other: those that a full disk has
 * refused, at the way back, and those that a follower applies. The conflict index is told of every key that they touch.
 */
import { sliceToLatin1 } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { operationKinds, RecordReader } from '../../log/record.ts'
import type { Batch } from './batch-queue.ts'
import type { ConflictIndex } from '../transaction/conflict-index.ts'
import type { KeyWaits } from '../transaction/key-waits.ts'
import type { Sequence } from '../contract.ts'
import { fullKey } from '../directory/recovery.ts'

const keyWriter = new KeyWriter()
const endWriter = new KeyWriter()

/** `sequence`: of the state after the way back. */
export function noteRefused(conflicts: ConflictIndex, refused: readonly Batch[], sequence: Sequence): void {
  if (!conflicts.active) return
  const reader = new RecordReader()
  for (const { writer, change } of refused) {
    if (change !== undefined) {
      conflicts.addLarge(change, sequence)
      continue
    }
    const { bytes, offsets, count, length } = writer
    for (let i = 0; i < count; i++) {
      reader.open(bytes, offsets[i]!, i + 1 < count ? offsets[i + 1]! : length)
      noteRecord(conflicts, reader, sequence)
    }
  }
}

/** `reader` has just been opened. */
export function noteRecord(conflicts: ConflictIndex, reader: RecordReader, sequence: Sequence): void {
  while (reader.next()) noteOperation(conflicts, reader, sequence)
}

function noteOperation(conflicts: ConflictIndex, reader: RecordReader, sequence: Sequence): void {
  const { kind, keyspace } = reader
  if (kind === operationKinds.notify || kind === operationKinds.delta) return
  const key = sliceToLatin1(fullKey(keyWriter, keyspace, reader.key))
  if (kind !== operationKinds.deleteRange) conflicts.add(key, sequence)
  else conflicts.addRange(key, sliceToLatin1(fullKey(endWriter, keyspace, reader.endKey)), sequence)
}

/** The same for those who wait for keys. */
export function noteWaited(waits: KeyWaits, reader: RecordReader): void {
  while (reader.next()) {
    const { kind, keyspace } = reader
    if (kind === operationKinds.notify || kind === operationKinds.delta) continue
    const start = fullKey(keyWriter, keyspace, reader.key)
    if (kind !== operationKinds.deleteRange) waits.wroteKey(start, kind === operationKinds.delete)
    else waits.wroteRange({ start, end: fullKey(endWriter, keyspace, reader.endKey) })
  }
}
