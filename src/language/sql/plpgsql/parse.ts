/** A body to its tree. Errors are PostgreSQL's (`pl_gram.y`). */
import { parseBlock } from './parse-body.ts'
import { parseLabel } from './parse-parts.ts'
import { parseStatements } from './parse-statement.ts'
import { TokenReader } from './token-reader.ts'
import type { BlockNode } from './tree.ts'

export interface ParsedBody {
  readonly block: BlockNode
  /** `#variable_conflict`. */
  readonly conflict: 'error' | 'column' | 'variable'
}

const conflicts: Readonly<Record<string, ParsedBody['conflict']>> = {
  error: 'error',
  use_column: 'column',
  use_variable: 'variable',
}

export function parseBody(text: string): ParsedBody {
  const reader = new TokenReader(text, parseStatements)
  let conflict: ParsedBody['conflict'] = 'error'
  while (reader.takeSymbol('#')) {
    const option = reader.name()
    const value = reader.name()
    if (option === 'variable_conflict') conflict = conflicts[value] ?? 'error'
    else if (option !== 'option' && option !== 'print_strict_params') throw reader.unexpected()
  }
  const label = parseLabel(reader)
  const block = parseBlock(reader, label)
  reader.takeSymbol(';')
  if (reader.token.kind !== 'end') throw reader.unexpected()
  return { block, conflict }
}
