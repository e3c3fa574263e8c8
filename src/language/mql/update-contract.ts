/** What the families of update operators share. */
import type { BsonValue } from '../../model/document/bson.ts'
import type { Variables } from './scope.ts'
import { getChild, openParent, setChild, type TreeNode } from './update-tree.ts'

/** The statement's time, so that it is the same on a restart. */
export interface UpdateClock {
  readonly timeMs: number
}

/** Changes the value at a concrete path. */
export type Change = (root: TreeNode, path: readonly string[], clock: UpdateClock) => void

export interface PathChange {
  readonly path: string
  readonly change: Change
}

export type FieldChange = (name: string, operand: BsonValue, variables: Variables) => Change

/** A change of one value: what was there (if anything) to what will be; `undefined` leaves it. */
export function changeValue(
  change: (before: TreeNode | undefined, clock: UpdateClock) => TreeNode | undefined,
): Change {
  return (root, path, clock) => {
    const name = path.at(-1)!
    const existing = openParent(root, path, false)
    const before = existing === undefined ? undefined : getChild(existing, name)
    const after = change(before, clock)
    if (after === undefined) return
    setChild(openParent(root, path, true)!, name, after)
  }
}
