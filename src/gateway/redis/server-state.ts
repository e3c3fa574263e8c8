/** What the connections of one gateway share: who is connected, the positions of scans, limits and the time. */
import type { SessionHost } from '../../session/contract.ts'
import type { Connection } from '../connection.ts'
import type { Conversation, DoorParts, GatewayLimits, ProtocolState } from '../gateway.ts'
import type { Client } from './client.ts'
import type { CommandTable } from './command-table.ts'
import { RedisConversation } from './conversation.ts'
import { ScanCursors } from './scan-cursors.ts'

export class ServerState implements ProtocolState {
  readonly sessions: SessionHost
  readonly limits: GatewayLimits
  readonly table: CommandTable
  readonly cursors: ScanCursors
  readonly clients: Map<number, Client> = new Map()
  readonly startedMs: number
  /** 40 hexadecimal digits, new with every start. */
  readonly runId: string
  connectionsReceived = 0
  commandsProcessed = 0

  constructor({ sessions, limits }: DoorParts, table: CommandTable) {
    this.sessions = sessions
    this.limits = limits
    this.table = table
    const { host } = sessions
    this.cursors = new ScanCursors((into) => host.random(into))
    this.startedMs = host.now()
    const id = new Uint8Array(20)
    host.random(id)
    this.runId = Buffer.from(id).toString('hex')
  }

  converse(connection: Connection): Conversation {
    this.connectionsReceived++
    return new RedisConversation(this, connection)
  }

  now(): number {
    return this.sessions.host.now()
  }
}
