/** What every log refuses of a batch before anything of it is written. */
import { type AppendBatch, LogError } from './commit-log.ts'

export const maxBatchBytes: number = 512 * 1024 * 1024

/** The pieces before the last one are not this leader's. */
export function notStaged(): LogError {
  return new LogError('fenced', 'what was staged of the transaction is not in the log any more')
}

export function checkBatch(batch: AppendBatch): void {
  if (batch.count < 1) throw new LogError('unavailable', 'a batch has at least one record')
  if (batch.length > maxBatchBytes) {
    throw new LogError('too-large', `a batch of ${batch.length} bytes exceeds ${maxBatchBytes}`)
  }
}
