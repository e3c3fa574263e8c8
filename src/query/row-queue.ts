/**
 * Rows that wait until somebody asks for them: the rest of a portal, a cursor's documents. They are written once, by one
 * statement, and read from the first to the last by later ones; the client decides when, so they do not stay in memory.
 *
 * The first ones do, up to an operator's share of the workspace; the others go to its temporary file. Without one all of
 * them are charged, and too many are `out_of_memory`.
 */
import { assert } from '../base/errors.ts'
import type { Workspace } from '../database/transaction/workspace.ts'
import { OperatorMemory } from './operator-memory.ts'
import type { RowFormat } from './row-format.ts'
import { blockBytesOf, readBlock, SpilledRows, SpillFile, SpillWriter } from './spill.ts'

/** What one call takes, which may come from many blocks. */
interface Taken<R> {
  readonly rows: R[]
  readonly count: number
  leftBytes: number
}

export class RowQueue<R> {
  readonly #workspace: Workspace
  readonly #format: RowFormat<R>
  readonly #memory: OperatorMemory
  #rows: R[] = []
  #at = 0
  /** Held for those rows. */
  #rowsBytes = 0
  #writer: SpillWriter<R> | undefined
  #nextBlock = 0
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
    return this.#writer?.into.blocks.length ?? 0
  }

  /** What has to be waited for before the next row is put in. */
  put(row: R): Promise<void> | undefined {
    this.#length++
    if (this.#writer === undefined) {
      const bytes = this.#format.sizeOf(row)
      if (this.#memory.tryHold(undefined, bytes)) {
        this.#rowsBytes += bytes
        this.#rows.push(this.#format.keep(row))
        return undefined
      }
      const into = new SpilledRows(new SpillFile(this.#workspace), this.#format)
      this.#writer = new SpillWriter(into, this.#memory, blockBytesOf(this.#workspace))
    }
    this.#writer.add(row, undefined)
    return this.#writer.isFull ? this.#writer.flush() : undefined
  }

  /** No more is put in; to be waited for before rows are taken. */
  end(): Promise<void> | undefined {
    const writer = this.#writer
    if (writer === undefined) return undefined
    return writer.flush().then(() => writer.close())
  }

  /** The next `count` rows; fewer where there are no more, or where they pass `bytes`, but one at least. */
  take(count: number, bytes: number = Infinity): R[] | Promise<R[]> {
    const taken: Taken<R> = { rows: [], count, leftBytes: bytes }
    return this.#fill(taken) ? taken.rows : this.#takeOn(taken)
  }

  async #takeOn(taken: Taken<R>): Promise<R[]> {
    do await this.#load()
    while (!this.#fill(taken))
    return taken.rows
  }

  /** False where the next rows must be read first. */
  #fill(taken: Taken<R>): boolean {
    const { rows } = taken
    while (rows.length < taken.count && this.#length > 0) {
      if (taken.leftBytes <= 0 && rows.length > 0) return true
      if (this.#at >= this.#rows.length) return false
      const row = this.#rows[this.#at]!
      const left = taken.leftBytes - this.#format.sizeOf(row)
      if (left < 0 && rows.length > 0) return true
      taken.leftBytes = left
      this.#at++
      this.#length--
      rows.push(row)
    }
    return true
  }

  async #load(): Promise<void> {
    const rows = this.#writer?.into
    assert(rows !== undefined && this.#nextBlock < rows.blocks.length, 'a queue has rows that lie nowhere')
    this.#rows = []
    this.#at = 0
    this.#memory.release(this.#rowsBytes)
    this.#rowsBytes = 2 * rows.blocks[this.#nextBlock]!.bytes
    this.#memory.hold(undefined, this.#rowsBytes)
    this.#rows = await readBlock(rows, this.#nextBlock++)
  }

  /** All that is left of it is gone. */
  close(): void {
    this.#rows = []
    this.#length = 0
    this.#workspace.close()
  }
}
