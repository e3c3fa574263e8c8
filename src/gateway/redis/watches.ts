/**
 * WATCH: the session watches the key's header, and the elements of the generation that it has now (an element can change
 * without its header). What is kept here is what a range cannot say: that a key has expired meanwhile.
 *
 * A key of a numbered database that nobody has written to yet has no place that could be watched, and what is stored of a
 * key whose time is over goes away some time, which is no change. Both are put in order by `makeWatchable` before.
 */
import { sliceOf } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { Transaction } from '../../database/contract.ts'
import { Header, kind } from '../../model/keyvalue/codec.ts'
import { elementRange, writeHeaderKey, type Keyspace } from '../../model/keyvalue/keys.ts'
import { elementIndex, findHeader, findKind, removeKey } from '../../model/keyvalue/keyvalue.ts'
import type { Session } from '../../session/contract.ts'
import { DatabaseLookup, findDatabase } from './databases.ts'

interface WatchedKey {
  readonly database: number
  readonly key: Uint8Array
  readonly existed: boolean
  /** Where it lay: SWAPDB may have put another one in its place. */
  readonly space: number | undefined
}

/** They are put in one turn, so that nothing changes between two of them. */
export const maxWatches = 2000

export class Watches {
  #keys: WatchedKey[] = []

  get count(): number {
    return this.#keys.length
  }

  add(session: Session, tx: Transaction, database: number, key: Uint8Array): void {
    const collection = findDatabase(tx.catalog, database)
    if (collection === undefined) {
      // Dropped by somebody just now: with `existed`, it counts as changed.
      this.#keys.push({ database, key, existed: true, space: undefined })
      return
    }
    const start = writeHeaderKey(new KeyWriter(64), collection, sliceOf(key)).toBytes()
    const end = new Uint8Array(start.length + 1)
    end.set(start)
    const header = new Header()
    const existed = findHeader(tx, collection, sliceOf(key), header)
    session.watch({ start: sliceOf(start), end: sliceOf(end) }, !existed)
    if (existed && !header.isInline) {
      session.watch(elementRange(collection, elementIndex(header.kind), header.generation))
    }
    this.#keys.push({ database, key, existed, space: collection.id })
  }

  /** Whether EXEC must not run; asked within its statement. */
  changed(session: Session, tx: Transaction): boolean {
    if (this.#keys.length === 0) return false
    return session.watchedChanged() || this.#keys.some((watched) => hasGone(tx, watched))
  }

  clear(session: Session): void {
    if (this.#keys.length === 0) return
    this.#keys = []
    session.unwatch()
  }
}

/** Without a write to it: its time is over, or its database was exchanged. */
function hasGone(tx: Transaction, { database, key, existed, space }: WatchedKey): boolean {
  const collection = findDatabase(tx.catalog, database)
  const isElsewhere = collection !== undefined && collection.id !== space
  if (isElsewhere && (existed || findKind(tx, collection, sliceOf(key)) !== kind.none)) return true
  if (!existed) return false
  return collection === undefined || findKind(tx, collection, sliceOf(key)) === kind.none
}

export function isWatchable(tx: Transaction, database: number, key: Uint8Array): boolean {
  const collection = findDatabase(tx.catalog, database)
  return collection !== undefined && !isLeftOver(tx, collection, key, new Header())
}

/** Fills `header`; true where all that is stored of the key has expired. */
function isLeftOver(tx: Transaction, space: Keyspace, key: Uint8Array, header: Header): boolean {
  return !findHeader(tx, space, sliceOf(key), header) && header.kind !== kind.none
}

export function makeWatchable(tx: Transaction, database: number, keys: readonly Uint8Array[]): void {
  const space = new DatabaseLookup().forWriting(tx, database)
  const header = new Header()
  // What has expired is nobody's: who may only read watches it, too.
  tx.access.actForOwner(space.id)
  for (const key of keys) if (isLeftOver(tx, space, key, header)) removeKey(tx, space, sliceOf(key), header)
}
