/**
 * One client's commands, one after another.
 *
 * Each runs in the session and writes its reply into the outbox. The reply of one that must wait (a lock, a pause of its
 * statement) grows in a buffer beside, while the replies before it leave, and comes in when the command is done.
 *
 * Invariant: a statement that runs again has left nothing in the reply.
 */
import type { PolylogError } from '../../base/errors.ts'
import { unlimited } from '../../database/access/rights.ts'
import type { RunOptions, Session, SessionOptions } from '../../session/contract.ts'
import { answerTo } from '../../session/faults.ts'
import { type Connection, noEncryption } from '../connection.ts'
import { step, type Conversation, type Step } from '../gateway.ts'
import { Timeout } from '../timeout.ts'
import type { Reworded } from '../refused-replies.ts'
import { type Refusal, refusalOf } from './admission.ts'
import { type BlockedCommand, runBlocking } from './blocked-command.ts'
import type { Call } from './call.ts'
import type { Client, ClientRole } from './client.ts'
import { ConnectedClient } from './connected-client.ts'
import type { Command } from './command-table.ts'
import { noteDenial } from './denial-log.ts'
import { CommandError, errorLine } from './errors.ts'
import { mayNeedMemory } from './eviction/eviction.ts'
import { Parties } from './parties.ts'
import type { QueuedCommands } from './queue.ts'
import { Denial } from './permissions.ts'
import { errorsFor } from './refused-replies.ts'
import type { Reply } from './reply.ts'
import type { ServerState } from './server-state.ts'
import {
  beforeLogin,
  httpWords,
  immediate,
  isOpenToAll,
  refusalWhileListening,
  tellsOfRequest,
  worded,
} from './request-rules.ts'
import { Unasked } from './unasked.ts'
import type { Tracking } from './watching/tracking.ts'
import { Watches } from './watches.ts'
import { parsed } from './wire.ts'

const readOnlyRun: RunOptions = { readOnly: true }
const writingRun: RunOptions = { isAtomic: true }

export class RedisConversation extends ConnectedClient implements Client, Conversation {
  session: Session
  database = 0
  homeDatabase: string | undefined
  /** What its commands are answered: it is not there, or not for the user `default`. */
  #homeFailure: string | undefined
  isExemptFromEviction = false
  touchesNothing = false
  lastCommand = ''
  #queue: QueuedCommands | undefined
  #isGreeted = false
  #isIdentified = false
  readonly #server: ServerState
  // Made for who needs them: most do not.
  #watches: Watches | undefined
  #parties: Parties | undefined
  #timeout: Timeout | undefined
  /** The command that waits for data. */
  #blocked: BlockedCommand | undefined
  #unasked: Unasked | undefined
  /** Its command waits for the end of CLIENT PAUSE. */
  #isPaused = false
  /** Lent, as long as anything is carried out. */
  #lent: Call | undefined
  #protocol = 2

