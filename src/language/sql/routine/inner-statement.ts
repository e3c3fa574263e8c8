/**
 * A statement that a function runs: prepared once for as long as what it was made of holds, and driven in the steps of the
 * function. It is a statement of its own: what it puts off is done before the next one begins, and it reads what those before
 * it have written.
 */
import type { Node } from 'libpg-query'
import { unlimited } from '../../../database/access/rights.ts'
import { charge } from '../../../base/work.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { inStyle, plainStyle } from '../../../model/table/types/text-style.ts'
import { createBinder } from '../bind/bind.ts'
import type { Variables } from '../bind/variables.ts'
import {
  type Notice,
  type ParsedStatement,
  paused,
  type PreparedStatement,
  type Row,
  type SqlContext,
  type SqlValue,
} from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { Prepared } from '../statement/prepared.ts'
import { planStatement } from '../statement/statements.ts'
import { asStatement, type StandingAlone, Stop } from './standing-alone.ts'

/** Binds and plans a statement whose names may mean variables. Errors have places in `statement.source`. */
export function prepareInner(
  statement: ParsedStatement,
  context: SqlContext,
  variables: Variables | undefined,
): PreparedStatement {
  const binder = createBinder(context, variables?.types ?? [])
  binder.variables = variables
  return inStyle(context.textStyle ?? plainStyle, () => {
    const planned = planStatement(binder, statement.tree as Node, statement)
    if (variables !== undefined) binder.parameterTypes.splice(0, Infinity, ...variables.types)
    return new Prepared(planned, binder)
  })
}

/** As whom names are looked up, where, and what a trigger's names of changed rows are of. */
export function namesKey({ user, searchPath, transitions }: SqlContext): string {
  const own = `${user}\0${searchPath.join('\0')}`
  if (transitions === undefined) return own
  return `${own}\0${JSON.stringify([...transitions].map(([name, { columns }]) => [name, columns]))}`
}

/** A prepared statement with what it holds for. */
export class KeptStatement {
  readonly #statement: ParsedStatement
  #prepared: PreparedStatement | undefined
  #key = ''

  constructor(statement: ParsedStatement) {
    this.#statement = statement
  }

  /** `make` prepares it anew; `types`: what else it depends on. */
  /** What it was made of holds no more. */
  forget(): void {
    this.#prepared = undefined
  }

