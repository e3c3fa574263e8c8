/** SQL over a store that counts without waiting, so that plans are made by counts, and what its scans read. For tests. */
import { vi } from 'vitest'
import type { Database } from '../../database/database.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { RelationScan } from '../../query/relation.ts'
import { openMemoryStore } from '../../storage/memory/memory.ts'
import type { SqlValue } from './contract.ts'
import { loadSql } from './sql.ts'
import type { TestSql } from './testing.ts'

export async function openCountedDatabase(): Promise<Database> {
  await loadSql()
  return openTestDatabase({ store: await openMemoryStore(createRealHost(), undefined) })
}

/** Rows that the statement reads by scans. */
export async function rowsRead(
  sql: TestSql,
  text: string,
  parameters: readonly SqlValue[] = [],
  types: readonly number[] = [],
): Promise<number> {
  const spy = vi.spyOn(RelationScan.prototype, 'next')
  await sql.query(text, parameters, types)
  const batches = spy.mock.results.map(({ value }) => value as unknown).filter((batch) => Array.isArray(batch))
  spy.mockRestore()
  return batches.reduce((rows, { length }) => rows + length, 0)
}

/** The plan as EXPLAIN shows it; `options`: in parentheses. */
export async function planOf(sql: TestSql, text: string, options = ''): Promise<string> {
  const { rows } = await sql.query(`explain ${options} ${text}`)
  return rows.map(([line]) => line as string).join('\n')
}
