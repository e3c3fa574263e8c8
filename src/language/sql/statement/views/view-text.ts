/**
 * The text of a view's query: made of what was bound when the view was made, with all names in full; written anew where
 * something that it names is called otherwise; and shown with schemas only where the search path does not find the name.
 *
 * Nothing in it is computed beforehand, so that it is shown as it was written. What is read again must come to the same
 * text: a query of which that is not so is refused where it is made.
 */
import type { SelectStmt } from 'libpg-query'
import type { Catalog, Collection } from '../../../../database/catalog/catalog.ts'
import type { Transaction } from '../../../../database/contract.ts'
import { redefine } from '../../../../model/table/schema.ts'
import type { StoredQuery } from '../../../../model/table/stored-query.ts'
import { Table } from '../../../../model/table/table.ts'
import { isTable } from '../../../../model/table/table-kind.ts'
import { inStyle, plainStyle } from '../../../../model/table/types/text-style.ts'
import { isView, type ViewColumn, viewDefinitionOf } from '../../../../model/table/view-kind.ts'
import { changeView } from '../../../../model/table/view-triggers.ts'
import { parseQuery } from '../../bind/bind-view.ts'
import type { Binder } from '../../bind/binder.ts'
import { unfolded } from '../../bind/coerce.ts'
import type { BoundQuery, OutputColumn } from '../../bind/query.ts'
import { Scope } from '../../bind/scope.ts'
import { requireTypeUse } from '../../bind/type-access.ts'
import { writtenView } from '../../bind/updatable-view.ts'
import { ViewRelation } from '../../bind/view-relation.ts'
import { findWritableBy, showViewsBy } from '../../catalog/pg-views.ts'
import { collectionByOid } from '../../catalog/identity.ts'
import type { SqlContext } from '../../contract.ts'
import { failure, notBuilt } from '../../failure.ts'
import { currentContext, type SqlRun } from '../../plan/run.ts'
import { deparseQuery, type ObjectNames } from '../../query-text/query-text.ts'
import { binderOver, namesIn, shownNames } from '../full-names.ts'

export interface NewQuery extends StoredQuery {
  readonly bound: BoundQuery
  readonly columns: readonly OutputColumn[]
}

/** `names`: what the first columns are called. Errors: those of binding; 0A000 for what no text is made of. */
export function storedQuery(run: SqlRun, node: SelectStmt, names: readonly string[], what?: string): NewQuery {
  const context = currentContext(run)
  const mentioned = new Set<number>()
  const noting = (all: ObjectNames): ObjectNames => ({
    ...all,
    object: (type, value) => {
      const shown = all.object?.(type, value)
      if (shown !== undefined) mentioned.add(collectionByOid(context.catalog, value)!.id)
      return shown
    },
  })
  const binder = binderOver(context, context.searchPath)
  const bound = named(
    unfolded(() => binder.query(new Scope(), node)),
    names,
    what,
  )
  requireTypeUse(context, ...bound.columns.map(({ type }) => type))
  const catalogNames = noting(namesIn(context.catalog))
  const query = inStyle(plainStyle, () => deparseQuery(bound, catalogNames))
  if (!isSameAgain(context, bound, query)) throw notBuilt('a view of this query')
  const needed = new Set([...mentioned, ...binder.usedTypes, ...binder.usedRoutines])
  return { bound, columns: bound.columns, query, reads: readsOf(binder, needed) }
}

/** `what`: how a message calls the statement. */
function named(bound: BoundQuery, names: readonly string[], what?: string): BoundQuery {
  if (names.length > bound.columns.length) {
    const message =
      what === undefined ? 'too many column names were specified' : `${what} specifies more column names than columns`
    throw failure('42601', message)
  }
  const columns = bound.columns.map((column, i) => ({ ...column, name: names[i] ?? column.name }))
  return { ...bound, columns }
}

/** As it is written, not as it is planned. */
function bindStored(context: SqlContext, text: string): BoundQuery {
  return unfolded(() => binderOver(context, []).query(new Scope(), parseQuery(text)))
}

