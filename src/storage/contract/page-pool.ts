/**
 * Which imagined pages are resident: a pool of so many, the least recently used one goes first, and pinned ones beside it.
 *
 * A page is named by its first key. What is loaded for the sake of a scan (`ahead`) counts as a load too.
 *
 * Invariants: a pinned page stays; of those that are not pinned no more stay than the pool holds, the newest load included;
 * pages go only when others come, so nothing that was read in one turn goes within it.
 */
import type { Slice } from '../../base/slice.ts'
import { pinPage } from '../page-pin.ts'
import type { Miss, PagePin, Reader } from '../store.ts'

export interface PageOptions {
  /** One key in so many begins a page. */
  readonly keysPerPage: number
  /** How long a page takes to come in. */
  readonly load: () => Promise<void>
}

const defaults: PageOptions = { keysPerPage: 64, load: () => Promise.resolve() }

interface Page {
  readonly name: string
  pins: number
}

export class PagePool {
  readonly miss: Miss = { miss: true, page: 0 }
  /** Reads that were refused. */
  misses = 0
  /** Pages brought in, those that were only guessed included. */
  loads = 0
  readonly capacity: number
  readonly options: PageOptions
  readonly #numbers = new Map<string, number>()
  readonly #names: string[] = []
  /** In the order of their last use. */
  readonly #resident = new Map<string, Page>()
  #touched = new Set<string>()
  #ahead: ((reader: Reader) => readonly string[]) | undefined

  #isOpen = false

  constructor(capacity: number, options?: Partial<PageOptions>) {
    this.capacity = capacity
    this.options = { ...defaults, ...options }
  }

  /** Whether a page begins with the key: its hash says so. */
  beginsPage({ bytes, start, end }: Slice): boolean {
    let hash = 0x811c9dc5
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
    return (hash ^ (hash >>> 15)) % this.options.keysPerPage === 0
  }

  /** Runs `read`, for which nothing is missing and which is not counted: for who looks on from outside. */
  lookOn<T>(read: () => T): T {
    this.#isOpen = true
    try {
      return read()
    } finally {
      this.#isOpen = false
    }
  }

  /** Different pages that were read since `forget`. */
  get touched(): number {
    return this.#touched.size
  }

  get pinned(): number {
    return [...this.#resident.values()].filter(({ pins }) => pins > 0).length
  }

  /** Begins to count anew, with nothing resident but what is pinned. */
  forget(): void {
    this.misses = 0
    this.loads = 0
    this.#touched = new Set()
    for (const { name, pins } of this.#resident.values()) if (pins === 0) this.#resident.delete(name)
  }

  /** A read of the page; `ahead` names what would be read after it. */
  touch(name: string, ahead?: (reader: Reader) => readonly string[]): void {
    if (this.#isOpen) return
    this.#touched.add(name)
    const page = this.#resident.get(name)
    if (page === undefined) {
      this.misses++
      this.miss.page = this.#numberOf(name)
      this.#ahead = ahead
      throw this.miss
    }
    this.#resident.delete(name)
    this.#resident.set(name, page)
  }

  #numberOf(name: string): number {
    let number = this.#numbers.get(name)
    if (number === undefined) {
      number = this.#names.push(name) - 1
      this.#numbers.set(name, number)
    }
    return number
  }

  async load(number: number, reader: Reader): Promise<PagePin> {
    const ahead = this.#ahead?.(reader) ?? []
    this.#ahead = undefined
    await this.options.load()
    for (const name of ahead) this.#bring(name)
    const page = this.#bring(this.#names[number]!)
    const pin = pinPage(page)
    this.#evict()
    return pin
  }

  #bring(name: string): Page {
    let page = this.#resident.get(name)
    if (page !== undefined) return page
    this.loads++
    page = { name, pins: 0 }
    this.#resident.set(name, page)
    return page
  }

  #evict(): void {
    const evictable = [...this.#resident.values()].filter(({ pins }) => pins === 0)
    for (const { name } of evictable.slice(0, Math.max(0, evictable.length - this.capacity))) {
      this.#resident.delete(name)
    }
  }
}
