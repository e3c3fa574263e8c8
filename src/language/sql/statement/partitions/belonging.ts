/** Rows that lie in a table already, looked at because its bound, or that of a sibling, becomes another one. */
import { PolylogError } from '../../../../base/errors.ts'
import type { StatementSteps } from '../../../../database/contract.ts'
import { eachRow } from '../../../../model/table/index-build.ts'
import { familyOf } from '../../../../model/table/partitions/partitioning.ts'
import { belongs } from '../../../../model/table/partitions/routing.ts'
import { Table } from '../../../../model/table/table.ts'
import type { SqlRun } from '../../plan/run.ts'
import { currentTable, redefineAlong } from './links.ts'

/**
 * Errors: 23514 where a row of the partition does not belong there as the catalog stands now. `why`: the partition is new, or it
 * is the default one, from which another has taken a part.
 */
export function* refuseStrayRows(run: SqlRun, partition: Table, why: 'attached' | 'default'): StatementSteps<void> {
  const { transaction } = run
  for (const { id } of familyOf(transaction.catalog, partition)) {
    const member = Table.of(transaction.catalog.collectionById(id)!)
    if (member.definition.partitioning !== undefined) continue
    // A new version: who writes into it meanwhile waits, and looks where its row belongs again.
    const held = why === 'default' ? redefineAlong(run, member, member.definition) : currentTable(run, member)
    transaction.access.actForOwner(held.id)
    yield* eachRow(transaction, held, (row) => {
      if (!belongs(transaction, held, row)) throw stray(held, why)
    })
  }
}

function stray({ name, schema }: Table, why: 'attached' | 'default'): PolylogError {
  const message =
    why === 'default'
      ? `updated partition constraint for default partition "${name}" would be violated by some row`
      : `partition constraint of relation "${name}" is violated by some row`
  return new PolylogError('check_violation', message, { detail: { sqlState: '23514', collection: name, schema } })
}
