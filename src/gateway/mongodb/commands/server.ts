/** Commands about the server and the connection, as far as shells and tools ask for them. */
import { AccessError } from '../../../database/access/rights.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { bsonType, BsonValue, getField } from '../../../model/document/bson.ts'
import { buildDocument, type BsonWriter, indexName } from '../../../model/document/bson-writer.ts'
import { readBinary, toHex } from '../../../model/document/values.ts'
import { mayAdminister, mayMonitor } from '../access.ts'
import { logicalKey } from '../logical-sessions.ts'
import type { OperationKind } from '../gateway-state.ts'
import { missingField, type Command, type Reply, type Request } from '../request.ts'
import { serverVersion } from './handshake.ts'

function whatsMyUri(request: Request): Reply {
  return (writer) => writer.string('you', request.connection.remote)
}

function serverStatus(request: Request): Reply {
  const { gateway } = request
  const { host } = gateway.sessions
  return (writer) => {
    const uptimeMs = Math.max(0, Math.floor(host.now() - gateway.startedMs))
    writer.string('version', serverVersion).string('process', 'polylog')
    writer.double('uptime', Math.floor(uptimeMs / 1000)).int64('uptimeMillis', uptimeMs)
    writer.date('localTime', Math.floor(host.now()))
    writer.beginObject('connections')
    const { counts, operations } = gateway
    writer.count('current', counts.connectionsOpen).count('available', gateway.sessions.connections.free)
    writer.count('totalCreated', counts.connectionsOpened).end()
    writer.beginObject('network').count('bytesIn', counts.bytesReceived).count('bytesOut', counts.bytesSent)
    writer.count('numRequests', counts.requests).end()
    writer.beginObject('opcounters')
    for (const kind of operationKindNames) writer.count(kind, operations.get(kind) ?? 0)
    writer.end()
    const { memory } = gateway.sessions
    writer
      .beginObject('mem')
      .int32('bits', 64)
      .int32('resident', Math.round(host.memory().residentBytes / mebibyte))
    writer.count('charged', Math.round(memory.root.usedBytes / mebibyte)).end()
    writer.beginObject('logicalSessionRecordCache').count('activeSessionsCount', gateway.logical.count).end()
    writer.beginObject('metrics').beginObject('cursor').beginObject('open')
    writer.count('total', gateway.cursors.count).end().end().end()
    writer
      .beginObject('storageEngine')
      .string('name', 'polylog')
      .boolean('persistent', request.session.databaseFacts.isPersistent)
      .end()
    writeQueues(writer, request)
  }
}

/** What runs and has to wait, and of that what waits for a lock, at all doors. */
function writeQueues(writer: BsonWriter, { gateway }: Request): void {
  let [running, waiting] = [0, 0]
  for (const session of gateway.sessions.all()) {
    if (session.running !== undefined) running++
    if (session.waitsFor === 'lock') waiting++
  }
  writer.beginObject('globalLock').beginObject('currentQueue').count('total', waiting).end()
  writer.beginObject('activeClients').count('total', running).end().end()
}

const mebibyte = 1024 * 1024
const operationKindNames: readonly OperationKind[] = ['insert', 'query', 'update', 'delete', 'getmore', 'command']

/** What runs and has to wait, at any door; of others to those who may see that. What ends in its turn nobody can see. */
export function operationsOf(
  request: Request,
  options: { readonly all: boolean; readonly idle: boolean },
): BsonValue[] {
  const { sessions } = request.gateway
  const { identity } = request.session
  const shown: BsonValue[] = []
  for (const session of sessions.all()) {
    const isOwn = session.identity.ownRoleId === identity.ownRoleId
    if ((session.running === undefined && !options.idle) || !(options.all || isOwn)) continue
    shown.push(described((writer) => writeOperation(writer, session, sessions.activity)))
  }
  return shown
}

function described(build: (writer: BsonWriter) => void): BsonValue {
  return new BsonValue(bsonType.object, buildDocument(build))
}

type Sessions = Request['gateway']['sessions']
type AnySession = ReturnType<Sessions['all']> extends Iterable<infer S> ? S : never

function writeOperation(writer: BsonWriter, session: AnySession, activity: Sessions['activity']): void {
  const { id, door, remote, user, database, running, waitsFor, clientName } = session
  writer.string('type', 'op').string('desc', door).count('opid', id)
  writer.string('client', remote).string('appName', clientName).string('user', user).string('polylogDatabase', database)
  writer.boolean('active', running !== undefined)
  if (running === undefined) return
  const tookMs = activity.tookMs(running)
  writer.count('secs_running', Math.floor(tookMs / 1000))
  writer.int64('microsecs_running', tookMs * 1000).boolean('waitingForLock', waitsFor === 'lock')
  writer.beginObject('command').string('statement', running.text).end()
}

