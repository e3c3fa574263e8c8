/**
 * Start: the newest valid checkpoint, then the log after it, record by record; then the catalog from its keys.
 */
import type { Slice } from '../base/slice.ts'
import { KeyWriter, keyspaceRange } from '../base/tuple.ts'
import type { CommitLog } from '../log/commit-log.ts'
import { operationKinds, RecordReader } from '../log/record.ts'
import type { OrderedStore } from '../storage/store.ts'
import { CatalogLoader, type CatalogState, catalogKeyspace, lastCollectionIdKey, numbersKey } from './catalog-state.ts'
import type { Sequence } from './contract.ts'
import { decodeNumber } from './numbers.ts'
import { throughMisses } from './pinned-pages.ts'

export interface Recovered {
  readonly end: Sequence
  readonly clock: bigint
  readonly replayed: number
}

/** Applies what the log holds after the store's state. */
export async function replay(log: CommitLog, store: OrderedStore): Promise<Recovered> {
  const { end } = await log.end()
  let clock = 0n
  let replayed = 0
  const from = store.current.sequence
  if (end <= from) return { end, clock: await lastClock(log), replayed }
  const replayer = new Replayer(store)
  for await (const batch of log.read(from + 1, { to: end })) {
    clock = batch.clock
    for (let i = 0; i < batch.offsets.length; i++) {
      const sequence = batch.first + i
      if (sequence <= from) continue
      const stop = i + 1 < batch.offsets.length ? batch.offsets[i + 1]! : batch.bytes.length
      replayer.apply(batch.bytes, batch.offsets[i]!, stop)
      store.publish(sequence)
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

/** Applies the operations of encoded records to a store. */
export class Replayer {
  readonly #store: OrderedStore
  readonly #reader = new RecordReader()
  readonly #key = new KeyWriter()
  readonly #end = new KeyWriter()

  constructor(store: OrderedStore) {
    this.#store = store
  }

  apply(bytes: Uint8Array, start: number, end: number): void {
    const reader = this.#reader.open(bytes, start, end)
    while (reader.next()) this.#operation(reader)
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
