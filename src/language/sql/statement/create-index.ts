/** CREATE [UNIQUE] INDEX: `indexes/index-parts.ts` reads what it is of. */
import { privilege } from '../../../database/access/privileges.ts'
import type { IndexStmt, RangeVar } from 'libpg-query'
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { createTableIndex } from '../../../model/table/schema.ts'
import { isView } from '../../../model/table/view-kind.ts'
import type { Binder } from '../bind/binder.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { skipping } from './create-schema.ts'
import { nothing, type Outcome } from './execution.ts'
import { readIndexParts } from './indexes/index-parts.ts'
import { findCollection, freeName, getOwnTable, isNameTaken } from './naming.ts'
import { shareWithPartitions } from './partitions/links.ts'
import { refusePartialKeys } from './partitions/new-partition.ts'
import { type Planned, planSteps } from './prepared.ts'
import { checkIndexOptions } from './table-definition.ts'

export function planCreateIndex(_binder: Binder, statement: IndexStmt): Planned {
  if (statement.nulls_not_distinct === true) throw notBuilt('NULLS NOT DISTINCT')
  checkIndexOptions(statement.options)
  return planSteps({ kind: 'schema' }, 'CREATE INDEX', function* (run): StatementSteps<Outcome> {
    refuseView(run, statement.relation!)
    if (statement.concurrent === true && !run.transaction.isSingleStatement) {
      throw failure('25001', 'CREATE INDEX CONCURRENTLY cannot run inside a transaction block')
    }
    const table = getOwnTable(run, statement.relation!, 'CREATE INDEX')
    const { rights } = run.transaction.principal
    // As in PostgreSQL an owner needs room for its name; who may change definitions has it.
    if (rights.owns(table.collection)) rights.requireInNamespace(table.collection.namespace, privilege.create)
    else if (statement.unique === true) rights.require(table.collection, privilege.read)
    const taken = (one: string): boolean => isNameTaken(run.transaction, table.schema, one)
    const { columns, more, names, hasExpressions } = yield* inPlace(run.transaction, () =>
      readIndexParts(run, table, statement),
    )
    const name = statement.idxname ?? freeName(taken, table.name, ...names, 'idx')
    if (taken(name)) {
      if (statement.if_not_exists !== true) throw failure('42P07', `relation "${name}" already exists`)
      return { rowCount: 0, notices: [skipping('42P07', `relation "${name}" already exists`)] }
    }
    const isUnique = statement.unique === true
    if (isUnique) {
      const named = columns.flatMap(({ number }) => (number < 0 ? [] : [table.columnByNumber(number).name]))
      refusePartialKeys(table.name, table.definition, [{ kind: 'unique', columns: named }])
      if (hasExpressions && table.definition.partitioning !== undefined) {
        throw notBuilt('a unique index of a partitioned table on an expression')
      }
    }
    if (statement.concurrent === true && table.definition.partitioning !== undefined) {
      throw failure('0A000', `cannot create index on partitioned table "${table.name}" concurrently`)
    }
    const made = yield* createTableIndex(run.transaction, table, { name, isUnique, columns, more })
    if (statement.relation!.inh === true) yield* shareWithPartitions(run, made)
    return nothing
  })
}

function refuseView(run: SqlRun, name: RangeVar): void {
  const collection = findCollection(run, name)
  if (collection === undefined || !isView(collection)) return
  throw failure('42809', `cannot create index on relation "${collection.name}"`, {
    detail: 'This operation is not supported for views.',
  })
}
