/**
 * Values of a transaction's private writes that do not stay in memory: they lie in chunks, of which all but a few are in a
 * temporary file.
 *
 *   open      the last chunk: values are added to it. In memory
 *   sealed    full, in memory, waiting to be written or being written
 *   written   in the file; in memory too, as long as it is among those that were used last
 *
 * Adding and reading are plain calls. What is not there yet is thrown as a wait (`wait.ts`), before anything has changed:
 * a value whose chunk is not in memory, and room, where the disk is slower than whoever writes. Who cannot wait goes on in
 * memory. What comes after the chunk that is read is loaded ahead, since mostly all is read in order.
 *
 * A disk that is full, or fails, is the error of the next call, and so of the statement.
 *
 * Invariants: a chunk's bytes do not change once it is sealed; nothing is added to a chunk from which something was taken
 * back; a chunk leaves memory only when it is in the file.
 */
import type { MutableSlice, Slice } from '../../base/slice.ts'
import { Elsewhere } from '../contract.ts'
import type { TemporaryFile } from '../directory/temporary-files.ts'
import { canWait } from './wait.ts'

export interface SpillOptions {
  readonly createFile: () => Promise<TemporaryFile>
  /** Of inline bytes: values that come after so many of them go here. */
  readonly fromBytes: number
  readonly chunkBytes?: number
}

const defaultChunkBytes = 1024 * 1024
/** Written ones that stay in memory. */
const keptChunks = 6
/** Sealed ones, beyond which whoever adds has to wait. */
const waitingChunks = 4

interface Chunk {
  bytes: Uint8Array | undefined
  /** What of it is used. */
  end: number
  /** In the file; −1 of one that is not written. */
  position: number
  loading: Promise<void> | undefined
  /** Nothing of it is wanted any more. */
  isGone: boolean
}

export class SpilledValues {
  readonly #createFile: () => Promise<TemporaryFile>
  readonly #chunkBytes: number
  #file: Promise<TemporaryFile> | undefined
  #chunks: Chunk[] = []
  #isOpen = false
  /** Sealed ones in their order, the first of them perhaps on its way. */
  #sealed: Chunk[] = []
  #writing: Promise<void> | undefined
  /** Written ones that are in memory, the one used last at the end. */
  #kept: Chunk[] = []
  #failure: { readonly error: unknown } | undefined
  #closed = false
  /** Of all values. */
  sizeBytes = 0
  /** Of the chunks in memory. */
  residentBytes = 0
  /** Reads that had to wait. */
  loads = 0

  constructor({ createFile, chunkBytes }: SpillOptions) {
    this.#createFile = createFile
    this.#chunkBytes = chunkBytes ?? defaultChunkBytes
  }

  /** The chunk that took the last value. */
  get lastChunk(): number {
    return this.#chunks.length - 1
  }

  /** Where the value begins in `lastChunk`. Call `waitForRoom` before anything has changed. */
  add({ bytes, start, end }: Slice): number {
    const length = end - start
    let chunk = this.#isOpen ? this.#chunks.at(-1)! : undefined
    if (chunk === undefined || chunk.end + length > chunk.bytes!.length) {
      this.#seal()
      chunk = this.#open(Math.max(this.#chunkBytes, length))
    }
    const at = chunk.end
    chunk.bytes!.set(bytes.subarray(start, end), at)
    chunk.end += length
    this.sizeBytes += length
    return at
  }

  #open(sizeBytes: number): Chunk {
    const bytes = new Uint8Array(sizeBytes)
    const chunk: Chunk = { bytes, end: 0, position: -1, loading: undefined, isGone: false }
    this.#chunks.push(chunk)
    this.#isOpen = true
    this.residentBytes += sizeBytes
    return chunk
  }

  /** Throws the wait for it, or why there will be none. */
  waitForRoom(): void {
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#sealed.length > waitingChunks && canWait()) throw new Elsewhere(this.#writing!, nothing)
  }

  /** Throws the wait for the chunk where it is not in memory. `into` holds as long as somebody refers to it. */
  read(number: number, start: number, end: number, into: MutableSlice): MutableSlice {
    const chunk = this.#chunks[number]!
    const { bytes } = chunk
    if (bytes === undefined) throw new Elsewhere(this.#load(number), nothing)
    if (chunk.position >= 0 && this.#kept.at(-1) !== chunk) this.#use(chunk)
    return into.set(bytes, start, end)
  }

  /** Takes back what lies behind `end` of the chunk, `bytes` of values. */
  truncate(number: number, end: number, bytes: number): void {
    const gone = this.#chunks.splice(number + 1)
    for (const chunk of gone) {
      chunk.isGone = true
      this.#drop(chunk)
    }
    if (gone.length > 0) {
      this.#isOpen = false
      this.#sealed = this.#sealed.filter(({ isGone }) => !isGone)
      this.#kept = this.#kept.filter(({ isGone }) => !isGone)
    } else if (this.#isOpen) this.#chunks.at(-1)!.end = end
    this.sizeBytes -= bytes
  }

  /** Nothing is read or added any more. */
  close(): void {
    this.#closed = true
    this.#chunks = []
    this.#sealed = []
    this.#kept = []
    this.sizeBytes = this.residentBytes = 0
    this.#file?.then((file) => file.close()).catch(() => undefined)
  }

  #seal(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#sealed.push(this.#chunks.at(-1)!)
    this.#writing ??= this.#writeSealed()
  }

  async #writeSealed(): Promise<void> {
    try {
      const file = await (this.#file ??= this.#createFile())
      for (let chunk = this.#sealed[0]; chunk !== undefined; chunk = this.#sealed[0]) {
        const position = file.sizeBytes
        await file.append(chunk.bytes!.subarray(0, chunk.end))
        if (this.#closed) return
        chunk.position = position
        if (this.#sealed[0] === chunk) this.#sealed.shift()
        if (!chunk.isGone) this.#use(chunk)
      }
    } catch (error) {
      this.#failure = { error }
    } finally {
      this.#writing = undefined
    }
  }

  #use(chunk: Chunk): void {
    const before = this.#kept.indexOf(chunk)
    if (before >= 0) this.#kept.splice(before, 1)
    this.#kept.push(chunk)
    while (this.#kept.length > keptChunks) this.#drop(this.#kept.shift()!)
  }

  #drop(chunk: Chunk): void {
    this.residentBytes -= chunk.bytes?.length ?? 0
    chunk.bytes = undefined
  }

  #load(number: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error
    this.loads++
    const loaded = this.#loadChunk(this.#chunks[number]!)
    const next = this.#chunks[number + 1]
    if (next !== undefined && next.bytes === undefined) void this.#loadChunk(next)
    return loaded
  }

  #loadChunk(chunk: Chunk): Promise<void> {
    return (chunk.loading ??= this.#readBack(chunk))
  }

  async #readBack(chunk: Chunk): Promise<void> {
    try {
      const bytes = new Uint8Array(chunk.end)
      const file = await this.#file!
      await file.read(chunk.position, bytes)
      if (this.#closed || chunk.isGone) return
      chunk.bytes = bytes
      this.residentBytes += bytes.length
      this.#use(chunk)
    } catch (error) {
      this.#failure ??= { error }
    } finally {
      chunk.loading = undefined
    }
  }
}

const nothing = (): void => undefined
