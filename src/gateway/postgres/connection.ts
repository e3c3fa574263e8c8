/**
 * A connection: from its first packet to its last byte.
 *
 *   starting ──start-up packet──▶ ready ⇄ running (a statement waits) ──Terminate, error of the protocol──▶ closed
 *
 * Messages are handled one after the other, as many as have arrived in one go, and what they answered leaves in one write
 * at the end, through the outbox, when what it has seen is durable. While a statement waits nothing more is handled; the
 * socket is read on only for a little, so that a client that goes away is noticed.
 *
 * After an error in the extended protocol everything up to Sync is skipped. COPY … FROM STDIN takes the messages while it
 * runs.
 */
import type { PolylogError } from '../../base/errors.ts'
import type { Socket } from '../../host/host.ts'
import type { Session, SessionHost } from '../../session/contract.ts'
import { answerTo } from '../../session/faults.ts'
import { nothingSeen, Outbox, type StandIn } from '../../session/outbox.ts'
import type { GatewayLimits } from '../gateway.ts'
import type { Client } from './client.ts'
import { protocolViolation, ProtocolViolation, sqlError } from './errors.ts'
import { withPosition } from '../../language/sql/failure.ts'
import { bind, close, describe, executePortal, parse } from './extended-query.ts'
import { MessageFrames } from './frames.ts'
import type { SqlLanguage } from './language.ts'
import { MessageReader } from './message-reader.ts'
import { greet, openClient } from './greeting.ts'
import { simpleQuery } from './simple-query.ts'
import { apologyFor, type Apology } from './stand-in.ts'
import { readStartupPacket, type StartupMessage } from './startup.ts'
import { durationMs, Timeout } from './timeouts.ts'
import { errorResponse, readyForQuery } from './wire.ts'

/** What a connection needs of its gateway. */
export interface ConnectionParts {
  readonly sessions: SessionHost
  readonly limits: GatewayLimits
  readonly language: SqlLanguage
  /** Keeps what a CancelRequest must name. */
  registerCancel(session: Session, secret: number): void
  cancel(process: number, secret: number): void
  onClose(connection: Connection): void
}

/** Read ahead while a statement waits. */
const readAheadBytes = 64 * 1024

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

export class Connection {
  readonly #parts: ConnectionParts
  readonly #socket: Socket
  readonly #outbox: Outbox
  readonly #frames: MessageFrames
  readonly #message = new MessageReader()
  #client: Client | undefined
  #state: 'starting' | 'waiting' | 'ready' | 'closed' = 'starting'
  /** A message is being answered and waits. */
  #running = false
  #copyRunning = false
  #processing = false
  #skipsToSync = false
  #endsWhenIdle = false
  #paused = false
  readonly #statementTimeout: Timeout
  readonly #idleTimeout: Timeout
  #isTimedOut = false

