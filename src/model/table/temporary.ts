/**
 * Temporary tables, as far as the model knows of them: what goes with their sessions, and ON COMMIT DELETE ROWS, which takes the
 * rows away at the end of each transaction that has written any.
 */
import { dropObjects, planDrop } from '../../database/catalog/dependents.ts'
import type { StatementSteps, Task, Transaction } from '../../database/contract.ts'
// oxlint-disable-next-line import/no-unassigned-import -- loading it registers how parts of tables are dropped
import './drop-part.ts'
import type { RowRule } from './row-hooks.ts'
import { truncateTable } from './schema.ts'
import { Table } from './table.ts'

/** All that is in a session's schema. */
export function* dropTemporary(transaction: Transaction, schema: string | undefined): StatementSteps<void> {
  const namespace = schema === undefined ? undefined : transaction.catalog.namespaces.get(schema)
  if (namespace === undefined) return
  const targets = transaction.catalog.collectionsOf(namespace.name).map(({ id }) => ({ id }))
  const plan = planDrop(transaction.catalog, targets)
  for (const { id } of plan.dropped) transaction.access.beginChange(id)
  yield* dropObjects(transaction, plan)
}

export const deleteAtCommitRule: RowRule = {
  name: 'on commit delete rows',
  onStatement(table) {
    if (table.definition.onCommit !== 'delete') return undefined
    return {
      before: (transaction, event) => {
        if (event === 'insert' || event === 'update') transaction.agenda.putOff(deletingTask(table.id))
      },
    }
  },
}

function deletingTask(id: number): Task {
  return {
    constraint: { id: `on commit delete rows ${id}`, isDeferrable: true, isInitiallyDeferred: true, isOfCommit: true },
    // It does not stand in the way of a change of the table.
    collection: 0,
    sizeBytes: 200,
    run: (transaction) => {
      const collection = transaction.catalog.collectionById(id)
      if (collection === undefined) return undefined
      // Whoever the session acts as by then.
      transaction.access.asServer(() => truncateTable(transaction, Table.of(collection)))
      return undefined
    },
  }
}
