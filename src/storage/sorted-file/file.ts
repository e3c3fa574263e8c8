/** One sorted file that is open: its index in memory, its blocks read when they are asked for. It never changes. */
import { DiskError, type Disk, type File } from '../../host/host.ts'
import type { Sequence } from '../store.ts'
import { Block, BlockIndex, corrupt, decodeFooter, type Footer, footerBytes } from './format.ts'

export class SortedFile {
  readonly path: string
  readonly sequence: Sequence
  readonly index: BlockIndex
  readonly sizeBytes: number
  /** Pages are numbered over all files of a store: this one's begin here. */
  readonly firstPage: number
  readonly #file: File
  #users = 1

  private constructor(
    path: string,
    file: File,
    index: BlockIndex,
    sequence: Sequence,
    size: number,
    firstPage: number,
  ) {
    this.path = path
    this.#file = file
    this.index = index
    this.sequence = sequence
    this.sizeBytes = size
    this.firstPage = firstPage
  }

  /**
   * Checks footer and index. `number` gives numbers to so many pages, in one step: others may open files meanwhile. Errors:
   * `data_corrupted` with the position, `data_newer`, `DiskError`.
   */
  static async open(disk: Disk, path: string, number: (pages: number) => number): Promise<SortedFile> {
    const file = await disk.open(path, { mode: 'read' })
    try {
      const { index, footer, size } = await readIndex(file, path)
      return new SortedFile(path, file, index, footer.sequence, size, number(index.blocks))
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Errors: `data_corrupted` with the position, `DiskError`. */
  async readBlocks(first: number, count: number): Promise<Block[]> {
    const { index, path } = this
    const start = index.position(first)
    const bytes = await readFully(this.#file, path, start, index.position(first + count) - start)
    const blocks: Block[] = []
    for (let number = first; number < first + count; number++) {
      const position = index.position(number)
      const own = bytes.slice(position - start, index.position(number + 1) - start)
      const entries = index.entriesBefore(number + 1) - index.entriesBefore(number)
      blocks.push(new Block(own, number, entries, path, position))
    }
    return blocks
  }

  /** Footer and index once more, as they are on the disk now; errors as those of `open`. */
  async readIndex(): Promise<BlockIndex> {
    return (await readIndex(this.#file, this.path)).index
  }

  use(): this {
    this.#users++
    return this
  }

  get isClosed(): boolean {
    return this.#users === 0
  }

  /** The last one closes it. */
  release(): void {
    if (--this.#users === 0) void this.#file.close().catch(() => undefined)
  }
}

async function readIndex(
  file: File,
  path: string,
): Promise<{ readonly index: BlockIndex; readonly footer: Footer; readonly size: number }> {
  const size = await file.size()
  const tail = await readFully(file, path, Math.max(0, size - footerBytes), Math.min(size, footerBytes))
  const footer = decodeFooter(tail, size, path)
  const bytes = await readFully(file, path, footer.blocksBytes, footer.indexBytes)
  return { index: new BlockIndex(bytes, footer, path), footer, size }
}

async function readFully(file: File, path: string, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length;) {
    const read = await file.readAt(position + at, bytes.subarray(at))
    if (read === 0) throw corrupt(path, position + at, 'it ends here')
    at += read
  }
  return bytes
}

export function isNotFound(error: unknown): boolean {
  return error instanceof DiskError && error.code === 'not-found'
}
