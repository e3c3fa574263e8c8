/** The columns of a table that is being defined, as its expressions see them. */
import { Scope } from '../bind/scope.ts'
import type { TargetColumn } from './assignment.ts'

/** A `column` expression's index is the place in `columns`. */
export function scopeOfColumns(table: string, columns: readonly TargetColumn[]): Scope {
  const scope = new Scope()
  const visible = columns.map(({ name, type, modifier }, index) => {
    return { name, expression: { kind: 'column', index, type, modifier, name } as const, origin: undefined }
  })
  scope.columns = visible
  scope.tables.push({ alias: table, schema: undefined, columns: visible, first: 0 })
  return scope
}
