/**
 * How a table is divided into partitions, as it lies in definitions: of the parent how its rows are told apart
 * (`partitioning`), of a partition which of them are its own (`bound`). Values are texts, as their types write them in the
 * plain style.
 */
export type PartitionStrategy = 'list' | 'range' | 'hash'

export interface PartitioningDefinition {
  readonly strategy: PartitionStrategy
  readonly keys: readonly PartitionKeyDefinition[]
}

/** A column, or an expression over columns. */
export interface PartitionKeyDefinition {
  /** Its number. */
  readonly column?: number
  readonly expression?: string
  /** The numbers of the columns that the expression reads. */
  readonly reads?: readonly number[]
  readonly type: number
  readonly modifier?: number
  /** As they were named, for who asks. */
  readonly collation?: string
  readonly operatorClass?: string
}

/** One column of an end of a range: what it is compared with, or where nothing is below or above. */
export type RangeEdge = { readonly value: string } | 'minvalue' | 'maxvalue'

export type BoundDefinition =
  | { readonly kind: 'default' }
  | { readonly kind: 'list'; readonly values: readonly (string | null)[] }
  | { readonly kind: 'range'; readonly from: readonly RangeEdge[]; readonly to: readonly RangeEdge[] }
  | { readonly kind: 'hash'; readonly modulus: number; readonly remainder: number }

/** A call stands for itself, whatever else in parentheses. */
export function shownKeyExpression(text: string): string {
  return /^[a-z_"][\w"]*\(.*\)$/s.test(text) ? text : `(${text})`
}

/** The columns that a key reads, by number. */
export function keyColumns({ keys }: PartitioningDefinition): number[] {
  return keys.flatMap(({ column, reads }) => (column === undefined ? (reads ?? []) : [column]))
}
