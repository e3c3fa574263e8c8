/**
 * The worker's part of a long text: the grammar's tree in parts, or the grammar's error as plain values, because an error
 * that crosses threads loses its class.
 */
import { PolylogError, type ErrorCode, type ErrorDetail } from '../../base/errors.ts'
import { failure } from './failure.ts'
import { loadGrammar, runGrammar } from './parse.ts'
import { cutTree, type PackedParts, packParts } from './tree-parts.ts'

export type ParseAnswer =
  | { readonly parts: PackedParts }
  | { readonly error: { readonly code: ErrorCode; readonly message: string; readonly detail: ErrorDetail } }

export async function run(text: unknown): Promise<ParseAnswer> {
  await loadGrammar()
  try {
    return { parts: packParts(cutTree(runGrammar(text as string))) }
  } catch (error) {
    const known = error instanceof RangeError ? failure('54001', 'stack depth limit exceeded') : error
    if (!(known instanceof PolylogError)) throw known
    const { code, message, detail } = known
    return { error: { code, message, detail } }
  }
}
