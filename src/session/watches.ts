/** What a session watches: whether any of it has been changed since it said so. */
import type { MemoryAccount } from '../base/memory-account.ts'
import { sliceToLatin1, type KeyRange } from '../base/slice.ts'
import type { Sequence } from '../database/contract.ts'
import type { Database } from '../database/database.ts'

interface Watch {
  readonly start: string
  readonly end: string
  readonly since: Sequence
  readonly wasEmpty: boolean
  /** Where the state has gone back since, nobody knows what the range was. */
  readonly returns: number
  readonly database: Database
}

/** Of a range that is watched, beside its keys. */
const watchBytes = 512

export class Watches {
  readonly #owner: MemoryAccount
  #watches: Watch[] = []
  #memory: MemoryAccount | undefined

  /** `owner`: what is watched is charged there. */
  constructor(owner: MemoryAccount) {
    this.#owner = owner
  }

  /** From the newest state on. `isEmpty`: nothing is in it now. */
  add(range: KeyRange, database: Database, isEmpty: boolean): void {
    const bytes = watchBytes + 2 * (range.start.end - range.start.start + range.end.end - range.end.start)
    this.#memory ??= this.#owner.child('the keys that are watched', { quantumBytes: 4096 })
    this.#memory.charge(bytes)
    const since = database.newestSequence
    database.conflicts.open(since)
    const { returns } = database
    const [start, end] = [sliceToLatin1(range.start), sliceToLatin1(range.end)]
    this.#watches.push({ start, end, since, wasEmpty: isEmpty, returns, database })
  }

  changed({ conflicts, returns }: Database): boolean {
    return this.#watches.some((watch) => {
      return watch.returns !== returns || conflicts.changed(watch.start, watch.end, watch.since, watch.wasEmpty)
    })
  }

  clear(): void {
    for (const { since, database } of this.#watches) database.conflicts.close(since)
    this.#watches = []
    this.#memory?.force(0)
  }
}
