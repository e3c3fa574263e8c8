/** `pg_views` and `pg_rewrite`: what CREATE VIEW has made. */
import { noPrivileges } from '../../../database/access/privileges.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import { isView, viewDefinitionOf, type ViewOptions } from '../../../model/table/view-kind.ts'
import { TriggeredView } from '../../../model/table/view-triggers.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { collectionOid, ruleOid } from './identity.ts'
import { memoryRelation } from './memory-relation.ts'
import { viewsOf } from './registered-views.ts'
import { ownerName } from './roles.ts'
import { collections, tables } from './stored-tables.ts'

/** How the query of a view is shown: told by who binds them. */
type ShowView = (run: SqlRun, collection: Collection, isPretty: boolean) => string | null
let show: ShowView = () => null

export function showViewsBy(shown: ShowView): void {
  show = shown
}

/** The columns that can be written through a view, by number; undefined where nothing can. */
type WritableColumns = (run: SqlRun, collection: Collection) => ReadonlySet<number> | undefined
let writable: WritableColumns = () => undefined

export function findWritableBy(found: WritableColumns): void {
  writable = found
}

export function writableColumns(run: SqlRun, collection: Collection): ReadonlySet<number> | undefined {
  return writable(run, collection)
}

/** With its semicolon; null of what has no query. */
export function viewText(run: SqlRun, collection: Collection, isPretty: boolean): string | null {
  return show(run, collection, isPretty)
}

/** As `pg_class.reloptions` has them. */
export function viewOptionTexts({ checkOption, securityBarrier, securityInvoker }: ViewOptions): string[] {
  return [
    ...(securityBarrier === undefined ? [] : [`security_barrier=${securityBarrier}`]),
    ...(securityInvoker === undefined ? [] : [`security_invoker=${securityInvoker}`]),
    ...(checkOption === undefined ? [] : [`check_option=${checkOption}`]),
  ]
}

export function* views(run: SqlRun): Generator<Collection> {
  for (const collection of collections(run)) if (isView(collection)) yield collection
}

function* viewRows(run: SqlRun): Generator<readonly SqlValue[]> {
  for (const collection of views(run)) {
    const text = viewText(run, collection, false)
    yield [collection.namespace.name, collection.name, ownerName(run, collection), text]
  }
  // Of those of the system there is no text.
  for (const { schema, name } of viewsOf(run.context)) yield [schema, name, 'postgres', null]
}

function* materializedRows(run: SqlRun): Generator<readonly SqlValue[]> {
  for (const table of tables(run)) {
    const { materialized } = table.definition
    if (materialized === undefined) continue
    const owner = ownerName(run, table.collection)
    const text = viewText(run, table.collection, false)
    yield [table.schema, table.name, owner, null, table.indexes.length > 0, materialized.isPopulated, text]
  }
}

/** information_schema.views. */
export function* standardViews(run: SqlRun): Generator<readonly SqlValue[]> {
  const { rights } = run.transaction.principal
  for (const collection of views(run)) {
    if (rights.onAnyColumn(collection) === noPrivileges) continue
    const { checkOption } = viewDefinitionOf(collection).options ?? {}
    const triggered = TriggeredView.of(collection)
    const isWritable = (writableColumns(run, collection)?.size ?? 0) > 0 ? 'YES' : 'NO'
    yield [
      run.context.database,
      collection.namespace.name,
      collection.name,
      rights.owns(collection) ? viewText(run, collection, false) : null,
      checkOption?.toUpperCase() ?? 'NONE',
      isWritable,
      isWritable,
      ...(['update', 'delete', 'insert'] as const).map((event) => (triggered.does(event) ? 'YES' : 'NO')),
    ]
  }
}

function* rules(run: SqlRun): Generator<readonly SqlValue[]> {
  const keeping = [...tables(run)].filter(({ definition }) => definition.materialized !== undefined)
  for (const collection of [...views(run), ...keeping.map(({ collection: one }) => one)]) {
    yield [ruleOid(collection), '_RETURN', collectionOid(collection), '1', 'O', true, null, null]
  }
}

export const pgViews: readonly Relation[] = [
  memoryRelation(
    'pg_catalog',
    'pg_views',
    [
      ['schemaname', oid.name],
      ['viewname', oid.name],
      ['viewowner', oid.name],
      ['definition', oid.text],
    ],
    viewRows,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_matviews',
    [
      ['schemaname', oid.name],
      ['matviewname', oid.name],
      ['matviewowner', oid.name],
      ['tablespace', oid.name],
      ['hasindexes', oid.bool],
      ['ispopulated', oid.bool],
      ['definition', oid.text],
    ],
    materializedRows,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_rewrite',
    [
      ['oid', oid.oid],
      ['rulename', oid.name],
      ['ev_class', oid.oid],
      ['ev_type', oid.char],
      ['ev_enabled', oid.char],
      ['is_instead', oid.bool],
      ['ev_qual', oid.nodeTree],
      ['ev_action', oid.nodeTree],
    ],
    rules,
  ),
]
