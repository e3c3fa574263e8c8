/**
 * Which imagined pages are resident: a pool of so many, the least recently used one goes first, and pinned ones beside it.
 *
 * A page is named by its first key. What is loaded for the sake of a scan (`ahead`) counts as a load too.
 *
 * Invariants: a pinned page stays; of those that are not pinned no more stay than the pool holds, the newest load included;
 * pages go only when others come, so nothing that was read in one turn goes within it.
 */
import type { Miss, PagePin, Reader } from '../store.ts'

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
  readonly #capacity: number
  readonly #numbers = new Map<string, number>()
  readonly #names: string[] = []
  /** In the order of their last use. */
  readonly #resident = new Map<string, Page>()
  #touched = new Set<string>()
  #ahead: ((reader: Reader) => readonly string[]) | undefined

  constructor(capacity: number) {
    this.#capacity = capacity
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
    await Promise.resolve()
    for (const name of ahead) this.#bring(name)
    const page = this.#bring(this.#names[number]!)
    page.pins++
    this.#evict()
    let isHeld = true
    return {
      release: () => {
        if (isHeld) page.pins--
        isHeld = false
      },
    }
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
    for (const { name } of evictable.slice(0, Math.max(0, evictable.length - this.#capacity))) {
      this.#resident.delete(name)
    }
  }
}
