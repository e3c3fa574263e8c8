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
import { charge, isTurnOver } from '../../../base/work.ts'
import { asBatch, isSteps } from '../../../database/transaction/wait.ts'
import type { Rights } from '../../../database/access/rights.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { luaType } from '../../../language/lua/values.ts'
import type { State } from '../../../language/lua/wasm.ts'
import { Call, type Steps } from '../call.ts'
import type { Command } from '../command-table.ts'
import { CommandError, errorLine, isCommandError } from '../errors.ts'
import { noteDenial } from '../denial-log.ts'
import { Denial } from '../permissions.ts'
import { Reply } from '../reply.ts'
import { Arguments } from '../wire.ts'
import type { Interpreter, ScriptArguments, ScriptHost } from './interpreter.ts'
import type { Outcome } from '../../../language/lua/values.ts'
import { ReplyFailure, writeValue } from './replies.ts'
import type { Script } from './script.ts'
import { ScriptClient } from './script-client.ts'

/** `redis.LOG_NOTICE`: what is less is not shown. */
const shownLevel = 2

/** Of a command beside what it charges itself. */
const commandUnits = 3000

/** Looks at a script that cannot stop where it is before it is ended: some hundred milliseconds. */
const mostStuckLooks = 3500

export interface ScriptRequest {
  readonly script: Script
  /** Of the arguments: its first key, and how many there are. What follows them is ARGV. */
  readonly firstKey: number
  readonly keyCount: number
  readonly isReadOnly: boolean
}

/** Carries it out; the reply is written when it ends. */
export function runScript(call: Call, request: ScriptRequest): Steps {
  const run = new ScriptRun(call, request)
  let isDone = false
  try {
    const outcome = run.begin()
    if (outcome === 'stopped') {
      isDone = true
      return goOn(run, call.tx)
    }
    const writing = run.answer(outcome)
    if (writing === undefined) return undefined
    isDone = true
    return toItsEnd(run, writing)
  } finally {
    if (!isDone) run.close()
  }
}

function* toItsEnd(run: ScriptRun, writing: StatementSteps<void>): StatementSteps<void> {
  try {
    yield* writing
  } finally {
    run.close()
  }
}

function* goOn(run: ScriptRun, tx: Transaction): StatementSteps<void> {
  try {
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
  } finally {
    run.close()
  }
}

export class ScriptRun implements ScriptHost {
  /** Before its first command. */
  readonly start: ReturnType<Transaction['savepoint']>
  isKilled = false
  hasWritten = false
  readonly #call: Call
  readonly #request: ScriptRequest
  readonly #interpreter: Interpreter
  readonly #inner: Call
  readonly #client: ScriptClient
  readonly #reply: Reply
  readonly #arguments = new Arguments()
  readonly #outer: Arguments
  readonly #rights: Rights
  #seed: number | undefined
  #thread: State = 0
  #stuckLooks = 0
  #grownBytes = 0

  constructor(call: Call, request: ScriptRequest) {
    this.#call = call
    this.#request = request
    this.#outer = call.arguments
    this.start = call.tx.savepoint()
    call.tx.keepsPages = true
    this.#client = new ScriptClient(call.client)
    this.#rights = call.tx.principal.rights
    this.#interpreter = call.server.scripts.takeInterpreter(this.#rights)
    const { server } = call
    this.#reply = new Reply(server.limits.maxMessageBytes, { errors: 0 })
    this.#reply.serve(call.client.session.memory, 2)
    this.#inner = new Call(server, this.#reply)
    this.#inner.client = this.#client
    this.#inner.arguments = this.#arguments
    call.server.scripts.running.add(this)
  }

  get isBegun(): boolean {
    return this.#thread !== 0
  }

  get rights(): Rights {
    return this.#rights
  }

  get script(): Script {
    return this.#request.script
  }

