/**
 * A client's conversation: one command at a time, answered in order. A message that is no message ends it, as the server
 * does; a command that fails is answered.
 */
import { ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import { beginTurn } from '../../base/work.ts'
import { BsonWriter } from '../../model/document/bson-writer.ts'
import type { ClientCertificate } from '../../host/host.ts'
import type { Role } from '../../principal/roles.ts'
import type { Session } from '../../session/contract.ts'
import type { Witness } from '../../session/outbox.ts'
import { loginMs, type Connection } from '../connection.ts'
import { step, type Conversation, type Step } from '../gateway.ts'
import type { Reworded } from '../refused-replies.ts'
import { toFailure } from './errors.ts'
import { CommandWitness, execute, writeError } from './execute.ts'
import { inTurns } from './reply.ts'
import { FrameReader, type Frame } from './frames.ts'
import type { SaslConversation } from './commands/login.ts'
import type { GatewayState } from './gateway-state.ts'
import { errorsFor } from './refused-replies.ts'
import type { Request } from './request.ts'
import {
  beginReply,
  endReply,
  maxFirstMessageBytes,
  maxMessageBytes,
  messageSteps,
  parseMessage,
  type Message,
} from './wire.ts'

/** What is shorter is looked through at once. */
const longMessageBytes = 64 * 1024
/** A larger reply leaves in its buffer (`Outbox.append`). */
const keptReplyBytes = 64 * 1024
/** Between two looks of a driver at the server that it does not log in for: ten seconds and a little by default. */
const monitorMs = 60_000
/** A cursor looks into its message as long as it lives: of a buffer larger than this a small one gets its own. */
const sharedBufferBytes = 128 * 1024

/** Of connections that rest, for those that are asked something. */
const spareReplies: BsonWriter[] = []
const mostSpare = 64

export class MongoConversation implements Conversation {
  readonly input: FrameReader = new FrameReader(maxMessageBytes)
  readonly gateway: GatewayState
  /** From the handshake's metadata, `appName=polylog:name`; before that, by the name that the server was called. */
  databaseName: string | undefined
  /** As the client calls itself in the handshake's metadata. */
  #clientName = ''
  #isGreeted = false
  /** Of who is proving who it is. */
  sasl: SaslConversation | undefined
  /** Who it has proved to be. */
  #user: Role | undefined
  /** There were no users when it came. */
  readonly #isTrusted: boolean
  /** The command that waits. */
  running: Request | undefined
  /** Of the last command: its `maxTimeMS`, which ends waiting for the log as well. */
  replyLimitMs = 0
  readonly #connection: Connection
  /** Of the command at hand; made when it has come, and gone with it. */
  #lentReply: BsonWriter | undefined
  #session: Session | undefined
  /** It was asked for and cannot be opened: why is the error of the command that needs it. */
  #cannotOpen = false
  #requestId = 0

  constructor(gateway: GatewayState, connection: Connection) {
    this.gateway = gateway
    this.#connection = connection
    this.#isTrusted = !gateway.sessions.principals.areProved
    this.databaseName = connection.database
  }

  get greeted(): boolean {
    return this.#isGreeted
  }

  /** A command of it was understood. */
  greet(): void {
    if (!this.isIdentified) return
    this.#isGreeted = true
    this.#connection.greet(this.#session?.limits)
  }

  /** It may do more than prove who it is. */
  get isIdentified(): boolean {
    return this.#user !== undefined || this.#isTrusted
  }

  get user(): string | undefined {
    return this.#user?.name
  }

  get certificate(): ClientCertificate | undefined {
    return this.#connection.certificate
  }

  get isExposed(): boolean {
    return this.#connection.isExposed
  }

  /** It has proved who it is. Errors: `too_many_connections`. */
  identify(user: Role): void {
    this.#changeUser(user)
    try {
      void this.session
    } catch (error) {
      // Anything else is the error of the first command.
      if (error instanceof PolylogError && error.code === 'too_many_connections') {
        this.#changeUser(undefined)
        throw error
      }
    }
    this.#connection.identified()
  }

  /** It asks for nothing but whether the server is there, as drivers do on a connection of its own, without end. */
  heard(): void {
    // Not in a place that is kept for those who prove who they are.
    const { areReserved } = this.gateway.sessions.connections
    if (!this.isIdentified && !areReserved) this.#connection.mustLogIn(monitorMs)
  }

  forgetUser(): void {
    this.sasl = undefined
    if (!this.#isTrusted) this.#connection.mustLogIn(loginMs)
    this.#changeUser(undefined)
  }

  #changeUser(user: Role | undefined): void {
    this.#user = user
    this.#session?.close()
    this.#session = undefined
  }

  get id(): number {
    return this.#connection.id
  }

  get hasEnded(): boolean {
    return this.#connection.hasEnded
  }

  /** A fail point closes it without a word. */
  cut(): void {
    this.#connection.cut()
  }

  /** Its own end, as the client has called it. */
  get local(): string {
    return this.#connection.local
  }

  get remote(): string {
    return this.#connection.remote
  }

  /** The session of commands outside of transactions. Throws `undefined_object` for an unknown database. */
  get session(): Session {
    if (this.#session === undefined) {
      const { databaseName, remote } = this
      this.#session = this.gateway.sessions.openSession({
        user: this.#user?.name ?? 'mongodb',
        roleId: this.#user?.id,
        door: 'mongodb',
        remote,
        isConnection: true,
        ...(databaseName !== undefined && { database: databaseName }),
      })
      this.#session.clientName = this.#clientName
      if (this.#isGreeted) this.#connection.greet(this.#session.limits)
      this.#session.keeper = this.#connection
    }
    return this.#session
  }

  get clientName(): string {
    return this.#clientName
  }

  set clientName(name: string) {
    this.#clientName = name
    if (this.#session !== undefined) this.#session.clientName = name
  }

  /** The handshake names another database than the one that an earlier command was answered from. */
  useDatabase(name: string): void {
    if (name === this.databaseName) return
    this.databaseName = name
    this.#session?.close()
    this.#session = undefined
  }

  next(): Step | Promise<void> {
    const opening = this.#openDatabase()
    if (opening !== undefined) return opening
    const frame = this.input.next(this.#limitBytes)
    if (frame === undefined) return step.more
    this.#cannotOpen = false
    const { bytes, start, end } = aloneWhereSmall(frame)
    if (end - start > longMessageBytes) return this.#nextLong(bytes, start, end)
    return this.#carryOut(parseMessage(bytes, start, end))
  }

  /** One that takes more than a turn to look through. */
  async #nextLong(bytes: Uint8Array, start: number, end: number): Promise<void> {
    const steps = messageSteps(bytes, start, end)
    const parse = (): Message | undefined => {
      const step = steps.next()
      return step.done === true ? step.value : undefined
    }
    beginTurn()
    const message = parse() ?? (await inTurns(this.gateway.sessions.host, () => this.#connection.hasEnded, parse))
    if (message !== undefined) await this.#carryOut(message)
  }

  #carryOut(message: Message): Step | Promise<void> {
    const done = execute(this, message, this.#beginReply(message))
    if (!(done instanceof Promise)) {
      this.#answer(message, done)
      return step.done
    }
    return done.then((witness) => {
      this.running = undefined
      this.#answer(message, witness)
    })
  }

  /** The header comes first, so that a long reply leaves in the memory that it was written in. */
  #beginReply({ requestId, isLegacy }: Message): BsonWriter {
    const reply = (this.#lentReply ??= spareReplies.pop() ?? new BsonWriter(new ByteWriter(1024)))
    reply.out.reset()
    beginReply(reply.out, requestId, ++this.#requestId, isLegacy)
    return reply.keepWritten().reset()
  }

  rest(): void {
    const reply = this.#lentReply
    this.#lentReply = undefined
    if (reply !== undefined && spareReplies.length < mostSpare) spareReplies.push(reply)
  }

  /** Before its session is there: one that nobody uses may have been closed since it was asked for. */
  #openDatabase(): Promise<void> | undefined {
    const { databaseName: name } = this
    if (name === undefined || this.#session !== undefined || this.#cannotOpen || !this.isIdentified) return undefined
    return this.gateway.sessions.openDatabase(name)?.catch(() => void (this.#cannotOpen = true))
  }

  get #limitBytes(): number {
    return this.#isGreeted ? Math.min(maxMessageBytes, this.gateway.limits.maxMessageBytes) : maxFirstMessageBytes
  }

  /** A reply in a transaction leaves by itself: its witness ends that transaction where an error stands in for it. */
  #answer(message: Message, witness: Witness): void {
    if (this.#connection.hasEnded) return
    const { outbox } = this.#connection
    if (!message.moreToCome) {
      const leavesAlone = witness instanceof CommandWitness && witness.isInTransaction
      if (leavesAlone) outbox.flush()
      outbox.witness = witness
      if (!outbox.hasRoomFor(this.#lentReply!.out.end)) this.#refuseReply(message)
      const { out } = this.#lentReply!
      endReply(out, 0)
      outbox.append(out)
      if (leavesAlone) outbox.flush()
    }
    if (this.#lentReply!.out.bytes.length > keptReplyBytes) this.#lentReply = undefined
  }

  /** Nobody could keep it if the client did not take it. */
  #refuseReply(message: Message): void {
    this.#lentReply = undefined
    const failure = toFailure(new PolylogError('out_of_memory', 'out of memory: there is no room for the reply'))
    writeError(this.#beginReply(message), failure)
  }

  /** The protocol has no words that answer nothing. */
  refuse(): void {}

  /** A reply in a transaction leaves alone, and its witness ends that transaction (`CommandWitness`). */
  readonly hasOpenBlock = false

  reword(replies: Uint8Array, error: PolylogError): Reworded | undefined {
    const bytes = errorsFor(replies, error)
    return bytes && { bytes, failsBlock: false, isInBlock: false }
  }

  failBlock(): void {}

  leaves(replies: Uint8Array, committedMs: number): void {
    this.gateway.clock.restamp(replies, committedMs)
  }

  cancel(): void {
    this.running?.cancel()
  }

  close(): void {
    this.cancel()
    this.#session?.close()
  }
}

function aloneWhereSmall(frame: Frame): Frame {
  const { bytes, start, end } = frame
  const sizeBytes = end - start
  if (bytes.length <= sharedBufferBytes || 2 * sizeBytes > bytes.length) return frame
  const own = Buffer.allocUnsafeSlow(sizeBytes)
  own.set(bytes.subarray(start, end))
  return { bytes: own, start: 0, end: sizeBytes }
}
