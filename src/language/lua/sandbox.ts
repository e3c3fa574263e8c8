/**
 * What scripts find: Lua's own libraries as far as they reach nothing outside, none of which they can change.
 *
 * Redis changes Lua for this (tables that are read-only). Here the names that scripts see are empty tables before the real
 * ones: reading goes through, writing meets `__newindex`, and the functions that look past metatables (`rawset`,
 * `setmetatable`, `next`, `pairs`) know them. A script's global table is such a front, too: names that are not there are an
 * error, as in Redis.
 *
 * What is left out: files, processes, modules, `debug`, environments of functions (by which one reaches the real tables),
 * and programs in Lua's bytecode, which Lua 5.1 does not check.
 */
import { type LuaFunction, LuaMachine, type MachineOptions } from './machine.ts'
import { globals, PlainFailure, registry } from './values.ts'
import { pushFormat, pushToNumber } from './formats.ts'
import { replaceStringFunctions } from './patterns.ts'
import { plainError } from './threads.ts'
import { pushUnpack } from './unpack.ts'
import type { State } from './wasm.ts'

const program = `
local given = ...
local real = _G
local error, type, tostring, next, pairs, setmetatable, getmetatable, load, loadstring, byte =
  error, type, tostring, next, pairs, setmetatable, getmetatable, load, loadstring, string.byte

for _, name in pairs({'dofile', 'loadfile', 'newproxy', 'print', 'getfenv', 'setfenv', 'module', 'require'}) do
  real[name] = nil
end

local behind = {}

local function refuse() error('Attempt to modify a readonly table', 2) end

local sealed

local function front(table)
  local shown = {}
  behind[shown] = table
  given.note(shown)
  return setmetatable(shown, {__index = table, __newindex = refuse, __metatable = sealed})
end

-- What is told of the metatables of fronts: one that is as unchangeable as they are.
sealed = front({})

local function step(shown, key) return next(behind[shown], key) end

local function entries(shown) return step, shown, nil end

real.pairs = given.guard(pairs, entries, next)
real.next = given.guard(next, step)
real.rawset = given.guard(rawset)
real.unpack = given.checkedUnpack(unpack)
real.tonumber = given.wideToNumber(tonumber)
string.format = given.wideFormat(string.format)
real.setmetatable = given.guard(setmetatable)
for _, name in pairs({'insert', 'remove', 'sort', 'setn'}) do table[name] = given.guard(table[name]) end

local bytecode = 'attempt to load chunk with wrong mode'

function real.loadstring(text, ...)
  if type(text) == 'string' and byte(text) == 27 then return nil, bytecode end
  return loadstring(text, ...)
end

function real.load(read, ...)
  local isFirst, isBytecode = true, false
  local function checked()
    local text = read()
    if isFirst then
      isFirst = false
      isBytecode = type(text) == 'string' and byte(text) == 27
    end
    if isBytecode then return nil end
    return text
  end
  if type(read) ~= 'function' then return load(read, ...) end
  local chunk, failure = load(checked, ...)
  if isBytecode then return nil, bytecode end
  return chunk, failure
end

local create, resume = coroutine.create, given.resume

local function finish(isDone, ...)
  if isDone then return ... end
  error((...), 3)
end

real.pcall, real.xpcall = given.pcall, given.xpcall
coroutine.resume, coroutine.yield = resume, given.yield
given.know(real.pcall, real.xpcall, resume, function(f, ...) return f(...) end)

function coroutine.wrap(f)
  local thread = create(f)
  return function(...) return finish(resume(thread, ...)) end
end

local strings = front(real.string)
getmetatable('').__metatable = front({__index = strings})
real.string = strings
for _, name in pairs({'math', 'table', 'coroutine'}) do real[name] = front(real[name]) end

function given.library(name)
  real[name] = front(real[name])
end

local scope = front(real)
real._G = scope
setmetatable(real, {
  __index = function(_, name)
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
  end,
})
given.install(real, scope, given.library, front)
`

