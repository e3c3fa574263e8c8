/** The text of a body that is written as part of CREATE FUNCTION: `BEGIN ATOMIC …; END`, or `RETURN expression`. */
import type { ParsedStatement } from '../../contract.ts'
import { scanTokens } from '../../plpgsql/tokens.ts'

/** As statements of SQL; it stands behind all other clauses. */
export function atomicBody({ text }: ParsedStatement): string {
  const tokens = scanTokens(text)
  const begin = tokens.findIndex(({ word }, i) => word === 'begin' && tokens[i + 1]?.word === 'atomic')
  if (begin >= 0) {
    const end = tokens.findLastIndex(({ word }) => word === 'end')
    return text.slice(tokens[begin + 1]!.end, tokens[end]!.start).trim()
  }
  const last = tokens.findLastIndex(({ word }) => word === 'return')
  return `SELECT ${text.slice(tokens[last]!.end).trim()}`
}
