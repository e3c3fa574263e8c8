/**
 * The threads of one running script: `pcall`, `xpcall` and coroutines, so that a script can stop within them.
 *
 * Lua 5.1 leaves a thread only where no C function lies between, and `pcall` and `coroutine.resume` are C functions that run
 * what they are given above themselves. Here each of them gives it a thread of its own, and they form a chain:
 *
 *   script ── pcall ──► thread 2 ── resume ──► thread 3      runs; may stop where all before it may
 *
 * Where the last one stops (a turn is over), the function below it stops its own thread, too, and so on down to the script:
 * no C function is left. To go on, the last one is resumed; when it ends, what the function would have answered is given to
 * the thread before it, which goes on behind its call.
 *
 * Invariant: all threads of the chain but the last one have stopped, or wait in a C function for the next one.
 */
import type { LuaMachine } from './machine.ts'
import { LuaFailure, luaType, type Outcome, PlainFailure, registry, status } from './values.ts'
import type { State } from './wasm.ts'

/** As deep as C functions may be nested in Lua 5.1, nearly. */
const mostDepth = 150

interface Link {
  readonly thread: State
  /** It may be left where it is called from. */
  readonly canStop: boolean
  /** Whether it is a coroutine of the script, which may yield. */
  readonly yields: boolean
  /** Pushes on the thread before it what the function answers there: how many values. */
  readonly finish: (outcome: Outcome, thread: State, before: State) => number
}

export class LuaThreads {
  readonly #machine: LuaMachine
  #chain: Link[] = []
  /** The last one is being left by us, not by the script. */
  #isStopping = false
  #caller = 0
  readonly #nesting = new Set<number>()

  constructor(machine: LuaMachine) {
    this.#machine = machine
  }

  /** Begins the script's own thread, or goes on where it has stopped. Passes on what functions throw. */
  resume(script: State, count: number): Outcome {
    if (this.#chain.length === 0) this.#chain.push({ thread: script, canStop: true, yields: false, finish: nothing })
    let given = count
    const stack = this.#machine.lua.stackSave()
    try {
      for (;;) {
        const link = this.#chain.at(-1)!
        const outcome = this.#run(link.thread, given)
        if (this.#isStopping) {
          this.#isStopping = false
          return 'stopped'
        }
        this.#chain.pop()
        const before = this.#chain.at(-1)
        if (before === undefined) return outcome
        given = link.finish(outcome, link.thread, before.thread)
      }
    } catch (error) {
      this.#chain = []
      this.#isStopping = false
      this.#machine.lua.stackRestore(stack)
      throw error
    }
  }

  /** It is given up where it has stopped. */
  forget(): void {
    this.#chain = []
  }

  #run(thread: State, given: number): Outcome {
    const result = this.#machine.lua.lua_resume(thread, given)
    return result === status.ok ? 'ended' : result === status.yielded ? 'stopped' : 'failed'
  }

  /** Whether the thread that runs may be left where it is. */
  canStop(thread: State): boolean {
    const link = this.#chain.at(-1)
    return link?.thread === thread && link.canStop && this.#machine.isOutsideOfC(thread)
  }

  /** What the hook calls where `canStop`. */
  stop(thread: State): void {
    this.#isStopping = true
    this.#machine.lua.lua_yield(thread, 0)
  }

  /** Runs the next thread of the chain, for a C function that was called on `before`: what that function answers. */
  #nest(before: State, thread: State, given: number, yields: boolean, finish: Link['finish']): number {
    if (this.#chain.length > mostDepth) throw new LuaFailure('C stack overflow')
    this.#chain.push({ thread, canStop: this.canStop(before), yields, finish })
    const outcome = this.#run(thread, given)
    if (this.#isStopping) return this.#machine.lua.lua_yield(before, 0)
    this.#chain.pop()
    return finish(outcome, thread, before)
  }

  // ---- the functions

  /** `failed`: makes of an error, on top of the stack, what is answered. */
  pcall(thread: State, failed: (thread: State) => void): number {
    const { lua } = this.#machine
    const given = lua.lua_gettop(thread)
    if (given === 0) throw new LuaFailure("bad argument #1 to 'pcall' (value expected)")
    if (this.#isPlain(thread, 1)) return this.#callPlain(thread, given, failed)
    const inner = lua.lua_newthread(thread)
    lua.lua_insert(thread, 1)
    const first = this.#begin(thread, inner, 2)
    this.#give(thread, inner, given)
    return this.#nest(thread, inner, given - 1 + first, false, (outcome, from, before) => {
      if (outcome === 'ended') return this.#answer(from, before, true, lua.lua_gettop(from))
      const count = this.#answer(from, before, false, 1)
      failed(before)
      return count
    })
  }

