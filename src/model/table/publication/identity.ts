/**
 * REPLICA IDENTITY: what of an old row tells others which row it is. The primary key, unless the table says otherwise: a unique
 * index, all columns, or nothing.
 */
import { indexDefinitionOf, type TableDefinition } from '../definition.ts'
import type { Column, Table } from '../table.ts'
import { primaryIndexKey } from '../table-kind.ts'

export type ReplicaIdentity = 'full' | 'nothing' | { readonly index: number }

/** `pg_class.relreplident`. */
export function identityLetter({ definition }: Table): string {
  const { replicaIdentity } = definition
  if (replicaIdentity === undefined) return 'd'
  return typeof replicaIdentity === 'object' ? 'i' : replicaIdentity[0]!
}

/** The columns; undefined where nothing identifies a row. */
export function identityOf(table: Table): readonly Column[] | undefined {
  const { replicaIdentity } = table.definition
  if (replicaIdentity === 'nothing') return undefined
  if (replicaIdentity === 'full') return table.columns.filter(({ generated }) => generated === undefined)
  if (replicaIdentity === undefined || replicaIdentity.index === primaryIndexKey) {
    return table.primaryKey?.map(({ column }) => column)
  }
  const found = table.indexes.find(({ id }) => id === replicaIdentity.index)
  return found && columnsOf(table, indexDefinitionOf(found.index).columns)
}

function columnsOf(table: Table, columns: readonly { readonly number: number }[]): Column[] {
  return columns.flatMap(({ number }) => table.columns.filter(({ definition }) => definition.number === number))
}

export function withIdentity(definition: TableDefinition, identity: ReplicaIdentity | undefined): TableDefinition {
  const { replicaIdentity: _, ...rest } = definition
  return identity === undefined ? rest : { ...rest, replicaIdentity: identity }
}
