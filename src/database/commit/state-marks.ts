/** States that the store and the catalog can go back to: at the end of each batch, until a later one is synced. */
import type { Mark } from '../../storage/store.ts'
import type { Sequence } from '../contract.ts'

export interface Marked<State> {
  readonly sequence: Sequence
  readonly mark: Mark
  readonly state: State
}

export class StateMarks<State> {
  /** In order of their sequences. */
  #marks: Marked<State>[] = []

  add(marked: Marked<State>): void {
    this.#marks.push(marked)
  }

  /** The newest at or below; where there is none, the oldest. */
  find(sequence: Sequence): Marked<State> | undefined {
    return this.#marks.findLast((marked) => marked.sequence <= sequence) ?? this.#marks[0]
  }

  /** Keeps the newest synced one, the newest appended one and those in flight. */
  release(synced: Sequence, appended: Sequence): void {
    const marks = this.#marks
    let durable = 0
    while (durable + 1 < marks.length && marks[durable + 1]!.sequence <= synced) durable++
    const keepFrom = marks.findLastIndex(({ sequence }) => sequence <= appended)
    this.#marks = marks.filter(({ mark }, i) => {
      const kept = i === durable || i >= keepFrom
      if (!kept) mark.release()
      return kept
    })
  }

  /** Those behind it are no states any more; the store goes back to it, and lets go of them by that. */
  goBackBefore(sequence: Sequence): Marked<State> {
    this.#marks = this.#marks.filter((marked) => marked.sequence < sequence)
    return this.#marks.at(-1)!
  }

  releaseAll(): void {
    for (const { mark } of this.#marks) mark.release()
    this.#marks = []
  }
}
