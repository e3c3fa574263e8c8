/**
 * A client's connection: cuts the stream into messages, runs one command at a time, and answers in order.
 *
 * Several messages of one chunk are answered with one flush. While a command waits, the socket is not read further than
 * one message ahead. A message that is no message closes the connection, as the server does; a command that fails is
 * answered.
 */
import { PolylogError } from '../../base/errors.ts'
import { nothingSeen, Outbox, type Witness } from '../../session/outbox.ts'
import type { Cancel, Socket } from '../../host/host.ts'
import type { Session } from '../../session/contract.ts'
import { ByteWriter } from '../../base/bytes.ts'
import { BsonWriter } from '../../model/document/bson-writer.ts'
import { CommandWitness, execute } from './execute.ts'
import { FrameReader } from './frames.ts'
import type { GatewayState } from './gateway-state.ts'
import { errorsFor } from './stand-in.ts'
import { beginReply, endReply, maxFirstMessageBytes, maxMessageBytes, parseMessage, type Message } from './wire.ts'

/** A scratch buffer that grew for a large reply is not kept. */
const keptReplyBytes = 1024 * 1024

/** From our end of the connection to its close, whatever the other side does. */
const lingerMs = 1000

export class MongoConnection {
  readonly id: number
  readonly remote: string
  readonly gateway: GatewayState
  /** From the handshake's metadata: `appName=polylog:name`. */
  databaseName: string | undefined
  greeted = false
  readonly #socket: Socket
  readonly #outbox: Outbox
  readonly #frames = new FrameReader()
  readonly #onClose: () => void
  #reply = new BsonWriter(new ByteWriter(1024))
  #session: Session | undefined
  #busy = false
  #closed = false
  #finishing = false
  #isRefused = false
  #lingering: Cancel | undefined
  #requestId = 0

  constructor(socket: Socket, gateway: GatewayState, id: number, onClose: () => void) {
    this.id = id
    this.remote = socket.remote
    this.gateway = gateway
    this.#socket = socket
    this.#onClose = onClose
    this.#outbox = new Outbox(
      socket,
      nothingSeen,
      () => this.destroy(),
      () => errorsFor,
    )
    socket.onData = (chunk) => this.receive(chunk)
    socket.onEnd = () => this.finish()
    socket.onClose = () => this.#ended()
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

  get hasSession(): boolean {
    return this.#session !== undefined
  }

  receive(chunk: Uint8Array): void {
    if (this.#closed || this.#isRefused) return
    this.#frames.push(chunk)
    if (this.#busy) {
      if (this.#frames.pendingBytes > this.gateway.limits.maxPendingOutputBytes) this.#socket.pause()
      return
    }
    this.#process()
  }

  #process(): void {
    try {
      while (!this.#busy && !this.#closed && this.#takeOne());
    } catch (error) {
      if (!(error instanceof PolylogError)) throw error
      this.#refuse()
      return
    }
    this.#outbox.flush()
    if (this.#finishing && !this.#busy) this.#end()
  }

  #takeOne(): boolean {
    const frame = this.#frames.next(this.#limitBytes)
    if (frame === undefined) return false
    this.#handle(parseMessage(frame.bytes, frame.start, frame.end))
    return true
  }

  get #limitBytes(): number {
    return this.greeted ? Math.min(maxMessageBytes, this.gateway.limits.maxMessageBytes) : maxFirstMessageBytes
  }

  #handle(message: Message): void {
    const done = execute(this, message, this.#reply.reset())
    if (!(done instanceof Promise)) {
      this.#answer(message, done)
      this.#awaitRoom()
      return
    }
    this.#busy = true
    done.then(
      (witness) => {
        this.#answer(message, witness)
        this.#goOn()
      },
      (error: unknown) => this.#crash(error),
    )
  }

  /** Behind a command that waited, or a reader that is slow. */
  #goOn(): void {
    this.#busy = false
    if (this.#closed) return
    this.#socket.resume()
    this.#awaitRoom()
    if (!this.#busy) this.#process()
    else this.#outbox.flush()
  }

  #awaitRoom(): void {
    const room = this.#outbox.roomBelow(this.gateway.limits.maxPendingOutputBytes)
    if (room === undefined) return
    this.#busy = true
    void room.then(() => this.#goOn())
  }

  /** A reply in a transaction leaves by itself: its witness ends that transaction where an error stands in for it. */
  #answer(message: Message, witness: Witness): void {
    if (this.#closed) return
    if (!message.moreToCome) {
      const leavesAlone = witness instanceof CommandWitness && witness.isInTransaction
      if (leavesAlone) this.#outbox.flush()
      const out = this.#outbox.writerFor(witness)
      const start = beginReply(out, message.requestId, ++this.#requestId, message.isLegacy)
      out.slice(this.#reply.out)
      endReply(out, start)
      if (leavesAlone) this.#outbox.flush()
    }
    if (this.#reply.out.bytes.length > keptReplyBytes) this.#reply = new BsonWriter(new ByteWriter(1024))
  }

  /** Only a broken invariant gets here: it must reach the host. */
  #crash(error: unknown): void {
    this.destroy()
    this.gateway.sessions.host.fatal(error instanceof Error ? error : new Error(String(error)))
  }

  /** No message: what was answered leaves, then the connection closes. */
  #refuse(): void {
    this.#isRefused = true
    this.#finishing = true
    this.#end()
  }

  /** No more commands come; what runs is answered. */
  finish(): void {
    this.#finishing = true
    if (!this.#busy) this.#end()
  }

  #end(): void {
    if (this.#closed) return
    this.#outbox.afterwards(() => {
      this.#socket.end()
      // The other side may never end its half.
      if (!this.#closed) this.#lingering ??= this.gateway.sessions.host.at(lingerMs, () => this.destroy())
    })
  }

  destroy(): void {
    this.#socket.destroy()
    this.#ended()
  }

  #ended(): void {
    if (this.#closed) return
    this.#closed = true
    this.#lingering?.()
    this.#outbox.close()
    this.#session?.close()
    this.#onClose()
  }
}
