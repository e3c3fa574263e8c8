/**
 * WATCH: the session watches the key's header, and the elements of the generation that it has now (an element can change
 * without its header). What is kept here is what a range cannot say: that a key has expired meanwhile, or that its numbered
 * database came to be.
 */
import { sliceOf } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { Transaction } from '../../database/contract.ts'
import { Header, kind } from '../../model/keyvalue/codec.ts'
import { elementRange, writeHeaderKey } from '../../model/keyvalue/keys.ts'
import { elementIndex, findHeader, findKind } from '../../model/keyvalue/keyvalue.ts'
import type { Session } from '../../session/contract.ts'
import { findDatabase } from './databases.ts'

interface WatchedKey {
  readonly database: number
  readonly key: Uint8Array
  readonly existed: boolean
  readonly hadDatabase: boolean
}

const maxWatches = 10_000

export class Watches {
  #keys: WatchedKey[] = []

  get count(): number {
    return this.#keys.length
  }

  get isFull(): boolean {
    return this.#keys.length >= maxWatches
  }

  add(session: Session, tx: Transaction, database: number, key: Uint8Array): void {
    const collection = findDatabase(tx.catalog, database)
    if (collection === undefined) {
      this.#keys.push({ database, key, existed: false, hadDatabase: false })
      return
    }
    const start = writeHeaderKey(new KeyWriter(64), collection, sliceOf(key)).toBytes()
    const end = new Uint8Array(start.length + 1)
    end.set(start)
    session.watch({ start: sliceOf(start), end: sliceOf(end) })
    const header = new Header()
    const existed = findHeader(tx, collection, sliceOf(key), header)
    if (existed && header.kind !== kind.string) {
      session.watch(elementRange(collection, elementIndex(header.kind), header.generation))
    }
    this.#keys.push({ database, key, existed, hadDatabase: true })
  }

  /** Whether EXEC must not run; asked within its statement. */
  changed(session: Session, tx: Transaction): boolean {
    if (this.#keys.length === 0) return false
    return session.watchedChanged() || this.#keys.some((watched) => hasAppearedOrExpired(tx, watched))
  }

  clear(session: Session): void {
    if (this.#keys.length === 0) return
    this.#keys = []
    session.unwatch()
  }
}

function hasAppearedOrExpired(tx: Transaction, { database, key, existed, hadDatabase }: WatchedKey): boolean {
  const collection = findDatabase(tx.catalog, database)
  const exists = collection !== undefined && findKind(tx, collection, sliceOf(key)) !== kind.none
  return hadDatabase ? existed && !exists : exists
}