function currentOp(request: Request): Reply {
  const operations = operationsOf(request, { all: mayMonitor(request.session.rights), idle: false })
  return (writer) => {
    writer.beginArray('inprog')
    for (const [i, one] of operations.entries()) writer.value(indexName(i), one)
    writer.end()
  }
}

/** The profiler keeps nothing here. */
function profile(request: Request): Reply {
  const level = request.getInteger('profile')
  if (level !== -1 && level !== 0) {
    throw mongoError(mongoCode.commandNotSupported, 'profile: there is no level but 0', 'unsupported')
  }
  return (writer) => writer.int32('was', 0).int32('slowms', 100).double('sampleRate', 1)
}

/** `op` is an `opid` of `currentOp`: the statement of that session is canceled. */
function killOp(request: Request): Reply {
  const op = request.getInteger('op')
  if (op === undefined) throw missingField('killOp', 'op')
  const target = request.gateway.sessions.findSession(op)
  const { rights, identity } = request.session
  if (target !== undefined && target.identity.ownRoleId !== identity.ownRoleId && !mayAdminister(rights)) {
    throw new AccessError('session', String(op))
  }
  target?.cancel()
  return (writer) => writer.string('info', 'attempting to kill op')
}

function getLog(request: Request): Reply {
  const name = request.getString('getLog')
  if (name === '*') return (writer) => writer.beginArray('names').string('0', 'startupWarnings').end()
  if (name !== 'startupWarnings') throw mongoError(96, `No log named '${name}'`)
  return (writer) => writer.int32('totalLinesWritten', 0).beginArray('log').end()
}

function endSessions(request: Request): Reply {
  return endNamed(request, 'endSessions')
}

function endNamed(request: Request, name: string): Reply {
  for (const lsid of request.getDocuments(name)) {
    const id = getField(lsid, 'id')
    if (id?.type !== bsonType.binary) throw mongoError(14, `${name} needs documents with a UUID as id`, 'wrong_type')
    const { bytes } = readBinary(id)
    request.gateway.logical.end(logicalKey(request.session, toHex(bytes, 0, bytes.length)))
  }
  return () => undefined
}

/** Ends transactions, of the caller's sessions or of all that it may end. */
function killAllSessions(request: Request): Reply {
  if (!mayAdminister(request.session.rights)) throw new AccessError('database', 'admin')
  request.gateway.logical.endAll(request.session.database)
  return () => undefined
}

function killSessions(request: Request): Reply {
  return endNamed(request, 'killSessions')
}

function refreshSessions(request: Request): Reply {
  request.getDocuments('refreshSessions')
  return () => undefined
}

function configureFailPoint(request: Request): Reply {
  if (!mayAdminister(request.session.rights)) throw new AccessError('database', 'admin')
  const { failPoints } = request.gateway
  if (failPoints === undefined) throw mongoError(59, "no such command: 'configureFailPoint'", 'unsupported')
  failPoints.configure(request.getString('configureFailPoint')!, request.get('mode'), request.getObject('data'))
  return (writer) => writer.int32('count', 0)
}

function startSession(request: Request): Reply {
  const id = new Uint8Array(16)
  request.gateway.sessions.host.random(id)
  id[6] = (id[6]! & 0x0f) | 0x40
  id[8] = (id[8]! & 0x3f) | 0x80
  return (writer) => writer.beginObject('id').binary('id', 4, id).end().int32('timeoutMinutes', 30)
}

/** The Polylog databases, of which the connection uses one; Mongo's databases are the namespaces in it. */
function polylogDatabases(request: Request): Reply {
  const databases = request.gateway.sessions.databaseNames()
  return (writer) => {
    writer.string('polylogDatabase', request.session.database).beginArray('polylogDatabases')
    for (const [i, name] of databases.entries()) writer.string(String(i), name)
    writer.end()
  }
}

export const serverCommands: readonly Command[] = [
  { name: 'whatsmyuri', fields: [], access: 'user', run: whatsMyUri },
  { name: 'serverStatus', fields: ['recordStats', 'repl', 'metrics', 'locks'], access: 'monitor', run: serverStatus },
  { name: 'currentOp', fields: [], access: 'user', run: currentOp },
  { name: 'profile', fields: [], access: 'monitor', run: profile },
  { name: 'killOp', fields: ['op'], access: 'user', run: killOp },
  { name: 'getLog', fields: [], access: 'monitor', run: getLog },
  { name: 'endSessions', fields: [], access: 'user', run: endSessions },
  { name: 'killAllSessions', fields: [], access: 'user', run: killAllSessions },
  { name: 'killSessions', fields: [], access: 'user', run: killSessions },
  { name: 'refreshSessions', fields: [], access: 'user', run: refreshSessions },
  { name: 'configureFailPoint', fields: ['mode', 'data'], access: 'user', run: configureFailPoint },
  { name: 'startSession', fields: [], access: 'user', run: startSession },
  { name: 'polylogDatabases', fields: [], access: 'user', run: polylogDatabases },
]
