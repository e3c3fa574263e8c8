/** SQL within a function: expressions, evaluated without a plan where they can be, and statements. */
import type { Node, SelectStmt } from 'libpg-query'
import { unlimited } from '../../../database/access/rights.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { asBatch, asWait } from '../../../database/transaction/wait.ts'
import { createBinder } from '../bind/bind.ts'
import { type Dependency, holdsIn } from '../bind/binder.ts'
import { Scope } from '../bind/scope.ts'
import type { Variables } from '../bind/variables.ts'
import type { ParsedStatement, PreparedStatement, SqlValue } from '../contract.ts'
import { compile, type Evaluate } from '../expression/compile.ts'
import { drawingOnce } from '../expression/draws.ts'
import { someExpression } from '../expression/expression.ts'
import { isVolatile } from '../expression/volatile.ts'
import { failure, withPosition } from '../failure.ts'
import { parseText } from '../parse.ts'
import { Planner } from '../plan/planner.ts'
import { noRow, type SqlRun } from '../plan/run.ts'
import { withContext } from '../routine/error-context.ts'
import { KeptStatement, prepareInner, runInner, type TakeRows } from '../routine/inner-statement.ts'
import type { Frame } from './frame.ts'
import type { Names } from './names.ts'
import type { Fragment } from './tree.ts'
import { VariablesInSql } from './variables-in-sql.ts'

/** It has to wait: for `frame.wait`, or it needs steps. */
export const pending: unique symbol = Symbol('pending')

interface Bound {
  readonly evaluate: Evaluate
  readonly type: number
  readonly variables: VariablesInSql
  readonly hasState: boolean
  readonly dependencies: readonly Dependency[]
  readonly rights: unknown
  readonly style: unknown
  readonly key: string
  catalog: unknown
}

/** `SELECT` without anything but a list: what an expression is. */
const plainParts: ReadonlySet<string> = new Set(['targetList', 'limitOption', 'op'])

export class PlExpression {
  readonly text: string
  readonly #names: Names
  readonly #conflict: Variables['conflict']
  readonly #parsed: ParsedStatement
  readonly #node: Node | undefined
  /** Of one that needs a plan. */
  #query: PlStatement | undefined
  #bound: Bound | undefined

  constructor({ text }: Fragment, names: Names, conflict: Variables['conflict']) {
    this.text = text
    this.#names = names
    this.#conflict = conflict
    const parsed = parseText(`SELECT ${text}`)
    if (parsed.length !== 1) throw failure('42601', `syntax error at or near ";"`)
    this.#parsed = parsed[0]!
    this.#node = plainTarget(this.#parsed.tree as Node)
  }

  /** Of the evaluation before. */
  get type(): number {
    return this.#bound?.type ?? this.#query!.columnType
  }

  get node(): Node | undefined {
    return this.#node
  }

