/**
 * Any store, with pages that are not always resident: reads throw `Miss` until somebody loads what they miss.
 *
 * Its keys lie on imagined pages, as in a tree: a page begins with each key whose hash says so, one in 64 if not told otherwise, and holds the
 * keys up to the next one. So a scan meets page after page, and neighbours share theirs. A pool (`page-pool.ts`) holds few
 * of them. A scan that has come to its second page loads the next ones ahead. Whoever reads without minding `Miss` fails on
 * the first key.
 *
 * Invariants: a call that threw changed nothing, and the same call goes on after `load`; a read of nothing misses the page
 * on which the key would lie.
 */
import { copySlice, emptySlice, sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import type { KeyRange, Slice } from '../../base/slice.ts'
import type { Host } from '../../host/host.ts'
import type {
  Cursor,
  Draft,
  Miss,
  Mark,
  OrderedStore,
  PagePin,
  Reader,
  ScanOptions,
  Sequence,
  Snapshot,
  StoreStatistics,
} from '../store.ts'
import { type PageOptions, PagePool } from './page-pool.ts'

const pagesAhead = 3

const everything: KeyRange = { start: emptySlice, end: sliceOf(new Uint8Array(400).fill(0xff)) }

/** The name of the page that holds `key`, or would. */
function pageOf(reader: Reader, key: Slice, pool: PagePool): string {
  const cursor = reader.scan(everything, { reverse: true })
  cursor.seek(key)
  while (cursor.next()) if (pool.beginsPage(cursor.key)) return sliceToLatin1(cursor.key)
  return ''
}

export class MissingStore implements OrderedStore {
  readonly current: Reader
  readonly pool: PagePool
  readonly #inner: OrderedStore

  constructor(inner: OrderedStore, poolPages: number, options?: Partial<PageOptions>) {
    this.#inner = inner
    this.pool = new PagePool(poolPages, options)
    this.current = new MissingReader(inner.current, this.pool)
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
    return new MissingSnapshot(this.#inner.snapshot(), this.pool)
  }

  fork(): OrderedStore {
    return new MissingStore(this.forkInner(), this.pool.capacity, this.pool.options)
  }

  /** Of what nothing is missing. */
  forkInner(): OrderedStore {
    return this.#inner.fork()
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
  protected readonly pool: PagePool

  constructor(inner: R, pool: PagePool) {
    this.inner = inner
    this.pool = pool
  }

  get sequence(): Sequence {
    return this.inner.sequence
  }

  get(key: Slice): Slice | undefined {
    this.pool.touch(pageOf(this.inner, key, this.pool))
    return this.inner.get(key)
  }

  scan(range: KeyRange, options?: ScanOptions): Cursor {
    return new MissingCursor(this.inner, this.pool, range, options)
  }

  count(range: KeyRange): number | undefined {
    this.pool.touch(pageOf(this.inner, range.start, this.pool))
    this.pool.touch(pageOf(this.inner, range.end, this.pool))
    return this.inner.count(range)
  }

  estimate(range: KeyRange): number {
    this.pool.touch(pageOf(this.inner, range.start, this.pool))
    this.pool.touch(pageOf(this.inner, range.end, this.pool))
    return this.inner.estimate(range)
  }
}

class MissingSnapshot extends MissingReader<Snapshot> implements Snapshot {
  load(miss: Miss): Promise<PagePin> {
    return this.pool.load(miss.page, this.inner)
  }

  release(): void {
    this.inner.release()
  }
}

class MissingCursor implements Cursor {
  /** Copies: the inner cursor has moved on where the next entry is missing. */
  key: Slice = emptySlice
  value: Slice = emptySlice
  readonly #reader: Reader
  readonly #pool: PagePool
  readonly #range: KeyRange
  readonly #reverse: boolean
  readonly #inner: Cursor
  /** Of the entry at hand; undefined where it has to be looked up. */
  #page: string | undefined
  /** That this cursor has come through: a scan is one that goes on to a second one. */
  #pages = 0
  #from: Slice | undefined

  constructor(reader: Reader, pool: PagePool, range: KeyRange, options: ScanOptions | undefined) {
    this.#reader = reader
    this.#pool = pool
    this.#range = { start: sliceOf(copySlice(range.start)), end: sliceOf(copySlice(range.end)) }
    this.#reverse = options?.reverse === true
    this.#inner = reader.scan(range, options)
  }

  next(): boolean {
    const before = this.#page
    if (!this.#inner.next()) {
      if (before === undefined) this.#touchNothing()
      return false
    }
    const page = this.#pageAtHand()
    try {
      this.#pool.touch(page, this.#pages === 0 ? undefined : (among) => this.#ahead(page, among))
    } catch (miss) {
      // Back before this entry, so that the same call finds it again.
      const again = sliceOf(copySlice(this.#inner.key))
      this.#inner.seek(again)
      this.#from = again
      this.#page = undefined
      throw miss
    }
    if (page !== before) this.#pages++
    this.key = sliceOf(copySlice(this.#inner.key))
    this.value = sliceOf(copySlice(this.#inner.value))
    // Below the first key of a page, in reverse, lies another one.
    this.#page = this.#reverse && this.#pool.beginsPage(this.#inner.key) ? undefined : page
    return true
  }

  #pageAtHand(): string {
    const { key } = this.#inner
    if (this.#pool.beginsPage(key)) return sliceToLatin1(key)
    return this.#page ?? pageOf(this.#reader, key, this.#pool)
  }

  #touchNothing(): void {
    const nearest = this.#from ?? (this.#reverse ? this.#range.end : this.#range.start)
    this.#pool.touch(pageOf(this.#reader, nearest, this.#pool))
  }

  /** The pages that a scan meets after `page`. */
  #ahead(page: string, reader: Reader): string[] {
    const found: string[] = []
    const cursor = reader.scan(this.#range, { reverse: this.#reverse })
    cursor.seek(sliceOf(Buffer.from(page, 'latin1')))
    let isNew = false
    while (found.length < pagesAhead && cursor.next()) {
      const begins = this.#pool.beginsPage(cursor.key)
      const name = begins ? sliceToLatin1(cursor.key) : undefined
      if (name === page) isNew = this.#reverse
      else if (this.#reverse ? isNew : begins) {
        found.push(name ?? pageOf(reader, cursor.key, this.#pool))
        isNew = begins
      }
    }
    return found
  }

  seek(key: Slice): void {
    this.#inner.seek(key)
    this.#from = sliceOf(copySlice(key))
    this.#page = undefined
  }

  /** One at a time, through what may be missing. */
  skip(count: number): number {
    return count > 0 && this.next() ? 1 : 0
  }
}
