/** Foreign keys to a partitioned table, and from one: what of them comes to a table that becomes a partition, and goes again. */
import { type ForeignKeyDefinition, withForeignKeyParts } from '../../../../model/table/definition.ts'
import { ancestorsOf, familyOf } from '../../../../model/table/partitions/partitioning.ts'
import { forgetAncestry, noteAncestry } from '../../../../model/table/reference-schema.ts'
import { Table } from '../../../../model/table/table.ts'
import type { SqlRun } from '../../plan/run.ts'
import { namedParts } from '../foreign-keys.ts'
import { currentTable, redefineAlong } from './links.ts'

/** Who refers to a table above this one refers to its rows, too. */
export function shareReferences(run: SqlRun, child: Table): void {
  const { catalog } = run.transaction
  const added = familyOf(catalog, child)
  for (const above of ancestorsOf(catalog, child).reverse()) {
    for (const id of above.definition.referencedBy ?? []) {
      const collection = run.transaction.catalog.collectionById(id)
      const wanted = collection && Table.of(collection).foreignKeys.filter(({ references }) => references === above.id)
      for (const one of wanted ?? []) if (one.parent === undefined) addParts(run, Table.of(collection!), one, added)
    }
  }
  noteAncestry(run.transaction, currentTable(run, child))
}

function addParts(run: SqlRun, table: Table, foreignKey: ForeignKeyDefinition, below: readonly Table[]): void {
  const { id, name, columns, parts = [] } = foreignKey
  const lacking = below.filter((one) => !parts.some(({ references }) => references === one.id))
  if (lacking.length === 0) return
  const now = currentTable(run, table)
  const names = columns.map((number) => now.columnByNumber(number).name)
  redefineAlong(run, now, withForeignKeyParts(now.definition, id, namedParts(run, now, name, names, lacking)))
}

/** `child` was a partition of `parent`. */
export function unshareReferences(run: SqlRun, parent: Table, child: Table): void {
  const { catalog } = run.transaction
  const gone = new Set(familyOf(catalog, child).map(({ id }) => id))
  const referencing = new Set(
    [parent, ...ancestorsOf(catalog, parent)].flatMap((one) => one.definition.referencedBy ?? []),
  )
  for (const id of referencing) {
    const collection = run.transaction.catalog.collectionById(id)
    if (collection !== undefined) dropParts(run, Table.of(collection), gone)
  }
  forgetAncestry(run.transaction, currentTable(run, child))
  keepParts(run, currentTable(run, child))
}

/** Of foreign keys to what is above them. */
function dropParts(run: SqlRun, table: Table, gone: ReadonlySet<number>): void {
  const lose = (one: ForeignKeyDefinition): ForeignKeyDefinition =>
    one.parts === undefined || gone.has(one.references)
      ? one
      : { ...one, parts: one.parts.filter(({ references }) => !gone.has(references)) }
  const foreignKeys = table.foreignKeys.map(lose)
  redefineAlong(run, table, { ...table.definition, foreignKeys })
}

/** Its own foreign keys were parts of those of its parent, and are whole now. */
function keepParts(run: SqlRun, table: Table): void {
  for (const foreignKey of table.foreignKeys) {
    if (foreignKey.parent !== undefined || foreignKey.parts !== undefined) continue
    const referenced = run.transaction.catalog.collectionById(foreignKey.references)
    const root = referenced && Table.of(referenced)
    if (root?.definition.partitioning === undefined) continue
    addParts(run, table, foreignKey, familyOf(run.transaction.catalog, root).slice(1))
  }
}
