/**
 * The engines of a database: what their base stores have on the disk, read again, and whether data lies where the catalog
 * says. A collection that is looked for in one store and lies in another would be found by nobody: the walk over all keys
 * goes where the routes lead.
 */
import { emptySlice, sliceOf, type Slice } from '../../base/slice.ts'
import { keyspaceOf, keyspaceRange } from '../../base/tuple.ts'
import type { BaseStore } from '../../storage/base-store.ts'
import { isMiss, type OrderedStore, type Snapshot } from '../../storage/store.ts'
import type { Catalog, Collection } from '../catalog/catalog.ts'
import { memoryEngine, type Engines } from '../engines.ts'
import { PinnedPages } from '../transaction/pinned-pages.ts'
import { type DifferenceKind, nameOf } from './verification.ts'

type Report = (kind: DifferenceKind, where: string, message: string) => void

/** Above every key: none begins with FF. */
const endOfKeys: Slice = sliceOf(Uint8Array.of(0xff))

function engineWhere(engine: string): string {
  return `engine ${engine}`
}

/** Entries of the base stores that were read. `catalog` is that of the newest state. */
export async function verifyEngines(engines: Engines, catalog: Catalog, report: Report): Promise<number> {
  // Before anything is waited for: what the stores hold at the moment to which the catalog belongs.
  const placed = placesOf(engines)
  const stores = placed.map((each) => ({ ...each, snapshot: each.store.snapshot() }))
  let entries = 0
  try {
    for (const collection of collectionsOf(catalog)) checkRoute(engines, collection, placed, report)
    for (const { name, place, snapshot, base } of stores) {
      const found = await base?.verify()
      entries += found?.entries ?? 0
      for (const fault of found?.faults ?? []) report('unreadable', engineWhere(name), fault)
      // What cannot be read has no keys that one could ask about.
      if (found !== undefined && found.faults.length > 0) continue
      for (const collection of await keyspacesOf(snapshot)) {
        if (engines.store.placeOf(collection) === place) continue
        report('extra', engineWhere(name), `it holds keys of collection ${collection}, which does not lie there`)
      }
    }
  } finally {
    for (const { snapshot } of stores) snapshot.release()
  }
  return entries
}

interface Placed {
  readonly name: string
  readonly place: number
  readonly store: OrderedStore
  readonly base?: BaseStore
}

function placesOf({ store, bases }: Engines): readonly Placed[] {
  const others = bases.map((each): Placed => ({ ...each, store: store.at(each.place) }))
  return [{ name: memoryEngine, place: 0, store: store.memory }, ...others]
}

function* collectionsOf(catalog: Catalog): Generator<Collection> {
  for (const namespace of catalog.namespaces.keys()) yield* catalog.collectionsOf(namespace)
}

function checkRoute({ store }: Engines, collection: Collection, placed: readonly Placed[], report: Report): void {
  const { id, engine } = collection
  const found = placed.find(({ name }) => name === engine)
  if (found === undefined)
    report('reference', nameOf(collection), `it lies in the engine "${engine}", which is not there`)
  else if (store.placeOf(id) !== found.place) {
    report('different', nameOf(collection), `it lies in the engine "${engine}", and is looked for in another`)
  }
}

/** The numbers of the collections that the store has keys of; from one to the next without those between. */
async function keyspacesOf(snapshot: Snapshot): Promise<number[]> {
  const found: number[] = []
  const pages = new PinnedPages()
  const cursor = snapshot.scan({ start: emptySlice, end: endOfKeys })
  try {
    for (;;) {
      try {
        if (!cursor.next()) return found
      } catch (error) {
        if (!isMiss(error)) throw error
        await pages.load(snapshot, error)
        continue
      }
      pages.release()
      const keyspace = keyspaceOf(cursor.key)
      found.push(keyspace)
      cursor.seek(keyspaceRange(keyspace).end)
    }
  } finally {
    pages.release()
  }
}
