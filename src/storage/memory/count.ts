/**
 * Positions of keys by the counts that branches keep of what lies below them: in logarithmic time, since a page has at most
 * 62 children to add up.
 */
import { InvariantError } from '../../base/errors.ts'
import { compareSlices, type KeyRange, type Slice } from '../../base/slice.ts'
import type { AddressSpace } from './address-space.ts'
import { childrenAt, depthMax, keysAt, levelAt, pageBase, pageField, pageWordsOf, sizeAt } from './page-layout.ts'
import { findChild, findInLeaf } from './search.ts'

/** Keys in the range. */
export function countKeys(space: AddressSpace, root: number, range: KeyRange): number {
  if (compareSlices(range.start, range.end) >= 0) return 0
  return countBefore(space, root, range.end) - countBefore(space, root, range.start)
}

/** Keys of the tree that are below `key`. */
export function countBefore(space: AddressSpace, root: number, key: Slice): number {
  const { bytes, start, end } = key
  let page = root
  let count = 0
  for (let depth = 0; depth < depthMax; depth++) {
    const words = pageWordsOf(space, page)
    const base = pageBase(page)
    if (words[base + levelAt] === 0) {
      const slot = findInLeaf(space, words, base, bytes, start, end)
      return count + (slot < 0 ? ~slot : slot)
    }
    const slot = findChild(space, words, base, bytes, start, end)
    count += keysBefore(space, words, base, slot)
    page = words[base + childrenAt + slot]!
  }
  throw new InvariantError(`no leaf within ${depthMax} pages`)
}

/** Keys below the children of a branch that stand before `slot`; adds up the shorter side. */
export function keysBefore(space: AddressSpace, words: Int32Array, base: number, slot: number): number {
  const size = words[base + sizeAt]!
  const children = base + childrenAt
  if (slot <= size >>> 1) return sumKeys(space, words, children, children + slot)
  return words[base + keysAt]! - sumKeys(space, words, children + slot, children + size)
}

function sumKeys(space: AddressSpace, words: Int32Array, from: number, to: number): number {
  let keys = 0
  for (let at = from; at < to; at++) keys += pageField(space, words[at]!, keysAt)
  return keys
}
