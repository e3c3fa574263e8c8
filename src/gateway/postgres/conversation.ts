/**
 * A conversation, from its first packet to its last byte.
 *
 *   starting ──start-up packet──▶ (proving who it is ──▶) ready ⇄ running (a statement waits) ──Terminate, error of the protocol──▶ ended
 *
 * After an error in the extended protocol everything up to Sync is skipped. COPY … FROM STDIN takes the messages while it
 * runs.
 */
import type { PolylogError } from '../../base/errors.ts'
import { auditDenial } from './audited.ts'
import { withoutHiddenRows } from './error-details.ts'
import { answerTo } from '../../session/faults.ts'
import { canceled } from '../../session/statement-runner.ts'
import { type Connection, noEncryption } from '../connection.ts'
import { step, type Conversation, type Step } from '../gateway.ts'
import type { Reworded } from '../refused-replies.ts'
import type { Client } from './client.ts'
import { protocolViolation, ProtocolViolation, sqlError } from './errors.ts'
import { withPosition } from '../../language/sql/failure.ts'
import { bind, close, describe, executePortal, parse } from './extended-query.ts'
import { MessageFrames } from './frames.ts'
import { hasProved, PostgresLogin } from './login.ts'
import type { Messenger } from './notifications.ts'
import { MessageReader } from './message-reader.ts'
import { databaseOf, greet, openClient, userOf } from './greeting.ts'
import type { Cancelable, PostgresState } from './postgres-protocol.ts'
import type { Connections } from './signals.ts'
import { simpleQuery } from './simple-query.ts'
import { errorsFor } from './refused-replies.ts'
import { readStartupPacket, type StartupMessage } from './startup.ts'
import { Timeout } from '../timeout.ts'
import { durationMs } from '../../base/units.ts'
import { errorResponse, readyForQuery } from './wire.ts'

const codes = {
  bind: 0x42,
  close: 0x43,
  describe: 0x44,
  execute: 0x45,
  functionCall: 0x46,
  flush: 0x48,
  parse: 0x50,
  query: 0x51,
  sync: 0x53,
  terminate: 0x58,
  copyDone: 0x63,
  copyData: 0x64,
  copyFail: 0x66,
} as const

/** As large as PostgreSQL's own buffer. */
const keptOutputBytes = 8192

const idleTimeouts = {
  inTransaction: { setting: 'idle_in_transaction_session_timeout', sqlState: '25P03', title: 'idle-in-transaction' },
  outside: { setting: 'idle_session_timeout', sqlState: '57P05', title: 'idle-session' },
} as const

const nothing = new Uint8Array(0)

export class PostgresConversation implements Conversation, Cancelable, Messenger, Connections {
  /** What a CancelRequest must name. */
  secret = 0
  readonly input: MessageFrames
  readonly #state: PostgresState
  readonly #connection: Connection
  readonly #message = new MessageReader()
  /** From the end of the start on. */
  #client: Client | undefined
  /** Between the start-up packet and the greeting, where users have passwords. */
  #login: { readonly proof: PostgresLogin; readonly packet: StartupMessage } | undefined
  #copyWaits = false
  #skipsToSync = false
  /** A message has come whose answer is not ended by ReadyForQuery yet. */
  #isAnswering = true
  /** The client expects what was written up to here, counted from the connection's first byte. */
  #dueThrough = 0
  #statementTimeout: Timeout | undefined
  #idleTimeout: Timeout | undefined
  #isTimedOut = false
  /** It ends with this, as soon as what runs has. */
  #ending: PolylogError | undefined

  constructor(state: PostgresState, connection: Connection) {
    const { limits } = state.parts
    this.#state = state
    this.#connection = connection
    this.input = new MessageFrames(limits.maxMessageBytes)
  }

  next(): Step | Promise<void> {
    const client = this.#client
    if (client === undefined) return this.#login === undefined ? this.#startUp() : this.#prove(this.#login)
    const { input } = this
    if (!input.next()) return step.more
    const { copy } = client
    const result =
      copy === undefined
        ? this.#handle(client, input.type)
        : this.#await(copy.receive(input.type, input.bytes, input.payloadStart, input.payloadEnd))
    return result ?? step.done
  }

  get takesMore(): boolean {
    return this.#client?.copy !== undefined && !this.#copyWaits
  }

  /** A small message lies in memory that others' lie in, too. */
  rest(): void {
    this.#message.begin(nothing, 0, 0)
  }

  /** As PostgreSQL: replies leave at Sync, at Flush, when COPY asks for its data, or when many bytes have gathered. */
  get keepsOutput(): boolean {
    const client = this.#client
    if (client === undefined || client.copy !== undefined) return false
    const { flushedBytes, pendingBytes } = client.outbox
    return flushedBytes >= this.#dueThrough && pendingBytes < keptOutputBytes
  }

