/**
 * The log of a directory that another process leads, for a database that follows it and may take over: read along until
 * then, and from then on the process's own.
 *
 * The log is opened for writing while it is still read along: what opening changes (the end of the log is written once more,
 * what lies behind a gap is erased) is what a reader must be ready for at any time.
 */
import type { CommitLog, Leader, LogBatch, LogEnd, LogSegment, ReadOptions, Sequence } from '../../log/commit-log.ts'
import type { LogTail } from '../../log/file/log-tail.ts'

export class FollowedLog implements CommitLog {
  readonly limits: CommitLog['limits']
  readonly #tail: LogTail
  readonly #takeOver: () => Promise<CommitLog>
  #own: CommitLog | undefined

  /** `takeOver` opens the log for writing; where it throws, the log is followed as before. */
  constructor(tail: LogTail, takeOver: () => Promise<CommitLog>) {
    this.#tail = tail
    this.#takeOver = takeOver
    this.limits = tail.limits
  }

  async acquire(owner: string, ttlMs: number): Promise<Leader> {
    if (this.#own === undefined) {
      this.#own = await this.#takeOver()
      await this.#tail.close()
    }
    return this.#own.acquire(owner, ttlMs)
  }

  end(): Promise<LogEnd> {
    return (this.#own ?? this.#tail).end()
  }

  read(from: Sequence, options?: ReadOptions): AsyncIterable<LogBatch> {
    return (this.#own ?? this.#tail).read(from, options)
  }

  /** Of a log that another one leads, nothing goes by this. */
  async trim(before: Sequence): Promise<void> {
    await this.#own?.trim(before)
  }

  describe(): LogSegment[] {
    return (this.#own ?? this.#tail).describe()
  }

  async close(): Promise<void> {
    await this.#tail.close()
    await this.#own?.close()
  }
}
