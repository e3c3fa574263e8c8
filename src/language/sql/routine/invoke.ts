/**
 * From a call to the language that runs it: as whom a function runs (SECURITY DEFINER: as its owner), with which settings (its
 * SET clauses), on which state of the catalog, and what of its rows is the result.
 */
import { AccessError } from '../../../database/access/rights.ts'
import { privilege } from '../../../database/access/privileges.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import type { OutputColumn } from '../bind/query.ts'
import type { Firing } from '../../../model/table/triggers.ts'
import type { Row, SqlContext, SqlValue, TransitionTable } from '../contract.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { isAsWhom, splitSearchPath } from '../settings/settings.ts'
import { asOwner, ownersParts, refuseToBecome, withinDefiner } from './as-owner.ts'
import { getRoutineLanguage, type Invocation } from './languages.ts'
import type { Routine } from './routines.ts'

export interface Invoked {
  readonly routine: Routine
  readonly types: readonly number[]
  readonly columns: readonly OutputColumn[]
}

/** The steps of one call: all its rows, of which a function that gives no set has at most one. */
export function* invoke(
  { routine, types, columns }: Invoked,
  caller: SqlRun,
  values: readonly SqlValue[],
): StatementSteps<readonly (readonly SqlValue[])[]> {
  const { collection, definition } = routine
  const { isDefiner = false, volatility, language } = definition
  const { rights } = caller.transaction.principal
  if (!rights.areUnlimited && (rights.onCollection(collection) & privilege.execute) === 0) {
    throw new AccessError(definition.kind, definition.name)
  }
  const isReadOnly = volatility !== 'volatile'
  const invocation: Invocation = {
    routine,
    caller,
    context: contextOf(routine, caller),
    values,
    types,
    columns,
    isReadOnly,
  }
  const steps = getRoutineLanguage(language).run(invocation)
  const call = isDefiner ? asOwner(caller, collection, steps) : steps
  return yield* isTracked(caller, language) ? counted(caller, collection.id, call) : call
}

/** `track_functions`: `pl` is all but those in SQL. */
function isTracked({ context }: SqlRun, language: string): boolean {
  const tracked = context.getSetting('track_functions') ?? 'none'
  return tracked === 'all' || (tracked === 'pl' && language !== 'sql')
}

function* counted<T>({ transaction }: SqlRun, id: number, steps: StatementSteps<T>): StatementSteps<T> {
  const { counts, services } = transaction
  const startedUs = services.monotonic()
  const outerUs = counts.beginCall()
  const result = yield* steps
  counts.endCall(id, outerUs, services.monotonic() - startedUs)
  return result
}

/** Of a trigger: the row that it answers, undefined where that is NULL. */
export function* invokeTrigger(routine: Routine, caller: SqlRun, firing: Firing): StatementSteps<Row | undefined> {
  const { collection, definition } = routine
  const language = getRoutineLanguage(definition.language)
  const context = contextOf(routine, caller, transitionsOf(firing))
  const invocation = { routine, caller, context, values: [], types: [], columns: [], isReadOnly: false }
  const steps = language.runTrigger?.(invocation, firing)
  if (steps === undefined) throw failure('0A000', `triggers in language "${language.name}" are not supported`)
  const call = definition.isDefiner === true ? asOwner(caller, collection, steps) : steps
  return yield* isTracked(caller, language.name) ? counted(caller, collection.id, call) : call
}

function transitionsOf({ trigger, table, rows = [] }: Firing): SqlContext['transitions'] {
  const { oldTable, newTable } = trigger
  if (oldTable === undefined && newTable === undefined) return undefined
  const named = new Map<string, TransitionTable>()
  const columns = table.columns.map((column): readonly [string, number] => [column.name, column.type.oid])
  if (oldTable !== undefined)
    named.set(oldTable, { columns, rows: rows.flatMap(({ oldRow }) => (oldRow ? [oldRow] : [])) })
  if (newTable !== undefined)
    named.set(newTable, { columns, rows: rows.flatMap(({ newRow }) => (newRow ? [newRow] : [])) })
  return named
}

/** Contexts of functions that have nothing of their own: of which transaction they are, and as whom. */
const plain = new WeakMap<SqlContext, { readonly transaction: Transaction; readonly owner: string | undefined }>()

/** A function that one like it calls sees what that one does: else a recursion would look for it through all its levels. */
function isLike({ definition, collection }: Routine, { context, transaction }: SqlRun): boolean {
  const before = plain.get(context)
  if (before?.transaction !== transaction) return false
  return definition.isDefiner === true ? before.owner === collection.owner : true
}

/** What the function's statements see of the session. */
function contextOf(routine: Routine, caller: SqlRun, transitions?: SqlContext['transitions']): SqlContext {
  const { definition, collection } = routine
  const { settings = [], isDefiner = false } = definition
  const hasOwn = settings.length > 0 || transitions !== undefined
  if (!hasOwn && isLike(routine, caller)) return caller.context
  const outer = isDefiner ? withinDefiner(caller.context) : caller.context
  const own: PropertyDescriptorMap = {
    catalog: { get: () => caller.transaction.catalog },
    transitions: { value: transitions },
  }
  if (isDefiner) Object.assign(own, ownersParts(caller, collection))
  if (settings.length > 0) setWithin(own, new Map(settings), outer, isDefiner)
  const context = Object.create(outer, own) as SqlContext
  if (hasOwn) return context
  const owner = isDefiner ? collection.owner : plain.get(caller.context)?.owner
  plain.set(context, { transaction: caller.transaction, owner })
  return context
}

/**
 * Settings of the function's own hide the session's; what it sets beside them is the session's.
 * Errors: 42501 where it acts as its owner and would say as whom it goes on; 0A000 where it does not, and would.
 */
function setWithin(
  own: PropertyDescriptorMap,
  settings: Map<string, string>,
  outer: SqlContext,
  isDefiner: boolean,
): void {
  for (const name of settings.keys()) {
    if (isDefiner) refuseToBecome(name)
    else if (isAsWhom(name)) throw notBuilt(`SET ${name} of a function`)
  }
  own['getSetting'] = { value: (name: string) => settings.get(name) ?? outer.getSetting(name) }
  own['setSetting'] = {
    value: (name: string, value: string | undefined, scope: 'session' | 'transaction') => {
      if (!settings.has(name)) outer.setSetting(name, value, scope)
      else if (value !== undefined) settings.set(name, value)
    },
  }
  if (settings.has('search_path')) {
    own['searchPath'] = { get: () => splitSearchPath(settings.get('search_path')!) }
  }
}
