/**
 * One interpreter of Lua 5.1, and values going in and out of it.
 *
 * What scripts may reach is what the sandbox leaves them (`sandbox.ts`). A script runs in a thread of Lua of its own, so that
 * it can be left where it is: `resume` answers when it has ended, has failed, or stops to wait.
 *
 *   begin(chunk) ── resume ──► ended  (its results are on the thread's stack)
 *                    │  ▲      failed (the error is)
 *                    ▼  │
 *                   stopped
 *
 * It stops in the hook that counts instructions, once the turn has had its share. Lua 5.1 can leave a thread only where no C
 * function lies between it and where it was resumed: not within a metamethod or a comparison of `table.sort`. `threads.ts`
 * sees to `pcall` and coroutines. A function of ours may throw: that passes through the interpreter, and the thread is given up.
 *
 * Invariants: between two calls from outside the main thread's stack is empty; a thread that threw is never resumed; strings
 * are bytes, copied in and out.
 */
import { decodeUtf8 } from '../../base/bytes.ts'
import { charge, isTurnOver } from '../../base/work.ts'
import type { Slice } from '../../base/slice.ts'
import { LuaThreads } from './threads.ts'
import { LuaFailure, luaType, type Outcome, registry, status } from './values.ts'
import { addExported, addFunction, instantiate, isTrap, type Address, type LuaInterface, type State } from './wasm.ts'

const typeNames = [
  'no value',
  'nil',
  'boolean',
  'userdata',
  'number',
  'string',
  'table',
  'function',
  'userdata',
  'thread',
]

/** Instructions between two looks at the turn: some twenty microseconds. */
const instructionsPerLook = 2000
const unitsPerLook = 30_000

const maskCount = 8

const bytecodeMark = 27

/** Of programs of our own, in which no error of a script is said to be. */
const setupName = '=setup'
const mostLevels = 16

/** Offsets in `lua_State` of Lua 5.1 on 32 bits: how many C calls there are, and how many there were when it was resumed. */
const callsAt = 52
const callsAtResume = 54

/** `lua_Debug` of 32 bits, as far as it is read. */
const sourceAt = 16
const lineAt = 20
const whatAt = 12

/** Of a name or a string that is passed by value. */
const scratchBytes = 64 * 1024

/** A function that scripts may call. It answers how many results it has pushed. */
export type LuaFunction = (machine: LuaMachine, thread: State) => number

export interface MachineOptions {
  readonly maxBytes: number
  /** The interpreter's memory has grown by so much. May throw. */
  readonly onGrown: (bytes: number) => void
}

export class LuaMachine {
  readonly lua: LuaInterface
  /** The main thread. */
  readonly state: State
  /** Asked where a script has run for some time: may throw, which ends it. */
  onLook: (isStuck: boolean) => void = () => undefined
  /** It has failed within WebAssembly: nothing is known of its memory, and nobody may use it again. */
  isBroken = false
  readonly #scratch: Address
  readonly #names = new Map<string, Address>()
  readonly #hook: number
  /** Of the script that runs. */
  readonly threads: LuaThreads = new LuaThreads(this)
  #bytes: Uint8Array
  #view: DataView

  constructor({ maxBytes, onGrown }: MachineOptions) {
    this.lua = instantiate(maxBytes, onGrown)
    this.#bytes = new Uint8Array(this.lua.memory.buffer)
    this.#view = new DataView(this.lua.memory.buffer)
    this.state = this.lua.luaL_newstate()
    this.#scratch = this.lua.malloc(scratchBytes)
    this.#hook = addFunction(this.lua, 'hook', (thread) => this.#look(thread))
    this.lua.lua_atpanic(
      this.state,
      addFunction(this.lua, 'function', (thread) => this.#panic(thread)),
    )
  }

  get memoryBytes(): number {
    return this.lua.memory.buffer.byteLength
  }

  /** What Lua holds, garbage included. */
  get heldBytes(): number {
    const { lua, state } = this
    return lua.lua_gc(state, 3, 0) * 1024 + lua.lua_gc(state, 4, 0)
  }

  collectGarbage(): void {
    this.lua.lua_gc(this.state, 2, 0)
  }

  // ---- memory

  /** The linear memory as it is now: growing it makes a new buffer. */
  get bytes(): Uint8Array {
    if (this.#bytes.byteLength !== this.lua.memory.buffer.byteLength) {
      this.#bytes = new Uint8Array(this.lua.memory.buffer)
      this.#view = new DataView(this.lua.memory.buffer)
    }
    return this.#bytes
  }

  get #words(): DataView {
    void this.bytes
    return this.#view
  }

