/**
 * Keeps its input's rows, so that the inner side of a nested loop can be read again without being computed again, and
 * several readers can read one result, each at its own place.
 *
 * The first rows are kept in memory; when they fill it, the rest is written to a temporary file, block by block. Of that
 * one block is in memory for reading. Who reads behind the end of what is known pulls from the input, and gets the rows as
 * they come.
 */
import { OperatorMemory } from './operator-memory.ts'
import { type Batch, batchRows, type Operator, paused, type Paused, type Run } from './operator.ts'
import type { RowFormat } from './row-format.ts'
import { blockBytesOf, OperatorIo, readBlock, SpilledRows, SpillFile, SpillWriter } from './spill.ts'

interface LoadedBlock<R> {
  readonly first: number
  readonly rows: readonly R[]
}

export class Materialize<R, X extends Run> implements Operator<R, X> {
  readonly #input: Operator<R, X>
  readonly #format: RowFormat<R>
  readonly #memory = new OperatorMemory('Materialize')
  readonly #io = new OperatorIo()
  #rows: R[] = []
  #file: SpillFile | undefined
  #writer: SpillWriter<R> | undefined
  /** Rows pulled that are still to be kept. */
  #pulled: readonly R[] = []
  #keptOfPulled = 0
  /** Of each block in the file. */
  #firstRows: number[] = []
  #count = 0
  #inputEnded = false
  #complete = false
  #at = 0
  #block: LoadedBlock<R> | undefined
  #blockHeldBytes = 0

  constructor(input: Operator<R, X>, format: RowFormat<R>) {
    this.#input = input
    this.#format = format
  }

  next(run: X): Batch<R> {
    const batch = this.rowsFrom(this.#at, run)
    if (Array.isArray(batch)) this.#at += batch.length
    return batch
  }

  /** The batch that begins with row number `at`, for readers that keep their own place. */
  rowsFrom(at: number, run: X): Batch<R> {
    for (;;) {
      if (this.#io.isPending(run)) return paused
      if (at < this.#rows.length) return this.#rows.slice(at, at + batchRows)
      const spilled = this.#spilledFrom(at, run)
      if (spilled !== undefined) return spilled
      if (this.#complete) return undefined
      if (this.#pull(run) === paused) return paused
    }
  }

  /** Keeps the next rows of the input. */
  #pull(run: X): Paused | undefined {
    if (this.#keptOfPulled >= this.#pulled.length) {
      const batch = this.#inputEnded ? undefined : this.#input.next(run)
      if (batch === paused) return paused
      if (batch === undefined) {
        this.#inputEnded = true
        if (this.#flush(run)) return paused
        this.#writer?.close()
        this.#complete = true
        return undefined
      }
      this.#pulled = batch
      this.#keptOfPulled = 0
    }
    while (this.#keptOfPulled < this.#pulled.length) {
      if (this.#writer?.isFull === true && this.#flush(run)) return paused
      this.#keep(this.#pulled[this.#keptOfPulled]!, run)
      this.#keptOfPulled++
    }
    return undefined
  }

  #keep(row: R, run: X): void {
    if (this.#writer === undefined) {
      if (this.#memory.tryHold(run, this.#format.sizeOf(row))) {
        this.#rows.push(this.#format.keep(row))
        this.#count++
        return
      }
      const workspace = this.#memory.workspace(run)
      this.#file = new SpillFile(workspace)
      this.#writer = new SpillWriter(new SpilledRows(this.#file, this.#format), this.#memory, blockBytesOf(workspace))
    }
    this.#writer.add(row, run)
    this.#count++
  }

  /** True where it has to be waited for. */
  #flush(run: X): boolean {
    if (this.#writer === undefined || this.#writer.isEmpty) return false
    this.#firstRows.push(this.#nextFirst)
    this.#io.begin(this.#writer.flush())
    return this.#io.isPending(run)
  }

  /** Of the block that is being filled. */
  get #nextFirst(): number {
    return this.#rows.length + (this.#writer?.into.rows ?? 0)
  }

  /** Undefined where the row is not kept yet. */
  #spilledFrom(at: number, run: X): Batch<R> | undefined {
    if (at >= this.#count) return undefined
    const block = this.#block
    if (block !== undefined && at >= block.first && at < block.first + block.rows.length) {
      return block.rows.slice(at - block.first, at - block.first + batchRows)
    }
    // It may lie in the block that is still being filled.
    if (at >= this.#nextFirst && this.#flush(run)) return paused
    this.#load(at, run)
    this.#io.isPending(run)
    return paused
  }

  #load(at: number, run: X): void {
    let number = this.#firstRows.length - 1
    for (let low = 0; low < number;) {
      const middle = (low + number) >> 1
      if (this.#firstRows[middle + 1]! <= at) low = middle + 1
      else number = middle
    }
    const rows = this.#writer!.into
    const heldBytes = 2 * rows.largestBlockBytes
    if (heldBytes > this.#blockHeldBytes) this.#memory.hold(run, heldBytes - this.#blockHeldBytes)
    this.#blockHeldBytes = Math.max(heldBytes, this.#blockHeldBytes)
    this.#block = undefined
    const first = this.#firstRows[number]!
    this.#io.begin(
      readBlock(rows, number).then((decoded) => {
        this.#block = { first, rows: decoded }
      }),
    )
  }

  /** Forgets the rows as well: what they were computed from has changed. */
  reset(): void {
    this.close()
    this.#input.reset()
  }

  /** Nobody reads it any more. */
  close(): void {
    this.#io.forget()
    this.#writer?.close()
    this.#file?.close()
    this.#memory.releaseAll()
    this.#rows = []
    this.#file = undefined
    this.#writer = undefined
    this.#pulled = []
    this.#keptOfPulled = 0
    this.#firstRows = []
    this.#count = 0
    this.#inputEnded = false
    this.#complete = false
    this.#at = 0
    this.#block = undefined
    this.#blockHeldBytes = 0
  }

  /** Back to the first row, without computing anything again. */
  rewind(): void {
    this.#at = 0
  }

  /** A reader with a place of its own, whose `reset` computes nothing again. */
  reader(): Operator<R, X> {
    let at = 0
    return {
      next: (run) => {
        const batch = this.rowsFrom(at, run)
        if (Array.isArray(batch)) at += batch.length
        return batch
      },
      reset: () => {
        at = 0
      },
    }
  }

  /** The same rows as an operator whose `reset` only rewinds. */
  replay(): Operator<R, X> {
    return { next: (run) => this.next(run), reset: () => this.rewind() }
  }
}
