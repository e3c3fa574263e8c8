/** The scripts of a server: those it knows, the interpreters that run them, and those that run. */
import type { SessionHost } from '../../../session/contract.ts'
import { Interpreter } from './interpreter.ts'
import type { ScriptRun } from './run.ts'
import { ScriptCache, type Script } from './script.ts'

/** Of those that wait for their next script. */
const mostIdle = 4

/** Lua garbage beyond this is collected before the interpreter waits. */
const mostHeldBytes = 4 * 1024 * 1024

export class Scripts {
  readonly cache: ScriptCache
  readonly running: Set<ScriptRun> = new Set()
  readonly #host: SessionHost['host']
  #idle: Interpreter[] = []

  constructor({ host, memory }: SessionHost) {
    this.#host = host
    this.cache = new ScriptCache(memory.work)
  }

  nextSeed(): number {
    const bytes = new Uint8Array(4)
    this.#host.random(bytes)
    return new DataView(bytes.buffer).getInt32(0)
  }

  takeInterpreter(owner: object): Interpreter {
    const at = this.#idle.findLastIndex((one) => one.owner === owner)
    return at < 0 ? new Interpreter(owner) : this.#idle.splice(at, 1)[0]!
  }

  /** Of those that have let others run, and began before: the first. */
  longestRunning(beforeMs: number): ScriptRun | undefined {
    for (const run of this.running) if (run.startedMs !== undefined && run.startedMs <= beforeMs) return run
    return undefined
  }

  giveBack(interpreter: Interpreter): void {
    if (interpreter.isLarge || interpreter.machine.isBroken) return
    if (interpreter.machine.heldBytes > mostHeldBytes) interpreter.machine.collectGarbage()
    this.#idle.push(interpreter)
    if (this.#idle.length > mostIdle) this.#idle.shift()
  }

  /** Throws `CommandError` with the compiler's words. */
  check(script: Script, owner: object): void {
    const interpreter = this.takeInterpreter(owner)
    try {
      interpreter.compile(script)
    } finally {
      this.giveBack(interpreter)
    }
  }

  /** SCRIPT FLUSH: compiled ones are forgotten with their interpreters. */
  clear(): void {
    this.cache.clear()
    this.#idle = []
  }
}
