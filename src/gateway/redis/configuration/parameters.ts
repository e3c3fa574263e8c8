/**
 * Every parameter that Redis 7.0 has, by what it is here. A client may read all of them and set what it could set in Redis, and is
 * told of wrong values as Redis tells.
 *
 * Those that change nothing stand under the reason why nothing is promised that is not kept: their values are remembered
 * and shown, until the server stops.
 */
import {
  eventClasses,
  flag,
  hostname,
  memory,
  memoryOrPercent,
  number,
  octal,
  oneOf,
  outputLimits,
  percentiles,
  savePoints,
  scores,
  shutdownOptions,
  text,
  titleTemplate,
  type ValueKind,
} from './values.ts'

const mostInteger = 2_147_483_647
const mostLong = 2n ** 63n - 1n
const mostUnsigned = 2n ** 64n - 1n

interface Options {
  /** Redis's older name, which is listed beside. */
  readonly alias?: string
  /** `fixed`: Redis refuses to set it, or it is set here when the server starts. `protected`: Redis refuses unless told. */
  readonly access?: 'fixed' | 'protected'
  /** Told to who asks for its very name only. */
  readonly isHidden?: boolean
}

export interface Parameter extends Options {
  readonly kind: ValueKind
  readonly initial: string
}

function row(kind: ValueKind, initial: string, options: Options = {}): Parameter {
  return { kind, initial, ...options }
}

export type ParameterGroup =
  | 'meant'
  | 'limits'
  | 'shownEncodings'
  | 'oneForm'
  | 'inTheLog'
  | 'byTurns'
  | 'ofTheProcess'
  | 'noAllocator'
  | 'noReplicas'
  | 'oneNode'
  | 'byOptions'