  begin(): Outcome {
    const { script, firstKey, keyCount } = this.#request
    const interpreter = this.#interpreter
    this.#thread = interpreter.begin(script, this)
    const behind = firstKey + keyCount
    interpreter.setGlobal(this.#thread, 'KEYS', this.#outer, firstKey, behind)
    interpreter.setGlobal(this.#thread, 'ARGV', this.#outer, behind, this.#outer.count)
    return this.resume()
  }

  resume(): Outcome {
    this.#stuckLooks = 0
    return this.#interpreter.machine.resume(this.#thread)
  }

  /** This attempt has been taken back. */
  giveUp(): void {
    this.#thread = 0
    this.hasWritten = false
    this.#interpreter.machine.end()
  }

  /** Writes what it returns, or its error. */
  answer(outcome: Outcome): Steps {
    const { reply } = this.#call
    const { machine } = this.#interpreter
    if (outcome === 'ended') return writeValue(machine, this.#thread, reply, this.#client.protocol)
    reply.error(this.#errorLine())
  }

  #errorLine(): string {
    const { machine } = this.#interpreter
    const { lua } = machine
    const thread = this.#thread
    const place = machine.placeOf(thread)
    let line: string
    if (lua.lua_type(thread, -1) === luaType.table) {
      machine.pushText(thread, 'err')
      lua.lua_rawget(thread, -2)
      line = machine.textAt(thread, -1) ?? 'ERR unknown error'
    } else {
      line = `ERR ${machine.textAt(thread, -1) ?? machine.typeName(thread, -1)}`
    }
    return this.#placed(line, place)
  }

  #placed(line: string, place: { source: string; line: number } | undefined): string {
    const where = place === undefined ? '' : `, on ${place.source}:${place.line}.`
    return where === '' ? line : `${line} script: ${this.script.digest}${where}`
  }

  close(): void {
    const { scripts } = this.#call.server
    scripts.running.delete(this)
    this.#call.tx.keepsPages = false
    this.#reply.settle()
    if (this.#grownBytes > 0) this.#call.client.session.memory.release(this.#grownBytes)
    this.#interpreter.end()
    scripts.giveBack(this.#interpreter)
  }

  // ---- what the interpreter asks

  grown(bytes: number): void {
    this.#call.client.session.memory.charge(bytes, 'a script')
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
    const names = ['info', 'info', 'info', 'error'] as const
    if (level >= shownLevel) this.#call.server.sessions.host.log(names[level]!, 'a script says', { text })
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
    const inner = this.#inner
    const reply = this.#reply
    inner.tx = this.#call.tx
    inner.command = command
    reply.begin(this.#interpreter.written.reset())
    try {
      this.#checkMay(command)
      if (command.data !== undefined) {
        const steps = command.data(inner)
        if (isSteps(steps)) this.#carryOut(steps)
      } else {
        void command.connection!(inner)
      }
    } catch (error) {
      if (error instanceof ReplyFailure || !isCommandError(error)) throw error
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
      if (known === undefined || known.subcommands.size > 0) {
        throw new ReplyFailure(
          known !== undefined && args.count === 1
            ? 'ERR Wrong number of args calling Redis command from script'
            : 'ERR Unknown Redis command called from script',
        )
      }
      throw new ReplyFailure('ERR Wrong number of args calling Redis command from script')
    }
    if (command.flags.includes('noscript')) {
      throw new ReplyFailure('ERR This Redis command is not allowed from script')
    }
    if (this.#request.isReadOnly && !command.readOnly) {
      throw new ReplyFailure('ERR Write commands are not allowed from read-only scripts.')
    }
    return command
  }

  #checkMay(command: Command): void {
    try {
      this.#inner.checkMay(command)
    } catch (error) {
      if (!(error instanceof Denial)) throw error
      noteDenial(this.#call.server, this.#call.client, error.reason, error.object)
      throw new ReplyFailure(
        error.reason === 'command'
          ? "ERR The user executing the script can't run this command or subcommand"
          : "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments",
      )
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
