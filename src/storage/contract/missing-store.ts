/**
 * Any store, with pages that are not always resident: reads throw `Miss` until somebody loads what they miss.
 *
 * A key belongs to one of a few imagined pages, by a hash of its bytes. A page is resident from its `load` until a seeded
 * eviction, so that a batch which runs again after each load gets through, but sometimes misses a page twice. Whoever
 * reads without minding `Miss` fails on the first key.
 *
 * Invariants: a call that threw changed nothing, and the same call goes on after `load`.
 */
import { copySlice, sliceOf } from '../../base/slice.ts'
import type { KeyRange, Slice } from '../../base/slice.ts'
import type { Host } from '../../host/host.ts'
import type {
  Cursor,
  Draft,
  Miss,
  Mark,
  OrderedStore,
  Reader,
  ScanOptions,
  Sequence,
  Snapshot,
  StoreStatistics,
} from '../store.ts'

const pagesCount = 16
/** One load in so many evicts everything else. */
const evictionPeriod = 16

class Residency {
  readonly miss: Miss = { miss: true, page: 0 }
  misses = 0
  #resident = new Set<number>()
  #state: number

  constructor(seed: number) {
    this.#state = seed | 1
  }

  touch(key: Slice): void {
    let hash = 0
    for (let i = key.start; i < key.end; i++) hash = (Math.imul(hash, 31) + key.bytes[i]!) | 0
    const page = (hash ^ (hash >>> 16)) & (pagesCount - 1)
    if (this.#resident.has(page)) return
    this.misses++
    this.miss.page = page
    throw this.miss
  }

  async load(page: number): Promise<void> {
    await Promise.resolve()
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) | 0
    if ((this.#state >>> 8) % evictionPeriod === 0) this.#resident.clear()
    this.#resident.add(page)
  }
}

export class MissingStore implements OrderedStore {
  readonly current: Reader
  readonly #inner: OrderedStore
  readonly #residency: Residency

  constructor(inner: OrderedStore, seed: number) {
    this.#inner = inner
    this.#residency = new Residency(seed)
    this.current = new MissingReader(inner.current, this.#residency)
  }

  /** How often a read was refused so far. */
  get misses(): number {
    return this.#residency.misses
  }

  get persistedThrough(): Sequence {
    return this.#inner.persistedThrough
  }

  put(key: Slice, value: Slice): void {
    this.#inner.put(key, value)
  }

  delete(key: Slice): void {
    this.#inner.delete(key)
  }

  deleteRange(range: KeyRange): void {
    this.#inner.deleteRange(range)
  }

  publish(sequence: Sequence): void {
    this.#inner.publish(sequence)
  }

  mark(): Mark {
    return this.#inner.mark()
  }

  draft(isOwn: (key: Slice) => boolean): Draft | undefined {
    return this.#inner.draft(isOwn)
  }

  snapshot(): Snapshot {
    return new MissingSnapshot(this.#inner.snapshot(), this.#residency)
  }

  fork(): OrderedStore {
    return new MissingStore(this.#inner.fork(), this.#residency.misses)
  }

  checkpoint(host: Host, folder: string): Promise<Sequence> {
    return this.#inner.checkpoint(host, folder)
  }

  statistics(): StoreStatistics {
    return this.#inner.statistics()
  }

  reclaim(budgetUs: number): boolean {
    return this.#inner.reclaim(budgetUs)
  }

  close(): void {
    this.#inner.close()
  }
}

class MissingReader<R extends Reader> implements Reader {
  protected readonly inner: R
  protected readonly residency: Residency

  constructor(inner: R, residency: Residency) {
    this.inner = inner
    this.residency = residency
  }

  get sequence(): Sequence {
    return this.inner.sequence
  }

  get(key: Slice): Slice | undefined {
    this.residency.touch(key)
    return this.inner.get(key)
  }

  scan(range: KeyRange, options?: ScanOptions): Cursor {
    return new MissingCursor(this.inner.scan(range, options), this.residency)
  }

  count(range: KeyRange): number {
    this.residency.touch(range.start)
    this.residency.touch(range.end)
    return this.inner.count(range)
  }
}

class MissingSnapshot extends MissingReader<Snapshot> implements Snapshot {
  load(miss: Miss): Promise<void> {
    return this.residency.load(miss.page)
  }

  release(): void {
    this.inner.release()
  }
}

class MissingCursor implements Cursor {
  readonly #inner: Cursor
  readonly #residency: Residency

  constructor(inner: Cursor, residency: Residency) {
    this.#inner = inner
    this.#residency = residency
  }

  get key(): Slice {
    return this.#inner.key
  }

  get value(): Slice {
    return this.#inner.value
  }

  next(): boolean {
    if (!this.#inner.next()) return false
    try {
      this.#residency.touch(this.#inner.key)
    } catch (miss) {
      // Back before this entry, so that the same call finds it again.
      this.#inner.seek(sliceOf(copySlice(this.#inner.key)))
      throw miss
    }
    return true
  }

  seek(key: Slice): void {
    this.#inner.seek(key)
  }

  /** One at a time, through what may be missing. */
  skip(count: number): number {
    return count > 0 && this.next() ? 1 : 0
  }
}
