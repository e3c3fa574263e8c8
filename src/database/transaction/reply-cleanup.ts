/** Forgets answered retryable writes that no driver can repeat any more. */
import { copySlice, sliceOf } from '../../base/slice.ts'
import { keyspaceRange } from '../../base/tuple.ts'
import { catalogIndex, catalogKeyspace } from '../catalog/catalog-entries.ts'
import type { StatementSteps } from '../contract.ts'
import { decodeReply } from './remembered-reply.ts'
import type { KernelTransaction } from './transaction.ts'

/** Deletes replies from before `beforeMs`; how many. */
export function* forgetReplies(transaction: KernelTransaction, beforeMs: number): StatementSteps<number> {
  transaction.origin = 'system'
  let count = 0
  const cursor = transaction.scan(keyspaceRange(catalogKeyspace, catalogIndex.reply))
  while (cursor.next()) {
    if (transaction.slice.spend(1)) yield undefined
    if (decodeReply(cursor.value).timeMs >= beforeMs) continue
    transaction.delete(sliceOf(copySlice(cursor.key)))
    count++
  }
  return count
}
