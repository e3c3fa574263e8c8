/**
 * One store made of several: the keyspaces of some collections lie in a store of their engine, everything else in memory.
 * A transaction that writes to several of them is one state of all: it is published, marked, pinned and taken back together.
 *
 * Keys begin with the number of their collection (`base/tuple.ts`), so each collection is a range of keys, and a scan that
 * goes over several ranges goes from one store to the next.
 *
 * Stores are opened when a collection first needs them. Until one does, readers are the memory's own, and nothing of this
 * is on their way.
 *
 * Invariants: a keyspace is given to a store before anything is written to it, and stays there; all stores are at the same
 * sequence. A state from before a store was opened has nothing in it.
 */
import { assert } from '../../base/errors.ts'
import { compareSlices, emptySlice, type KeyRange, type Slice } from '../../base/slice.ts'
import type { Host } from '../../host/host.ts'
import type {
  Cursor,
  Draft,
  Mark,
  Miss,
  OrderedStore,
  PagePin,
  Reader,
  ScanOptions,
  Sequence,
  Snapshot,
  StoreStatistics,
} from '../store.ts'
import { ChainedCursor, type Segment } from './chained-cursor.ts'
import { Routes } from './routes.ts'

/** A store beside the memory, and by which misses one knows that they are its own. */
export interface Part {
  readonly store: OrderedStore
  readonly miss: Miss
}

interface HeldMark {
  readonly number: number
  readonly marks: Mark[]
}

export class RoutedStore implements OrderedStore {
  /** The memory's own until a collection lies elsewhere. */
  current: Reader
  readonly memory: OrderedStore
  readonly #routes: Routes
  readonly #parts: Part[]
  readonly #marks = new Map<number, HeldMark>()
  #lastMark = 0
  #draft: RoutedDraft | undefined

  constructor(memory: OrderedStore, parts: readonly Part[] = [], routes: Routes = new Routes()) {
    this.memory = memory
    this.#parts = [...parts]
    this.#routes = routes
    this.current = this.#currentReader()
  }

