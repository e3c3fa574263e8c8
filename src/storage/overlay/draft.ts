/** A draft of an overlay: one of its tree, and the ranges that it deletes, which hide the base once it is adopted. */
import type { KeyRange, Slice } from '../../base/slice.ts'
import type { Draft } from '../store.ts'
import { bytesPerEntry, EntryWriter } from './entry.ts'
import { textOfRange, type TextRange } from './range-set.ts'

export class OverlayDraft implements Draft {
  readonly #tree: Draft
  readonly #generation: number
  readonly #adopted: (ranges: readonly TextRange[], bytes: number) => void
  readonly #entries = new EntryWriter()
  readonly #ranges: TextRange[] = []
  #bytes = 0

  /** `adopted` is told what ranges it deletes, and how much it has written. */
  constructor(tree: Draft, generation: number, adopted: (ranges: readonly TextRange[], bytes: number) => void) {
    this.#tree = tree
    this.#generation = generation
    this.#adopted = adopted
  }

  get isOpen(): boolean {
    return this.#tree.isOpen
  }

  put(key: Slice, value: Slice): void {
    this.#bytes += bytesPerEntry + key.end - key.start + value.end - value.start
    this.#tree.put(key, this.#entries.value(this.#generation, value))
  }

  delete(key: Slice): void {
    this.#bytes += bytesPerEntry + key.end - key.start
    this.#tree.put(key, this.#entries.deletion(this.#generation))
  }

  deleteRange(range: KeyRange): void {
    this.#tree.deleteRange(range)
    this.#ranges.push(textOfRange(range))
  }

  adopt(): void {
    this.#tree.adopt()
    this.#adopted(this.#ranges, this.#bytes)
  }

  discard(): void {
    this.#tree.discard()
  }
}
