/**
 * The storage contract: an ordered map from bytes to bytes that takes mutations in commit order and answers snapshots.
 * Every store runs the suite of `storage/contract/`.
 *
 * Slices that `get` and cursors return belong to the store and hold until the next call on the same snapshot or cursor.
 * `current` is the newest state and is free to read inside one turn; whoever reads across turns pins with `snapshot()`.
 *
 * There are two kinds: the memory store (`memory/`), which holds everything, and overlays (`overlay/`), which hold what was
 * written lately and hand it over to a base store on the disk (`base-store.ts`).
 */
import type { KeyRange, Slice } from '../base/slice.ts'
import type { Host } from '../host/host.ts'

export type Sequence = number

export interface OrderedStore {
  /** The log before it is not needed by this store. */
  readonly persistedThrough: Sequence
  /** The state with every mutation so far: reading it pins nothing, and it must not be kept across a turn. */
  readonly current: Reader
  /** Later mutations win. `current` shows them at once; snapshots taken before do not. */
  put(key: Slice, value: Slice): void
  /** Says nothing of whether there was such a key: a write never needs a page that is not resident. */
  delete(key: Slice): void
  /** Constant time or sliced: what becomes unreachable is freed by `reclaim`. */
  deleteRange(range: KeyRange): void
  /** What was mutated since the last call is the state at `sequence`, which must grow. Mutations come whole transactions. */
  publish(sequence: Sequence): void
  /**
   * Remembers what is there now, in constant time, so that the store can be put back to it. It cannot be read, and costs
   * later mutations less than a snapshot does.
   */
  mark(): Mark
  /**
   * Begins the next state, which nobody sees until it is adopted: for mutations too many to be made in one turn.
   * Meanwhile the store is written to, read, marked and pinned as ever, and what is put and deleted there happens in the
   * draft too, but for keys of which `isOwn` says that the draft's own mutations count: those that it has touched, also by
   * a range. (`isOwn` may say so of keys that it is yet to touch.) Nobody deletes a range from the store that holds own
   * keys: whoever has to discards the draft.
   *
   * One at a time; undefined while there is one, or while what an adopted one has replaced is still kept: until no mark
   * from before its publish is held, and `reclaim` has come to it.
   */
  draft(isOwn: (key: Slice) => boolean): Draft | undefined
  /**
   * Pins what is there now, in constant time. Like `mark`, `fork` and `checkpoint` it must not be called between a
   * mutation and its `publish`: half a transaction has no sequence. A broken rule is an `InvariantError`.
   */
  snapshot(): Snapshot
  /**
   * A store of its own that shares everything until one side writes. The fork lives on after its parent's later writes;
   * close it to let go of what it pins.
   */
  fork(): OrderedStore
  /**
   * Writes the state at the moment of the call into `folder` (which exists and is empty) while mutations go on, without
   * occupying the thread for more than a few milliseconds at a time, and syncs it. Resolves to that state's sequence.
   * Stores are opened from such a folder by their own `openX(host, folder)`, which validates every byte.
   */
  checkpoint(host: Host, folder: string): Promise<Sequence>
  statistics(): StoreStatistics
  /** Frees what nobody can see any more, for at most about `budgetUs`; true where there is more to do. A mutation for cursors. */
  reclaim(budgetUs: number): boolean
  close(): void
}

export interface Reader {
  readonly sequence: Sequence
  /** Throws the preallocated `Miss` when a page is not resident. */
  get(key: Slice): Slice | undefined
  scan(range: KeyRange, options?: ScanOptions): Cursor
  /**
   * How many keys the range holds, exactly, in logarithmic time; may throw a `Miss`. `undefined` where the store cannot tell
   * so quickly and only a walk can: the memory store always can, one over a base store cannot where many keys of the range
   * were written lately.
   */
  count(range: KeyRange): number | undefined
  /** About as many, for plans: what is written over and again may be counted twice. Logarithmic; may throw a `Miss`. */
  estimate(range: KeyRange): number
}

export interface Snapshot extends Reader {
  /**
   * Brings the page in, and whatever the store guesses will be asked for next; then the read runs again. The page stays
   * until the pin is released, however many there are, also after the snapshot's own release.
   */
  load(miss: Miss): Promise<PagePin>
  release(): void
}

export interface PagePin {
  release(): void
}

export interface Mark {
  readonly sequence: Sequence
  /**
   * The newest state is the one at the mark again, its sequence too: the next `publish` may give numbers that were given
   * since. Takes as long as the mutations did, of which a range delete counts for all the keys that it held, and an adopted
   * draft for one mutation. Snapshots and forks stay as they are; the mark stays held, later ones are released; a draft
   * that is open is discarded.
   */
  rollback(): void
  /** Forgets it; marks may go in any order. Again, or after `rollback` to an earlier one, it does nothing. */
  release(): void
}

export interface Draft {
  /** False once it was adopted or discarded, by its owner or because the store was put back to a mark. */
  readonly isOpen: boolean
  put(key: Slice, value: Slice): void
  delete(key: Slice): void
  deleteRange(range: KeyRange): void
  /**
   * In constant time, a mutation of the store like any other, to be published: its state is the draft's from now on, that is
   * what it was with all of the draft's mutations made last.
   */
  adopt(): void
  /** It never was. In constant time, and again without effect. */
  discard(): void
}

export interface ScanOptions {
  readonly reverse?: boolean
}

/**
 * Pull, one entry a call. After `false` the cursor is at its end. Only `next` and `skip` throw a `Miss`; after it the cursor
 * stands where it stood and shows what it showed, and the same call may be made again.
 * A cursor of `current` ends with the next mutation: `next()` after it is an `InvariantError` unless `seek` came first.
 */
export interface Cursor {
  next(): boolean
  readonly key: Slice
  readonly value: Slice
  /** The next `next()` gives the first entry at or after `key` (at or before it in reverse), within the range. */
  seek(key: Slice): void
  /**
   * Passes over at most `count` entries, as so many calls of `next` would, and returns how many; 0 only at the end. What
   * `key` and `value` are after it is not defined. A store that counts the keys below its pages takes logarithmic time,
   * another one may pass over fewer at a time.
   */
  skip(count: number): number
  /**
   * As so many calls of `next`, at most `count`, until one has come to an entry with that value: how many; 0 only at the end.
   * The last of them is shown. Left out where values cannot be compared without showing each entry.
   */
  nextUntil?(value: Slice, count: number): number
}

/** `cursor.nextUntil`, one entry at a time where it has none. */
export function nextUntil(cursor: Cursor, value: Slice, count: number): number {
  if (cursor.nextUntil !== undefined) return cursor.nextUntil(value, count)
  return cursor.next() ? 1 : 0
}

/** Thrown by reads when a page is not resident. One preallocated instance per store: no stack, no allocation. */
export interface Miss {
  readonly miss: true
  page: number
}

export function isMiss(error: unknown): error is Miss {
  return typeof error === 'object' && error !== null && (error as { miss?: unknown }).miss === true
}

export interface StoreStatistics {
  readonly keys: number
  readonly usedBytes: number
  readonly reservedBytes: number
  readonly pinnedSnapshots: number
  readonly pages: number
  readonly [name: string]: number
}
