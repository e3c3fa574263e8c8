/** Reading the grammar's tree: nodes are objects of one key, their kind. */
import type { Node } from 'libpg-query'
import { failure } from '../failure.ts'

export function kindOf(node: Node): string {
  for (const kind in node) return kind
  return ''
}

export function stringOf(node: Node | undefined): string {
  if (node !== undefined && 'String' in node) return node.String.sval ?? ''
  throw failure('42601', 'a name was expected')
}

export function stringsOf(nodes: readonly Node[] | undefined): string[] {
  return (nodes ?? []).map(stringOf)
}

export function itemsOf(node: Node | undefined): readonly Node[] {
  return node !== undefined && 'List' in node ? (node.List.items ?? []) : []
}

/** Of a name that may carry `pg_catalog.`: the name itself. */
export function lastName(nodes: readonly Node[] | undefined): string {
  const names = stringsOf(nodes)
  return names[names.length - 1] ?? ''
}

/** Where a node stands, if it says. */
export function locationOf(node: Node | undefined): number | undefined {
  if (node === undefined) return undefined
  const [inner] = Object.values(node) as { readonly location?: number }[]
  const location = inner?.location
  // The grammar leaves out zeros, and says -1 for what has no place.
  return location === undefined ? undefined : location < 0 ? undefined : location
}

/** The value of an option: `WITH (fillfactor = 70)`, `COPY … (format csv)`. */
export function optionText(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined
  if ('String' in node) return node.String.sval ?? ''
  if ('Integer' in node) return String(node.Integer.ival ?? 0)
  if ('Float' in node) return node.Float.fval ?? '0'
  if ('Boolean' in node) return String(node.Boolean.boolval ?? false)
  if ('TypeName' in node) return lastName(node.TypeName.names)
  if ('A_Const' in node) return constantText(node.A_Const as { [name: string]: unknown })
  return undefined
}

function constantText(value: { [name: string]: unknown }): string | undefined {
  const { ival, fval, sval, boolval } = value as {
    ival?: { ival?: number }
    fval?: { fval?: string }
    sval?: { sval?: string }
    boolval?: { boolval?: boolean }
  }
  if (ival !== undefined) return String(ival.ival ?? 0)
  if (fval !== undefined) return fval.fval ?? '0'
  if (sval !== undefined) return sval.sval ?? ''
  return boolval === undefined ? undefined : String(boolval.boolval ?? false)
}

/** About how many expressions a part of the tree is; what is counted ends behind `most`. */
export function expressionsIn(tree: unknown, most: number): number {
  let objects = 0
  const count = (one: unknown): void => {
    if (typeof one !== 'object' || one === null || objects > most * objectsOfExpression) return
    objects++
    for (const child of Object.values(one)) count(child)
  }
  count(tree)
  return Math.ceil(objects / objectsOfExpression)
}

/** A column is five: its node, its names, and what wraps them. */
const objectsOfExpression = 5
