/** What a driver asks before anything else: `hello` and its older names, `ping`, `buildInfo`. */
import { bsonType, getField } from '../../../model/document/bson.ts'
import type { BsonWriter } from '../../../model/document/bson-writer.ts'
import { mongoError } from '../../../model/document/mongo-error.ts'
import { maxDocumentBytes } from '../../../model/document/validate.ts'
import { readString } from '../../../model/document/values.ts'
import type { DoorChoices } from '../../gateway.ts'
import type { Command, Reply, Request } from '../request.ts'
import { maxMessageBytes } from '../wire.ts'
import { writeAuthentication } from './login.ts'

/** The wire version of server 7.0: drivers and shells choose their commands by it. */
const maxWireVersion = 21
export const serverVersion = '7.0.0'
type ReplicaSet = NonNullable<DoorChoices['mongodbReplicaSet']>
const mostWritesPerCommand = 100_000
/** As the specification of the handshake has it. */
const longestClientName = 128

/** `appName=polylog:name` in the connection string chooses the database. */
function chooseDatabase(request: Request): void {
  const client = request.getObject('client')
  const application = client === undefined ? undefined : getField(client, 'application')
  const name = application?.type === bsonType.object ? getField(application, 'name') : undefined
  if (name?.type !== bsonType.string) return
  request.connection.clientName = readString(name).slice(0, longestClientName)
  const [, database] = /^polylog:(.+)$/.exec(request.connection.clientName) ?? []
  if (database !== undefined) request.connection.useDatabase(database)
}

/**
 * `isdbgrid`, and no `hosts`: a replica set's host list breaks forwarded ports. A follower has a shard router's form too, so
 * that drivers read from it whatever their read preference is; that it takes no writes stands in the fields for it.
 */
function hello(request: Request): Reply {
  chooseDatabase(request)
  request.connection.heard()
  const { sessions, replicaSet } = request.gateway
  const leads = sessions.leads(request.connection.databaseName ?? sessions.defaultDatabase)
  return (writer) => {
    if (request.command === 'hello') writer.boolean('isWritablePrimary', leads)
    else writer.boolean('ismaster', leads)
    if (!leads || replicaSet !== undefined) writer.boolean('secondary', !leads)
    if (replicaSet === undefined) writer.string('msg', 'isdbgrid')
    else writeReplicaSet(request, writer, replicaSet, leads)
    writer
      .boolean('helloOk', true)
      .int32('maxBsonObjectSize', maxDocumentBytes)
      .int32('maxMessageSizeBytes', maxMessageBytes)
      .int32('maxWriteBatchSize', mostWritesPerCommand)
      .date('localTime', Math.floor(sessions.host.now()))
      .int32('logicalSessionTimeoutMinutes', 30)
      .count('connectionId', request.connection.id)
      .int32('minWireVersion', 0)
      .int32('maxWireVersion', maxWireVersion)
      .boolean('readOnly', !leads)
    writeAuthentication(request, writer)
  }
}

/** Of one member. A follower does not know where its leader is. */
function writeReplicaSet(request: Request, writer: BsonWriter, { name, address }: ReplicaSet, leads: boolean): void {
  const { gateway, connection } = request
  const me = address ?? connection.local
  writer.beginArray('hosts').string('0', me).end().string('setName', name).int32('setVersion', 1).string('me', me)
  if (leads) writer.string('primary', me).objectId('electionId', firstElection)
  const { seconds, counter } = gateway.clock.now()
  const nowMs = Math.floor(gateway.sessions.host.now())
  writer.beginObject('lastWrite').beginObject('opTime').timestamp('ts', seconds, counter).int64('t', 1).end()
  writer
    .date('lastWriteDate', nowMs)
    .beginObject('majorityOpTime')
    .timestamp('ts', seconds, counter)
    .int64('t', 1)
    .end()
  writer.date('majorityWriteDate', nowMs).end()
}

/** There has been one, for there is one member. */
const firstElection = new Uint8Array([0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1])

/** What a shell and tools ask a replica set. */
function replSetGetStatus(request: Request): Reply {
  const { gateway, connection } = request
  const { replicaSet } = gateway
  if (replicaSet === undefined) {
    throw mongoError(76, 'not running with --mongodb-replica-set', 'unsupported')
  }
  const leads = gateway.sessions.leads(connection.databaseName ?? gateway.sessions.defaultDatabase)
  const nowMs = Math.floor(gateway.sessions.host.now())
  return (writer) => {
    writer
      .string('set', replicaSet.name)
      .date('date', nowMs)
      .int32('myState', leads ? 1 : 2)
      .int64('term', 1)
    writer.int64('heartbeatIntervalMillis', 2000).beginArray('members').beginObject('0').int32('_id', 0)
    writer
      .string('name', replicaSet.address ?? connection.local)
      .double('health', 1)
      .int32('state', leads ? 1 : 2)
    writer.string('stateStr', leads ? 'PRIMARY' : 'SECONDARY').boolean('self', true)
    writer
      .count('uptime', Math.floor((nowMs - gateway.startedMs) / 1000))
      .end()
      .end()
  }
}

function buildInfo(): Reply {
  return (writer) => {
    writer.string('version', serverVersion).string('gitVersion', 'polylog').beginArray('modules').end()
    writer.beginArray('versionArray')
    for (const [i, part] of serverVersion.split('.').entries()) writer.int32(String(i), Number(part))
    writer.int32('3', 0).end()
    writer.int32('bits', 64).boolean('debug', false).int32('maxBsonObjectSize', maxDocumentBytes)
    writer.beginArray('storageEngines').string('0', 'polylog').end()
  }
}

export const handshakeCommands: readonly Command[] = [
  { name: 'hello', aliases: ['isMaster', 'ismaster'], fields: [], access: 'anybody', isBare: true, run: hello },
  { name: 'ping', fields: [], access: 'anybody', isBare: true, run: () => () => undefined },
  { name: 'replSetGetStatus', fields: ['initialSync'], access: 'monitor', run: replSetGetStatus },
  { name: 'buildInfo', aliases: ['buildinfo'], fields: [], access: 'anybody', isBare: true, run: buildInfo },
]
