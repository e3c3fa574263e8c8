/**
 * `unpack`, with bounds that Lua 5.1 does not look at: it counts in 32 bits how many results there are, and a count that
 * comes around is written beyond the stack.
 */
import { pushInPlaceOf } from './in-place.ts'
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

export function pushUnpack(machine: LuaMachine, thread: State): number {
  return pushInPlaceOf(machine, thread, (caller, original) => {
    const first = bound(machine, caller, 2, 1)
    const last = bound(machine, caller, 3, machine.lua.lua_objlen(caller, 1))
    if (last - first >= mostResults) throw new LuaFailure('too many results to unpack')
    return original(caller)
  })
}
