/**
 * The door of SQL: text to statements, statements to plans, plans kept by their text.
 *
 * A kept plan is used again where the caller's database, search path, text style and parameter types are the same and the
 * collections it was made for have not changed (`isCurrent`).
 */
import type { Node } from 'libpg-query'
import { createBinder } from './bind/bind.ts'
import { type Rights, unlimited } from '../../database/access/rights.ts'
import { inStyle, plainStyle } from '../../model/table/types/text-style.ts'
import type { Binder } from './bind/binder.ts'
import type { ParsedStatement, PreparedStatement, SqlContext } from './contract.ts'
import { failure, withPosition } from './failure.ts'
// oxlint-disable-next-line import/no-unassigned-import -- loading it registers every function
import './functions/library.ts'
// oxlint-disable-next-line import/no-unassigned-import -- loading it makes SQL the language of stored expressions
import './statement/stored-expressions.ts'
// oxlint-disable-next-line import/no-unassigned-import -- loading it registers a language of functions
import './plpgsql/language.ts'
// oxlint-disable-next-line import/no-unassigned-import -- loading it registers who reads one relation of the past
import './routine/past-rows.ts'
// oxlint-disable-next-line import/no-unassigned-import -- loading it registers a language of functions
import './routine/sql-language.ts'
// oxlint-disable-next-line import/no-unassigned-import -- loading it registers a language of functions
import './extension/native-language.ts'
// oxlint-disable-next-line import/no-unassigned-import -- loading it makes SQL the language of policies
import './statement/stored-policies.ts'
// oxlint-disable-next-line import/no-unassigned-import -- loading it says how kept expressions are shown
import './statement/shown-expressions.ts'
import { LiftedPlan, LiftedStatement } from './lifted.ts'
import { liftLiterals } from './literals.ts'
import { loadGrammar } from './grammar.ts'
import { maxCachedTextLength, parseText } from './parse.ts'
import { parseLong } from './parse-long.ts'
import { Progress, unfinished } from './progress.ts'
import { repeatedLength } from './repeated-length.ts'
import { RecentMap } from './recent-map.ts'
import { Prepared } from './statement/prepared.ts'
import { planStatement } from './statement/statements.ts'
import { oid } from './types/oids.ts'
import type { Host } from '../../host/host.ts'

/** Loads the grammar's WebAssembly; await it once before the first `parse`. */
export async function loadSql(): Promise<void> {
  await loadGrammar()
}

/** The statements of a query string, which may be none. Throws 42601 with a position. */
export function parse(text: string): readonly ParsedStatement[] {
  const lifted = liftLiterals(text)
  return lifted === undefined ? parseText(text) : [new LiftedStatement(text, lifted)]
}

/** The same without holding the thread for long texts: they are parsed in a worker, short ones are answered at once. */
export function parseOn(host: Host, text: string): readonly ParsedStatement[] | Promise<readonly ParsedStatement[]> {
  return isLongText(text) || repeatedLength(text) > maxCachedTextLength ? parseLong(host, text) : parse(text)
}

export function isLongText(text: string): boolean {
  return text.length > maxCachedTextLength
}

const maxKeptCharacters = 768 * 1024
/** A plan takes some ten kilobytes, however short its text is: as much as this many characters. */
const planCharacters = 384

/** Plans per database, since the same names mean other tables there. */
const plans = new RecentMap<string, PreparedStatement>(maxKeptCharacters)

/**
 * Checks and plans a statement. `parameterTypes` are those that the client declared, 0 where it left one open; the answer's
 * `parameterTypes` are all of them.
 */