  /** A C function that runs nothing of the script which could stop. */
  #isPlain(thread: State, at: number): boolean {
    const { lua } = this.#machine
    return lua.lua_type(thread, at) !== luaType.function
      ? true
      : lua.lua_iscfunction(thread, at) !== 0 && !this.#nesting.has(lua.lua_tocfunction(thread, at))
  }

  #callPlain(thread: State, given: number, failed: (thread: State) => void): number {
    const { lua } = this.#machine
    const isDone = lua.lua_pcall(thread, given - 1, -1, 0) === status.ok
    if (!isDone) failed(thread)
    lua.lua_pushboolean(thread, isDone ? 1 : 0)
    lua.lua_insert(thread, 1)
    return lua.lua_gettop(thread)
  }

  /**
   * A thread of Lua 5.1 begins with a function in Lua. Where one of ours stands at `at`, one that calls it comes before: how many
   * more arguments that makes.
   */
  #begin(thread: State, inner: State, at: number): number {
    if (this.#machine.lua.lua_iscfunction(thread, at) === 0) return 0
    this.pushCaller(inner)
    return 1
  }

  /** `function(f, ...) return f(...) end`; `at`: where on the stack, on top where it is left out. */
  pushCaller(thread: State, at?: number): void {
    this.#machine.lua.lua_rawgeti(thread, registry, this.#caller)
    if (at !== undefined) this.#machine.lua.lua_insert(thread, at)
  }

  /** Which functions run a thread above the one that called them; and what `pushCaller` pushes. */
  know(thread: State): void {
    const { lua } = this.#machine
    this.#caller = lua.luaL_ref(thread, registry)
    for (let at = lua.lua_gettop(thread); at > 0; at--) this.#nesting.add(lua.lua_tocfunction(thread, at))
  }

  xpcall(thread: State): number {
    const { lua } = this.#machine
    if (lua.lua_gettop(thread) < 2) throw new LuaFailure("bad argument #2 to 'xpcall' (value expected)")
    lua.lua_settop(thread, 2)
    // Its place on the stack is another one once the thread has stopped.
    const handler = lua.luaL_ref(thread, registry)
    const failed = (before: State): void => {
      lua.lua_rawgeti(before, registry, handler)
      lua.lua_insert(before, -2)
      // What fails in it is what is answered.
      lua.lua_pcall(before, 1, 1, 0)
    }
    if (this.#isPlain(thread, 1)) {
      const count = this.#callPlain(thread, 1, failed)
      lua.luaL_unref(thread, registry, handler)
      return count
    }
    const inner = lua.lua_newthread(thread)
    lua.lua_insert(thread, 1)
    const first = this.#begin(thread, inner, 2)
    this.#give(thread, inner, 1)
    return this.#nest(thread, inner, first, false, (outcome, from, before) => {
      const count = outcome === 'ended' ? lua.lua_gettop(from) : 1
      this.#answer(from, before, outcome === 'ended', count)
      if (outcome !== 'ended') failed(before)
      lua.luaL_unref(before, registry, handler)
      return count + 1
    })
  }

  resumeCoroutine(thread: State): number {
    const { lua } = this.#machine
    const inner = lua.lua_tothread(thread, 1)
    if (inner === 0) throw new LuaFailure("bad argument #1 to 'resume' (coroutine expected)")
    const state = this.#stateOf(thread, inner)
    if (state !== 'suspended') {
      lua.lua_pushboolean(thread, 0)
      this.#machine.pushText(thread, `cannot resume ${state} coroutine`)
      return 2
    }
    const given = lua.lua_gettop(thread) - 1
    this.#give(thread, inner, given)
    return this.#nest(thread, inner, given, true, (outcome, from, before) =>
      outcome === 'failed'
        ? this.#answer(from, before, false, 1)
        : this.#answer(from, before, true, lua.lua_gettop(from)),
    )
  }

  /** Errors: `LuaFailure` where a C function lies between, or there is no coroutine. */
  yieldCoroutine(thread: State): number {
    const link = this.#chain.at(-1)
    if (link?.thread !== thread || !link.yields || !this.#machine.isOutsideOfC(thread)) {
      throw new PlainFailure('attempt to yield across metamethod/C-call boundary')
    }
    const { lua } = this.#machine
    return lua.lua_yield(thread, lua.lua_gettop(thread))
  }

  #stateOf(running: State, thread: State): 'running' | 'suspended' | 'normal' | 'dead' {
    const { lua } = this.#machine
    if (thread === running) return 'running'
    const left = lua.lua_status(thread)
    if (left === status.yielded) return 'suspended'
    if (left !== status.ok) return 'dead'
    if (this.#chain.some((link) => link.thread === thread)) return 'normal'
    return lua.lua_gettop(thread) === 0 ? 'dead' : 'suspended'
  }

  /** Moves so many values from the top of one thread to that of another. */
  #give(from: State, to: State, count: number): void {
    this.#machine.needStack(to, count + 2)
    this.#machine.lua.lua_xmove(from, to, count)
  }

  #answer(from: State, before: State, isDone: boolean, count: number): number {
    this.#machine.needStack(before, count + 2)
    this.#machine.lua.lua_pushboolean(before, isDone ? 1 : 0)
    this.#machine.lua.lua_xmove(from, before, count)
    return count + 1
  }
}

function nothing(): number {
  return 0
}

/** In place of an error that is a table with `err`, on top of the stack, its text. */
export function plainError(machine: LuaMachine, thread: State): void {
  const { lua } = machine
  if (lua.lua_type(thread, -1) !== luaType.table) return
  machine.pushText(thread, 'err')
  lua.lua_rawget(thread, -2)
  if (lua.lua_type(thread, -1) === luaType.string) lua.lua_replace(thread, -2)
  else lua.lua_settop(thread, -2)
}
