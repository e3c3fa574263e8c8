/** A row as one value: its text, as PostgreSQL's record_out writes it. */
import { getType } from '../../../model/table/types/registry.ts'
import type { SqlValue } from '../contract.ts'

interface Typed {
  readonly type: number
}

export function recordText(row: readonly SqlValue[], columns: readonly Typed[]): string {
  const parts = columns.map(({ type }, i) => {
    const value = row[i] ?? null
    return value === null ? '' : quoted(textOf(value, type))
  })
  return `(${parts.join(',')})`
}

function textOf(value: SqlValue, type: number): string {
  if (typeof value === 'boolean') return value ? 't' : 'f'
  return getType(type).formatText(value)
}

function quoted(text: string): string {
  if (text !== '' && !/[\s"\\(),]/.test(text)) return text
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '""')}"`
}
