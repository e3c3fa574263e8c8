/** Functions of our own in place of Lua's, which they call in their own frame. */
import type { LuaMachine } from './machine.ts'
import type { State } from './wasm.ts'

export type Original = (thread: State) => number

/** Of the function on the stack: pushes what stands for it. */
export function pushInPlaceOf(
  machine: LuaMachine,
  thread: State,
  call: (caller: State, original: Original) => number,
): number {
  const { lua } = machine
  const original = lua.__indirect_function_table.get(lua.lua_tocfunction(thread, 1)) as Original
  machine.pushFunction(thread, (_machine, caller) => call(caller, original))
  return 1
}
