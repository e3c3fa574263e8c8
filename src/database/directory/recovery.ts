/**
 * Start: the newest valid checkpoint, then the log after it, record by record; then the catalog from its keys. Of the log
 * each store gets what it does not have: the memory what comes after the checkpoint, each engine what comes after the state
 * that its base store holds (`engines.ts`). That state may be newer than the checkpoint, or older. A record that is done
 * again changes nothing: it says what is there afterwards.
 */
import type { KeyRange, Slice } from '../../base/slice.ts'
import { keyspaceOf, keyspaceRange, KeyWriter } from '../../base/tuple.ts'
import { endOfRecord, type CommitLog } from '../../log/commit-log.ts'
import { operationKinds, RecordReader } from '../../log/record.ts'
import type { OrderedStore } from '../../storage/store.ts'
import { catalogKeyspace, lastCollectionIdKey, numbersKey } from '../catalog/catalog-entries.ts'
import { CatalogLoader, type CatalogState } from '../catalog/catalog-state.ts'
import { checkpointGap } from './checkpoints.ts'
import type { Sequence } from '../contract.ts'
import type { Engines } from '../engines.ts'
import { decodeNumber } from '../catalog/numbers.ts'
import { throughMisses } from '../transaction/pinned-pages.ts'

export interface Recovered {
  readonly end: Sequence
  readonly clock: bigint
  readonly replayed: number
}

/** Applies what the log holds after the state of each store that `store` is made of. Errors: `data_corrupted`. */
export async function replay(log: CommitLog, store: OrderedStore, engines?: Engines): Promise<Recovered> {
  const { end, oldest } = await log.end()
  let clock = 0n
  let replayed = 0
  await engines?.followCatalog()
  const from = engines?.replayedAfter(oldest) ?? store.current.sequence
  const furthest = engines?.furthest ?? from
  if (end < furthest) throw checkpointGap(furthest, oldest, end)
  if (end > from && oldest > from + 1) throw checkpointGap(from, oldest, end)
  if (end <= from) return { end, clock: await lastClock(log), replayed }
  const target = engines === undefined ? undefined : new LackingStores(engines)
  const replayer = new Replayer(target ?? store)
  for await (const batch of log.read(from + 1, { to: end })) {
    clock = batch.clock
    for (let i = 0; i < batch.offsets.length; i++) {
      const sequence = batch.first + i
      if (sequence <= from) continue
      if (target !== undefined) target.sequence = sequence
      replayer.apply(batch.bytes, batch.offsets[i]!, endOfRecord(batch, i))
      if (batch.continues === true) continue
      if (engines === undefined) store.publish(sequence)
      else engines.publishReplayed(sequence)
      replayed++
    }
  }
  return { end, clock, replayed }
}

/** Of the last group commit, so that time does not go back over a restart; 0 where the log holds none. */
async function lastClock(log: CommitLog): Promise<bigint> {
  const { end, oldest } = await log.end()
  if (end < oldest) return 0n
  let clock = 0n
  for await (const batch of log.read(end, { to: end })) clock = batch.clock
  return clock
}

/** What operations are applied to: a store, or a draft of one. */
export type ReplayTarget = Pick<OrderedStore, 'put' | 'delete' | 'deleteRange'>

/** Applies the operations of encoded records to a store. */
export class Replayer {
  readonly #store: ReplayTarget
  readonly #reader = new RecordReader()
  readonly #key = new KeyWriter()
  readonly #end = new KeyWriter()

  constructor(store: ReplayTarget) {
    this.#store = store
  }

  apply(bytes: Uint8Array, start: number, end: number): void {
    const reader = this.#reader.open(bytes, start, end)
    while (reader.next()) this.#operation(reader)
  }

  /** For a record that is applied bit by bit. */
  open(bytes: Uint8Array, start: number, end: number): void {
    this.#reader.open(bytes, start, end)
  }

