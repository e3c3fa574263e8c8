/**
 * What a connection takes for being there, from its acceptance to its end: memory, and one of the number that there may be. One that
 * has no place is heard all the same, so that its protocol can tell it why; of those only a few are at a time.
 */
import { PolylogError } from '../base/errors.ts'
import type { MemoryAccount } from '../base/memory-account.ts'

/** Where it is one of those that there are. */
interface Counted {
  leave(): void
}

export class Place {
  /** Why it cannot be served. */
  readonly refusal: PolylogError | undefined
  readonly #account: MemoryAccount
  #bytes: number
  readonly #counted: Counted | undefined
  #isClosed = false

  private constructor(account: MemoryAccount, bytes: number, refusal: PolylogError | undefined, counted?: Counted) {
    this.#account = account
    this.#bytes = bytes
    this.refusal = refusal
    this.#counted = counted
  }

  /** `entered`: as `ConnectionCounts.enter` answers. */
  static take(connections: MemoryAccount, sizeBytes: number, entered: PolylogError | Counted): Place {
    if (entered instanceof PolylogError) return new Place(connections, 0, entered)
    if (!connections.tryCharge(sizeBytes)) return new Place(connections, 0, noMemory(), entered)
    return new Place(connections, sizeBytes, undefined, entered)
  }

  /** Holds exactly so much from here on; nothing where it is refused. */
  force(bytes: number): void {
    if (this.refusal !== undefined || this.#isClosed) return
    this.#account.force(this.#account.usedBytes + bytes - this.#bytes)
    this.#bytes = bytes
  }

  /** Whether it may hold so much, and holds it then, or held more before. One that is refused may: it is not there for long. */
  mayHold(bytes: number): boolean {
    const more = bytes - this.#bytes
    if (this.refusal !== undefined || more <= 0) return true
    if (!this.#account.tryCharge(more)) return false
    this.#bytes = bytes
    return true
  }

  /** Again, it does nothing. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#account.release(this.#bytes)
    this.#counted?.leave()
  }
}

/** PostgreSQL has a state of its own for it. */
function noMemory(): PolylogError {
  return new PolylogError('out_of_memory', 'too many clients: the server has no memory left for another connection', {
    detail: { sqlState: '53300' },
  })
}
