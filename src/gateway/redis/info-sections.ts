/** The sections of INFO, in Redis's order: fields that tools read, and that are so here. */
import { databaseCount, findDatabase } from './databases.ts'
import { scopes } from './subscriptions.ts'
import type { Call } from './call.ts'
import { everyCommand } from './command-rules.ts'
import { isPersistent, maxMemory } from './configuration/bindings.ts'
import { privilege } from '../../database/access/privileges.ts'
import type { StatementSteps } from '../../database/contract.ts'
import { evictableRange } from '../../model/keyvalue/eviction.ts'
import { expiredRange } from '../../model/keyvalue/expiry.ts'
import { never } from '../../model/keyvalue/codec.ts'
import { walkKeys } from '../../model/keyvalue/keyspace.ts'
import type { Replicas } from './replication/replicas.ts'
import type { MasterLink } from './replication/master-link.ts'
import { librariesOf } from './scripts/libraries.ts'
import { serverVersion } from './version.ts'

type Section = (call: Call) => readonly string[] | StatementSteps<readonly string[]>

/** As Redis prints a size for people: `1.51M`. */
function human(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`
  const power = Math.min(5, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** power).toFixed(2)}${'BKMGTP'[power]}`
}

function server(call: Call): string[] {
  const { server: state } = call
  const seconds = Math.max(0, Math.floor((state.now() - state.startedMs) / 1000))
  return [
    `redis_version:${serverVersion}`,
    'redis_git_sha1:00000000',
    'redis_git_dirty:0',
    'redis_build_id:0',
    `redis_mode:${state.cluster === undefined ? 'standalone' : 'cluster'}`,
    'server_name:polylog',
    'arch_bits:64',
    'multiplexing_api:libuv',
    `run_id:${state.runId}`,
    `server_time_usec:${Math.floor(state.now()) * 1000}`,
    `uptime_in_seconds:${seconds}`,
    `uptime_in_days:${Math.floor(seconds / 86_400)}`,
    `hz:${state.settings.text('hz')}`,
    `configured_hz:${state.settings.text('hz')}`,
    'config_file:',
    'io_threads_active:0',
  ]
}

function clients(call: Call): string[] {
  let blocked = 0
  let listening = 0
  for (const client of call.server.clients.values()) {
    if (client.isBlocked) blocked++
    if (client.subscriptionCount > 0) listening++
  }
  return [
    `connected_clients:${call.server.counts.connectionsOpen}`,
    'cluster_connections:0',
    `maxclients:${call.server.sessions.connections.most}`,
    `blocked_clients:${blocked}`,
    `tracking_clients:${call.server.watching.tracking.clientCount}`,
    `pubsub_clients:${listening}`,
  ]
}

/** Who listens to what, and what is remembered of what clients have cached. */
function listeners({ client, server }: Call): string[] {
  const { hub } = client.session
  const channels = hub.channels(scopes.channels)
  const { keyCount, itemCount, prefixCount } = server.watching.tracking
  return [
    `pubsub_channels:${channels.channelCount}`,
    `pubsub_patterns:${channels.patternCount}`,
    `pubsubshard_channels:${hub.channels(scopes.shards).channelCount}`,
    `tracking_total_keys:${keyCount}`,
    `tracking_total_items:${itemCount}`,
    `tracking_total_prefixes:${prefixCount}`,
    `client_output_buffer_limit_disconnections:${server.pushes.cut}`,
  ]
}

/** What is charged, and what the system says. */
function memory(call: Call): string[] {
  const { memory: charged, host } = call.server.sessions
  const { residentBytes, totalBytes } = host.memory()
  const used = call.server.eviction.usedBytes(call.client.session)
  const most = maxMemory(call)
  const libraries = librariesOf(call.tx.catalog)
  return [
    `used_memory:${used}`,
    `used_memory_human:${human(used)}`,
    `used_memory_rss:${residentBytes}`,
    `used_memory_rss_human:${human(residentBytes)}`,
    `used_memory_dataset:${charged.stored.usedBytes}`,
    `total_system_memory:${totalBytes}`,
    `total_system_memory_human:${human(totalBytes)}`,
    `used_memory_scripts_eval:${call.server.scripts.cache.usedBytes}`,
    `number_of_cached_scripts:${call.server.scripts.cache.count}`,
    `number_of_functions:${libraries.reduce((count, { functions }) => count + functions.length, 0)}`,
    `number_of_libraries:${libraries.length}`,
    `maxmemory:${most}`,
    `maxmemory_human:${human(most)}`,
    `maxmemory_policy:${call.server.settings.read(call, 'maxmemory-policy')}`,
    `mem_fragmentation_ratio:${(residentBytes / Math.max(1, used)).toFixed(2)}`,
    `mem_fragmentation_bytes:${residentBytes - used}`,
    'mem_allocator:node',
    'active_defrag_running:0',
    'lazyfree_pending_objects:0',
    'lazyfreed_objects:0',
    'mem_not_counted_for_evict:0',
  ]
}

