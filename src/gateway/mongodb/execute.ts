/**
 * Runs one command: finds it, checks what every command may carry (read and write concern, read preference, sessions),
 * puts it into its transaction, and writes its reply or its error.
 */
import { absentCommand } from './search-indexes.ts'
import { checkStableApi } from './stable-api.ts'
import { PolylogError } from '../../base/errors.ts'
import { Resumption } from '../../base/resumption.ts'
import type { Slice } from '../../base/slice.ts'
import { suspended } from '../../database/transaction/wait.ts'
import type { Durability, Sequence } from '../../log/commit-log.ts'
import type { BsonValue } from '../../model/document/bson.ts'
import { bsonType, countFields, emptyDocument, getField } from '../../model/document/bson.ts'
import { keyText } from '../../model/document/order.ts'
import type { BsonWriter } from '../../model/document/bson-writer.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { readBoolean, toDouble, toHex } from '../../model/document/values.ts'
import { decodeName } from '../../model/document/names.ts'
import type { Session } from '../../session/contract.ts'
import { answerTo } from '../../session/faults.ts'
import { canceled } from '../../session/statement-runner.ts'
import { nothingSeen, type DurabilityWatch, type Witness } from '../../session/outbox.ts'
import { findCommand, retryableCommands } from './commands/commands.ts'
import { type Access, checkAccess } from './access.ts'
import { worded } from './denials.ts'
import { checkReadConcern, checkReadPreference, durabilityOf, unmetConcernOf, writeUnmet } from './concerns.ts'
import type { MongoConversation } from './conversation.ts'
import { type LogicalSession, logicalKey } from './logical-sessions.ts'
import { writeDuplicate, writeErrorInfo, writeLabels } from './execute-errors.ts'
import type { Fault, Suspect } from './fail-points.ts'
import { labelsOf, toFailure, type MongoFailure, type FailurePlace } from './errors.ts'
import { checkDatabaseName, externalDatabase, fieldMap, Request, type Command } from './request.ts'
import { inTurns, type Reply, type ReplySteps } from './reply.ts'
import { inSnapshot, ofPast } from './snapshots.ts'
import type { Message } from './wire.ts'

/** What a reply waits for: what its command's session has seen, at the level that the command asked for. */
export class CommandWitness implements Witness {
  readonly durability: Durability
  readonly #session: Session
  readonly #logical: LogicalSession | undefined
  readonly #number: bigint | undefined

  constructor({ session, durability, logical }: Request) {
    this.#session = session
    this.durability = durability
    this.#logical = logical
    this.#number = logical?.number
  }

  get isInTransaction(): boolean {
    return this.#logical !== undefined
  }

