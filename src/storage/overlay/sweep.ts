/** Takes out of the tree what the base has taken over: one walk over all entries, some at a time. */
import { copySlice, sliceOf, type Slice } from '../../base/slice.ts'
import type { OrderedStore } from '../store.ts'
import { generationOf } from './entry.ts'
import { everything, type IsHandedOver } from './hand-over.ts'

/** Entries that one step looks at: some 200 µs, where all of them go. */
const stepEntries = 256

export class Sweep {
  readonly #tree: OrderedStore
  readonly #isHandedOver: IsHandedOver
  #from: Slice = everything.start

  constructor(tree: OrderedStore, isHandedOver: IsHandedOver) {
    this.#tree = tree
    this.#isHandedOver = isHandedOver
  }

  /** The caller publishes what was deleted. */
  step(): { readonly deleted: number; readonly isDone: boolean } {
    const cursor = this.#tree.current.scan({ start: this.#from, end: everything.end })
    const deleted: Slice[] = []
    let looked = 0
    while (looked < stepEntries && cursor.next()) {
      looked++
      this.#from = cursor.key
      if (this.#isHandedOver(generationOf(cursor.value))) deleted.push(sliceOf(copySlice(cursor.key)))
    }
    // The same key is looked at again, unless it goes.
    this.#from = sliceOf(copySlice(this.#from))
    for (const key of deleted) this.#tree.delete(key)
    return { deleted: deleted.length, isDone: looked < stepEntries }
  }
}
