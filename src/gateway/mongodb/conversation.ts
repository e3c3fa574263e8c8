/**
 * A client's conversation: one command at a time, answered in order. A message that is no message ends it, as the server
 * does; a command that fails is answered.
 */
import { ByteWriter } from '../../base/bytes.ts'
import { BsonWriter } from '../../model/document/bson-writer.ts'
import type { Session } from '../../session/contract.ts'
import type { StandIn, Witness } from '../../session/outbox.ts'
import type { Connection } from '../connection.ts'
import { step, type Conversation, type Step } from '../gateway.ts'
import { CommandWitness, execute } from './execute.ts'
import { FrameReader } from './frames.ts'
import type { GatewayState } from './gateway-state.ts'
import type { Request } from './request.ts'
import { errorsFor } from './stand-in.ts'
import { beginReply, endReply, maxFirstMessageBytes, maxMessageBytes, parseMessage, type Message } from './wire.ts'

/** A scratch buffer that grew for a large reply is not kept. */
const keptReplyBytes = 1024 * 1024

export class MongoConversation implements Conversation {
  readonly input: FrameReader = new FrameReader(maxMessageBytes)
  readonly gateway: GatewayState
  /** From the handshake's metadata: `appName=polylog:name`. */
  databaseName: string | undefined
  #isGreeted = false
  /** The command that waits. */
  running: Request | undefined
  readonly #connection: Connection
  #reply = new BsonWriter(new ByteWriter(1024))
  #session: Session | undefined
  /** That was asked to be opened. */
  #openedDatabase: string | undefined
  #requestId = 0

  constructor(gateway: GatewayState, connection: Connection) {
    this.gateway = gateway
    this.#connection = connection
  }

  get greeted(): boolean {
    return this.#isGreeted
  }

  /** A command of it was understood. */
  greet(): void {
    this.#isGreeted = true
    this.#connection.greet()
  }

  get id(): number {
    return this.#connection.id
  }

  get remote(): string {
    return this.#connection.remote
  }

  /** The session of commands outside of transactions. Throws `undefined_object` for an unknown database. */
  get session(): Session {
    if (this.#session === undefined) {
      const { databaseName, remote } = this
      this.#session = this.gateway.sessions.openSession({
        user: 'mongodb',
        door: 'mongodb',
        remote,
        ...(databaseName !== undefined && { database: databaseName }),
      })
    }
    return this.#session
  }

  /** The handshake names another database than the one that an earlier command was answered from. */
  useDatabase(name: string): void {
    if (name === this.databaseName) return
    this.databaseName = name
    this.#session?.close()
    this.#session = undefined
  }

  next(): Step | Promise<void> {
    // Why it cannot be opened is the error of the command that needs it.
    const opening = this.#openDatabase()?.catch(() => undefined)
    if (opening !== undefined) return opening
    const frame = this.input.next(this.#limitBytes)
    if (frame === undefined) return step.more
    const message = parseMessage(frame.bytes, frame.start, frame.end)
    const done = execute(this, message, this.#reply.reset())
    if (!(done instanceof Promise)) {
      this.#answer(message, done)
      return step.done
    }
    return done.then((witness) => {
      this.running = undefined
      this.#answer(message, witness)
    })
  }

  #openDatabase(): Promise<void> | undefined {
    const name = this.databaseName
    if (name === this.#openedDatabase || name === undefined) return undefined
    this.#openedDatabase = name
    return this.gateway.sessions.openDatabase(name)
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
      const out = outbox.writerFor(witness)
      const start = beginReply(out, message.requestId, ++this.#requestId, message.isLegacy)
      out.slice(this.#reply.out)
      endReply(out, start)
      if (leavesAlone) outbox.flush()
    }
    if (this.#reply.out.bytes.length > keptReplyBytes) this.#reply = new BsonWriter(new ByteWriter(1024))
  }

  /** The protocol has no words that answer nothing. */
  refuse(): void {}

  standInFor(): StandIn {
    return errorsFor
  }

  cancel(): void {
    this.running?.session.cancel()
  }

  close(): void {
    this.cancel()
    this.#session?.close()
  }
}
