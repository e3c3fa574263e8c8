/** TPC-H's queries over a few rows, against what PostgreSQL 15 answered over the same (`answers.txt`). */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { openTestDatabase, runNow } from '../../src/database/testing.ts'
import { loadSql } from '../../src/language/sql/sql.ts'
import { TestSql } from '../../src/language/sql/testing.ts'
import { insertRow } from '../../src/model/table/rows.ts'
import { Table } from '../../src/model/table/table.ts'
import { tpchTables, type Rows } from './data.ts'
import { tpchIndexes, tpchQueries, tpchSchema } from './queries.ts'

const scale = 0.005
/** A transaction's. */
const rowsAtOnce = 500

let database: Database
let sql: TestSql

function fill(name: string, rows: Rows): void {
  const table = Table.of(database.catalog.findCollection('public', name)!)
  const insert = (some: readonly (readonly (string | number)[])[]): void => {
    runNow(database, (transaction) => {
      for (const row of some) {
        const values = table.columns.map(({ type, modifier }, i) => type.parseText(String(row[i]), modifier))
        insertRow(transaction, table, values)
      }
    })
  }
  let some: (readonly (string | number)[])[] = []
  for (const row of rows) {
    if (some.push(row) < rowsAtOnce) continue
    insert(some)
    some = []
  }
  insert(some)
}

beforeAll(async () => {
  await loadSql()
  database = await openTestDatabase()
  sql = new TestSql(database)
  for (const text of tpchSchema) await sql.query(text)
  for (const { name, rows } of tpchTables(scale)) fill(name, rows())
  for (const text of [...tpchIndexes, 'analyze']) await sql.query(text)
}, 60_000)

afterAll(() => database.close())

const answers = readFileSync(new URL('answers.txt', import.meta.url), 'utf8')
  .split(/^-- \d+\n/m)
  .slice(1)

test.each(tpchQueries(scale).map((text, i) => [i + 1, text] as const))('query %i', async (number, text) => {
  const shown = await sql.show(text)
  // Without names and count.
  const rows = shown.split('\n').slice(1, -1)
  expect(`${rows.join('\n')}\n`).toBe(answers[number - 1])
})

test('every query but that of seldom parts finds something', () => {
  const empty = answers.flatMap((answer, i) => (answer.trim() === '' ? [i + 1] : []))
  expect([answers.length, empty]).toEqual([22, [19]])
})
