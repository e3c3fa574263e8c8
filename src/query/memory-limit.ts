/**
 * How much an operator may keep: sorts, hash tables and materialised inputs count their rows here and stop with an error
 * that names the operator, since nothing spills to disk yet.
 */
import { PolylogError } from '../base/errors.ts'

const maxRowsKept = 2_000_000

export function checkRowsKept(count: number, operator: string): void {
  if (count <= maxRowsKept) return
  throw new PolylogError('out_of_memory', `${operator} needs more than ${maxRowsKept} rows in memory`, {
    detail: { sqlState: '53200', hint: 'Narrow the query with WHERE, or sort by an index.' },
  })
}
