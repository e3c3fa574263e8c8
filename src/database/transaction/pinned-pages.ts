/**
 * The pages that a batch has waited for: they stay resident until it gets through, so that every time it runs again it gets
 * further. They are admitted beyond what the store's pool holds, up to a limit: a batch that needs more fails.
 */
import { PolylogError } from '../../base/errors.ts'
import { isMiss, type Miss, type OrderedStore, type PagePin, type Snapshot } from '../../storage/store.ts'

/** Of 4 to 16 KiB each. A batch is a row, or a small statement: it comes nowhere near. */
const pagesMax = 4096

export class PinnedPages {
  #pins: PagePin[] = []
  /** Counts batches, so that a page which arrives after its batch was given up is let go. */
  #batch = 0

  get count(): number {
    return this.#pins.length
  }

  /** Brings in the page that was missed in `snapshot`. A miss holds until the next read of its store: call this before. */
  load(snapshot: Snapshot, miss: Miss): Promise<void> {
    if (this.#pins.length >= pagesMax) {
      throw new PolylogError('out_of_memory', `one step of the statement needs more than ${pagesMax} pages at once`)
    }
    const batch = this.#batch
    return snapshot.load(miss).then((pin) => {
      if (batch === this.#batch) this.#pins.push(pin)
      else pin.release()
    })
  }

  release(): void {
    this.#batch++
    if (this.#pins.length === 0) return
    for (const pin of this.#pins) pin.release()
    this.#pins = []
  }
}

/** For who reads outside of any statement: `read` is run again, with its pages pinned, until it gets through. */
export async function throughMisses<T>(store: Pick<OrderedStore, 'snapshot'>, read: () => T | Promise<T>): Promise<T> {
  const pages = new PinnedPages()
  try {
    for (;;) {
      let miss: Miss
      try {
        return await read()
      } catch (error) {
        if (!isMiss(error)) throw error
        miss = error
      }
      const snapshot = store.snapshot()
      await pages.load(snapshot, miss).finally(() => snapshot.release())
    }
  } finally {
    pages.release()
  }
}
