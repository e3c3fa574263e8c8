/**
 * The change feed: what was committed, in order, from any sequence that the log still holds. Derived entries are left
 * out: who follows a feed follows the data. A transaction of gigabytes comes in parts of a megabyte, so that nobody ever
 * holds all of it.
 */
import { isPreparedEntry } from '../prepared/prepared-entries.ts'
import { copySlice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { endOfRecord, type CommitLog } from '../../log/commit-log.ts'
import { operationKinds, RecordReader } from '../../log/record.ts'
import type { Sequence } from '../contract.ts'
import { fullKey } from '../directory/recovery.ts'

export interface FeedOptions {
  readonly from: Sequence
  /** The last one. */
  readonly to?: Sequence
  /** Waits for more at the end. */
  readonly follow?: boolean
  readonly signal?: AbortSignal
  /** Only messages on one of these; left out: everything. */
  readonly channels?: ReadonlySet<string>
}

/**
 * A transaction, or a part of one that has many changes: its parts come one after another, with the same sequence. It
 * counts when its last part is there: who stops before, by a crash or otherwise, gets all of them again.
 */
export interface FeedTransaction {
  readonly sequence: Sequence
  /** Milliseconds of the group commit. */
  readonly timeMs: number
  /** As in the record: `log/record.ts`. */
  readonly origin: number
  /** None where the record has only derived entries, or stands for one that a full disk has refused. */
  readonly changes: readonly FeedChange[]
  /** More of its changes come next. */
  readonly continues: boolean
}

export type FeedChange =
  | { readonly kind: 'put'; readonly collection: number; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly collection: number; readonly key: Uint8Array }
  | { readonly kind: 'delete range'; readonly collection: number; readonly start: Uint8Array; readonly end: Uint8Array }
  | { readonly kind: 'notify'; readonly channel: string; readonly payload: string }

/** Of one transaction that are decoded in one turn. */
const changesPerTurn = 1_000
/** What a part holds at most, beyond its last change. */
const changesPerPart = 10_000
const bytesPerPart = 1024 * 1024

/** `pause` resolves in a turn of its own. */
export async function* followFeed(
  log: CommitLog,
  options: FeedOptions,
  pause: () => Promise<void>,
): AsyncGenerator<FeedTransaction> {
  const reader = new RecordReader()
  const { from, channels, ...rest } = options
  const to = options.to ?? Infinity
  if (from > to) return
  let changes: FeedChange[] = []
  let bytes = 0
  for await (const batch of log.read(from, rest)) {
    for (let i = 0; i < batch.offsets.length; i++) {
      const sequence = batch.first + i
      if (sequence < from) continue
      // Whoever asks for the next ones must not get this one twice, although the log reads in batches.
      if (sequence > to) return
      reader.open(batch.bytes, batch.offsets[i]!, endOfRecord(batch, i))
      const part = { sequence, timeMs: Number(batch.clock >> 16n), origin: reader.origin }
      for (let decoded = 1; reader.next(); decoded++) {
        if (decoded % changesPerTurn === 0) await pause()
        if (channels !== undefined && !isOn(channels, reader)) continue
        const change = reader.derived || isPreparedEntry(reader) ? undefined : decodeChange(reader)
        if (change === undefined) continue
        if (changes.length >= changesPerPart || bytes >= bytesPerPart) {
          yield { ...part, changes, continues: true }
          changes = []
          bytes = 0
        }
        changes.push(change)
        bytes += sizeOf(change)
      }
      if (batch.continues === true) {
        await pause()
        continue
      }
      yield { ...part, changes, continues: false }
      changes = []
      bytes = 0
    }
  }
}

function isOn(channels: ReadonlySet<string>, reader: RecordReader): boolean {
  return reader.kind === operationKinds.notify && channels.has(text(reader.key))
}

/** Of what its reader gets to hold. */
function sizeOf(change: FeedChange): number {
  switch (change.kind) {
    case 'put':
      return change.key.length + change.value.length
    case 'delete':
      return change.key.length
    case 'delete range':
      return change.start.length + change.end.length
    case 'notify':
      return change.channel.length + change.payload.length
  }
}

function decodeChange(reader: RecordReader): FeedChange | undefined {
  const collection = reader.keyspace
  const keyOf = (key: typeof reader.key): Uint8Array => copySlice(fullKey(new KeyWriter(64), collection, key))
  switch (reader.kind) {
    case operationKinds.put:
    case operationKinds.catalogPut:
      return { kind: 'put', collection, key: keyOf(reader.key), value: copySlice(reader.value) }
    case operationKinds.delete:
    case operationKinds.catalogDelete:
      return { kind: 'delete', collection, key: keyOf(reader.key) }
    case operationKinds.deleteRange:
      return { kind: 'delete range', collection, start: keyOf(reader.key), end: keyOf(reader.endKey) }
    case operationKinds.notify:
      return { kind: 'notify', channel: text(reader.key), payload: text(reader.value) }
    case operationKinds.delta:
      return undefined
  }
}

function text(slice: { bytes: Uint8Array; start: number; end: number }): string {
  return Buffer.from(slice.bytes.subarray(slice.start, slice.end)).toString()
}
