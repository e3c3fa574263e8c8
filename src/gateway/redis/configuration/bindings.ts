/** What the parameters that mean something stand for, and those whose value is told from what is so. */
import type { EvictionPolicy } from '../eviction/eviction.ts'
import { maxStringBytes } from '../../../model/keyvalue/strings.ts'
import type { Call } from '../call.ts'
import { databaseCount } from '../databases.ts'
import { mostDenials } from '../denial-log.ts'
import { mostSlowCommands } from '../slow-log.ts'
import type { OutputLimit } from '../../pushes.ts'
import type { Binding } from './settings.ts'
import { BadValue, readOutputLimits } from './values.ts'

const nothing = (): void => undefined

/** As it is, or as it was started. */
function told(read: (call: Call) => string): Binding {
  return { read }
}

/** Every commit is logged, and as durable as the connection asks: less than that may be asked for, and more is refused. */
const durability: Readonly<Record<string, Binding>> = {
  appendonly: {
    read: (call) => (isPersistent(call) ? 'yes' : 'no'),
    change: (call, value) => {
      if (value === 'yes' && !isPersistent(call)) throw new BadValue('the server was started without a data directory')
      return nothing
    },
  },
  appendfsync: {
    read: (call) => (call.client.session.durability === 'synced' ? 'always' : 'no'),
    change: (call, value) => {
      if (value !== 'no' && call.client.session.durability !== 'synced') {
        throw new BadValue('replies wait for no sync: see POLYLOG.DURABILITY')
      }
      return nothing
    },
  },
}

export function isPersistent(call: Call): boolean {
  return call.client.session.databaseFacts.isPersistent
}

/** By which the client has come in. */
function ownPort(call: Call): string {
  return /:(\d+)$/.exec(call.client.local)?.[1] ?? '0'
}

/** As Redis tells that there is no limit: 0. */
export function maxMemory(call: Call): number {
  if (call.server.eviction.limitBytes > 0) return call.server.eviction.limitBytes
  const { limitBytes } = call.server.sessions.memory
  return Number.isFinite(limitBytes) ? limitBytes : 0
}

function inNumbers({ hardBytes, softBytes, softSeconds }: ReturnType<typeof readOutputLimits>[number]): OutputLimit {
  return { hardBytes: Number(hardBytes), softBytes: Number(softBytes), softSeconds }
}

export const bindings: Readonly<Record<string, Binding>> = {
  ...durability,
  // What is timed is timed, whatever is asked for: this says whether INFO tells of it.
  'latency-tracking': { change: () => nothing },
  'latency-tracking-info-percentiles': { change: () => nothing },
  'acl-pubsub-default': {
    change: (call, value) => () => (call.server.channelsOfNewUsers = value === 'allchannels' ? ['*'] : []),
  },
  'acllog-max-len': told(() => `${mostDenials}`),
  // At 0 a script keeps nobody waiting; in Redis it always does.
  'busy-reply-threshold': {
    read: (call) => `${call.server.busyAfterMs}`,
    change: (call, value) => () => (call.server.busyAfterMs = Number(value)),
  },
  // Who listens is cut off; of replies nobody gets more before it has read them.
  'client-output-buffer-limit': {
    change: (call, value) => {
      const [normal, slave, pubsub] = readOutputLimits(value)
      if (normal!.hardBytes > 0n || normal!.softBytes > 0n) {
        throw new BadValue('a client that does not read is not served, and not closed: slave and pubsub only')
      }
      return () => {
        call.server.pushes.limit = inNumbers(pubsub!)
        call.server.replicas.limit = inNumbers(slave!)
      }
    },
  },
  'min-replicas-to-write': {
    change: (call, value) => () => (call.server.replicas.wanted = Number(value)),
  },
  'client-query-buffer-limit': told((call) => `${call.server.limits.maxMessageBytes}`),
  'cluster-enabled': told((call) => (call.server.cluster === undefined ? 'no' : 'yes')),
  databases: told(() => `${databaseCount}`),
  bind: {
    change: (_call, value) => {
      if (value !== '') throw new BadValue('addresses are given when the server starts')
      return nothing
    },
  },
  // All of a server's connections: those of the other doors, too.
  'enable-debug-command': told((call) => call.server.choices.debugCommand ?? 'no'),
  maxclients: {
    read: (call) => `${call.server.sessions.connections.most}`,
    change: (call, value) => () => (call.server.sessions.connections.most = Number(value)),
  },
  'latency-monitor-threshold': {
    change: (call, value) => () => (call.server.latency.thresholdMs = Number(value)),
  },
  'notify-keyspace-events': {
    // New keys are not shown where all classes are.
    change: (call, _value, given) => () => call.server.watching.setClasses(given),
  },
  'lfu-decay-time': { change: (call, value) => () => (call.server.eviction.decayMinutes = Number(value)) },
  'lfu-log-factor': { change: (call, value) => () => (call.server.eviction.logFactor = Number(value)) },
  // Until it is set, the limit of the process is the only one.
  maxmemory: {
    read: (call) => `${maxMemory(call)}`,
    change: (call, value) => () => {
      const { eviction, memoryWatch } = call.server
      eviction.limitBytes = Number(value)
      // Keys go now, and not with the next write. Nobody waits for it.
      memoryWatch.look()
    },
  },
  'maxmemory-clients': {
    change: (call, value) => () => {
      const amount = Number.parseInt(value, 10)
      const isPercent = value.endsWith('%')
      call.server.memoryWatch.ofClients = { bytes: isPercent ? 0 : amount, percent: isPercent ? amount : 0 }
    },
  },
  'maxmemory-policy': { change: (call, value) => () => (call.server.eviction.policy = value as EvictionPolicy) },
  'maxmemory-samples': { change: (call, value) => () => (call.server.eviction.samples = Number(value)) },
  'proto-max-bulk-len': told(() => `${maxStringBytes}`),
  port: {
    read: ownPort,
    change: (call, value) => {
      if (value !== ownPort(call))
        throw new BadValue('Unable to listen on this port: ports are given when the server starts')
      return nothing
    },
  },
  'replica-read-only': {
    change: (call, value) => {
      const { leads } = call.client.session.databaseFacts
      if (value === 'no' && !leads) throw new BadValue('a follower takes what its leader has written, and nothing else')
      return nothing
    },
  },
  // Empty where the user `default` has a password, too, which cannot be told.
  requirepass: {
    read: () => '',
    change: (call, value) => {
      if (value === '' && !call.server.sessions.principals.areProved) return nothing
      throw new BadValue('passwords are those of users: see ACL SETUSER')
    },
  },
  'slowlog-log-slower-than': {
    read: (call) => `${call.server.slowLog.thresholdUs}`,
    change: (call, value) => () => (call.server.slowLog.thresholdUs = Number(value)),
  },
  'slowlog-max-len': {
    read: (call) => `${call.server.slowLog.most}`,
    change: (call, value) => {
      if (Number(value) > mostSlowCommands) throw new BadValue(`at most ${mostSlowCommands} are kept`)
      return () => (call.server.slowLog.most = Number(value))
    },
  },
  'tracking-table-max-keys': {
    change: (call, value) => () => {
      const { tracking } = call.server.watching
      tracking.mostKeys = Number(value)
      tracking.shrink()
    },
  },
  timeout: {
    read: (call) => `${call.server.idle.limitSeconds}`,
    change: (call, value) => () => (call.server.idle.limitSeconds = Number(value)),
  },
}
