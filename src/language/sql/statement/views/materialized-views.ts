/** CREATE MATERIALIZED VIEW and REFRESH: a query is kept as a view's is, and its rows as a table's are. */
import type { CreateTableAsStmt, RangeVar, RefreshMatViewStmt, SelectStmt } from 'libpg-query'
import type { StatementSteps } from '../../../../database/contract.ts'
import { inPlace } from '../../../../database/transaction/wait.ts'
import { type NewColumn, newTable, type TableDefinition } from '../../../../model/table/definition.ts'
import { beginRefresh, endRefresh } from '../../../../model/table/materialized.ts'
import { insertRow } from '../../../../model/table/rows.ts'
import { createTable, redefine, truncateTable } from '../../../../model/table/schema.ts'
import { Table } from '../../../../model/table/table.ts'
import { isTable } from '../../../../model/table/table-kind.ts'
import { inStyle, plainStyle } from '../../../../model/table/types/text-style.ts'
import type { PackedRows } from '../../../../query/packed-rows.ts'
import { createBareBinder } from '../../bind/bind.ts'
import { parseQuery } from '../../bind/bind-view.ts'
import { Scope } from '../../bind/scope.ts'
import { stringsOf } from '../../bind/tree.ts'
import { failure, notBuilt } from '../../failure.ts'
import { Planner } from '../../plan/planner.ts'
import { currentContext, type SqlRow, type SqlRun } from '../../plan/run.ts'
import { asOwner, restrictedRun } from '../../routine/as-owner.ts'
import { skipping } from '../create-schema.ts'
import type { Outcome } from '../execution.ts'
import { eachHeld, holdRows, RowsOfPlan } from '../held-rows.ts'
import { findCollection, isNameTaken, refuseBusy, shownName, targetNamespace } from '../naming.ts'
import { type Planned, planSteps } from '../prepared.ts'
import { readOptions } from '../table-definition.ts'
import { isTemporary } from '../temporary.ts'
import { requireColumns } from './create-view.ts'
import { storedQuery } from './view-text.ts'

export function planCreateMaterialized({ query, into, if_not_exists: skips }: CreateTableAsStmt): Planned {
  if (query === undefined || !('SelectStmt' in query) || into?.rel === undefined) {
    throw notBuilt('this materialized view')
  }
  const { rel, colNames, skipData = false, options } = into
  if (rel.relpersistence === 'u') throw failure('0A000', 'materialized views cannot be unlogged')
  const select: SelectStmt = query.SelectStmt
  const { engine } = readOptions(options)
  const tag = skipData ? 'CREATE MATERIALIZED VIEW' : 'SELECT'
  return planSteps({ kind: 'schema' }, tag, function* (run): StatementSteps<Outcome> {
    const { transaction } = run
    const name = rel.relname ?? ''
    const namespace = targetNamespace(run, rel)
    if (isNameTaken(transaction, namespace.name, name)) {
      const message = `relation "${name}" already exists`
      if (skips !== true) throw failure('42P07', message)
      return { rowCount: 0, notices: [skipping('42P07', message)] }
    }
    const stored = storedQuery(run, select, stringsOf(colNames))
    requireColumns(stored.columns)
    if (stored.reads.some(({ id }) => isTemporary(transaction.catalog.collectionById(id)!))) {
      throw failure('0A000', 'materialized views must not use temporary tables or views')
    }
    const columns = stored.columns.map(({ name: column, type, modifier }): NewColumn => {
      return { name: column, type, ...(modifier >= 0 ? { modifier } : {}) }
    })
    const materialized = { query: stored.query, reads: stored.reads, isPopulated: !skipData }
    const definition: TableDefinition = { ...newTable(columns), materialized }
    const table = yield* inPlace(transaction, () => createTable(transaction, namespace, name, definition, engine))
    return { rowCount: skipData ? 0 : yield* fill(run, table, stored.query) }
  })
}

export function planRefresh({ relation, concurrent = false, skipData = false }: RefreshMatViewStmt): Planned {
  return planSteps({ kind: 'schema' }, 'REFRESH MATERIALIZED VIEW', function* (run): StatementSteps<Outcome> {
    const { transaction } = run
    const table = getMaterialized(run, relation!)
    transaction.principal.rights.requireOwner(table.collection)
    refuseBusy(run, table, 'REFRESH MATERIALIZED VIEW')
    const materialized = table.definition.materialized!
    if (concurrent && !materialized.isPopulated) {
      throw failure('55000', 'CONCURRENTLY cannot be used when the materialized view is not populated')
    }
    if (concurrent && skipData) {
      throw failure('42601', 'CONCURRENTLY and WITH NO DATA options cannot be used together')
    }
    if (concurrent) refuseConcurrent(table)
    const changed = yield* inPlace(transaction, () => {
      if (materialized.isPopulated === !skipData) return table
      const definition = { ...table.definition, materialized: { ...materialized, isPopulated: !skipData } }
      return redefine(transaction, table, definition)
    })
    if (skipData) yield* inPlace(transaction, () => clear(run, changed))
    else yield* fill(run, changed, materialized.query)
    return { rowCount: 0 }
  })
}

function getMaterialized(run: SqlRun, name: RangeVar): Table {
  const collection = findCollection(run, name)
  if (collection === undefined) throw failure('42P01', `relation "${shownName(name)}" does not exist`)
  const table = isTable(collection) ? Table.of(collection) : undefined
  if (table?.definition.materialized !== undefined) return table
  const isPlain = table !== undefined && table.definition.partitioning === undefined
  if (isPlain) throw failure('0A000', `"${collection.name}" is not a materialized view`)
  throw failure('42809', `"${collection.name}" is not a table or materialized view`)
}

/** Rows are told apart by a key. */
function refuseConcurrent(table: Table): void {
  if (table.indexes.some(({ isUnique }) => isUnique)) return
  throw failure('55000', `cannot refresh materialized view "${table.schema}.${table.name}" concurrently`, {
    hint: 'Create a unique index with no WHERE clause on one or more columns of the materialized view.',
  })
}

function clear({ transaction }: SqlRun, table: Table): void {
  beginRefresh(transaction, table)
  try {
    truncateTable(transaction, table)
  } finally {
    endRefresh(transaction)
  }
}

/** What the view shows, read as its owner. */
function* rowsOf(run: SqlRun, { collection }: Table, text: string): StatementSteps<PackedRows<SqlRow>> {
  const { transaction } = run
  const own = restrictedRun(run, collection)
  const held = function* (): StatementSteps<PackedRows<SqlRow>> {
    const binder = createBareBinder(currentContext(own))
    const bound = inStyle(plainStyle, () => {
      return binder.within(collection, 'owner', () => binder.query(new Scope(), parseQuery(text)))
    })
    binder.checkAccess()
    for (const { access } of binder.owners) for (const id of access.named()) transaction.access.actForOwner(id)
    return yield* holdRows(new RowsOfPlan(new Planner().planQuery(bound), own), own, 0)
  }
  return yield* asOwner(run, collection, held())
}

/** Whoever reads meanwhile finds the rows of before. */
function* fill(run: SqlRun, table: Table, text: string): StatementSteps<number> {
  const { transaction } = run
  const held = yield* rowsOf(run, table, text)
  yield* inPlace(transaction, () => clear(run, table))
  const { rowCount } = yield* eachHeld(held, run, function* (row) {
    yield* inPlace(transaction, () => {
      beginRefresh(transaction, table)
      try {
        insertRow(transaction, table, row)
      } finally {
        endRefresh(transaction)
      }
    })
    return true
  })
  return rowCount
}