  /** A C string that stays. */
  name(text: string): Address {
    let at = this.#names.get(text)
    if (at === undefined) {
      const encoded = Buffer.from(text)
      at = this.lua.malloc(encoded.length + 1)
      this.bytes.set(encoded, at)
      this.bytes[at + encoded.length] = 0
      this.#names.set(text, at)
    }
    return at
  }

  // ---- values onto a thread's stack

  pushBytes(thread: State, { bytes, start, end }: Slice): void {
    const length = end - start
    const at = length <= scratchBytes ? this.#scratch : this.lua.malloc(length)
    if (at === 0) throw new LuaFailure('not enough memory')
    // `subarray` costs more than the bytes of a short string do.
    const memory = this.bytes
    if (length <= 32) for (let i = 0; i < length; i++) memory[at + i] = bytes[start + i]!
    else memory.set(bytes.subarray(start, end), at)
    this.lua.lua_pushlstring(thread, at, length)
    if (at !== this.#scratch) this.lua.free(at)
  }

  pushText(thread: State, text: string): void {
    const bytes = Buffer.from(text)
    this.pushBytes(thread, { bytes, start: 0, end: bytes.length })
  }

  pushFunction(thread: State, f: LuaFunction): void {
    this.lua.lua_pushcclosure(thread, this.functionOf(f), 0)
  }

  /** What `lua_pushcclosure` takes. It stays as long as the machine does. */
  functionOf(f: LuaFunction): number {
    return addFunction(this.lua, 'function', (thread) => {
      let failure: LuaFailure
      try {
        return f(this, thread)
      } catch (error) {
        if (!(error instanceof LuaFailure)) throw error
        failure = error
      }
      this.lua.lua_settop(thread, 0)
      failure.push(this, thread)
      return this.lua.lua_error(thread)
    })
  }

  /** A field of the table on top of the stack. */
  setField(thread: State, name: string, f: LuaFunction): void {
    this.pushFunction(thread, f)
    this.lua.lua_setfield(thread, -2, this.name(name))
  }

  /** Throws `LuaFailure` where there is no room. */
  needStack(thread: State, more: number): void {
    if (this.lua.lua_checkstack(thread, more) === 0) throw new LuaFailure('stack overflow')
  }

  // ---- and from it

  /** The bytes of a string or a number, as long as nothing else is done with the machine; undefined for anything else. */
  stringAt(thread: State, at: number): Slice | undefined {
    const start = this.lua.lua_tolstring(thread, at, this.#scratch)
    if (start === 0) return undefined
    const length = this.#words.getUint32(this.#scratch, true)
    return { bytes: this.bytes, start, end: start + length }
  }

  textAt(thread: State, at: number): string | undefined {
    const found = this.stringAt(thread, at)
    return found && decodeUtf8(found.bytes, found.start, found.end)
  }

  /** An argument of the function `of`. Throws `LuaFailure` where it is neither string nor number. */
  needString(thread: State, at: number, of: string): Slice {
    return this.stringAt(thread, at) ?? this.#refuse(thread, at, of, 'string')
  }

  /** An argument of the function `of`. Throws `LuaFailure` where it is neither number nor the text of one. */
  needNumber(thread: State, at: number, of: string): number {
    if (this.lua.lua_isnumber(thread, at) === 0) this.#refuse(thread, at, of, 'number')
    return this.lua.lua_tonumber(thread, at)
  }

  #refuse(thread: State, at: number, of: string, expected: string): never {
    throw new LuaFailure(`bad argument #${at} to '${of}' (${expected} expected, got ${this.typeName(thread, at)})`)
  }

  /** Of the table on top: how many keys, and the greatest, where all are positive integers; undefined else. */
  arrayKeys(thread: State): { count: number; greatest: number } | undefined {
    const { lua } = this
    let count = 0
    let greatest = 0
    for (lua.lua_pushnil(thread); lua.lua_next(thread, -2) !== 0; lua.lua_settop(thread, -2)) {
      const key = lua.lua_type(thread, -2) === luaType.number ? lua.lua_tonumber(thread, -2) : 0
      if (key < 1 || Math.floor(key) !== key) {
        lua.lua_settop(thread, -3)
        return undefined
      }
      greatest = Math.max(greatest, key)
      count++
    }
    return { count, greatest }
  }

  /** As Lua names the type in its errors. */
  typeName(thread: State, at: number): string {
    const type = this.lua.lua_type(thread, at)
    return typeNames[type + 1]!
  }

  #cText(at: Address): string {
    const memory = this.bytes
    return decodeUtf8(memory, at, memory.indexOf(0, at))
  }

