/**
 * Merges sorted runs of a temporary file into one order: up to `fanIn` at a time, so that their blocks fit into memory. More
 * runs than that are merged into longer ones first, in a file of their own, level by level; each level reads and writes
 * everything once.
 *
 * The runs at hand lie in a heap by their next items. Of equal ones the earlier run's comes first, so the whole is stable.
 */
import type { OperatorMemory } from './operator-memory.ts'
import type { Run } from './operator.ts'
import type { RowFormat } from './row-format.ts'
import { blockBytesOf, type OperatorIo, SpilledRows, SpillFile, SpillReader, SpillWriter } from './spill.ts'

const mostFanIn = 16

interface Source<T> {
  readonly reader: SpillReader<T>
  readonly order: number
  item: T
}

/** One merge of a few runs; pulled item by item. */
class Merge<T> {
  readonly #readers: readonly SpillReader<T>[]
  readonly #compare: (a: T, b: T) => number
  readonly #heap: Source<T>[] = []
  /** Readers whose first item is in the heap. */
  #opened = 0
  /** The reader of the item that was taken last: its next one is to come into the heap. */
  #emptied: Source<T> | undefined

  constructor(readers: readonly SpillReader<T>[], compare: (a: T, b: T) => number) {
    this.#readers = readers
    this.#compare = compare
  }

  /** Whether `next` has an item; undefined: a block is on its way. */
  hasNext(run: Run): boolean | undefined {
    const emptied = this.#emptied
    if (emptied !== undefined) {
      const has = emptied.reader.hasNext(run)
      if (has === undefined) return undefined
      this.#emptied = undefined
      if (has) {
        emptied.item = emptied.reader.next()
        this.#push(emptied)
      }
    }
    for (; this.#opened < this.#readers.length; this.#opened++) {
      const reader = this.#readers[this.#opened]!
      const has = reader.hasNext(run)
      if (has === undefined) return undefined
      if (has) this.#push({ reader, order: this.#opened, item: reader.next() })
    }
    return this.#heap.length > 0
  }

  next(): T {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length > 0) this.#sink(last)
    this.#emptied = first
    return first.item
  }

  #isBefore(a: Source<T>, b: Source<T>): boolean {
    const difference = this.#compare(a.item, b.item)
    return difference < 0 || (difference === 0 && a.order < b.order)
  }

  #push(source: Source<T>): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(source)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#isBefore(source, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = source
  }

  #sink(source: Source<T>): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!this.#isBefore(heap[child]!, source)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = source
  }

  close(): void {
    for (const reader of this.#readers) reader.close()
  }
}

export class FileMerge<T> {
  readonly #format: RowFormat<T>
  readonly #compare: (a: T, b: T) => number
  readonly #memory: OperatorMemory
  readonly #io: OperatorIo
  readonly #keepRows: number
  #file: SpillFile
  #runs: SpilledRows<T>[] = []
  /** Of the next level. */
  #longer: { readonly file: SpillFile; readonly runs: SpilledRows<T>[] } | undefined
  #merge: Merge<T> | undefined
  #writer: SpillWriter<T> | undefined
  #mergedFrom = 0
  #isLast = false

  constructor(
    run: Run,
    parts: {
      readonly format: RowFormat<T>
      readonly compare: (a: T, b: T) => number
      readonly memory: OperatorMemory
      readonly io: OperatorIo
      readonly keepRows: number
    },
  ) {
    this.#format = parts.format
    this.#compare = parts.compare
    this.#memory = parts.memory
    this.#io = parts.io
    this.#keepRows = parts.keepRows
    this.#file = new SpillFile(parts.memory.workspace(run))
  }

  /** For the next run; its items come in order. */
  beginRun(run: Run): SpillWriter<T> {
    const rows = new SpilledRows(this.#file, this.#format)
    this.#runs.push(rows)
    return new SpillWriter(rows, this.#memory, blockBytesOf(this.#memory.workspace(run)))
  }

  /** Whether `next` has an item; undefined: to be asked again after its I/O, or in the next slice where it has begun none. */
  hasNext(run: Run): boolean | undefined {
    if (this.#isLast) return this.#merge!.hasNext(run)
    const fanIn = this.#fanIn(run)
    if (this.#runs.length <= fanIn && this.#longer === undefined) {
      this.#merge = this.#open(this.#runs)
      this.#isLast = true
      return this.#merge.hasNext(run)
    }
    this.#mergeLevel(run, fanIn)
    return undefined
  }

  next(): T {
    return this.#merge!.next()
  }

  #fanIn(run: Run): number {
    const blockBytes = Math.max(...this.#runs.map((one) => one.largestBlockBytes))
    const fitting = Math.floor(this.#memory.workspace(run).operatorBytes / (2 * blockBytes))
    return Math.min(Math.max(fitting, 2), mostFanIn)
  }

  #open(runs: readonly SpilledRows<T>[]): Merge<T> {
    return new Merge(
      runs.map((one) => new SpillReader(one, this.#memory, this.#io)),
      this.#compare,
    )
  }

  /** Goes on with one level, until it has to wait or has moved enough. */
  #mergeLevel(run: Run, fanIn: number): void {
    const longer = (this.#longer ??= { file: new SpillFile(this.#memory.workspace(run)), runs: [] })
    if (this.#merge === undefined) {
      this.#merge = this.#open(this.#runs.slice(this.#mergedFrom, this.#mergedFrom + fanIn))
      this.#mergedFrom += fanIn
      const rows = new SpilledRows(longer.file, this.#format)
      longer.runs.push(rows)
      this.#writer = new SpillWriter(rows, this.#memory, blockBytesOf(this.#memory.workspace(run)))
    }
    const writer = this.#writer!
    for (let moved = 0; moved < 1024; moved++) {
      const has = writer.into.rows >= this.#keepRows ? false : this.#merge.hasNext(run)
      if (has === undefined) return
      if (!has) return this.#endMerge()
      writer.add(this.#merge.next(), run)
      if (writer.isFull) return this.#io.begin(writer.flush())
    }
  }

  #endMerge(): void {
    const writer = this.#writer!
    if (!writer.isEmpty) return this.#io.begin(writer.flush())
    writer.close()
    this.#merge!.close()
    this.#merge = undefined
    if (this.#mergedFrom < this.#runs.length) return
    this.#file.close()
    this.#file = this.#longer!.file
    this.#runs = this.#longer!.runs
    this.#longer = undefined
    this.#mergedFrom = 0
  }

  close(): void {
    this.#merge?.close()
    this.#writer?.close()
    this.#file.close()
    this.#longer?.file.close()
  }
}
