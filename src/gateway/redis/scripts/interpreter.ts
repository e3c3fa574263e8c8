/**
 * An interpreter with what Redis gives its scripts: `redis`, `cjson`, `cmsgpack`, `struct`, `bit`. It runs one script at a time,
 * on behalf of its `run`.
 *
 * `redis.call` carries the command out within the script's transaction, at once: its reply is written as for a client, and
 * read again as values of Lua. What the command has to wait for ends the attempt, since nothing can wait inside of
 * WebAssembly: `ScriptRun` tells how it goes on.
 */
import { ByteWriter } from '../../../base/bytes.ts'
import type { Slice } from '../../../base/slice.ts'
import { bitLibrary } from '../../../language/lua/libraries/bit.ts'
import { cmsgpackLibrary } from '../../../language/lua/libraries/cmsgpack.ts'
import { createCjson } from '../../../language/lua/libraries/cjson.ts'
import { structLibrary } from '../../../language/lua/libraries/struct.ts'
import type { LuaFunction, LuaMachine } from '../../../language/lua/machine.ts'
import { LuaFailure, luaType, registry } from '../../../language/lua/values.ts'
import { createSandbox } from '../../../language/lua/sandbox.ts'
import type { State } from '../../../language/lua/wasm.ts'
import { formatDouble } from '../../../model/keyvalue/double-text.ts'
import { CommandError } from '../errors.ts'
import type { Arguments } from '../wire.ts'
import { Drand } from './drand.ts'
import { pushErrorTable, ReplyFailure, ReplyPusher, untilZero } from './replies.ts'
import type { Library, LibraryText } from './libraries.ts'
import { LibraryScope, type Registered } from './library-scope.ts'
import { digestOf, type Script } from './script.ts'
import { serverVersion, serverVersionNumber } from '../version.ts'

/** What one interpreter may grow to. */
const mostBytes = 96 * 1024 * 1024
/** With which it begins, of which most is not touched. */
const firstBytes = 16 * 1024 * 1024

/** Of compiled scripts that one interpreter keeps, and of libraries. */
const mostChunks = 256
const mostLibraries = 64

/** What an interpreter asks of whoever it runs a script for. */
export interface ScriptHost {
  /** The memory has grown. Errors: `out_of_memory`. */
  grown(bytes: number): void
  /** The script has used up the turn. `isStuck`: it cannot stop where it is. Errors end it. */
  look(isStuck: boolean): void
  /** The reply to a command. Errors: `ReplyFailure`, or what ends the attempt. */
  command(args: ScriptArguments): Uint8Array
  setProtocol(version: 2 | 3): void
  /** Whether the script's user may send this. Errors: `ReplyFailure`. */
  mayRun(args: ScriptArguments): boolean
  log(level: number, text: string): void
  /** For its chance: the same for each attempt. */
  seed(): number
}

export interface ScriptArguments {
  readonly count: number
  /** Into `Arguments`, in memory that is theirs. */
  writeTo(args: Arguments): void
}

const logLevels = { LOG_DEBUG: 0, LOG_VERBOSE: 1, LOG_NOTICE: 2, LOG_WARNING: 3 }
const replication = { REPL_NONE: 0, REPL_AOF: 1, REPL_SLAVE: 2, REPL_REPLICA: 2, REPL_ALL: 3 }

const plainArgumentsBytes = 1024

/** `-`: how an error begins. */
const errorMark = 0x2d

/** The values on a thread's stack as a command's arguments. */
class StackArguments implements ScriptArguments {
  count = 0
  #thread: State = 0
  readonly #machine: LuaMachine

  constructor(machine: LuaMachine) {
    this.#machine = machine
  }

  /** All of the stack. Throws `ReplyFailure`. */
  take(thread: State): this {
    const { lua } = this.#machine
    this.#thread = thread
    this.count = lua.lua_gettop(thread)
    if (this.count === 0) throw new ReplyFailure('ERR Please specify at least one argument for this redis lib call')
    for (let at = 1; at <= this.count; at++) {
      const type = lua.lua_type(thread, at)
      if (type === luaType.string) continue
      if (type !== luaType.number) {
        throw new ReplyFailure('ERR Lua redis lib command arguments must be strings or integers')
      }
      // Not as Lua would print it, with 14 digits.
      this.#machine.pushText(thread, formatDouble(lua.lua_tonumber(thread, at)))
      lua.lua_replace(thread, at)
    }
    return this
  }

