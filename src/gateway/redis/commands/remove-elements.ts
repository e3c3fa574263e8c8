/** HDEL, SREM and ZREM: takes the elements from the second argument on out, and tells how many were there. */
import type { Slice } from '../../../base/slice.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import type { Header, Kind } from '../../../model/keyvalue/codec.ts'
import type { Keyspace } from '../../../model/keyvalue/keys.ts'
import { findCollection, saveCollection } from '../../../model/keyvalue/keyvalue.ts'
import type { DataHandler } from '../call.ts'
import { taken } from './long-values.ts'

/** False where the element was not there. */
type Remove = (
  transaction: Transaction,
  space: Keyspace,
  collection: Header,
  element: Slice,
) => boolean | StatementSteps<boolean>

export function removeElements(of: Kind, remove: Remove): DataHandler {
  return (call) => {
    const { space, tx } = call
    const collection = findCollection(tx, space, call.arg(1), of)
    if (collection === undefined) {
      call.reply.integer(0)
      return
    }
    let removed = 0
    return call.each(
      2,
      1,
      (at) =>
        taken(call, remove(tx, space, collection, call.arg(at)), (wasThere) => {
          if (wasThere) removed++
        }),
      () => {
        if (removed > 0) saveCollection(tx, space, call.arg(1), collection)
        call.reply.integer(removed)
      },
    )
  }
}
