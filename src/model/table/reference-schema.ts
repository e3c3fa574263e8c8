/**
 * Making, changing and ending foreign keys.
 *
 * The definition lies with the referencing table; the referenced one knows which tables refer to it, so that it gets a new
 * version, and plans and statements that are older than the foreign key notice. Both are locked as for any schema change.
 * Where it is partitioned, so are all tables below it: each knows who refers to it or to a table above it.
 */
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import {
  type ForeignKeyDefinition,
  type NewForeignKey,
  withChangedForeignKey,
  withForeignKey,
  withReferencing,
} from './definition.ts'
import { ForeignKey, foreignKeysTo } from './foreign-key.ts'
import { eachRow } from './index-build.ts'
import { ancestorsOf, childTables, familyOf, isDetaching } from './partitions/partitioning.ts'
import { lostReference, unmetReference } from './reference-rules.ts'
import { current, redefine } from './schema.ts'
import { Table } from './table.ts'

export function* addForeignKey(
  transaction: Transaction,
  table: Table,
  foreignKey: NewForeignKey,
): StatementSteps<Table> {
  const now = yield* inPlace(transaction, () => {
    const changed = redefine(transaction, table, withForeignKey(table.definition, foreignKey))
    noteInFamily(transaction, foreignKey.references, changed.id)
    return current(transaction, changed.collection)
  })
  if (foreignKey.notValid !== true) yield* refuseUnmet(transaction, now, foreignKey.name)
  return now
}

function noteInFamily(transaction: Transaction, root: number, referencing: number): void {
  for (const { id } of referencedFamily(transaction, root)) noteReferencing(transaction, id, referencing, true)
}

/** The table, and where it is partitioned those below it; none where it is gone. */
function referencedFamily({ catalog }: Transaction, root: number): readonly Table[] {
  const collection = catalog.collectionById(root)
  if (collection === undefined) return []
  const table = Table.of(collection)
  return table.definition.partitioning === undefined ? [table] : familyOf(catalog, table)
}

/** Tables have come below a partitioned one, to which others may refer. */
export function noteAncestry(transaction: Transaction, child: Table): void {
  const above = ancestorsOf(transaction.catalog, child)
  const referencing = new Set(above.flatMap(({ definition }) => definition.referencedBy ?? []))
  for (const id of referencing) noteInFamily(transaction, child.id, id)
}

/** Who refers to a table and to those below it, now that they are no partitions any more. */
export function forgetAncestry(transaction: Transaction, child: Table): void {
  for (const { id } of referencedFamily(transaction, child.id)) {
    const table = Table.of(transaction.catalog.collectionById(id)!)
    const still = new Set(foreignKeysTo(transaction.catalog, table).map(({ referencing }) => referencing.id))
    for (const one of table.definition.referencedBy ?? []) {
      if (!still.has(one)) noteReferencing(transaction, id, one, false)
    }
  }
}

/** Before a partition goes from its table. Errors: 23503 where a row refers to one of its rows by way of a table above it. */
export function* refuseReferred(transaction: Transaction, partition: Table): StatementSteps<void> {
  const { catalog } = transaction
  const going = new Set(familyOf(catalog, partition).map(({ id }) => id))
  const isLeaving = isDetaching(catalog, partition)
  for (const { referencing, definition } of foreignKeysTo(catalog, partition)) {
    const own = referencing.foreignKeys.find(({ id }) => id === definition.id)!
    if (going.has(own.references) || referencing.definition.partitioning !== undefined) continue
    transaction.access.actForOwner(referencing.id)
    const foreignKey = ForeignKey.between(referencing, Table.of(catalog.collectionById(own.references)!), own)
    yield* eachRow(transaction, referencing, (row) => {
      const values = foreignKey.refersToNothing(row) ? undefined : foreignKey.referredTo(row)
      if (values === undefined) return
      const home = foreignKey.homeOf(transaction, values)
      // While the partition is being detached no value is at home there any more.
      if (home === undefined ? !isLeaving : !going.has(home.referenced.id)) return
      throw lostReference(transaction, foreignKey.toPart(catalog, partition)!, row)
    })
  }
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
    if (!foreignKey.isMetBy(row, transaction, transaction.newest)) throw unmetReference(foreignKey, row)
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
  const { id } = table.foreignKeys.find((one) => one.name === name)!
  const changed = redefine(transaction, table, withChangedForeignKey(table.definition, name, change))
  changeParts(transaction, changed, id, (child, own) => alterForeignKey(transaction, child, own, deferrable))
  return changed
}

/** Of a foreign key of a partitioned table, what its partitions have of it; `change` is given the table and the name there. */
function changeParts(
  transaction: Transaction,
  parent: Table,
  id: number,
  change: (child: Table, name: string) => Table,
): void {
  for (const child of childTables(transaction.catalog, parent)) {
    const own = child.foreignKeys.find((one) => one.parent === id)
    if (own === undefined) continue
    transaction.access.beginChange(child.id)
    try {
      change(child, own.name)
    } finally {
      transaction.access.endChange(child.id)
    }
  }
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
  for (const { id } of dropped) {
    changeParts(transaction, table, id, (child, own) => dropForeignKey(transaction, child, own))
  }
  const changed = redefine(
    transaction,
    table,
    withChangedForeignKey(table.definition, name, () => undefined),
  )
  for (const { references } of dropped) {
    for (const { id } of referencedFamily(transaction, references)) {
      const referenced = Table.of(transaction.catalog.collectionById(id)!)
      const refers = foreignKeysTo(transaction.catalog, referenced).some(
        ({ referencing }) => referencing.id === table.id,
      )
      if (!refers) noteReferencing(transaction, id, table.id, false)
    }
  }
  return current(transaction, changed.collection)
}
