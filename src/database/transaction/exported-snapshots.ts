/**
 * States that transactions have given a name to, so that others read the same one: PostgreSQL's exported snapshots. A name holds
 * for as long as the transaction that gave it; who has taken the state keeps it.
 */
import type { Snapshot } from '../../storage/store.ts'
import type { Sequence } from '../contract.ts'
import { shared } from './shared-snapshot.ts'

/** Goes when the last of its users has let go. */
class CountedSnapshot {
  readonly #snapshot: Snapshot
  #users = 0

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot
  }

  use(): Snapshot {
    this.#users++
    let isReleased = false
    return {
      ...shared(this.#snapshot),
      release: () => {
        if (isReleased) return
        isReleased = true
        if (--this.#users === 0) this.#snapshot.release()
      },
    }
  }
}

export interface ExportedState {
  readonly sequence: Sequence
  use(): Snapshot
}

export class ExportedSnapshots {
  readonly #byName = new Map<string, ExportedState>()
  #given = 0

  /** Takes the snapshot over: its owner goes on with `use`. */
  add(snapshot: Snapshot, sequence: Sequence): { readonly name: string; readonly state: ExportedState } {
    const counted = new CountedSnapshot(snapshot)
    const state = { sequence, use: () => counted.use() }
    return { name: this.name(state), state }
  }

  /** One more name of a state. */
  name(state: ExportedState): string {
    const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0')
    const name = `${hex(Math.floor(state.sequence / 2 ** 32))}-${hex(state.sequence % 2 ** 32)}-${++this.#given}`
    this.#byName.set(name, state)
    return name
  }

  forget(name: string): void {
    this.#byName.delete(name)
  }

  find(name: string): ExportedState | undefined {
    return this.#byName.get(name)
  }
}
