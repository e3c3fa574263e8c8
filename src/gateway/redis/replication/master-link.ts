/**
 * REPLICAOF: this server takes over what a redis-server has, and follows it.
 *
 *   connect ─► PING, AUTH, REPLCONF ─► PSYNC ─┬─ +FULLRESYNC: FLUSHALL, then the keys of an RDB file, as commands ─┬─► commands as
 *                                             └─ +CONTINUE ────────────────────────────────────────────────────────┘   they come
 *
 * Commands become ordinary transactions, of as many as have come (a block of the master's is never divided), each with how far it has
 * followed (`link-state.ts`). So after a crash PSYNC asks for what comes behind the last commit: nothing is lost, and nothing is done
 * twice. While a file is taken in, nothing is remembered: who is interrupted there begins anew.
 *
 * Where the connection is lost it is tried again each second. A command that cannot be carried out ends the link, and is told by INFO
 * and in the log: to go on without it would be another database than the master's.
 */
import { ByteWriter } from '../../../base/bytes.ts'
import type { StatementSteps, Transaction, Wait } from '../../../database/contract.ts'
import { beginInPlace, inPlace } from '../../../database/transaction/wait.ts'
import type { Cancel, Socket } from '../../../host/host.ts'
import { type CommandArgument, FileCommands } from '../../../model/keyvalue/rdb/file-commands.ts'
import { readCommands, readRdb } from '../../../model/keyvalue/rdb/rdb-file.ts'
import { RdbInput } from '../../../model/keyvalue/rdb/rdb-input.ts'
import type { Session } from '../../../session/contract.ts'
import type { Call } from '../call.ts'
import type { Command } from '../command-table.ts'
import { errorLine, isCommandError } from '../errors.ts'
import type { ServerState } from '../server-state.ts'
import { Arguments } from '../wire.ts'
import { LinkClient } from './link-client.ts'
import { type Followed, forgetMaster, type Master, writeFollowed, writeMaster } from './link-state.ts'
import { SocketBytes } from './socket-bytes.ts'

const retryMs = 1000
const acknowledgeMs = 1000
const longestString = 512 * 1024 * 1024
/** Of one transaction. */
const mostCommands = 256
const mostBytes = 1024 * 1024

interface Queued {
  readonly command: Command
  readonly arguments: Arguments
}

/** As ROLE calls it. */
export type LinkStatus = 'connect' | 'connecting' | 'sync' | 'connected'

export class MasterLink {
  readonly master: Master
  status: LinkStatus = 'connect'
  /** Why it follows no longer. */
  failure: string | undefined
  lastReceivedMs = 0
  readonly #server: ServerState
  readonly #session: Session
  readonly #client: LinkClient
  readonly #call: Call
  /** As it is committed. */
  #followed: Followed | undefined
  /** Of the master, and as far as it is read. */
  #id = ''
  #offset = 0
  #isWhole = false
  #queue: Queued[] = []
  #queuedBytes = 0
  #isInBlock = false
  #socket: Socket | undefined
  #timer: Cancel | undefined
  #isStopped = false
  #ended: Promise<void> = Promise.resolve()

  constructor(server: ServerState, database: string, master: Master, followed: Followed | undefined) {
    this.#server = server
    this.master = master
    this.#followed = followed
    const remote = `${master.host}:${master.port}`
    this.#session = server.sessions.openSession({ user: 'polylog', door: 'replication', database, remote })
    this.#client = new LinkClient(this.#session, remote)
    this.#call = server.calls.take(this.#client, this.#session)
  }

  get offset(): number {
    return this.#followed?.offset ?? 0
  }

  get id(): string {
    return this.#followed?.id ?? '0'.repeat(40)
  }

  start(): void {
    this.#ended = this.#follow()
  }

  /** Resolves when nothing more is applied. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.()
    this.#socket?.destroy()
    await this.#ended
    this.#session.close()
  }

  /** Remembers the master, or with `undefined` that there is none. */
  static async remember(session: Session, master: Master | undefined, followed: Followed | undefined): Promise<void> {
    await session.run((tx) => (master === undefined ? forgetMaster(tx) : writeMaster(tx, master, followed)))
  }

  async #follow(): Promise<void> {
    while (!this.#isStopped && this.failure === undefined) {
      try {
        await this.#converse()
      } catch (error) {
        this.#note(error)
      }
      this.status = 'connect'
      this.#socket?.destroy()
      this.#timer?.()
      this.#queue = []
      this.#queuedBytes = 0
      this.#isInBlock = false
      if (!this.#isStopped && this.failure === undefined) await this.#pause()
    }
  }

