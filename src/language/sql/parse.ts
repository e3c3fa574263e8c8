/**
 * Text to statements, by PostgreSQL's own grammar compiled to WebAssembly.
 *
 * Invariants: text beyond `maxTextBytes`, what the tree repeats counted (`repeated-length.ts`), never reaches the grammar, since a long one would hold the thread; an error that
 * WebAssembly itself throws (its stack ran out on nested text) is answered as PostgreSQL answers it; the same text is not
 * parsed twice while it is in the cache.
 */
import type { RawStmt } from 'libpg-query'
import type { ParsedStatement } from './contract.ts'
import { failure } from './failure.ts'
import { GrammarError, parseTree } from './grammar.ts'
import { repeatedLength } from './repeated-length.ts'
import { RecentMap } from './recent-map.ts'
import { PolylogError } from '../../base/errors.ts'

const maxTextBytes: number = 1024 * 1024
/** Longer texts are mostly bulk INSERTs that never come again. */
export const maxCachedTextLength: number = 16 * 1024
/** Of all texts together: a tree takes some 50 bytes for each character of its text. */
const maxKeptCharacters = 512 * 1024

const parsedTexts = new RecentMap<string, readonly ParsedStatement[]>(maxKeptCharacters)

export function parseText(text: string): readonly ParsedStatement[] {
  const known = parsedTexts.get(text)
  if (known !== undefined) return known
  const length = checkText(text)
  const statements = statementsOf(text, runGrammar(text))
  if (length <= maxCachedTextLength) parsedTexts.set(text, statements, length + 64)
  return statements
}

/** What must hold before the grammar may see it. Answers how long it is for the grammar. */
export function checkText(text: string): number {
  const sizeBytes = Buffer.byteLength(text)
  if (sizeBytes > maxTextBytes) {
    throw failure('54000', `statement is too large: ${sizeBytes} bytes, the limit is ${maxTextBytes}`, {
      hint: 'Use COPY, or parameters, or several statements.',
    })
  }
  if (text.includes('\0')) throw failure('22021', 'invalid byte sequence for encoding "UTF8": 0x00')
  const length = repeatedLength(text)
  if (length <= maxTextBytes) return length
  throw failure('54000', 'statement is too large: SET (…) = … repeats what follows for each column', {
    hint: 'Set each column by itself, or from a query in FROM.',
  })
}

export function runGrammar(text: string): RawStmt[] {
  if (text.trim() === '') return []
  try {
    return parseTree(text)
  } catch (error) {
    throw translate(error)
  }
}

/** The grammar tells places in bytes; encoding the text is spared where they are characters. */
export function statementsOf(text: string, trees: readonly RawStmt[]): readonly ParsedStatement[] {
  const bytes = Buffer.byteLength(text) === text.length ? text : Buffer.from(text)
  return trees.map((raw) => {
    const start = raw.stmt_location ?? 0
    const length = raw.stmt_len ?? 0
    const end = length === 0 ? bytes.length : start + length
    const slice = typeof bytes === 'string' ? bytes.slice(start, end) : bytes.subarray(start, end).toString()
    return { text: slice.trim(), tree: raw.stmt, offset: start, source: text }
  })
}

function translate(error: unknown): unknown {
  if (error instanceof GrammarError) {
    const { position } = error
    const { sqlState, code } = classify(error.message)
    const detail = position === 0 ? { sqlState } : { sqlState, position }
    return new PolylogError(code, error.message, { detail, cause: error })
  }
  return failure('54001', 'stack depth limit exceeded', { hint: 'The statement is nested too deeply.' })
}

/** The grammar's errors carry no SQLSTATE; nearly all are 42601. */
function classify(message: string): {
  sqlState: string
  code: 'syntax' | 'too_large' | 'invalid_argument' | 'unsupported'
} {
  if (/stack depth limit/.test(message)) return { sqlState: '54001', code: 'too_large' }
  if (/memory exhausted/.test(message)) return { sqlState: '54001', code: 'too_large' }
  if (/^invalid (byte sequence|Unicode)/.test(message)) return { sqlState: '22021', code: 'invalid_argument' }
  if (/not yet implemented$|cannot be marked /.test(message)) return { sqlState: '0A000', code: 'unsupported' }
  return { sqlState: '42601', code: 'syntax' }
}
