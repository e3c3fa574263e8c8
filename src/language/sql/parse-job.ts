/**
 * The worker's part of a long text: the grammar's tree in parts, or the grammar's error as plain values, because an error
 * that crosses threads loses its class.
 */
import { PolylogError, type ErrorCode, type ErrorDetail } from '../../base/errors.ts'
import { failure } from './failure.ts'
import { loadGrammarOf } from './grammar.ts'
import { runGrammar } from './parse.ts'
import { cutTree, type PackedParts, packParts } from './tree-parts.ts'

export type ParseAnswer =
  | { readonly parts: PackedParts }
  | { readonly error: { readonly code: ErrorCode; readonly message: string; readonly detail: ErrorDetail } }

export interface ParseInput {
  readonly text: string
  readonly code: WebAssembly.Module | undefined
}

export async function run(given: unknown): Promise<ParseAnswer> {
  const { text, code } = given as ParseInput
  await loadGrammarOf(code)
  try {
    return { parts: packParts(cutTree(runGrammar(text))) }
  } catch (error) {
    const known = error instanceof RangeError ? failure('54001', 'stack depth limit exceeded') : error
    if (!(known instanceof PolylogError)) throw known
    const { code, message, detail } = known
    return { error: { code, message, detail } }
  }
}
