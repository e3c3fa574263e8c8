/**
 * POLYLOG.IN: a command that carries its transaction's token. The connection takes part in that transaction by a session of
 * its own, beside the connection's (whose replies wait for what any of them has seen), until the transaction ends; a
 * connection that drops in between aborts the whole, as
 * any party's does, since nobody knows then which of its commands were carried out.
 */
import { PolylogError } from '../../base/errors.ts'
import type { Outcome, Session } from '../../session/contract.ts'
import { CommandError } from './errors.ts'

const maxOpen = 16
const maxRemembered = 64

export class Parties {
  readonly #open: () => Session
  readonly #sessions = new Map<string, Session>()
  /** How the transactions ended that this connection took part in last. */
  readonly #outcomes = new Map<string, Outcome>()

  constructor(open: () => Session) {
    this.#open = open
  }

  get isBlocked(): boolean {
    for (const session of this.#sessions.values()) if (session.waitsFor !== undefined) return true
    return false
  }

  /** The session that takes part in the token's transaction. Throws `transaction_ended`, `no_transaction`. */
  join(token: string): Session {
    const known = this.#sessions.get(token)
    if (known !== undefined) return known
    const outcome = this.#outcomes.get(token)
    if (outcome !== undefined) {
      throw new PolylogError('transaction_ended', `the transaction has been ${outcome}`, { detail: { outcome } })
    }
    if (this.#sessions.size >= maxOpen) this.#leaveEnded()
    if (this.#sessions.size >= maxOpen) {
      throw new CommandError(`ERR this connection takes part in ${maxOpen} transactions already`)
    }
    const session = this.#open()
    try {
      session.join(token)
    } catch (error) {
      session.close()
      throw error
    }
    this.#sessions.set(token, session)
    return session
  }

  /** After a statement heard that its transaction has ended. */
  ended(token: string, outcome: Outcome): void {
    const session = this.#sessions.get(token)
    this.#sessions.delete(token)
    this.#outcomes.set(token, outcome)
    for (const oldest of this.#outcomes.keys()) {
      if (this.#outcomes.size <= maxRemembered) break
      this.#outcomes.delete(oldest)
    }
    if (session !== undefined) closeParty(session)
  }

  /** Of transactions that are decided, and of no others: a session that has left runs commands on their own. */
  #leaveEnded(): void {
    for (const [token, session] of this.#sessions) {
      const outcome = session.status === 'failed' ? outcomeOf(session) : undefined
      if (outcome !== undefined) this.ended(token, outcome)
    }
  }

  /** The client was told of errors where it had taken part: nothing of that may stay, and no outcome is certain. */
  fail(): void {
    for (const session of this.#sessions.values()) session.fail()
    this.#outcomes.clear()
  }

  cancel(): void {
    for (const session of this.#sessions.values()) session.cancel()
  }

  close(): void {
    for (const session of this.#sessions.values()) session.close()
    this.#sessions.clear()
  }
}

function closeParty(session: Session): void {
  if (session.status !== 'none') void session.leave()
  session.close()
}

function outcomeOf(session: Session): Outcome | undefined {
  try {
    session.token()
    return undefined
  } catch (error) {
    return error instanceof PolylogError ? error.detail.outcome : undefined
  }
}
