/**
 * Rows in a temporary file: written once, in blocks, and read in order of their blocks.
 *
 *   file    block block block …        one file for all partitions or runs of an operator
 *   block   row row row …              each as its length (u32) and the bytes of its `RowFormat`
 *
 * A block is about `blockBytes` long, a row is never divided: one that is larger makes a block of its own. Which blocks
 * belong together is remembered in memory (`SpilledRows`); a block costs 24 bytes there and 16 KiB or more in the file.
 *
 * Reading and writing take more than a turn, and operators are plain functions. So an operator begins the I/O, notes it in
 * an `OperatorIo`, tells the run what to wait for and answers `paused`; when it is called again the I/O is done, or it has
 * failed and is thrown, or somebody called too early and is told to wait again.
 *
 * Invariants: one I/O at a time for each `OperatorIo`; a buffer is not touched while it is written; what is held in
 * buffers is charged to the operator.
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import type { TemporaryFile } from '../database/directory/temporary-files.ts'
import type { Workspace } from '../database/transaction/workspace.ts'
import type { OperatorMemory } from './operator-memory.ts'
import type { Run } from './operator.ts'
import type { RowFormat } from './row-format.ts'

const leastBlockBytes = 512
const mostBlockBytes = 256 * 1024

/** Operators keep up to sixteen blocks of each kind. */
export function blockBytesOf({ operatorBytes }: Workspace): number {
  return Math.min(Math.max(Math.floor(operatorBytes / 32), leastBlockBytes), mostBlockBytes)
}

export class OperatorIo {
  #pending: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined

