/**
 * The proof of who a client is: SASL in commands, of which SCRAM-SHA-256 is offered, or the certificate that it has shown within
 * TLS. `hello` may carry the first of them.
 *
 *   authenticate { mechanism: MONGODB-X509, user? }  → { dbname: $external, user: the certificate's subject }
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
import { logInBy, namesOf } from '../../../principal/certificates.ts'
import { LoginError, type Login } from '../../../principal/proofs.ts'
import { ScramError } from '../../../principal/scram.ts'
import { noEncryption } from '../../connection.ts'
import type { MongoConversation } from '../conversation.ts'
import type { ShortReply } from '../reply.ts'
import { externalDatabase, missingField, type Command, type Reply, type Request } from '../request.ts'

export const mechanism = 'SCRAM-SHA-256'
const x509 = 'MONGODB-X509'
export const mechanisms: readonly string[] = [mechanism, x509]
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
  if (mechanismName !== mechanism) throw notEnabled(mechanismName)
  checkHasUsers(connection)
  if (connection.isExposed) throw authenticationFailed(`Authentication failed: ${noEncryption}`)
  const skips = options?.type === bsonType.object ? getField(options, 'skipEmptyExchange') : undefined
  const login = principals.proofs.beginScram(textOf(payload), { door: 'mongodb', remote: connection.remote })
  connection.sasl = { login, skipsEmpty: skips !== undefined && isTruthy(skips), isProved: false }
  return login.serverFirst
}

function notEnabled(mechanismName: string): Error {
  return mongoError(334, `Received authentication for mechanism ${mechanismName} which is not enabled`, 'unsupported')
}

function checkHasUsers({ gateway }: MongoConversation): void {
  if (gateway.sessions.principals.areProved) return
  const message =
    'Authentication failed: nobody is asked for a password here. Connect without one, or make a user: polylog user add'
  throw authenticationFailed(message)
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

/** Who names a user names its certificate's. What it is answered is the subject, whichever user that is. */
function proveByCertificate(connection: MongoConversation, user: string | undefined): ShortReply {
  checkHasUsers(connection)
  const { certificate, remote } = connection
  if (certificate === undefined) throw authenticationFailed('No verified subject name available from client')
  if (user !== undefined && !namesOf(certificate).includes(user)) {
    throw authenticationFailed('There is no x.509 client certificate matching the user.')
  }
  const name = user === certificate.subject ? undefined : user
  connection.identify(logInBy(connection.gateway.sessions.principals, certificate, { door: 'mongodb', remote }, name))
  return (writer) => writer.string('dbname', externalDatabase).string('user', certificate.subject)
}

function authenticate(request: Request): Reply {
  const name = request.getString('mechanism')
  if (name === undefined) throw missingField('authenticate', 'mechanism')
  if (name !== x509) throw notEnabled(name)
  return worded(() => proveByCertificate(request.connection, request.getString('user')))
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
  if (first === undefined || name?.type !== bsonType.string) return
  const answer = speculativeAnswer(request.connection, readString(name), first)
  if (answer === undefined) return
  writer.beginObject('speculativeAuthenticate')
  answer(writer)
  writer.end()
}

/** Undefined where it fails: the client hears so when it asks by itself. */
function speculativeAnswer(connection: MongoConversation, name: string, first: BsonValue): ShortReply | undefined {
  try {
    if (name === x509) {
      const user = getField(first, 'user')
      return proveByCertificate(connection, user?.type === bsonType.string ? readString(user) : undefined)
    }
    if (name !== mechanism) return undefined
    const answer = begin(connection, mechanism, getField(first, 'payload'), getField(first, 'options'))
    return (writer) => writeStep(writer, false, answer)
  } catch {
    return undefined
  }
}

export const loginCommands: readonly Command[] = [
  {
    name: 'saslStart',
    fields: ['mechanism', 'payload', 'options', 'autoAuthorize'],
    access: 'anybody',
    isBare: true,
    run: saslStart,
  },
  { name: 'authenticate', fields: ['mechanism', 'user'], access: 'anybody', isBare: true, run: authenticate },
  { name: 'saslContinue', fields: ['conversationId', 'payload'], access: 'anybody', isBare: true, run: saslContinue },
  { name: 'logout', fields: [], access: 'anybody', isBare: true, run: logout },
]
