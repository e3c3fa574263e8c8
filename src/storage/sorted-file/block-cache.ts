/**
 * The blocks that are resident: up to so many bytes of them, the least recently used one goes first; pinned ones stay, also
 * beyond that.
 *
 * Pages are numbered over all files that a store and its forks ever had, so a number means one block for ever.
 *
 * Invariants: a pinned block stays; blocks go only when others come, so what was read in one turn is there until its end; two
 * who miss the same block wait for one read.
 */
import { PolylogError } from '../../base/errors.ts'
import { DiskError } from '../../host/host.ts'
import { pinPage } from '../page-pin.ts'
import type { Miss, PagePin } from '../store.ts'
import type { SortedFile } from './file.ts'
import type { Block } from './format.ts'

interface Page {
  readonly number: number
  readonly block: Block
  pins: number
}

/** Blocks that are read together with one that a scan has missed. */
const ahead = 3

export class BlockCache {
  readonly miss: Miss = { miss: true, page: 0 }
  /** Reads that were refused, and blocks that were brought in, those that were only guessed included. */
  misses = 0
  loads = 0
  readonly #capacityBytes: number
  readonly #resident = new Map<number, Page>()
  readonly #loading = new Map<number, Promise<void>>()
  #bytes = 0
  /** Where the read that missed last was going: 1, −1, or nowhere. */
  #direction = 0
  #nextPage = 0

  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes
  }

  /** Numbers for the blocks of one more file. */
  number(blocks: number): number {
    const first = this.#nextPage
    this.#nextPage += blocks
    return first
  }

  get bytes(): number {
    return this.#bytes
  }

  get blocks(): number {
    return this.#resident.size
  }

  /** Throws `miss` where it is not resident. */
  get(file: SortedFile, block: number, direction: number): Block {
    const number = file.firstPage + block
    const page = this.#resident.get(number)
    if (page === undefined) {
      this.misses++
      this.miss.page = number
      this.#direction = direction
      throw this.miss
    }
    this.#resident.delete(number)
    this.#resident.set(number, page)
    return page.block
  }

  /** Of the file that has the page. Errors: `io_error`, an answer to whoever waits for it; `data_corrupted`. */
  async load(file: SortedFile, number: number): Promise<PagePin> {
    const direction = this.#direction
    this.#direction = 0
    let page = this.#resident.get(number)
    while (page === undefined) {
      await (this.#loading.get(number) ?? this.#read(file, number - file.firstPage, direction))
      page = this.#resident.get(number)
    }
    const pin = pinPage(page)
    this.#evict()
    return pin
  }

  async #read(file: SortedFile, block: number, direction: number): Promise<void> {
    const first = direction < 0 ? Math.max(0, block - ahead) : block
    const end = direction > 0 ? Math.min(file.index.blocks, block + 1 + ahead) : block + 1
    file.use()
    const reading = file.readBlocks(first, end - first).then((blocks) => {
      for (const [i, each] of blocks.entries()) this.#bring(file.firstPage + first + i, each)
    }, asAnswer)
    const number = file.firstPage + block
    this.#loading.set(number, reading)
    try {
      await reading
    } finally {
      this.#loading.delete(number)
      file.release()
    }
  }

  #bring(number: number, block: Block): void {
    if (this.#resident.has(number)) return
    this.loads++
    this.#bytes += block.sizeBytes
    this.#resident.set(number, { number, block, pins: 0 })
  }

  #evict(): void {
    for (const { number, block, pins } of this.#resident.values()) {
      if (this.#bytes <= this.#capacityBytes) return
      if (pins > 0) continue
      this.#resident.delete(number)
      this.#bytes -= block.sizeBytes
    }
  }

  /** The file is gone: nobody reads it any more. */
  forget(file: SortedFile): void {
    for (let block = 0; block < file.index.blocks; block++) {
      const page = this.#resident.get(file.firstPage + block)
      if (page === undefined || page.pins > 0) continue
      this.#resident.delete(page.number)
      this.#bytes -= page.block.sizeBytes
    }
  }
}

function asAnswer(error: unknown): never {
  if (error instanceof DiskError) throw new PolylogError('io_error', error.message, { cause: error })
  throw error
}
