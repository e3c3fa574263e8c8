/**
 * One connection: bytes in, commands one after another, replies out.
 *
 * A chunk of pipelined commands is carried out in one go: each runs in the session and writes its reply into the outbox;
 * at the end of the chunk the outbox is flushed, and holds them until what any of them has seen is durable. A command that
 * must wait (a lock, a pause of its statement) stops the loop: the replies before it leave, its own grows in a buffer
 * beside, and the loop goes on when it is done. Meanwhile bytes gather, up to a limit at which the socket is not read.
 *
 * Invariants: replies leave in the order of commands; one command runs at a time; a statement that runs again has left
 * nothing in the reply; nothing of a command is seen by the client before what the command has seen is durable.
 */
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import type { Socket } from '../../host/host.ts'
import type { RunOptions, Session } from '../../session/contract.ts'
import { answerTo } from '../../session/faults.ts'
import { Outbox, type StandIn } from '../../session/outbox.ts'
import { Call } from './call.ts'
import type { Client } from './client.ts'
import type { Command } from './command-table.ts'
import { CommandError, errorLine } from './errors.ts'
import { Parties } from './parties.ts'
import type { QueuedCommands } from './queue.ts'
import { Reply } from './reply.ts'
import type { ServerState } from './server-state.ts'
import { errorsFor } from './stand-in.ts'
import { Watches } from './watches.ts'
import { parsed, RequestParser } from './wire.ts'

const readOnlyRun: RunOptions = { readOnly: true }
const writingRun: RunOptions = {}

/** Bytes that may gather behind a command that waits. */
const maxWaitingBytes = 1024 * 1024

/** Run at once also between MULTI and EXEC. */
const immediate: ReadonlySet<string> = new Set(['multi', 'exec', 'discard', 'watch', 'quit', 'reset'])

/** What a browser sends when a page makes it talk to us; Redis closes such connections, too. */
const httpWords: ReadonlySet<string> = new Set(['post', 'host:'])

export class Connection implements Client {
  readonly id: number
  readonly remote: string
  readonly openedMs: number
  readonly watches: Watches = new Watches()
  readonly parties: Parties
  name = ''
  libraryName = ''
  libraryVersion = ''
  database = 0
  isExemptFromEviction = false
  lastCommand = ''
  lastActiveMs: number
  queue: QueuedCommands | undefined
  readonly #server: ServerState
  readonly #socket: Socket
  readonly #parser: RequestParser
  readonly #outbox: Outbox<Session>
  readonly #reply: Reply
  readonly #call: Call
  readonly #onClose: () => void
  /** A command has not ended yet, or replies have no room. */
  #busy = false
  #paused = false
  /** Nothing more is carried out. */
  #ending = false
  /** The client sends nothing more; what it has sent is still carried out. */
  #inputEnded = false
  #closed = false
  #command: Command | undefined
  /** Number of the outbox's chunk that tells of a command that `lasts`, or of a block with one. */
  #lastingIn = -1

  constructor(server: ServerState, socket: Socket, onClose: () => void) {
    this.#server = server
    this.#socket = socket
    this.#onClose = onClose
    this.id = server.nextClientId()
    this.remote = socket.remote
    this.openedMs = server.now()
    this.lastActiveMs = this.openedMs
    this.#parser = new RequestParser(server.limits.maxMessageBytes)
    this.#outbox = new Outbox(
      socket,
      this.#openSession({}),
      () => this.kill(),
      (chunk) => this.#standInFor(chunk),
    )
    this.parties = new Parties(() => this.#openParty())
    this.#reply = new Reply(this.#outbox.writer, 4 * server.limits.maxMessageBytes)
    this.#call = new Call(this, server, this.#reply)
    socket.onData = (chunk) => this.receive(chunk)
    socket.onEnd = () => this.#endInput()
    socket.onClose = () => this.#close()
    server.clients.set(this.id, this)
  }

  get protocol(): number {
    return this.#reply.protocol
  }

  set protocol(version: number) {
    this.#reply.protocol = version
  }

  get session(): Session {
    return this.#outbox.witness
  }

