/** What a driver asks before anything else: `hello` and its older names, `ping`, `buildInfo`. */
import { bsonType, getField } from '../../../model/document/bson.ts'
import { maxDocumentBytes } from '../../../model/document/validate.ts'
import { readString } from '../../../model/document/values.ts'
import type { Command, Reply, Request } from '../request.ts'
import { maxMessageBytes } from '../wire.ts'

/** The wire version of server 7.0: drivers and shells choose their commands by it. */
const maxWireVersion = 21
export const serverVersion = '7.0.0'
const mostWritesPerCommand = 100_000

/** `appName=polylog:name` in the connection string chooses the database. */
function chooseDatabase(request: Request): void {
  const client = request.getObject('client')
  const application = client === undefined ? undefined : getField(client, 'application')
  const name = application?.type === bsonType.object ? getField(application, 'name') : undefined
  if (name?.type !== bsonType.string) return
  const [, database] = /^polylog:(.+)$/.exec(readString(name)) ?? []
  if (database !== undefined) request.connection.useDatabase(database)
}

/** `isdbgrid`, and no `hosts`: a replica set's host list breaks forwarded ports. */
function hello(request: Request): Reply {
  chooseDatabase(request)
  const { host } = request.gateway.sessions
  return (writer) => {
    if (request.command === 'hello') writer.boolean('isWritablePrimary', true)
    else writer.boolean('ismaster', true)
    writer
      .string('msg', 'isdbgrid')
      .boolean('helloOk', true)
      .int32('maxBsonObjectSize', maxDocumentBytes)
      .int32('maxMessageSizeBytes', maxMessageBytes)
      .int32('maxWriteBatchSize', mostWritesPerCommand)
      .date('localTime', Math.floor(host.now()))
      .int32('logicalSessionTimeoutMinutes', 30)
      .count('connectionId', request.connection.id)
      .int32('minWireVersion', 0)
      .int32('maxWireVersion', maxWireVersion)
      .boolean('readOnly', false)
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
  { name: 'hello', aliases: ['isMaster', 'ismaster'], fields: [], isBare: true, run: hello },
  { name: 'ping', fields: [], isBare: true, run: () => () => undefined },
  { name: 'buildInfo', aliases: ['buildinfo'], fields: [], isBare: true, run: buildInfo },
]
