/** What the connections of one gateway share: who is connected, the positions of scans, limits and the time. */
import type { Rights } from '../../database/access/rights.ts'
import type { DoorCounts } from '../../session/activity.ts'
import type { SessionHost } from '../../session/contract.ts'
import type { Connection } from '../connection.ts'
import type { Conversation, DoorParts, GatewayLimits, ProtocolState } from '../gateway.ts'
import type { Client } from './client.ts'
import type { CommandTable } from './command-table.ts'
import { DenialLog } from './denial-log.ts'
import { IdleClients } from './idle-clients.ts'
import { RedisConversation } from './conversation.ts'
import { Permissions } from './permissions.ts'
import { Scripts } from './scripts/scripts.ts'
import { ScanCursors } from './scan-cursors.ts'
import { SpareCalls } from './spare-calls.ts'

type ResettableCount = 'connectionsOpened' | 'requests' | 'bytesReceived' | 'bytesSent'

export class ServerState implements ProtocolState {
  readonly sessions: SessionHost
  readonly limits: GatewayLimits
  readonly table: CommandTable
  readonly cursors: ScanCursors
  readonly clients: Map<number, Client> = new Map()
  readonly startedMs: number
  /** 40 hexadecimal digits, new with every start. */
  readonly runId: string
  readonly counts: DoorCounts
  readonly idle: IdleClients
  /** ACL LOG. */
  readonly denials: DenialLog = new DenialLog()
  readonly scripts: Scripts
  /** Error lines that were written. */
  readonly tally = { errors: 0 }
  /** Slow statements up to this number are not shown by this door: SLOWLOG RESET. */
  slowlogSince = 0
  /** What CONFIG RESETSTAT takes off the counts that all doors share. */
  #resetAt = { connectionsOpened: 0, requests: 0, bytesReceived: 0, bytesSent: 0 }

  readonly calls: SpareCalls
  /** What was found out for these rights: once for all of a role. */
  readonly #permissions = new WeakMap<Rights, Permissions>()
  #lastRights: Rights | undefined
  #lastPermissions: Permissions | undefined

  constructor({ sessions, limits }: DoorParts, table: CommandTable) {
    this.sessions = sessions
    this.limits = limits
    this.table = table
    this.calls = new SpareCalls(this)
    this.counts = sessions.activity.door('redis')
    const { host } = sessions
    this.scripts = new Scripts(sessions)
    this.cursors = new ScanCursors((into) => host.random(into))
    this.startedMs = host.now()
    this.idle = new IdleClients(host, this.clients)
    const id = new Uint8Array(20)
    host.random(id)
    this.runId = Buffer.from(id).toString('hex')
  }

  converse(connection: Connection): Conversation {
    return new RedisConversation(this, connection)
  }

  permissionsOf(rights: Rights): Permissions {
    if (rights === this.#lastRights) return this.#lastPermissions!
    let found = this.#permissions.get(rights)
    if (found === undefined) this.#permissions.set(rights, (found = new Permissions(this.table, rights)))
    this.#lastRights = rights
    this.#lastPermissions = found
    return found
  }

  /** Since the start, or since CONFIG RESETSTAT. */
  counted(what: ResettableCount): number {
    return this.counts[what] - this.#resetAt[what]
  }

  resetCounts(): void {
    this.tally.errors = 0
    const { connectionsOpened, requests, bytesReceived, bytesSent } = this.counts
    this.#resetAt = { connectionsOpened, requests, bytesReceived, bytesSent }
  }

  close(): void {
    this.idle.stop()
  }

  now(): number {
    return this.sessions.host.now()
  }
}
