/**
 * For those who watch keys, the way back after a full disk is a change like any other: the conflict index is told of
 * every key that the refused records touched.
 */
import { sliceToLatin1 } from '../base/slice.ts'
import { KeyWriter } from '../base/tuple.ts'
import { operationKinds, RecordReader } from '../log/record.ts'
import type { Batch } from './commit-pipeline.ts'
import type { ConflictIndex } from './conflict-index.ts'
import type { Sequence } from './contract.ts'
import { fullKey } from './recovery.ts'

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
      while (reader.next()) noteOperation(conflicts, reader, sequence)
    }
  }
}

function noteOperation(conflicts: ConflictIndex, reader: RecordReader, sequence: Sequence): void {
  const { kind, keyspace } = reader
  if (kind === operationKinds.notify || kind === operationKinds.delta) return
  const key = sliceToLatin1(fullKey(keyWriter, keyspace, reader.key))
  if (kind !== operationKinds.deleteRange) conflicts.add(key, sequence)
  else conflicts.addRange(key, sliceToLatin1(fullKey(endWriter, keyspace, reader.endKey)), sequence)
}