  /** Applies so many operations more; false once all are done. */
  step(count: number): boolean {
    for (let i = 0; i < count; i++) {
      if (!this.#reader.next()) return false
      this.#operation(this.#reader)
    }
    return true
  }

  #operation(reader: RecordReader): void {
    switch (reader.kind) {
      case operationKinds.put:
      case operationKinds.catalogPut:
        this.#store.put(fullKey(this.#key, reader.keyspace, reader.key), reader.value)
        break
      case operationKinds.delete:
      case operationKinds.catalogDelete:
        this.#store.delete(fullKey(this.#key, reader.keyspace, reader.key))
        break
      case operationKinds.deleteRange:
        this.#store.deleteRange({
          start: fullKey(this.#key, reader.keyspace, reader.key),
          end: fullKey(this.#end, reader.keyspace, reader.endKey),
        })
        break
      case operationKinds.delta:
      case operationKinds.notify:
        break
    }
  }
}

/** Those that do not have the record at `sequence` already. */
class LackingStores implements ReplayTarget {
  sequence: Sequence = 0
  readonly #engines: Engines

  constructor(engines: Engines) {
    this.#engines = engines
  }

  put(key: Slice, value: Slice): void {
    const keyspace = keyspaceOf(key)
    if (keyspace === catalogKeyspace) this.#engines.follow(key, value)
    for (const store of this.#engines.lacking(keyspace, this.sequence, false)) store.put(key, value)
  }

  delete(key: Slice): void {
    for (const store of this.#engines.lacking(keyspaceOf(key), this.sequence, false)) store.delete(key)
  }

  deleteRange(range: KeyRange): void {
    for (const store of this.#engines.lacking(keyspaceOf(range.start), this.sequence, true)) store.deleteRange(range)
  }
}

/** Before rows of a collection come, its engine is known. */
export class FollowingStore implements ReplayTarget {
  readonly #store: ReplayTarget
  readonly #engines: Engines

  constructor(store: ReplayTarget, engines: Engines) {
    this.#store = store
    this.#engines = engines
  }

  put(key: Slice, value: Slice): void {
    if (keyspaceOf(key) === catalogKeyspace) this.#engines.follow(key, value)
    this.#store.put(key, value)
  }

  delete(key: Slice): void {
    this.#store.delete(key)
  }

  deleteRange(range: KeyRange): void {
    this.#store.deleteRange(range)
  }
}

/** The store's key from the log's, which stands without its keyspace number. */
export function fullKey(writer: KeyWriter, keyspace: number, key: Slice): KeyWriter {
  writer.reset().orderedVarint(keyspace).slice(key)
  return writer
}

export interface LoadedCatalog {
  readonly catalog: CatalogState
  /** The largest number ever given to a collection. */
  readonly lastCollectionId: number
  readonly lastVersion: number
  /** Numbers below it may have been given out. */
  readonly numbers: number
}

/** Of the state that a store has, where it is known already. */
export interface CatalogOfStore {
  readonly catalog: CatalogState
  readonly lastCollectionId: number
}

/** Nothing is given out by whoever has it. */
export function sharedCatalog({ catalog, lastCollectionId }: CatalogOfStore): LoadedCatalog {
  return { catalog, lastCollectionId, lastVersion: 0, numbers: 1 }
}

export async function loadCatalog(store: OrderedStore, firstId: number): Promise<LoadedCatalog> {
  const catalog = await loadEntries(store)
  const lastId = await throughMisses(store, () => numberAt(store, lastCollectionIdKey()))
  const numbers = await throughMisses(store, () => numberAt(store, numbersKey()))
  let lastVersion = firstId
  for (const name of catalog.namespaces.keys()) {
    for (const collection of catalog.collectionsOf(name)) lastVersion = Math.max(lastVersion, collection.version)
  }
  return { catalog, lastCollectionId: lastId ?? firstId - 1, lastVersion, numbers: numbers ?? 1 }
}

/** Entry by entry, each page of them once. */
async function loadEntries(store: OrderedStore): Promise<CatalogState> {
  const loader = new CatalogLoader()
  const snapshot = store.snapshot()
  const cursor = snapshot.scan(keyspaceRange(catalogKeyspace))
  const takeAll = (): void => {
    while (cursor.next()) loader.take(cursor.key, cursor.value)
  }
  await throughMisses(store, takeAll).finally(() => snapshot.release())
  return loader.finish()
}

function numberAt(store: OrderedStore, key: Slice): number | undefined {
  const found = store.current.get(key)
  return found === undefined ? undefined : decodeNumber(found)
}
