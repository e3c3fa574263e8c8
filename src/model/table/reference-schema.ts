/**
 * Making, changing and ending foreign keys.
 *
 * The definition lies with the referencing table; the referenced one knows which tables refer to it, so that it gets a new
 * version, and plans and statements that are older than the foreign key notice. Both are locked as for any schema change.
 */
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import { type ForeignKeyDefinition, withChangedForeignKey, withForeignKey, withReferencing } from './definition.ts'
import { ForeignKey } from './foreign-key.ts'
import { eachRow } from './index-build.ts'
import { unmetReference } from './reference-rules.ts'
import { current, redefine } from './schema.ts'
import { Table } from './table.ts'

export type NewForeignKey = Omit<ForeignKeyDefinition, 'id'>

export function* addForeignKey(
  transaction: Transaction,
  table: Table,
  foreignKey: NewForeignKey,
): StatementSteps<Table> {
  const now = yield* inPlace(transaction, () => {
    const changed = redefine(transaction, table, withForeignKey(table.definition, foreignKey))
    noteReferencing(transaction, foreignKey.references, changed.id, true)
    return current(transaction, changed.collection)
  })
  if (foreignKey.notValid !== true) yield* refuseUnmet(transaction, now, foreignKey.name)
  return now
}

function noteReferencing(transaction: Transaction, referencedId: number, id: number, isReferencing: boolean): void {
  const collection = transaction.catalog.collectionById(referencedId)
  if (collection === undefined) return
  const referenced = Table.of(collection)
  transaction.access.beginChange(referencedId)
  try {
    redefine(transaction, referenced, withReferencing(referenced.definition, id, isReferencing))
  } finally {
    transaction.access.endChange(referencedId)
  }
}

/** Rows that there are must refer to something, too. */
export function* refuseUnmet(transaction: Transaction, table: Table, name: string): StatementSteps<void> {
  const definition = table.foreignKeys.find((one) => one.name === name)!
  const referenced = Table.of(transaction.catalog.collectionById(definition.references)!)
  transaction.access.actForOwner(referenced.id)
  const foreignKey = ForeignKey.between(table, referenced, definition)
  yield* eachRow(transaction, table, (row) => {
    if (!foreignKey.isMetBy(row, transaction.newest)) throw unmetReference(foreignKey, row)
  })
}

/** VALIDATE CONSTRAINT. Rows that come meanwhile have been looked at already: who writes them knows the foreign key. */
export function* validateForeignKey(transaction: Transaction, table: Table, name: string): StatementSteps<Table> {
  const change = ({ notValid: _, ...rest }: ForeignKeyDefinition): ForeignKeyDefinition => rest
  const definition = withChangedForeignKey(table.definition, name, change)
  const changed = yield* inPlace(transaction, () => {
    const { references } = table.foreignKeys.find((one) => one.name === name)!
    transaction.locks.lockCollection(references, 'row share')
    return redefine(transaction, table, definition, { besideWriters: true })
  })
  yield* refuseUnmet(transaction, changed, name)
  return changed
}

export function alterForeignKey(
  transaction: Transaction,
  table: Table,
  name: string,
  deferrable: ForeignKeyDefinition['deferrable'],
): Table {
  const change = ({ deferrable: _, ...rest }: ForeignKeyDefinition): ForeignKeyDefinition =>
    deferrable === undefined ? rest : { ...rest, deferrable }
  return redefine(transaction, table, withChangedForeignKey(table.definition, name, change))
}

export function renameForeignKey(transaction: Transaction, table: Table, name: string, to: string): Table {
  return redefine(
    transaction,
    table,
    withChangedForeignKey(table.definition, name, (one) => ({ ...one, name: to })),
  )
}

export function dropForeignKey(transaction: Transaction, table: Table, name: string): Table {
  const dropped = table.foreignKeys.filter((one) => one.name === name)
  const changed = redefine(
    transaction,
    table,
    withChangedForeignKey(table.definition, name, () => undefined),
  )
  for (const { references } of dropped) {
    if (changed.foreignKeys.some((one) => one.references === references)) continue
    noteReferencing(transaction, references, table.id, false)
  }
  return current(transaction, changed.collection)
}
