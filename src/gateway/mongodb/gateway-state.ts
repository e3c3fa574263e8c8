/** What all connections of the gateway share. */
import type { SessionHost } from '../../session/contract.ts'
import type { Connection } from '../connection.ts'
import type { Conversation, DoorParts, GatewayLimits, ProtocolState } from '../gateway.ts'
import { MongoConversation } from './conversation.ts'
import { Cursors } from './cursors.ts'
import { LogicalSessions } from './logical-sessions.ts'

export class GatewayState implements ProtocolState {
  readonly sessions: SessionHost
  readonly limits: GatewayLimits
  readonly cursors: Cursors
  readonly logical: LogicalSessions
  readonly startedMs: number
  /** Open now and ever: `serverStatus` tells. */
  readonly connections = { open: 0, created: 0 }

  constructor({ sessions, limits }: DoorParts) {
    this.sessions = sessions
    this.limits = limits
    this.cursors = new Cursors(sessions.host)
    this.logical = new LogicalSessions(sessions, (key) => this.cursors.killTransaction(key))
    this.startedMs = sessions.host.now()
  }

  converse(connection: Connection): Conversation {
    return new MongoConversation(this, connection)
  }

  close(): void {
    this.cursors.close()
    this.logical.close()
  }
}
