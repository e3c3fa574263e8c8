/**
 * Lua 5.1 as WebAssembly: the module, the few things it asks of its surroundings, and its C interface with types.
 *
 * The package's own bindings are not used. They bring a clock, files and environment variables of the process, and turn
 * every value into JavaScript's; here the machine code is the sandbox: an interpreter reaches nothing but its own linear
 * memory and the functions below, so a script that breaks Lua itself (Redis's CVE-2015-4335 did, by bytecode) has broken
 * its own memory and nothing else.
 *
 * C's setjmp and longjmp, by which Lua raises errors, are exceptions here: `_emscripten_throw_longjmp` throws, and
 * `invoke_vii` is the frame that catches it. Any other exception, such as one that a function of ours throws, passes through
 * all frames to whoever called the interpreter. What it was doing is then lost, and the thread of Lua it did it in must not
 * be resumed.
 */
import { readPackageFile } from '../../host/package-file.ts'

interface WasmModule {
  readonly wasmModule: never
}

interface WasmTable {
  get(index: number): unknown
  set(index: number, f: unknown): void
  /** Answers the length before. */
  grow(by: number): number
}

/** Node's own types leave most of it out. */
const { Module, Instance } = WebAssembly as unknown as {
  readonly Module: {
    new (bytes: Uint8Array): WasmModule
    imports(module: WasmModule): { module: string; name: string }[]
  }
  readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: Record<string, unknown> }
}

/** Addresses and stack positions are 32-bit integers. */
export type Address = number

/** `lua_State *` */
export type State = number

/** The functions of lua.h and lauxlib.h that are used, and those of the C runtime. */
export interface LuaInterface {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number }
  readonly __indirect_function_table: WasmTable
  __wasm_call_ctors(): void
  malloc(bytes: number): Address
  free(at: Address): void
  stackSave(): Address
  stackRestore(at: Address): void
  setThrew(threw: number, value: number): void
  luaL_newstate(): State
  luaL_loadbuffer(state: State, text: Address, length: number, name: Address): number
  luaL_ref(state: State, table: number): number
  luaL_where(state: State, level: number): void
  luaL_unref(state: State, table: number, reference: number): void
  lua_atpanic(state: State, index: number): number
  lua_call(state: State, given: number, wanted: number): void
  lua_pcall(state: State, given: number, wanted: number, handler: number): number
  lua_checkstack(state: State, more: number): number
  lua_concat(state: State, values: number): void
  lua_createtable(state: State, items: number, fields: number): void
  lua_error(state: State): number
  lua_gc(state: State, what: number, data: number): number
  lua_getmetatable(state: State, at: number): number
  lua_getfield(state: State, at: number, name: Address): void
  lua_getinfo(state: State, what: Address, into: Address): number
  lua_getstack(state: State, level: number, into: Address): number
  lua_gettable(state: State, at: number): void
  lua_gettop(state: State): number
  lua_insert(state: State, at: number): void
  lua_iscfunction(state: State, at: number): number
  lua_isnumber(state: State, at: number): number
  lua_newthread(state: State): State
  lua_next(state: State, at: number): number
  lua_objlen(state: State, at: number): number
  lua_pushboolean(state: State, value: number): void
  lua_pushcclosure(state: State, index: number, upvalues: number): void
  lua_pushlightuserdata(state: State, value: number): void
  lua_pushlstring(state: State, text: Address, length: number): void
  lua_pushnil(state: State): void
  lua_pushnumber(state: State, value: number): void
  lua_pushvalue(state: State, at: number): void
  lua_rawget(state: State, at: number): void
  lua_rawgeti(state: State, at: number, index: number): void
  lua_rawset(state: State, at: number): void
  lua_rawseti(state: State, at: number, index: number): void
  lua_replace(state: State, at: number): void
  lua_resume(state: State, given: number): number
  lua_setfenv(state: State, at: number): number
  lua_setfield(state: State, at: number, name: Address): void
  lua_sethook(state: State, hook: number, mask: number, count: number): number
  lua_setmetatable(state: State, at: number): number
  lua_settop(state: State, top: number): void
  lua_status(state: State): number
  lua_toboolean(state: State, at: number): number
  lua_tolstring(state: State, at: number, length: Address): Address
  lua_tonumber(state: State, at: number): number
  lua_tocfunction(state: State, at: number): number
  lua_tothread(state: State, at: number): State
  lua_xmove(from: State, to: State, count: number): void
  lua_topointer(state: State, at: number): Address
  lua_touserdata(state: State, at: number): number
  lua_type(state: State, at: number): number
  lua_yield(state: State, results: number): number
  luaopen_base(state: State): number
  luaopen_math(state: State): number
  luaopen_string(state: State): number
  luaopen_table(state: State): number
}

