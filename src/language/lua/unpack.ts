/**
 * `unpack`, with bounds that Lua 5.1 does not look at: it counts in 32 bits how many results there are, and a count that
 * comes around is written beyond the stack.
 */
import type { LuaMachine } from './machine.ts'
import { LuaFailure } from './values.ts'
import type { State } from './wasm.ts'

/** Far more than a stack holds, and far less than 32 bits do: in between Lua refuses by itself. */
const mostResults = 2 ** 20

/** As the C of a processor of 64 bits turns a number into an `int`. */
function toInt(value: number): number {
  return Math.abs(value) < 2 ** 63 ? value | 0 : 0
}

function bound(machine: LuaMachine, thread: State, at: number, otherwise: number): number {
  const { lua } = machine
  if (lua.lua_isnumber(thread, at) === 0) return otherwise
  const given = toInt(lua.lua_tonumber(thread, at))
  lua.lua_pushnumber(thread, given)
  lua.lua_replace(thread, at)
  return given
}

/** In place of the function on the stack, which it calls in its own frame. */
export function pushUnpack(machine: LuaMachine, thread: State): number {
  const { lua } = machine
  const original = lua.__indirect_function_table.get(lua.lua_tocfunction(thread, 1)) as (thread: State) => number
  machine.pushFunction(thread, (_machine, caller) => {
    const first = bound(machine, caller, 2, 1)
    const last = bound(machine, caller, 3, lua.lua_objlen(caller, 1))
    if (last - first >= mostResults) throw new LuaFailure('too many results to unpack')
    return original(caller)
  })
  return 1
}
