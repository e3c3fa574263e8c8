/**
 * A CALL or DO that stands alone: what it runs may end the transaction and go on in the next one.
 *
 * The interpreter's steps are kept by the statement, and a transaction is gone through by whoever runs the statement. So COMMIT
 * and ROLLBACK yield a `Stop`: the steps leave the transaction, it is ended, and they are gone on with in the next one.
 *
 *   CALL ──▶ the body, as one statement of the first transaction ──▶ Stop (COMMIT)
 *            a statement ──▶ Stop ──▶ a statement ──▶ Stop … each as one of the session, in the transactions after it
 *
 * A statement that met newer data is run again. The first stretch, up to the first COMMIT, is run again from the CALL. What comes
 * after it cannot begin there: so each statement of the body is then one of the session's, with a state of its own at read committed,
 * and is alone what is run again. Whoever runs it counts (`attempts`), and the place where the body waits for it sees that it has been
 * taken back.
 *
 * Invariants: nothing that reads lies open over a Stop: rows of loops and cursors are held by then; no EXCEPTION block is open, and
 * none of the statements around ends other than CALL and DO.
 */
import { PolylogError } from '../../../base/errors.ts'
import type { Workspace } from '../../../database/transaction/workspace.ts'
import { Elsewhere, type Isolation, Restart, type StatementSteps } from '../../../database/contract.ts'

export interface TransactionEnd {
  readonly isCommit: boolean
  /** AND CHAIN. */
  readonly isChained: boolean
  /** In which function, for its errors. */
  readonly where: string
}

export interface StopOptions {
  readonly end?: TransactionEnd
  /** SET TRANSACTION, before anything is done in it. */
  readonly configures?: { readonly isolation?: Isolation | undefined; readonly readOnly?: boolean | undefined }
  readonly restart?: Restart
}

/** What follows belongs to another statement of the session, or to another transaction where this one has an end. */
export class Stop extends Elsewhere {
  readonly end: TransactionEnd | undefined
  readonly configures: StopOptions['configures']
  /** The statement before it is run again. */
  readonly restart: Restart | undefined

  constructor({ end, configures, restart }: StopOptions = {}) {
    super(Promise.resolve(), () => undefined)
    this.end = end
    this.configures = configures
    this.restart = restart
  }
}

export class StandingAlone {
  /** How many transactions it has ended. */
  ended = 0
  /** How often what runs was taken back, to be run again. */
  attempts = 0
  /** What runs can be. */
  isRepeatable = false
  /** Loops over rows of what writes. */
  writingLoops = 0
  readonly #open: () => Workspace
  readonly #opened: Workspace[] = []

  /** `open`: of the session, for what outlives transactions. */
  constructor(open: () => Workspace) {
    this.#open = open
  }

  /** Each statement of the body is one of the session's. */
  get isApart(): boolean {
    return this.ended > 0
  }

  openWorkspace(): Workspace {
    const workspace = this.#open()
    this.#opened.push(workspace)
    return workspace
  }

  close(): void {
    for (const one of this.#opened.splice(0)) one.close()
  }
}

const takenBack: unique symbol = Symbol('taken back')

/** A statement of a body, by itself where its transaction is not the first. */
export function* asStatement<T>(alone: StandingAlone, begin: () => StatementSteps<T>): StatementSteps<T> {
  if (!alone.isApart || alone.isRepeatable) return yield* begin()
  for (;;) {
    yield new Stop()
    alone.isRepeatable = true
    try {
      const result = yield* untilTakenBack(alone, begin())
      if (result !== takenBack) return result
    } catch (error) {
      if (!(error instanceof Restart)) throw error
      yield new Stop({ restart: error })
    } finally {
      alone.isRepeatable = false
    }
  }
}

function* untilTakenBack<T>(alone: StandingAlone, steps: StatementSteps<T>): StatementSteps<T | typeof takenBack> {
  const { attempts } = alone
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    yield step.value
    if (alone.attempts !== attempts) {
      steps.return(undefined as T)
      return takenBack
    }
  }
}

/** Of what cannot be run again by itself. */
export function cannotRepeat(): PolylogError {
  const message = 'could not serialize access due to concurrent update'
  return new PolylogError('serialization_failure', message)
}
