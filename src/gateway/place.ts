/**
 * What a connection takes for being there, from its acceptance to its end: memory, and one of the number that there may be. One that
 * has no place is heard all the same, so that its protocol can tell it why; of those only a few are at a time.
 */
import { PolylogError } from '../base/errors.ts'
import type { MemoryAccount } from '../base/memory-account.ts'

export class Place {
  /** Why it cannot be served. */
  readonly refusal: PolylogError | undefined
  readonly #account: MemoryAccount
  readonly #leave: () => void
  #isClosed = false

  private constructor(account: MemoryAccount, refusal: PolylogError | undefined, leave: () => void) {
    this.#account = account
    this.refusal = refusal
    this.#leave = leave
  }

  /** `entered`: as `ConnectionCounts.enter` answers. */
  static take(connections: MemoryAccount, sizeBytes: number, entered: PolylogError | (() => void)): Place {
    const account = connections.child('the connection', { quantumBytes: 1024 })
    if (entered instanceof PolylogError) return new Place(account, entered, () => undefined)
    return new Place(account, account.tryCharge(sizeBytes) ? undefined : noMemory(), entered)
  }

  /** Holds exactly so much from here on; nothing where it is refused. */
  force(bytes: number): void {
    if (this.refusal === undefined) this.#account.force(bytes)
  }

  /** Whether it may hold so much, and holds it then, or held more before. One that is refused may: it is not there for long. */
  mayHold(bytes: number): boolean {
    const more = bytes - this.#account.usedBytes
    return this.refusal !== undefined || more <= 0 || this.#account.tryCharge(more)
  }

  /** Again, it does nothing. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#account.close()
    this.#leave()
  }
}

/** PostgreSQL has a state of its own for it. */
function noMemory(): PolylogError {
  return new PolylogError('out_of_memory', 'too many clients: the server has no memory left for another connection', {
    detail: { sqlState: '53300' },
  })
}
