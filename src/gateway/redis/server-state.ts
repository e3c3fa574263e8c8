/** What the connections of one gateway share: who is connected, the positions of scans, limits and the time. */
import type { Rights } from '../../database/access/rights.ts'
import type { DoorCounts, ExpiryCounts } from '../../session/activity.ts'
import type { SessionHost } from '../../session/contract.ts'
import type { Connection } from '../connection.ts'
import type { Conversation, DoorChoices, DoorParts, GatewayLimits, ProtocolState } from '../gateway.ts'
import type { Client } from './client.ts'
import { everyCommand } from './command-rules.ts'
import type { Command, CommandTable } from './command-table.ts'
import { bindings } from './configuration/bindings.ts'
import { Settings } from './configuration/settings.ts'
import { ClusterNode } from './cluster/node.ts'
import type { CommandError } from './errors.ts'
import { DenialLog } from './denial-log.ts'
import { Eviction } from './eviction/eviction.ts'
import { MemoryWatch } from './eviction/memory-watch.ts'
import { IdleClients } from './idle-clients.ts'
import { KeyLookups } from '../../model/keyvalue/lookups.ts'
import { RedisConversation } from './conversation.ts'
import { LatencyMonitor } from './latency-monitor.ts'
import { Monitors } from './monitors.ts'
import { Pause } from './pause.ts'
import { Pushes } from '../pushes.ts'
import { Permissions } from './permissions.ts'
import { Replication } from './replication/replication.ts'
import { Replicas } from './replication/replicas.ts'
import { busy } from './scripts/running.ts'
import { Scripts } from './scripts/scripts.ts'
import { ScanCursors } from './scan-cursors.ts'
import { shownArguments } from './redaction.ts'
import { SlowLog } from './slow-log.ts'
import { SpareCalls } from './spare-calls.ts'
import { SpareParsers } from './spare-parsers.ts'
import { ErrorTally } from './usage.ts'
import { TrackingTable } from './watching/tracking.ts'
import { Watching } from './watching/watching.ts'
import type { Arguments } from './wire.ts'

