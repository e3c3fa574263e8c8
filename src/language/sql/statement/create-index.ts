/** CREATE [UNIQUE] INDEX over plain columns. */
import { privilege } from '../../../database/access/privileges.ts'
import type { IndexStmt } from 'libpg-query'
import type { StatementSteps } from '../../../database/contract.ts'
import type { IndexColumn } from '../../../model/table/definition.ts'
import { createTableIndex } from '../../../model/table/schema.ts'
import type { Binder } from '../bind/binder.ts'
import { failure, notBuilt } from '../failure.ts'
import { skipping } from './create-schema.ts'
import { nothing, type Outcome } from './execution.ts'
import { freeName, getOwnTable, isNameTaken } from './naming.ts'
import { type Planned, planSteps } from './prepared.ts'
import { checkIndexOptions } from './table-definition.ts'

interface NamedColumn {
  readonly name: string
  readonly descending: boolean
  readonly nullsFirst: boolean
}

export function planCreateIndex(_binder: Binder, statement: IndexStmt): Planned {
  const method = statement.accessMethod ?? 'btree'
  if (method !== 'btree') throw notBuilt(`the index method "${method}"`)
  if (statement.whereClause !== undefined) throw notBuilt('a partial index (WHERE)')
  if (statement.indexIncludingParams !== undefined) throw notBuilt('INCLUDE')
  if (statement.nulls_not_distinct === true) throw notBuilt('NULLS NOT DISTINCT')
  checkIndexOptions(statement.options)
  const columns = (statement.indexParams ?? []).map((node): NamedColumn => {
    if (!('IndexElem' in node)) throw notBuilt('this index column')
    const { name, expr, ordering, nulls_ordering: nulls, opclass } = node.IndexElem
    if (expr !== undefined || name === undefined) throw notBuilt('an index on an expression')
    if ((opclass?.length ?? 0) > 0) throw notBuilt('an operator class')
    const descending = ordering === 'SORTBY_DESC'
    const nullsFirst = nulls === 'SORTBY_NULLS_FIRST' || (nulls !== 'SORTBY_NULLS_LAST' && descending)
    return { name, descending, nullsFirst }
  })
  return planSteps({ kind: 'schema' }, 'CREATE INDEX', function* (run): StatementSteps<Outcome> {
    const table = getOwnTable(run, statement.relation!, 'CREATE INDEX')
    const { rights } = run.transaction.principal
    // As in PostgreSQL an owner needs room for its name; who may change definitions has it.
    if (rights.owns(table.collection)) rights.requireInNamespace(table.collection.namespace, privilege.create)
    else if (statement.unique === true) rights.require(table.collection, privilege.read)
    const taken = (one: string): boolean => isNameTaken(run.transaction, table.schema, one)
    const name = statement.idxname ?? freeName(taken, table.name, ...columns.map((column) => column.name), 'idx')
    if (taken(name)) {
      if (statement.if_not_exists !== true) throw failure('42P07', `relation "${name}" already exists`)
      return { rowCount: 0, notices: [skipping('42P07', `relation "${name}" already exists`)] }
    }
    const parts = columns.map(({ name: column, descending, nullsFirst }): IndexColumn => {
      const found = table.findColumn(column)
      if (found === undefined) throw failure('42703', `column "${column}" does not exist`)
      return {
        number: found.number,
        ...(descending ? { descending } : {}),
        ...(nullsFirst === descending ? {} : { nullsFirst }),
      }
    })
    yield* createTableIndex(run.transaction, table, { name, isUnique: statement.unique === true, columns: parts })
    return nothing
  })
}
