/** The `_id` of a stored document. */
import { PolylogError } from '../../base/errors.ts'
import type { Slice } from '../../base/slice.ts'
import { BsonValue, encodeName, findField } from './bson.ts'

const idName = encodeName('_id')

/** The `_id` where it lies; throws where the document has none. */
export function idOf(document: Slice): BsonValue {
  const id = new BsonValue()
  if (!findField(document.bytes, document.start, idName, id)) {
    throw new PolylogError('data_corrupted', 'a stored document has no _id')
  }
  return id
}
