/**
 * FUNCTION LOAD runs a library's code, to hear which functions are in it. It pauses as scripts do, can send no commands, and is
 * ended where it takes long.
 */
import type { StatementSteps } from '../../../database/contract.ts'
import type { Call } from '../call.ts'
import { CommandError } from '../errors.ts'
import type { Interpreter, ScriptHost } from './interpreter.ts'
import type { FunctionFacts, Library, LibraryText } from './libraries.ts'
import { errorOf, logFrom, mostStuckLooks } from './run.ts'

/** Some half a second. */
const mostTurns = 250

class LibraryLoad implements ScriptHost {
  readonly #call: Call
  #turns = 0
  #stuckLooks = 0
  grownBytes = 0

  constructor(call: Call) {
    this.#call = call
  }

  grown(bytes: number): void {
    this.#call.client.session.account.charge(bytes, 'a library')
    this.grownBytes += bytes
  }

  look(isStuck: boolean): void {
    if (isStuck ? ++this.#stuckLooks < mostStuckLooks : ++this.#turns < mostTurns) return
    throw new CommandError('ERR Error registering functions: ERR FUNCTION LOAD timeout')
  }

  log(level: number, text: string): void {
    logFrom(this.#call, level, text)
  }

  seed(): number {
    return 0
  }

  /** No library comes so far: it has no way to send commands while it is loaded. */
  command(): never {
    throw new Error('a library sends a command while it is loaded')
  }

  setProtocol(): never {
    return this.command()
  }

  mayRun(): never {
    return this.command()
  }
}

/** Errors: `CommandError` of code that fails, or registers nothing. */
export function* loadLibrary(call: Call, text: LibraryText): StatementSteps<Library> {
  const { scripts } = call.server
  const interpreter = scripts.takeInterpreter(call.tx.principal.rights)
  const load = new LibraryLoad(call)
  let functions: FunctionFacts[] = []
  try {
    yield* run(interpreter, load, text)
    functions = [...interpreter.endLoad().values()].map(({ facts }) => facts)
  } finally {
    interpreter.endLoad()
    interpreter.end()
    if (load.grownBytes > 0) call.client.session.account.release(load.grownBytes)
    scripts.giveBack(interpreter)
  }
  if (functions.length === 0) throw new CommandError('ERR No functions registered')
  return { name: text.name, code: text.code, functions }
}

function* run(interpreter: Interpreter, load: LibraryLoad, text: LibraryText): StatementSteps<void> {
  const { machine } = interpreter
  const thread = interpreter.beginLoad(text, load)
  let outcome = machine.resume(thread)
  for (; outcome === 'stopped'; outcome = machine.resume(thread)) yield undefined
  if (outcome === 'failed') {
    throw new CommandError(`ERR Error registering functions: ${errorOf(machine, thread)}`)
  }
}