  /** Opens a store for collections to come: its number. */
  add(part: Part): number {
    const place = this.#parts.push(part)
    for (const held of this.#marks.values()) held.marks.push(part.store.mark())
    if (this.#draft?.isOpen === true) this.#draft.add(part.store)
    this.current = this.#currentReader()
    return place
  }

  /** From now on, and for ever, the keys of the collection lie in that store. */
  route(keyspace: number, place: number): void {
    this.#routes.add(keyspace, place)
  }

  /** Of a collection: the store's number, 0 is the memory. */
  placeOf(keyspace: number): number {
    return this.#routes.placeOf(keyspace)
  }

  /** By its number. */
  at(place: number): OrderedStore {
    return place === 0 ? this.memory : this.#parts[place - 1]!.store
  }

  get persistedThrough(): Sequence {
    return this.memory.persistedThrough
  }

  put(key: Slice, value: Slice): void {
    if (this.#parts.length === 0) this.memory.put(key, value)
    else this.at(this.#routes.placeOfKey(key)).put(key, value)
  }

  delete(key: Slice): void {
    if (this.#parts.length === 0) this.memory.delete(key)
    else this.at(this.#routes.placeOfKey(key)).delete(key)
  }

  deleteRange(range: KeyRange): void {
    if (this.#parts.length === 0) this.memory.deleteRange(range)
    else for (const segment of this.#routes.segments(range)) this.at(segment.place).deleteRange(segment.range)
  }

  publish(sequence: Sequence): void {
    this.memory.publish(sequence)
    for (const { store } of this.#parts) store.publish(sequence)
  }

  mark(): Mark {
    const held: HeldMark = {
      number: ++this.#lastMark,
      marks: [this.memory.mark(), ...this.#parts.map(({ store }) => store.mark())],
    }
    this.#marks.set(held.number, held)
    return {
      sequence: held.marks[0]!.sequence,
      rollback: () => {
        for (const mark of held.marks) mark.rollback()
        for (const number of this.#marks.keys()) if (number > held.number) this.#marks.delete(number)
      },
      release: () => {
        this.#marks.delete(held.number)
        for (const mark of held.marks) mark.release()
      },
    }
  }

  draft(isOwn: (key: Slice) => boolean): Draft | undefined {
    const drafts: Draft[] = []
    for (const store of [this.memory, ...this.#parts.map((part) => part.store)]) {
      const draft = store.draft(isOwn)
      if (draft === undefined) {
        for (const opened of drafts) opened.discard()
        return undefined
      }
      drafts.push(draft)
    }
    this.#draft = new RoutedDraft(drafts, this.#routes, isOwn)
    return this.#draft
  }

  snapshot(): Snapshot {
    if (this.#parts.length === 0) return this.memory.snapshot()
    const snapshots = [this.memory.snapshot(), ...this.#parts.map(({ store }) => store.snapshot())]
    const misses = this.#parts.map(({ miss }) => miss)
    return new RoutedSnapshot(snapshots, misses, this.#routes)
  }

  fork(): RoutedStore {
    return this.forkWith(({ store, miss }) => ({ store: store.fork(), miss }))
  }

  /** `fork`: of a part, and by which misses it is known. */
  forkWith(fork: (part: Part) => Part): RoutedStore {
    return new RoutedStore(this.memory.fork(), this.#parts.map(fork), this.#routes.copy())
  }

  /** Of what lies in memory: the other stores keep theirs. */
  checkpoint(host: Host, folder: string): Promise<Sequence> {
    return this.memory.checkpoint(host, folder)
  }

  statistics(): StoreStatistics {
    const all = this.memory.statistics()
    if (this.#parts.length === 0) return all
    const sums: Record<string, number> = { ...all }
    for (const { store } of this.#parts) {
      for (const [name, count] of Object.entries(store.statistics())) sums[name] = (sums[name] ?? 0) + count
    }
    const { pinnedSnapshots, marks = 0, drafts = 0 } = all
    return { ...(sums as unknown as StoreStatistics), pinnedSnapshots, marks, drafts }
  }

  reclaim(budgetUs: number): boolean {
    let hasMore = this.memory.reclaim(budgetUs)
    for (const { store } of this.#parts) if (store.reclaim(budgetUs)) hasMore = true
    return hasMore
  }

  close(): void {
    this.memory.close()
    for (const { store } of this.#parts) store.close()
  }

  #currentReader(): Reader {
    if (this.#parts.length === 0) return this.memory.current
    return new RoutedReader([this.memory.current, ...this.#parts.map(({ store }) => store.current)], this.#routes)
  }
}

class RoutedReader implements Reader {
  /** By the numbers of their stores; those that were opened later are not there. */
  protected readonly readers: readonly Reader[]
  readonly #routes: Routes

  constructor(readers: readonly Reader[], routes: Routes) {
    this.readers = readers
    this.#routes = routes
  }

  get sequence(): Sequence {
    return this.readers[0]!.sequence
  }

  get(key: Slice): Slice | undefined {
    return this.readers[this.#routes.placeOfKey(key)]?.get(key)
  }

  scan(range: KeyRange, options: ScanOptions = {}): Cursor {
    const place = this.#routes.onlyPlace(range)
    if (place !== undefined) return (this.readers[place] ?? nothing).scan(range, options)
    const segments = this.#routes.segments(range).map((segment): Segment => {
      return { range: segment.range, reader: this.readers[segment.place] ?? nothing }
    })
    return new ChainedCursor(segments, options)
  }

  count(range: KeyRange): number | undefined {
    if (compareSlices(range.start, range.end) >= 0) return 0
    let count = 0
    for (const segment of this.#routes.segments(range)) {
      const counted = (this.readers[segment.place] ?? nothing).count(segment.range)
      if (counted === undefined) return undefined
      count += counted
    }
    return count
  }

  estimate(range: KeyRange): number {
    const segments = compareSlices(range.start, range.end) < 0 ? this.#routes.segments(range) : []
    return segments.reduce((sum, { place, range: part }) => sum + (this.readers[place]?.estimate(part) ?? 0), 0)
  }
}

class RoutedSnapshot extends RoutedReader implements Snapshot {
  readonly #snapshots: readonly Snapshot[]
  readonly #misses: readonly Miss[]

  constructor(snapshots: readonly Snapshot[], misses: readonly Miss[], routes: Routes) {
    super(snapshots, routes)
    this.#snapshots = snapshots
    this.#misses = misses
  }

  load(miss: Miss): Promise<PagePin> {
    return this.#snapshots[this.#misses.indexOf(miss) + 1]!.load(miss)
  }

  release(): void {
    for (const snapshot of this.#snapshots) snapshot.release()
  }
}

class RoutedDraft implements Draft {
  readonly #drafts: Draft[]
  readonly #routes: Routes
  readonly #isOwn: (key: Slice) => boolean

  constructor(drafts: Draft[], routes: Routes, isOwn: (key: Slice) => boolean) {
    this.#drafts = drafts
    this.#routes = routes
    this.#isOwn = isOwn
  }

  /** Of a store that is opened meanwhile, perhaps for a collection that the draft makes. */
  add(store: OrderedStore): void {
    this.#drafts.push(store.draft(this.#isOwn)!)
  }

  get isOpen(): boolean {
    return this.#drafts.every(({ isOpen }) => isOpen)
  }

  #at(place: number): Draft {
    const draft = this.#drafts[place]
    assert(draft !== undefined, 'a draft writes to a store that was opened after it')
    return draft
  }

  put(key: Slice, value: Slice): void {
    this.#at(this.#routes.placeOfKey(key)).put(key, value)
  }

  delete(key: Slice): void {
    this.#at(this.#routes.placeOfKey(key)).delete(key)
  }

  deleteRange(range: KeyRange): void {
    for (const segment of this.#routes.segments(range)) this.#at(segment.place).deleteRange(segment.range)
  }

  adopt(): void {
    for (const draft of this.#drafts) draft.adopt()
  }

  discard(): void {
    for (const draft of this.#drafts) draft.discard()
  }
}

/** Of a store that was not there yet. */
const nothing: Reader = {
  sequence: 0,
  get: () => undefined,
  scan: () => ({ key: emptySlice, value: emptySlice, next: () => false, seek: () => undefined, skip: () => 0 }),
  count: () => 0,
  estimate: () => 0,
}
