/** The columns of what a function gives. */
import type { Catalog } from '../../../database/catalog/catalog.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { Table } from '../../../model/table/table.ts'
import type { OutputColumn } from '../bind/query.ts'
import { oid } from '../types/oids.ts'
import { outputsOf, type RoutineDefinition } from './definition.ts'

export type BoundColumn = Pick<OutputColumn, 'name' | 'type' | 'modifier'>

/** Undefined of a record whose columns the call has to say. No columns: it gives nothing. */
export function columnsOfResult(definition: RoutineDefinition, catalog: Catalog): readonly BoundColumn[] | undefined {
  const { returns, name } = definition
  if (returns === undefined) return []
  const outputs = outputsOf(definition)
  if (returns.table !== undefined) return columnsOfTable(catalog, returns.table)
  if (outputs.length > 0) {
    return outputs.map((one, i) => ({ name: one.name ?? `column${i + 1}`, type: one.type, modifier: -1 }))
  }
  if (returns.type === oid.record) return undefined
  if (returns.type === oid.void) return []
  return [{ name, type: returns.type, modifier: -1 }]
}

export function columnsOfTable(catalog: Catalog, id: number): readonly BoundColumn[] {
  const collection = catalog.collectionById(id)
  if (collection === undefined || !isTable(collection)) return []
  return Table.of(collection).columns.map(({ name, type, modifier }) => ({ name, type: type.oid, modifier }))
}

/** It gives rows, and not single values, whoever asks. */
export function isComposite({ returns, parameters }: RoutineDefinition): boolean {
  if (returns === undefined) return parameters.some(({ mode }) => mode !== 'in' && mode !== 'variadic')
  return returns.table !== undefined || returns.type === oid.record
}