export function prepare(
  statement: ParsedStatement,
  context: SqlContext,
  parameterTypes: readonly number[] = [],
): PreparedStatement {
  if (statement instanceof LiftedStatement && parameterTypes.length === 0) {
    const lifted = prepareLifted(statement, context)
    if (lifted !== undefined) return lifted
  }
  const key = keyOf(statement, context, parameterTypes)
  const known = key === undefined ? undefined : plans.get(key)
  const rightsOf = (roleId: number): Rights => context.rightsOf?.(roleId) ?? unlimited
  const { catalog, rights = unlimited, textStyle } = context
  if (known?.isCurrent(catalog, rights, textStyle, rightsOf) === true) return known
  const prepared = prepareFresh(statement, createBinder(context, parameterTypes))
  if (key !== undefined && isKept(prepared)) plans.set(key, prepared, key.length + planCharacters)
  return prepared
}

/** By the plan of the text without its integers; undefined where that has none, or means something else. */
function prepareLifted({ lifted }: LiftedStatement, context: SqlContext): PreparedStatement | undefined {
  const types = lifted.values.map((value) => (typeof value === 'bigint' ? oid.int8 : oid.int4))
  try {
    const prepared = prepare(parseText(lifted.text)[0]!, context, types)
    const { kind } = prepared.effect
    const isPlain = kind === 'read' || kind === 'write'
    return isPlain && prepared.parameterTypes.length === types.length ? new LiftedPlan(prepared, lifted) : undefined
  } catch {
    // The text as it was sent tells what is wrong with it, and where.
    return undefined
  }
}

/** The same without holding the thread for statements of long texts: those are bound and planned in several turns. */
export function prepareOn(
  host: Host,
  statement: ParsedStatement,
  context: SqlContext,
  parameterTypes: readonly number[] = [],
): PreparedStatement | Promise<PreparedStatement> {
  const isLong = isLongText(statement.source) && isLongText(statement.text)
  if (!isLong) return prepare(statement, context, parameterTypes)
  return inTurns(host, prepareSteps(statement, context, parameterTypes))
}

async function inTurns<T>(host: Host, steps: Generator<undefined, T>): Promise<T> {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    await new Promise<void>((resolve) => host.turn(resolve))
  }
}

/** Yields where a turn is over. */
export function* prepareSteps(
  statement: ParsedStatement,
  context: SqlContext,
  parameterTypes: readonly number[] = [],
  progress: Progress = new Progress(),
): Generator<undefined, PreparedStatement> {
  const binder = createBinder(context, parameterTypes, progress)
  for (;;) {
    binder.beginTurn()
    try {
      return prepareFresh(statement, binder)
    } catch (error) {
      if (error !== unfinished) throw error
    }
    yield undefined
  }
}

function prepareFresh(statement: ParsedStatement, binder: Binder): PreparedStatement {
  try {
    // Literals are read now.
    return inStyle(binder.context.textStyle ?? plainStyle, () => {
      const planned = planStatement(binder, statement.tree as Node, statement)
      return new Prepared(planned, binder)
    })
  } catch (error) {
    // The depth is bounded where trees are walked; a stack that ran out all the same must not look like a bug of the caller.
    if (error instanceof RangeError) throw failure('54001', 'stack depth limit exceeded')
    throw withPosition(error, statement.source)
  }
}

/**
 * The source matters beside the text: error positions count from its beginning. So does the kind of statement: the query
 * inside of a DECLARE or PREPARE has the place of the whole.
 */
function keyOf(statement: ParsedStatement, context: SqlContext, parameterTypes: readonly number[]): string | undefined {
  if (statement.source.length > maxCachedTextLength) return undefined
  const { database, user, searchPath, textStyle = plainStyle } = context
  const style = textStyle === plainStyle ? '' : `\0${textStyle.key}`
  const caller = `${database}\0${user}\0${searchPath.join('\0')}\0${parameterTypes.join(',')}${style}`
  const kind = Object.keys(statement.tree as object)[0]
  return `${caller}\0${kind}\0${statement.offset}\0${statement.source}`
}

function isKept({ effect }: PreparedStatement): boolean {
  return effect.kind === 'read' || effect.kind === 'write' || effect.kind === 'join'
}