/** What is committed outlives the process where there is a log on a disk; changes are what a start would replay of it. */
function persistence(call: Call): string[] {
  const { lastCheckpointMs, commitsSinceCheckpoint } = call.client.session.databaseFacts
  return [
    'loading:0',
    'async_loading:0',
    `rdb_changes_since_last_save:${commitsSinceCheckpoint}`,
    'rdb_bgsave_in_progress:0',
    `rdb_last_save_time:${Math.floor((lastCheckpointMs ?? call.server.startedMs) / 1000)}`,
    'rdb_last_bgsave_status:ok',
    `aof_enabled:${isPersistent(call) ? 1 : 0}`,
    'aof_rewrite_in_progress:0',
    'aof_rewrite_scheduled:0',
    'aof_last_bgrewrite_status:ok',
    'aof_last_write_status:ok',
  ]
}

/** Of the keys that expire, how many in a hundred have, and are there still. */
function stalePercent({ tx }: Call): string {
  let all = 0
  let stale = 0
  for (let number = 0; number < databaseCount; number++) {
    const collection = findDatabase(tx.catalog, number)
    if (collection === undefined) continue
    all += tx.count(evictableRange(collection, true)) ?? 0
    stale += tx.count(expiredRange(collection, tx.timeMs)) ?? 0
  }
  return ((100 * stale) / Math.max(1, all)).toFixed(2)
}

function stats(call: Call): string[] {
  const { server: state } = call
  const { expiredKeys, expiredFields, capsReached } = state.expired()
  return [
    `total_connections_received:${state.counted('connectionsOpened')}`,
    `total_commands_processed:${state.counted('requests')}`,
    `instantaneous_ops_per_sec:${state.requestRate()}`,
    `total_net_input_bytes:${state.counted('bytesReceived')}`,
    `total_net_output_bytes:${state.counted('bytesSent')}`,
    `expired_keys:${expiredKeys}`,
    `expired_subkeys:${expiredFields}`,
    `expired_stale_perc:${stalePercent(call)}`,
    `expired_time_cap_reached_count:${capsReached}`,
    `evicted_keys:${state.eviction.evictedKeys}`,
    `evicted_clients:${state.memoryWatch.evictedClients}`,
    `keyspace_hits:${state.lookups.hits}`,
    `keyspace_misses:${state.lookups.misses}`,
    `sync_full:${state.replicas.counts.whole}`,
    `sync_partial_ok:${state.replicas.counts.rest}`,
    `sync_partial_err:${state.replicas.counts.refused}`,
    'latest_fork_usec:0',
    'migrate_cached_sockets:0',
    'total_forks:0',
    ...listeners(call),
    `total_error_replies:${state.tally.errors}`,
  ]
}

/** Of a master of Redis's protocol. */
function linked(link: MasterLink, replicas: Replicas, nowMs: number): string[] {
  const { master, status, id, offset, lastReceivedMs, failure } = link
  return [
    'role:slave',
    `master_host:${master.host}`,
    `master_port:${master.port}`,
    `master_link_status:${status === 'connected' ? 'up' : 'down'}`,
    `master_last_io_seconds_ago:${lastReceivedMs === 0 ? -1 : Math.floor((nowMs - lastReceivedMs) / 1000)}`,
    `master_sync_in_progress:${status === 'sync' ? 1 : 0}`,
    `slave_read_repl_offset:${offset}`,
    `slave_repl_offset:${offset}`,
    ...(failure === undefined ? [] : [`master_link_failure:${failure.replace(/[\r\n]/g, ' ')}`]),
    'slave_priority:100',
    'slave_read_only:1',
    'replica_announced:1',
    ...joined(replicas, nowMs),
    `master_replid:${id}`,
    `master_repl_offset:${offset}`,
  ]
}

/** Who replicates from here. */
function joined(replicas: Replicas, nowMs: number): string[] {
  const lines = replicas.online.map(({ host, port, state, acknowledged, lastSeenMs }, at) => {
    const lag = Math.max(0, Math.floor((nowMs - lastSeenMs) / 1000))
    const shown = state === 'joined' ? 'wait_bgsave' : state === 'sending' ? 'send_bulk' : 'online'
    return `slave${at}:ip=${host},port=${port},state=${shown},offset=${acknowledged},lag=${lag}`
  })
  return [`connected_slaves:${lines.length}`, ...lines]
}

function backlogOf({ backlog }: Replicas): string[] {
  return [
    `repl_backlog_active:${backlog === undefined ? 0 : 1}`,
    `repl_backlog_size:${backlog?.keptBytes ?? 0}`,
    `repl_backlog_first_byte_offset:${backlog === undefined ? 0 : backlog.start + 1}`,
    `repl_backlog_histlen:${backlog?.sizeBytes ?? 0}`,
  ]
}

