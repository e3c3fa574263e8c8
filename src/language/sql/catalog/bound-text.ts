/** Bounds of partitions as SQL writes them: in messages, and as pg_get_expr shows them. */
import { above, below, type Bound, type Edge } from '../../../model/table/partitions/bounds.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import type { SqlValue } from '../contract.ts'

interface Typed {
  readonly types: readonly SqlType[]
}

/** `(1, MINVALUE)`, as messages and pg_get_expr show it. */
export function edgeText({ types }: Typed, edge: Edge): string {
  const parts = edge.map((one, i) => {
    if (one === below) return 'MINVALUE'
    return one === above ? 'MAXVALUE' : literal(types[i]!, one)
  })
  return `(${parts.join(', ')})`
}

function literal(type: SqlType, value: SqlValue): string {
  if (value === null) return 'NULL'
  const text = type.formatText(value)
  const isBare = (type.category === 'N' && /^\d+(\.\d+)?$/.test(text)) || type.name === 'bool'
  if (type.name === 'bool') return text === 't' ? 'true' : 'false'
  return isBare ? text : `'${text.replaceAll("'", "''")}'`
}

/** What pg_get_expr shows of relpartbound. */
export function boundText(partitioning: Typed, bound: Bound): string {
  switch (bound.kind) {
    case 'default':
      return 'DEFAULT'
    case 'hash':
      return `FOR VALUES WITH (modulus ${bound.modulus}, remainder ${bound.remainder})`
    case 'list':
      return `FOR VALUES IN (${bound.values.map((one) => literal(partitioning.types[0]!, one)).join(', ')})`
    default:
      return `FOR VALUES FROM ${edgeText(partitioning, bound.from)} TO ${edgeText(partitioning, bound.to)}`
  }
}
