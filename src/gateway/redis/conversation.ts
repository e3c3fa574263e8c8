/**
 * One client's commands, one after another.
 *
 * Each runs in the session and writes its reply into the outbox. The reply of one that must wait (a lock, a pause of its
 * statement) grows in a buffer beside, while the replies before it leave, and comes in when the command is done.
 *
 * Invariant: a statement that runs again has left nothing in the reply.
 */
import { type ErrorCode, PolylogError } from '../../base/errors.ts'
import type { MemoryAccount } from '../../base/memory-account.ts'
import { unlimited } from '../../database/access/rights.ts'
import type { RunOptions, Session, SessionOptions } from '../../session/contract.ts'
import type { Role } from '../../principal/roles.ts'
import { answerTo } from '../../session/faults.ts'
import { type Connection, noEncryption } from '../connection.ts'
import { step, type Conversation, type Step } from '../gateway.ts'
import { Timeout } from '../timeout.ts'
import type { Reworded } from '../refused-replies.ts'
import type { Call } from './call.ts'
import type { Client, ClientName } from './client.ts'
import type { Command } from './command-table.ts'
import { noteDenial } from './denial-log.ts'
import { CommandError, errorLine } from './errors.ts'
import { Parties } from './parties.ts'
import type { QueuedCommands } from './queue.ts'
import { Denial } from './permissions.ts'
import { errorsFor } from './refused-replies.ts'
import type { Reply } from './reply.ts'
import type { ServerState } from './server-state.ts'
import { Watches } from './watches.ts'
import { parsed, RequestParser } from './wire.ts'

const readOnlyRun: RunOptions = { readOnly: true }
const writingRun: RunOptions = { isAtomic: true }

/** Run at once also between MULTI and EXEC. */
const immediate: ReadonlySet<string> = new Set(['multi', 'exec', 'discard', 'watch', 'quit', 'reset'])

/** What may be asked before it is known who asks. */
const beforeLogin: ReadonlySet<string> = new Set(['auth', 'hello', 'quit', 'reset'])

/** What a browser sends when a page makes it talk to us; Redis closes such connections, too. */
const httpWords: ReadonlySet<string> = new Set(['post', 'host:'])

/** What a client has brought about by what it sent last. */
const tellsOfRequest: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'internal',
  'out_of_memory',
  'too_large',
  'too_many_connections',
])

/** As in Redis: who says nothing is the user `default`, where that needs no password. */
function isOpenToAll(role: Role | undefined): boolean {
  return role?.login === true && role.redis?.isOpen === true
}

export class RedisConversation implements Client, Conversation {
  readonly input: RequestParser
  session: Session
  name = ''
  libraryName = ''
  libraryVersion = ''
  database = 0
  homeDatabase: string | undefined
  /** What its commands are answered: it is not there, or not for the user `default`. */
  #homeFailure: string | undefined
  isExemptFromEviction = false
  lastCommand = ''
  #queue: QueuedCommands | undefined
  #isGreeted = false
  #isIdentified = false
  readonly #server: ServerState
  readonly #connection: Connection
  // Made for who needs them: most do not.
  #watches: Watches | undefined
  #parties: Parties | undefined
  #names: MemoryAccount | undefined
  #timeout: Timeout | undefined
  /** Lent, as long as anything is carried out. */
  #lent: Call | undefined
  #protocol = 2

  constructor(server: ServerState, connection: Connection) {
    this.#server = server
    this.#connection = connection
    this.homeDatabase = connection.database
    this.input = new RequestParser(server.limits.maxMessageBytes)
    this.input.onMany = () => this.#meet()
    this.session = this.#openSession({ isConnection: !server.sessions.principals.areProved })
    connection.outbox.witness = this.session
    server.clients.set(this.id, this)
    this.#mustIdentify()
  }

