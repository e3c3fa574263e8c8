/**
 * The three ways in which a prepared statement runs: a plan that is pulled, a generator that works in steps (everything that
 * writes), and a function that answers at once.
 */
import type { StatementSteps, Transaction, Wait } from '../../../database/contract.ts'
import { asBatch, asWait, suspended } from '../../../database/transaction/wait.ts'
import { type Batch, type Operator, paused, type Paused, takeWait } from '../../../query/operator.ts'
import type { Execution, Notice, Row, SqlContext, SqlValue } from '../contract.ts'
import type { PlanNode } from '../plan/plan-node.ts'
import { valuesBytes } from '../types/row-format.ts'
import { createRun, type SqlRow, type SqlRun } from '../plan/run.ts'
import type { StandingAlone } from '../routine/standing-alone.ts'
import { asRunning } from './running-statement.ts'

const noNotices: readonly Notice[] = []

export class QueryExecution implements Execution {
  waitFor: Wait = undefined
  rowCount = 0
  readonly #plan: PlanNode
  readonly #parameters: readonly SqlValue[]
  #run: SqlRun | undefined
  #operator: Operator<SqlRow, SqlRun> | undefined

  constructor(plan: PlanNode, parameters: readonly SqlValue[]) {
    this.#plan = plan
    this.#parameters = parameters
  }

  get notices(): readonly Notice[] {
    return this.#run?.notices ?? noNotices
  }

  next(transaction: Transaction, context: SqlContext): Row[] | Paused | undefined {
    const run = (this.#run ??= createRun(transaction, context, this.#parameters))
    run.transaction = transaction
    run.context = context
    const batch = pull((this.#operator ??= this.#plan.open(run)), run)
    if (batch === paused) this.waitFor = takeWait(run)
    else if (batch !== undefined) this.rowCount += batch.length
    return batch
  }

  reset(): void {
    this.#run = undefined
    this.#operator = undefined
    this.rowCount = 0
  }
}

/** `next`, with what it throws because it has to wait turned into a pause; `run.waitFor` says what for. */
export function pull(operator: Operator<SqlRow, SqlRun>, run: SqlRun): Batch<SqlRow> {
  try {
    const batch = asBatch(() => operator.next(run))
    run.transaction.batchDone()
    return batch
  } catch (error) {
    // A subquery that has to pause says itself what for.
    if (error !== suspended) run.waitFor = asWait(error)
    return paused
  }
}

/** Evaluates something that may have to wait: its subqueries keep what they have, so nothing is taken back meanwhile. */
export function* settled<T>(work: () => T): StatementSteps<T> {
  for (;;) {
    let wait: Wait
    try {
      return asBatch(work)
    } catch (error) {
      wait = asWait(error)
    }
    yield wait
  }
}

/** All rows of a plan. */
export function* collect(plan: PlanNode, run: SqlRun): StatementSteps<SqlRow[]> {
  const operator = plan.open(run)
  const rows: SqlRow[] = []
  for (;;) {
    const batch = pull(operator, run)
    if (batch === undefined) return rows
    if (batch === paused) yield takeWait(run)
    else {
      run.transaction.workspace.memory.charge(
        batch.reduce((sum, row) => sum + valuesBytes(row), 0),
        'the rows of a statement that writes',
      )
      for (const row of batch) rows.push(row)
    }
  }
}

export interface Outcome {
  readonly rows?: readonly Row[]
  readonly rowCount: number
  readonly notices?: readonly Notice[]
}

export const nothing: Outcome = { rowCount: 0 }

export type Work = (run: SqlRun) => StatementSteps<Outcome> | Outcome

/** Rows come out only once all the work is done: until then the statement may be run again from its beginning. */
export class StepsExecution implements Execution {
  waitFor: Wait = undefined
  rowCount = 0
  #told: readonly Notice[] = noNotices
  readonly #work: Work
  readonly #parameters: readonly SqlValue[]
  #run: SqlRun | undefined
  #steps: StatementSteps<Outcome> | undefined
  #rows: readonly Row[] | undefined
  #at = 0
  #alone: StandingAlone | undefined

  constructor(work: Work, parameters: readonly SqlValue[]) {
    this.#work = work
    this.#parameters = parameters
  }

  get notices(): readonly Notice[] {
    const raised = this.#run?.notices
    return raised === undefined ? this.#told : [...raised, ...this.#told]
  }

  next(transaction: Transaction, context: SqlContext): Row[] | Paused | undefined {
    if (this.#rows === undefined && !this.#advance(transaction, context)) return paused
    const rows = this.#rows!
    if (this.#at >= rows.length) return undefined
    const batch = rows.slice(this.#at, this.#at + 256)
    this.#at += batch.length
    return batch
  }

  #advance(transaction: Transaction, context: SqlContext): boolean {
    this.waitFor = undefined
    if (this.#steps === undefined) {
      this.#run = createRun(transaction, context, this.#parameters)
      if (this.#alone !== undefined) this.#run.alone = this.#alone
      const started = this.#start(this.#run)
      if (started === undefined) return false
      if (!isSteps(started) && transaction.statementEnd() === undefined) return this.#finish(started)
      this.#steps = toItsEnd(this.#run, started)
    }
    this.#run!.transaction = transaction
    this.#run!.context = context
    const steps = this.#steps
    const step = asRunning(this.#run!, () => steps.next())
    if (step.done === true) return this.#finish(step.value)
    this.waitFor = step.value
    return false
  }

  /** Undefined where it has to wait: what works without steps is one batch. */
  #start(run: SqlRun): StatementSteps<Outcome> | Outcome | undefined {
    const { transaction } = run
    const start = transaction.savepoint()
    try {
      const started = asRunning(run, () => this.#work(run))
      transaction.batchDone()
      return started
    } catch (error) {
      this.waitFor = transaction.waitOf(error, start)
      return undefined
    }
  }

  standAlone(alone: StandingAlone): void {
    this.#alone = alone
  }

  #finish(outcome: Outcome): true {
    this.#rows = outcome.rows ?? []
    this.rowCount = outcome.rowCount
    this.#told = outcome.notices ?? noNotices
    return true
  }

  reset(): void {
    this.waitFor = undefined
    this.rowCount = 0
    this.#told = noNotices
    this.#run = undefined
    this.#steps = undefined
    this.#rows = undefined
    this.#at = 0
  }
}

/** What is put off to the end of the statement must have been done before its rows are told. */
function* toItsEnd(run: SqlRun, started: StatementSteps<Outcome> | Outcome): StatementSteps<Outcome> {
  const outcome = isSteps(started) ? yield* started : started
  const end = run.transaction.statementEnd()
  if (end !== undefined) yield* end
  return outcome
}

function isSteps(started: StatementSteps<Outcome> | Outcome): started is StatementSteps<Outcome> {
  return 'next' in started
}