/** A follower reads files along: it has no link to its leader, and does not know where that listens. */
function replication({ client, server: state }: Call): string[] {
  const { replicas } = state
  const { link } = state.replication
  if (link !== undefined) return linked(link, replicas, state.now())
  const { durabilityWatch, databaseFacts } = client.session
  const offset = replicas.backlog?.end ?? durabilityWatch.durableThrough('synced')
  const id = [`master_replid:${replicas.id}`, `master_repl_offset:${offset}`]
  if (databaseFacts.leads) {
    const none = [`master_replid2:${'0'.repeat(40)}`, 'second_repl_offset:-1']
    const all = [...joined(replicas, state.now()), 'master_failover_state:no-failover', ...id, ...none]
    return ['role:master', ...all, ...backlogOf(replicas)]
  }
  return [
    'role:slave',
    'master_host:',
    'master_port:0',
    'master_link_status:up',
    'master_last_io_seconds_ago:0',
    'master_sync_in_progress:0',
    `slave_repl_offset:${offset}`,
    'slave_priority:100',
    'slave_read_only:1',
    'connected_slaves:0',
    ...id,
  ]
}

function cpu(call: Call): string[] {
  const { userUs, systemUs } = call.server.sessions.host.processorTime()
  const seconds = (us: number): string => (us / 1e6).toFixed(6)
  return [
    `used_cpu_sys:${seconds(systemUs)}`,
    `used_cpu_user:${seconds(userUs)}`,
    'used_cpu_sys_children:0.000000',
    'used_cpu_user_children:0.000000',
  ]
}

function commandStatistics({ server: { table } }: Call): string[] {
  const used = everyCommand(table).filter(({ usage }) => usage.calls + usage.rejected + usage.failed > 0)
  return used.map(({ name, usage: { calls, us, rejected, failed } }) => {
    const each = calls === 0 ? 0 : us / calls
    const took = `usec=${us},usec_per_call=${each.toFixed(2)}`
    return `cmdstat_${name}:calls=${calls},${took},rejected_calls=${rejected},failed_calls=${failed}`
  })
}

function errorStatistics({ server: { tally } }: Call): string[] {
  return tally.byCode.map(([code, count]) => `errorstat_${code}:count=${count}`)
}

/** Nothing where `latency-tracking` is off. */
function latencyStatistics({ server: { table, settings } }: Call): string[] {
  if (settings.text('latency-tracking') === 'no') return []
  const percents = settings.text('latency-tracking-info-percentiles').split(' ').filter(Boolean).map(Number)
  const used = everyCommand(table).filter(({ usage }) => usage.timed > 0)
  return used.map(({ name, usage }) => {
    const shown = percents.map((percent) => `p${percent}=${usage.percentile(percent).toFixed(3)}`)
    return `latency_percentiles_usec_${name}:${shown.join(',')}`
  })
}

function* keyspace(call: Call): StatementSteps<readonly string[]> {
  const lines: string[] = []
  const nowMs = call.server.now()
  for (let number = 0; number < databaseCount; number++) {
    const collection = findDatabase(call.tx.catalog, number)
    if (collection === undefined || !call.mayAll(number, privilege.read)) continue
    let keys = 0
    let expires = 0
    let leftMs = 0
    yield* walkKeys(call.tx, collection, (_key, header) => {
      keys++
      if (header.expiresAtMs === never) return
      expires++
      leftMs += Math.max(0, Number(header.expiresAtMs) - nowMs)
    })
    const average = Math.round(leftMs / Math.max(1, expires))
    if (keys > 0) lines.push(`db${number}:keys=${keys},expires=${expires},avg_ttl=${average}`)
  }
  return lines
}

export interface InfoSection {
  /** As it is asked for, and as its title says. */
  readonly name: string
  readonly title: string
  readonly lines: Section
  /** Told to who asks for nothing. */
  readonly isDefault: boolean
}

function section(name: string, title: string, lines: Section, isDefault = true): InfoSection {
  return { name, title, lines, isDefault }
}

export const infoSections: readonly InfoSection[] = [
  section('server', 'Server', server),
  section('clients', 'Clients', clients),
  section('memory', 'Memory', memory),
  section('persistence', 'Persistence', persistence),
  section('stats', 'Stats', stats),
  section('replication', 'Replication', replication),
  section('cpu', 'CPU', cpu),
  section('modules', 'Modules', () => []),
  section('commandstats', 'Commandstats', commandStatistics, false),
  section('errorstats', 'Errorstats', errorStatistics),
  section('latencystats', 'Latencystats', latencyStatistics, false),
  section('cluster', 'Cluster', (call) => [`cluster_enabled:${call.server.cluster === undefined ? 0 : 1}`]),
  section('keyspace', 'Keyspace', keyspace),
]
