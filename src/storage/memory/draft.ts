/**
 * A draft of the memory store: a tree of its own that shares what it does not change (`divergence.ts`), and does again what
 * is done to the store meanwhile, but for the keys that are its own.
 */
import { assert } from '../../base/errors.ts'
import type { KeyRange, Slice } from '../../base/slice.ts'
import type { Draft } from '../store.ts'
import { checkLengths, deleteEntry, putEntry } from './entries.ts'
import { deleteKeyRange } from './range-delete.ts'
import type { Tree } from './tree.ts'

export class MemoryDraft implements Draft {
  isOpen = true
  readonly #tree: Tree
  readonly #isOwn: (key: Slice) => boolean
  readonly #store: { adopt(): void; discard(): void }

  constructor(tree: Tree, isOwn: (key: Slice) => boolean, store: { adopt(): void; discard(): void }) {
    this.#tree = tree
    this.#isOwn = isOwn
    this.#store = store
  }

  get root(): number {
    return this.#tree.root
  }

  put(key: Slice, value: Slice): void {
    this.#checkOpen()
    checkLengths(key.end - key.start, value.end - value.start)
    putEntry(this.#tree, key, value)
  }

  delete(key: Slice): void {
    this.#checkOpen()
    deleteEntry(this.#tree, key)
  }

  deleteRange(range: KeyRange): void {
    this.#checkOpen()
    deleteKeyRange(this.#tree, range)
  }

  adopt(): void {
    this.#checkOpen()
    this.#store.adopt()
    this.isOpen = false
  }

  discard(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#store.discard()
  }

  /** The store was told so. */
  follow(key: Slice, value: Slice | undefined): void {
    if (this.#tree.fault === 'unfollowed-draft' || this.#isOwn(key)) return
    if (value === undefined) deleteEntry(this.#tree, key)
    else putEntry(this.#tree, key, value)
  }

  followRange(range: KeyRange): void {
    deleteKeyRange(this.#tree, range)
  }

  #checkOpen(): void {
    if (!this.isOpen) assert(false, 'a draft is used that was adopted or discarded')
  }
}
