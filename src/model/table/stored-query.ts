/** A query that a definition keeps: its text with all names in full, and what it reads, without which it cannot be. */
import type { Dependency } from '../../database/catalog/objects.ts'

export interface StoredQuery {
  readonly query: string
  readonly reads: readonly { readonly id: number; readonly columns: readonly number[] }[]
}

/** Of a materialized view: it has rows, which are as the query gave them when it was last asked. */
export interface MaterializedQuery extends StoredQuery {
  readonly isPopulated: boolean
}

export function readDependencies({ reads }: StoredQuery): Dependency[] {
  return reads.flatMap(({ id, columns }) => [
    { on: { id }, kind: 'normal' as const },
    ...columns.map((key) => ({ on: { id, part: { kind: 'column', key } }, kind: 'normal' as const })),
  ])
}