  writeTo(args: Arguments): void {
    let size = 0
    for (let at = 1; at <= this.count; at++) size += this.#machine.lua.lua_objlen(this.#thread, at)
    const bytes = size > plainArgumentsBytes ? new Uint8Array(size) : this.#plain
    let end = 0
    for (let at = 1; at <= this.count; at++) {
      const text = this.#machine.stringAt(this.#thread, at)!
      const start = end
      if (text.end - text.start <= 32) for (let i = text.start; i < text.end; i++) bytes[end++] = text.bytes[i]!
      else {
        bytes.set(text.bytes.subarray(text.start, text.end), end)
        end += text.end - text.start
      }
      args.add(bytes, start, end)
    }
  }

  /** Used again for each command: only what is large is kept by those who are given it. */
  readonly #plain = new Uint8Array(plainArgumentsBytes)
}

export class Interpreter {
  /** Whose scripts it runs: what one of them has changed in it nobody else meets. */
  readonly owner: object
  readonly machine: LuaMachine
  /** Where replies to its commands are written. */
  readonly written: ByteWriter = new ByteWriter(1024)
  readonly #drand = new Drand()
  readonly #chunks = new Map<string, number>()
  readonly #libraries = new Map<Library, Registered>()
  readonly #scope: LibraryScope
  /** KEYS and ARGV of the last script are there. */
  #hasGlobals = false
  readonly #globals: number
  readonly #arguments: StackArguments
  readonly #pusher: ReplyPusher
  #host: ScriptHost | undefined