  get watches(): Watches {
    return (this.#watches ??= new Watches())
  }

  get parties(): Parties {
    return (this.#parties ??= new Parties(() => this.#openParty()))
  }

  get #call(): Call {
    return (this.#lent ??= this.#server.calls.take(this, this.#connection.memory))
  }

  get #reply(): Reply {
    return this.#call.reply
  }

  rest(): void {
    if (this.#lent === undefined) return
    this.#server.calls.give(this.#lent)
    this.#lent = undefined
  }

  get isIdentified(): boolean {
    return this.#isIdentified
  }

  get hasEnded(): boolean {
    return this.#connection.hasEnded
  }

  identify(): void {
    this.#isIdentified = true
    this.input.isOfKnown = true
    this.#connection.identified()
    this.#meet()
  }

  #mustIdentify(): void {
    const { principals } = this.#server.sessions
    this.#isIdentified = !principals.areProved || isOpenToAll(principals.find('default'))
    this.input.isOfKnown = this.#isIdentified
  }

  get id(): number {
    return this.#connection.id
  }

  get remote(): string {
    return this.#connection.remote
  }

  get openedMs(): number {
    return this.#connection.openedMs
  }

  get lastActiveMs(): number {
    return this.#connection.lastActiveMs
  }

  get isBlocked(): boolean {
    return this.session.waitsFor !== undefined || this.#parties?.isBlocked === true
  }

  get receivedBytes(): number {
    return this.input.bufferedBytes
  }

  get pendingBytes(): number {
    return this.#connection.outbox.pendingBytes
  }

  get memoryBytes(): number {
    return this.#connection.memory.usedBytes + this.session.memory.usedBytes
  }

  get queue(): QueuedCommands | undefined {
    return this.#queue
  }

  set queue(queue: QueuedCommands | undefined) {
    this.#queue?.close()
    this.#queue = queue
  }

  get protocol(): number {
    return this.#protocol
  }

  set protocol(version: number) {
    this.#protocol = version
    this.#reply.protocol = version
  }

  #openParty(): Session {
    const { session } = this
    return this.#openSession({ user: session.user, database: session.database, beside: session })
  }

