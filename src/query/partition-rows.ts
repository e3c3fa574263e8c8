/**
 * The rows of one partition after another, of an input in which those of a partition stand together: read as far as is
 * asked for, by their places in it, and forgotten from the front.
 *
 *   forgotten │ in memory │ in a file, block by block │ being filled │ not read yet
 *
 * As long as there is room rows stay in memory; who forgets as he goes has room for partitions of any length. When there
 * is none, the rows that follow go to a file, and of that a few blocks are in memory: readers at several places (the row at
 * hand, both ends of a frame, a row some places away) each go forward in a block of their own.
 *
 * What is not there yet is thrown as `later`, before anything has changed; who catches it answers `paused`.
 */
import { isTurnOver } from '../base/work.ts'
import { OperatorMemory } from './operator-memory.ts'
import { InputCursor, type Operator, paused, type Run } from './operator.ts'
import type { HashKey, RowFormat } from './row-format.ts'
import { blockBytesOf, OperatorIo, readBlock, SpilledRows, SpillFile, SpillWriter } from './spill.ts'

/** Thrown where the operator has to pause; the run knows for what. */
export const later: unique symbol = Symbol('later')

/** Forgotten together, so that forgetting costs little a row. */
const forgottenAtOnce = 256
/** Of a file in memory, the one that was not used for the longest time going first. */
const mostBlocks = 8

interface LoadedBlock<R> {
  readonly rows: readonly R[]
  readonly heldBytes: number
}

/** Rows of the partition that did not fit. */
interface Spilled<R> {
  readonly file: SpillFile
  readonly writer: SpillWriter<R>
  /** Place of each block's first row. */
  readonly firsts: number[]
  /** Those in the block that is being filled. */
  filling: R[]
  fillingFirst: number
  readonly blocks: Map<number, LoadedBlock<R>>
}

export class PartitionRows<R, X extends Run> {
  readonly #input: InputCursor<R, X>
  readonly #format: RowFormat<R>
  readonly #keyOf: ((row: R, run: X) => HashKey) | undefined
  readonly #memory = new OperatorMemory('WindowAgg')
  readonly #io = new OperatorIo()
  #rows: R[] = []
  #sizes: number[] = []
  /** Place of the first row in memory. */
  #first = 0
  #count = 0
  #key: HashKey | undefined
  #isComplete = true
  #isEnded = false
  #spilled: Spilled<R> | undefined

  /** `keyOf`: equal for the rows of a partition; without it there is one. */
  constructor(input: Operator<R, X>, format: RowFormat<R>, keyOf?: (row: R, run: X) => HashKey) {
    this.#input = new InputCursor(input)
    this.#format = format
    this.#keyOf = keyOf
  }

