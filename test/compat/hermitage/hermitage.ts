/**
 * The suite `hermitage`: schedules of transactions by hand, one for each anomaly that an isolation level lets through or not.
 * A case is a step: whether it blocks, what it shows, what it is refused with. Only what is written of PostgreSQL is run.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { type SuiteDatabase, SuiteDatabases, type TextResult } from '../postgres/databases.ts'
import type { CaseResult, Suite } from '../suite.ts'
import { parseSchedules, type Step } from './schedules.ts'

const file = 'postgres.md'
const pollMs = 10

export const hermitage: Suite = {
  name: 'hermitage',
  async *run(folder, server) {
    const databases = new SuiteDatabases(server)
    const { setUp, schedules } = parseSchedules(await readFile(join(folder, file), 'utf8'))
    for (const steps of schedules) {
      yield* await databases.inEmpty(async (database) => {
        for (const sql of setUp) await database.query('control', sql)
        return new Schedule(database).run(steps)
      })
    }
  },
}

type Outcome = TextResult | pg.DatabaseError

class Schedule {
  readonly #database: SuiteDatabase
  /** What has been sent and not answered, by session. */
  readonly #waiting = new Map<string, Promise<Outcome>>()
  readonly #numbers = new Map<string, string>()

  constructor(database: SuiteDatabase) {
    this.#database = database
  }

  async run(steps: readonly Step[]): Promise<CaseResult[]> {
    const results: CaseResult[] = []
    for (const step of steps) {
      const name = `${file}:${step.line}`
      const message = await this.#faultOf(step).catch((error: unknown) => (error as Error).message)
      results.push(message === undefined ? { name, outcome: 'passed' } : { name, outcome: 'failed', message })
    }
    return results
  }

  async #faultOf(step: Step): Promise<string | undefined> {
    const { session, sql, blocks, otherError } = step
    // What it has waited with must have come to its end by then.
    const before = await this.#settle(session, undefined)
    if (before !== undefined) return before
    const number = await this.#numberOf(session)
    const answer = this.#database.query(session, sql).catch((error: unknown): Outcome => {
      if (error instanceof pg.DatabaseError) return error
      throw error
    })
    const outcome = await this.#endOrBlock(answer, number)
    if (outcome === undefined) {
      this.#waiting.set(session, answer)
      return blocks ? undefined : 'it blocks'
    }
    if (blocks) return 'it does not block'
    const fault = faultIn(outcome, step)
    if (fault !== undefined || otherError === undefined) return fault
    return this.#settle(otherError.session, otherError.message)
  }

  /** Of what the session has waited for: it must be refused so, or be done. */
  async #settle(session: string, message: string | undefined): Promise<string | undefined> {
    const waiting = this.#waiting.get(session)
    if (waiting === undefined) return message === undefined ? undefined : `${session} does not wait`
    this.#waiting.delete(session)
    return faultOfRefusal(await waiting, message)
  }

  async #numberOf(session: string): Promise<string> {
    let number = this.#numbers.get(session)
    if (number === undefined) {
      const { rows } = await this.#database.query(session, 'SELECT pg_backend_pid()')
      this.#numbers.set(session, (number = rows[0]![0]!))
    }
    return number
  }

  /** Undefined: it waits for somebody. */
  async #endOrBlock(answer: Promise<Outcome>, number: string): Promise<Outcome | undefined> {
    const isBlocked = `SELECT cardinality(pg_blocking_pids(${number})) > 0`
    for (;;) {
      const pause = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), pollMs))
      const outcome = await Promise.race([answer, pause])
      if (outcome !== undefined) return outcome
      const { rows } = await this.#database.query('control', isBlocked)
      if (rows[0]![0] === 't') return undefined
    }
  }
}

function faultIn(outcome: Outcome, { rows, error }: Step): string | undefined {
  const refusal = faultOfRefusal(outcome, error)
  if (refusal !== undefined || outcome instanceof pg.DatabaseError || rows === undefined) return refusal
  const got = outcome.rows.map((row) => row.join(' => ')).sort()
  if (rows === 'some') return got.length > 0 ? undefined : 'expected a row, got none'
  // Of what else there is the remark says nothing.
  const isShown = rows.length === 0 ? got.length === 0 : rows.every((row) => got.includes(row))
  return isShown ? undefined : `expected ${rows.join() || 'nothing'}, got ${got.join() || 'nothing'}`
}

function faultOfRefusal(outcome: Outcome, message: string | undefined): string | undefined {
  const got = outcome instanceof pg.DatabaseError ? outcome.message : undefined
  if (got === message) return undefined
  return `expected ${message ?? 'no error'}, got ${got ?? 'no error'}`
}