  get(
    context: SqlContext,
    types: string,
    make: (statement: ParsedStatement) => PreparedStatement,
  ): { readonly prepared: PreparedStatement; readonly isFresh: boolean } {
    const key = `${namesKey(context)}\0${types}`
    const rights = context.rights ?? unlimited
    if (key === this.#key && this.#prepared?.isCurrent(context.catalog, rights, context.textStyle) === true) {
      return { prepared: this.#prepared, isFresh: false }
    }
    const prepared = make(this.#statement)
    this.#key = key
    this.#prepared = prepared
    return { prepared, isFresh: true }
  }
}

const innerKinds: ReadonlySet<string> = new Set(['read', 'write', 'schema', 'session'])

export interface InnerOptions {
  readonly caller: SqlRun
  readonly context: SqlContext
  readonly isReadOnly: boolean
  /** Of what may end the transaction. */
  readonly alone?: StandingAlone | undefined
  /** By EXECUTE: what it calls ends nothing. */
  readonly isDynamic?: boolean
  /** `a function` or `PL/pgSQL`, for messages. */
  readonly within: string
}

const transactionKinds: ReadonlySet<string> = new Set([
  'begin',
  'commit',
  'rollback',
  'savepoint',
  'release',
  'rollback to',
])

function noTransactionCommand(isDynamic = false): Error {
  if (isDynamic) return failure('0A000', 'EXECUTE of transaction commands is not implemented')
  return failure('0A000', 'unsupported transaction command in PL/pgSQL')
}

/** Errors: 0A000 for what no function does; 25006 where the transaction only reads, 42501 where the context is restricted. */
export function checkInner(prepared: PreparedStatement, options: InnerOptions): void {
  const { caller, context, isReadOnly, isDynamic } = options
  const { effect, command } = prepared
  if (!innerKinds.has(effect.kind)) {
    if (transactionKinds.has(effect.kind)) throw noTransactionCommand(isDynamic)
    if (effect.kind === 'set transaction') {
      throw failure('25001', 'SET TRANSACTION ISOLATION LEVEL must be called before any query')
    }
    throw failure('0A000', `${command} is not allowed in a function`)
  }
  if (context.isRestricted === true && effect.kind !== 'read' && command !== 'SELECT' && command !== 'CALL') {
    throw failure('42501', `cannot execute ${command} within security-restricted operation`)
  }
  const writes = (effect.kind === 'write' && command !== 'SELECT' && command !== 'CALL') || effect.kind === 'schema'
  if (!writes) return
  if (isReadOnly) throw failure('0A000', `${command} is not allowed in a non-volatile function`)
  if (caller.transaction.readOnly) {
    throw failure('25006', `cannot execute ${command} in a read-only transaction`)
  }
}

export interface InnerResult {
  readonly rowCount: number
}

/** What is done with its rows; false: no more are wanted. Steps where that may wait. */
export type TakeRows = (rows: readonly Row[]) => boolean | StatementSteps<boolean>

export function* runInner(
  prepared: PreparedStatement,
  parameters: readonly SqlValue[],
  options: InnerOptions,
  take: TakeRows,
): StatementSteps<InnerResult> {
  const { caller, alone, isDynamic = false } = options
  const { effect, command } = prepared
  if (effect.kind === 'set transaction' && alone?.isApart === true) {
    caller.transaction.forgetSnapshot()
    yield new Stop({ configures: effect })
    return { rowCount: 0 }
  }
  checkInner(prepared, options)
  // It is in the transactions that it makes: what it runs are statements by themselves.
  if (alone !== undefined && !isDynamic && runsBodies.has(command)) {
    return yield* eachBatch(prepared, parameters, options, take)
  }
  const begin = (): StatementSteps<InnerResult> => {
    const steps = eachBatch(prepared, parameters, options, take)
    return effect.kind === 'read' ? steps : asNested(caller, steps)
  }
  return yield* alone === undefined ? begin() : asStatement(alone, begin)
}

const runsBodies: ReadonlySet<string> = new Set(['CALL', 'DO'])

function* eachBatch(
  prepared: PreparedStatement,
  parameters: readonly SqlValue[],
  { caller, context, alone, isDynamic = false }: InnerOptions,
  take: TakeRows,
): StatementSteps<InnerResult> {
  const execution = prepared.execute(parameters)
  if (alone !== undefined && !isDynamic) execution.standAlone?.(alone)
  try {
    for (;;) {
      const batch = execution.next(caller.transaction, context)
      if (batch === undefined) break
      if (batch === paused) {
        yield execution.waitFor
        continue
      }
      const goesOn = take(batch)
      if (!(typeof goesOn === 'boolean' ? goesOn : yield* goesOn)) break
    }
    return { rowCount: execution.rowCount }
  } finally {
    for (const notice of execution.notices) addNotice(caller, notice)
  }
}

/**
 * What it puts off is its own. Where it has to wait, the row that calls it is evaluated again from its beginning: as a part of the
 * statement that the row belongs to.
 */
function* asNested<T>({ transaction: { agenda } }: SqlRun, steps: StatementSteps<T>): StatementSteps<T> {
  agenda.beginNested()
  for (;;) {
    const step = steps.next()
    if (step.done === true) {
      agenda.endNested()
      return step.value
    }
    const left = agenda.leaveNested()
    yield step.value
    agenda.returnToNested(left)
  }
}

const unitsPerNotice = 3000

export function addNotice(run: SqlRun, notice: Notice): void {
  charge(unitsPerNotice)
  run.notices ??= []
  run.notices.push(notice)
}
