/**
 * What keeps data on the disk below an overlay (`overlay/overlay.ts`): ordered keys and values that change by whole batches
 * only, in the background, and are read by snapshots whose pages may have to be brought in first.
 *
 * A batch is durable when `apply` resolves, all of it or, after a crash, nothing. So what a base store holds is always the
 * state of one sequence, `persistedThrough`, and never one that a log could still lose: the overlay sees to that.
 *
 * Errors of the disk are `DiskError`; bytes that are not what was written are `data_corrupted`, with the place.
 */
import type { KeyRange, Slice } from '../base/slice.ts'
import type { Disk } from '../host/host.ts'
import type { Miss, Sequence, Snapshot, StoreStatistics } from './store.ts'

export interface BaseStore {
  /** What reads of its snapshots throw where a page is not resident. */
  readonly miss: Miss
  /** The log up to here is not needed by this store. */
  readonly persistedThrough: Sequence
  /**
   * Brings the store from its state to that of `batch.through`, one at a time. A batch that it has taken already, or an
   * older one, changes nothing. One without mutations only says that nothing was changed up to there, and is cheap. A
   * batch that failed is not there, and may be given again.
   *
   * A store that follows (`Followed`) takes nothing of the batch: it waits until who writes its folder has brought it to
   * that state or a later one, and until that state is shown.
   */
  apply(batch: MutationBatch): Promise<void>
  /** Pins what is there now, in constant time. Of an empty store nothing is ever missing. */
  snapshot(): Snapshot
  /** Shares everything until one side takes a batch. The fork is gone with its process. Of one that follows: `unsupported`. */
  fork(): BaseStore
  /**
   * Of a store that follows: the one who wrote its folder is no more. Calling what it answers cannot fail, and batches are
   * written here from then on; until then it follows as before. Errors: as those of opening it.
   */
  lead(): Promise<() => void>
  /**
   * Writes what the store would hold after the batch into a folder that exists and is empty, and syncs it. It may be opened
   * as a store of that kind. The store's state is the one at the moment of the call.
   */
  checkpoint(disk: Disk, folder: string, batch: MutationBatch): Promise<void>
  /**
   * Reads all that the disk has of the state at the call again, whatever is resident, while batches go on: checksums, the
   * order of keys, what is counted. It rejects with nothing: errors of the disk are faults too.
   */
  verify(): Promise<BaseReport>
  statistics(): StoreStatistics
  /** Waits for the batch that is being applied. */
  close(): Promise<void>
}

/** Of a store whose folder another process writes: what that process hands over there is read, and nothing is written. */
export interface Followed {
  /** The newest state that is shown: nothing later must be read. */
  readonly sequence: Sequence
  /** Resolves when it is time to look again. Rejects when nobody waits any more. */
  next(): Promise<void>
}

export interface BaseReport {
  /** That were read. */
  readonly entries: number
  /** What is wrong, with the file and the place in it. */
  readonly faults: readonly string[]
}

/** What changes a state into that of `through`. It holds until `apply` or `checkpoint` has resolved. */
export interface MutationBatch {
  readonly through: Sequence
  readonly isEmpty: boolean
  /** Ascending and disjoint: their keys go before anything is put. */
  readonly ranges: readonly KeyRange[]
  /** From the beginning, each time. */
  entries(): MutationCursor
}

/** Keys ascend. What it shows holds until the next step. */
export interface MutationCursor {
  next(): boolean
  readonly key: Slice
  /** Undefined: the key goes. */
  readonly value: Slice | undefined
}
