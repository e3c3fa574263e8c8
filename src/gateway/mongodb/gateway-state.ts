/** What all connections of the gateway share. */
import type { GatewayLimits } from '../gateway.ts'
import type { SessionHost } from '../../session/contract.ts'
import type { Cursors } from './cursors.ts'
import type { LogicalSessions } from './logical-sessions.ts'

export interface GatewayState {
  readonly sessions: SessionHost
  readonly limits: GatewayLimits
  readonly cursors: Cursors
  readonly logical: LogicalSessions
  readonly startedMs: number
  /** Open now and ever: `serverStatus` tells. */
  readonly connections: { open: number; created: number }
}
