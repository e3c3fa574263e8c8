/** Takes a part out of a table, whatever else depends on it being gone already. */
import type { Collection } from '../../database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { type PartAddress, registerPartDrop } from '../../database/catalog/objects.ts'
import { dropForeignKey } from './reference-schema.ts'
import { dropCheck, dropColumn, dropPolicy, dropPrimaryKey, dropTableIndex, redefine, setDefault } from './schema.ts'
import { Table } from './table.ts'
import { tableKind } from './table-kind.ts'
import { withChangedTriggers } from './triggers.ts'

registerPartDrop(tableKind, dropPartOfTable)

function* dropPartOfTable(
  transaction: Transaction,
  collection: Collection,
  { kind, key }: PartAddress,
): StatementSteps<void> {
  const table = Table.of(collection)
  if (kind === 'column') yield* dropColumn(transaction, table, table.columnByNumber(key as number).name)
  else if (kind === 'default') setDefault(transaction, table, table.columnByNumber(key as number).name, undefined)
  else if (kind === 'constraint') yield* dropConstraint(transaction, table, key as string)
  else if (kind === 'trigger') {
    redefine(
      transaction,
      table,
      withChangedTriggers(table.definition, (one) => (one.id === key ? undefined : one)),
    )
  } else if (kind === 'policy') dropPolicy(transaction, table, key as number)
  else if (kind === 'index') {
    const index = table.indexes.find(({ id }) => id === key)
    // That of a constraint goes with the constraint.
    if (index?.isConstraint === false) dropTableIndex(transaction, table, index)
  }
}

export function* dropConstraint(transaction: Transaction, table: Table, name: string): StatementSteps<void> {
  const index = table.findIndex(name)
  if (table.primaryKeyName === name) yield* dropPrimaryKey(transaction, table)
  else if (index?.isConstraint === true) dropTableIndex(transaction, table, index)
  else if (table.checks.some((check) => check.name === name)) dropCheck(transaction, table, name)
  else if (table.foreignKeys.some((one) => one.name === name)) dropForeignKey(transaction, table, name)
}