  begin(io: Promise<void>): void {
    const pending = io.then(
      () => {
        if (this.#pending === pending) this.#pending = undefined
      },
      (error: unknown) => {
        if (this.#pending !== pending) return
        this.#pending = undefined
        this.#failure = { error }
      },
    )
    this.#pending = pending
  }

  /** True where the operator has to pause; the run then knows for what. */
  isPending(run: Run): boolean {
    if (this.#failure !== undefined) throw this.#failure.error
    run.waitFor = this.#pending
    return this.#pending !== undefined
  }

  /** What is under way concerns nobody any more. */
  forget(): void {
    this.#pending = undefined
    this.#failure = undefined
  }
}

interface Block {
  readonly position: number
  readonly bytes: number
  readonly rows: number
}

/** The file of one operator, made when it is first written to. */
export class SpillFile {
  readonly #workspace: Workspace
  #file: TemporaryFile | undefined
  #closed = false

  constructor(workspace: Workspace) {
    this.#workspace = workspace
  }

  /** Where the bytes begin. They must not change until it resolves. */
  async append(bytes: Uint8Array): Promise<number> {
    const file = (this.#file ??= await this.#workspace.createFile())
    if (this.#closed) this.#workspace.closeFile(file)
    const position = file.sizeBytes
    await file.append(bytes)
    return position
  }

  read(position: number, into: Uint8Array): Promise<void> {
    return this.#file!.read(position, into)
  }

  close(): void {
    this.#closed = true
    if (this.#file !== undefined) this.#workspace.closeFile(this.#file)
  }
}

/** Rows of one partition, or of one sorted run. */
export class SpilledRows<R> {
  readonly file: SpillFile
  readonly format: RowFormat<R>
  readonly blocks: Block[] = []
  rows = 0
  largestBlockBytes = 0

  constructor(file: SpillFile, format: RowFormat<R>) {
    this.file = file
    this.format = format
  }

  add(block: Block): void {
    this.blocks.push(block)
    this.rows += block.rows
    this.largestBlockBytes = Math.max(this.largestBlockBytes, block.bytes)
  }
}

const leastBufferBytes = 256
const lengthBytes = 4

/** Fills one block after another. */
export class SpillWriter<R> {
  readonly into: SpilledRows<R>
  readonly #memory: OperatorMemory
  readonly #blockBytes: number
  #block = new ByteWriter(leastBufferBytes)
  #rows = 0
  #heldBytes = 0

  constructor(into: SpilledRows<R>, memory: OperatorMemory, blockBytes: number) {
    this.into = into
    this.#memory = memory
    this.#blockBytes = blockBytes
  }

  /** A block is full: it must be flushed before the next row. */
  get isFull(): boolean {
    return this.#block.end >= this.#blockBytes
  }

  get isEmpty(): boolean {
    return this.#rows === 0
  }

  add(row: R, run: Run | undefined): void {
    const block = this.#block
    const start = block.end
    block.u32le(0)
    this.into.format.encode(row, block)
    block.setU32le(start, block.end - start - lengthBytes)
    this.#rows++
    const heldBytes = block.bytes.length
    if (heldBytes > this.#heldBytes) this.#memory.hold(run, heldBytes - this.#heldBytes)
    this.#heldBytes = Math.max(this.#heldBytes, heldBytes)
  }

  async flush(): Promise<void> {
    if (this.#rows === 0) return
    const block = this.#block
    const rows = this.#rows
    this.#rows = 0
    const position = await this.into.file.append(block.bytes.subarray(0, block.end))
    this.into.add({ position, bytes: block.end, rows })
    if (block.bytes.length <= 2 * this.#blockBytes) block.reset()
    else this.close()
  }

  /** Gives its buffer back: it was made for a row of uncommon size, or nothing is written any more. */
  close(): void {
    this.#block = new ByteWriter(leastBufferBytes)
    this.#memory.release(this.#heldBytes)
    this.#heldBytes = 0
  }
}

/** Reads rows back, from the first to the last. */
export class SpillReader<R> {
  readonly #rows: SpilledRows<R>
  readonly #memory: OperatorMemory
  readonly #io: OperatorIo
  #next = 0
  #reader: ByteReader | undefined
  #heldBytes = 0

  /** `io`: of the operator, so that it waits for one thing at a time. */
  constructor(rows: SpilledRows<R>, memory: OperatorMemory, io: OperatorIo) {
    this.#rows = rows
    this.#memory = memory
    this.#io = io
  }

  /** Whether `next` has a row. `undefined`: its block is on its way, see `OperatorIo`. */
  hasNext(run: Run): boolean | undefined {
    if (this.#reader !== undefined && this.#reader.remaining > 0) return true
    const block = this.#rows.blocks[this.#next]
    if (block === undefined) {
      this.close()
      return false
    }
    this.#load(block, run)
    return undefined
  }

  #load(block: Block, run: Run): void {
    // The block, and about as much for a row of it that is handed out.
    const heldBytes = 2 * block.bytes
    if (heldBytes > this.#heldBytes) {
      this.#memory.hold(run, heldBytes - this.#heldBytes)
      this.#heldBytes = heldBytes
    }
    const bytes = new Uint8Array(block.bytes)
    this.#reader = undefined
    const read = this.#rows.file.read(block.position, bytes).then(() => {
      this.#reader = new ByteReader(bytes)
      this.#next++
    })
    this.#io.begin(read)
  }

  next(): R {
    const reader = this.#reader!
    const end = reader.u32le() + reader.at
    const row = this.#rows.format.decode(new ByteReader(reader.bytes, reader.at, end))
    reader.at = end
    return row
  }

  close(): void {
    this.#reader = undefined
    this.#memory.release(this.#heldBytes)
    this.#heldBytes = 0
  }
}

/** All rows of a block, for those who go to and fro. */
export async function readBlock<R>(rows: SpilledRows<R>, number: number): Promise<R[]> {
  const block = rows.blocks[number]!
  const bytes = new Uint8Array(block.bytes)
  await rows.file.read(block.position, bytes)
  const reader = new ByteReader(bytes)
  const decoded: R[] = []
  while (reader.remaining > 0) {
    const end = reader.u32le() + reader.at
    decoded.push(rows.format.decode(new ByteReader(bytes, reader.at, end)))
    reader.at = end
  }
  return decoded
}
