/**
 * A sorted file read once more from its beginning to its end, past the cache: what a disk forgets later is noticed here, and
 * not when somebody asks for the block. Footer, index and blocks are under checksums (`format.ts`), and a block's keys are
 * looked at when it is decoded; what lies between blocks is looked at here.
 */
import { PolylogError } from '../../base/errors.ts'
import { compareSlices, copySlice, equalSlices, MutableSlice, sliceOf, type Slice } from '../../base/slice.ts'
import { DiskError } from '../../host/host.ts'
import type { BaseReport } from '../base-store.ts'
import type { Sequence } from '../store.ts'
import type { SortedFile } from './file.ts'
import type { Block } from './format.ts'

/** A file that is lost altogether must not fill the memory with what is wrong with it. */
const reportedMax = 100

/** `through`: the state that the file is taken for. */
export async function verifySortedFile(file: SortedFile, through: Sequence): Promise<BaseReport> {
  const faults: string[] = []
  const report = (message: string): void => {
    if (faults.length < reportedMax) faults.push(message)
    else if (faults.length === reportedMax) faults.push(`there is more that is wrong with ${file.path}`)
  }
  const read = async <T>(reading: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await reading()
    } catch (error) {
      if (!(error instanceof PolylogError || error instanceof DiskError)) throw error
      report(error.message)
      return undefined
    }
  }
  if (file.sequence > through)
    report(`${file.path} holds the state at ${file.sequence}, and is taken for that at ${through}`)
  await read(() => file.readIndex())
  const order = new BlockOrder(file, report)
  for (let number = 0; number < file.index.blocks; number++) {
    const blocks = await read(() => file.readBlocks(number, 1))
    order.look(number, blocks?.[0])
  }
  return { entries: order.entries, faults }
}

/** Blocks as they come: each begins with the key that the index says, above the last one of the block before. */
class BlockOrder {
  entries = 0
  readonly #file: SortedFile
  readonly #report: (message: string) => void
  readonly #key = new MutableSlice()
  /** Undefined where the block before could not be read. */
  #last: Slice | undefined

  constructor(file: SortedFile, report: (message: string) => void) {
    this.#file = file
    this.#report = report
  }

  look(number: number, block: Block | undefined): void {
    const before = this.#last
    this.#last = undefined
    if (block === undefined) return
    const { path, index } = this.#file
    const at = `block ${number} of ${path}, at byte ${index.position(number)},`
    const first = block.key(0, this.#key)
    if (!equalSlices(first, index.firstKey(number)))
      this.#report(`${at} does not begin with the key that the index says`)
    if (before !== undefined && compareSlices(before, first) >= 0) {
      this.#report(`${at} begins with a key that is not above the last one of the block before`)
    }
    this.entries += block.size
    this.#last = sliceOf(copySlice(block.key(block.size - 1, this.#key)))
  }
}