  constructor(server: ServerState, connection: Connection) {
    super(connection, server.parsers)
    this.#server = server
    this.homeDatabase = connection.database
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

  get unasked(): Unasked {
    return (this.#unasked ??= new Unasked(this.#server, this.connection, this))
  }

  get tracking(): Tracking | undefined {
    return this.#unasked?.tracking
  }

  get subscriptionCount(): number {
    return this.#unasked?.subscriptionCount ?? 0
  }

  get #call(): Call {
    return (this.#lent ??= this.#server.calls.take(this, this.connection))
  }

  get #reply(): Reply {
    return this.#call.reply
  }

  rest(): void {
    this.giveInput()
    if (this.#lent === undefined) return
    this.#server.calls.give(this.#lent)
    this.#lent = undefined
  }

  get isIdentified(): boolean {
    return this.#isIdentified
  }

  identify(): void {
    this.#isIdentified = true
    this.connection.identified()
    this.meet()
  }

  #mustIdentify(): void {
    const { principals } = this.#server.sessions
    this.#isIdentified = !principals.areProved || isOpenToAll(principals.find('default'))
  }

  get role(): ClientRole {
    return this.#unasked?.role ?? 'client'
  }

  get isBlocked(): boolean {
    return this.#isPaused || this.isParked || this.session.waitsFor !== undefined || this.#parties?.isBlocked === true
  }

  get memoryBytes(): number {
    return this.connection.chargedBytes + this.session.chargedBytes
  }

  get queue(): QueuedCommands | undefined {
    return this.#queue
  }

  get isAlone(): boolean {
    return this.#queue === undefined && this.session.status === 'none'
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
    session.describer = this
    session.keeper = this.connection
    return session
  }

  /** Its name and its key, or what stands there. */
  describeStatement(): string {
    const { arguments: args } = this.input
    return args.count > 1 ? `${this.lastCommand} ${this.#call.shownFirst()}` : this.lastCommand
  }

  openDatabase(name: string): Promise<void> | undefined {
    return this.#server.sessions.openDatabase(name)
  }

  next(): Step | Promise<void> {
    if (this.connection.isExposed && !this.#isIdentified) return this.#refuseExposed()
    const { homeDatabase } = this
    if (homeDatabase !== undefined && this.#isIdentified && this.#homeFailure === undefined) {
      return this.#goHome(homeDatabase)
    }
    const found = this.input.next()
    this.meet()
    if (found === parsed.more) return step.more
    if (found === parsed.request) return this.#takeRequest() ?? this.#whole()
    if (found === parsed.pause) return this.#pause()
    this.#reply.begin(this.connection.outbox.writer)
    this.#reply.error(`ERR Protocol error: ${this.input.error}`)
    this.connection.endAfterReplies()
    return step.done
  }

  /** Whatever it was answered. */
  #whole(): Step {
    if (this.#unasked?.leavesOut(this.lastCommand) === true) this.#reply.restart()
    this.#unasked?.answered()
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
    this.#reply.begin(this.connection.outbox.writer)
    this.#reply.error(`DENIED ${noEncryption}`)
    this.connection.endAfterReplies()
    return step.done
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#server.sessions.host.turn(resolve))
  }

  // ---- one command

  /** Whose first words name a command is no stranger, also where a long argument is still on its way. */
  meet(): void {
    if (this.#isGreeted || !this.#isIdentified) return
    const args = this.input.arguments
    if (args.count === 0 || this.#server.table.find(args.at(0)) === undefined) return
    this.#isGreeted = true
    this.connection.greet(this.session.limits)
  }

  #takeRequest(): void | Promise<void> {
    const args = this.input.arguments
    const call = this.#call
    call.arguments = args
    this.#reply.begin(this.connection.outbox.writer)
    this.#unasked?.begin()
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
    const refusal = this.#protocol === 2 && this.subscriptionCount > 0 ? refusalWhileListening(command.name) : undefined
    if (refusal !== undefined) {
      this.#refuseCommand(refusal)
      return undefined
    }
    const failure = this.#isIdentified ? this.#homeFailure : 'NOAUTH Authentication required.'
    if (failure !== undefined && !beforeLogin.has(command.name)) {
      this.#reply.error(failure)
      return undefined
    }
    const refused = this.#server.mayRefuse(command) ? refusalOf(this.#server, command, args, this) : undefined
    if (refused !== undefined) return this.#refuse(command, refused)
    return this.#mustPause(command) ? this.#whenMayBegin(command) : this.#carryOut(command)
  }

  /** CLIENT PAUSE. */
  #whenMayBegin(command: Command): Promise<void> {
    const over = async (): Promise<void> => {
      this.#isPaused = true
      while (this.#mustPause(command) && !this.hasEnded) await this.#server.pause.over()
      this.#isPaused = false
    }
    return this.#after(over(), () => this.#carryOut(command))
  }

  #mustPause(command: Command): boolean {
    return this.#server.pause.isOn && this.#server.pause.concerns(this.#call, command)
  }

  /** It has to wait before it begins. */
  async #after<T>(over: Promise<T>, run: (found: T) => void | Promise<void>): Promise<void> {
    this.#unasked?.answered()
    const found = await over
    if (this.hasEnded) return
    this.#reply.begin(this.connection.outbox.writer)
    this.#unasked?.begin()
    await run(found)
    this.#whole()
  }

  #carryOut(command: Command): void | Promise<void> {
    if (this.#server.eviction.limitBytes > 0 && mayNeedMemory(command, this.queue)) return this.#runWithRoom(command)
    return this.#take(command)
  }

  #take(command: Command): void | Promise<void> {
    if (this.queue === undefined || immediate.has(command.name)) return this.#run(command)
    this.#enqueue(command, this.queue)
    return undefined
  }

  // ---- maxmemory

