/** The change feed as callers of the library get it: what goes wrong is one of the errors that the package has. */
import { PolylogError, type ErrorCode } from '../base/errors.ts'
import type { FeedTransaction } from '../database/following/feed.ts'
import { LogError, type LogErrorCode } from '../log/commit-log.ts'

const codes: Partial<Record<LogErrorCode, ErrorCode>> = { trimmed: 'trimmed', corrupt: 'data_corrupted' }

export async function* follow(feed: AsyncIterable<FeedTransaction>): AsyncGenerator<FeedTransaction, void, void> {
  try {
    yield* feed
  } catch (error) {
    if (!(error instanceof LogError)) throw error
    throw new PolylogError(codes[error.code] ?? 'io_error', error.message, { cause: error })
  }
}
