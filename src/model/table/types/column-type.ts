/** Which types a column can have that is kept: of a table, of a view, a field of a composite type. */
import { findType, formatType } from './registry.ts'
import { sqlError } from './type.ts'

/** @throws PolylogError 42P16 of what only functions take and give, as `record` and `void`, and of arrays of it. */
export function requireColumnType(column: string, type: number): void {
  refusePseudo(`column "${column}"`, type)
}

/** `subject`: what an error says that has this type. */
export function refusePseudo(subject: string, type: number): void {
  const found = findType(type)
  if (found === undefined || (found.element ?? found).category !== 'P') return
  throw sqlError('invalid_argument', '42P16', `${subject} has pseudo-type ${formatType(type, -1)}`)
}
