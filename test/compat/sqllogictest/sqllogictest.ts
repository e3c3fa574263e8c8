/**
 * The suite `sqllogictest`: each file in an empty database, its records in order. Those files come from other engines, so
 * only the records count that a real PostgreSQL answers as they say: `pg15-agreement.jsonl` lists them, by file and line. A
 * folder of one's own needs no such list; there all records count.
 */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type SuiteDatabase, SuiteDatabases } from '../postgres/databases.ts'
import type { CaseResult, Suite } from '../suite.ts'
import { findDifference } from './compare.ts'
import { parseRecords, type SqlRecord } from './records.ts'

interface Agreement {
  readonly path: string
  /** Lines of records. */
  readonly ok: readonly number[]
}

export const sqllogictest: Suite = {
  name: 'sqllogictest',
  async *run(folder, server) {
    const databases = new SuiteDatabases(server)
    for (const { path, counts } of await filesOf(folder)) {
      const records = parseRecords(await readFile(join(folder, path), 'utf8'))
      yield* await databases.inEmpty((database) => runFile(path, records, counts, database))
    }
  },
}

async function filesOf(folder: string): Promise<{ path: string; counts: (record: SqlRecord) => boolean }[]> {
  const agreement = join(folder, 'pg15-agreement.jsonl')
  if (!existsSync(agreement)) {
    const names = await readdir(folder, { recursive: true })
    const paths = names.filter((name) => /\.(?:test|slt|part)$/.test(name)).sort()
    return paths.map((path) => ({ path, counts: () => true }))
  }
  const lines = (await readFile(agreement, 'utf8')).trim().split('\n')
  return lines.map((line) => {
    const { path, ok } = JSON.parse(line) as Agreement
    const agreed = new Set(ok)
    return { path, counts: (record) => agreed.has(record.line) }
  })
}

async function runFile(
  path: string,
  records: readonly SqlRecord[],
  counts: (record: SqlRecord) => boolean,
  database: SuiteDatabase,
): Promise<CaseResult[]> {
  const results: CaseResult[] = []
  for (const record of records) {
    const message = await findFault(record, database)
    if (!counts(record)) continue
    const name = `${path}:${record.line}`
    results.push(message === undefined ? { name, outcome: 'passed' } : { name, outcome: 'failed', message })
  }
  return results
}

async function findFault(record: SqlRecord, database: SuiteDatabase): Promise<string | undefined> {
  try {
    const { rows } = await database.query(record.connection, record.sql)
    if (record.isError) return 'an error was expected'
    return record.expected && findDifference(record.expected, rows, record.sql)
  } catch (error) {
    if (record.isError) return undefined
    return messageOf(error)
  }
}

function messageOf(error: unknown): string {
  const { code, message } = error as { code?: string; message: string }
  return code === undefined ? message : `${code} ${message}`
}
