/** Readers that have reached the end and wait for more. */
export class Followers {
  /** Grows with every `wake`: read it before looking whether there is more, and nothing is missed. */
  version = 0
  private waiting = new Set<() => void>()

  /** Resolves at the first `wake` since `version` was `seen`, or when the signal aborts. */
  next(seen: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted || this.version !== seen) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        this.waiting.delete(done)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      this.waiting.add(done)
      signal?.addEventListener('abort', done)
    })
  }

  wake(): void {
    this.version++
    for (const done of this.waiting) done()
  }
}
