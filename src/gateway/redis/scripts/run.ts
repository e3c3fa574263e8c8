/**
 * A script within a statement: how it begins, pauses, waits and ends.
 *
 * It is tried at once, as any command is: what one of its commands waits for (a page, a lock) is thrown through it and the
 * whole statement is run again, by the runner, from its savepoint. A script that is still not done when its turn is over stops
 * where it is, lets others have theirs, and goes on; from then on it looks after itself:
 *
 *   first attempt ── ended ──────────────────────────► reply
 *        │ stopped                                       ▲
 *        ▼                                               │ ended
 *   pause ──► resume ── stopped ──► pause …              │
 *        │      └── a wait ──► roll back to the script's savepoint, wait, begin again ──┘
 *
 * Others run meanwhile, which Redis does not do; isolation keeps what the script sees as it was. Each attempt is given the
 * same seed. What a script has written before it failed stays, as in Redis: an error is its reply.
 */
import { latin1ToBytes, sliceOf, sliceToLatin1 } from '../../../base/slice.ts'
import { charge, isTurnOver } from '../../../base/work.ts'
import { asBatch, isSteps } from '../../../database/transaction/wait.ts'
import type { Rights } from '../../../database/access/rights.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import type { LuaMachine, ScriptPlace } from '../../../language/lua/machine.ts'
import { LuaFailure, luaType, type Outcome } from '../../../language/lua/values.ts'
import type { State } from '../../../language/lua/wasm.ts'
import { Call, type Steps } from '../call.ts'
import type { Command } from '../command-table.ts'
import { CommandError, errorLine, isCommandError, noReplicas } from '../errors.ts'
import { noteDenial } from '../denial-log.ts'
import { Denial, type DenialReason } from '../permissions.ts'
import { Reply } from '../reply.ts'
import { ErrorTally } from '../usage.ts'
import { Arguments } from '../wire.ts'
import type { Interpreter, ScriptArguments, ScriptHost } from './interpreter.ts'
import { type Library, type LibraryFunction, readLibrary } from './libraries.ts'
import { outOfMemory } from '../eviction/eviction.ts'
import { ReplyFailure, untilZero, writeValue } from './replies.ts'
import type { Script, ScriptFlag } from './script.ts'
import { ScriptClient } from './script-client.ts'

/** The line of the error on top of the stack of a thread that has failed; it ends at the first zero byte, as in C. */
export function errorOf(machine: LuaMachine, thread: State): string {
  const { lua } = machine
  if (lua.lua_type(thread, -1) !== luaType.table) {
    return `ERR ${untilZero(machine.textAt(thread, -1) ?? machine.typeName(thread, -1))}`
  }
  machine.pushText(thread, 'err')
  lua.lua_rawget(thread, -2)
  return untilZero(machine.textAt(thread, -1) ?? 'ERR unknown error')
}

/** `redis.LOG_NOTICE`: what is less is not shown. */
const shownLevel = 2

/** Of a command beside what it charges itself. */
const commandUnits = 3000

/** Looks at a script that cannot stop where it is before it is ended: some hundred milliseconds. */
export const mostStuckLooks = 3500

const deniedToScripts: Readonly<Record<DenialReason, string>> = {
  command: "can't run this command or subcommand",
  key: "can't access at least one of the keys mentioned in the command arguments",
  channel: "can't publish to the channel mentioned in the command",
}

/** Not data, but what Redis's replicas are told of. */
const reachesOthers: ReadonlySet<string> = new Set(['publish', 'spublish'])

export interface ScriptRequest {
  /** A script, or a function of a library. */
  readonly script: Script | LibraryFunction
  /** As errors call it: its digest, or its name. */
  readonly name: string
  /** Of the arguments: its first key, and how many there are. What follows them is ARGV. */
  readonly firstKey: number
  readonly keyCount: number
  readonly isReadOnly: boolean
}

/** Arguments between two looks at the turn. */
const argumentsPerLook = 64
const argumentUnits = 150
const longArgumentBytes = 1024

const mostCalled = 1024

/** What a script, or a library that is loaded, says by `redis.log`. */
export function logFrom(call: Call, level: number, text: string): void {
  const names = ['info', 'info', 'info', 'error'] as const
  if (level >= shownLevel) call.server.sessions.host.log(names[level]!, 'a script says', { text })
}

/** What it says of itself. */
function flagsOf(script: ScriptRequest['script']): readonly ScriptFlag[] | undefined {
  return 'library' in script ? script.facts.flags : script.flags
}

