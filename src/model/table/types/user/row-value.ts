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

/** One of type `record`, which does not say what the fields are: the value does, by a plan's number of a row's type. */
export class RecordRow extends RowValue {
  override readonly structure: number = structure.record
  readonly type: number

  constructor(values: readonly SqlValue[], type: number) {
    super(values)
    this.type = type
  }

  override parts(): readonly SqlValue[] {
    return [this.type, ...this.values]
  }
}

defineStructure(structure.record, ([type, ...values]) => new RecordRow(values, type as number))
