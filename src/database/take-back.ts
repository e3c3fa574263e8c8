/**
 * Takes back what records did to a store, where the log refused them: every key that they touched gets the value that it
 * has in a snapshot from before. In any order, since the snapshot's values are the end of it.
 *
 * For those who watch keys this is a change like any other: `noteRefused` tells the conflict index of each key, at the
 * sequence of the way back.
 */
import { sliceToLatin1 } from '../base/slice.ts'
import { KeyWriter } from '../base/tuple.ts'
import { operationKinds, RecordReader } from '../log/record.ts'
import type { RecordWriter } from '../log/record-writer.ts'
import type { OrderedStore, Snapshot } from '../storage/store.ts'
import type { ConflictIndex } from './conflict-index.ts'
import type { Sequence } from './contract.ts'
import { fullKey } from './recovery.ts'

export function takeBack(store: OrderedStore, before: Snapshot, refused: readonly RecordWriter[]): void {
  for (const reader of operationsOf(refused)) takeBackOperation(store, before, reader)
  store.publish(before.sequence, 'revert')
}

export function noteRefused(conflicts: ConflictIndex, refused: readonly RecordWriter[], sequence: Sequence): void {
  if (!conflicts.active) return
  for (const { kind, keyspace, key, endKey } of operationsOf(refused)) {
    if (kind === operationKinds.notify || kind === operationKinds.delta) continue
    const start = sliceToLatin1(fullKey(keyWriter, keyspace, key))
    if (kind !== operationKinds.deleteRange) conflicts.add(start, sequence)
    else conflicts.addRange(start, sliceToLatin1(fullKey(endWriter, keyspace, endKey)), sequence)
  }
}

/** One reader, moved from operation to operation. */
function* operationsOf(records: readonly RecordWriter[]): Generator<RecordReader, void, undefined> {
  const reader = new RecordReader()
  for (const { bytes, offsets, count, length } of records) {
    for (let i = 0; i < count; i++) {
      reader.open(bytes, offsets[i]!, i + 1 < count ? offsets[i + 1]! : length)
      while (reader.next()) yield reader
    }
  }
}

const keyWriter = new KeyWriter()
const endWriter = new KeyWriter()

function takeBackOperation(store: OrderedStore, before: Snapshot, reader: RecordReader): void {
  if (reader.kind === operationKinds.notify || reader.kind === operationKinds.delta) return
  const key = fullKey(keyWriter, reader.keyspace, reader.key)
  if (reader.kind === operationKinds.deleteRange) {
    const cursor = before.scan({ start: key, end: fullKey(endWriter, reader.keyspace, reader.endKey) })
    while (cursor.next()) store.put(cursor.key, cursor.value)
    return
  }
  const value = before.get(key)
  if (value === undefined) store.delete(key)
  else store.put(key, value)
}