/** What `longjmp` throws: no object, so that nothing is allocated for it. */
const longJump = Infinity

const pageBytes = 65_536

let compiled: WasmModule | undefined

/** Some milliseconds at the first call. */
function compiledModule(): WasmModule {
  return (compiled ??= new Module(readPackageFile('wasmoon-lua5.1/dist/liblua5.1.wasm')))
}

/** An interpreter's memory may grow to `maxBytes`; Lua says "not enough memory" to what needs more. */
export function instantiate(maxBytes: number, onGrown: (bytes: number) => void): LuaInterface {
  const module = compiledModule()
  const own: Record<string, (...given: number[]) => number | void> = {
    invoke_vii: (index, first, second) => {
      const stack = lua.stackSave()
      try {
        const run = lua.__indirect_function_table.get(index) as (a: number, b: number) => void
        run(first, second)
      } catch (error) {
        lua.stackRestore(stack)
        if (error !== longJump) throw error
        lua.setThrew(1, 0)
      }
    },
    _emscripten_throw_longjmp: () => {
      throw longJump
    },
    emscripten_resize_heap: (wanted) => {
      const bytes = wanted >>> 0
      const before = lua.memory.buffer.byteLength
      if (bytes > maxBytes) return 0
      lua.memory.grow(Math.ceil((bytes - before) / pageBytes))
      onGrown(lua.memory.buffer.byteLength - before)
      return 1
    },
    emscripten_memcpy_js: (to, from, bytes) => {
      new Uint8Array(lua.memory.buffer).copyWithin(to, from >>> 0, (from + bytes) >>> 0)
    },
  }
  const imports: Record<string, Record<string, unknown>> = {}
  for (const { module: from, name } of Module.imports(module)) {
    const names = (imports[from] ??= {})
    // Of libraries that are not opened: files, time zones, the environment.
    names[name] = own[name] ?? (() => 0)
  }
  const lua = new Instance(module, imports).exports as unknown as LuaInterface
  lua.__wasm_call_ctors()
  return lua
}

/**
 * (module (import "e" "f" (func (param i32) (result i32))) (export "f" (func 0))), and the same for (param i32 i32): what
 * makes a function of JavaScript one that the table of functions takes.
 */
const adapters = {
  function: [1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f],
  hook: [1, 6, 1, 0x60, 2, 0x7f, 0x7f, 0],
} as const

const adapterModules = new Map<keyof typeof adapters, WasmModule>()

function adapterModule(kind: keyof typeof adapters): WasmModule {
  let module = adapterModules.get(kind)
  if (module === undefined) {
    const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
    const imported = [2, 7, 1, 1, 0x65, 1, 0x66, 0, 0]
    const exported = [7, 5, 1, 1, 0x66, 0, 0]
    module = new Module(new Uint8Array([...head, ...adapters[kind], ...imported, ...exported]))
    adapterModules.set(kind, module)
  }
  return module
}

/** A `lua_CFunction` or `lua_Hook`: its place in the table of functions. */
export function addFunction(
  lua: LuaInterface,
  kind: keyof typeof adapters,
  f: (state: State, event: Address) => number | void,
): number {
  const { exports } = new Instance(adapterModule(kind), { e: { f } })
  return addExported(lua, exports['f'])
}

export function addExported(lua: LuaInterface, f: unknown): number {
  const index = lua.__indirect_function_table.grow(1)
  lua.__indirect_function_table.set(index, f)
  return index
}

/** An error of WebAssembly itself, after which its memory may hold anything: also where its stack was used up. */
export function isTrap(error: unknown): boolean {
  return error instanceof RangeError || (error instanceof Error && error.name === 'RuntimeError')
}
