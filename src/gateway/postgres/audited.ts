/**
 * What the audit hears of SQL: privileges that were given or taken, once that is committed, and what somebody may not.
 *
 * Of a block that is rolled back, or back to a savepoint, nothing was given: what was said since is forgotten with it.
 */
import { isDenial } from '../../database/access/rights.ts'
import type { PolylogError } from '../../base/errors.ts'
import type { AuditEntry } from '../../principal/audit.ts'
import type { Outcome } from '../../session/contract.ts'
import type { Client } from './client.ts'

/** Statements that give and take hold names only, no values. */
const longest = 500
const events: ReadonlyMap<string, 'privilege granted' | 'privilege revoked' | 'default privileges altered'> = new Map([
  ['ALTER DEFAULT PRIVILEGES', 'default privileges altered'],
  ['GRANT', 'privilege granted'],
  ['REVOKE', 'privilege revoked'],
])

export class AuditedGrants {
  readonly #client: Client
  #waiting: AuditEntry[] = []

  constructor(client: Client) {
    this.#client = client
  }

  get mark(): number {
    return this.#waiting.length
  }

  rollbackTo(mark: number): void {
    this.#waiting.length = mark
  }

  /** After a statement; its text. */
  done(command: string, text: string): void {
    const event = events.get(command)
    if (event === undefined) return
    const { session, block } = this.#client
    const entry: AuditEntry = { event, by: session, object: session.database, detail: text.slice(0, longest) }
    this.#waiting.push(entry)
    if (block.kind === 'none') this.ended('committed')
  }

  ended(outcome: Outcome): void {
    if (this.#waiting.length === 0) return
    if (outcome === 'committed') for (const entry of this.#waiting) this.#client.principals.audit.record(entry)
    this.#waiting = []
  }
}

export function auditDenial({ session, principals }: Client, error: PolylogError): void {
  if (!isDenial(error)) return
  principals.audit.record({ event: 'access denied', by: session, object: session.database, detail: error.message })
}
