/** What the server tells of itself (`session/evidence.ts`), as the statistics views read it. */
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'

/** Rows of a table that the server tells, as a function of a row to its columns by name. */
export function* served(run: SqlRun, table: string): Generator<(column: string) => SqlValue> {
  const found = run.context.systemTables?.find(({ name }) => name === table)
  if (found === undefined) return
  const at = new Map(found.columns.map((column, i) => [column.name, i]))
  for (const row of found.rows()) yield (column) => row[at.get(column)!]!
}

/** Of what was counted in milliseconds, a timestamp. */
export function timeOf(milliseconds: SqlValue): SqlValue {
  return milliseconds === null ? null : (milliseconds as bigint) * 1000n
}
