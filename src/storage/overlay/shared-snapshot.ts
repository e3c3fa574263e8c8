/** A base's snapshot for several holders: it is released with the last of them. */
import type { Snapshot } from '../store.ts'

export class SharedSnapshot {
  readonly snapshot: Snapshot
  #holders = 1

  constructor(snapshot: Snapshot) {
    this.snapshot = snapshot
  }

  share(): this {
    this.#holders++
    return this
  }

  release(): void {
    if (--this.#holders === 0) this.snapshot.release()
  }
}
