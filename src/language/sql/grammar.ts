/**
 * PostgreSQL's grammar in WebAssembly: text to its tree.
 *
 * The grammar recurses, over its own stack (in its memory) and over the thread's. Where the thread's runs out, V8 throws
 * out of the middle of it: its own stack pointer stays where it was, and what it had allocated stays allocated. Each such
 * text would leave it less, and after some dozens of them it could parse nothing any more, for anybody. So a grammar that
 * was left that way is replaced: the next one is made meanwhile, and parsing never waits for it.
 *
 * Its code is read and compiled once; further grammars, and those of other threads, are made of the compiled code, which
 * threads share. So none of them needs the package's file.
 *
 * Invariants: one next grammar is in the making at a time; a text's error tells nothing of the texts before it.
 */
import type { RawStmt } from 'libpg-query'
import { readPackageFile } from '../../host/package-file.ts'
import createGrammar, { type GrammarModule } from 'libpg-query/wasm/libpg-query.js'

/** How many texts may leave one grammar in their middle: of dozens that it would take, and a new one costs some 20 ms. */
const mostAborts = 4

/** The fields of `PgQueryParseResult` and `PgQueryError`, as offsets of 32-bit words. */
const resultTree = 0
const resultError = 8
const errorMessage = 0
const errorCursor = 16

/** The grammar's own: the text is no statement. */
export class GrammarError extends Error {
  /** In characters, from one; 0 where the error has no place. */
  readonly position: number

  constructor(message: string, position: number) {
    super(message)
    this.position = position
  }
}

let grammar: GrammarModule | undefined
let aborts = 0
let next: Promise<void> | undefined
let replacements = 0

const codeFile = 'libpg-query/wasm/libpg-query.wasm'

/** Until it is compiled. */
let codeBytes: Uint8Array | undefined
let code: WebAssembly.Module | undefined

/** At the start of a process, whose files may be replaced later; it is compiled when it is first needed. */
export function readGrammar(): void {
  if (code === undefined) codeBytes ??= readPackageFile(codeFile)
}

/** For another thread's `loadGrammarOf`. */
export function grammarCode(): WebAssembly.Module | undefined {
  return code
}

/** Must be awaited once before the first `parseTree`. */
export function loadGrammar(): Promise<void> {
  return loadGrammarOf(undefined)
}

/** Likewise, of what another thread has compiled. */
export async function loadGrammarOf(compiled: WebAssembly.Module | undefined): Promise<void> {
  if (grammar !== undefined) return
  if (compiled === undefined) readGrammar()
  code ??= compiled ?? (await WebAssembly.compile(codeBytes!))
  codeBytes = undefined
  grammar = await instantiate(code)
}

function instantiate(from: WebAssembly.Module): Promise<GrammarModule> {
  return createGrammar({
    instantiateWasm: (imports, receive) => {
      void WebAssembly.instantiate(from, imports).then(receive)
      return {}
    },
  })
}

export function isGrammarLoaded(): boolean {
  return grammar !== undefined
}

/** Resolves when a grammar that was left in its middle too often has been replaced. */
export async function grammarReplaced(): Promise<number> {
  await next
  return replacements
}

/** The statements of a text that is not empty. Throws `GrammarError`, or whatever WebAssembly throws where a stack runs out. */
export function parseTree(text: string): RawStmt[] {
  const using = grammar
  if (using === undefined) throw new Error('the grammar is not loaded')
  try {
    return parseWith(using, text)
  } catch (error) {
    if (!(error instanceof GrammarError)) noteAbort()
    throw error
  }
}

function noteAbort(): void {
  if (++aborts < mostAborts) return
  next ??= instantiate(code!).then((created) => {
    grammar = created
    aborts = 0
    replacements++
    next = undefined
  })
}

function parseWith(module: GrammarModule, text: string): RawStmt[] {
  const size = module.lengthBytesUTF8(text) + 1
  const input = module._malloc(size)
  module.stringToUTF8(text, input, size)
  let result = 0
  try {
    result = module._wasm_parse_query_raw(input)
    const word = (at: number): number => module.getValue(at, 'i32')
    const error = word(result + resultError)
    if (error !== 0) throw errorAt(module, error)
    const { stmts } = JSON.parse(module.UTF8ToString(word(result + resultTree))) as { stmts?: RawStmt[] }
    return stmts ?? []
  } finally {
    module._free(input)
    if (result !== 0) module._wasm_free_parse_result(result)
  }
}

function errorAt(module: GrammarModule, error: number): GrammarError {
  const message = module.UTF8ToString(module.getValue(error + errorMessage, 'i32'))
  return new GrammarError(message, Math.max(module.getValue(error + errorCursor, 'i32'), 0))
}