  #openParty(): Session {
    const { session } = this
    return this.#openSession({ user: session.user, database: session.database, beside: session })
  }

  #openSession(options: { user?: string; database?: string; beside?: Session }): Session {
    return this.#server.sessions.openSession({ user: 'default', ...options, door: 'redis', remote: this.remote })
  }

  // ---- bytes in

  receive(chunk: Uint8Array): void {
    this.lastActiveMs = this.#server.now()
    this.#parser.push(chunk)
    if (!this.#busy) this.#carryOn()
    else if (this.#parser.bufferedBytes > maxWaitingBytes && !this.#paused) {
      this.#paused = true
      this.#socket.pause()
    }
  }

  /** Carries out what has been received, until a command must wait. */
  #carryOn(): void {
    while (!this.#busy && !this.#closed) {
      const found = this.#parser.next()
      if (found === parsed.more) break
      if (found === parsed.error) {
        this.#reply.begin(this.#outbox.writer)
        this.#reply.error(`ERR Protocol error: ${this.#parser.error}`)
        this.#ending = true
      } else {
        this.#takeRequest()
      }
      if (this.#ending && !this.#busy) break
      this.#awaitRoom()
    }
    if (!this.#closed) this.#outbox.flush()
    if ((this.#ending || this.#inputEnded) && !this.#busy) this.#end()
  }

  #endInput(): void {
    this.#inputEnded = true
    if (!this.#busy) this.#end()
  }

  /** A client that does not read its replies is not served until it does. */
  #awaitRoom(): void {
    const limit = this.#server.limits.maxPendingOutputBytes
    if (this.#busy || this.#outbox.pendingBytes < limit) return
    const room = this.#outbox.roomBelow(limit)
    if (room === undefined) return
    this.#busy = true
    void room.then(() => this.#resume())
  }

  #resume(): void {
    this.#busy = false
    if (this.#closed) return
    if (this.#paused) {
      this.#paused = false
      this.#socket.resume()
    }
    this.#carryOn()
  }

  // ---- one command

  #takeRequest(): void {
    const args = this.#parser.arguments
    const call = this.#call
    call.arguments = args
    this.#server.commandsProcessed++
    this.#reply.begin(this.#outbox.writer)
    let command: Command
    try {
      command = this.#server.table.resolve(args)
    } catch (error) {
      if (args.count > 0 && httpWords.has(call.text(0).toLowerCase())) {
        this.kill()
        return
      }
      this.#refuse(error)
      return
    }
    this.lastCommand = command.name
    if (this.queue === undefined || immediate.has(command.name)) this.#run(command)
    else this.#enqueue(command, this.queue)
  }

  /** An error before the command ran: between MULTI and EXEC it dooms the block. */
  #refuse(error: unknown): void {
    if (this.queue !== undefined) this.queue.isDoomed = true
    this.#reply.error(errorLine(this.#answerTo(error)))
  }

  #enqueue(command: Command, queue: QueuedCommands): void {
    if (command.notInMulti) {
      this.#refuse(new CommandError('ERR Command not allowed inside a transaction'))
    } else if (queue.add(command, this.#call.arguments, this.#server.limits.maxMessageBytes)) {
      this.#reply.status('QUEUED')
    } else {
      const limit = this.#server.limits.maxMessageBytes
      this.#refuse(new CommandError(`ERR the commands since MULTI are larger than ${limit} bytes`))
    }
  }

  #run(command: Command): void {
    this.#command = command
    let result: void | Promise<void>
    try {
      if (command.lasts) result = this.#runLasting(command)
      else if (command.connection !== undefined) result = command.connection(this.#call)
      else result = this.session.run(this.#statement, command.readOnly ? readOnlyRun : writingRun)
    } catch (error) {
      this.#fail(error)
      return
    }
    if (result instanceof Promise) this.#await(result)
  }

  #runLasting(command: Command): void | Promise<void> {
    const lasts = command.name !== 'exec' || this.queue?.commands.some((queued) => queued.command.lasts) === true
    const result = command.connection!(this.#call)
    if (!lasts) return result
    const note = (): void => void (this.#lastingIn = this.#outbox.chunk)
    note()
    return result instanceof Promise ? result.finally(note) : undefined
  }

  readonly #statement = (tx: Transaction): void | StatementSteps<void> => {
    this.#call.tx = tx
    this.#reply.restart()
    return this.#command!.data!(this.#call)
  }

  #fail(error: unknown): void {
    this.#reply.restart()
    this.#reply.error(errorLine(this.#answerTo(error)))
  }

  #answerTo(error: unknown): unknown {
    return error instanceof CommandError ? error : answerTo(this.#server.sessions.host, 'redis', error)
  }

  /** The command has not ended: its reply goes on beside, and comes in when it has. */
  #await(result: Promise<void>): void {
    this.#busy = true
    this.#reply.detach()
    this.#outbox.flush()
    void result
      .catch((error: unknown) => {
        if (!this.#closed) this.#fail(error)
      })
      .then(() => {
        if (this.#closed) return
        this.#outbox.writer.slice(this.#reply.writer)
        this.#resume()
      })
      .catch((error: unknown) => this.#server.sessions.host.fatal(error as Error))
  }

  // ---- a full disk

  /** Nothing fits where a client would be told that what lasts has failed, or what its open block holds. */
  #standInFor(chunk: number): StandIn | undefined {
    if (chunk === this.#lastingIn || this.queue !== undefined) return undefined
    return (replies, error) => {
      const { session } = this
      const isOpen = session.status === 'open'
      const errors = isOpen && this.#busy ? undefined : errorsFor(replies, errorLine(error))
      if (errors === undefined) return undefined
      if (isOpen) session.fail()
      this.parties.fail()
      return errors
    }
  }

  // ---- what commands ask of the connection

  closeAfterReplies(): void {
    this.#ending = true
    if (!this.#busy) this.#end()
  }

  /**
   * For a command that has not answered yet: the replies so far wait for what the session before has seen, those from now
   * on for what the next one has.
   */
  changeSession(change: { user?: string; database?: string }): void {
    const last = this.session
    const next = this.#openSession({ user: last.user, database: last.database, ...change })
    next.durability = last.durability
    this.parties.close()
    last.close()
    this.#outbox.witness = next
    this.#reply.begin(this.#outbox.writer)
  }

  reset(): void {
    this.queue = undefined
    this.watches.clear(this.session)
    this.name = ''
    this.database = 0
    this.protocol = 2
    this.isExemptFromEviction = false
    this.changeSession({ user: 'default' })
  }

  kill(): void {
    this.#socket.destroy()
    this.#close()
  }

  // ---- the end

  #end(): void {
    if (this.#closed) return
    this.#outbox.afterwards(() => this.#socket.end())
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#server.clients.delete(this.id)
    this.#outbox.close()
    this.parties.close()
    this.session.close()
    this.#onClose()
  }
}
