/**
 * Members that an open transaction has added to an enum: nobody may use them yet, as in PostgreSQL (55P04), since an index could keep such a key when the transaction is taken back.
 *
 * A member notes the epoch in which it was added, and this process notes whose transaction that is. Only that one sees the
 * member while it is open; once the committed catalog has it, anybody may use it. A note that is found on the disk and
 * means nobody here is of a transaction that has ended.
 */
import type { Catalog } from '../../../../database/catalog/catalog.ts'
import type { Transaction } from '../../../../database/contract.ts'
import { sqlError } from '../type.ts'
import type { EnumMember } from './content.ts'

/** By epoch, those of `mostEpochs` at most: the oldest are forgotten, and what they have added passes for committed. */
const epochs = new Map<number, () => Catalog>()
const mostEpochs = 1000
let lastEpoch = 0

export function beginEpoch(transaction: Transaction): number {
  const { newest } = transaction
  epochs.set(++lastEpoch, () => newest.committedCatalog())
  if (epochs.size > mostEpochs) epochs.delete(epochs.keys().next().value!)
  return lastEpoch
}

export function refuseFresh(title: string, id: number, { epoch, number, label }: EnumMember): void {
  const committed = epochs.get(epoch!)
  if (committed === undefined) return
  const { definition = {} } = committed().collectionById(id) ?? {}
  const { members = [] } = definition as unknown as { readonly members?: readonly EnumMember[] }
  if (members.some((member) => member.number === number)) return void epochs.delete(epoch!)
  throw sqlError('unsupported', '55P04', `unsafe use of new value "${label}" of enum type ${title}`, {
    hint: 'New enum values must be committed before they can be used.',
  })
}
