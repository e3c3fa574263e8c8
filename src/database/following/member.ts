/**
 * A database as one of several processes that may lead a log. It follows or leads; where it has led and must step down, a
 * new `Database` goes on with its store, its log and its accounts, as a follower, in the same turn:
 *
 *   database 1: follows ─▶ leads ─▶ steps down: frozen at what the log holds of it, for those who still read there
 *                                        │ store, log
 *                                        ▼
 *   database 2:                       follows ─▶ leads ─▶ …
 *
 * So the sequences of one `Database` never go back, and what was taken back in one (locks, watches, numbers of states that
 * are no more) is of no meaning in the next. Sessions go on there by themselves once they have no transaction open
 * (`Database.successor`). At each step down those are closed on which nothing is open any more.
 *
 * Invariants: at most one of the databases writes to the store; a successor begins where its predecessor was frozen.
 */
import type { PolylogError } from '../../base/errors.ts'
import { Database } from '../database.ts'
import type { DatabaseParts } from '../database-parts.ts'
import { logErrorCode } from '../commit/log-trouble.ts'
import { Outage } from '../commit/outage.ts'

export interface MemberParts extends Omit<DatabaseParts, 'onSteppedDown' | 'predecessor'> {
  /** Tries to lead again after it has stepped down, for as long as it takes; left out, that is for `lead` to say. */
  readonly leadsAgain?: boolean
}

export class Member {
  readonly #parts: MemberParts
  readonly #onChange: (database: Database, reason: PolylogError) => void
  readonly #outage: Outage
  #current: Database | undefined
  #leading: Promise<void> | undefined
  #isClosed = false

  private constructor(parts: MemberParts, onChange: (database: Database, reason: PolylogError) => void) {
    this.#parts = parts
    this.#onChange = onChange
    this.#outage = new Outage(parts.host, Infinity)
  }

  /** `onChange` is called with the database that goes on after a step down. Errors: those of `Database.open`. */
  static async open(
    parts: MemberParts,
    role: 'lead' | 'follow',
    onChange: (database: Database, reason: PolylogError) => void = () => undefined,
  ): Promise<Member> {
    const member = new Member(parts, onChange)
    const whole = member.#wholeParts()
    member.#current = await (role === 'lead' ? Database.open(whole) : Database.follow(whole))
    return member
  }

  get database(): Database {
    return this.#current!
  }

  #wholeParts(): DatabaseParts {
    return { ...this.#parts, onSteppedDown: (reason) => this.#steppedDown(reason) }
  }

  #steppedDown(reason: PolylogError): void {
    if (this.#isClosed) return
    const next = Database.succeed(this.#wholeParts(), this.database)
    this.#current = next
    this.#onChange(next, reason)
    if (this.#parts.leadsAgain === true) this.#leadAgain(next)
  }

  #leadAgain(database: Database): void {
    this.lead().catch((error: unknown) => {
      if (!this.#isClosed) database.pipeline.neverLeads(error)
    })
  }

  /** Takes over, from whoever leads: resolves when it does. A log that cannot be reached is tried again. */
  lead(): Promise<void> {
    this.#leading ??= this.#lead().finally(() => (this.#leading = undefined))
    return this.#leading
  }

  async #lead(): Promise<void> {
    for (;;) {
      try {
        await this.database.lead()
        this.#outage.over()
        return
      } catch (error) {
        if (this.#isClosed || !isPassing(error) || !(await this.#outage.next())) throw error
      }
    }
  }

  /** Gives up leading, of its own will: what was committed so far is in the log first. */
  async stepDown(): Promise<void> {
    await this.database.resign()
  }

  async close(): Promise<void> {
    await this.#stopLeading()
    await this.database.close()
  }

  /** As `close`, of a database whose files nobody will read again. */
  async discard(): Promise<void> {
    await this.#stopLeading()
    await this.database.discard()
  }

  async #stopLeading(): Promise<void> {
    this.#isClosed = true
    this.#outage.stop()
    await this.#leading?.catch(() => undefined)
  }
}

/** Somebody else was quicker, or nobody reaches the log. */
function isPassing(error: unknown): boolean {
  return ['unavailable', 'fenced'].includes(logErrorCode(error))
}