/** Carries it out; the reply is written when it ends. */
export function runScript(call: Call, request: ScriptRequest): Steps {
  const { server, client } = call
  if (server.monitors.areOn) server.monitors.show(call.command, call.arguments, client.database, client.remote)
  const run = new ScriptRun(call, request)
  let rest: Steps
  try {
    const outcome = run.begin()
    rest = outcome === 'stopped' ? goOn(run, call.tx) : run.answer(outcome)
  } catch (error) {
    run.close()
    throw error
  }
  if (rest !== undefined) return toItsEnd(run, rest)
  run.close()
}

function* toItsEnd(run: ScriptRun, rest: StatementSteps<void>): StatementSteps<void> {
  try {
    yield* rest
  } finally {
    run.close()
  }
}

function* goOn(run: ScriptRun, tx: Transaction): StatementSteps<void> {
  run.stopped()
  let outcome: Outcome = 'stopped'
  while (outcome === 'stopped') {
    yield undefined
    try {
      outcome = asBatch(() => (run.isBegun ? run.resume() : run.begin()))
    } catch (error) {
      const wait = tx.waitOf(error, run.start)
      run.giveUp()
      if (wait !== undefined) yield wait
    }
  }
  const writing = run.answer(outcome)
  if (writing !== undefined) yield* writing
}

/** What fails before the script runs, as where there is no memory for what it is given, is its command's error. */
function orRefused(run: () => Outcome): Outcome {
  try {
    return run()
  } catch (error) {
    if (error instanceof LuaFailure) throw new CommandError(`ERR ${error.message}`)
    throw error
  }
}

export class ScriptRun implements ScriptHost {
  /** Before its first command. */
  readonly start: ReturnType<Transaction['savepoint']>
  /** Of who runs it. */
  readonly rights: Rights
  isKilled = false
  /** When it first let others have their turn. */
  startedMs: number | undefined
  hasWritten = false
  readonly #call: Call
  readonly #request: ScriptRequest
  readonly #interpreter: Interpreter
  readonly #inner: Call
  readonly #client: ScriptClient
  readonly #reply: Reply
  readonly #arguments = new Arguments()
  readonly #outer: Arguments
  /** As it began. */
  readonly #isOutOfMemory: boolean
  #seed: number | undefined
  #thread: State = 0
  /** The library that is being loaded before its function can run. */
  #loading: Library | undefined
  /** The next argument to become a value of KEYS or ARGV. */
  #nextArgument = 0
  #called: Command[] = []
  /** Of the keys so far. */
  #slot = -1
  #stuckLooks = 0
  #grownBytes = 0

  constructor(call: Call, request: ScriptRequest) {
    const { server } = call
    this.#call = call
    this.#request = request
    this.#outer = call.arguments
    this.start = call.tx.savepoint()
    call.tx.keepsPages = true
    this.#client = new ScriptClient(call.client)
    this.rights = call.tx.principal.rights
    this.#interpreter = server.scripts.takeInterpreter(this.rights)
    this.#reply = new Reply(server.limits.maxMessageBytes, new ErrorTally())
    this.#reply.serve(call.client.session, 2)
    this.#inner = new Call(server, this.#reply)
    this.#inner.client = this.#client
    this.#inner.arguments = this.#arguments
    const flags = flagsOf(request.script)
    this.#isOutOfMemory = flags?.includes('allow-oom') !== true && server.eviction.isOver(call.client.session)
    server.scripts.running.add(this)
  }

  get isBegun(): boolean {
    return this.#thread !== 0
  }

  stopped(): void {
    this.startedMs = this.#call.server.now()
  }

  /** Whether it is a function of a library, which FUNCTION KILL ends. */
  get isFunction(): boolean {
    return 'library' in this.#request.script
  }

  get name(): string {
    return this.#request.name
  }

