/**
 * What the code of a library finds as its global variables, within one interpreter.
 *
 * While it is loaded, nothing but a small `redis`: `register_function`, `log`, and constants. What its functions find when
 * they are called is what scripts find. Both are the same table, whose contents are exchanged: a library may have kept it.
 */
import type { LuaFunction, LuaMachine } from '../../../language/lua/machine.ts'
import type { Sandbox } from '../../../language/lua/sandbox.ts'
import { luaType, registry } from '../../../language/lua/values.ts'
import type { State } from '../../../language/lua/wasm.ts'
import { CommandError } from '../errors.ts'
import { checkFunctionName, type FunctionFacts } from './libraries.ts'
import { ReplyFailure } from './replies.ts'
import { isScriptFlag, type ScriptFlag } from './script.ts'

/** What a library has registered: each with a reference to what is called. */
export type Registered = Map<string, { readonly facts: FunctionFacts; readonly reference: number }>

const program = `
local given = ...
given.keep(function(_, name)
  error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
end)
`

export class LibraryScope {
  readonly #machine: LuaMachine
  readonly #globals: number
  /** References: the table that libraries see, what tells what is in it, and what is there while one is loaded. */
  readonly #shown: number
  readonly #shownRules: number
  readonly #loading: number
  #registered: Registered | undefined

  /** `addToRedis`: puts what scripts and libraries share into the table on top. */
  constructor(sandbox: Sandbox, addToRedis: (thread: State) => void, log: LuaFunction) {
    const { machine } = sandbox
    this.#machine = machine
    this.#globals = sandbox.globals
    const { lua, state } = machine
    let missing = 0
    machine.setUp(program, {
      keep: (_machine, thread) => {
        missing = lua.luaL_ref(thread, registry)
        return 0
      },
    })
    const refuseMissing = (): void => {
      lua.lua_createtable(state, 0, 1)
      lua.lua_rawgeti(state, registry, missing)
      lua.lua_setfield(state, -2, machine.name('__index'))
      lua.lua_setmetatable(state, -2)
    }
    lua.lua_createtable(state, 0, 1)
    lua.lua_createtable(state, 0, 16)
    machine.setField(state, 'register_function', (_machine, thread) => this.#register(thread))
    machine.setField(state, 'log', log)
    addToRedis(state)
    refuseMissing()
    sandbox.pushFront(state)
    lua.lua_setfield(state, -2, machine.name('redis'))
    refuseMissing()
    lua.lua_pushvalue(state, -1)
    this.#loading = lua.luaL_ref(state, registry)
    sandbox.pushFront(state)
    lua.lua_getmetatable(state, -1)
    this.#shownRules = lua.luaL_ref(state, registry)
    this.#shown = lua.luaL_ref(state, registry)
    lua.lua_settop(state, 0)
  }

  /** The compiled code of a library sees it from now on. */
  giveTo(chunk: number): void {
    const { lua, state } = this.#machine
    lua.lua_rawgeti(state, registry, chunk)
    lua.lua_rawgeti(state, registry, this.#shown)
    lua.lua_setfenv(state, -2)
    lua.lua_settop(state, 0)
  }

  beginLoading(): void {
    this.#registered = new Map()
    this.#show(this.#loading)
  }

  /** Of a load that has failed what is answered is to be forgotten. */
  endLoading(): Registered {
    const registered = this.#registered ?? new Map()
    this.#registered = undefined
    this.#show(this.#globals)
    return registered
  }

  #show(reference: number): void {
    const { lua, state } = this.#machine
    lua.lua_rawgeti(state, registry, this.#shownRules)
    lua.lua_rawgeti(state, registry, reference)
    lua.lua_setfield(state, -2, this.#machine.name('__index'))
    lua.lua_settop(state, 0)
  }

  // ---- register_function

  #register(thread: State): number {
    const registered = this.#registered
    if (registered === undefined) {
      throw new ReplyFailure('ERR redis.register_function can only be called on FUNCTION LOAD command')
    }
    const count = this.#machine.lua.lua_gettop(thread)
    if (count < 1 || count > 2) throw new ReplyFailure('ERR wrong number of arguments to redis.register_function')
    const given = count === 1 ? this.#readNamed(thread) : this.#readPositional(thread)
    try {
      checkFunctionName(given.facts.name)
      if (registered.has(given.facts.name)) throw new CommandError('ERR Function already exists in the library')
    } catch (error) {
      throw error instanceof CommandError ? new ReplyFailure(error.message) : error
    }
    registered.set(given.facts.name, given)
    return 0
  }

  #readPositional(thread: State): { facts: FunctionFacts; reference: number } {
    const { lua } = this.#machine
    const name = this.#latin1(thread, 1)
    if (name === undefined) throw new ReplyFailure('ERR first argument to redis.register_function must be a string')
    if (lua.lua_type(thread, 2) !== luaType.function) {
      throw new ReplyFailure('ERR second argument to redis.register_function must be a function')
    }
    return { facts: { name, description: null, flags: [] }, reference: lua.luaL_ref(thread, registry) }
  }

  #readNamed(thread: State): { facts: FunctionFacts; reference: number } {
    const { lua } = this.#machine
    if (lua.lua_type(thread, 1) !== luaType.table) {
      throw new ReplyFailure(
        'ERR calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).',
      )
    }
    let name: string | undefined
    let description: string | null = null
    let reference = 0
    let flags: readonly ScriptFlag[] = []
    for (lua.lua_pushnil(thread); lua.lua_next(thread, 1) !== 0; lua.lua_settop(thread, 2)) {
      switch (this.#argumentName(thread)) {
        case 'function_name':
          name = this.#textArgument(thread, 'function_name')
          break
        case 'description':
          description = this.#textArgument(thread, 'description')
          break
        case 'callback':
          if (lua.lua_type(thread, 3) !== luaType.function) {
            throw new ReplyFailure('ERR callback argument given to redis.register_function must be a function')
          }
          reference = lua.luaL_ref(thread, registry)
          break
        case 'flags':
          flags = this.#readFlags(thread)
          break
        default:
          throw new ReplyFailure('ERR unknown argument given to redis.register_function')
      }
    }
    if (name === undefined) {
      throw new ReplyFailure('ERR redis.register_function must get a function name argument')
    }
    if (reference === 0) throw new ReplyFailure('ERR redis.register_function must get a callback argument')
    return { facts: { name, description, flags }, reference }
  }

