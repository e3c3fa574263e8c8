/**
 * Hands out pages from chunks and takes them back.
 *
 * Each chunk keeps a list of its free pages, linked through their first word, and a mark up to which pages were ever
 * used. Allocation stays in one chunk while it has room. An empty chunk is given back.
 *
 * Invariants: a page is live or free, never both (its mark tells); page 0 is never handed out.
 */
import { assert, InvariantError, PolylogError } from '../../base/errors.ts'
import { chunkBytes, chunkOf, pageBytes, pageShift, pageWords } from './address-space.ts'
import type { AddressSpace, ChunkNote } from './address-space.ts'
import type { ChunkSource } from './chunk-source.ts'
import { livePageMark, markAt, pageBase, pageWordsOf } from './page-layout.ts'

const pagesPerChunk = 1 << pageShift
const chunksMax = 1 << (31 - pageShift)
/** Pages of a chunk. */
const leastReleased = 64
export const poisonWord: number = 0x5eed_dead

export class PageAllocator {
  readonly #space: AddressSpace
  readonly #source: ChunkSource
  readonly #placed: (note: ChunkNote) => void
  readonly #poison: boolean
  readonly #firstFree: number[] = []
  readonly #touched: number[] = []
  readonly #live: number[] = []
  /** Chunks with free pages, beside the current one; an entry may be out of date. */
  readonly #partial: number[] = []
  readonly #isPartial: boolean[] = []
  readonly #unusedIndexes: number[] = []
  #current = -1
  chunks = 0
  livePages = 0

  constructor(space: AddressSpace, source: ChunkSource, placed: (note: ChunkNote) => void, poison: boolean) {
    this.#space = space
    this.#source = source
    this.#placed = placed
    this.#poison = poison
  }

  allocate(): number {
    let chunk = this.#current
    if (chunk < 0 || !this.#hasRoom(chunk)) chunk = this.#nextChunk()
    this.#live[chunk]!++
    this.livePages++
    const words = this.#space.pages[chunk]!
    let page = this.#firstFree[chunk]!
    if (page === 0) {
      page = (chunk << pageShift) | this.#touched[chunk]!++
    } else {
      const base = pageBase(page)
      this.#firstFree[chunk] = words[base]!
      if (this.#poison) assert(words[base + pageWords - 1] === poisonWord, `free page ${page} was written to`)
    }
    words[pageBase(page) + markAt] = livePageMark
    return page
  }

  free(page: number): void {
    const chunk = page >>> pageShift
    const words = pageWordsOf(this.#space, page)
    const base = pageBase(page)
    if (words[base + markAt] !== livePageMark) throw new InvariantError(`page ${page} is freed twice`)
    if (this.#poison) words.fill(poisonWord, base, base + pageWords)
    words[base + markAt] = 0
    words[base] = this.#firstFree[chunk]!
    this.#firstFree[chunk] = page
    this.livePages--
    if (--this.#live[chunk]! === 0) this.#emptied(chunk)
    else if (chunk !== this.#current) this.#offer(chunk)
  }

  isLive(page: number): boolean {
    return pageWordsOf(this.#space, page)[pageBase(page) + markAt] === livePageMark
  }

  get reservedBytes(): number {
    return this.chunks * chunkBytes
  }

  get usedBytes(): number {
    return this.livePages * pageBytes
  }

  #hasRoom(chunk: number): boolean {
    return this.#firstFree[chunk] !== 0 || this.#touched[chunk]! < pagesPerChunk
  }

  #offer(chunk: number): void {
    if (this.#isPartial[chunk]) return
    this.#isPartial[chunk] = true
    this.#partial.push(chunk)
  }

  #nextChunk(): number {
    while (this.#partial.length > 0) {
      const chunk = this.#partial.pop()!
      this.#isPartial[chunk] = false
      if (this.#hasRoom(chunk)) return (this.#current = chunk)
    }
    return (this.#current = this.#addChunk())
  }

  #addChunk(): number {
    const chunk = this.#unusedIndexes.pop() ?? this.#live.length
    if (chunk >= chunksMax) throw new PolylogError('out_of_memory', 'the memory store has no page numbers left')
    this.#firstFree[chunk] = 0
    this.#touched[chunk] = chunk === 0 ? 1 : 0
    this.#live[chunk] = 0
    this.#isPartial[chunk] ??= false
    this.#placed({ kind: 'pages', index: chunk, ...this.#source.take() })
    this.chunks++
    return chunk
  }

  /** The current chunk is the next to be used, and stays where little of it was. */
  #emptied(chunk: number): void {
    if (chunk === this.#current) {
      if (this.#touched[chunk]! < leastReleased) return
      this.#current = -1
    }
    this.#source.release(chunkOf(this.#space.pages[chunk]!))
    this.#placed({ kind: 'pages', index: chunk, buffer: undefined, offset: 0 })
    this.#touched[chunk] = pagesPerChunk
    this.#firstFree[chunk] = 0
    this.#unusedIndexes.push(chunk)
    this.chunks--
  }
}
