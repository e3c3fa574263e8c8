/** What Lua's values, places on its stack and errors are to the functions that scripts may call. */
import type { LuaMachine } from './machine.ts'
import type { State } from './wasm.ts'

export const registry = -10_000
export const globals = -10_002

/** `lua_type` */
export const luaType = {
  nil: 0,
  boolean: 1,
  lightUserdata: 2,
  number: 3,
  string: 4,
  table: 5,
  function: 6,
} as const

/** What `lua_resume` and others answer; anything else is an error. */
export const status = { ok: 0, yielded: 1 } as const

/** How far a thread has come. */
export type Outcome = 'ended' | 'failed' | 'stopped'

/** An error that a script may catch: Lua puts the place in the script before its words. */
export class LuaFailure extends Error {
  constructor(words: string) {
    super(words)
    this.name = 'LuaFailure'
  }

  push(machine: LuaMachine, thread: State): void {
    machine.lua.luaL_where(thread, 1)
    machine.pushText(thread, this.message)
    machine.lua.lua_concat(thread, 2)
  }
}

/** Without the place. */
export class PlainFailure extends LuaFailure {
  override push(machine: LuaMachine, thread: State): void {
    machine.pushText(thread, this.message)
  }
}