  /** Of the key at 2: reading a number as text would change it. */
  #argumentName(thread: State): string {
    if (this.#machine.lua.lua_type(thread, 2) === luaType.number) return ''
    const name = this.#latin1(thread, 2)
    if (name === undefined) {
      throw new ReplyFailure('ERR named argument key given to redis.register_function is not a string')
    }
    return name.toLowerCase()
  }

  #textArgument(thread: State, name: string): string {
    const value = this.#latin1(thread, 3)
    if (value !== undefined) return value
    throw new ReplyFailure(`ERR ${name} argument given to redis.register_function must be a string`)
  }

  /** Of the table at 3. */
  #readFlags(thread: State): readonly ScriptFlag[] {
    const { lua } = this.#machine
    if (lua.lua_type(thread, 3) !== luaType.table) {
      throw new ReplyFailure(
        'ERR flags argument to redis.register_function must be a table representing function flags',
      )
    }
    const flags = new Set<ScriptFlag>()
    for (let i = 1; ; i++) {
      lua.lua_rawgeti(thread, 3, i)
      if (lua.lua_type(thread, 4) === luaType.nil) return [...flags]
      const flag = this.#latin1(thread, 4)?.toLowerCase()
      if (flag === undefined || !isScriptFlag(flag)) throw new ReplyFailure('ERR unknown flag given')
      flags.add(flag)
      lua.lua_settop(thread, 3)
    }
  }

  #latin1(thread: State, at: number): string | undefined {
    const found = this.#machine.stringAt(thread, at)
    return found && Buffer.from(found.bytes.buffer, found.start, found.end - found.start).toString('latin1')
  }
}
