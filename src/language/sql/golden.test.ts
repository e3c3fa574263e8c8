/**
 * Golden scripts: SQL and what it answers, as psql shows it unaligned. `REWRITE=1` writes the answers again; they were
 * compared with PostgreSQL 15, and what differs on purpose says so in a comment before the statement.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Database } from '../../database/database.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { openMemoryStore } from '../../storage/memory/memory.ts'
import { loadSql } from './sql.ts'
import { TestSql } from './testing.ts'

const folder = fileURLToPath(new URL('golden/', import.meta.url))
const separator = '\n----\n'

interface Case {
  readonly statement: string
  readonly answer: string
}

/** Statements, `----`, the answer, an empty line; or, in a script that was never run, one statement a line. */
function readScript(text: string): Case[] {
  if (!text.includes(separator))
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((statement) => ({ statement, answer: '' }))
  return text
    .trimEnd()
    .split('\n\n\n')
    .map((part) => {
      const at = part.indexOf(separator)
      return { statement: part.slice(0, at), answer: part.slice(at + separator.length) }
    })
}

/** What is shown of plans depends on counts, which a store whose pages are not always there does not have. */
async function openFor(file: string): Promise<Database> {
  const isCounted = file === 'plans.txt'
  return openTestDatabase(isCounted ? { store: await openMemoryStore(createRealHost(), undefined) } : {})
}

describe('golden scripts', () => {
  beforeAll(loadSql)

  for (const file of readdirSync(folder)) {
    describe(file, () => {
      let database: Database
      beforeAll(async () => {
        database = await openFor(file)
      })
      afterAll(async () => database.close())

      it('answers as written', async () => {
        const path = folder + file
        const session = new TestSql(database)
        const cases = readScript(readFileSync(path, 'utf8'))
        const shown: string[] = []
        for (const { statement } of cases) shown.push(`${statement}${separator}${await session.show(statement)}`)
        const text = `${shown.join('\n\n\n')}\n`
        if (process.env['REWRITE'] === '1') writeFileSync(path, text)
        else expect(text).toBe(readFileSync(path, 'utf8'))
        expect((await new TestSql(database).query('SELECT * FROM polylog_verify()')).rows).toEqual([])
      })

      it('answers the same where every slice is over at once', async () => {
        const other = await openFor(file)
        const session = new TestSql(other, true)
        for (const { statement, answer } of readScript(readFileSync(folder + file, 'utf8'))) {
          expect(`${statement}: ${await session.show(statement)}`).toBe(`${statement}: ${answer}`)
        }
        await other.close()
      })
    })
  }
})