function readsOf(binder: Binder, mentioned: ReadonlySet<number>): StoredQuery['reads'] {
  const reads = binder.access.reading()
  const others = [...mentioned].filter((id) => !reads.some((one) => one.id === id))
  return [
    ...reads.map(({ id, columns }) => ({ id, columns: [...columns].sort((a, b) => a - b) })),
    ...others.map((id) => ({ id, columns: [] })),
  ]
}

/** As pg_get_viewdef shows it, without the semicolon. */
export function shownQuery(
  run: SqlRun,
  { query }: StoredQuery,
  columnNames: readonly string[],
  isPretty: boolean,
): string {
  const context = currentContext(run)
  const bound = inStyle(plainStyle, () => bindStored(context, query))
  return deparseQuery(named(bound, columnNames), shownNames(context), isPretty)
}

showViewsBy((run, collection, isPretty) => {
  const kept = keepsQuery(collection)
  if (kept === undefined) return null
  const columns = isView(collection) ? viewDefinitionOf(collection).columns : Table.of(collection).columns
  const names = columns.map(({ name }) => name)
  return `${shownQuery(run, kept, names, isPretty)};`
})

findWritableBy((run, collection) => {
  const context = currentContext(run)
  const view = ViewRelation.of(collection)
  const written = inStyle(plainStyle, () => writtenView(binderOver(context, []), view))
  const columns = written?.columns
  return columns && new Set(view.columns.filter((_, i) => typeof columns[i] === 'number').map(({ number }) => number))
})

/** What keeps a query of those that name the relation. */
function keepsQuery(collection: Collection): StoredQuery | undefined {
  if (isView(collection)) return viewDefinitionOf(collection)
  return isTable(collection) ? Table.of(collection).definition.materialized : undefined
}

/** The queries that name the relation, once it or one of its columns has another name; `before`: the catalog in which they hold. */
export function renameInQueries(run: SqlRun, before: Catalog, id: number): void {
  const { transaction, context } = run
  const was = Object.create(context, { catalog: { value: before } }) as SqlContext
  for (const old of [before.collectionById(id)!, ...before.referrersOf(id)]) {
    const kept = keepsQuery(old)
    if (kept === undefined) continue
    const now = transaction.catalog.collectionById(old.id)!
    const query = inStyle(plainStyle, () => rewritten(bindStored(was, kept.query), currentContext(run)))
    if (query !== kept.query) alongWith(transaction, now, { query })
  }
}

/** Read again it is the same query. */
function isSameAgain(context: SqlContext, bound: BoundQuery, text: string): boolean {
  const names = { ...namesIn(context.catalog), hidesNames: true }
  try {
    return inStyle(plainStyle, () => deparseQuery(bindStored(context, text), names) === deparseQuery(bound, names))
  } catch {
    return false
  }
}

/** A new name may be that of something around it; then the old one stays, as an alias. */
function rewritten(bound: BoundQuery, context: SqlContext): string {
  const names = namesIn(context.catalog)
  const text = deparseQuery(bound, names)
  return isSameAgain(context, bound, text) ? text : deparseQuery(bound, { ...names, keepsAliases: true })
}

/** It goes along with the change of another one. */
function alongWith(transaction: Transaction, collection: Collection, changed: Pick<StoredQuery, 'query'>): void {
  transaction.access.beginChange(collection.id)
  try {
    if (isView(collection)) changeView(transaction, collection, (definition) => ({ ...definition, ...changed }))
    else redefineMaterialized(transaction, Table.of(collection), changed)
  } finally {
    transaction.access.endChange(collection.id)
  }
}

function redefineMaterialized(transaction: Transaction, table: Table, changed: Pick<StoredQuery, 'query'>): void {
  const materialized = { ...table.definition.materialized!, ...changed }
  redefine(transaction, table, { ...table.definition, materialized })
}

export function viewColumns(columns: readonly OutputColumn[]): ViewColumn[] {
  return columns.map(({ name, type, modifier }, i) => {
    return { number: i + 1, name, type, ...(modifier >= 0 ? { modifier } : {}) }
  })
}
