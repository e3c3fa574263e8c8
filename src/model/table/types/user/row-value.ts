/** A row as one value: its fields in their order. */
import { defineStructure, structure, StructuredValue } from '../structured.ts'
import type { SqlValue } from '../value.ts'

export class RowValue extends StructuredValue {
  readonly structure: number = structure.row
  readonly values: readonly SqlValue[]

  constructor(values: readonly SqlValue[]) {
    super()
    this.values = values
  }

  parts(): readonly SqlValue[] {
    return this.values
  }
}

defineStructure(structure.row, (parts) => new RowValue(parts))
