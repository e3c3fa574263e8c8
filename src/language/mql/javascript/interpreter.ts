/**
 * An interpreter of its own for the scripts of one expression or filter: what they leave in global variables is seen by
 * nobody else, and what they do to its memory ends with it.
 *
 * It has no clock and no chance of its own: the present is the command's (`$$NOW`). It stops what takes too long or too much;
 * what loops is ended from outside, by ending its thread (`evaluation.ts`).
 */
import { mongoError } from '../../../model/document/mongo-error.ts'
import { type Address, contentOf, instantiate, type Piece, putText, type QuickJs, textOf } from './quickjs.ts'
import { prelude } from './prelude.ts'

const maxHeapBytes = 64 * 1024 * 1024
const maxMemoryBytes = 96 * 1024 * 1024
const maxStackBytes = 256 * 1024
/** Of 10,000 steps each: about a minute, which is what MongoDB gives a function. */
const maxInterrupts = 100_000

const javaScriptFailure = 139

export type Job = 'seed' | 'compile' | 'call' | 'test' | 'gather'

/** An interpreter that has read its prelude: all others begin as copies of its memory, which takes a fifth of the time. */
interface Begun {
  readonly content: readonly Piece[]
  readonly context: Address
  /** The function that the prelude has answered, and room for what it is called with. */
  readonly run: Address
  readonly given: Address
}

let begun: Begun | undefined

function begin(): Begun {
  const quickJs = instantiate({ maxBytes: maxMemoryBytes, isInterrupted: () => false, now: () => 0 })
  const runtime = quickJs.newRuntime()
  quickJs.setMemoryLimit(runtime, maxHeapBytes)
  quickJs.setMaxStackSize(runtime, maxStackBytes)
  quickJs.enableInterruptHandler(runtime)
  const context = quickJs.newContext(runtime, 0)
  const program = putText(quickJs, prelude)
  const name = putText(quickJs, 'prelude')
  const run = quickJs.eval(context, program.at, program.bytes, name.at, 0, 0)
  const exception = quickJs.resolveException(context, run)
  if (exception !== 0) throw new Error(textOf(quickJs, context, exception))
  const given = quickJs.malloc(12)
  quickJs.free(program.at)
  return { content: contentOf(quickJs), context, run, given }
}

export class Interpreter {
  readonly #quickJs: QuickJs
  readonly #begun: Begun
  #interrupts = 0
  #now: number
  #functions = 0
  #isBroken = false

  /** `now`: what scripts take for the present until they are told; `chance`: what theirs begins with, from 0 to 1. */
  constructor(now: number, chance: number) {
    this.#now = now
    const surroundings = {
      maxBytes: maxMemoryBytes,
      isInterrupted: () => ++this.#interrupts > maxInterrupts,
      now: () => this.#now,
    }
    begun ??= begin()
    this.#begun = begun
    this.#quickJs = instantiate({ ...surroundings, content: begun.content })
    this.run('seed', Math.floor(chance * 2 ** 31), '')
  }

  /** Nothing more can be asked of it. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  /** The number by which the function is called. Errors: JSInterpreterFailure (139). */
  compile(code: string): number {
    this.run('compile', 0, code)
    return this.#functions++
  }

  /** What a job answers. Errors: JSInterpreterFailure (139). */
  run(job: Job, at: number, text: string, now: number = this.#now): string {
    this.#now = now
    this.#interrupts = 0
    let answer: string
    try {
      answer = this.#call([job, String(at), text])
    } catch (error) {
      this.#isBroken = true
      throw isOwn(error) ? error : mongoError(javaScriptFailure, `the interpreter has stopped: ${String(error)}`)
    }
    if (answer.startsWith('+')) return answer.slice(1)
    throw mongoError(javaScriptFailure, answer.slice(1))
  }

  #call(texts: readonly string[]): string {
    const quickJs = this.#quickJs
    const { context, run, given } = this.#begun
    const values = texts.map((text) => {
      const put = putText(quickJs, text)
      const value = quickJs.newString(context, put.at)
      quickJs.free(put.at)
      return value
    })
    new Int32Array(quickJs.memory.buffer).set(values, given >> 2)
    const result = quickJs.call(context, run, quickJs.undefinedValue(), values.length, given)
    for (const value of values) quickJs.freeValue(context, value)
    // Of an interruption and of a lack of memory no handler hears.
    const exception = quickJs.resolveException(context, result)
    const answer = textOf(quickJs, context, exception === 0 ? result : exception)
    if (exception !== 0) {
      throw mongoError(javaScriptFailure, this.#whyStopped(answer))
    }
    quickJs.freeValue(context, result)
    return answer
  }

  #whyStopped(exception: string): string {
    if (this.#interrupts > maxInterrupts) return 'the script has taken too long'
    // There was none left for the error itself.
    return exception === 'null' ? 'InternalError: out of memory' : exception
  }
}

function isOwn(error: unknown): boolean {
  return (error as { detail?: { mongoCode?: number } }).detail?.mongoCode === javaScriptFailure
}
