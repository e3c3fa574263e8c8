/** The state of one call of a PL/pgSQL function. */
import type { PolylogError } from '../../../base/errors.ts'
import type { Wait } from '../../../database/contract.ts'
import type { Row, SqlContext } from '../contract.ts'
import { createRun, type SqlRun } from '../plan/run.ts'
import { type InnerOptions, namesKey } from '../routine/inner-statement.ts'
import type { StandingAlone } from '../routine/standing-alone.ts'
import type { BoundColumn } from '../routine/result.ts'
import type { OpenCursor } from './cursors.ts'
import type { StatementNode } from './tree.ts'

interface FrameOptions {
  readonly slots: number
  readonly isReadOnly: boolean
  readonly columns: readonly BoundColumn[]
  readonly isRecord?: boolean
  readonly title: string
  readonly alone?: StandingAlone | undefined
}

export class Frame implements InnerOptions {
  /** By slot: values of scalars, `RecordValue` of records. */
  readonly values: unknown[]
  readonly caller: SqlRun
  readonly context: SqlContext
  readonly isReadOnly: boolean
  readonly within = 'PL/pgSQL'
  /** For expressions. */
  readonly run: SqlRun
  /** Of expressions that keep state of their own, while they wait. */
  readonly waitingRuns: Map<object, SqlRun> = new Map()
  /** What it runs. */
  statement: StatementNode | undefined
  /** What the last evaluation has to wait for. */
  wait: Wait
  rowCount = 0
  /** What is asked of it. */
  readonly columns: readonly BoundColumn[]
  /** It is a row of whatever columns it has. */
  readonly isBareRecord: boolean
  /** Of those that its call has said. */
  readonly isDescribed: boolean
  rows: Row[] = []
  /** Of the row that a trigger returns. */
  returned: readonly BoundColumn[] | undefined
  /** The error whose handler runs. */
  handled: PolylogError | undefined
  /** EXCEPTION blocks that are open. */
  guards = 0
  readonly cursors: Map<string, OpenCursor> = new Map()
  /** `function f(integer)`, or `inline_code_block`. */
  readonly title: string
  readonly #alone: StandingAlone | undefined
  /** As whom, and where names are looked for: what plans depend on. */
  key = ''

  constructor(
    caller: SqlRun,
    context: SqlContext,
    { slots, isReadOnly, columns, isRecord = false, title, alone }: FrameOptions,
  ) {
    this.#alone = alone
    this.isBareRecord = isRecord && columns.length === 0
    this.isDescribed = isRecord && columns.length > 0
    this.title = title
    this.caller = caller
    this.context = context
    this.isReadOnly = isReadOnly
    this.columns = columns
    this.values = Array.from({ length: slots }, () => null)
    this.run = this.newRun()
    this.updateKey()
  }

  newRun(): SqlRun {
    const run = createRun(this.caller.transaction, this.context, [])
    run.notices = this.caller.notices ??= []
    return run
  }

  /** Where it may end the transaction: not while a block waits for errors. */
  get alone(): StandingAlone | undefined {
    return this.guards === 0 ? this.#alone : undefined
  }

  /** Where what is read does not stay as it is from one statement to the next. */
  get apart(): StandingAlone | undefined {
    return this.#alone?.isApart === true ? this.#alone : undefined
  }

  /** Whether only the blocks around keep it from ending the transaction. */
  get isGuarded(): boolean {
    return this.guards > 0 && this.#alone !== undefined
  }

  /** After something was set. */
  updateKey(): void {
    this.key = namesKey(this.context)
  }
}

/** Where FOUND is. */
export const foundSlot = 0
