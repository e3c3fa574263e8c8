/** What all connections of the gateway share. */
import { seedChance } from '../../language/mql/expression-bits.ts'
import type { DoorCounts } from '../../session/activity.ts'
import type { Host } from '../../host/host.ts'
import type { SessionHost } from '../../session/contract.ts'
import type { Connection } from '../connection.ts'
import type { Conversation, DoorChoices, DoorParts, GatewayLimits, ProtocolState } from '../gateway.ts'
import { ClusterClock } from './cluster-clock.ts'
import { MongoConversation } from './conversation.ts'
import { Cursors } from './cursors.ts'
import { FailPoints } from './fail-points.ts'
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
  /** It answers as the one member of a replica set; else as a router. */
  readonly replicaSet: DoorChoices['mongodbReplicaSet']
  /** Only where tests of drivers may set any. */
  readonly failPoints: FailPoints | undefined
  readonly clock: ClusterClock
  /** Of this run of the server: an ObjectId, which tells a driver that what it knew of the server before is old. */
  readonly processId: Uint8Array = new Uint8Array(12)
  /** Commands by what `serverStatus` calls them. */
  readonly operations: Map<OperationKind, number> = new Map()

  constructor({ sessions, limits, choices }: DoorParts) {
    this.sessions = sessions
    this.counts = sessions.activity.door('mongodb')
    this.limits = limits
    this.cursors = new Cursors(sessions.host, sessions.memory)
    this.logical = new LogicalSessions(sessions, (key) => this.cursors.killTransaction(key))
    this.startedMs = sessions.host.now()
    this.replicaSet = choices?.mongodbReplicaSet
    this.failPoints = choices?.mongodbTestCommands === true ? new FailPoints(() => chance(sessions.host)) : undefined
    this.clock = new ClusterClock(sessions.host, this.replicaSet === undefined)
    sessions.host.random(this.processId)
    const seed = new Uint8Array(8)
    sessions.host.random(seed)
    seedChance(seed)
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

function chance(host: Host): number {
  const bytes = new Uint8Array(4)
  host.random(bytes)
  return new DataView(bytes.buffer).getUint32(0) / 2 ** 32
}