  /** Its command's arguments, in latin1. */
  get words(): readonly string[] {
    return Array.from({ length: this.#outer.count }, (_, at) => sliceToLatin1(this.#outer.at(at)))
  }

  begin(): Outcome {
    return orRefused(() => {
      const { script } = this.#request
      if (!('library' in script)) this.#beginFilling(this.#interpreter.begin(script, this))
      else if (!this.#beginFunction(script)) this.#beginLoad(script)
      return this.#goOn()
    })
  }

  /** Goes on as far as the turn reaches: with the library's code, with KEYS and ARGV, with the script. */
  resume(): Outcome {
    return orRefused(() => this.#goOn())
  }

  #goOn(): Outcome {
    this.#stuckLooks = 0
    const { machine } = this.#interpreter
    if (this.#loading !== undefined) {
      const outcome = machine.resume(this.#thread)
      if (outcome !== 'ended') return outcome
      this.#endLoad(this.#loading)
    }
    if (this.#nextArgument > 0) {
      if (!this.#fill()) return 'stopped'
      return machine.resume(this.#thread, this.isFunction ? machine.lua.lua_gettop(this.#thread) - 1 : 0)
    }
    return machine.resume(this.#thread)
  }

  /** Whether the interpreter has its library. */
  #beginFunction({ library, facts }: LibraryFunction): boolean {
    const reference = this.#interpreter.functionOf(library, facts.name)
    if (reference === undefined) return false
    this.#beginFilling(this.#interpreter.beginFunction(reference, this))
    return true
  }

  #beginLoad({ library }: LibraryFunction): void {
    this.#loading = library
    this.#thread = this.#interpreter.beginLoad(readLibrary(sliceOf(latin1ToBytes(library.code))), this)
  }

  #endLoad(library: Library): void {
    this.#loading = undefined
    this.#interpreter.endLoad(library)
    this.#beginFunction(this.#request.script as LibraryFunction)
  }

  #beginFilling(thread: State): void {
    const { firstKey, keyCount } = this.#request
    const { lua } = this.#interpreter.machine
    this.#thread = thread
    lua.lua_createtable(thread, keyCount, 0)
    lua.lua_createtable(thread, this.#outer.count - firstKey - keyCount, 0)
    this.#nextArgument = firstKey
  }

  /** Of KEYS and ARGV, which are on top of the stack; whether they are whole. */
  #fill(): boolean {
    const { machine } = this.#interpreter
    const { lua } = machine
    const { firstKey, keyCount } = this.#request
    const thread = this.#thread
    const args = this.#outer
    const behind = firstKey + keyCount
    for (let at = this.#nextArgument; at < args.count; at++) {
      if (at % argumentsPerLook === 0) {
        charge(argumentUnits * argumentsPerLook)
        if (isTurnOver() && at > this.#nextArgument) {
          this.#nextArgument = at
          return false
        }
      }
      const argument = args.at(at)
      if (argument.end - argument.start > longArgumentBytes) charge(argument.end - argument.start)
      machine.pushBytes(thread, argument)
      if (at < behind) lua.lua_rawseti(thread, -3, at - firstKey + 1)
      else lua.lua_rawseti(thread, -2, at - behind + 1)
    }
    this.#nextArgument = 0
    if (!this.isFunction) this.#interpreter.setGlobals(thread)
    return true
  }

  /** This attempt has been taken back. */
  giveUp(): void {
    if (this.#loading !== undefined) this.#interpreter.endLoad()
    this.#loading = undefined
    this.#thread = 0
    this.hasWritten = false
    this.#called = []
    this.#interpreter.machine.end()
  }

  /** Writes what it returns, or its error. */
  answer(outcome: Outcome): Steps {
    this.#countCalls()
    const { reply } = this.#call
    const { machine } = this.#interpreter
    if (outcome === 'ended') return writeValue(machine, this.#thread, reply, this.#client.protocol)
    this.#call.command.usage.failed++
    reply.error(this.#errorLine())
  }

  #errorLine(): string {
    const { machine } = this.#interpreter
    const place = machine.placeOf(this.#thread)
    return this.#placed(errorOf(machine, this.#thread), place)
  }

  #placed(line: string, place: ScriptPlace | undefined): string {
    if (place === undefined) return line
    return `${line} script: ${this.#request.name}, on ${place.source}:${place.line}.`
  }

  /** Counted once the attempt is the last one. */
  #noteCall(command: Command): void {
    if (this.#called.push(command) === mostCalled) this.#countCalls()
  }

  #countCalls(): void {
    for (const { usage } of this.#called) usage.calls++
    this.#called = []
  }

  close(): void {
    const { scripts } = this.#call.server
    scripts.running.delete(this)
    if (this.#loading !== undefined) this.#interpreter.endLoad()
    this.#call.tx.keepsPages = false
    this.#reply.settle()
    if (this.#grownBytes > 0) this.#call.client.session.account.release(this.#grownBytes)
    this.#interpreter.end()
    scripts.giveBack(this.#interpreter)
  }

  // ---- what the interpreter asks

  grown(bytes: number): void {
    this.#call.client.session.account.charge(bytes, 'a script')
    this.#grownBytes += bytes
  }

  look(isStuck: boolean): void {
    if (this.isKilled) throw this.#killed()
    if (!isStuck) return
    this.#stuckLooks++
    if (this.#stuckLooks < mostStuckLooks) return
    throw new CommandError(
      this.#placed(
        'ERR the script has run too long within a metamethod or a callback, where it cannot pause',
        this.#interpreter.machine.placeOf(this.#thread),
      ),
    )
  }

  #killed(): CommandError {
    const place = this.#interpreter.machine.placeOf(this.#thread)
    return new CommandError(this.#placed('ERR Script killed by user with SCRIPT KILL.', place))
  }

  seed(): number {
    return (this.#seed ??= this.#call.server.scripts.nextSeed())
  }

  setProtocol(version: 2 | 3): void {
    this.#client.protocol = version
    this.#reply.protocol = version
  }

  log(level: number, text: string): void {
    logFrom(this.#call, level, text)
  }

  mayRun(given: ScriptArguments): boolean {
    const args = new Arguments()
    given.writeTo(args)
    let command: Command
    try {
      command = this.#call.server.table.resolve(args)
    } catch {
      throw new ReplyFailure('ERR Invalid command passed to redis.acl_check_cmd()')
    }
    this.#inner.arguments = args
    this.#inner.tx = this.#call.tx
    try {
      this.#inner.checkMay(command)
      return true
    } catch (error) {
      if (error instanceof Denial) return false
      throw error
    } finally {
      this.#inner.arguments = this.#arguments
    }
  }

  command(given: ScriptArguments): Uint8Array {
    const args = this.#arguments
    args.clear()
    given.writeTo(args)
    const command = this.#resolve(args)
    charge(commandUnits)
    this.#noteCall(command)
    const { monitors, watching } = this.#call.server
    if (monitors.areOn) monitors.show(command, args, this.#client.database, 'lua')
    if (watching.isOn && command.flags.includes('readonly')) {
      const { firstKey, keyCount } = this.#request
      watching.rememberKeys(this.#client, this.#outer, firstKey, keyCount)
    }
    const inner = this.#inner
    const reply = this.#reply
    inner.tx = this.#call.tx
    inner.command = command
    reply.begin(this.#interpreter.written.reset())
    try {
      this.#checkMay(command)
      if (command.data !== undefined) {
        const steps = inner.carryOut(command)
        if (isSteps(steps)) this.#carryOut(steps)
      } else {
        void command.connection!(inner)
      }
    } catch (error) {
      if (error instanceof ReplyFailure || !isCommandError(error)) throw error
      command.usage.failed++
      reply.restart()
      reply.error(errorLine(error))
    }
    if (!command.readOnly) this.hasWritten = true
    return this.#written()
  }

  #resolve(args: Arguments): Command {
    const { table } = this.#call.server
    let command: Command
    try {
      command = table.resolve(args)
    } catch {
      const known = table.find(args.at(0))
      const isNamed = known !== undefined && (known.subcommands.size === 0 || args.count === 1)
      throw new ReplyFailure(
        isNamed
          ? 'ERR Wrong number of args calling Redis command from script'
          : 'ERR Unknown Redis command called from script',
      )
    }
    if (command.flags.includes('noscript')) {
      throw new ReplyFailure('ERR This Redis command is not allowed from script')
    }
    if (this.#request.isReadOnly && (!command.readOnly || reachesOthers.has(command.name))) {
      throw new ReplyFailure('ERR Write commands are not allowed from read-only scripts.')
    }
    if (this.#call.server.replicas.areLacking && !command.readOnly) throw new ReplyFailure(noReplicas)
    this.#checkSlot(command, args)
    return command
  }

  /** In a cluster, what says nothing of itself may use keys of any slots. */
  #checkSlot(command: Command, args: Arguments): void {
    const { cluster } = this.#call.server
    if (cluster === undefined) return
    if (flagsOf(this.#request.script)?.includes('allow-cross-slot-keys') !== false) return
    try {
      this.#slot = cluster.checkSlot(command, args, this.#slot)
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      throw new ReplyFailure('ERR Script attempted to access keys that do not hash to the same slot')
    }
  }

  #checkMay(command: Command): void {
    // What has begun to write goes on.
    if (command.mayGrow && this.#isOutOfMemory && !this.hasWritten) throw new ReplyFailure(outOfMemory().message)
    try {
      this.#inner.checkMay(command)
    } catch (error) {
      if (!(error instanceof Denial)) throw error
      noteDenial(this.#call.server, this.#call.client, error.reason, error.object)
      throw new ReplyFailure(`ERR The user executing the script ${deniedToScripts[error.reason]}`)
    }
  }

  /** To the end of a command that takes many turns: there is no way to stop in the middle of one. */
  #carryOut(steps: StatementSteps<void>): void {
    for (let step = steps.next(); step.done !== true; step = steps.next()) {
      if (step.value !== undefined) throw step.value
      if (isTurnOver()) this.look(true)
    }
  }

  #written(): Uint8Array {
    const reply = this.#reply
    const { pieces } = reply
    if (pieces.length === 1) return reply.writer.bytes
    return Buffer.concat(pieces.map(({ bytes, end }) => bytes.subarray(0, end)))
  }
}