  /** The value, or `pending`: then `later` has it. */
  now(frame: Frame): SqlValue | typeof pending {
    if (this.#node === undefined || this.#query !== undefined) return pending
    const { context, caller } = frame
    let bound = this.#bound
    if (bound === undefined || !isCurrent(bound, frame)) {
      bound = this.#bind(frame)
      if (bound === undefined) return pending
    }
    const run = bound.hasState ? (frame.waitingRuns.get(this) ?? frame.newRun()) : frame.run
    run.transaction = caller.transaction
    run.context = context
    const own = run as { parameters: readonly SqlValue[] }
    own.parameters = bound.variables.valuesIn(frame)
    const { evaluate } = bound
    try {
      const value = asBatch(() => evaluate(noRow, run))
      this.#isDone(frame, run)
      return value
    } catch (error) {
      frame.wait = waitOf(error, () => this.#isDone(frame, run))
      if (bound.hasState) frame.waitingRuns.set(this, run)
      return pending
    }
  }

  /** What was kept of the evaluation is of these variables: the next one, of others, is over the same row. */
  #isDone(frame: Frame, run: SqlRun): void {
    run.kept = undefined
    frame.waitingRuns.delete(this)
  }

  *later(frame: Frame): StatementSteps<SqlValue> {
    if (this.#query !== undefined || this.#node === undefined) return yield* this.#runQuery(frame)
    for (;;) {
      yield frame.wait
      const value = this.now(frame)
      if (value !== pending) return value
      if (this.#query !== undefined) return yield* this.#runQuery(frame)
    }
  }

  *#runQuery(frame: Frame): StatementSteps<SqlValue> {
    const query = (this.#query ??= new PlStatement(this.#parsed, this.#names, this.#conflict))
    let value: SqlValue = null
    let count = 0
    yield* query.run(frame, (rows) => {
      if (count === 0 && rows.length > 0) value = rows[0]![0] ?? null
      count += rows.length
      if (count > 1) throw failure('21000', `query returned more than one row`)
      return true
    })
    if (query.columnCount !== 1) {
      throw failure('42601', `query returned ${query.columnCount} columns`)
    }
    return value
  }

  #bind(frame: Frame): Bound | undefined {
    const { context } = frame
    const variables = new VariablesInSql(this.#names, frame, this.#conflict)
    const binder = createBinder(context, [])
    binder.variables = variables
    const bound = located(this.#parsed.source, () => binder.expression(new Scope(), this.#node!))
    if (someExpression(bound, ({ kind }) => kind === 'aggregate' || kind === 'set')) {
      this.#query = new PlStatement(this.#parsed, this.#names, this.#conflict)
      return undefined
    }
    binder.access.check(binder.rights)
    const evaluate = compile(bound, new Planner().compilerAt(0))
    this.#bound = {
      evaluate: isVolatile(bound) ? drawingOnce(evaluate) : evaluate,
      type: bound.type,
      variables,
      hasState: someExpression(bound, ({ kind }) => kind === 'subquery'),
      dependencies: binder.dependencies,
      rights: binder.rights,
      style: context.textStyle,
      key: frame.key,
      catalog: context.catalog,
    }
    return this.#bound
  }
}

function waitOf(error: unknown, onFailure: () => void): Frame['wait'] {
  try {
    return asWait(error)
  } catch (fatal) {
    onFailure()
    throw fatal
  }
}

function isCurrent(bound: Bound, frame: Frame): boolean {
  const { context, key } = frame
  if (bound.key !== key || bound.rights !== (context.rights ?? unlimited)) return false
  if (bound.style !== context.textStyle || !bound.variables.isCurrent(frame)) return false
  const { catalog } = context
  if (bound.catalog === catalog) return true
  if (!bound.dependencies.every((one) => holdsIn(catalog, one))) return false
  bound.catalog = catalog
  return true
}

function plainTarget(tree: Node): Node | undefined {
  if (!('SelectStmt' in tree)) return undefined
  const select: SelectStmt = tree.SelectStmt
  const target = select.targetList?.length === 1 ? select.targetList[0] : undefined
  const isPlain = Object.keys(select).every((part) => plainParts.has(part))
  return isPlain && target !== undefined && 'ResTarget' in target ? target.ResTarget.val : undefined
}

function located<T>(source: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw withPosition(error, source)
  }
}

/** A statement of SQL that names variables. */
export class PlStatement {
  readonly parsed: ParsedStatement
  readonly #kept: KeptStatement
  readonly #names: Names
  readonly #conflict: Variables['conflict']
  #variables: VariablesInSql | undefined
  #prepared: PreparedStatement | undefined

  constructor(parsed: ParsedStatement, names: Names, conflict: Variables['conflict']) {
    this.parsed = parsed
    this.#kept = new KeptStatement(parsed)
    this.#names = names
    this.#conflict = conflict
  }

  static of({ text }: Fragment, names: Names, conflict: Variables['conflict']): PlStatement {
    const parsed = parseText(text)
    if (parsed.length !== 1) throw failure('42601', 'syntax error at or near ";"')
    return new PlStatement(parsed[0]!, names, conflict)
  }

  /** Of its one column, once it was prepared. */
  get columnType(): number {
    return this.#prepared?.columns?.[0]?.typeOid ?? 25
  }

  get columnCount(): number {
    return this.#prepared?.columns?.length ?? 0
  }

  /** With the values that its variables have now. */
  prepare(frame: Frame): { readonly prepared: PreparedStatement; readonly values: readonly SqlValue[] } {
    if (this.#variables?.isCurrent(frame) !== true) this.#kept.forget()
    const { prepared } = this.#kept.get(frame.context, '', (parsed) => {
      this.#variables = new VariablesInSql(this.#names, frame, this.#conflict)
      return located(parsed.source, () => prepareInner(parsed, frame.context, this.#variables))
    })
    this.#prepared = prepared
    return { prepared, values: this.#variables!.valuesIn(frame) }
  }

  *run(frame: Frame, take: TakeRows): StatementSteps<PreparedStatement> {
    try {
      const { prepared, values } = this.prepare(frame)
      const { rowCount } = yield* runInner(prepared, values, frame, take)
      frame.rowCount = rowCount
      if (prepared.effect.kind === 'session') frame.updateKey()
      return prepared
    } catch (error) {
      throw withContext(error, () => `SQL statement "${this.parsed.text}"`)
    }
  }
}
