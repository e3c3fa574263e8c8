/** One hand-over of an overlay to its base, and the batch that it is made of. `overlay.ts` teaches how it goes. */
import { assert } from '../../base/errors.ts'
import { emptySlice, MutableSlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import type { MutationBatch, MutationCursor } from '../base-store.ts'
import type { Cursor, Sequence, Snapshot } from '../store.ts'
import { generationOf, isDeletion, valueOf } from './entry.ts'
import type { HiddenRanges } from './hidden-ranges.ts'
import { rangeOfText } from './range-set.ts'
import { unite } from './view.ts'

/** Every key of the tree. */
export const everything: KeyRange = { start: emptySlice, end: sliceOf(new Uint8Array(0x1_0000).fill(0xff)) }

/** Whether the base has what was written in that generation. */
export type IsHandedOver = (generation: number) => boolean

/** What a snapshot of the tree, and ranges, change in the base. */
export class OverlayBatch implements MutationBatch {
  readonly through: Sequence
  readonly ranges: readonly KeyRange[]
  readonly isEmpty: boolean
  readonly #tree: Snapshot
  readonly #isHandedOver: IsHandedOver

  constructor(through: Sequence, tree: Snapshot, hidden: HiddenRanges, isHandedOver: IsHandedOver) {
    this.through = through
    this.ranges = [...unite(hidden.sets)].map(rangeOfText)
    this.#tree = tree
    this.#isHandedOver = isHandedOver
    this.isEmpty = this.ranges.length === 0 && !this.entries().next()
  }

  entries(): MutationCursor {
    return new BatchCursor(this.#tree.scan(everything), this.#isHandedOver)
  }
}

class BatchCursor implements MutationCursor {
  value: Slice | undefined
  readonly #cursor: Cursor
  readonly #isHandedOver: IsHandedOver
  readonly #value = new MutableSlice()

  constructor(cursor: Cursor, isHandedOver: IsHandedOver) {
    this.#cursor = cursor
    this.#isHandedOver = isHandedOver
  }

  get key(): Slice {
    return this.#cursor.key
  }

  next(): boolean {
    const cursor = this.#cursor
    while (cursor.next()) {
      if (this.#isHandedOver(generationOf(cursor.value))) continue
      this.value = isDeletion(cursor.value) ? undefined : valueOf(cursor.value, this.#value)
      return true
    }
    return false
  }
}

/** `undone`: the store went back to before it, or was stopped. */
type Stage = 'waiting' | 'applying' | 'ended' | 'undone'

export class HandOver {
  readonly through: Sequence
  /** What was written up to this one is in it. */
  readonly generation: number
  readonly batch: MutationBatch
  readonly tree: Snapshot
  stage: Stage = 'waiting'
  /** Resolves when nothing of it can be taken back any more, or when it was undone. */
  readonly settled: Promise<void>
  #settle: () => void = () => undefined

  constructor(through: Sequence, generation: number, batch: MutationBatch, tree: Snapshot) {
    this.through = through
    this.generation = generation
    this.batch = batch
    this.tree = tree
    this.settled = new Promise((resolve) => (this.#settle = resolve))
  }

  begin(): void {
    if (this.stage === 'waiting') this.stage = 'applying'
    this.#settle()
  }

  undo(): void {
    assert(this.stage === 'waiting', 'what a base store has taken over is taken back')
    this.stage = 'undone'
    this.#settle()
  }
}