  #await(receiving: void | Promise<void>): void | Promise<void> {
    if (!(receiving instanceof Promise)) return undefined
    this.#copyWaits = true
    return receiving.then(() => void (this.#copyWaits = false))
  }

  // ---- messages

  #handle(client: Client, type: number): void | Promise<void> {
    if (this.#skipsToSync && type !== codes.sync && type !== codes.terminate) return undefined
    client.markOutput()
    this.#isAnswering = true
    this.#idleTimeout?.stop()
    try {
      const result = this.#dispatch(client, type)
      if (result instanceof Promise) return this.#run(client, type, result)
      client.forgetText()
      return undefined
    } catch (error) {
      client.forgetText()
      return this.#failed(client, type, error)
    }
  }

  #run(client: Client, type: number, result: Promise<void>): Promise<void> {
    this.#isTimedOut = false
    this.#limitStatement(durationMs(client.settings.get('statement_timeout')))
    return result
      .then(undefined, (error: unknown) => (this.#connection.hasEnded ? undefined : this.#failed(client, type, error)))
      .finally(() => {
        this.#statementTimeout?.stop()
        client.forgetText()
      })
  }

  #limitStatement(limitMs: number): void {
    if (limitMs === 0) return
    this.#statementTimeout ??= new Timeout(this.#state.parts.sessions.host)
    this.#statementTimeout.start(limitMs, () => {
      this.#isTimedOut = true
      this.cancel()
    })
  }

  #dispatch(client: Client, type: number): void | Promise<void> {
    const { input } = this
    const message = this.#message.begin(input.bytes, input.payloadStart, input.payloadEnd)
    switch (type) {
      case codes.query:
        return this.#query(client)
      case codes.parse:
        return parse(client, message)
      case codes.bind:
        return bind(client, message)
      case codes.describe:
        return describe(client, message)
      case codes.execute:
        return executePortal(client, message, input.peekType(codes.close) === codes.sync)
      case codes.close:
        return close(client, message)
      case codes.sync:
        return this.#sync(client)
      case codes.terminate:
        return this.#connection.endAfterReplies()
      case codes.functionCall:
        throw sqlError('unsupported', '0A000', 'function calls by the fastpath protocol are not supported')
      case codes.flush:
        return this.#outputIsDue(client)
      // What is left of a COPY that has failed.
      case codes.copyData:
      case codes.copyDone:
      case codes.copyFail:
        return undefined
      default:
        throw protocolViolation(`invalid frontend message type ${type}`)
    }
  }

  #query(client: Client): void | Promise<void> {
    const text = this.#message.text()
    this.#message.finish()
    const result = simpleQuery(client, text)
    if (result instanceof Promise) return result.then(() => this.#ready(client))
    return this.#ready(client)
  }

  #sync(client: Client): void | Promise<void> {
    this.#skipsToSync = false
    const result = client.block.endImplicit()
    if (result instanceof Promise) return result.then(() => this.#ready(client))
    return this.#ready(client)
  }

  #ready(client: Client): void {
    if (this.#connection.hasEnded) return
    if (this.#ending !== undefined) throw this.#ending
    if (client.block.kind === 'none' && client.portals.size > 0) client.portals.clear()
    client.reportSettings()
    const { outbox, block } = client
    if (block.kind === 'none') client.listening?.flush((frame) => outbox.push(frame))
    const { writer } = outbox
    const start = writer.end
    readyForQuery(writer, block.status)
    this.#isAnswering = false
    client.noteBare(start)
    this.#outputIsDue(client)
    this.#watchIdle(client)
  }

  #outputIsDue({ outbox }: Client): void {
    this.#dueThrough = outbox.flushedBytes + outbox.writer.end
  }

  #watchIdle({ block, settings }: Client): void {
    const kind = block.kind === 'explicit' ? idleTimeouts.inTransaction : idleTimeouts.outside
    const limit = settings.get(kind.setting)
    if (limit === undefined) return
    this.#idleTimeout ??= new Timeout(this.#state.parts.sessions.host)
    this.#idleTimeout.start(durationMs(limit), () => {
      this.#connection.fail(sqlError('timeout', kind.sqlState, `terminating connection due to ${kind.title} timeout`))
    })
  }

  // ---- what it listens to

  get isResting(): boolean {
    return !this.#isAnswering && this.#client?.block.kind === 'none'
  }

  push(frame: Uint8Array): void {
    this.#connection.push(frame)
    this.#state.pushes.add(this.#connection)
  }

  cut(): void {
    this.#connection.cut()
  }

  // ---- errors

  /** Throws what ends the connection. */
  #failed(client: Client, type: number, error: unknown): void | Promise<void> {
    if (error instanceof ProtocolViolation) throw error
    if (this.#ending !== undefined) throw this.#ending
    const told = answerTo(this.#state.parts.sessions.host, 'postgres', withPosition(error, client.text))
    const answer = withoutHiddenRows(client, told)
    client.takeBackOutput()
    auditDenial(client, answer)
    errorResponse(this.#connection.outbox.writer, this.#wordTimeout(answer), 'ERROR')
    client.block.fail()
    const isSimple = type === codes.query || type === codes.functionCall
    if (!isSimple && type !== codes.sync) {
      this.#skipsToSync = true
      return undefined
    }
    const ended = client.block.endImplicit()
    return ended instanceof Promise
      ? this.#run(
          client,
          codes.sync,
          ended.then(() => this.#ready(client)),
        )
      : this.#ready(client)
  }

  #wordTimeout(error: PolylogError): PolylogError {
    if (!this.#isTimedOut || error.code !== 'canceled') return error
    return sqlError('timeout', '57014', 'canceling statement due to statement timeout')
  }

  refuse(error: PolylogError): void {
    const { writer } = this.#connection.outbox
    // Nothing of a greeting that has failed is for the client.
    if (this.#client === undefined) writer.reset()
    errorResponse(writer, error, 'FATAL')
  }

  get canReword(): boolean {
    return this.#client !== undefined
  }

  get hasOpenBlock(): boolean {
    const block = this.#client?.block
    return block?.kind === 'explicit' && !block.isFailed
  }

  /** Of a statement that is kept, and whose ParseComplete would not be told, the client would not know. */
  reword(replies: Uint8Array, error: PolylogError): Reworded | undefined {
    const errors = errorsFor(replies, error)
    return errors?.hidesParse === true && this.#client?.namesStatements === true ? undefined : errors
  }

  failBlock(): void {
    if (this.hasOpenBlock) this.#client?.block.fail()
  }

  // ---- the end

  cancel(): void {
    const client = this.#client
    client?.session.cancel()
    client?.stopReading()
    if (!this.#connection.isWaiting) this.#connection.stopWaitingForLog('the cancellation')
    // A COPY waits for its client mostly, and runs nothing then.
    if (!this.#copyWaits) client?.copy?.fail(canceled())
  }

  terminate(): void {
    const ended = sqlError('shutting_down', '57P01', 'terminating connection due to administrator command')
    if (!this.#isAnswering || this.#copyWaits) {
      this.#connection.fail(ended)
      return
    }
    this.#ending = ended
    this.cancel()
  }

  ofSession(id: number): Cancelable | undefined {
    return this.#state.cancelable.get(id)
  }

  get replyLimitMs(): number {
    return durationMs(this.#client?.settings.get('statement_timeout'))
  }

  close(): void {
    this.#statementTimeout?.stop()
    this.#idleTimeout?.stop()
    const client = this.#client
    if (client === undefined) return
    this.#state.cancelable.delete(client.session.id)
    client.stopReading()
    client.copy?.fail(canceled())
    client.listening?.close()
    client.session.close()
  }

  // ---- start

  #startUp(): Step | Promise<void> {
    const packet = readStartupPacket(this.input.peekAll())
    if (packet === undefined) return step.more
    this.input.skip(packet.sizeBytes)
    if (packet.kind === 'startup') return this.#state.language.load().then(() => this.#begin(packet))
    if (packet.kind === 'cancel') {
      this.#state.cancel(packet.process, packet.secret)
      this.#connection.endAfterReplies()
    } else {
      this.#refuseEncryption()
    }
    return step.done
  }

  /** Databases are opened for those who may come in. */
  async #prepare(packet: StartupMessage): Promise<void> {
    const { sessions } = this.#state.parts
    await sessions.openDatabase(databaseOf(sessions, packet.parameters, this.#connection.database))
    this.#open(packet)
  }

  #refuseEncryption(): void {
    this.#connection.outbox.writer.u8(0x4e)
    this.#connection.outbox.flush()
  }

  #begin(packet: StartupMessage): void | Promise<void> {
    const connection = this.#connection
    if (connection.hasEnded) return
    const { principals } = this.#state.parts.sessions
    if (!principals.areProved) return this.#prepare(packet)
    if (connection.isExposed) throw sqlError('denied', '28000', noEncryption)
    const user = userOf(packet)
    if (hasProved(principals, connection, user)) return this.#prepare(packet)
    this.#login = { proof: new PostgresLogin(principals, connection, user), packet }
    return undefined
  }

  #prove({ proof, packet }: { readonly proof: PostgresLogin; readonly packet: StartupMessage }): Step | Promise<void> {
    const { input } = this
    if (!input.next()) return step.more
    const message = this.#message.begin(input.bytes, input.payloadStart, input.payloadEnd)
    const proved = proof.take(input.type, message)
    if (proved === false) return step.done
    return Promise.resolve(proved).then(() => this.#prepare(packet))
  }

  #open(packet: StartupMessage): void {
    const connection = this.#connection
    if (connection.hasEnded) return
    connection.identified()
    const { parts, language } = this.#state
    const client = openClient({ ...parts, language, messenger: this }, connection, packet)
    client.onCopy = () => connection.proceed()
    try {
      this.secret = greet(client, packet, parts.sessions.host)
      this.#state.cancelable.set(client.session.id, this)
    } catch (error) {
      client.session.close()
      throw error
    }
    this.#client = client
    this.#login = undefined
    client.session.keeper = connection
    connection.greet(client.session.limits)
    this.#ready(client)
  }
}
