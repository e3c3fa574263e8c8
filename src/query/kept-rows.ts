/**
 * Rows that stay where they are while somebody goes to and fro in them: those of a cursor. They are written once, by one statement,
 * and read at any place by later ones.
 *
 * The first ones stay in memory, up to an operator's share of the workspace; the others go to its temporary file, of which the
 * block that was read last stays in memory, too. Without a file all of them are charged, and too many are `out_of_memory`.
 */
import { assert } from '../base/errors.ts'
import type { Workspace } from '../database/transaction/workspace.ts'
import { OperatorMemory } from './operator-memory.ts'
import type { RowFormat } from './row-format.ts'
import { blockBytesOf, readBlock, SpilledRows, SpillFile, SpillWriter } from './spill.ts'

/** Rows from a place on, downwards where `step` is -1, no more than `bytes` of them but one at least. */
export interface Stretch {
  readonly from: number
  readonly count: number
  readonly step: 1 | -1
  readonly bytes: number
}

export class KeptRows<R> {
  readonly #workspace: Workspace
  readonly #format: RowFormat<R>
  readonly #memory: OperatorMemory
  #rows: R[] = []
  #writer: SpillWriter<R> | undefined
  /** Of those in the file: the places where blocks begin. */
  readonly #starts: number[] = []
  #loaded: { readonly start: number; readonly rows: readonly R[]; readonly bytes: number } | undefined
  #length = 0

  constructor(workspace: Workspace, format: RowFormat<R>) {
    this.#workspace = workspace
    this.#format = format
    this.#memory = new OperatorMemory('the rows of a cursor', workspace)
  }

  get length(): number {
    return this.#length
  }

  /** In its file. */
  get blocks(): number {
    return this.#starts.length
  }

  /** What has to be waited for before the next row is put in. */
  put(row: R): Promise<void> | undefined {
    this.#length++
    if (this.#writer === undefined) {
      if (this.#memory.tryHold(undefined, this.#format.sizeOf(row))) {
        this.#rows.push(this.#format.keep(row))
        return undefined
      }
      const into = new SpilledRows(new SpillFile(this.#workspace), this.#format)
      this.#writer = new SpillWriter(into, this.#memory, blockBytesOf(this.#workspace))
    }
    this.#writer.add(row, undefined)
    return this.#writer.isFull ? this.#writer.flush() : undefined
  }

  /** No more is put in; to be waited for before rows are read. */
  end(): Promise<void> | undefined {
    return this.#writer === undefined ? undefined : this.#end(this.#writer)
  }

  async #end(writer: SpillWriter<R>): Promise<void> {
    await writer.flush()
    writer.close()
    let start = this.#rows.length
    for (const { rows } of writer.into.blocks) {
      this.#starts.push(start)
      start += rows
    }
  }

  /** All places of the stretch must be there. */
  read(stretch: Stretch): R[] | Promise<R[]> {
    const read: R[] = []
    const missing = this.#fill(read, stretch)
    return missing === undefined ? read : this.#readOn(read, stretch, missing)
  }

  async #readOn(read: R[], stretch: Stretch, first: number): Promise<R[]> {
    for (let missing: number | undefined = first; missing !== undefined; missing = this.#fill(read, stretch)) {
      await this.#load(missing)
    }
    return read
  }

  /** The place whose block must be read first; undefined where all has been read. */
  #fill(read: R[], { from, count, step, bytes }: Stretch): number | undefined {
    let left = bytes - read.reduce((sum, row) => sum + this.#format.sizeOf(row), 0)
    while (read.length < count) {
      const place = from + step * read.length
      const row = this.#at(place)
      if (row === undefined) return place
      left -= this.#format.sizeOf(row)
      if (left < 0 && read.length > 0) return undefined
      read.push(row)
    }
    return undefined
  }

  #at(place: number): R | undefined {
    if (place < this.#rows.length) return this.#rows[place]
    const loaded = this.#loaded
    return loaded === undefined || place < loaded.start ? undefined : loaded.rows[place - loaded.start]
  }

  async #load(place: number): Promise<void> {
    const rows = this.#writer?.into
    const number = this.#starts.findLastIndex((start) => start <= place)
    assert(rows !== undefined && number >= 0 && place < this.#length, 'a cursor has rows that lie nowhere')
    this.#memory.release(this.#loaded?.bytes ?? 0)
    this.#loaded = undefined
    const bytes = 2 * rows.blocks[number]!.bytes
    this.#memory.hold(undefined, bytes)
    this.#loaded = { start: this.#starts[number]!, rows: await readBlock(rows, number), bytes }
  }

  close(): void {
    this.#rows = []
    this.#loaded = undefined
    this.#length = 0
    this.#workspace.close()
  }
}
