/** The positional components of update paths: `$`, `$[]` and `$[identifier]`. */
import { BsonValue } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { objectOf } from './expression-contract.ts'
import type { Filter } from './filter.ts'
import { ArrayNode, getChild, openNode, setChild, toValue, type TreeNode } from './update-tree.ts'

/** By identifier; each is a filter on `{ identifier: element }`. */
export type ArrayFilters = ReadonlyMap<string, Filter>

/** Any other component is a name, also where it begins with `$`. */
export function isPositional(name: string): boolean {
  return name === '$' || (name.startsWith('$[') && name.endsWith(']'))
}

/** The concrete paths that a path stands for in this document. */
export function resolvePaths(
  root: TreeNode,
  path: readonly string[],
  matched: () => number | undefined,
  filters: ArrayFilters,
): string[][] {
  if (!path.some(isPositional)) return [[...path]]
  let resolved: string[][] = [[]]
  for (const name of path) {
    if (name === '$') {
      resolved = resolved.map((prefix) => [...prefix, String(requirePosition(matched(), path))])
    } else if (isPositional(name)) {
      const identifier = name.slice(2, -1)
      resolved = resolved.flatMap((prefix) => expand(root, prefix, path, identifier, filters))
    } else {
      resolved = resolved.map((prefix) => [...prefix, name])
    }
  }
  return resolved
}

function requirePosition(position: number | undefined, path: readonly string[]): number {
  if (position !== undefined) return position
  throw mongoError(
    mongoCode.badValue,
    `The positional operator did not find the match needed from the query. (update path '${path.join('.')}')`,
  )
}

function expand(
  root: TreeNode,
  prefix: readonly string[],
  path: readonly string[],
  identifier: string,
  filters: ArrayFilters,
): string[][] {
  const filter = identifier === '' ? undefined : filters.get(identifier)
  if (identifier !== '' && filter === undefined) {
    throw mongoError(
      mongoCode.badValue,
      `No array filter found for identifier '${identifier}' in path '${path.join('.')}'`,
    )
  }
  const array = nodeAt(root, prefix)
  if (!(array instanceof ArrayNode)) {
    const where = prefix.join('.')
    if (array === undefined) {
      throw mongoError(
        mongoCode.badValue,
        `The path '${where}' must exist in the document in order to apply array updates.`,
      )
    }
    throw mongoError(mongoCode.badValue, `Cannot apply array updates to non-array element ${where}`)
  }
  const paths: string[][] = []
  for (const [position, element] of array.items.entries()) {
    const value = element instanceof BsonValue ? element : toValue(element)
    if (filter === undefined || filter.matches(objectOf([[identifier, value]])))
      paths.push([...prefix, String(position)])
  }
  return paths
}

function nodeAt(root: TreeNode, path: readonly string[]): TreeNode | undefined {
  let node = root
  for (const name of path) {
    const child = getChild(node, name)
    if (child === undefined) return undefined
    const opened = openNode(child)
    setChild(node, name, opened)
    node = opened
  }
  return node
}