  /** Of a thread that has failed: the line that it was at, of the script and not of functions that it called. */
  placeOf(thread: State): ScriptPlace | undefined {
    const { lua } = this
    const at = this.#scratch
    for (let level = 0; level < mostLevels && lua.lua_getstack(thread, level, at) !== 0; level++) {
      lua.lua_getinfo(thread, this.name('Sl'), at)
      const words = this.#words
      const source = this.#cText(words.getUint32(at + sourceAt, true))
      if (this.#cText(words.getUint32(at + whatAt, true)) === 'C' || source === setupName) continue
      const line = words.getInt32(at + lineAt, true)
      // A call that has been replaced by another has none.
      if (line >= 0) return { source, line }
    }
    return undefined
  }

  // ---- programs

  /** Opens one of Lua's own libraries. */
  open(library: 'base' | 'math' | 'string' | 'table'): void {
    const { lua, state } = this
    lua.lua_pushcclosure(state, addExported(lua, lua[`luaopen_${library}`]), 0)
    this.pushText(state, library === 'base' ? '' : library)
    lua.lua_call(state, 1, 0)
  }

  /** Compiles: a reference for `begin`. Throws `LuaFailure` with Lua's words. */
  compile(text: Slice, chunkName: string): number {
    const { lua, state } = this
    const length = text.end - text.start
    // Lua 5.1 believes bytecode whatever is in it.
    if (text.bytes[text.start] === bytecodeMark) {
      throw new LuaFailure(`${chunkName.slice(1)}:1: unexpected symbol near 'char(27)'`)
    }
    const at = lua.malloc(length + 1)
    if (at === 0) throw new LuaFailure('not enough memory')
    this.bytes.set(text.bytes.subarray(text.start, text.end), at)
    const result = lua.luaL_loadbuffer(state, at, length, this.name(chunkName))
    lua.free(at)
    if (result === status.ok) return lua.luaL_ref(state, registry)
    const words = this.textAt(state, -1) ?? ''
    lua.lua_settop(state, 0)
    throw new LuaFailure(words)
  }

  forget(chunk: number): void {
    this.lua.luaL_unref(this.state, registry, chunk)
  }

  /** Runs a program of our own at once, with functions that it is given by name. */
  setUp(text: string, given: Readonly<Record<string, LuaFunction>>): void {
    const { lua, state } = this
    const bytes = Buffer.from(text)
    const chunk = this.compile({ bytes, start: 0, end: bytes.length }, setupName)
    lua.lua_rawgeti(state, registry, chunk)
    lua.lua_createtable(state, 0, 8)
    for (const [name, f] of Object.entries(given)) this.setField(state, name, f)
    if (lua.lua_pcall(state, 1, 0, 0) !== status.ok) throw new Error(`lua: ${this.textAt(state, -1) ?? '?'}`)
    this.forget(chunk)
  }

  /** A thread with the function on its stack, on which its arguments come. It lives until `end`. */
  begin(chunk: number): State {
    const { lua, state } = this
    const thread = lua.lua_newthread(state)
    lua.lua_sethook(thread, this.#hook, maskCount, instructionsPerLook)
    lua.lua_rawgeti(thread, registry, chunk)
    if (lua.lua_iscfunction(thread, 1) !== 0) this.threads.pushCaller(thread, 1)
    return thread
  }

  /** The thread is garbage. */
  end(): void {
    this.threads.forget()
    if (!this.isBroken) this.lua.lua_settop(this.state, 0)
  }

  /**
   * Begins the thread, where so many values on its stack belong to the call beside the function; or goes on where it has stopped.
   * Passes on what functions throw.
   */
  resume(thread: State, given = 0): Outcome {
    try {
      return this.threads.resume(thread, given)
    } catch (error) {
      this.isBroken ||= isTrap(error)
      throw error
    }
  }

  /** Whether no C function lies between here and where the thread was resumed. */
  isOutsideOfC(thread: State): boolean {
    const words = this.#words
    return words.getUint16(thread + callsAt, true) === words.getUint16(thread + callsAtResume, true)
  }

  /** An error where no script runs that would hear of it: left alone, Lua would end the process that it thinks it is. */
  #panic(thread: State): never {
    this.isBroken = true
    throw new LuaFailure(this.textAt(thread, -1) ?? 'unknown error')
  }

  #look(thread: State): void {
    charge(unitsPerLook)
    if (!isTurnOver()) return
    const stops = this.threads.canStop(thread)
    this.onLook(!stops)
    if (stops) this.threads.stop(thread)
  }
}

/** Where a script was. */
export interface ScriptPlace {
  readonly source: string
  readonly line: number
}