export interface Sandbox {
  readonly machine: LuaMachine
  /** A table of functions and values, which scripts find under its name. */
  addLibrary(name: string, functions: Readonly<Record<string, LuaFunction>>, more?: (thread: number) => void): void
  /** Where the global variables lie: a reference in the registry. */
  readonly globals: number
  /** In place of the table on top of the thread's stack: one that is as it, and cannot be changed. */
  pushFront(thread: State): void
}

export function createSandbox(options: MachineOptions): Sandbox {
  const machine = new LuaMachine(options)
  const { lua, state } = machine
  machine.open('base')
  machine.open('table')
  machine.open('string')
  machine.open('math')
  lua.lua_settop(state, 0)
  lua.lua_getfield(state, globals, machine.name('string'))
  replaceStringFunctions(machine)
  lua.lua_settop(state, 0)
  let real = 0
  let protect = 0
  let front = 0
  const fronts = new Set<number>()
  machine.setUp(program, {
    note: (_machine, thread) => {
      fronts.add(lua.lua_topointer(thread, 1))
      return 0
    },
    know: (_machine, thread) => {
      machine.threads.know(thread)
      return 0
    },
    pcall: (_machine, thread) => machine.threads.pcall(thread, (before) => plainError(machine, before)),
    xpcall: (_machine, thread) => machine.threads.xpcall(thread),
    resume: (_machine, thread) => machine.threads.resumeCoroutine(thread),
    yield: (_machine, thread) => machine.threads.yieldCoroutine(thread),
    guard: (_machine, thread) => pushGuarded(machine, thread, fronts),
    checkedUnpack: pushUnpack,
    wideToNumber: pushToNumber,
    wideFormat: pushFormat,
    install: (_machine, thread) => {
      front = lua.luaL_ref(thread, registry)
      protect = lua.luaL_ref(thread, registry)
      lua.lua_replace(thread, globals)
      real = lua.luaL_ref(thread, registry)
      return 0
    },
  })
  const addLibrary: Sandbox['addLibrary'] = (name, functions, more) => {
    lua.lua_rawgeti(state, registry, real)
    machine.pushText(state, name)
    lua.lua_createtable(state, 0, 16)
    for (const [key, f] of Object.entries(functions)) machine.setField(state, key, f)
    more?.(state)
    lua.lua_rawset(state, -3)
    lua.lua_rawgeti(state, registry, protect)
    machine.pushText(state, name)
    lua.lua_call(state, 1, 0)
    lua.lua_settop(state, 0)
  }
  const pushFront: Sandbox['pushFront'] = (thread) => {
    lua.lua_rawgeti(thread, registry, front)
    lua.lua_insert(thread, -2)
    lua.lua_call(thread, 1, 1)
  }
  return { machine, addLibrary, globals: real, pushFront }
}

/**
 * In place of a C function whose first argument is a table: one that knows fronts. It calls the other in its own frame of
 * Lua, so that what it says of its caller is the same. For fronts it calls the second function, or refuses. The third is its
 * first result, where it would take that from an upvalue, which the frame does not have: `pairs` does.
 */
function pushGuarded(machine: LuaMachine, thread: State, fronts: ReadonlySet<number>): number {
  const { lua } = machine
  const original = lua.__indirect_function_table.get(lua.lua_tocfunction(thread, 1)) as (thread: State) => number
  const first = lua.lua_gettop(thread) > 2 ? lua.luaL_ref(thread, registry) : 0
  const instead = lua.lua_gettop(thread) > 1 ? lua.luaL_ref(thread, registry) : 0
  const call = (caller: State): number => {
    const count = original(caller)
    if (first === 0) return count
    lua.lua_rawgeti(caller, registry, first)
    lua.lua_replace(caller, -1 - count)
    return count
  }
  machine.pushFunction(thread, (_machine, caller) => {
    if (!fronts.has(lua.lua_topointer(caller, 1))) return call(caller)
    if (instead === 0) throw new PlainFailure('Attempt to modify a readonly table')
    lua.lua_rawgeti(caller, registry, instead)
    lua.lua_insert(caller, 1)
    lua.lua_call(caller, lua.lua_gettop(caller) - 1, multiple)
    return lua.lua_gettop(caller)
  })
  return 1
}

/** `LUA_MULTRET` */
const multiple = -1