  #runWithRoom(command: Command): void | Promise<void> {
    const room = this.#server.eviction.room(this.session)
    if (!(room instanceof Promise)) return this.#runUnless(room, command)
    return this.#after(room, (refusal) => this.#runUnless(refusal, command))
  }

  /** A script runs: what it calls may be refused. */
  #runUnless(refusal: CommandError | undefined, command: Command): void | Promise<void> {
    if (refusal === undefined || (command.isScript && this.queue === undefined)) return this.#take(command)
    return this.#refuse(command, { error: refusal, isWhole: false })
  }

  #refuse({ name }: Command, { error, isWhole }: Refusal): undefined {
    const aborted = name === 'exec' ? this.#refuseBlock(error) : error
    this.#refuseCommand(isWhole ? error : aborted)
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
    const startedUs = this.#server.startTiming(command)
    let result: void | Promise<void>
    try {
      if (command.lasts) result = this.#runLasting(command)
      else if (command.connection !== undefined) result = this.#runOutside(command)
      else {
        const options = command.readOnly ? readOnlyRun : writingRun
        if (command.blocks) result = runBlocking(call, this.session, options, this)
        else result = this.session.run(call.statement, options)
      }
    } catch (error) {
      this.#fail(error)
      this.#finish()
      this.#server.endTiming(command, this.input.arguments, this, startedUs)
      return undefined
    }
    if (result instanceof Promise) return this.#await(result, startedUs)
    if (!this.connection.hasEnded) this.#finish()
    this.#server.endTiming(command, this.input.arguments, this, startedUs)
    return undefined
  }

  waitsAs(blocked: BlockedCommand | undefined): void {
    this.#blocked = blocked
  }

  /** Ends the wait of its command as if its time were over, or with the error; false where none waits. */
  unblock(error?: CommandError): boolean {
    return this.#blocked?.stop(error) === true
  }

  get isParked(): boolean {
    return this.#blocked !== undefined
  }

  /** The reply is whole. */
  #finish(): void {
    const { outbox } = this.connection
    if (this.#unasked?.leavesOut(this.lastCommand) === true) this.#reply.restart()
    if (this.#reply.isDetached) for (const piece of this.#reply.pieces) outbox.append(piece)
    this.#reply.settle()
    this.#unasked?.answered()
  }

  #runLasting(command: Command): void | Promise<void> {
    const lasts = command.name !== 'exec' || this.queue?.commands.some((queued) => queued.command.lasts) === true
    const result = this.#runOutside(command)
    if (!lasts) return result
    const note = (): void => this.connection.outbox.noteLasting()
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
    this.#call.command.usage.failed++
    this.#reply.restart()
    this.#reply.error(errorLine(this.#answerTo(error)))
  }

  #answerTo(error: unknown): unknown {
    if (error instanceof Denial) noteDenial(this.#server, this, error.reason, error.object)
    return error instanceof CommandError ? error : answerTo(this.#server.sessions.host, 'redis', error)
  }

  /** The command has not ended: its reply goes on beside, and comes in when it has. */
  #await(result: Promise<void>, startedUs: number): Promise<void> {
    this.#reply.detach()
    const { command } = this.#call
    const sinceUs = startedUs < 0 ? this.#server.sessions.host.monotonic() : startedUs
    this.#unasked?.detached()
    let isTimedOut = false
    const { statementTimeoutMs } = this.session.limits
    // Who waits for data has said for how long.
    if (statementTimeoutMs > 0 && this.#blocked === undefined) {
      this.#timeout ??= new Timeout(this.#server.sessions.host)
      this.#timeout.start(statementTimeoutMs, () => {
        isTimedOut = true
        this.cancel()
      })
    }
    const end = (): void => {
      this.#timeout?.stop()
      if (!this.connection.hasEnded) this.#finish()
      this.#server.endTiming(command, this.input.arguments, this, sinceUs)
    }
    return result.then(end, (error: unknown) => {
      if (!this.connection.hasEnded) this.#fail(isTimedOut ? worded(error) : error)
      end()
    })
  }

  /** `statement_timeout` of its role or its database, which ends waiting for the log as well. */
  get replyLimitMs(): number {
    return this.session.limits.statementTimeoutMs
  }

  // ---- a full disk

  /** What a MULTI holds that is open would have to be told as failed, too; of messages nobody must be told so. */
  get canReword(): boolean {
    return this.queue === undefined && this.subscriptionCount === 0
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

  closeAfterReplies(): void {
    this.connection.endAfterReplies()
  }

  /**
   * For a command that has not answered yet: the replies so far wait for what the session before has seen, those from now
   * on for what the next one has.
   */
  changeSession(change: { user?: string; roleId?: number | undefined; database?: string }): void {
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
    next.clientName = this.name
    this.session = next
    this.#unasked?.moveTo(next.hub)
    const { outbox } = this.connection
    outbox.witness = next
    if (this.#isGreeted) this.connection.greet(next.limits)
    if (!this.#reply.isDetached) this.#reply.begin(outbox.writer)
  }

  reset(): void {
    this.queue = undefined
    this.#watches?.clear(this.session)
    this.keepName('name', '')
    this.database = 0
    this.protocol = 2
    this.isExemptFromEviction = this.touchesNothing = false
    this.#unasked?.reset()
    this.#mustIdentify()
    const { database } = this.session
    this.#goOnWith(this.#openSession({ database, isConnection: this.#isIdentified, instead: this.session }))
  }

  kill(): void {
    this.connection.cut()
  }

  // ---- the end

  /** Of what leaves unasked a client would think that it answers its next command: only what ends it is told. */
  refuse(error: PolylogError): void {
    if (!tellsOfRequest.has(error.code)) return
    this.#reply.begin(this.connection.outbox.writer)
    this.#reply.error(errorLine(error))
  }

  cancel(): void {
    this.session.cancel()
    this.#parties?.cancel()
  }

  close(): void {
    this.#timeout?.stop()
    this.#blocked?.close()
    this.#server.clients.delete(this.id)
    this.#unasked?.close()
    this.queue = undefined
    this.#parties?.close()
    this.session.close()
  }
}
