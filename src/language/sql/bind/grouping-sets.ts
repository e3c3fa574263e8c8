/**
 * GROUPING SETS, ROLLUP and CUBE: each entry of GROUP BY is a list of sets of keys, and the groupings of a block are all
 * combinations of one of each entry.
 */
import type { Node } from 'libpg-query'
import { failure } from '../failure.ts'
import { kindOf } from './tree.ts'

/** Places in the list of keys. */
export type KeySet = readonly number[]

/** PostgreSQL's bounds: all subsets of a CUBE, and all combinations. */
const maxCube = 12
const maxSets = 4096

export function hasGroupingSets(nodes: readonly Node[]): boolean {
  return nodes.some((node) => 'GroupingSet' in node)
}

/** What a key's node stands for; its place in the list of keys. */
export type PlaceOfKey = (node: Node) => number

/** `isDistinct`: a grouping that comes twice is one (GROUP BY DISTINCT). Small ones first. */
export function groupingSets(nodes: readonly Node[], place: PlaceOfKey, isDistinct: boolean): readonly KeySet[] {
  let sets: KeySet[] = [[]]
  for (const node of nodes) {
    const own = setsOf(node, place)
    if (sets.length * own.length > maxSets) {
      throw failure('54001', `too many grouping sets present (maximum ${maxSets})`)
    }
    sets = sets.flatMap((one) => own.map((other) => [...new Set([...one, ...other])]))
  }
  if (isDistinct) {
    const byText = new Map(sets.map((one) => [[...one].sort((a, b) => a - b).join(), one]))
    sets = [...byText.values()]
  }
  return sets.sort((a, b) => a.length - b.length)
}

function setsOf(node: Node, place: PlaceOfKey): readonly KeySet[] {
  if (!('GroupingSet' in node)) return [keysOf(node, place)]
  const { kind, content = [], location } = node.GroupingSet
  switch (kind) {
    case 'GROUPING_SET_EMPTY':
      return [[]]
    case 'GROUPING_SET_ROLLUP': {
      const parts = content.map((one) => keysOf(one, place))
      return Array.from({ length: parts.length + 1 }, (_, i) => parts.slice(0, parts.length - i).flat())
    }
    case 'GROUPING_SET_CUBE': {
      if (content.length > maxCube) throw failure('54011', `CUBE is limited to ${maxCube} elements`, { location })
      const parts = content.map((one) => keysOf(one, place))
      return Array.from({ length: 2 ** parts.length }, (_, bits) => parts.filter((_part, i) => (bits >> i) & 1).flat())
    }
    case 'GROUPING_SET_SETS':
      return content.flatMap((one) => setsOf(one, place))
    default:
      return content.map((one) => keysOf(one, place))
  }
}

/** A key, or several of them in parentheses. */
function keysOf(node: Node, place: PlaceOfKey): KeySet {
  if (isPlainRow(node)) return (node.RowExpr.args ?? []).map(place)
  return [place(node)]
}

/** `GROUP BY (a, b)` are two keys; `ROW(a, b)` is one. */
export function isPlainRow(node: Node): node is { RowExpr: Extract<Node, { RowExpr: unknown }>['RowExpr'] } {
  return kindOf(node) === 'RowExpr' && 'RowExpr' in node && node.RowExpr.row_format === 'COERCE_IMPLICIT_CAST'
}

/** The nodes of all keys, in the order of the text. */
export function keyNodes(nodes: readonly Node[]): readonly Node[] {
  return nodes.flatMap((node) => {
    if ('GroupingSet' in node) return keyNodes(node.GroupingSet.content ?? [])
    return isPlainRow(node) ? (node.RowExpr.args ?? []) : [node]
  })
}
