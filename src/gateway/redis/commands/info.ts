/** INFO, TIME and ROLE. */
import { privilege } from '../../../database/access/privileges.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { never } from '../../../model/keyvalue/codec.ts'
import { walkKeys } from '../../../model/keyvalue/keyspace.ts'
import type { Call, ConnectionHandler, DataHandler } from '../call.ts'
import { databaseCount, findDatabase } from '../databases.ts'
import { serverVersion } from '../version.ts'

type Section = (call: Call) => string[]

function serverSection(call: Call): string[] {
  const seconds = Math.max(0, Math.floor((call.server.now() - call.server.startedMs) / 1000))
  return [
    `redis_version:${serverVersion}`,
    'redis_mode:standalone',
    'server_name:polylog',
    `run_id:${call.server.runId}`,
    `server_time_usec:${Math.floor(call.server.now()) * 1000}`,
    `uptime_in_seconds:${seconds}`,
    `uptime_in_days:${Math.floor(seconds / 86_400)}`,
  ]
}

/** As Redis tells that there is no limit: 0. */
export function maxMemory(call: Call): number {
  const { limitBytes } = call.server.sessions.memory
  return Number.isFinite(limitBytes) ? limitBytes : 0
}

/** What is charged, and what the system says. */
function memorySection(call: Call): string[] {
  const { memory, host } = call.server.sessions
  return [
    `used_memory:${memory.root.usedBytes}`,
    `used_memory_rss:${host.memory().residentBytes}`,
    `used_memory_dataset:${memory.stored.usedBytes}`,
    `maxmemory:${maxMemory(call)}`,
    'maxmemory_policy:noeviction',
  ]
}

function blockedCount(call: Call): number {
  let count = 0
  for (const client of call.server.clients.values()) if (client.isBlocked) count++
  return count
}

/** What is committed outlives the process where there is a log on a disk. */
function persistenceSection(call: Call): string[] {
  return ['loading:0', 'async_loading:0', `aof_enabled:${isPersistent(call) ? 1 : 0}`]
}

export function isPersistent(call: Call): boolean {
  return call.client.session.databaseFacts.isPersistent
}

/** A follower reads files along: it has no link to its leader, and does not know where that listens. */
function replicationSection({ client }: Call): string[] {
  const { durabilityWatch, databaseFacts } = client.session
  if (databaseFacts.leads) return ['role:master', 'connected_slaves:0']
  return [
    'role:slave',
    'master_host:',
    'master_port:0',
    'master_link_status:up',
    `slave_repl_offset:${durabilityWatch.durableThrough('synced')}`,
    'slave_read_only:1',
    'connected_slaves:0',
  ]
}

/** `ROLE`: offsets are sequences. */
function role(call: Call): void {
  const { reply, client } = call
  const { durabilityWatch, databaseFacts } = client.session
  const { leads } = databaseFacts
  const offset = durabilityWatch.durableThrough('synced')
  reply.array(leads ? 3 : 5)
  reply.bulkText(leads ? 'master' : 'slave')
  if (!leads) {
    reply.bulkText('')
    reply.integer(0)
    reply.bulkText('connected')
  }
  reply.integer(offset)
  if (leads) reply.array(0)
}

const sections: Readonly<Record<string, Section>> = {
  server: serverSection,
  clients: (call) => [
    `connected_clients:${call.server.counts.connectionsOpen}`,
    `maxclients:${call.server.sessions.connections.most}`,
    `blocked_clients:${blockedCount(call)}`,
  ],
  memory: memorySection,
  persistence: persistenceSection,
  stats: (call) => [
    `total_connections_received:${call.server.counted('connectionsOpened')}`,
    `total_commands_processed:${call.server.counted('requests')}`,
    `total_net_input_bytes:${call.server.counted('bytesReceived')}`,
    `total_net_output_bytes:${call.server.counted('bytesSent')}`,
    `total_error_replies:${call.server.tally.errors}`,
  ],
  replication: replicationSection,
  cluster: () => ['cluster_enabled:0'],
}

function wanted(call: Call): ReadonlySet<string> {
  const names = new Set<string>()
  for (let at = 1; at < call.count; at++) names.add(call.text(at).toLowerCase())
  const all = names.size === 0 || names.has('all') || names.has('default') || names.has('everything')
  return all ? new Set([...Object.keys(sections), 'keyspace']) : names
}

function* info(call: Call): StatementSteps<void> {
  const names = wanted(call)
  const parts: string[] = []
  for (const [name, section] of Object.entries(sections)) {
    if (names.has(name)) parts.push(format(name, section(call)))
  }
  if (names.has('keyspace')) parts.push(format('keyspace', yield* keyspaceLines(call)))
  call.reply.verbatim(parts.join('\r\n'))
}

function format(name: string, lines: readonly string[]): string {
  const title = `# ${name.charAt(0).toUpperCase()}${name.slice(1)}\r\n`
  return title + lines.map((line) => `${line}\r\n`).join('')
}

function* keyspaceLines(call: Call): StatementSteps<string[]> {
  const lines: string[] = []
  for (let number = 0; number < databaseCount; number++) {
    const collection = findDatabase(call.tx.catalog, number)
    if (collection === undefined || !call.mayAll(number, privilege.read)) continue
    let keys = 0
    let expires = 0
    let leftMs = 0
    const nowMs = call.server.now()
    yield* walkKeys(call.tx, collection, (_key, header) => {
      keys++
      if (header.expiresAtMs === never) return
      expires++
      leftMs += Math.max(0, Number(header.expiresAtMs) - nowMs)
    })
    if (keys > 0)
      lines.push(`db${number}:keys=${keys},expires=${expires},avg_ttl=${Math.round(leftMs / Math.max(1, expires))}`)
  }
  return lines
}

function time(call: Call): void {
  const us = BigInt(Math.floor(call.server.now() * 1000))
  call.reply.array(2)
  call.reply.bulkInteger(us / 1_000_000n)
  call.reply.bulkInteger(us % 1_000_000n)
}

export const infoDataCommands: Readonly<Record<string, DataHandler>> = { info }

export const serverCommands: Readonly<Record<string, ConnectionHandler>> = {
  time,
  role,
}
