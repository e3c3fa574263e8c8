/**
 * What rules keep of the rows of a statement until its end, such as the rows before and after a change: notes, one behind
 * the other, each of one event, which are read once all rows are done.
 *
 *   chunk chunk chunk …     the last one grows; whole ones go to a temporary file where they fill the memory
 *   chunk   note note …     never divided
 *   note    length u32 | number of the event u32 | bytes
 *
 * Notes go back with what is written: a savepoint remembers how many bytes there were, and going back to it cuts them off.
 * So only what lies before the newest savepoint is written to the file: the batch that waits for that is run again, and makes
 * its own notes once more.
 *
 * Invariants: a chunk that is on its way to the file is not written to; a note that is read stays until the statement ends.
 */
import { ByteReader, ByteWriter } from '../../base/bytes.ts'
import type { Payer } from '../../base/memory-account.ts'
import { Elsewhere, type StatementSteps, type Transaction } from '../contract.ts'
import type { TemporaryFile } from '../directory/temporary-files.ts'
import { inPlace } from './wait.ts'
import { type CallerLimits, Workspace, type WorkspaceParts } from './workspace.ts'

/** The transaction. */
export interface NotesOwner {
  readonly payer: Payer
  readonly callerLimits?: CallerLimits | undefined
  readonly kernel: { readonly workspaces: WorkspaceParts }
}

interface Chunk {
  /** Of the first of its bytes among all of the statement. */
  readonly start: number
  length: number
  /** Undefined: it is in the file, at `position`. */
  held: ByteWriter | undefined
  position: number
  heldBytes: number
  isSealed: boolean
}

const chunkBytes = 64 * 1024
const headBytes = 8

export class StatementNotes {
  readonly #owner: NotesOwner
  #workspace: Workspace | undefined
  #file: TemporaryFile | undefined
  #events: string[] = []
  #chunks: Chunk[] = []
  #total = 0
  #heldBytes = 0
  /** What lies before it is not cut off by the batch that runs. */
  #marked = 0
  #spilledAt = -1

  constructor(owner: NotesOwner) {
    this.#owner = owner
  }

  /** Where notes are now, for `cutTo`. */
  mark(): number {
    this.#marked = this.#total
    return this.#total
  }

  get isEmpty(): boolean {
    return this.#total === 0
  }

  /** Throws what there is to wait for where the notes before have to go to the file first; then the batch is run again. */
  add(event: string, encode: (into: ByteWriter) => void): void {
    const workspace = (this.#workspace ??= this.#newWorkspace())
    if (this.#mustSpill(workspace)) throw new Elsewhere(this.#spill(workspace), () => undefined)
    const chunk = this.#growing()
    const into = chunk.held!
    const start = into.end
    into.u32le(0)
    into.u32le(this.#numberOf(event))
    encode(into)
    into.setU32le(start, into.end - start)
    chunk.length = into.end
    this.#total = chunk.start + into.end
    this.#hold(workspace, chunk, into.bytes.length)
  }

  /** Of its own: a COPY goes over several statements of its transaction. */
  #newWorkspace(): Workspace {
    const { payer, callerLimits, kernel } = this.#owner
    return new Workspace('rows of a statement', payer.account, kernel.workspaces, callerLimits)
  }

  #numberOf(event: string): number {
    const number = this.#events.indexOf(event)
    return number < 0 ? this.#events.push(event) - 1 : number
  }

  #growing(): Chunk {
    const last = this.#chunks.at(-1)
    if (last?.held !== undefined && !last.isSealed && last.length < chunkBytes) return last
    const held = new ByteWriter(1024)
    const chunk = { start: this.#total, length: 0, held, position: 0, heldBytes: 0, isSealed: false }
    this.#chunks.push(chunk)
    return chunk
  }

  #hold(workspace: Workspace, chunk: Chunk, bytes: number): void {
    const more = bytes - chunk.heldBytes
    if (more === 0) return
    if (more > 0) workspace.memory.charge(more)
    else workspace.memory.release(-more)
    chunk.heldBytes = bytes
    this.#heldBytes += more
  }

  /** Those that are in memory, whole, and stay whatever becomes of the batch. */
  #ready(): Chunk[] {
    return this.#chunks.filter(({ held, start, length }) => held !== undefined && start + length <= this.#marked)
  }

  #mustSpill(workspace: Workspace): boolean {
    // Who comes no further by it, because the batch takes back what was spilled, goes on without.
    if (!workspace.canSpill || this.#heldBytes <= workspace.operatorBytes || this.#total <= this.#spilledAt)
      return false
    return this.#ready().reduce((sum, { heldBytes }) => sum + heldBytes, 0) > workspace.operatorBytes / 2
  }

  async #spill(workspace: Workspace): Promise<void> {
    this.#spilledAt = this.#total
    const ready = this.#ready()
    for (const chunk of ready) chunk.isSealed = true
    const file = (this.#file ??= await workspace.createFile())
    for (const chunk of ready) {
      const { held } = chunk
      if (held === undefined) continue
      const position = file.sizeBytes
      await file.append(held.bytes.subarray(0, chunk.length))
      // Cut off meanwhile, or the statement has ended.
      if (chunk.held !== held || workspace.isClosed) continue
      chunk.position = position
      chunk.held = undefined
      this.#hold(workspace, chunk, 0)
    }
  }

  /** To a place that `mark` has answered. */
  cutTo(total: number): void {
    if (total >= this.#total) return
    while ((this.#chunks.at(-1)?.start ?? -1) >= total) {
      const chunk = this.#chunks.pop()!
      chunk.held = undefined
      this.#hold(this.#workspace!, chunk, 0)
    }
    const last = this.#chunks.at(-1)
    if (last !== undefined) {
      last.length = total - last.start
      if (last.held !== undefined && !last.isSealed) last.held.end = last.length
    }
    this.#total = total
    this.#marked = Math.min(this.#marked, total)
  }

  /** Gives `look` the notes of an event that there are now, each as a batch of its own, which may write and wait. */
  *each(transaction: Transaction, event: string, look: (note: ByteReader) => void): StatementSteps<void> {
    const [number, end] = [this.#events.indexOf(event), this.#total]
    for (const chunk of number < 0 ? [] : this.#chunks) {
      const bytes = yield* this.#bytesOf(chunk)
      const length = Math.min(chunk.length, end - chunk.start)
      for (let next = 0, start = 0; start < length; start = next) {
        const head = new ByteReader(bytes, start, start + headBytes)
        next = start + head.u32le()
        if (head.u32le() !== number) continue
        yield* inPlace(transaction, () => look(new ByteReader(bytes, start + headBytes, next)))
        if (transaction.slice.spend(1)) yield undefined
      }
    }
  }

  *#bytesOf(chunk: Chunk): StatementSteps<Uint8Array> {
    if (chunk.held !== undefined) return chunk.held.bytes
    const bytes = new Uint8Array(chunk.length)
    yield new Elsewhere(this.#file!.read(chunk.position, bytes), () => undefined)
    return bytes
  }

  /** The statement has ended. */
  clear(): void {
    this.#workspace?.close()
    this.#workspace = this.#file = undefined
    this.#chunks = []
    this.#events = []
    this.#total = this.#heldBytes = this.#marked = 0
    this.#spilledAt = -1
  }
}
