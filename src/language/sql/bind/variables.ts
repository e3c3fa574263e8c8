/** Names that mean variables of a function around the statement that is bound. */
import type { Node } from 'libpg-query'
import type { Expression } from '../expression/expression.ts'

/** `r.*` among expressions: each field of the record. */
export function withoutStars(variables: Variables | undefined, nodes: readonly Node[]): readonly Node[] {
  if (variables?.star === undefined || !nodes.some(isStar)) return nodes
  return nodes.flatMap((node) => {
    if (!('ColumnRef' in node) || !isStar(node)) return [node]
    const path = (node.ColumnRef.fields ?? []).slice(0, -1)
    const fields = variables.star!(path.flatMap((one) => ('String' in one ? (one.String.sval ?? '') : [])))
    if (fields === undefined) return [node]
    return fields.map(({ name }): Node => ({ ColumnRef: { fields: [...path, { String: { sval: name } }] } }))
  })
}

function isStar(node: Node): boolean {
  const last = 'ColumnRef' in node ? node.ColumnRef.fields?.at(-1) : undefined
  return last !== undefined && 'A_Star' in last
}

export interface Variables {
  /** Types of parameters that are known by their numbers, 0 where one is not. */
  readonly types: readonly number[]
  /** Undefined where there is no such variable. Errors: those of a variable without such a field. */
  find(path: readonly string[], location: number | undefined): Expression | undefined
  /** `$n`; undefined where the function has no such parameter. */
  parameter(number: number, location: number | undefined): Expression | undefined
  /** `r.*` of a record; undefined where it is none. */
  star?(path: readonly string[]): readonly { readonly name: string; readonly expression: Expression }[] | undefined
  /** A name that means both: the column, the variable, or an error. */
  readonly conflict: 'column' | 'variable' | 'error'
}
