/**
 * From the start-up packet to the first ReadyForQuery: who it is, which database, which settings, and what the server
 * tells of itself. What cannot be granted is thrown and ends the connection.
 */
import { checkRole } from './acting-role.ts'
import type { Host } from '../../host/host.ts'
import type { Session, SessionHost } from '../../session/contract.ts'
import type { Connection } from '../connection.ts'
import type { GatewayLimits } from '../gateway.ts'
import { Client } from './client.ts'
import type { Messenger } from './notifications.ts'
import type { Connections } from './signals.ts'
import { sqlError } from './errors.ts'
import type { SqlLanguage } from './language.ts'
import { simpleQuery } from './simple-query.ts'
import { protocolVersion, readOptions, type StartupMessage } from './startup.ts'
import { authenticationOk, backendKeyData, negotiateProtocolVersion } from './wire.ts'

export interface GreetingParts {
  readonly sessions: SessionHost
  readonly limits: GatewayLimits
  readonly language: SqlLanguage
}

export function openClient(
  { sessions, limits, language, messenger }: GreetingParts & { readonly messenger: Messenger & Connections },
  { remote, outbox, database: byName }: Pick<Connection, 'remote' | 'outbox' | 'database'>,
  packet: StartupMessage,
): Client {
  const { parameters } = packet
  const replicates = isReplication(parameters.get('replication'))
  const session = openSession(sessions, remote, userOf(packet), databaseOf(sessions, parameters, byName))
  const { queuedBytes } = session.limits
  const isLimited = queuedBytes < limits.maxPendingOutputBytes
  const own = isLimited ? { ...limits, maxPendingOutputBytes: queuedBytes } : limits
  const client = new Client({ session, sessions, outbox, limits: own, language, messenger })
  if (replicates) client.replication = { client, sessions, exports: false }
  return client
}

/** `database`: of rows. Errors: 0A000 where blocks are meant, as they are by any other word for yes; 22023. */
function isReplication(value = 'off'): boolean {
  if (value === 'database') return true
  if (/^(?:off|false|no|0)$/i.test(value)) return false
  if (/^(?:on|true|yes|1)$/i.test(value))
    throw sqlError('unsupported', '0A000', 'physical replication is not supported')
  throw sqlError('invalid_argument', '22023', `invalid value for parameter "replication": "${value}"`)
}

/** Of a packet that speaks our version of the protocol; else the error with which the connection ends. */
export function userOf({ version, parameters }: StartupMessage): string {
  if (version >>> 16 !== protocolVersion >>> 16) {
    const shown = `${version >>> 16}.${version & 0xffff}`
    throw sqlError('unsupported', '0A000', `unsupported frontend protocol ${shown}: server supports 3.0 to 3.0`)
  }
  const user = parameters.get('user')
  if (user === undefined || user === '') {
    throw sqlError('denied', '28000', 'no PostgreSQL user name specified in startup packet')
  }
  return user
}

/**
 * A client that names no database gets the one by whose name it has called the server (`byName`), or the default one;
 * PostgreSQL would take the user's name. libpq fills that in for who says nothing: where there is no such database, and
 * another one was called, it was not meant.
 */
export function databaseOf(
  sessions: SessionHost,
  parameters: ReadonlyMap<string, string>,
  byName: string | undefined,
): string {
  const database = parameters.get('database') ?? ''
  if (database === '') return byName ?? sessions.defaultDatabase
  const isMeant = byName === undefined || database !== parameters.get('user')
  return isMeant || sessions.databaseNames().includes(database) ? database : byName
}

function openSession(sessions: SessionHost, remote: string, user: string, name: string): Session {
  if (!sessions.databaseNames().includes(name)) {
    throw sqlError('undefined_object', '3D000', `database "${name}" does not exist`)
  }
  return sessions.openSession({ user, database: name, door: 'postgres', remote, isConnection: true })
}

/** Answers the secret that a CancelRequest must name. */
export function greet(client: Client, { version, parameters }: StartupMessage, host: Host): number {
  const { writer } = client.outbox
  applyGivenSettings(client)
  applyStartupSettings(client, parameters)
  client.settings.keepAsInitial()
  // Nothing of what SET answered is for the client.
  writer.reset()
  const unknown = [...parameters.keys()].filter((name) => name.startsWith('_pq_.'))
  if (version !== protocolVersion || unknown.length > 0) negotiateProtocolVersion(writer, protocolVersion, unknown)
  authenticationOk(writer)
  client.greet()
  const random = new Uint8Array(4)
  host.random(random)
  const secret = new DataView(random.buffer).getUint32(0)
  backendKeyData(writer, client.session.id, secret)
  return secret
}

/**
 * What ALTER ROLE and ALTER DATABASE have given it, checked when they did; the client's own go before. Whether it may act as
 * another role is asked now: one that it may not be is left out.
 */
function applyGivenSettings(client: Client): void {
  for (const [name, value] of client.session.limits.settings) {
    if (mayBegin(client, name, value)) client.settings.set(name, value, 'session')
  }
}

function mayBegin(client: Client, name: string, value: string): boolean {
  try {
    checkRole(client, name, value)
    return true
  } catch {
    return false
  }
}

/** Parameters of the start-up packet that are not settings. */
const startupNames: ReadonlySet<string> = new Set(['user', 'database', 'options', 'replication'])

/** As if SET had been called for each; an invalid one refuses the connection. */
function applyStartupSettings(client: Client, parameters: ReadonlyMap<string, string>): void {
  const settings = readOptions(parameters.get('options') ?? '')
  for (const [name, value] of parameters) {
    if (!startupNames.has(name) && !name.startsWith('_pq_.')) settings.push([name, value])
  }
  for (const [name, value] of settings) {
    const text = `SET ${name.split('.').map(quoteName).join('.')} TO '${value.replace(/'/g, "''")}'`
    const result = simpleQuery(client, text)
    if (result instanceof Promise) throw sqlError('internal', 'XX000', `setting "${name}" has to wait`)
  }
}

function quoteName(name: string): string {
  return `"${name.toLowerCase().replace(/"/g, '""')}"`
}
