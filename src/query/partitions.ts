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

type DividedInput = Pick<Partitions<unknown>, 'finish' | 'close'>

/** What works on one partition: gives back what it holds when it is closed. */
export interface PartitionOperator<O, X extends Run> extends Operator<O, X> {
  close(): void
}

/** Works on one partition after another, each by an operator of its own, and hands out what they do. */
export class PartitionWalk<O, X extends Run> {
  readonly #divided: readonly DividedInput[]
  readonly #io: OperatorIo
  readonly #open: (partition: number) => PartitionOperator<O, X>
  #at = 0
  #operator: PartitionOperator<O, X> | undefined

  /** `divided`: the inputs, of which partitions of one number belong together; nothing is added to them any more. */
  constructor(divided: readonly DividedInput[], io: OperatorIo, open: (partition: number) => PartitionOperator<O, X>) {
    this.#divided = divided
    this.#io = io
    this.#open = open
  }

  next(run: X): Batch<O> {
    for (const input of this.#divided) while (!input.finish()) if (this.#io.isPending(run)) return paused
    if (this.#io.isPending(run)) return paused
    for (; this.#at < partitionCount; this.#at++) {
      this.#operator ??= this.#open(this.#at)
      const batch = this.#operator.next(run)
      if (batch !== undefined) return batch
      this.#operator.close()
      this.#operator = undefined
    }
    this.close()
    return undefined
  }

  close(): void {
    this.#operator?.close()
    for (const input of this.#divided) input.close()
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
