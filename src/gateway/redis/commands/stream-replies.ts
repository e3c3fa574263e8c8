/** Entries of streams in replies: each an array of its id and its fields with their values. */
import type { KeyRange, Slice } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import type { Header } from '../../../model/keyvalue/codec.ts'
import type { Keyspace } from '../../../model/keyvalue/keys.ts'
import { walkValues } from '../../../model/keyvalue/long-values.ts'
import { Pieces } from '../../../model/keyvalue/pieces.ts'
import { readEntry, readLongEntry } from '../../../model/keyvalue/stream-entries.ts'
import { formatStreamId, type StreamId } from '../../../model/keyvalue/stream-ids.ts'
import { idOfKey } from '../../../model/keyvalue/stream-keys.ts'
import { findEntry } from '../../../model/keyvalue/streams.ts'
import type { Call, Steps } from '../call.ts'

export function replyWithId({ reply }: Call, id: StreamId): void {
  reply.bulkText(formatStreamId(id))
}

function replyWithShort(call: Call, id: StreamId, value: Slice): void {
  const { reply } = call
  reply.array(2)
  replyWithId(call, id)
  readEntry(value, { begin: (strings) => reply.array(strings), visit: (text) => reply.bulk(text) })
}

function replyWithLong(call: Call, id: StreamId, pieces: Pieces): StatementSteps<void> {
  const { reply } = call
  reply.array(2)
  replyWithId(call, id)
  return readLongEntry(call.tx, pieces, {
    begin: (strings) => reply.array(strings),
    beginString: (bytes) => reply.beginBulk(bytes),
    part: (bytes) => reply.continueBulk(bytes),
    endString: () => reply.endBulk(),
  })
}

/** False where there is no such entry; nothing is written then. */
export function replyWithEntry(call: Call, space: Keyspace, stream: Header, id: StreamId): Steps | false {
  const found = findEntry(call.tx, space, stream, id)
  if (found === undefined) return false
  if (found instanceof Pieces) return replyWithLong(call, id, found)
  replyWithShort(call, id, found)
}

/** Those of a range, without the array around them. */
export function replyWithRange(
  call: Call,
  space: Keyspace,
  stream: Header,
  range: KeyRange,
  options: { readonly reverse?: boolean; readonly limit: number },
): StatementSteps<void> {
  const short = (key: Slice, value: Slice): void => replyWithShort(call, idOfKey(key), value)
  const long = (key: Slice, pieces: Pieces): StatementSteps<void> => replyWithLong(call, idOfKey(key), pieces)
  return walkValues(call.tx, space, stream, range, { short, long }, options)
}