  /** Every command error ends the transaction it happens in, also one that stands in for another answer. */
  forgetRefused(): void {
    this.#session.forgetRefused?.()
    if (this.#logical?.number === this.#number) this.#logical?.abort()
  }

  get seen(): Sequence {
    return this.#session.seen
  }

  get durabilityWatch(): DurabilityWatch {
    return this.#session.durabilityWatch
  }
}

/** Writes the reply, and answers what it waits for. Never throws but for a broken invariant: errors are replies. */
export function execute(
  connection: MongoConversation,
  message: Message,
  reply: BsonWriter,
  isSpared = false,
): Witness | Promise<Witness> {
  const fields = fieldMap(message.body)
  const name = firstName(fields)
  let request: Request | undefined
  try {
    connection.replyLimitMs = 0
    if (message.fault !== undefined) throw message.fault
    connection.gateway.countOperation(name)
    const { failPoints } = connection.gateway
    if (failPoints !== undefined && !isSpared) {
      const fault = failPoints.find(suspectOf(connection, name, fields, message))
      if (fault !== undefined) return failing(connection, message, reply, fault, fields)
    }
    const command = findCommand(name)
    if (command === undefined) throw absentCommand(name)
    if (command.isBare === true) {
      const result = runBare(command, connection, message, fields, name)
      if (result instanceof Promise) return answerBare(connection, reply, result)
      endBare(connection, reply, result)
      return nothingSeen
    }
    if (!connection.isIdentified) throw mongoError(13, `Command ${name} requires authentication`, 'denied')
    if (!connection.greeted) connection.greet()
    request = makeRequest(connection, message, fields, name, command.access)
    const result = runCommand(command, request)
    const left = result instanceof Promise ? result : writeReply(reply, result)
    if (left === undefined) {
      endReply(reply, request)
      return new CommandWitness(request)
    }
    connection.running = request
    return finish(connection, reply, request, left)
  } catch (error) {
    return failed(connection, reply, request, error)
  }
}

/** A command is named by its first field. */
function firstName(fields: ReadonlyMap<string, BsonValue>): string {
  for (const name of fields.keys()) return name
  return ''
}

/** Of what each answer ends with. */
function endReply(reply: BsonWriter, request: Request): void {
  const { clock } = request.gateway
  if (request.unmet !== undefined) writeUnmet(reply, request.unmet)
  clock.write(reply)
  if (request.logical !== undefined && clock.isRouter) reply.document('recoveryToken', emptyToken)
  reply.end()
}

const emptyToken: Slice = { bytes: emptyDocument, start: 0, end: emptyDocument.length }

/** The steps that are left of it where it takes more than this turn. It is open for what it ends with. */
function writeReply(writer: BsonWriter, reply: Reply): ReplySteps | undefined {
  writer.begin()
  if (typeof reply === 'function') reply(writer)
  else {
    const steps = reply.steps(writer)
    if (steps.next().done !== true) return steps
  }
  writer.double('ok', 1)
  return undefined
}

async function finish(
  connection: MongoConversation,
  reply: BsonWriter,
  request: Request,
  left: Promise<Reply> | ReplySteps,
): Promise<Witness> {
  try {
    const steps = left instanceof Promise ? writeReply(reply, await left) : left
    if (steps !== undefined) {
      const isWritten = (): true | undefined => (steps.next().done === true ? true : undefined)
      // What has happened is told, whoever cancels it now.
      await inTurns(connection.gateway.sessions.host, () => connection.hasEnded, isWritten)
      reply.double('ok', 1)
    }
    endReply(reply, request)
    return new CommandWitness(request)
  } catch (error) {
    return failed(connection, reply, request, error)
  }
}

/** Commands of the handshake see no session. */
function runBare(
  command: Command,
  connection: MongoConversation,
  message: Message,
  fields: ReadonlyMap<string, BsonValue>,
  name: string,
): Reply | Promise<Reply> {
  const { gateway } = connection
  const request = new Request({
    command: name,
    fields,
    sequences: message.sequences,
    database: message.database ?? '',
    connection,
    gateway,
    session: noSession,
  })
  checkStableApi(command.name, request)
  return command.run(request)
}

async function answerBare(connection: MongoConversation, reply: BsonWriter, result: Promise<Reply>): Promise<Witness> {
  try {
    endBare(connection, reply, await result)
    return nothingSeen
  } catch (error) {
    return failed(connection, reply, undefined, error)
  }
}

/** They tell the time, too: a driver hands on what its first answers said. */
function endBare(connection: MongoConversation, reply: BsonWriter, result: Reply): void {
  writeReply(reply, result)
  connection.gateway.clock.write(reply)
  reply.end()
  connection.greet()
}

const noSession = { durability: 'memory' } as Session

function makeRequest(
  connection: MongoConversation,
  message: Message,
  fields: ReadonlyMap<string, BsonValue>,
  name: string,
  access: Access,
): Request {
  const named = fields.get('$db')
  if (named !== undefined && named.type !== bsonType.string) {
    throw mongoError(mongoCode.typeMismatch, "BSON field '$db' is the wrong type, expected type 'string'", 'wrong_type')
  }
  const database = named === undefined ? message.database : decodeName(named.bytes, named.start + 4, named.end - 1)
  if (database === undefined) throw mongoError(40_571, 'OP_MSG requests require a $db argument')
  return new Request({
    command: name,
    fields,
    sequences: message.sequences,
    // Users that are proved from outside are of it; there is nothing else in it.
    database: access === 'roles' && database === externalDatabase ? database : checkDatabaseName(database),
    connection,
    gateway: connection.gateway,
    session: connection.session,
  })
}

function runCommand(command: Command, request: Request): Reply | Promise<Reply> {
  checkAccess(command.access, request.session)
  if (command.checksFields !== true) request.checkFields(allowedFields(command))
  checkStableApi(command.name, request)
  checkReadPreference(request)
  request.durability = durabilityOf(request) ?? request.session.durability
  request.unmet = unmetConcernOf(request)
  enterSession(command, request)
  const wish = checkReadConcern(command, request)
  request.session.describer = request
  const { logical } = request
  logical?.enter()
  const run = (): Reply | Promise<Reply> => carryOut(command, request)
  try {
    const result = withTimeLimit(request, wish === undefined ? run : () => inSnapshot(request, wish, run))
    if (!(result instanceof Promise)) {
      logical?.leave()
      return result
    }
    return logical === undefined ? result : result.finally(() => logical.leave())
  } catch (error) {
    logical?.leave()
    throw error
  }
}

/** What is smaller is compiled at once. */
const largeRequestBytes = 16 * 1024

/** Before its statement begins, a command compiles what it was sent: a large one in as many turns as that takes. */
function carryOut(command: Command, request: Request): Reply | Promise<Reply> {
  if (request.retainedBytes < largeRequestBytes) return command.run(request)
  const resumption = new Resumption()
  const run = (): Reply | Promise<Reply> | undefined => {
    try {
      return resumption.run(() => command.run(request))
    } catch (error) {
      if (error !== suspended) throw error
      return undefined
    }
  }
  return run() ?? compiled(request, run)
}

async function compiled(request: Request, run: () => Reply | Promise<Reply> | undefined): Promise<Reply> {
  const result = await inTurns(request.gateway.sessions.host, () => request.isCanceled, run)
  if (result === undefined) throw canceled()
  return result
}

const allowed = new WeakMap<Command, ReadonlySet<string>>()

function allowedFields(command: Command): ReadonlySet<string> {
  let fields = allowed.get(command)
  if (fields === undefined) {
    fields = new Set(command.fields)
    allowed.set(command, fields)
  }
  return fields
}

/** Finds the logical session, and puts the command into its transaction or marks it as a write that may be repeated. */
function enterSession(command: Command, request: Request): void {
  const lsid = request.getObject('lsid')
  const number = request.getInt64('txnNumber')
  const autocommit = request.get('autocommit')
  if (lsid === undefined) {
    if (number === undefined && autocommit === undefined) return
    throw mongoError(mongoCode.invalidOptions, 'Transaction number requires a session ID to also be specified')
  }
  const id = sessionId(lsid)
  if (number === undefined) {
    if (autocommit === undefined) return
    throw mongoError(mongoCode.invalidOptions, "'autocommit' field requires a transaction number to also be specified")
  }
  const key = logicalKey(request.session, toHex(id.bytes, id.start + 5, id.end))
  const logical = request.gateway.logical.get(key)
  if (autocommit === undefined) {
    if (!retryableCommands.has(command.name)) {
      throw mongoError(
        50_768,
        'txnNumber may only be provided for multi-document transactions and retryable write commands.',
      )
    }
    logical.noteWrite(number)
    request.retry = { session: key, operation: number }
    return
  }
  if (autocommit.type !== bsonType.boolean || readBoolean(autocommit)) {
    throw mongoError(mongoCode.invalidOptions, "The field 'autocommit' must be false")
  }
  request.logical = logical
  enterTransaction(command, request, number)
}

function enterTransaction(command: Command, request: Request, number: bigint): void {
  const logical = request.logical!
  const starts = request.getBoolean('startTransaction', false)
  // Also after its end: an answer that tells of it waits until what it has done is durable.
  if (logical.number === number) request.session = logical.session ?? logical.endedSession ?? request.session
  // What ends a transaction looks at its state itself: a repeated commit is answered as the first.
  if (command.name === 'commitTransaction' || command.name === 'abortTransaction') return
  if (command.inTransaction !== true) {
    throw mongoError(263, `Cannot run '${command.name}' in a multi-document transaction.`, 'unsupported')
  }
  if (!starts) {
    if (command.name === 'polylogJoin') throw notFirst(command.name)
    request.session = logical.goOn(number)
    return
  }
  const { connection } = request
  const token = command.name === 'polylogJoin' ? joinToken(request) : undefined
  const { user, database, identity } = connection.session
  request.beginsTransaction = token === undefined
  request.session = logical.start(
    number,
    { user, roleId: identity.ownRoleId, database, remote: connection.remote },
    token,
  )
}

function notFirst(name: string): PolylogError {
  return new PolylogError('active_transaction', `${name} comes first in its transaction`)
}

function joinToken(request: Request): string {
  const token = request.getString('polylogJoin')
  if (token === undefined) throw mongoError(mongoCode.typeMismatch, 'polylogJoin needs a token', 'wrong_type')
  return token
}

/** The lsid's UUID: a binary of 16 bytes. */
function sessionId(lsid: BsonValue): BsonValue {
  const id = getField(lsid, 'id')
  if (id === undefined || id.type !== bsonType.binary || countFields(lsid) > 3) {
    throw mongoError(mongoCode.typeMismatch, "BSON field 'lsid.id' must be a UUID", 'wrong_type')
  }
  if (id.bytes[id.start + 4] !== 4 || id.end - id.start !== 21) {
    throw mongoError(207, 'lsid.id must be a UUID of 16 bytes')
  }
  return id
}

/** Of two limits, of which 0 is none. */
function shorter(a: number, b: number): number {
  return a === 0 || b === 0 ? Math.max(a, b) : Math.min(a, b)
}

/** Cancels a statement that runs longer than `maxTimeMS`, or `statement_timeout` of its role; its reply waits no longer for the log, either. */
function withTimeLimit(request: Request, run: () => Reply | Promise<Reply>): Reply | Promise<Reply> {
  const given = request.get('maxTimeMS')
  const askedMs = given?.isNumber === true ? toDouble(given) : 0
  if (given !== undefined && (!given.isNumber || askedMs < 0 || askedMs > 0x7fff_ffff)) {
    throw mongoError(mongoCode.badValue, 'maxTimeMS must be a number from 0 to 2147483647')
  }
  const limitMs = shorter(askedMs, request.session.limits.statementTimeoutMs)
  request.connection.replyLimitMs = limitMs
  const result = run()
  if (limitMs === 0 || !(result instanceof Promise) || request.command === 'getMore') return result
  let isOver = false
  const cancel = request.gateway.sessions.host.at(limitMs, () => {
    isOver = true
    request.cancel()
  })
  return result.then(
    (reply) => {
      cancel()
      return reply
    },
    (error: unknown) => {
      cancel()
      if (!isOver || !(error instanceof PolylogError) || error.code !== 'canceled') throw error
      throw new PolylogError('timeout', 'operation exceeded time limit', { cause: error })
    },
  )
}

/** Every command error ends the transaction it happens in. */
function failed(
  connection: MongoConversation,
  reply: BsonWriter,
  request: Request | undefined,
  error: unknown,
): Witness {
  const told = answerTo(connection.gateway.sessions.host, 'mongodb', error)
  const failure = toFailure(request === undefined ? told : ofPast(request, worded(request, told)))
  const place = placeOf(request)
  // After the decision a party stays until it leaves by commit or abort, which report truthfully.
  const isDecided = failure.error.code === 'transaction_ended'
  if (request?.logical !== undefined && !place.isCommit && !isDecided) request.logical.abort()
  reply.reset()
  beginError(reply, failure)
  writeDuplicate(reply, failure.error)
  writeErrorInfo(reply, failure.error)
  writeLabels(reply, labelsOf(failure, place))
  reply.end()
  return request === undefined ? nothingSeen : new CommandWitness(request)
}

function beginError(reply: BsonWriter, failure: MongoFailure): void {
  reply.begin()
  reply.double('ok', 0).string('errmsg', failure.message).int32('code', failure.code)
  reply.string('codeName', failure.codeName)
}

/** Of no command. */
export function writeError(reply: BsonWriter, failure: MongoFailure): void {
  beginError(reply, failure)
  reply.end()
}

function placeOf(request: Request | undefined): FailurePlace {
  const isCommit = request?.command === 'commitTransaction'
  return {
    inTransaction: request?.logical !== undefined,
    joined: request?.logical?.joined === true,
    isCommit,
    isRetryable: request?.retry !== undefined,
  }
}

/** Operations of a write that may be repeated are counted one by one. */
function suspectOf(
  connection: MongoConversation,
  command: string,
  fields: ReadonlyMap<string, BsonValue>,
  { sequences }: Message,
): Suspect {
  const mayRepeat = retryableCommands.has(command) && fields.has('txnNumber') && !fields.has('autocommit')
  const [sequence] = sequences
  const list = fields.get(operationLists.get(command) ?? '')
  const operations = sequence?.documents.length ?? (list?.type === bsonType.array ? countFields(list) : 1)
  const number = fields.get('txnNumber')
  const id = fields.get('lsid')
  const operation = mayRepeat && number && id ? `${keyText(id)} ${keyText(number)}` : ''
  return { command, clientName: connection.clientName, repeatable: mayRepeat ? operations : 0, operation }
}

const operationLists: ReadonlyMap<string, string> = new Map([
  ['insert', 'documents'],
  ['update', 'updates'],
  ['delete', 'deletes'],
])

/** What a fail point makes of a command. */
async function failing(
  connection: MongoConversation,
  message: Message,
  reply: BsonWriter,
  fault: Fault,
  fields: ReadonlyMap<string, BsonValue>,
): Promise<Witness> {
  const { host } = connection.gateway.sessions
  if (fault.delayMs > 0) await new Promise<void>((resolve) => void host.at(fault.delayMs, resolve))
  if (fault.isBehind) await execute(connection, message, reply, true)
  if (fault.closesConnection) {
    connection.cut()
    return nothingSeen
  }
  const { error, labels, writeConcernError } = fault
  if (error !== undefined) {
    const place: FailurePlace = {
      inTransaction: fields.has('autocommit'),
      joined: false,
      isCommit: fields.has('commitTransaction'),
      isRetryable: fields.has('txnNumber'),
    }
    const failure = toFailure(error)
    beginError(reply.reset(), failure)
    writeLabels(reply, labels ?? labelsOf(failure, place))
    reply.end()
    return nothingSeen
  }
  const witness = await execute(connection, message, reply, true)
  if (writeConcernError !== undefined) {
    // The document is open again for two fields more.
    reply.reopen().value('writeConcernError', writeConcernError)
    writeLabels(reply, labels ?? [])
    reply.end()
  }
  return witness
}
