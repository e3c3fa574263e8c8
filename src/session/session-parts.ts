/** What a session is made of, and what it asks of the server that it is a part of. */
import type { MemoryAccount } from '../base/memory-account.ts'
import type { Database } from '../database/database.ts'
import type { Durability } from '../log/commit-log.ts'
import type { Principals } from '../principal/principals.ts'
import type { Activity } from './activity.ts'
import type { RightsSource } from './identity.ts'
import type { SessionLimits } from './limits.ts'
import type { TransactionRegistry } from './party.ts'
import type { Counted } from './principal-budgets.ts'
import type { SessionReport } from './session-report.ts'
import type { ClientSession } from './session.ts'
import type { Sight } from './sight.ts'
import type { StatementRunner } from './statement-runner.ts'

/** What a session needs of the server: the transactions that can be joined, and who else is there. */
export interface SessionRegistry extends TransactionRegistry, RightsSource {
  readonly runner: StatementRunner
  readonly activity: Activity
  readonly principals: Principals
  /** All sessions of the server, for those who ask who is there. */
  all(): Iterable<ClientSession>
  /** A new one, of what it keeps and does. */
  accountOf(session: ClientSession, place: SessionPlace): MemoryAccount
  /** It has ended. */
  left(session: ClientSession, place: SessionPlace): void
}

/** Where it is counted, until it ends: what all sessions of a user in a database share. */
export interface SessionPlace {
  readonly counted: Counted
  readonly account: MemoryAccount
  /** As they were opened, whatever one has moved on to. */
  readonly database: Database
  sessions: number
  /** Of those that have not changed them. */
  limits: SessionLimits | undefined
}

export interface SessionParts {
  readonly id: number
  readonly user: string
  readonly roleId: number | undefined
  readonly door: string
  readonly remote: string
  readonly database: Database
  readonly durability: Durability
  /** Another's; left out: its own. */
  readonly sight: Sight | undefined
  readonly registry: SessionRegistry
  readonly place: SessionPlace
  readonly limits: SessionLimits
  readonly report: SessionReport
  readonly isConnection: boolean
}
