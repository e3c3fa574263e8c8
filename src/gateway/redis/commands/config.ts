/**
 * CONFIG: what clients and tools ask for, as it is here, and the limits that can be changed while the server runs. What is changed holds
 * until the server stops, as in Redis without CONFIG REWRITE. All of one CONFIG SET is changed, or nothing.
 */
import { sliceOf } from '../../../base/slice.ts'
import { maxStringBytes } from '../../../model/keyvalue/strings.ts'
import type { Call, ConnectionHandler } from '../call.ts'
import { databaseCount } from '../databases.ts'
import { mostDenials } from '../denial-log.ts'
import { CommandError, syntaxError } from '../errors.ts'
import { Glob } from '../glob.ts'
import { writeHelp } from './help.ts'
import { isPersistent, maxMemory } from './info.ts'

interface Parameter {
  read(call: Call): string
  /** Left out: it is as the server was started. */
  readonly change?: {
    readonly least: number
    readonly most: number
    readonly set: (call: Call, value: number) => void
  }
}

function fixed(read: (call: Call) => string): Parameter {
  return { read }
}

const parameters: ReadonlyMap<string, Parameter> = new Map([
  ['acl-pubsub-default', fixed(() => 'resetchannels')],
  ['aclfile', fixed(() => '')],
  ['acllog-max-len', fixed(() => `${mostDenials}`)],
  ['appendfsync', fixed((call) => (call.client.session.durability === 'synced' ? 'always' : 'no'))],
  ['appendonly', fixed((call) => (isPersistent(call) ? 'yes' : 'no'))],
  // Nobody is cut off for replies that wait: it is not served until it has read them.
  ['client-output-buffer-limit', fixed(() => 'normal 0 0 0 slave 0 0 0 pubsub 0 0 0')],
  ['client-query-buffer-limit', fixed((call) => `${call.server.limits.maxMessageBytes}`)],
  ['cluster-enabled', fixed(() => 'no')],
  ['databases', fixed(() => `${databaseCount}`)],
  ['masterauth', fixed(() => '')],
  ['masteruser', fixed(() => '')],
  // All of a server's connections: those of the other doors, too.
  [
    'maxclients',
    {
      read: (call) => `${call.server.sessions.connections.most}`,
      change: { least: 1, most: 4_294_967_295, set: (call, value) => (call.server.sessions.connections.most = value) },
    },
  ],
  ['maxmemory', fixed((call) => `${maxMemory(call)}`)],
  ['maxmemory-clients', fixed(() => '0')],
  ['maxmemory-policy', fixed(() => 'noeviction')],
  ['notify-keyspace-events', fixed(() => '')],
  ['proto-max-bulk-len', fixed(() => `${maxStringBytes}`)],
  // Empty where the user `default` has a password, too, which cannot be told.
  ['requirepass', fixed(() => '')],
  ['save', fixed(() => '')],
  [
    'timeout',
    {
      read: (call) => `${call.server.idle.limitSeconds}`,
      change: { least: 0, most: 2_147_483_647, set: (call, value) => (call.server.idle.limitSeconds = value) },
    },
  ],
])

function getConfig(call: Call): void {
  const found = new Set<string>()
  for (let at = 2; at < call.count; at++) {
    const glob = new Glob(sliceOf(Buffer.from(call.text(at).toLowerCase())))
    for (const name of parameters.keys()) {
      const bytes = Buffer.from(name)
      if (glob.matches({ bytes, start: 0, end: bytes.length })) found.add(name)
    }
  }
  call.reply.map(found.size)
  for (const name of found) {
    call.reply.bulkText(name)
    call.reply.bulkText(parameters.get(name)!.read(call))
  }
}

function failed(name: string, why: string): CommandError {
  return new CommandError(`ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}`)
}

function setConfig(call: Call): void {
  const changes = new Map<string, () => void>()
  if (call.count % 2 !== 0) throw syntaxError()
  for (let at = 2; at < call.count; at += 2) {
    const given = call.text(at)
    const name = given.toLowerCase()
    const parameter = parameters.get(name)
    if (parameter === undefined) {
      throw new CommandError(`ERR Unknown option or number of arguments for CONFIG SET - '${given}'`)
    }
    if (parameter.change === undefined) throw failed(name, "can't set immutable config")
    if (changes.has(name)) throw failed(given, 'duplicate parameter')
    const { least, most, set } = parameter.change
    const value = readNumber(call.text(at + 1), name, least, most)
    changes.set(name, () => set(call, value))
  }
  for (const change of changes.values()) change()
  call.reply.ok()
}

function readNumber(text: string, name: string, least: number, most: number): number {
  if (!/^-?\d{1,15}$/.test(text)) throw failed(name, "argument couldn't be parsed into an integer")
  const value = Number(text)
  if (value >= least && value <= most) return value
  throw failed(name, `argument must be between ${least} and ${most} inclusive`)
}

function resetStatistics(call: Call): void {
  call.server.resetCounts()
  call.reply.ok()
}

export const configCommands: Readonly<Record<string, ConnectionHandler>> = {
  'config|get': getConfig,
  'config|set': setConfig,
  'config|resetstat': resetStatistics,
  'config|help': (call) => writeHelp(call, 'config'),
}