/** A mask. */
const timedOneIn = 15

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
  /** keyspace_hits and keyspace_misses. */
  readonly lookups: KeyLookups = new KeyLookups()
  readonly idle: IdleClients
  /** `maxmemory`. */
  readonly eviction: Eviction
  readonly memoryWatch: MemoryWatch
  /** ACL LOG. */
  readonly denials: DenialLog = new DenialLog()
  /** `acl-pubsub-default`: of users that ACL SETUSER makes. */
  channelsOfNewUsers: readonly string[] = []
  readonly scripts: Scripts
  /** CONFIG. */
  readonly settings: Settings = new Settings(bindings)
  /** `busy-reply-threshold`; 0: scripts keep nobody waiting. */
  busyAfterMs = 0
  readonly pushes: Pushes
  readonly watching: Watching
  readonly pause: Pause
  readonly monitors: Monitors
  /** Of whom it takes over what there is. */
  readonly replication: Replication = new Replication(this)
  /** Who takes over what is here. */
  readonly replicas: Replicas
  readonly latency: LatencyMonitor = new LatencyMonitor()
  /** Error lines that were written. */
  readonly tally: ErrorTally = new ErrorTally()
  readonly slowLog: SlowLog = new SlowLog()
  /** What CONFIG RESETSTAT takes off the counts that all doors share. */
  #resetAt = {
    connectionsOpened: 0,
    requests: 0,
    bytesReceived: 0,
    bytesSent: 0,
    expiry: { expiredKeys: 0, expiredFields: 0, capsReached: 0 },
  }

  #rate = { atMs: 0, requests: 0, shown: 0 }
  /** Where it was started with `--cluster-enabled`: its one node. */
  readonly cluster: ClusterNode | undefined

  readonly calls: SpareCalls
  readonly parsers: SpareParsers
  /** What was found out for these rights: once for all of a role. */
  readonly #permissions = new WeakMap<Rights, Permissions>()
  #lastRights: Rights | undefined
  #lastPermissions: Permissions | undefined

  readonly choices: DoorChoices

  constructor({ sessions, limits, choices = {} }: DoorParts, table: CommandTable) {
    this.choices = choices
    this.sessions = sessions
    this.limits = limits
    this.table = table
    this.calls = new SpareCalls(this)
    this.parsers = new SpareParsers(limits.maxMessageBytes)
    this.counts = sessions.activity.door('redis')
    const { host } = sessions
    this.scripts = new Scripts(sessions)
    this.pushes = new Pushes(host)
    this.pause = new Pause(host, (hold) => (this.eviction.isHeld = sessions.activity.expiry.isHeld = hold))
    this.monitors = new Monitors(() => host.now())
    const tracked = sessions.memory.work.child('keys that clients have cached', { quantumBytes: 64 * 1024 })
    this.watching = new Watching(new TrackingTable(this.clients, (run) => host.turn(run), tracked))
    this.cursors = new ScanCursors((into) => host.random(into))
    this.startedMs = host.now()
    this.#rate.atMs = this.startedMs
    this.idle = new IdleClients(host, this.clients)
    this.eviction = new Eviction(sessions)
    this.memoryWatch = new MemoryWatch(host, this.eviction, this.clients)
    const id = new Uint8Array(20)
    host.random(id)
    this.runId = Buffer.from(id).toString('hex')
    this.replicas = new Replicas(this)
    this.cluster = choices.clusterEnabled === true ? new ClusterNode(this) : undefined
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

  /** A command runs: when that was, where it is one of those that are timed, else -1. */
  startTiming({ usage }: Command): number {
    return (++usage.calls & timedOneIn) === 1 || this.slowLog.isFine || this.latency.thresholdMs > 0
      ? this.sessions.host.monotonic()
      : -1
  }

  /** Of one of a block, which is counted when that is done. */
  startQueued(): number {
    return this.slowLog.isFine || this.latency.thresholdMs > 0 ? this.sessions.host.monotonic() : -1
  }

  /** It has been carried out. */
  endTiming(command: Command, args: Arguments, client: Client, startedUs: number): void {
    // A script is shown before its commands.
    if (this.monitors.areOn && !command.isScript) this.monitors.show(command, args, client.database, client.remote)
    if (startedUs < 0) return
    const us = Math.max(0, this.sessions.host.monotonic() - startedUs)
    command.usage.add(us)
    const { thresholdMs } = this.latency
    if (thresholdMs > 0 && us >= thresholdMs * 1000) {
      this.latency.note(command.flags.includes('fast') ? 'fast-command' : 'command', Math.floor(us / 1000), this.now())
    }
    if (!this.slowLog.wants(us) || command.flags.includes('skip_slowlog')) return
    const { remote, name: clientName } = client
    const startedMs = this.now() - us / 1000
    this.slowLog.add({ startedMs, us, shown: shownArguments(command.name, args), remote, clientName })
  }

  /** Whether anything is so that `refusalOf` must be asked: of most servers nothing is. */
  mayRefuse({ isProtected }: Command): boolean {
    if (isProtected || this.busyAfterMs > 0 || this.replicas.wanted > 0 || this.cluster !== undefined) return true
    return this.replication.link !== undefined
  }

  /** Whether `busy-reply-threshold` was set, and a script has run for longer. */
  isBusyFor(command: Command): boolean {
    const { scripts, busyAfterMs } = this
    if (busyAfterMs === 0 || scripts.running.size === 0 || command.flags.includes('allow_busy')) return false
    return scripts.longestRunning(this.now() - busyAfterMs) !== undefined
  }

  busy(): CommandError {
    return busy(this.scripts.longestRunning(Infinity)?.isFunction === true)
  }

  /** Since the start, or since CONFIG RESETSTAT. */
  counted(what: ResettableCount): number {
    return this.counts[what] - this.#resetAt[what]
  }

  /** Likewise. */
  expired(): ExpiryCounts {
    const { expiredKeys, expiredFields, capsReached } = this.sessions.activity.expiry
    const { expiry } = this.#resetAt
    return {
      expiredKeys: expiredKeys - expiry.expiredKeys,
      expiredFields: expiredFields - expiry.expiredFields,
      capsReached: capsReached - expiry.capsReached,
    }
  }

  resetCounts(): void {
    this.eviction.evictedKeys = 0
    this.memoryWatch.evictedClients = 0
    this.lookups.reset()
    this.tally.reset()
    for (const command of everyCommand(this.table)) command.usage.reset()
    const { connectionsOpened, requests, bytesReceived, bytesSent } = this.counts
    const expiry = { ...this.sessions.activity.expiry }
    this.#resetAt = { connectionsOpened, requests, bytesReceived, bytesSent, expiry }
  }

  /** Requests a second since this was asked before, as long as that is at least a tenth of one ago. */
  requestRate(): number {
    const nowMs = this.now()
    const { requests } = this.counts
    const passedMs = nowMs - this.#rate.atMs
    if (passedMs < 100) return this.#rate.shown
    const shown = Math.round(((requests - this.#rate.requests) * 1000) / passedMs)
    this.#rate = { atMs: nowMs, requests, shown }
    return shown
  }

  started(): void {
    this.replication.resume().catch((error: unknown) => {
      this.sessions.host.log('error', 'a master that was followed could not be looked for', { error: String(error) })
    })
  }

  close(): void {
    this.replication.close()
    this.replicas.close()
    this.idle.stop()
    this.pushes.close()
    this.pause.end()
    this.memoryWatch.stop()
    this.eviction.close()
  }

  now(): number {
    return this.sessions.host.now()
  }
}
