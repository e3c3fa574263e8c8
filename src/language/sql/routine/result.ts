/** The columns of what a function gives. */
import type { Catalog } from '../../../database/catalog/catalog.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { typeOfCollection } from '../../../model/table/type-kinds.ts'
import { findType } from '../../../model/table/types/registry.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import type { OutputColumn } from '../bind/query.ts'
import { oid } from '../types/oids.ts'
import { outputsOf, type RoutineDefinition } from './definition.ts'

export type BoundColumn = Pick<OutputColumn, 'name' | 'type' | 'modifier'>

/** Undefined of a record whose columns the call has to say. No columns: it gives nothing. */
export function columnsOfResult(definition: RoutineDefinition, catalog: Catalog): readonly BoundColumn[] | undefined {
  const { returns, name } = definition
  if (returns === undefined) return []
  const row = rowTypeOfResult(definition, catalog)
  if (row !== undefined) return columnsOfType(row)
  const outputs = outputsOf(definition)
  if (outputs.length > 0) {
    return outputs.map((one, i) => ({ name: one.name ?? `column${i + 1}`, type: one.type, modifier: -1 }))
  }
  if (returns.type === oid.record) return undefined
  if (returns.type === oid.void) return []
  return [{ name, type: returns.type, modifier: -1 }]
}

/** Where it is declared to give rows of a type that has a name. */
export function rowTypeOfResult({ returns }: RoutineDefinition, catalog: Catalog): SqlType | undefined {
  if (returns?.table !== undefined) {
    const table = catalog.collectionById(returns.table)
    return table !== undefined && isTable(table) ? typeOfCollection(table) : undefined
  }
  const type = returns && findType(returns.type)
  return type?.fields === undefined ? undefined : type
}

/** Of a row's type. */
export function columnsOfType({ fields = [] }: Pick<SqlType, 'fields'>): readonly BoundColumn[] {
  return fields.map(({ name, type, modifier }) => ({ name, type: type.oid, modifier }))
}

/** It gives rows, and not single values, whoever asks. */
export function isComposite({ returns, parameters }: RoutineDefinition): boolean {
  if (returns === undefined) return parameters.some(({ mode }) => mode !== 'in' && mode !== 'variadic')
  const isRow = findType(returns.type)?.fields !== undefined
  return isRow || returns.table !== undefined || returns.type === oid.record
}

/** Any rows whatever: only a call can say which columns they have. */
export function isBareRecord({ returns, parameters }: RoutineDefinition): boolean {
  if (returns?.type !== oid.record || returns.table !== undefined) return false
  return parameters.every(({ mode }) => mode === 'in' || mode === 'variadic')
}
