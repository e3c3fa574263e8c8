/** What all connections of the gateway share. */
import type { DoorCounts } from '../../session/activity.ts'
import type { SessionHost } from '../../session/contract.ts'
import type { Connection } from '../connection.ts'
import type { Conversation, DoorParts, GatewayLimits, ProtocolState } from '../gateway.ts'
import { MongoConversation } from './conversation.ts'
import { Cursors } from './cursors.ts'
import { LogicalSessions } from './logical-sessions.ts'

export type OperationKind = 'insert' | 'query' | 'update' | 'delete' | 'getmore' | 'command'

const operationKinds: ReadonlyMap<string, OperationKind> = new Map<string, OperationKind>([
  ['insert', 'insert'],
  ['find', 'query'],
  ['update', 'update'],
  ['delete', 'delete'],
  ['getMore', 'getmore'],
])

export class GatewayState implements ProtocolState {
  readonly sessions: SessionHost
  readonly limits: GatewayLimits
  readonly cursors: Cursors
  readonly logical: LogicalSessions
  readonly startedMs: number
  readonly counts: DoorCounts
  /** Commands by what `serverStatus` calls them. */
  readonly operations: Map<OperationKind, number> = new Map()

  constructor({ sessions, limits }: DoorParts) {
    this.sessions = sessions
    this.counts = sessions.activity.door('mongodb')
    this.limits = limits
    this.cursors = new Cursors(sessions.host, sessions.memory)
    this.logical = new LogicalSessions(sessions, (key) => this.cursors.killTransaction(key))
    this.startedMs = sessions.host.now()
  }

  converse(connection: Connection): Conversation {
    return new MongoConversation(this, connection)
  }

  /** What inserts, updates or deletes counts each of its operations, also those that fail. */
  countOperation(command: string, operations = 1): void {
    const kind = operationKinds.get(command) ?? 'command'
    this.operations.set(kind, (this.operations.get(kind) ?? 0) + operations)
  }

  close(): void {
    this.cursors.close()
    this.logical.close()
  }
}
