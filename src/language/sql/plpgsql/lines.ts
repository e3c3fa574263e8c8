/** Where a function is: `PL/pgSQL function f(integer) line 3 at RAISE`. */
import type { Frame } from './frame.ts'
import { titleOfStatement } from './tree.ts'

export function contextLine(frame: Frame): string {
  const { statement } = frame
  const at = statement === undefined ? '' : ` line ${statement.line} at ${titleOfStatement(statement)}`
  return `PL/pgSQL ${frame.title}${at}`
}
