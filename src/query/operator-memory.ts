/**
 * What one operator holds: charged to its statement, and given back by the operator itself or when the statement ends.
 *
 * An operator that can do with less asks with `tryHold`; where it hears false it spills, so that the answer is never false
 * where there are no temporary files: then it is `out_of_memory`.
 */
import type { Workspace } from '../database/transaction/workspace.ts'
import type { Run } from './operator.ts'

/** A batch that holds less is not worth an account. */
const chargedBatchBytes = 64 * 1024

/**
 * The batch that an operator has handed out last: it lives until the next is asked for, and where its rows have megabytes
 * a thousand paused statements would hold as many batches.
 */
export class BatchMemory {
  readonly #memory: OperatorMemory

  constructor(name: string) {
    this.#memory = new OperatorMemory(name)
  }

  handsOut(run: Run, bytes: number): void {
    if (this.#memory.heldBytes > 0) this.#memory.releaseAll()
    if (bytes > chargedBatchBytes) this.#memory.hold(run, bytes)
  }
}

export class OperatorMemory {
  readonly #name: string
  #workspace: Workspace | undefined
  #heldBytes = 0

  /** `workspace`: where it is not that of the statement which runs. */
  constructor(name: string, workspace?: Workspace) {
    this.#name = name
    this.#workspace = workspace
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  workspace(run: Run | undefined): Workspace {
    return (this.#workspace ??= run!.transaction.workspace)
  }

  /** False where it should spill. */
  tryHold(run: Run | undefined, bytes: number): boolean {
    const workspace = this.workspace(run)
    if (!workspace.canSpill) workspace.memory.charge(bytes, this.#name)
    else if (this.#heldBytes + bytes > workspace.operatorBytes || !workspace.memory.tryCharge(bytes)) return false
    this.#heldBytes += bytes
    return true
  }

  /** Where it cannot be done with less. Throws `out_of_memory`. */
  hold(run: Run | undefined, bytes: number): void {
    this.workspace(run).memory.charge(bytes, this.#name)
    this.#heldBytes += bytes
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes
    this.#workspace?.memory.release(bytes)
  }

  releaseAll(): void {
    this.release(this.#heldBytes)
  }
}