  constructor(parts: ConnectionParts, socket: Socket) {
    this.#parts = parts
    this.#socket = socket
    this.#frames = new MessageFrames(parts.limits.maxMessageBytes)
    this.#statementTimeout = new Timeout(parts.sessions.host)
    this.#idleTimeout = new Timeout(parts.sessions.host)
    this.#outbox = new Outbox(
      socket,
      nothingSeen,
      (error) => this.#durabilityLost(error),
      (chunk) => this.#standInFor(chunk),
    )
    socket.onData = (chunk) => this.receive(chunk)
    socket.onEnd = () => this.#close()
    socket.onClose = () => this.#close()
  }

  receive(chunk: Uint8Array): void {
    if (this.#state === 'closed') return
    this.#frames.append(chunk)
    this.#process()
  }

  get sessionId(): number | undefined {
    return this.#client?.session.id
  }

  /** The server stops: what runs may end, then the client is told. */
  endWhenIdle(): void {
    this.#endsWhenIdle = true
    if (!this.#running) this.#terminateByServer()
  }

  kill(): void {
    this.#close()
  }

  #terminateByServer(): void {
    const message = 'terminating connection due to administrator command'
    this.#fatal(sqlError('shutting_down', '57P01', message))
  }

  // ---- input

  #process(): void {
    if (this.#processing) return
    this.#processing = true
    try {
      if (this.#state === 'starting') this.#startUp()
      if (this.#state === 'ready') this.#handleAll(this.#client!)
    } catch (error) {
      this.#fatal(this.#answerTo(error))
    }
    this.#processing = false
    this.#regulate()
  }

  #handleAll(client: Client): void {
    while (this.#state === 'ready') {
      const copy = client.copy
      if (this.#copyRunning || (this.#running && copy === undefined) || !this.#frames.next()) break
      const { type, bytes, start, end } = this.#frames
      if (copy === undefined) {
        this.#handle(client, type)
        if (!this.#running) this.#waitForRoom(client)
      } else this.#await(copy.receive(type, bytes, start, end))
    }
    if (this.#state === 'ready' && this.#outbox.writer.end > 0) client.flush()
  }

  /** A client that asks on and on and does not read waits for its own replies. */
  #waitForRoom(client: Client): void {
    const { maxPendingOutputBytes } = this.#parts.limits
    if (this.#outbox.pendingBytes < maxPendingOutputBytes) return
    client.flush()
    const room = this.#outbox.roomBelow(maxPendingOutputBytes)
    if (room !== undefined) this.#run(client, codes.flush, room)
  }

  #await(receiving: void | Promise<void>): void {
    if (!(receiving instanceof Promise)) return
    this.#copyRunning = true
    void receiving.then(() => {
      this.#copyRunning = false
      this.#process()
    })
  }

  /** Reads on while there is little to do; stops the client while there is much. */
  #regulate(): void {
    if (this.#state === 'closed') return
    const mustWait = this.#running || this.#copyRunning || this.#state === 'waiting'
    const isFull = mustWait && this.#frames.waitingBytes > readAheadBytes
    if (isFull === this.#paused) return
    this.#paused = isFull
    if (isFull) this.#socket.pause()
    else this.#socket.resume()
  }

  #handle(client: Client, type: number): void {
    if (this.#skipsToSync && type !== codes.sync && type !== codes.terminate) return
    let result: void | Promise<void>
    client.markOutput()
    this.#idleTimeout.stop()
    try {
      result = this.#dispatch(client, type)
    } catch (error) {
      this.#failed(client, type, error)
      return
    }
    if (result instanceof Promise) this.#run(client, type, result)
  }

  #run(client: Client, type: number, result: Promise<void>): void {
    this.#running = true
    this.#isTimedOut = false
    this.#statementTimeout.start(durationMs(client.settings.get('statement_timeout')), () => {
      this.#isTimedOut = true
      client.session.cancel()
    })
    const goOn = (): void => {
      this.#running = false
      this.#statementTimeout.stop()
      if (this.#endsWhenIdle && client.block.kind === 'none') this.#terminateByServer()
      this.#process()
    }
    void result
      .then(undefined, (error: unknown) => this.#state === 'ready' && this.#failed(client, type, error))
      .then(goOn)
  }

  #dispatch(client: Client, type: number): void | Promise<void> {
    const message = this.#message.begin(this.#frames.bytes, this.#frames.start, this.#frames.end)
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
        return executePortal(client, message, this.#frames.peekType(codes.close) === codes.sync)
      case codes.close:
        return close(client, message)
      case codes.sync:
        return this.#sync(client)
      case codes.terminate:
        return this.#close()
      case codes.functionCall:
        throw sqlError('unsupported', '0A000', 'function calls by the fastpath protocol are not supported')
      // What is left of a COPY that has failed, and a request for what happens anyway.
      case codes.flush:
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
    if (this.#state !== 'ready') return
    if (client.block.kind === 'none' && client.portals.size > 0) client.portals.clear()
    client.reportSettings()
    const { outbox, block } = client
    readyForQuery(outbox.writer, block.status)
    if (block.kind === 'explicit') this.#watchIdle(client)
  }

  #watchIdle(client: Client): void {
    const limit = durationMs(client.settings.get('idle_in_transaction_session_timeout'))
    this.#idleTimeout.start(limit, () => {
      this.#fatal(sqlError('timeout', '25P03', 'terminating connection due to idle-in-transaction timeout'))
    })
  }

  // ---- errors

  #failed(client: Client, type: number, error: unknown): void {
    if (error instanceof ProtocolViolation) {
      this.#fatal(error)
      return
    }
    client.takeBackOutput()
    this.#writeError(this.#wordTimeout(this.#answerTo(withPosition(error, client.text))))
    client.block.fail()
    const isSimple = type === codes.query || type === codes.functionCall
    if (!isSimple && type !== codes.sync) {
      this.#skipsToSync = true
      return
    }
    const ended = client.block.endImplicit()
    if (ended instanceof Promise)
      this.#run(
        client,
        codes.sync,
        ended.then(() => this.#ready(client)),
      )
    else this.#ready(client)
  }

  #answerTo(error: unknown): PolylogError {
    return answerTo(this.#parts.sessions.host, 'postgres', error)
  }

  #wordTimeout(error: PolylogError): PolylogError {
    if (!this.#isTimedOut || error.code !== 'canceled') return error
    return sqlError('timeout', '57014', 'canceling statement due to statement timeout')
  }

  #writeError(error: PolylogError): void {
    errorResponse(this.#outbox.writer, error, 'ERROR')
  }

  #fatal(error: PolylogError): void {
    if (this.#state === 'closed') return
    errorResponse(this.#outbox.writer, error, 'FATAL')
    this.#endGently()
  }

  /** After the last bytes have left. */
  #endGently(): void {
    this.#state = 'closed'
    this.#stopTimers()
    this.#client?.session.close()
    this.#outbox.afterwards(() => {
      this.#socket.end()
      this.#outbox.close()
      this.#parts.onClose(this)
    })
  }

  #standInFor(chunk: number): StandIn | undefined {
    const client = this.#client
    if (client === undefined) return undefined
    const changesSettings = client.settingsChangedIn === chunk
    return (held, error) => {
      const apology = apologyFor(held, error)
      if (apology === undefined || !this.#canGoOn(client, apology, changesSettings)) return undefined
      return apology.bytes
    }
  }

  /** Whether what the client hears is how things stand here; fails the block that it is told has failed. */
  #canGoOn(client: Client, { status, hidesParse, endsOutside }: Apology, changesSettings: boolean): boolean {
    if ((hidesParse && client.namesStatements) || (endsOutside && changesSettings)) return false
    const { block } = client
    if (status === 'I' || block.kind !== 'explicit' || block.isFailed) return true
    if (this.#running || this.#copyRunning) return false
    block.fail()
    return true
  }

  /** Nothing of what was answered may leave: nobody knows what stayed of it, or nothing can be said in its place. */
  #durabilityLost(error: PolylogError): void {
    if (this.#state === 'closed') {
      this.#socket.destroy()
      return
    }
    this.#fatal(error)
  }

  #stopTimers(): void {
    this.#statementTimeout.stop()
    this.#idleTimeout.stop()
  }

  #close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#stopTimers()
    this.#client?.session.close()
    this.#outbox.flush()
    this.#outbox.close()
    this.#socket.end()
    this.#parts.onClose(this)
  }

  // ---- start

  #startUp(): void {
    for (;;) {
      const packet = readStartupPacket(this.#frames.peekAll())
      if (packet === undefined) return
      this.#frames.skip(packet.sizeBytes)
      if (packet.kind === 'startup') {
        this.#begin(packet)
        return
      }
      if (packet.kind === 'cancel') {
        this.#parts.cancel(packet.process, packet.secret)
        this.#close()
        return
      }
      this.#refuseEncryption()
    }
  }

  #refuseEncryption(): void {
    this.#outbox.writer.u8(0x4e)
    this.#outbox.flush()
  }

  #begin(packet: StartupMessage): void {
    this.#state = 'waiting'
    this.#parts.language.load().then(
      () => this.#open(packet),
      (error: unknown) => this.#refuse(this.#answerTo(error)),
    )
  }

  #open(packet: StartupMessage): void {
    if (this.#state === 'closed') return
    try {
      const client = openClient(this.#parts, this.#socket.remote, this.#outbox, packet)
      client.onCopy = () => this.#process()
      this.#client = client
      const secret = greet(client, packet, this.#parts.sessions.host)
      this.#parts.registerCancel(client.session, secret)
      this.#state = 'ready'
      this.#ready(client)
      client.flush()
    } catch (error) {
      this.#refuse(this.#answerTo(error))
      return
    }
    this.#process()
  }

  /** Nothing of a greeting that has failed is for the client. */
  #refuse(error: PolylogError): void {
    this.#outbox.writer.reset()
    this.#fatal(error)
  }
}
