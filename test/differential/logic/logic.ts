/** Random tables, and queries of them that must agree with each other. */
import { PolylogError } from '../../../src/base/errors.ts'
import { openTestDatabase } from '../../../src/database/testing.ts'
import type { SqlValue } from '../../../src/language/sql/contract.ts'
import { loadSql } from '../../../src/language/sql/sql.ts'
import { TestSql } from '../../../src/language/sql/testing.ts'
import { getType } from '../../../src/model/table/types/registry.ts'
import { alter, insert, remove, update } from '../postgres/changes.ts'
import { type Part, piece, type Piece, render, smaller } from '../postgres/piece.ts'
import { QueryMaker } from '../postgres/queries.ts'
import { Random } from '../postgres/random.ts'
import { createIndex, createTable, makeTable } from '../postgres/tables.ts'
import { type Check, comparisonOf, makeCheck, nothing } from './checks.ts'

export interface LogicOptions {
  /** Of the first program; the next ones follow. */
  readonly seed: number
  readonly programs: number
  readonly checks: number
}

export interface LogicResult {
  readonly queries: number
  /** Checks of which a query was an error: what is computed of rows that another plan leaves out. */
  readonly refused: number
  /** Each with its seed, and the smallest that was found. */
  readonly differences: readonly string[]
}

const mostTries = 150
/** Nobody meant to answer that. */
const fault = /^ERROR: {2}(XX|\(internal)/

const textOf = (parts: readonly Part[]): string => render(piece('statement', ...parts)).text

async function fill(sql: TestSql, random: Random): Promise<{ setup: string[]; queries: QueryMaker }> {
  const tables = Array.from({ length: random.int(1, 3) }, (_, i) => makeTable(random, `t${i}`))
  const queries = new QueryMaker(random, tables)
  const given = { queries, tables, hasParameters: false }
  const made: Piece[] = tables.map((table) => createTable(random, table))
  for (const table of tables) made.push(...random.times(0, 3, () => createIndex(random, table)))
  made.push(...random.times(15, 15, () => insert(random, given)))
  made.push(...random.times(0, 3, () => random.pick([update, remove, alter])(random, given)))
  const setup: string[] = []
  for (const one of made) {
    const { text } = render(one)
    // Kept where it has done something: the rest would only be in the way of who reads it.
    if (!(await sql.show(text)).startsWith('ERROR')) setup.push(text)
  }
  return { setup, queries }
}

/** Each row as a line of its own, or the error. */
async function rowsOf(sql: TestSql, text: string): Promise<string[] | string> {
  try {
    const { prepared, rows } = await sql.query(text)
    return rows.map((row) => row.map((value, i) => textOfValue(value, prepared.columns![i]!.typeOid)).join('|'))
  } catch (error) {
    if (!(error instanceof PolylogError)) throw error
    return `ERROR:  ${error.detail['sqlState'] ?? `(${error.code})`}: ${error.message}`
  }
}

function textOfValue(value: SqlValue, type: number): string {
  if (value === null) return nothing
  return JSON.stringify(typeof value === 'boolean' ? value : getType(type).formatText(value))
}

type Outcome = 'agree' | 'refused' | { readonly what: string }

async function outcomeOf(sql: TestSql, check: Check): Promise<Outcome> {
  const { queries, agree } = comparisonOf(check)
  const texts = queries.map(textOf)
  const rows: string[][] = []
  let isRefused = false
  for (const text of texts) {
    const answer = await rowsOf(sql, text)
    if (typeof answer === 'string' && fault.test(answer)) return { what: `${text};\n    -- ${answer}` }
    if (typeof answer === 'string') isRefused = true
    else rows.push(answer)
  }
  if (isRefused) return 'refused'
  if (agree(rows)) return 'agree'
  const counted = texts.map((text, i) => `${text}; -- ${rows[i]!.slice(0, 5).join(' ; ')} (${rows[i]!.length})`)
  return { what: counted.join('\n    ') }
}

/** The condition first, then what it is asked of. */
async function shrunk(sql: TestSql, check: Check, first: string): Promise<string> {
  let best = check
  let shown = first
  let tries = 0
  const attempt = async (candidate: Check): Promise<boolean> => {
    if (++tries > mostTries) return false
    const outcome = await outcomeOf(sql, candidate)
    if (typeof outcome === 'string') return false
    best = candidate
    shown = outcome.what
    return true
  }
  for (let changed = true; changed;) {
    changed = false
    for (const part of ['condition', 'from', 'beside'] as const) {
      for (const smallerPart of smaller(best[part])) {
        if (!(await attempt({ ...best, [part]: smallerPart }))) continue
        changed = true
        break
      }
    }
  }
  return shown
}

export async function runLogic({ seed, programs, checks }: LogicOptions): Promise<LogicResult> {
  await loadSql()
  const differences: string[] = []
  let [queries, refused] = [0, 0]
  for (let at = seed; at < seed + programs; at++) {
    const random = new Random(at)
    const database = await openTestDatabase()
    const sql = new TestSql(database)
    const { setup, queries: maker } = await fill(sql, random)
    for (let i = 0; i < checks; i++) {
      const check = makeCheck(random, maker)
      const outcome = await outcomeOf(sql, check)
      queries += comparisonOf(check).queries.length
      if (outcome === 'agree') continue
      if (outcome === 'refused') {
        refused++
        continue
      }
      const shown = await shrunk(sql, check, outcome.what)
      differences.push(`seed ${at}: ${check.name}\n    ${setup.join(';\n    ')};\n    ${shown}`)
    }
    await database.close()
  }
  return { queries, refused, differences }
}