  constructor(owner: object) {
    this.owner = owner
    const sandbox = createSandbox({
      maxBytes: mostBytes,
      onGrown: (bytes) => this.#host?.grown(bytes),
    })
    const { machine } = sandbox
    this.machine = machine
    this.#globals = sandbox.globals
    this.#arguments = new StackArguments(machine)
    this.#pusher = new ReplyPusher(machine)
    machine.onLook = (isStuck) => this.#host?.look(isStuck)
    const cjson = createCjson()
    sandbox.addLibrary('cjson', cjson.functions, (thread) => cjson.more(machine, thread))
    sandbox.addLibrary('cmsgpack', cmsgpackLibrary)
    sandbox.addLibrary('struct', structLibrary)
    sandbox.addLibrary('bit', bitLibrary)
    const redis = this.#redisLibrary()
    sandbox.addLibrary('redis', redis, (thread) => this.#addToRedis(thread))
    this.#scope = new LibraryScope(sandbox, (thread) => this.#addToRedis(thread), redis['log']!)
    this.#replaceRandom()
  }

  get isLarge(): boolean {
    return this.machine.memoryBytes > firstBytes
  }

  // ---- running

  /** A thread at the beginning of the script. Errors: `CommandError` of a script that does not compile. */
  begin(script: Script, host: ScriptHost): State {
    this.#host = host
    this.#drand.seedLater(() => host.seed())
    const { machine } = this
    return machine.begin(this.compile(script))
  }

  /** A thread at the beginning of a function of a library, which takes its KEYS and ARGV. */
  beginFunction(reference: number, host: ScriptHost): State {
    this.#host = host
    this.#drand.seedLater(() => host.seed())
    if (this.#hasGlobals) this.#forgetGlobals()
    return this.machine.begin(reference)
  }

  /** What scripts find as KEYS and ARGV: two tables on top of the thread's stack, which go. */
  setGlobals(thread: State): void {
    const { machine } = this
    const { lua } = machine
    const top = lua.lua_gettop(thread)
    lua.lua_rawgeti(thread, registry, this.#globals)
    lua.lua_pushvalue(thread, top - 1)
    lua.lua_setfield(thread, -2, machine.name('KEYS'))
    lua.lua_pushvalue(thread, top)
    lua.lua_setfield(thread, -2, machine.name('ARGV'))
    lua.lua_settop(thread, top - 2)
    this.#hasGlobals = true
  }

  #forgetGlobals(): void {
    const { lua, state } = this.machine
    lua.lua_rawgeti(state, registry, this.#globals)
    for (const name of ['KEYS', 'ARGV']) {
      lua.lua_pushnil(state)
      lua.lua_setfield(state, -2, this.machine.name(name))
    }
    lua.lua_settop(state, 0)
    this.#hasGlobals = false
  }

  // ---- libraries of functions

  /** A reference to a function of a library that is loaded. */
  functionOf(library: Library, name: string): number | undefined {
    return this.#libraries.get(library)?.get(name)?.reference
  }

  /** A thread at the beginning of a library's code. Errors: `CommandError` of code that does not compile. */
  beginLoad({ body }: Pick<LibraryText, 'body'>, host: ScriptHost): State {
    const { machine } = this
    this.#host = host
    const chunk = this.#compiled(body, '@user_function', 'ERR Error compiling function')
    this.#scope.giveTo(chunk)
    this.#scope.beginLoading()
    const thread = machine.begin(chunk)
    machine.forget(chunk)
    return thread
  }

  /** Keeps what it has registered, where that is wanted. */
  endLoad(library?: Library): Registered {
    const registered = this.#scope.endLoading()
    this.machine.end()
    if (library === undefined) this.#forget(registered)
    else {
      for (const [oldest, functions] of this.#libraries) {
        if (this.#libraries.size < mostLibraries) break
        this.#libraries.delete(oldest)
        this.#forget(functions)
      }
      this.#libraries.set(library, registered)
    }
    return registered
  }

  #forget(registered: Registered): void {
    for (const { reference } of registered.values()) this.machine.forget(reference)
  }

  end(): void {
    this.#host = undefined
    this.written.reset()
    this.machine.end()
  }

  /** Errors: `CommandError` with the compiler's words. */
  compile(script: Script): number {
    const known = this.#chunks.get(script.digest)
    if (known !== undefined) return known
    if (this.#chunks.size >= mostChunks) {
      const [oldest, chunk] = this.#chunks.entries().next().value!
      this.machine.forget(chunk)
      this.#chunks.delete(oldest)
    }
    const chunk = this.#compiled(script.body, '@user_script', 'ERR Error compiling script (new function)')
    this.#chunks.set(script.digest, chunk)
    return chunk
  }

  #compiled(body: Slice, chunkName: string, failed: string): number {
    try {
      return this.machine.compile(body, chunkName)
    } catch (error) {
      if (!(error instanceof LuaFailure)) throw error
      throw new CommandError(`${failed}: ${error.message}`)
    }
  }

  // ---- what scripts find

  #redisLibrary(): Record<string, LuaFunction> {
    const one = (machine: LuaMachine, thread: State): void => {
      if (machine.lua.lua_gettop(thread) !== 1) throw new ReplyFailure('ERR wrong number of arguments')
    }
    return {
      call: (_machine, thread) => this.#perform(thread, true),
      pcall: (_machine, thread) => this.#perform(thread, false),
      status_reply: (machine, thread) => this.#reply(machine, thread, 'ok'),
      error_reply: (machine, thread) => this.#reply(machine, thread, 'err'),
      sha1hex: (machine, thread) => {
        one(machine, thread)
        machine.pushText(thread, digestOf(machine.stringAt(thread, 1) ?? nothing))
        return 1
      },
      setresp: (machine, thread) => {
        if (machine.lua.lua_gettop(thread) !== 1) {
          throw new ReplyFailure('ERR redis.setresp() requires one argument.')
        }
        const version = machine.lua.lua_tonumber(thread, 1)
        if (version !== 2 && version !== 3) throw new ReplyFailure('ERR RESP version must be 2 or 3.')
        this.#host!.setProtocol(version)
        return 0
      },
      log: (machine, thread) => {
        const count = machine.lua.lua_gettop(thread)
        if (count < 2) throw new ReplyFailure('ERR redis.log() requires two arguments or more.')
        if (machine.lua.lua_type(thread, 1) !== luaType.number) {
          throw new ReplyFailure('ERR First argument must be a number (log level).')
        }
        const level = machine.lua.lua_tonumber(thread, 1)
        if (level < 0 || level > 3) throw new ReplyFailure('ERR Invalid debug level.')
        const words = Array.from({ length: count - 1 }, (_, i) => machine.textAt(thread, i + 2) ?? '')
        this.#host!.log(level, words.join(' '))
        return 0
      },
      set_repl: (machine, thread) => {
        if (machine.lua.lua_gettop(thread) !== 1) throw new ReplyFailure('ERR redis.set_repl() requires two arguments.')
        if ((machine.lua.lua_tonumber(thread, 1) & ~replication.REPL_ALL) !== 0) {
          throw new ReplyFailure('ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.')
        }
        return 0
      },
      replicate_commands: (machine, thread) => {
        machine.lua.lua_pushboolean(thread, 1)
        return 1
      },
      breakpoint: (machine, thread) => {
        machine.lua.lua_pushboolean(thread, 0)
        return 1
      },
      debug: () => 0,
      acl_check_cmd: (machine, thread) => {
        if (machine.lua.lua_gettop(thread) === 0) {
          throw new ReplyFailure('ERR Please specify at least one argument for this redis.acl_check_cmd() call')
        }
        machine.lua.lua_pushboolean(thread, this.#host!.mayRun(this.#arguments.take(thread)) ? 1 : 0)
        return 1
      },
    }
  }

  /** Its constants. */
  #addToRedis(thread: State): void {
    const { machine } = this
    const { lua } = machine
    for (const [name, value] of Object.entries({ ...logLevels, ...replication })) {
      lua.lua_pushnumber(thread, value)
      lua.lua_setfield(thread, -2, machine.name(name))
    }
    machine.pushText(thread, serverVersion)
    lua.lua_setfield(thread, -2, machine.name('REDIS_VERSION'))
    lua.lua_pushnumber(thread, serverVersionNumber)
    lua.lua_setfield(thread, -2, machine.name('REDIS_VERSION_NUM'))
  }

  /** Pushes the reply's value; an error raises where `raises`. */
  #perform(thread: State, raises: boolean): number {
    const { machine } = this
    let reply: Uint8Array
    try {
      reply = this.#host!.command(this.#arguments.take(thread))
    } catch (error) {
      if (raises || !(error instanceof ReplyFailure)) throw error
      machine.lua.lua_settop(thread, 0)
      pushErrorTable(machine, thread, error.message)
      return 1
    }
    machine.lua.lua_settop(thread, 0)
    this.#pusher.push(thread, reply)
    return raises && reply[0] === errorMark ? machine.lua.lua_error(thread) : 1
  }

