/**
 * Keys of a document collection. All elements are in BSON's order (`order.ts`), with texts in the order of the index's
 * collation; the `_id` goes by the collection's.
 *
 *   document        (collection, 1, _id)                              → see `codec.ts`
 *   index           (collection, index, value of each field…, _id)    → varint: bytes that the _id element takes
 *   unique index    (collection, index, value of each field…)         → the _id element
 *
 * The value of an index entry tells where the _id begins, so that an entry leads to its document without decoding the
 * elements before it. The key of a unique entry is exactly what must be unique, so that its lock and its conflicts are
 * about what is written: a snapshot transaction that takes a value which was taken since its snapshot fails.
 *
 * A field of descending order has its element inverted. An entry exists once for each different
 * combination of values that arrays in the document give; entries are derived data.
 */
import type { Slice } from '../../base/slice.ts'
import type { KeyWriter } from '../../base/tuple.ts'
import { primaryIndex } from '../../base/tuple.ts'
import type { Collection } from '../../database/catalog/catalog.ts'
import type { BsonValue } from './bson.ts'
import { collationOf } from './collection-options.ts'
import { writeKeyElement } from './order.ts'

export function writeDocumentKey(writer: KeyWriter, collection: Collection, id: BsonValue): KeyWriter {
  writer.begin(collection.id, primaryIndex)
  writeKeyElement(writer, id, collationOf(collection))
  return writer
}

/** The document's key, from one of its index entries. */
export function writeEntryTarget(
  writer: KeyWriter,
  collection: Collection,
  unique: boolean,
  key: Slice,
  value: Slice,
): KeyWriter {
  writer.begin(collection.id, primaryIndex)
  if (unique) writer.slice(value)
  else writer.copy(key.bytes, key.end - decodeIdSize(value), key.end)
  return writer
}

function decodeIdSize(value: Slice): number {
  let size = 0
  let scale = 1
  for (let at = value.start; at < value.end; at++) {
    const byte = value.bytes[at]!
    size += (byte & 0x7f) * scale
    if (byte < 0x80) break
    scale *= 128
  }
  return size
}
