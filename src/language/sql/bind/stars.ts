/** `*`, `t.*` and `r.*`, each as the values that it stands for. */
import type { Node } from 'libpg-query'
import type { Expression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import type { Binder } from './binder.ts'
import type { ColumnOrigin } from './query.ts'
import { missingTable, type Scope, type ScopeColumn } from './scope.ts'
import { stringOf } from './tree.ts'

export interface StarColumn {
  readonly name: string
  readonly expression: Expression
  readonly origin: ColumnOrigin | undefined
}

/** `path`: what stands before the star. */
export function columnsOfStar(
  binder: Binder,
  scope: Scope,
  path: readonly string[],
  location: number | undefined,
): readonly StarColumn[] {
  let columns: readonly ScopeColumn[] = scope.columns
  if (path.length > 0) {
    const found = scope.findTable(path)
    if (found === undefined) {
      const fields = binder.variables?.star?.(path)
      if (fields === undefined) throw missingTable(scope, path[path.length - 1]!, location)
      return fields.map((field) => ({ ...field, origin: undefined }))
    }
    columns = found.columns
  } else if (scope.tables.length === 0) {
    throw failure('42601', 'SELECT * with no tables specified is not valid', { location })
  }
  return columns
    .filter((column) => column.isHidden !== true)
    .map(({ name, expression, origin, source }) => {
      binder.access.reads(source)
      return { name, expression, origin }
    })
}

/** The names before a star at the end; undefined of what does not end in one. */
export function pathBeforeStar(node: Node): readonly string[] | undefined {
  const fields = ('ColumnRef' in node && node.ColumnRef.fields) || []
  const last = fields.at(-1)
  return last !== undefined && 'A_Star' in last ? fields.slice(0, -1).map(stringOf) : undefined
}