  /** Goes on to the next partition, all of whose predecessor has been read. False where there is none. */
  advance(run: X): boolean {
    if (this.#io.isPending(run)) throw later
    if (this.#isEnded) return false
    const row = this.#input.current(run)
    if (row === paused) throw later
    if (row === undefined) {
      this.#isEnded = true
      this.#forgetAll()
      return false
    }
    const key = this.#keyOf?.(row, run)
    this.#forgetAll()
    this.#key = key
    this.#isComplete = false
    return true
  }

  /** Whether the partition has a row there. */
  has(at: number, run: X): boolean {
    while (at >= this.#count) {
      if (this.#isComplete) return false
      this.#pull(run)
    }
    return true
  }

  /** Of the whole partition. */
  count(run: X): number {
    while (!this.#isComplete) this.#pull(run)
    return this.#count
  }

  #pull(run: X): void {
    if (this.#io.isPending(run)) throw later
    const row = this.#input.current(run)
    if (row === paused) throw later
    if (row === undefined) {
      this.#isEnded = true
      this.#isComplete = true
      return
    }
    if (this.#count > 0 && this.#keyOf !== undefined && this.#keyOf(row, run) !== this.#key) {
      this.#isComplete = true
      return
    }
    this.#append(row, run)
    this.#count++
    this.#input.advance()
  }

  #append(row: R, run: X): void {
    if (this.#spilled === undefined) {
      const bytes = this.#format.sizeOf(row)
      if (this.#memory.tryHold(run, bytes)) {
        this.#rows.push(this.#format.keep(row))
        this.#sizes.push(bytes)
        return
      }
      this.#spilled = this.#beginFile(run)
    }
    const spilled = this.#spilled
    if (spilled.writer.isFull) {
      spilled.firsts.push(spilled.fillingFirst)
      this.#io.begin(
        spilled.writer.flush().then(() => {
          spilled.filling = []
          spilled.fillingFirst = this.#count
        }),
      )
      this.#io.isPending(run)
      throw later
    }
    spilled.writer.add(row, run)
    spilled.filling.push(this.#format.keep(row))
  }

  #beginFile(run: X): Spilled<R> {
    const workspace = this.#memory.workspace(run)
    const file = new SpillFile(workspace)
    const writer = new SpillWriter(new SpilledRows(file, this.#format), this.#memory, blockBytesOf(workspace))
    return { file, writer, firsts: [], filling: [], fillingFirst: this.#count, blocks: new Map() }
  }

  /** One that `has` has found, and that is not forgotten. */
  row(at: number, run: X): R {
    const place = at - this.#first
    if (place < this.#rows.length) return this.#rows[place]!
    const spilled = this.#spilled!
    if (at >= spilled.fillingFirst) return spilled.filling[at - spilled.fillingFirst]!
    return this.#rowOfFile(at, spilled, run)
  }

  #rowOfFile(at: number, { firsts, blocks, writer }: Spilled<R>, run: X): R {
    let number = firsts.length - 1
    for (let low = 0; low < number;) {
      const middle = (low + number) >> 1
      if (firsts[middle + 1]! <= at) low = middle + 1
      else number = middle
    }
    const loaded = blocks.get(number)
    if (loaded !== undefined) {
      blocks.delete(number)
      blocks.set(number, loaded)
      return loaded.rows[at - firsts[number]!]!
    }
    if (this.#io.isPending(run)) throw later
    if (blocks.size >= mostBlocks) this.#dropBlock(blocks)
    const heldBytes = 2 * writer.into.blocks[number]!.bytes
    this.#memory.hold(run, heldBytes)
    this.#io.begin(
      readBlock(writer.into, number).then((rows) => {
        blocks.set(number, { rows, heldBytes })
      }),
    )
    this.#io.isPending(run)
    throw later
  }

  #dropBlock(blocks: Map<number, LoadedBlock<R>>): void {
    for (const [number, { heldBytes }] of blocks) {
      blocks.delete(number)
      this.#memory.release(heldBytes)
      return
    }
  }

  /** No row before this place is asked for any more. */
  forget(before: number): void {
    const count = Math.min(before - this.#first, this.#rows.length)
    // No more is moved than is forgotten.
    if (count < forgottenAtOnce || 2 * count < this.#rows.length) return
    let bytes = 0
    for (let i = 0; i < count; i++) bytes += this.#sizes[i]!
    this.#rows = this.#rows.slice(count)
    this.#sizes = this.#sizes.slice(count)
    this.#first += count
    this.#memory.release(bytes)
  }

  #forgetAll(): void {
    this.#spilled?.writer.close()
    this.#spilled?.file.close()
    this.#spilled = undefined
    this.#memory.releaseAll()
    this.#rows = []
    this.#sizes = []
    this.#first = 0
    this.#count = 0
  }

  reset(): void {
    this.#io.forget()
    this.#forgetAll()
    this.#isComplete = true
    this.#isEnded = false
    this.#input.reset()
  }
}

/** In a walk over many rows, between two: nothing is lost where it is begun again from there. */
export function pauseIfOver(): void {
  if (isTurnOver()) throw later
}
