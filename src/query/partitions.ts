/**
 * Rows divided by the hash of their keys, in a temporary file: what an operator that works by keys cannot keep. Equal keys
 * meet in one partition, so each can be worked on by itself, in a fraction of the memory, by the same operator again with
 * another seed (`level`).
 */
import { OperatorMemory } from './operator-memory.ts'
import { type Batch, batchRows, type Operator, paused, type Run } from './operator.ts'
import { hashOf, type HashKey, type RowFormat } from './row-format.ts'
import { blockBytesOf, OperatorIo, SpilledRows, SpillFile, SpillReader, SpillWriter } from './spill.ts'

export const partitionCount = 8
/** Partitions of partitions: 8⁶ of them are enough for anything but rows that all have one key. */
export const mostLevels = 6

/** The one that is being worked on. */
export interface Partition<O> {
  readonly number: number
  readonly operator: O
}

export class Partitions<R> {
  readonly #writers: readonly SpillWriter<R>[]
  readonly #file: SpillFile
  readonly #io: OperatorIo
  readonly #level: number
  #finishing = 0

  constructor(run: Run, format: RowFormat<R>, memory: OperatorMemory, io: OperatorIo, level: number) {
    const workspace = memory.workspace(run)
    const file = new SpillFile(workspace)
    const blockBytes = blockBytesOf(workspace)
    this.#file = file
    this.#io = io
    this.#level = level
    this.#writers = Array.from({ length: partitionCount }, () => {
      return new SpillWriter(new SpilledRows(file, format), memory, blockBytes)
    })
  }

  /** Where it fills a block, that is on its way afterwards: the operator looks at its I/O before the next row. */
  add(key: HashKey | undefined, row: R, run: Run): void {
    const writer = this.#writers[hashOf(key, this.#level) % partitionCount]!
    writer.add(row, run)
    if (writer.isFull) this.#io.begin(writer.flush())
  }

  /** Writes what is left; true when all of it is in the file. Called again after each wait. */
  finish(): boolean {
    for (; this.#finishing < this.#writers.length; this.#finishing++) {
      const writer = this.#writers[this.#finishing]!
      if (!writer.isEmpty) {
        this.#io.begin(writer.flush())
        return false
      }
      writer.close()
    }
    return true
  }

  rowsOf(partition: number): SpilledRows<R> {
    return this.#writers[partition]!.into
  }

  source(partition: number): Operator<R> {
    return new SpillSource(this.rowsOf(partition))
  }

  close(): void {
    for (const writer of this.#writers) writer.close()
    this.#file.close()
  }
}

/** The rows of a partition as an operator. */
export class SpillSource<R> implements Operator<R> {
  readonly #rows: SpilledRows<R>
  readonly #memory = new OperatorMemory('reading temporary files')
  readonly #io = new OperatorIo()
  #reader: SpillReader<R>

  constructor(rows: SpilledRows<R>) {
    this.#rows = rows
    this.#reader = new SpillReader(rows, this.#memory, this.#io)
  }

  next(run: Run): Batch<R> {
    if (this.#io.isPending(run)) return paused
    const out: R[] = []
    while (out.length < batchRows) {
      // What is there goes out before the next block is waited for.
      const has = this.#reader.hasNext(run)
      if (has !== true) {
        if (out.length > 0) break
        if (has === false) return undefined
        this.#io.isPending(run)
        return paused
      }
      out.push(this.#reader.next())
    }
    return out
  }

  reset(): void {
    this.#io.forget()
    this.#reader.close()
    this.#reader = new SpillReader(this.#rows, this.#memory, this.#io)
  }
}
