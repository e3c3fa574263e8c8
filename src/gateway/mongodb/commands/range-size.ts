/** What the entries of a range come to, counted. */
import type { KeyRange } from '../../../base/slice.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { advance } from '../../../database/transaction/wait.ts'

export interface RangeSize {
  readonly entries: number
  readonly keyBytes: number
  readonly valueBytes: number
}

export function* sizeOfRange(transaction: Transaction, range: KeyRange): StatementSteps<RangeSize> {
  let [entries, keyBytes, valueBytes] = [0, 0, 0]
  const cursor = transaction.scan(range)
  for (let found = advance(transaction, cursor); found !== false; found = advance(transaction, cursor)) {
    if (found !== true) {
      yield found
      continue
    }
    entries++
    keyBytes += cursor.key.end - cursor.key.start
    valueBytes += cursor.value.end - cursor.value.start
    if (transaction.slice.spend(1)) yield undefined
  }
  return { entries, keyBytes, valueBytes }
}