  #note(error: unknown): void {
    if (this.#isStopped) return
    const { host } = this.#server.sessions
    const message = error instanceof Error ? error.message : String(error)
    if (error instanceof Divergence) this.failure = message
    const { host: name, port } = this.master
    host.log(error instanceof Divergence ? 'error' : 'info', 'the link to a master has ended', {
      master: `${name}:${port}`,
      error: message,
    })
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#server.sessions.host.at(retryMs, resolve)
      this.#timer = () => {
        cancel()
        resolve()
      }
    })
  }

  async #converse(): Promise<void> {
    const { host } = this.#server.sessions
    this.status = 'connecting'
    const socket = await host.network.connect(this.master)
    const source = new SocketBytes(socket)
    this.#socket = socket
    if (this.#isStopped) return
    source.onBytes = () => (this.lastReceivedMs = host.now())
    const input = new RdbInput({ bytes: new Uint8Array(0), start: 0, end: 0 }, longestString, source)
    await this.#run(this.#talk(input, source))
  }

  async #run(steps: Generator<Wait, void, void>): Promise<void> {
    const { host } = this.#server.sessions
    for (let step = steps.next(); step.done !== true && !this.#isStopped; step = steps.next()) {
      if (step.value instanceof Promise) await step.value
      else await new Promise<void>((resolve) => host.turn(resolve))
    }
  }

  *#talk(input: RdbInput, source: SocketBytes): StatementSteps<void> {
    const { settings } = this.#server
    const [user, password] = [settings.text('masteruser'), settings.text('masterauth')]
    if (password !== '') yield* this.#ask(input, 'AUTH', ...(user === '' ? [] : [user]), password)
    yield* this.#ask(input, 'PING')
    yield* this.#ask(input, 'REPLCONF', 'capa', 'eof', 'capa', 'psync2')
    this.#send('PSYNC', this.#followed?.id ?? '?', (this.#followed?.offset ?? -2) + 1)
    const answer = yield* lineOf(input)
    const [word, newId, at] = answer.split(' ')
    let begin: number
    if (word === '+FULLRESYNC') {
      yield* this.#takeAll(input, newId!)
      begin = Number(at)
      yield* this.#whole(begin)
    } else if (word === '+CONTINUE') {
      const { id, offset, database } = this.#followed!
      begin = offset
      this.#id = newId ?? id
      this.#client.database = database
      this.#isWhole = true
    } else throw new Error(`the master answers: ${answer}`)
    const start = input.position
    this.#offset = begin
    this.status = 'connected'
    this.#acknowledge()
    const command = (args: readonly Uint8Array[]): StatementSteps<void> => {
      this.#offset = begin + input.position - start
      return this.#take(args, input.isAtEnd && source.isEmpty)
    }
    yield* readCommands(input, { command })
  }

  *#ask(input: RdbInput, ...args: readonly string[]): StatementSteps<void> {
    this.#send(...args)
    const line = yield* lineOf(input)
    // A master of another version may not know all of REPLCONF.
    if (line.startsWith('-') && args[0] !== 'REPLCONF') throw new Error(`the master answers: ${line}`)
  }

  #send(...args: readonly (string | number)[]): void {
    const words = args.map((arg) => `$${Buffer.byteLength(String(arg))}\r\n${arg}\r\n`).join('')
    this.#socket!.write(Buffer.from(`*${args.length}\r\n${words}`))
  }

  #acknowledge(): void {
    this.#timer?.()
    this.#send('REPLCONF', 'ACK', this.offset)
    const { host } = this.#server.sessions
    const patienceMs = 1000 * this.#server.settings.number('repl-timeout')
    if (host.now() - this.lastReceivedMs > patienceMs) this.#socket?.destroy()
    this.#timer = host.at(acknowledgeMs, () => this.#acknowledge())
  }

  // ---- all that it has

  *#takeAll(input: RdbInput, id: string): StatementSteps<void> {
    const line = yield* lineOf(input)
    const mark = /^\$EOF:([0-9a-f]{40})$/.exec(line)?.[1]
    if (mark === undefined && !/^\$\d+$/.test(line)) throw new Error(`the master answers: ${line}`)
    this.status = 'sync'
    this.#isWhole = false
    this.#id = id
    this.#followed = undefined
    yield MasterLink.remember(this.#session, this.master, undefined)
    this.#client.database = 0
    this.#enqueue(['FLUSHALL'])
    const { host } = this.#server.sessions
    const take = (args: readonly CommandArgument[]): Promise<void> | undefined => {
      this.#enqueue(args)
      return this.#isMuch ? this.#apply() : undefined
    }
    yield* readRdb(input, new FileCommands(take, host.now()))
    if (mark !== undefined && Buffer.from(yield* input.bytes(mark.length)).toString('latin1') !== mark) {
      throw new Error('the file of the master ends elsewhere')
    }
    this.#enqueue(['SELECT', 0])
  }

  *#whole(offset: number): StatementSteps<void> {
    this.#isWhole = true
    this.#offset = offset
    yield this.#apply()
  }

  // ---- what comes

  *#take(args: readonly Uint8Array[], isLast: boolean): StatementSteps<void> {
    const name = Buffer.from(args[0]!).toString('latin1').toLowerCase()
    if (name === 'multi') this.#isInBlock = true
    else if (name === 'exec') this.#isInBlock = false
    else if (name === 'replconf') yield* this.#answerTo()
    else if (name !== 'ping') this.#enqueue(args)
    if (!this.#isInBlock && this.#queue.length > 0 && (isLast || this.#isMuch)) yield this.#apply()
  }

  *#answerTo(): StatementSteps<void> {
    if (this.#queue.length > 0 && !this.#isInBlock) yield this.#apply()
    this.#send('REPLCONF', 'ACK', this.#offset)
  }

  #enqueue(given: readonly CommandArgument[]): void {
    const args = new Arguments()
    for (const arg of given) {
      const bytes = arg instanceof Uint8Array ? arg : Buffer.from(String(arg), 'latin1')
      args.add(bytes, 0, bytes.length)
      this.#queuedBytes += bytes.length
    }
    try {
      this.#queue.push({ command: this.#server.table.resolve(args), arguments: args })
    } catch (error) {
      throw new Divergence(`a command of the master's is not known: ${errorLine(error)}`)
    }
  }

  get #isMuch(): boolean {
    return this.#queue.length >= mostCommands || this.#queuedBytes >= mostBytes
  }

  /** All that is queued, in one transaction. */
  async #apply(): Promise<void> {
    const queue = this.#queue
    this.#queue = []
    this.#queuedBytes = 0
    const place = this.#isWhole ? { id: this.#id, offset: this.#offset } : undefined
    const { database } = this.#client
    const outside = queue.filter(({ command }) => command.data === undefined && command.name !== 'select')
    for (const one of outside) await this.#carryOutOutside(one)
    await this.#session.run(
      (tx) => {
        this.#client.database = database
        return this.#applyTo(tx, queue, place)
      },
      { isAtomic: true },
    )
    if (place !== undefined) this.#followed = { ...place, database: this.#client.database }
  }

  /** FUNCTION LOAD and its like, which make a commit of their own. */
  async #carryOutOutside({ command, arguments: args }: Queued): Promise<void> {
    const call = this.#prepare(command, args)
    try {
      if (command.connection !== undefined) await command.connection(call)
    } catch (error) {
      throw isCommandError(error) ? diverging(command, error) : error
    }
  }

  #prepare(command: Command, args: Arguments): Call {
    const call = this.#call
    call.command = command
    call.arguments = args
    call.mayBlock = false
    call.reply.begin(new ByteWriter(256))
    return call
  }

  *#applyTo(
    tx: Transaction,
    queue: readonly Queued[],
    place: Omit<Followed, 'database'> | undefined,
  ): StatementSteps<void> {
    for (const { command, arguments: args } of queue) {
      if (command.name === 'select') {
        const call = this.#prepare(command, args)
        call.tx = tx
        void command.connection!(call)
      } else if (command.data !== undefined) yield* this.#carryOut(tx, command, args)
    }
    if (place === undefined) return
    const { database } = this.#client
    yield* inPlace(tx, () => writeFollowed(tx, { ...place, database }))
  }

  *#carryOut(tx: Transaction, command: Command, args: Arguments): StatementSteps<void> {
    const call = this.#prepare(command, args)
    try {
      yield* beginInPlace<void>(tx, () => {
        call.tx = tx
        call.reply.restart()
        return call.carryOut(command)
      })
    } catch (error) {
      throw isCommandError(error) ? diverging(command, error) : error
    }
    call.reply.settle()
  }
}

/** What the master does cannot be done here. */
class Divergence extends Error {}

function diverging({ name }: Command, error: unknown): unknown {
  return new Divergence(`${name.toUpperCase()} of the master's: ${errorLine(error)}`)
}

/** Masters send empty lines while they prepare. */
function* lineOf(input: RdbInput): StatementSteps<string> {
  for (;;) {
    const line = yield* input.line()
    if (line !== '') return line
  }
}
