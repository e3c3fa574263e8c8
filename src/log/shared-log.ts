/**
 * For tests: one log that several databases of a process open, as several processes would a replicated one. Each has a
 * handle of its own, whose end ends its readers and its leader and nobody else's.
 */
import { type CommitLog, type Leader, type LogBatch, LogError, type ReadOptions, type Sequence } from './commit-log.ts'

/** `inner` fences earlier leaders, as every log does; whoever has made it closes it. */
export class SharedLog {
  readonly #inner: CommitLog

  constructor(inner: CommitLog) {
    this.#inner = inner
  }

  open(): CommitLog {
    return new Handle(this.#inner)
  }
}

class Handle implements CommitLog {
  readonly limits: CommitLog['limits']
  readonly #inner: CommitLog
  readonly #closed = new AbortController()
  #leader: Leader | undefined

  constructor(inner: CommitLog) {
    this.#inner = inner
    this.limits = inner.limits
  }

  async acquire(owner: string, ttlMs: number): Promise<Leader> {
    if (this.#closed.signal.aborted) throw new LogError('unavailable', 'the log is closed')
    this.#leader = await this.#inner.acquire(owner, ttlMs)
    return this.#leader
  }

  end(): ReturnType<CommitLog['end']> {
    return this.#inner.end()
  }

  read(from: Sequence, options: ReadOptions = {}): AsyncIterable<LogBatch> {
    const { signal } = this.#closed
    const both = options.signal === undefined ? signal : AbortSignal.any([signal, options.signal])
    return this.#inner.read(from, { ...options, signal: both })
  }

  trim(before: Sequence): Promise<void> {
    return this.#inner.trim(before)
  }

  describe(): ReturnType<CommitLog['describe']> {
    return this.#inner.describe()
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await this.#leader?.release()
  }
}