  #reply(machine: LuaMachine, thread: State, field: 'ok' | 'err'): number {
    const { lua } = machine
    if (lua.lua_gettop(thread) !== 1 || lua.lua_type(thread, 1) !== luaType.string) {
      pushErrorTable(machine, thread, 'ERR wrong number or type of arguments')
      return 1
    }
    const text = untilZero(machine.textAt(thread, 1)!)
    if (field === 'err') {
      pushErrorTable(machine, thread, withCode(text.startsWith('-') ? text.slice(1) : text))
      return 1
    }
    lua.lua_createtable(thread, 0, 1)
    machine.pushText(thread, text)
    lua.lua_setfield(thread, -2, machine.name(field))
    return 1
  }

  #replaceRandom(): void {
    const { machine } = this
    const random: LuaFunction = (_machine, thread) => {
      const { lua } = machine
      const drawn = this.#drand.next()
      const count = lua.lua_gettop(thread)
      if (count > 2) throw new LuaFailure('wrong number of arguments')
      if (count === 0) {
        lua.lua_pushnumber(thread, drawn)
        return 1
      }
      const bounds = Array.from({ length: count }, (_, i) => Math.trunc(lua.lua_tonumber(thread, i + 1)))
      const [low, high] = count === 1 ? [1, bounds[0]!] : [bounds[0]!, bounds[1]!]
      if (!(low <= high)) throw new LuaFailure(`bad argument #${count} to 'random' (interval is empty)`)
      lua.lua_pushnumber(thread, Math.floor(drawn * (high - low + 1)) + low)
      return 1
    }
    const seed: LuaFunction = (_machine, thread) => {
      const value = machine.lua.lua_tonumber(thread, 1)
      this.#drand.seed(Number.isFinite(value) ? Math.trunc(value) : 0)
      return 0
    }
    machine.setUp('local given = ... given.put("random", given.random) given.put("randomseed", given.seed)', {
      random,
      seed,
      put: (_machine, thread) => this.#putIntoMath(thread),
    })
  }

  /** The library behind the front that scripts see. */
  #putIntoMath(thread: State): number {
    const { lua } = this.machine
    lua.lua_rawgeti(thread, registry, this.#globals)
    lua.lua_getfield(thread, -1, this.machine.name('math'))
    lua.lua_getmetatable(thread, -1)
    lua.lua_getfield(thread, -1, this.machine.name('__index'))
    lua.lua_pushvalue(thread, 1)
    lua.lua_pushvalue(thread, 2)
    lua.lua_rawset(thread, -3)
    return 0
  }
}

const nothing = { bytes: new Uint8Array(0), start: 0, end: 0 }

/** As Redis reads an error: its code, a space, and words; or words alone. */
function withCode(text: string): string {
  return text.includes(' ') ? text : `ERR ${text}`
}