/** By what becomes of them here. */
export const parameterGroups: Readonly<Record<ParameterGroup, Readonly<Record<string, Parameter>>>> = {
  /** They mean something here: `bindings.ts`. One that is not bound there keeps its value, and refuses another. */
  meant: {
    'acl-pubsub-default': row(oneOf('allchannels', 'resetchannels'), 'resetchannels'),
    appendfsync: row(oneOf('everysec', 'always', 'no'), 'everysec'),
    'min-replicas-to-write': row(number(0, mostInteger), '0', { alias: 'min-slaves-to-write' }),
    'replica-read-only': row(flag, 'yes', { alias: 'slave-read-only' }),
    aclfile: row(text, '', { access: 'fixed' }),
    'acllog-max-len': row(number(0, mostLong), '128'),
    appendonly: row(flag, 'no'),
    'busy-reply-threshold': row(number(0, mostLong), '0', { alias: 'lua-time-limit' }),
    'cluster-enabled': row(flag, 'no', { access: 'fixed' }),
    databases: row(number(1, mostInteger), '16', { access: 'fixed' }),
    'enable-debug-command': row(oneOf('no', 'yes', 'local'), 'no', { access: 'fixed' }),
    'latency-monitor-threshold': row(number(0, mostLong), '0'),
    'latency-tracking': row(flag, 'yes'),
    'latency-tracking-info-percentiles': row(percentiles, '50 99 99.9'),
    'lfu-decay-time': row(number(0, mostInteger), '1'),
    'lfu-log-factor': row(number(0, mostInteger), '10'),
    maxclients: row(number(1, 4294967295), '10000'),
    maxmemory: row(memory(0, mostUnsigned), '0'),
    'maxmemory-policy': row(
      oneOf(
        'volatile-lru',
        'volatile-lfu',
        'volatile-random',
        'volatile-ttl',
        'allkeys-lru',
        'allkeys-lfu',
        'allkeys-random',
        'noeviction',
      ),
      'noeviction',
    ),
    'maxmemory-clients': row(memoryOrPercent(-100, mostLong), '0'),
    'maxmemory-samples': row(number(1, mostInteger), '5'),
    'notify-keyspace-events': row(eventClasses, ''),
    requirepass: row(text, ''),
    'slowlog-log-slower-than': row(number(-1, mostLong), '10000'),
    'slowlog-max-len': row(number(0, mostLong), '128'),
    timeout: row(number(0, mostInteger), '0'),
  },
  /** Limits of the server's own stand in their place: likewise. */
  limits: {
    'client-output-buffer-limit': row(
      outputLimits,
      'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60',
    ),
    'client-query-buffer-limit': row(memory(1048576, mostLong), '1073741824'),
    'proto-max-bulk-len': row(memory(1048576, mostLong), '536870912'),
    'tracking-table-max-keys': row(number(0, mostLong), '1000000'),
  },
  /** A value is kept in one form, whatever its size; OBJECT ENCODING says what Redis would have it in by these. */
  shownEncodings: {
    'hash-max-listpack-entries': row(number(0, mostLong), '512', { alias: 'hash-max-ziplist-entries' }),
    'hash-max-listpack-value': row(memory(0, mostLong), '64', { alias: 'hash-max-ziplist-value' }),
    'set-max-intset-entries': row(number(0, mostLong), '512'),
    'zset-max-listpack-entries': row(number(0, mostLong), '128', { alias: 'zset-max-ziplist-entries' }),
    'zset-max-listpack-value': row(memory(0, mostLong), '64', { alias: 'zset-max-ziplist-value' }),
  },
  /** A value is kept in one form, whatever its size. */
  oneForm: {
    activerehashing: row(flag, 'yes'),
    'hll-sparse-max-bytes': row(memory(0, mostLong), '3000'),
    'list-compress-depth': row(number(0, mostInteger), '0'),
    'list-max-listpack-size': row(number(-2147483648, mostInteger), '-2', { alias: 'list-max-ziplist-size' }),
    'stream-node-max-bytes': row(memory(0, mostLong), '4096'),
    'stream-node-max-entries': row(number(0, mostLong), '100'),
  },
  /** What is committed is in the log before its reply leaves: nothing is saved at intervals, rewritten in the background
   * or loaded in part, so these ask for less than they get. */
  inTheLog: {
    'aof-disable-auto-gc': row(flag, 'no'),
    'aof-load-truncated': row(flag, 'yes'),
    'aof-rewrite-incremental-fsync': row(flag, 'yes'),
    'aof-timestamp-enabled': row(flag, 'no'),
    'aof-use-rdb-preamble': row(flag, 'yes'),
    appenddirname: row(text, 'appendonlydir', { access: 'fixed' }),
    appendfilename: row(text, 'appendonly.aof', { access: 'fixed' }),
    'auto-aof-rewrite-min-size': row(memory(0, mostLong), '67108864'),
    'auto-aof-rewrite-percentage': row(number(0, mostInteger), '100'),
    dbfilename: row(text, 'dump.rdb', { access: 'protected' }),
    dir: row(text, '', { access: 'protected' }),
    'key-load-delay': row(number(-2147483648, mostInteger), '0', { isHidden: true }),
    'loading-process-events-interval-bytes': row(number(1024, mostInteger), '2097152', { isHidden: true }),
    'no-appendfsync-on-rewrite': row(flag, 'no'),
    'rdb-del-sync-files': row(flag, 'no'),
    'rdb-key-save-delay': row(number(-2147483648, mostInteger), '0', { isHidden: true }),
    'rdb-save-incremental-fsync': row(flag, 'yes'),
    rdbchecksum: row(flag, 'yes', { access: 'fixed' }),
    rdbcompression: row(flag, 'yes'),
    'sanitize-dump-payload': row(oneOf('no', 'yes', 'clients'), 'no'),
    save: row(savePoints, ''),
    'stop-writes-on-bgsave-error': row(flag, 'yes'),
  },
  /** Long work takes turns in any case, in one thread; nothing runs by a timer of so many hertz. */
  byTurns: {
    'active-expire-effort': row(number(1, 10), '1'),
    'dynamic-hz': row(flag, 'yes'),
    hz: row(number(0, mostInteger), '10'),
    'io-threads': row(number(1, 128), '1', { access: 'fixed' }),
    'io-threads-do-reads': row(flag, 'no', { access: 'fixed' }),
    'lazyfree-lazy-eviction': row(flag, 'no'),
    'lazyfree-lazy-expire': row(flag, 'no'),
    'lazyfree-lazy-server-del': row(flag, 'no'),
    'lazyfree-lazy-user-del': row(flag, 'no'),
    'lazyfree-lazy-user-flush': row(flag, 'no'),
    'maxmemory-eviction-tenacity': row(number(0, 100), '10'),
    'watchdog-period': row(number(0, mostInteger), '0', { isHidden: true }),
  },
  /** How the process starts, listens, logs and stops is told by its own options. */
  ofTheProcess: {
    'always-show-logo': row(flag, 'no', { access: 'fixed' }),
    aof_rewrite_cpulist: row(text, '', { access: 'fixed' }),
    bgsave_cpulist: row(text, '', { access: 'fixed' }),
    bind: row(text, ''),
    'bind-source-addr': row(text, ''),
    bio_cpulist: row(text, '', { access: 'fixed' }),
    'crash-log-enabled': row(flag, 'yes'),
    'crash-memcheck-enabled': row(flag, 'yes'),
    daemonize: row(flag, 'no', { access: 'fixed' }),
    'enable-module-command': row(oneOf('no', 'yes', 'local'), 'no', { access: 'fixed' }),
    'enable-protected-configs': row(oneOf('no', 'yes', 'local'), 'no', { access: 'fixed' }),
    'ignore-warnings': row(text, ''),
    logfile: row(text, '', { access: 'fixed' }),
    loglevel: row(oneOf('debug', 'verbose', 'notice', 'warning'), 'notice'),
    'oom-score-adj': row(oneOf('no', 'yes', 'relative', 'absolute'), 'no'),
    'oom-score-adj-values': row(scores, '0 200 800'),
    pidfile: row(text, '', { access: 'fixed' }),
    port: row(number(0, 65535), '6379'),
    'proc-title-template': row(titleTemplate, '{title} {listen-addr} {server-mode}'),
    'protected-mode': row(flag, 'yes'),
    server_cpulist: row(text, '', { access: 'fixed' }),
    'set-proc-title': row(flag, 'yes', { access: 'fixed' }),
    'shutdown-on-sigint': row(shutdownOptions, 'default'),
    'shutdown-on-sigterm': row(shutdownOptions, 'default'),
    'shutdown-timeout': row(number(0, mostInteger), '10'),
    'socket-mark-id': row(number(0, 4294967295), '0', { access: 'fixed' }),
    supervised: row(oneOf('upstart', 'systemd', 'auto', 'no'), 'no', { access: 'fixed' }),
    'syslog-enabled': row(flag, 'no', { access: 'fixed' }),
    'syslog-facility': row(
      oneOf('user', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'),
      'local0',
      { access: 'fixed' },
    ),
    'syslog-ident': row(text, 'redis', { access: 'fixed' }),
    'tcp-backlog': row(number(0, mostInteger), '511', { access: 'fixed' }),
    'tcp-keepalive': row(number(0, mostInteger), '300'),
    unixsocket: row(text, '', { access: 'fixed' }),
    unixsocketperm: row(octal(0, 511), '0', { access: 'fixed' }),
    'use-exit-on-panic': row(flag, 'no', { isHidden: true }),
  },
  /** Memory is not jemalloc's. */
  noAllocator: {
    'active-defrag-cycle-max': row(number(1, 99), '25'),
    'active-defrag-cycle-min': row(number(1, 99), '1'),
    'active-defrag-ignore-bytes': row(memory(1, mostLong), '104857600'),
    'active-defrag-max-scan-fields': row(number(1, mostLong), '1000'),
    'active-defrag-threshold-lower': row(number(0, 1000), '10'),
    'active-defrag-threshold-upper': row(number(0, 1000), '100'),
    activedefrag: row(flag, 'no'),
    'disable-thp': row(flag, 'yes', { access: 'fixed' }),
    'jemalloc-bg-thread': row(flag, 'yes'),
  },
  /** Asked for when they are needed. */
  noReplicas: {
    masterauth: row(text, ''),
    masteruser: row(text, ''),
    'min-replicas-max-lag': row(number(0, mostInteger), '10', { alias: 'min-slaves-max-lag' }),
    'propagation-error-behavior': row(oneOf('ignore', 'panic', 'panic-on-replicas'), 'ignore'),
    'repl-backlog-size': row(memory(1, mostLong), '1048576'),
    'repl-backlog-ttl': row(number(0, mostLong), '3600'),
    'repl-disable-tcp-nodelay': row(flag, 'no'),
    'repl-diskless-load': row(oneOf('disabled', 'on-empty-db', 'swapdb'), 'disabled'),
    'repl-diskless-sync': row(flag, 'yes'),
    'repl-diskless-sync-delay': row(number(0, mostInteger), '5'),
    'repl-diskless-sync-max-replicas': row(number(0, mostInteger), '0'),
    'repl-ping-replica-period': row(number(1, mostInteger), '10', { alias: 'repl-ping-slave-period' }),
    'repl-timeout': row(number(1, mostInteger), '60'),
    'replica-announce-ip': row(text, '', { alias: 'slave-announce-ip' }),
    'replica-announce-port': row(number(0, 65535), '0', { alias: 'slave-announce-port' }),
    'replica-announced': row(flag, 'yes'),
    'replica-ignore-disk-write-errors': row(flag, 'no'),
    'replica-ignore-maxmemory': row(flag, 'yes', { alias: 'slave-ignore-maxmemory' }),
    'replica-lazy-flush': row(flag, 'no', { alias: 'slave-lazy-flush' }),
    'replica-priority': row(number(0, mostInteger), '100', { alias: 'slave-priority' }),
    'replica-serve-stale-data': row(flag, 'yes', { alias: 'slave-serve-stale-data' }),
    replicaof: row(text, '', { alias: 'slaveof', access: 'fixed' }),
  },
  /** There is one node, which has all slots and no bus. */
  oneNode: {
    'cluster-allow-pubsubshard-when-down': row(flag, 'yes'),
    'cluster-allow-reads-when-down': row(flag, 'no'),
    'cluster-allow-replica-migration': row(flag, 'yes'),
    'cluster-announce-bus-port': row(number(0, 65535), '0'),
    'cluster-announce-hostname': row(hostname, ''),
    'cluster-announce-ip': row(text, ''),
    'cluster-announce-port': row(number(0, 65535), '0'),
    'cluster-announce-tls-port': row(number(0, 65535), '0'),
    'cluster-config-file': row(text, 'nodes.conf', { access: 'fixed' }),
    'cluster-link-sendbuf-limit': row(memory(0, mostUnsigned), '0'),
    'cluster-migration-barrier': row(number(0, mostInteger), '1'),
    'cluster-node-timeout': row(number(0, mostLong), '15000'),
    'cluster-port': row(number(0, 65535), '0', { access: 'fixed' }),
    'cluster-preferred-endpoint-type': row(oneOf('ip', 'hostname', 'unknown-endpoint'), 'ip'),
    'cluster-replica-no-failover': row(flag, 'no', { alias: 'cluster-slave-no-failover' }),
    'cluster-replica-validity-factor': row(number(0, mostInteger), '10', { alias: 'cluster-slave-validity-factor' }),
    'cluster-require-full-coverage': row(flag, 'yes'),
  },
  /** Certificates come by `--tls-cert`, `--tls-key` and `--tls-client-ca`: these keep their values, and refuse others. */
  byOptions: {
    'tls-auth-clients': row(oneOf('no', 'yes', 'optional'), 'yes'),
    'tls-ca-cert-dir': row(text, ''),
    'tls-ca-cert-file': row(text, ''),
    'tls-cert-file': row(text, ''),
    'tls-ciphers': row(text, ''),
    'tls-ciphersuites': row(text, ''),
    'tls-client-cert-file': row(text, ''),
    'tls-client-key-file': row(text, ''),
    'tls-client-key-file-pass': row(text, ''),
    'tls-cluster': row(flag, 'no'),
    'tls-dh-params-file': row(text, ''),
    'tls-key-file': row(text, ''),
    'tls-key-file-pass': row(text, ''),
    'tls-port': row(number(0, 65535), '0'),
    'tls-prefer-server-ciphers': row(flag, 'no'),
    'tls-protocols': row(text, ''),
    'tls-replication': row(flag, 'no'),
    'tls-session-cache-size': row(number(0, mostInteger), '20480'),
    'tls-session-cache-timeout': row(number(0, mostInteger), '300'),
    'tls-session-caching': row(flag, 'yes'),
  },
}
