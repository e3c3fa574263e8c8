/**
 * Rows that a statement keeps from finding them until it has found all: what UPDATE and DELETE are about, the rows of a
 * CREATE TABLE AS. They are kept as bytes: a million rows as objects are a gigabyte of small pieces, which the garbage
 * collector goes through again and again while the statement makes its own garbage.
 *
 *   first     the first rows as they are: a small statement packs nothing and has no account
 *   blocks    the others, the bytes of one behind the other, so a format is wanted that knows where a row ends; in memory up
 *             to an operator's share of the workspace, behind that in its temporary file
 *
 * All are put, then all are taken, in the same order. A block is given back when its last row was taken.
 *
 * Invariants: a block that is on its way to the file is not written to; what is held is charged, but for the first rows.
 */
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import type { StatementSteps } from '../database/contract.ts'
import { OperatorMemory } from './operator-memory.ts'
import { batchBytes, batchRows, type Run } from './operator.ts'
import type { RowFormat } from './row-format.ts'
import { blockBytesOf, SpillFile } from './spill.ts'

/** What the first rows hold at most: less is not worth an account. */
const firstBytes = 64 * 1024
/** Of a block: a row that begins before its last part mostly ends in it. */
const spareShare = 1 / 8

interface Block {
  /** Undefined: they are in the file. */
  bytes: Uint8Array | undefined
  readonly position: number
  readonly length: number
  readonly heldBytes: number
}

export class PackedRows<R> {
  readonly #format: RowFormat<R>
  readonly #memory: OperatorMemory
  #first: R[] | undefined = []
  #firstBytes = 0
  #blocks: Block[] = []
  /** The block that is being filled. */
  #open: ByteWriter | undefined
  #openBytes = 0
  #file: SpillFile | undefined
  #length = 0
  #nextBlock = 0
  #reader: ByteReader | undefined

  /** `name`: what it is called where there is not enough memory. */
  constructor(format: RowFormat<R>, name: string) {
    this.#format = format
    this.#memory = new OperatorMemory(name)
  }

  /** Rows that were put and not taken yet. */
  get length(): number {
    return this.#length
  }

  get heldBytes(): number {
    return this.#memory.heldBytes
  }

  /** What has to be waited for before the next row is put. */
  put(row: R, run: Run): Promise<void> | undefined {
    this.#length++
    if (this.#isAmongFirst(row)) {
      this.#first!.push(this.#format.keep(row))
      return undefined
    }
    const { workspace } = run.transaction
    const blockBytes = blockBytesOf(workspace)
    const open = (this.#open ??= this.#newBlock(blockBytes, run))
    this.#format.encode(row, open)
    this.#holdOpen(open.bytes.length, run)
    return open.end < blockBytes * (1 - spareShare) ? undefined : this.#seal(open, blockBytes, run)
  }

  #isAmongFirst(row: R): boolean {
    if (this.#open !== undefined || this.#first!.length === batchRows) return false
    this.#firstBytes += this.#format.sizeOf(row)
    return this.#firstBytes <= firstBytes
  }

  #newBlock(sizeBytes: number, run: Run): ByteWriter {
    this.#holdOpen(sizeBytes, run)
    return new ByteWriter(sizeBytes)
  }

  #holdOpen(bytes: number, run: Run): void {
    if (bytes <= this.#openBytes) return
    this.#memory.hold(run, bytes - this.#openBytes)
    this.#openBytes = bytes
  }

  /** It stays where there is memory for another one; else its bytes go to the file, and it is filled again. */
  #seal(open: ByteWriter, blockBytes: number, run: Run): Promise<void> | undefined {
    if (!this.#memory.tryHold(run, blockBytes)) return this.#write(open, blockBytes, run)
    this.#blocks.push({ bytes: open.bytes, position: 0, length: open.end, heldBytes: this.#openBytes })
    this.#open = new ByteWriter(blockBytes)
    this.#openBytes = blockBytes
    return undefined
  }

  async #write(open: ByteWriter, blockBytes: number, run: Run): Promise<void> {
    const file = (this.#file ??= new SpillFile(this.#memory.workspace(run)))
    const { end: length } = open
    const position = await file.append(open.bytes.subarray(0, length))
    this.#blocks.push({ bytes: undefined, position, length, heldBytes: 0 })
    open.reset()
    if (open.bytes.length <= 2 * blockBytes) return
    // It was made for a row of uncommon size.
    this.#open = new ByteWriter(blockBytes)
    this.#memory.release(this.#openBytes - blockBytes)
    this.#openBytes = blockBytes
  }

  /** The next rows, a batch at most; undefined behind the last one. Nothing is put any more. */
  *take(run: Run): StatementSteps<R[] | undefined> {
    const first = this.#first
    if (first !== undefined) {
      this.#first = undefined
      if (first.length > 0) return this.#taken(first)
    }
    if (this.#reader === undefined || this.#reader.remaining === 0) {
      this.#giveBack()
      const bytes = yield* this.#bytesOfNext(run)
      if (bytes === undefined) return undefined
      this.#reader = bytes
    }
    return this.#taken(this.#decodeSome(this.#reader))
  }

  #taken(rows: R[]): R[] {
    this.#length -= rows.length
    return rows
  }

  #decodeSome(reader: ByteReader): R[] {
    const rows: R[] = []
    const start = reader.at
    while (rows.length < batchRows && reader.remaining > 0 && reader.at - start < batchBytes) {
      rows.push(this.#format.decode(reader))
    }
    return rows
  }

  *#bytesOfNext(run: Run): StatementSteps<ByteReader | undefined> {
    const block = this.#blocks[this.#nextBlock]
    if (block === undefined) return this.#openRows()
    this.#nextBlock++
    let { bytes } = block
    if (bytes === undefined) {
      this.#memory.hold(run, block.length)
      this.#blocks[this.#nextBlock - 1] = { ...block, heldBytes: block.length }
      bytes = new Uint8Array(block.length)
      yield this.#file!.read(block.position, bytes)
    }
    return new ByteReader(bytes, 0, block.length)
  }

  /** Those that filled no block. */
  #openRows(): ByteReader | undefined {
    const open = this.#open
    this.#open = undefined
    return open === undefined || open.end === 0 ? undefined : new ByteReader(open.bytes, 0, open.end)
  }

  /** The block that was read is done with. */
  #giveBack(): void {
    if (this.#reader === undefined) return
    this.#reader = undefined
    const block = this.#blocks[this.#nextBlock - 1]
    if (block === undefined || block.heldBytes === 0) return
    this.#blocks[this.#nextBlock - 1] = { ...block, bytes: undefined, heldBytes: 0 }
    this.#memory.release(block.heldBytes)
  }

  /** All that is left of it is gone. */
  close(): void {
    this.#first = undefined
    this.#open = undefined
    this.#reader = undefined
    this.#blocks = []
    this.#length = 0
    this.#file?.close()
    this.#memory.releaseAll()
  }
}