  #openSession(options: Partial<SessionOptions>): Session {
    const session = this.#server.sessions.openSession({
      user: 'default',
      ...options,
      door: 'redis',
      remote: this.remote,
    })
    session.describeStatement = () => this.#describeCommand()
    session.onTerminated = (reason) => this.#connection.fail(reason)
    return session
  }

  /** Its name and its key, or what stands there. */
  #describeCommand(): string {
    const { arguments: args } = this.input
    return args.count > 1 ? `${this.lastCommand} ${this.#call.shownFirst()}` : this.lastCommand
  }

  openDatabase(name: string): Promise<void> | undefined {
    return this.#server.sessions.openDatabase(name)
  }

  next(): Step | Promise<void> {
    if (this.#connection.isExposed && !this.#isIdentified) return this.#refuseExposed()
    const { homeDatabase } = this
    if (homeDatabase !== undefined && this.#isIdentified && this.#homeFailure === undefined) {
      return this.#goHome(homeDatabase)
    }
    const found = this.input.next()
    this.#meet()
    if (found === parsed.more) return step.more
    if (found === parsed.request) return this.#takeRequest() ?? step.done
    if (found === parsed.pause) return this.#pause()
    this.#reply.begin(this.#connection.outbox.writer)
    this.#reply.error(`ERR Protocol error: ${this.input.error}`)
    this.#connection.endAfterReplies()
    return step.done
  }

  /** Of who need not prove who it is, before its first command. */
  async #goHome(database: string): Promise<void> {
    try {
      await this.openDatabase(database)
      if (!this.hasEnded) this.changeSession({ database })
    } catch (error) {
      this.#homeFailure = errorLine(this.#answerTo(error))
    }
  }

  /** Before a command is looked at: its first one may hold the password, and the next ones would hold data. */
  #refuseExposed(): Step {
    this.#reply.begin(this.#connection.outbox.writer)
    this.#reply.error(`DENIED ${noEncryption}`)
    this.#connection.endAfterReplies()
    return step.done
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#server.sessions.host.turn(resolve))
  }

  // ---- one command

  /** Whose first words name a command is no stranger, also where a long argument is still on its way. */
  #meet(): void {
    if (this.#isGreeted || !this.#isIdentified) return
    const args = this.input.arguments
    if (args.count === 0 || this.#server.table.find(args.at(0)) === undefined) return
    this.#isGreeted = true
    this.#connection.greet(this.session.limits)
  }

  #takeRequest(): void | Promise<void> {
    const args = this.input.arguments
    const call = this.#call
    call.arguments = args
    this.#reply.begin(this.#connection.outbox.writer)
    let command: Command
    try {
      command = this.#server.table.resolve(args)
    } catch (error) {
      if (args.count > 0 && httpWords.has(call.option(0).toLowerCase())) {
        this.kill()
        return undefined
      }
      this.#refuseCommand(error)
      return undefined
    }
    this.lastCommand = command.name
    if (!this.#isIdentified && !beforeLogin.has(command.name)) {
      this.#reply.error('NOAUTH Authentication required.')
      return undefined
    }
    if (this.#homeFailure !== undefined && !beforeLogin.has(command.name)) {
      this.#reply.error(this.#homeFailure)
      return undefined
    }
    if (this.queue === undefined || immediate.has(command.name)) return this.#run(command)
    this.#enqueue(command, this.queue)
    return undefined
  }

  /** An error before the command ran: between MULTI and EXEC it dooms the block. */
  #refuseCommand(error: unknown): void {
    if (this.queue !== undefined) this.queue.isDoomed = true
    this.#reply.error(errorLine(this.#answerTo(error)))
  }

  /** It would have to be waited for. */
  #isLogin({ name }: Command): boolean {
    return (name === 'auth' || name === 'hello') && this.#server.sessions.principals.areProved
  }

  #enqueue(command: Command, queue: QueuedCommands): void {
    if (command.notInMulti || this.#isLogin(command)) {
      this.#refuseCommand(new CommandError('ERR Command not allowed inside a transaction'))
      return
    }
    // As Redis since 6.2: what EXEC will refuse is not kept.
    if (queue.isDoomed) {
      this.#reply.status('QUEUED')
      return
    }
    const limit = this.#server.limits.maxMessageBytes
    try {
      this.#checkMay(command)
      if (queue.add(command, this.#call.arguments, limit)) this.#reply.status('QUEUED')
      else this.#refuseCommand(new CommandError(`ERR the commands since MULTI are larger than ${limit} bytes`))
    } catch (error) {
      this.#refuseCommand(error)
    }
  }

  #run(command: Command): void | Promise<void> {
    const call = this.#call
    call.command = command
    let result: void | Promise<void>
    try {
      if (command.lasts) result = this.#runLasting(command)
      else if (command.connection !== undefined) result = this.#runOutside(command)
      else result = this.session.run(call.statement, command.readOnly ? readOnlyRun : writingRun)
    } catch (error) {
      this.#fail(error)
      this.#finish()
      return undefined
    }
    if (result instanceof Promise) return this.#await(result)
    if (!this.#connection.hasEnded) this.#finish()
    return undefined
  }

  /** The reply is whole. */
  #finish(): void {
    const { outbox } = this.#connection
    if (this.#reply.isDetached) for (const piece of this.#reply.pieces) outbox.append(piece)
    this.#reply.settle()
  }

  #runLasting(command: Command): void | Promise<void> {
    const lasts = command.name !== 'exec' || this.queue?.commands.some((queued) => queued.command.lasts) === true
    const result = this.#runOutside(command)
    if (!lasts) return result
    const note = (): void => this.#connection.outbox.noteLasting()
    note()
    return result instanceof Promise ? result.finally(note) : undefined
  }

  #runOutside(command: Command): void | Promise<void> {
    try {
      this.#checkMay(command)
    } catch (error) {
      throw command.name === 'exec' ? this.#refuseBlock(error) : error
    }
    return command.connection!(this.#call)
  }

  /** EXEC ends its block even so. */
  #refuseBlock(error: unknown): CommandError {
    this.queue = undefined
    this.#watches?.clear(this.session)
    return new CommandError(`EXECABORT Transaction discarded because of: ${errorLine(this.#answerTo(error))}`)
  }

  /** Of what runs outside of a statement, or later. Errors: `Denial`. */
  #checkMay(command: Command): void {
    if (!this.#isIdentified) return
    const { session } = this
    const { rights } = session
    // Not before it is needed: who looks at the catalog waits for all that it tells of.
    if (rights === unlimited) return
    const { catalog } = session
    this.#server.permissionsOf(rights).check(catalog, this.database, command, this.#call.arguments)
  }

  #fail(error: unknown): void {
    this.#reply.restart()
    this.#reply.error(errorLine(this.#answerTo(error)))
  }

  #answerTo(error: unknown): unknown {
    if (error instanceof Denial) noteDenial(this.#server, this, error.reason, error.object)
    return error instanceof CommandError ? error : answerTo(this.#server.sessions.host, 'redis', error)
  }

  /** The command has not ended: its reply goes on beside, and comes in when it has. */
  #await(result: Promise<void>): Promise<void> {
    this.#reply.detach()
    let isTimedOut = false
    const { statementTimeoutMs } = this.session.limits
    if (statementTimeoutMs > 0) {
      this.#timeout ??= new Timeout(this.#server.sessions.host)
      this.#timeout.start(statementTimeoutMs, () => {
        isTimedOut = true
        this.cancel()
      })
    }
    const end = (): void => {
      this.#timeout?.stop()
      if (!this.#connection.hasEnded) this.#finish()
    }
    return result.then(end, (error: unknown) => {
      if (!this.#connection.hasEnded) this.#fail(isTimedOut ? worded(error) : error)
      end()
    })
  }

  /** `statement_timeout` of its role or its database, which ends waiting for the log as well. */
  get replyLimitMs(): number {
    return this.session.limits.statementTimeoutMs
  }

  // ---- a full disk

  /** What a MULTI holds that is open would have to be told as failed, too. */
  get canReword(): boolean {
    return this.queue === undefined
  }

  get hasOpenBlock(): boolean {
    return this.session.status === 'open'
  }

  reword(replies: Uint8Array, error: PolylogError): Reworded | undefined {
    const bytes = errorsFor(replies, errorLine(error))
    return bytes && { bytes, failsBlock: true, isInBlock: false }
  }

  failBlock(): void {
    if (this.hasOpenBlock) this.session.fail()
    this.#parties?.fail()
  }

  // ---- what commands ask of the connection

  keepName(which: ClientName, value: string): void {
    this.#names ??= this.#connection.memory.child('the names of a client', { quantumBytes: 4096 })
    this.#names.resize(2 * this[which].length, 2 * value.length)
    this[which] = value
    this.session.report.clientName = this.name
  }

  closeAfterReplies(): void {
    this.#connection.endAfterReplies()
  }

  /**
   * For a command that has not answered yet: the replies so far wait for what the session before has seen, those from now
   * on for what the next one has.
   */
  changeSession(change: { user?: string; database?: string }): void {
    const last = this.session
    const { user, database } = last
    // Another role may have its name by now.
    const roleId = change.user === undefined ? last.identity.ownRoleId : undefined
    this.#goOnWith(this.#openSession({ user, roleId, database, isConnection: true, instead: last, ...change }))
    if (change.database === undefined) return
    this.homeDatabase = undefined
    this.#homeFailure = undefined
  }

  #goOnWith(next: Session): void {
    const last = this.session
    next.durability = last.durability
    this.#parties?.close()
    last.close()
    next.report.clientName = this.name
    this.session = next
    const { outbox } = this.#connection
    outbox.witness = next
    if (this.#isGreeted) this.#connection.greet(next.limits)
    if (!this.#reply.isDetached) this.#reply.begin(outbox.writer)
  }

  reset(): void {
    this.queue = undefined
    this.#watches?.clear(this.session)
    this.keepName('name', '')
    this.database = 0
    this.protocol = 2
    this.isExemptFromEviction = false
    this.#mustIdentify()
    const { database } = this.session
    this.#goOnWith(this.#openSession({ database, isConnection: this.#isIdentified, instead: this.session }))
  }

  kill(): void {
    this.#connection.cut()
  }

  // ---- the end

  /** Of what leaves unasked a client would think that it answers its next command: only what ends it is told. */
  refuse(error: PolylogError): void {
    if (!tellsOfRequest.has(error.code)) return
    this.#reply.begin(this.#connection.outbox.writer)
    this.#reply.error(errorLine(error))
  }

  cancel(): void {
    this.session.cancel()
    this.#parties?.cancel()
  }

  close(): void {
    this.#timeout?.stop()
    this.#server.clients.delete(this.id)
    this.queue = undefined
    this.#parties?.close()
    this.session.close()
  }
}

/** Of a command that took longer than `statement_timeout`. */
function worded(error: unknown): unknown {
  if (!(error instanceof PolylogError) || error.code !== 'canceled') return error
  return new PolylogError('timeout', 'canceling statement due to statement timeout', { cause: error })
}
