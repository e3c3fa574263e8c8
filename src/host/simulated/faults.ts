import type { SeededRandom } from './random.ts'

/** What can go wrong, apart from crashes. */
export type FaultName =
  // disk
  | 'read-error' // EIO, nothing read
  | 'write-error' // EIO, nothing written
  | 'tear' // EIO, any of the write's sectors written
  | 'shorten' // EIO, a prefix of the write's sectors written
  | 'no-space' // ENOSPC for once, whatever the capacity
  | 'sync-error' // EIO, and what was to be synced is never written; also of a folder
  | 'folder-error' // EIO of open, list, rename, remove and their like
  | 'lying-sync' // success of a sync or an O_DSYNC write, without durability
  | 'flip-on-read' // one bit of what was read is wrong
  | 'flip-at-rest' // one bit of some file on the disk changes
  | 'slow-disk' // up to a thousand times slower
  // network
  | 'refuse' // a connection is refused
  | 'cut' // a connection breaks and both sides hear of it
  | 'half-open' // a connection breaks and one side never hears of it
  | 'slow-network' // up to a thousand times slower
  // the process
  | 'clock-jump' // the wall clock is set, by up to an hour, either way
  | 'stall' // the process stands still for some milliseconds

export interface Place {
  readonly process: string
  /** Of a disk fault: the file's or folder's path. Of a network fault: the connection's name. */
  readonly path: string
}

/** Strikes once, at the `after`-th opportunity (from 0) at a matching place. */
export interface ScheduledFault {
  readonly fault: FaultName
  readonly process?: string
  /** Matches where the place's path contains it. */
  readonly path?: string
  readonly after?: number
}

export type CrashKind = 'process' | 'power'

export interface ScheduledCrash {
  readonly process: string
  /** The process's disk operations are counted from 1. The crash comes while this one is under way. */
  readonly ioIndex: number
  readonly kind: CrashKind
}

/** The faults of one world, as data: how likely each is at every opportunity, and those that strike at a set moment. */
export class Faults {
  /** May be changed at any time; what is not named never happens by chance. */
  probability: Partial<Record<FaultName, number>> = {}
  /** How often each fault struck, and each kind of crash and loss happened. */
  readonly counts: Record<string, number> = {}
  readonly #random: SeededRandom
  readonly #scheduled: (ScheduledFault & { left: number })[] = []
  readonly #crashes: ScheduledCrash[] = []

  constructor(random: SeededRandom) {
    this.#random = random
  }

  once(fault: ScheduledFault): void {
    this.#scheduled.push({ ...fault, left: fault.after ?? 0 })
  }

  crashAt(process: string, ioIndex: number, kind: CrashKind = 'power'): void {
    this.#crashes.push({ process, ioIndex, kind })
  }

  /** Whether the fault strikes here and now. Each call is an opportunity. */
  strikes(fault: FaultName, place: Place): boolean {
    const probability = this.probability[fault] ?? 0
    const struck = this.#isDue(fault, place) || (probability > 0 && this.#random.chance(probability))
    if (struck) this.count(fault)
    return struck
  }

  crashOf(process: string, ioIndex: number): ScheduledCrash | undefined {
    const place = this.#crashes.findIndex((crash) => crash.process === process && crash.ioIndex === ioIndex)
    return place < 0 ? undefined : this.#crashes.splice(place, 1)[0]
  }

  count(name: string): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1
  }

  #isDue(fault: FaultName, place: Place): boolean {
    let due = -1
    for (const [index, scheduled] of this.#scheduled.entries()) {
      if (scheduled.fault !== fault) continue
      if (scheduled.process !== undefined && scheduled.process !== place.process) continue
      if (scheduled.path !== undefined && !place.path.includes(scheduled.path)) continue
      if (scheduled.left === 0 && due < 0) due = index
      else if (scheduled.left > 0) scheduled.left -= 1
    }
    if (due >= 0) this.#scheduled.splice(due, 1)
    return due >= 0
  }
}
