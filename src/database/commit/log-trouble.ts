/** What becomes of commits when the log does not take them, in the words of `PolylogError`. */
import { PolylogError } from '../../base/errors.ts'
import type { Host } from '../../host/host.ts'
import type { CommitLog, LogErrorCode } from '../../log/commit-log.ts'
import { LogError } from '../../log/commit-log.ts'
import type { Sequence } from '../contract.ts'
import { Outage } from './outage.ts'

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}

/** Anything that is no word of a log's is as bad as the worst of them: nobody knows what it has left. */
export function logErrorCode(error: unknown): LogErrorCode | 'broken' {
  return error instanceof LogError ? error.code : 'broken'
}

export function diskFull(cause?: unknown): PolylogError {
  return new PolylogError('disk_full', 'no space left on the disk of the log: the write was not done', { cause })
}

export function unknownOutcome(cause: unknown, what: string): PolylogError {
  const message = `${what}, whether the commit survives is unknown: ${messageOf(cause)}`
  return new PolylogError('outcome_unknown', message, { cause })
}

/** PostgreSQL ends what runs on a server that steps down with 57P01, MongoDB with PrimarySteppedDown. */
export function notDone(cause: unknown, what: string): PolylogError {
  return new PolylogError('not_leading', `${what}, the write was not done: ${messageOf(cause)}`, {
    detail: { sqlState: '57P01', mongoCode: 189 },
    cause,
  })
}

/** For a write that is not even begun. */
export function notLeading(why: string): PolylogError {
  return new PolylogError('not_leading', `the database takes no writes now: ${why}`)
}

export function tooLarge(recordBytes: number, maxBatchBytes: number): PolylogError {
  return new PolylogError(
    'too_large',
    `the record of the transaction has ${recordBytes} bytes, and the log takes ${maxBatchBytes} at most`,
  )
}

/**
 * How far the log holds what the leader of `epoch` has appended after `from`, asked of the log itself: once a later epoch
 * leads, nothing of this one can come to be in it any more. Undefined where none does, for then nobody knows. Errors:
 * `LogError`.
 */
async function endOfTerm(
  log: CommitLog,
  epoch: number,
  from: Sequence,
  signal: AbortSignal,
): Promise<Sequence | undefined> {
  const { end, epoch: present } = await log.end()
  if (present <= epoch) return undefined
  let own = from
  if (end > from) {
    // What is in the log need not be durable yet; it will be.
    for await (const batch of log.read(from + 1, { to: end, follow: true, signal })) {
      if (batch.epoch > epoch) return own
      own = Math.max(own, batch.last)
    }
  }
  return own < end ? undefined : own
}

/** How long the log is asked, and whether it is still asked where it cannot be reached. */
interface Asking {
  readonly host: Host
  readonly log: CommitLog
  readonly patienceMs: number
  readonly givesUp: () => boolean
}

/** `endOfTerm`, asked again while the log cannot be reached; undefined where that was so for too long. */
export async function findEndOfTerm(
  { host, log, patienceMs, givesUp }: Asking,
  epoch: number,
  synced: Sequence,
): Promise<Sequence | undefined> {
  const outage = new Outage(host, patienceMs)
  const over = new AbortController()
  const cancel = host.at(patienceMs, () => over.abort())
  try {
    for (;;) {
      try {
        return await endOfTerm(log, epoch, synced, over.signal)
      } catch (error) {
        if (logErrorCode(error) !== 'unavailable' || givesUp()) return undefined
        if (!(await outage.next())) return undefined
      }
    }
  } finally {
    cancel()
  }
}

/** Another one may lead now, or this one again: the log itself is well. */
export function isTermEnd(reason: unknown): boolean {
  return ['fenced', 'unavailable'].includes(logErrorCode(reason))
}

export function seenRefused(cause: PolylogError): PolylogError {
  return new PolylogError('serialization_failure', 'what was read before has been taken back: the write was not done', {
    cause,
  })
}
