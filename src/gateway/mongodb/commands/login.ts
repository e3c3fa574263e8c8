/**
 * The proof of who a client is: SASL in commands, of which SCRAM-SHA-256 is offered. `hello` may carry the first of them.
 *
 *   saslStart { mechanism, payload: client first }   → { conversationId, done: false, payload: server first }
 *   saslContinue { conversationId, payload: proof }  → { conversationId, done: false, payload: server final }
 *   saslContinue { conversationId, payload: empty }  → { conversationId, done: true }; not with `skipEmptyExchange`
 */
import { decodeUtf8 } from '../../../base/bytes.ts'
import { bsonType, getField, type BsonValue } from '../../../model/document/bson.ts'
import type { BsonWriter } from '../../../model/document/bson-writer.ts'
import { mongoError } from '../../../model/document/mongo-error.ts'
import { isTruthy, readBinary, readString } from '../../../model/document/values.ts'
import { LoginError, type Login } from '../../../principal/proofs.ts'
import { ScramError } from '../../../principal/scram.ts'
import { noEncryption } from '../../connection.ts'
import type { MongoConversation } from '../conversation.ts'
import { missingField, type Command, type Reply, type Request } from '../request.ts'

export const mechanism = 'SCRAM-SHA-256'
const conversationId = 1

/** A connection has one at a time. */
export interface SaslConversation {
  readonly login: Login
  readonly skipsEmpty: boolean
  /** The client has proved who it is, and has an empty message to send. */
  isProved: boolean
}

function authenticationFailed(message = 'Authentication failed.'): Error {
  return mongoError(18, message, 'denied')
}

function begin(
  connection: MongoConversation,
  mechanismName: string,
  payload: BsonValue | undefined,
  options: BsonValue | undefined,
): string {
  const { principals } = connection.gateway.sessions
  if (mechanismName !== mechanism) {
    throw mongoError(334, `Received authentication for mechanism ${mechanismName} which is not enabled`, 'unsupported')
  }
  if (!principals.areProved) {
    const message =
      'Authentication failed: no user has a password here. Connect without one, or make a user: polylog user add'
    throw authenticationFailed(message)
  }
  if (connection.isExposed) throw authenticationFailed(`Authentication failed: ${noEncryption}`)
  const skips = options?.type === bsonType.object ? getField(options, 'skipEmptyExchange') : undefined
  const login = principals.proofs.beginScram(textOf(payload), { door: 'mongodb', remote: connection.remote })
  connection.sasl = { login, skipsEmpty: skips !== undefined && isTruthy(skips), isProved: false }
  return login.serverFirst
}

function textOf(payload: BsonValue | undefined): string {
  if (payload?.type === bsonType.string) return readString(payload)
  if (payload?.type !== bsonType.binary) throw mongoError(14, "BSON field 'payload' must be a binary", 'wrong_type')
  const { bytes } = readBinary(payload)
  return decodeUtf8(bytes, 0, bytes.length)
}

function writeStep(writer: BsonWriter, isDone: boolean, payload: string): void {
  writer.int32('conversationId', conversationId).boolean('done', isDone).binary('payload', 0, Buffer.from(payload))
}

function saslStart(request: Request): Reply {
  const name = request.getString('mechanism')
  if (name === undefined) throw missingField('saslStart', 'mechanism')
  const first = worded(() => begin(request.connection, name, request.get('payload'), request.getObject('options')))
  return (writer) => writeStep(writer, false, first)
}

async function saslContinue(request: Request): Promise<Reply> {
  const { connection } = request
  const { sasl } = connection
  if (sasl === undefined || request.getInteger('conversationId') !== conversationId) {
    throw mongoError(17, 'No SASL session state found')
  }
  connection.sasl = undefined
  if (sasl.isProved) return (writer) => writeStep(writer, true, '')
  try {
    const { role, serverFinal } = await sasl.login.finish(textOf(request.get('payload')))
    connection.identify(role)
    if (!sasl.skipsEmpty) connection.sasl = { ...sasl, isProved: true }
    return (writer) => writeStep(writer, sasl.skipsEmpty, serverFinal)
  } catch (error) {
    throw wordedError(error)
  }
}

function worded<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw wordedError(error)
  }
}

function wordedError(error: unknown): unknown {
  return error instanceof ScramError || error instanceof LoginError ? authenticationFailed() : error
}

function logout(request: Request): Reply {
  request.connection.forgetUser()
  return () => undefined
}

/** What `hello` says of it: the mechanisms of a user, whether there is one or not, and the answer to a first message. */
export function writeAuthentication(request: Request, writer: BsonWriter): void {
  if (request.get('saslSupportedMechs') !== undefined) {
    writer.beginArray('saslSupportedMechs').string('0', mechanism).end()
  }
  const first = request.getObject('speculativeAuthenticate')
  const name = first && getField(first, 'mechanism')
  if (first === undefined || name?.type !== bsonType.string || readString(name) !== mechanism) return
  let answer: string
  try {
    answer = begin(request.connection, mechanism, getField(first, 'payload'), getField(first, 'options'))
  } catch {
    // It hears so when it asks by `saslStart`.
    return
  }
  writer.beginObject('speculativeAuthenticate')
  writeStep(writer, false, answer)
  writer.end()
}

export const loginCommands: readonly Command[] = [
  {
    name: 'saslStart',
    fields: ['mechanism', 'payload', 'options', 'autoAuthorize'],
    access: 'anybody',
    isBare: true,
    run: saslStart,
  },
  { name: 'saslContinue', fields: ['conversationId', 'payload'], access: 'anybody', isBare: true, run: saslContinue },
  { name: 'logout', fields: [], access: 'anybody', isBare: true, run: logout },
]
