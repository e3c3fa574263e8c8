/**
 * The embedded API over a data directory that another process leads: reads of what that one has committed, a few
 * milliseconds later, and taking over when it is gone.
 */
import type { Database } from '../database/database.ts'
import type { FollowingInstance } from '../database/following/following-instance.ts'
import type { Sessions } from '../session/sessions.ts'
import { check, checkInteger, checkOptions } from './arguments.ts'
import { EmbeddedDatabase } from './library.ts'

export interface WaitOptions {
  readonly signal?: AbortSignal
}

const checkSequence = checkInteger(0)
const checkWait = checkOptions({ signal: check((value) => value instanceof AbortSignal, 'an AbortSignal') })

export class EmbeddedFollower extends EmbeddedDatabase {
  readonly #instance: FollowingInstance
  readonly #name: string

  constructor(instance: FollowingInstance, database: Database, sessions: Sessions, close: () => Promise<void>) {
    super(database, sessions, close)
    this.#instance = instance
    this.#name = database.name
  }

  /** Whether it has taken over, and takes writes. */
  get isLeading(): boolean {
    return this.#instance.isPromoted
  }

  /**
   * How often a database was begun anew from a checkpoint, because the log was gone before it was read; and how often that was
   * because the leader would have kept more of it than `maxLagBytes`, which only one with a name is told.
   */
  get restarts(): { readonly all: number; readonly passed: number } {
    const { restarts, passed } = this.#instance
    return { all: restarts, passed }
  }

  /**
   * Resolves when reads see `sequence` or what came later: who has written to the leader, and knows its `sequence`, reads its
   * own writes here from then on. Errors: `canceled` where `signal` aborts first, `shutting_down`.
   */
  async waitFor(sequence: number, options: WaitOptions = {}): Promise<void> {
    this.checkOpen()
    checkSequence('the sequence to wait for', sequence)
    checkWait('the options of waitFor', options)
    await this.#instance.waitFor(this.#name, sequence, options.signal)
  }

  /**
   * Takes over from a leader that has ended: brings in what it has left in the log, and takes writes from then on. Errors:
   * `directory_locked` while it lives, and then this follows as before.
   */
  async promote(): Promise<void> {
    this.checkOpen()
    await this.#instance.promote(this.#name)
  }
}
