/** What a driver asks before anything else: `hello` and its older names, `ping`, `buildInfo`. */
import { bsonType, getField } from '../../../model/document/bson.ts'
import { maxDocumentBytes } from '../../../model/document/validate.ts'
import { readString } from '../../../model/document/values.ts'
import type { Command, Reply, Request } from '../request.ts'
import { maxMessageBytes } from '../wire.ts'
import { writeAuthentication } from './login.ts'

/** The wire version of server 7.0: drivers and shells choose their commands by it. */
const maxWireVersion = 21
export const serverVersion = '7.0.0'
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
  const { sessions } = request.gateway
  const leads = sessions.leads(request.connection.databaseName ?? sessions.defaultDatabase)
  return (writer) => {
    if (request.command === 'hello') writer.boolean('isWritablePrimary', leads)
    else writer.boolean('ismaster', leads)
    if (!leads) writer.boolean('secondary', true)
    writer
      .string('msg', 'isdbgrid')
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
  { name: 'buildInfo', aliases: ['buildinfo'], fields: [], access: 'anybody', isBare: true, run: buildInfo },
]
